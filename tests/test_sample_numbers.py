"""Every function that takes one sample counts from 0, and refuses those that there are not."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import OptionError

TEXT = """* t
*@output V(out)
*@train R*
V1 in 0 1
R1 in out 1k
R2 out 0 1k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(out)": [0.25, 0.25]}
TAKERS = {
    "adjoint_netlist": {},
    "influence": {"probe": "V(out)"},
    "nudged_netlist": {"rule": "ep"},
    "sensitivities": {"probe": "V(out)"},
    "spectrum": {},
}


def test_they_are_all_here() -> None:
    functions = [name for name in netlearn.__all__ if not isinstance(getattr(netlearn, name), type)]
    assert [n for n in functions if "sample" in inspect.signature(getattr(netlearn, n)).parameters] == list(TAKERS)


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (-1, "'sample' cannot be -1\n  help: samples are counted from 0"),
        (2, "there is no sample 3, only 1 to 2"),
    ],
)
def test_a_sample_that_there_is_not_is_refused(name: str, sample: int, said: str) -> None:
    function: Any = getattr(netlearn, name)
    netlist = netlearn.parse(TEXT)
    function(netlist, data=DATA, sample=1, **TAKERS[name])
    with pytest.raises(OptionError, match=re.escape(said)):
        function(netlist, data=DATA, sample=sample, **TAKERS[name])


@pytest.mark.parametrize("name", ["sensitivities", "spectrum"])
def test_without_data_the_netlist_s_own_values_are_the_only_sample(name: str) -> None:
    function: Any = getattr(netlearn, name)
    netlist = netlearn.parse(TEXT)
    function(netlist, sample=0, **TAKERS[name])
    for sample, said in ((-1, "'sample' cannot be -1"), (1, "there is no sample 2, as there are no data")):
        with pytest.raises(OptionError, match=said):
            function(netlist, sample=sample, **TAKERS[name])


def test_the_command_counts_from_1(tmp_path: Path) -> None:
    (tmp_path / "net.cir").write_text(TEXT)
    (tmp_path / "d.csv").write_text("V1,V(out)\n1,0.25\n2,0.25\n")
    arguments = ["sens", str(tmp_path / "net.cir"), "V(out)", "--data", str(tmp_path / "d.csv"), "--sample"]
    done = CliRunner().invoke(main, [*arguments, "3"])
    assert (done.exit_code, "there is no sample 3, only 1 to 2" in done.output) == (2, True)
    assert CliRunner().invoke(main, [*arguments, "2"]).exit_code == 0
