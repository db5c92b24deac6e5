"""A divider that is trained on a chip, and the commands of chips that do what they should, or do not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NETLIST = """\
* a divider
*@data data.csv
*@output V(out)
*@train R* min=10 max=1meg
*@optimizer adam lr=0.1
*@options epochs=12

V1 in  0 1
R1 in  out 1k
R2 out 0   2k
.end
"""
SAMPLES = 3


@pytest.fixture
def divider(tmp_path: Path) -> Path:
    """A divider whose output is to be a quarter of its input, in three samples."""
    (tmp_path / "data.csv").write_text("V1,V(out)\n1,0.25\n2,0.5\n-1,-0.25\n")
    path = tmp_path / "divider.cir"
    path.write_text(NETLIST)
    return path


Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command of tests/chips/chip.py with one of its faults."""

    def command(fault: str = "none of them", *words: str) -> str:
        script = Path(__file__).with_name("chip.py")
        return "command:" + shlex.join([sys.executable, "-S", "-E", str(script), fault, str(tmp_path), *words])

    return command
