"""The nudged phase as text, run by ngspice."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import OptionError
from netlearn.nudged import nudged_netlist

NETLIST = """* divider
*@output V(out)
*@train R*
V1 in 0 1
R1 in out 1k
R2 out 0 1k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(out)": [0.25, 0.25]}


def test_one_sample_is_a_netlist_of_its_own() -> None:
    """y = (g1 V1 + 2βt)/(g1 + g2 + 2β) with β = 1 mS: 0.375 V, and 0.625 V at 2 V."""
    for sample, wanted in ((0, 0.375), (1, 0.625)):
        text = nudged_netlist(netlearn.parse(NETLIST), DATA, sample=sample, rule="ep beta=1e-3 unit=siemens")
        assert netlearn.operating_point(netlearn.parse(text)).voltage("out") == pytest.approx(wanted, rel=1e-12)
    text = nudged_netlist(netlearn.parse(NETLIST), DATA, sample=0, rule="cl beta=0.4", sign=-1.0)
    assert netlearn.operating_point(netlearn.parse(text)).voltage("out") == pytest.approx(0.6, rel=1e-12)


@pytest.mark.ngspice
def test_all_samples_run_in_ngspice(ngspice: Any, tmp_path: Path) -> None:
    (tmp_path / "deck.cir").write_text(nudged_netlist(netlearn.parse(NETLIST), DATA, rule="ep beta=1e-3 unit=siemens"))
    done = subprocess.run(
        [ngspice.executable, "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = [float(line.split("=")[1]) for line in done.stdout.splitlines() if line.lower().startswith("v(out)")]
    assert np.array(found) == pytest.approx([0.375, 0.625], rel=1e-9)


def test_command_shows_it(tmp_path: Path) -> None:
    (tmp_path / "net.cir").write_text(NETLIST.replace("*@train", "*@data d.csv\n*@train"))
    (tmp_path / "d.csv").write_text("V1,V(out)\n1,0.25\n2,0.25\n")
    arguments = ["train", str(tmp_path / "net.cir"), "--rule", "cl beta=0.4", "--epochs", "1"]
    done = CliRunner().invoke(main, [*arguments, "--show-nudged", str(tmp_path / "deck.cir")])
    assert done.exit_code == 0
    assert "vnudge1 out 0" in (tmp_path / "deck.cir").read_text().lower()
    done = CliRunner().invoke(main, [*arguments[:2], "--show-nudged", str(tmp_path / "deck.cir")])
    assert done.exit_code == 2
    assert "no nudged state" in done.output


def test_refusals() -> None:
    with pytest.raises(OptionError, match="no nudged state"):
        nudged_netlist(netlearn.parse(NETLIST), DATA, rule="analytic")
    for sign in (0.0, float("nan")):
        with pytest.raises(OptionError, match="the sign of a nudge is a number"):
            nudged_netlist(netlearn.parse(NETLIST), DATA, rule="cl", sign=sign)
