"""The adjoint network as text, run by ngspice, and what its drops multiply to."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.adjoint import adjoint_netlist
from netlearn.cli import main
from netlearn.errors import NgspiceError
from netlearn.nudged import nudged_netlist

NETLIST = """* an amplifier one way, with a diode
*@output V(out)
*@train R*
V1 in 0 1
R1 in h 1k
R2 h 0 2k
D1 h 0 m
E1 a 0 h 0 4
R3 a out 1k
R4 out 0 3k
.model m d(is=1e-9)
.end
"""
DATA = {"V1": [0.5, 1.0], "V(out)": [0.25, 0.25]}
TASK = NETLIST.replace("*@train", "*@data d.csv\n*@train")


def test_drops_of_both_networks_multiply_to_the_gradient() -> None:
    """∂ℓ/∂R = Δv Δλ / R² by central differences of the loss."""
    netlist = netlearn.parse(NETLIST)
    ends = {"R1": ("in", "h"), "R2": ("h", "0"), "R3": ("a", "out"), "R4": ("out", "0")}
    for sample in (0, 1):
        adjoint = netlearn.operating_point(netlearn.parse(adjoint_netlist(netlist, DATA, sample=sample)))
        volts = DATA["V1"][sample]
        forward = netlearn.operating_point(netlearn.parse(NETLIST.replace("V1 in 0 1", f"V1 in 0 {volts}")))
        for name, (plus, minus) in ends.items():
            drops = [point.voltage(plus) - point.voltage(minus) for point in (forward, adjoint)]
            resistor = netlist.find(name)[0]
            assert resistor.value is not None
            ohms = float(resistor.value)
            losses = []
            for factor in (1 + 1e-5, 1 - 1e-5):
                resistor.value = ohms * factor
                data = {"V1": [volts], "V(out)": [0.25]}
                losses.append(netlearn.evaluate(netlist, data).loss)
            resistor.value = ohms
            slope = (losses[0] - losses[1]) / (2e-5 * ohms)
            assert drops[0] * drops[1] / ohms**2 == pytest.approx(slope, rel=1e-5, abs=1e-12)


@pytest.mark.ngspice
def test_a_sample_is_written_at_its_own_temperature(ngspice: Any) -> None:
    """Adjoint and nudged networks; a deck of all samples has one temperature."""
    netlist, data = netlearn.parse(NETLIST), {**DATA, "temp": [-20.0, 85.0]}
    found = []
    for sample, celsius in ((0, "-20"), (1, "85")):
        nudged = nudged_netlist(netlist, data, sample=sample, rule="ep beta=1e-5 unit=siemens")
        for text in (adjoint_netlist(netlist, data, sample=sample), nudged):
            assert f".options temp={celsius}\n" in text
            point = netlearn.operating_point(netlearn.parse(text)).voltage("out")[0]
            found.append((ngspice.run(text)["v(out)"], point))
    judged, own = zip(*found, strict=True)
    assert own == pytest.approx(judged, rel=1e-6)
    for write in (adjoint_netlist, partial(nudged_netlist, rule="ep")):
        with pytest.raises(NgspiceError, match="the temperature differs by sample"):
            write(netlist, data)


@pytest.mark.ngspice
def test_all_samples_run_in_ngspice(ngspice: Any, tmp_path: Path) -> None:
    netlist = netlearn.parse(NETLIST)
    (tmp_path / "deck.cir").write_text(adjoint_netlist(netlist, DATA))
    done = subprocess.run(
        [ngspice.executable, "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = [float(line.split("=")[1]) for line in done.stdout.splitlines() if line.lower().startswith("v(out)")]
    wanted = [
        netlearn.operating_point(netlearn.parse(adjoint_netlist(netlist, DATA, sample=sample))).voltage("out")[0]
        for sample in (0, 1)
    ]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_command_shows_it(tmp_path: Path) -> None:
    (tmp_path / "net.cir").write_text(TASK)
    (tmp_path / "d.csv").write_text("V1,V(out)\n1,0.25\n2,0.25\n")
    deck = tmp_path / "deck.cir"
    done = CliRunner().invoke(
        main, ["train", str(tmp_path / "net.cir"), "--epochs", "1", "--show-adjoint", str(deck), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    # The amplifier's voltage gain has become a current gain back into its input.
    assert "h 0 v.e1 -4" in deck.read_text()
