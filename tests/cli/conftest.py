"""A small project to run commands on, and a way to run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netlearn.cli import main

NETLIST = """\
* a divider
*@data data.csv
*@output V(out)
*@loss mse
*@train R* min=10 max=1meg
*@optimizer adam lr=0.1
*@options epochs=30 batch=2

V1 in  0 1     ; driven by the data
R1 in  out 1k
R2 out 0   2k
.end
"""
DATA = "V1,V(out)\n1,0.25\n2,0.5\n-1,-0.25\n"


@pytest.fixture
def divider(tmp_path: Path) -> Path:
    """A divider whose output is to be a quarter of its input."""
    (tmp_path / "data.csv").write_text(DATA)
    path = tmp_path / "divider.cir"
    path.write_text(NETLIST)
    return path


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs a command in this process, and raises what a bug raises."""

    def run(*words: object) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
