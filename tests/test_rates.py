"""Learning rates in physical units: a step is what they say, and a paper's rate is what it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError

DIVISION = Path(__file__).resolve().parents[1] / "netlists" / "voltage_division.cir"


@pytest.mark.parametrize("rule", ["analytic", "cl", "ep"])
@pytest.mark.parametrize("coordinates", ["conductance", "resistance", "log"])
def test_a_step_is_alpha_times_what_the_rule_says(rule: str, coordinates: str) -> None:
    settings: Any = {"rule": rule, "optimizer": "sgd lr=0.001", "coordinates": coordinates, "batch": 0, "train": "R*"}
    steps: list[Any] = []
    netlearn.train(DIVISION, epochs=1, progress=steps.append, **settings)
    rate = netlearn.learning_rate(DIVISION, **settings)
    before = netlearn.describe(DIVISION, train="R*").values
    assert before is not None
    after, gradient = steps[0].theta, steps[0].gradient
    if coordinates == "conductance":
        moved, wanted = 1 / after - 1 / before, -rate.alpha * (-(before**2) * gradient)
    elif coordinates == "resistance":
        moved, wanted = after - before, -rate.alpha * gradient
    else:
        moved, wanted = np.log(before / after), -rate.alpha * (-before * gradient)
    assert moved == pytest.approx(wanted, rel=1e-6, abs=1e-9 * np.abs(wanted).max())
    assert rate.lr_for(rate.alpha) == pytest.approx(0.001)


def test_coupled_learning_with_a_papers_alpha_and_eta() -> None:
    """Δg = α/(2η) mean(Δv_free² - Δv_clamped²), by operating points of the two states."""
    netlist = netlearn.parse("* t\n*@output V(b)\nV1 a 0 0\nR1 a b 1k\nR2 b 0 2k\n.end\n")
    clamped = netlearn.parse("* t\nV1 a 0 0\nVout b 0 0\nR1 a b 1k\nR2 b 0 2k\n.end\n")
    volts, wanted, eta, alpha = np.array([1.0, 2.0, -1.0]), np.array([0.5, 1.2, -0.4]), 0.1, 1e-5
    free = netlearn.operating_point(netlist, data={"V1": volts})
    out = free.voltage("b")
    nudged = netlearn.operating_point(clamped, data={"V1": volts, "Vout": out + eta * (wanted - out)})
    pairs = (("a", "b"), ("b", "0"))
    drops = [np.array([point.voltage(*pair) ** 2 for pair in pairs]) for point in (free, nudged)]
    step = alpha / (2 * eta) * np.mean(drops[0] - drops[1], axis=1)
    data = {"V1": volts, "V(b)": wanted}
    settings: Any = {"rule": f"cl beta={eta} states=positive", "coordinates": "conductance"}
    lr = netlearn.learning_rate(netlist, data, optimizer="sgd", **settings).lr_for(alpha)
    steps: list[Any] = []
    netlearn.train(netlist, data, optimizer=f"sgd lr={lr!r}", epochs=1, progress=steps.append, **settings)
    assert 1 / steps[0].theta - 1 / np.array([1e3, 2e3]) == pytest.approx(step, rel=1e-6)


@pytest.mark.parametrize("coordinates", ["conductance", "log", "resistance"])
def test_plain_coupled_learning_trains_from_its_defaults(coordinates: str) -> None:
    result = netlearn.train(DIVISION, rule="cl", optimizer="sgd", coordinates=coordinates, epochs=100)
    assert result.loss < 0.1 * result.history[0].loss


def test_what_has_no_rate_in_physical_units_is_refused() -> None:
    with pytest.raises(OptionError, match="only a step of sgd"):
        netlearn.learning_rate(DIVISION, optimizer="adam")
    with pytest.raises(OptionError, match="no resistance is trained"):
        netlearn.learning_rate(
            netlearn.parse("* t\n*@output V(b)\nV1 a 0 0\nV2 c 0 1\nR1 a b 1\nR2 b c 1\n.end\n"),
            {"V1": [1.0, 2.0], "V(b)": [1.0, 2.0]}, optimizer="sgd", train="V2",
        )  # fmt: skip
