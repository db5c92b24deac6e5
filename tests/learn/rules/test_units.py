"""Learning rates mean about the same for every rule, whatever the ohms and the volts are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.learn.data import Dataset
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.units import unit_of_estimate
from netlearn.project import open_project

NETLISTS = Path(__file__).resolve().parents[3] / "netlists"
DIVIDER = "* divider\n*@output V(b)\nV1 a 0 0\nR1 a b {r1}\nR2 b 0 {r2}\n"


@pytest.mark.parametrize("rule", ["analytic", "ep", "al", "cl", "contrastive"])
@pytest.mark.parametrize("coordinates", ["conductance", "resistance"])
def test_plain_descent_learns_the_classic_task_from_its_defaults(rule: str, coordinates: str) -> None:
    # The classic task of coupled learning, with the rule, the optimizer and the coordinates as they are documented.
    result = netlearn.train(
        NETLISTS / "voltage_division.cir", rule=rule, optimizer="sgd", coordinates=coordinates, epochs=250, batch=0
    )
    assert result.loss < 0.1 * result.history.loss[0]


@pytest.mark.parametrize("rule", ["analytic", "ep", "cl", "contrastive", "cl beta=0.5 states=positive"])
def test_ohms_and_volts_make_no_difference(rule: str) -> None:
    thetas = []
    for ohms, volts in ((1.0, 1.0), (1e6, 1e-3), (1e-3, 1e3)):
        netlist = netlearn.parse(DIVIDER.format(r1=ohms, r2=2 * ohms))
        data = {"V1": [volts, -2 * volts], "V(b)": [0.3 * volts, -0.6 * volts]}
        result = netlearn.train(netlist, data, rule=rule, optimizer="sgd", coordinates="conductance", epochs=20)
        assert result.loss < 0.9 * result.history.loss[0]
        thetas.append(result.theta / ohms)
    np.testing.assert_allclose(thetas[1:], [thetas[0]] * 2, rtol=1e-6)


def test_the_stiffness_is_that_of_the_resistors_at_the_output() -> None:
    netlist = netlearn.parse(DIVIDER.format(r1=1e3, r2=3e3))
    data = {"V1": [1.0, 2.0], "V(b)": [0.3, 0.6]}
    project = open_project(netlist, data)
    samples: Dataset = project.dataset(project.table)
    parallel = 1e3 * 3e3 / 4e3
    for rule, wanted in (
        ("cl", 1 / (2 * parallel)),
        ("contrastive", 1 / (2 * parallel)),
        ("ep", 1.0),
        ("analytic", 1.0),
    ):
        found = unit_of_estimate(make_rule(rule), project.model, Mse(), 1.0, samples)
        assert found == pytest.approx(wanted, rel=1e-9), rule
    assert unit_of_estimate(make_rule("natural"), project.model, Mse(), 5.0, samples) == 1.0


def test_classes_are_clamped_by_the_gradient_and_have_no_curvature_of_their_own() -> None:
    netlist = netlearn.parse("* two\n*@output V(a) V(b)\nV1 x 0 0\nR1 x a 1k\nR2 a 0 1k\nR3 x b 2k\nR4 b 0 2k\n")
    project = open_project(netlist, {"V1": [1.0, -1.0], "class": ["p", "n"]})
    samples = project.dataset(project.table)
    found = unit_of_estimate(make_rule("cl"), project.model, CrossEntropy(20.0), 1.0, samples)
    assert found == pytest.approx(1 / 1000.0, rel=1e-9)


def test_steps_one_by_one_take_the_same_unit() -> None:
    netlist = netlearn.parse(DIVIDER.format(r1=1e3, r2=2e3))
    x, y = np.array([[1.0], [-2.0]]), np.array([[0.3], [-0.6]])
    settings = {"rule": "cl", "optimizer": "sgd", "coordinates": "conductance"}
    whole = netlearn.train(netlist, x, y, epochs=6, keep="parameters", **settings)  # type: ignore[arg-type]
    trainer = netlearn.Trainer(netlist, **settings)  # type: ignore[arg-type]
    for _ in range(5):
        trainer.step(x, y)
    assert whole.history.parameters is not None
    np.testing.assert_allclose(trainer.theta, whole.history.parameters[5], rtol=1e-9)
