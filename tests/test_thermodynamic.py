"""The network that relaxes to a step: ngspice's transient of it, and its operating point by both."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.arrays import Array
from netlearn.cli import main
from netlearn.errors import OptionError
from netlearn.learn.rules.base import Batch
from netlearn.overrides import settings_for
from netlearn.project import open_project
from tests.test_hessians import DATA, NETLIST

NETLISTS = Path(__file__).parents[1] / "netlists"


def step(rule: str) -> tuple[Array, float]:
    """What the rule gives by log-resistances, and what a volt of the network is of it."""
    project = open_project(netlearn.parse(NETLIST), DATA, overrides={"rule": rule})
    data, theta = project.samples(), np.asarray(project.parameters.initial)
    batch = Batch(data.inputs, data.targets)
    found = project.settings.rule.estimate(project.model, project.loss, theta, batch, np.random.default_rng(0))
    text = netlearn.thermodynamic_netlist(netlearn.parse(NETLIST), DATA, rule=rule)
    match = re.search(r"a volt is (\S+) of the gradient", text)
    assert match is not None
    return theta * found.gradient, float(match[1])


@pytest.mark.ngspice
@pytest.mark.parametrize("options", ["time=3", "time=40 start=gradient", "time=2 average=5 damping=0.05"])
def test_ngspice_relaxes_to_the_same_step(tmp_path: Path, options: str) -> None:
    if shutil.which("ngspice") is None:
        pytest.skip("there is no ngspice")
    rule = f"natural solver=thermodynamic {options}"
    wanted, volt = step(rule)
    deck = tmp_path / "relaxing.cir"
    deck.write_text(netlearn.thermodynamic_netlist(netlearn.parse(NETLIST), DATA, rule=rule), encoding="utf-8")
    said = subprocess.run(["ngspice", "-b", deck.name], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    read = {int(k): float(v) for k, v in re.findall(r"^x(\d+)\s+=\s+(\S+)", said, re.MULTILINE)}
    assert sorted(read) == list(range(1, 8))
    volts = np.array([read[k] for k in range(1, 8)])
    assert volts * volt == pytest.approx(wanted, rel=2e-4, abs=2e-4 * np.abs(wanted).max())


def test_operating_point_is_the_step_of_conjugate_gradients() -> None:
    for damping in (1e-3, 0.1):
        rule = f"gauss-newton damping={damping}"
        project = open_project(netlearn.parse(NETLIST), DATA, overrides={"rule": rule})
        data, theta = project.samples(), np.asarray(project.parameters.initial)
        batch = Batch(data.inputs, data.targets)
        exact = project.settings.rule.estimate(project.model, project.loss, theta, batch, np.random.default_rng(0))
        text = netlearn.thermodynamic_netlist(
            netlearn.parse(NETLIST), DATA, rule=f"{rule} solver=thermodynamic temperature=0.1"
        )
        match = re.search(r"a volt is (\S+) of the gradient", text)
        assert match is not None
        # Every resistor is a real one; amplifiers make what is negative.
        values = [float(line.split()[3]) for line in text.splitlines() if line.startswith("R")]
        assert min(values) > 0
        point = netlearn.operating_point(netlearn.parse(text))
        volts = np.array([float(point.voltage(f"x{k}")[0]) for k in range(1, 8)])
        assert volts * float(match[1]) == pytest.approx(theta * exact.gradient, rel=1e-5, abs=1e-7)


@pytest.mark.ngspice
def test_command_writes_the_network_of_the_shipped_netlist(tmp_path: Path) -> None:
    deck = tmp_path / "rc.cir"
    for name in ("thermodynamic.cir", "sensor_readout.csv"):
        shutil.copy(NETLISTS / name, tmp_path)
    words = ["train", str(tmp_path / "thermodynamic.cir"), "--show-thermodynamic", str(deck), "--quiet"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "* x1 is g1" in deck.read_text(encoding="utf-8")
    checked = CliRunner().invoke(main, ["check", str(deck)])
    assert checked.exit_code == 0, checked.output


def test_shipped_netlist_trains_to_the_least_squares() -> None:
    result = netlearn.train(NETLISTS / "thermodynamic.cir")
    exact = netlearn.train(NETLISTS / "sensor_readout.cir")
    assert result.loss == pytest.approx(exact.loss, rel=1e-3)
    assert settings_for(netlearn.read(NETLISTS / "thermodynamic.cir"), {}).rule.temperature > 0  # type: ignore[attr-defined]


def test_refusals(tmp_path: Path) -> None:
    netlist = netlearn.parse(NETLIST)
    with pytest.raises(OptionError, match="this rule has no thermodynamic network"):
        netlearn.thermodynamic_netlist(netlist, DATA)
    with pytest.raises(OptionError, match="this rule has no thermodynamic network"):
        netlearn.thermodynamic_netlist(netlist, DATA, rule="natural")
    with pytest.raises(OptionError, match="the network of 7100 values has a resistor between any two"):
        netlearn.thermodynamic_netlist(NETLISTS / "digits.cir", rule="natural solver=thermodynamic")
    still = {"V1": [0.0], "V(b)": [0.0], "V(d)": [0.0]}
    with pytest.raises(OptionError, match="the gradient is zero"):
        netlearn.thermodynamic_netlist(netlist, still, rule="natural solver=thermodynamic")
    out = tmp_path / "rc.cir"
    words = ["train", str(NETLISTS / "xor.cir"), "-o", str(tmp_path / "t.cir"), "--show-thermodynamic", str(out)]
    for rule, said in (
        ("analytic", "no thermodynamic network"),
        ("natural solver=thermodynamic time=0", "'time' of zero"),
    ):
        done = CliRunner().invoke(main, [*words, "--rule", rule])
        assert done.exit_code == 2
        assert said in done.output
        assert not out.exists()
        assert not (tmp_path / "t.cir").exists()
