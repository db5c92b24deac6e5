"""The shipped circuits that are designed from goals reach what they say, by others' formulas and by ngspice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import least_squares

import netlearn
from netlearn.cli.group import main

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
EXAMPLES = ("pad", "dac_r2r", "bjt_bias", "thermistor_bridge", "summing_amplifier")


def _values(result: netlearn.TrainResult) -> dict[str, float]:
    return dict(zip(result.names, result.theta.tolist(), strict=True))


@pytest.mark.parametrize(("decibels", "published"), [(3, None), (10, (96.25, 71.15)), (20, (61.11, 247.5))])
def test_a_pad_has_the_values_that_tables_give(decibels: int, published: tuple[float, float] | None) -> None:
    goals = ["{V(in)/I(Rs)} = 50", f"{{20*log10(V(out)/V(in))}} = -{decibels}"]
    result = netlearn.train(NETLISTS / "pad.cir", goal=goals)
    ratio = 10 ** (decibels / 20)
    shunt, series = 50 * (ratio + 1) / (ratio - 1), 50 * (ratio**2 - 1) / (2 * ratio)
    found = _values(result)
    assert found == {"shunt": float(f"{shunt:.4g}"), "series": float(f"{series:.4g}")}
    if published is not None:
        assert (found["shunt"], found["series"]) == published, "with the four digits that are written"


def test_the_pad_as_it_is_shipped_meets_its_goals() -> None:
    result = netlearn.train(NETLISTS / "pad.cir")
    assert _values(result) == {"shunt": 96.25, "series": 71.15}
    assert all(goal.met for goal in result.train.goals)


def _ladder(values: dict[str, float], code: int) -> float:
    """The output of the ladder by Thevenin's theorem, from its far end to the load."""
    volts, ohms = 0.0, values["rt"]
    for bit in range(6):
        leg, port = values[f"r{bit}"] + 150.0, 3.3 * (code >> bit & 1)
        volts, ohms = (volts * leg + port * ohms) / (leg + ohms), ohms * leg / (ohms + leg)
        if bit < 5:
            ohms += values[f"r{bit}{bit + 1}"]
    return volts * 50e3 / (50e3 + ohms)


def test_the_converter_is_right_for_all_codes() -> None:
    result = netlearn.train(NETLISTS / "dac_r2r.cir")
    assert not any(name.startswith(("rport", "rload")) for name in result.names)
    before = dict(zip(result.names, result.initial.tolist(), strict=True))
    codes = range(64)
    outputs = {
        when: [_ladder(values, code) for code in codes]
        for when, values in (("before", before), ("after", _values(result)))
    }
    ideal = 0.04 * np.arange(64)
    assert np.abs(outputs["before"] - ideal).max() == pytest.approx(0.184, abs=5e-4)
    assert np.abs(outputs["after"] - ideal).max() < 1e-3
    assert np.all(np.diff(outputs["after"]) > 0)
    assert result.train.outputs[:, 0] == pytest.approx(outputs["after"], rel=1e-9, abs=1e-12)
    assert result.train.goals[0].met


def test_the_stage_keeps_its_bias_at_all_corners() -> None:
    result = netlearn.train(NETLISTS / "bjt_bias.cir")
    assert len(result.train) == 9
    assert [goal.met for goal in result.train.goals] == [True, True, True]
    before = netlearn.evaluate(NETLISTS / "bjt_bias.cir")
    assert before.outputs[:, 0].max() == pytest.approx(1.9e-3, rel=0.02)
    assert before.outputs[:, 2].max() == pytest.approx(20e-3, rel=0.03)
    assert result.theta.tolist() == [float(f"{value:.3g}") for value in result.theta]


def test_the_bridge_is_as_straight_as_a_thermistor_can_be() -> None:
    """Against scipy's least squares on the bridge in closed form."""
    result = netlearn.train(NETLISTS / "thermistor_bridge.cir")
    celsius = np.arange(0.0, 51.0, 5.0)
    thermistor = 10e3 * np.exp(3950 * (1 / (celsius + 273.15) - 1 / 298.15))

    def off(logarithms: np.ndarray) -> np.ndarray:
        r1, r2, r3, r4 = np.exp(logarithms)
        upper = r2 + 1 / (1 / r1 + 1 / thermistor)
        return np.asarray(2.5 * (r3 / (upper + r3) - 10e3 / (r4 + 10e3)) - 0.01 * celsius)

    best = least_squares(off, np.log([13e3, 1.3e3, 16e3, 6.6e3]), xtol=1e-14, ftol=1e-14)
    reached = off(np.log([_values(result)[name] for name in ("r1", "r2", "r3", "r4")]))
    assert np.sum(reached**2) < 1.01 * 2 * best.cost
    assert np.abs(reached).max() < 7.5e-3
    assert result.train.goals[0].met


def test_the_amplifier_s_maker_is_believed(tmp_path: Path) -> None:
    for name in ("summing_amplifier.cir", "summing_amplifier.csv", "opamp_macromodel.lib"):
        shutil.copy(NETLISTS / name, tmp_path)
    library = (tmp_path / "opamp_macromodel.lib").read_bytes()
    done = CliRunner().invoke(main, ["train", str(tmp_path / "summing_amplifier.cir")])
    assert done.exit_code == 0, done.output
    assert "opamp_macromodel.lib' stay as they are" in done.output
    assert (tmp_path / "opamp_macromodel.lib").read_bytes() == library
    assert len(list(tmp_path.iterdir())) == 4
    evaluation = netlearn.evaluate(tmp_path / "summing_amplifier.trained.cir")
    sums = -(evaluation.inputs @ [2.0, 1.0, 0.5])
    assert evaluation.outputs[:, 0] == pytest.approx(sums, abs=2e-3)
    assert np.abs(netlearn.evaluate(tmp_path / "summing_amplifier.cir").outputs[:, 0] - sums).max() > 0.2


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("name", [*EXAMPLES, "diode_fit"])
def test_ngspice_confirms_the_goals_of_the_trained_circuit(name: str, tmp_path: Path) -> None:
    for path in [*NETLISTS.glob(f"{name}.*"), NETLISTS / "opamp_macromodel.lib"]:
        shutil.copy(path, tmp_path)
    result = netlearn.train(tmp_path / f"{name}.cir")
    judged = netlearn.check(result.netlist, samples=8)
    assert judged.within(1e-6)
    assert all(goal.met for goal in judged.goals)
    assert len(judged.goals) == len(result.train.goals)
