"""The gradient from a backward circuit, whole and with mismatch, against the adjoint method and finite differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.project import open_project
from tests.helpers import differences, mean_loss

RNG = np.random.default_rng
NETLISTS = Path(__file__).parents[3] / "netlists"
ELEMENTS = {
    "amplifiers": "R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 4\nF1 0 h E1 0.1\nR3 a out 2k\nR4 out 0 5k\nG1 out 0 h 0 0.1m\n",
    "transistors": "M1 out h 0 0 m\nR1 in h 1k\nR2 h 0 9k\nVd d 0 3\nR3 d out 2k\nR4 h out 5k\n"
    ".model m nmos(vto=0.3 kp=1m)\n",
    "an output held by an amplifier": "R1 in h 1k\nR2 h 0 3k\nD1 h 0 d\nE1 out 0 h 0 4\n.model d d(is=1e-9)\n",
}


def task(elements: str, samples: int = 3) -> tuple[Model, Array, Batch]:
    volts = np.linspace(0.4, 1.0, samples)
    netlist = netlearn.parse(f"* test\n*@output V(out)\n*@train R*\nV1 in 0 0\n{elements}.end\n")
    project = open_project(netlist, {"V1": volts, "V(out)": 0.3 - 0.5 * volts})
    data = project.samples()
    return project.model, project.parameters.initial, Batch(data.inputs, data.targets)


def estimate(rule: object, model: Model, theta: Array, batch: Batch) -> Array:
    return rule.estimate(model, Mse(), theta, batch, RNG(0)).gradient  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("name", ELEMENTS)
def test_is_exact_without_mismatch(name: str) -> None:
    model, theta, batch = task(ELEMENTS[name])
    found = estimate(make_rule("adjoint-circuit"), model, theta, batch)
    assert found == pytest.approx(estimate(Analytic(), model, theta, batch), rel=1e-9)
    wanted = differences(lambda t: mean_loss(model, t, batch), theta)
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6 * np.abs(wanted).max())


def test_shipped_digits_with_all_their_amplifiers() -> None:
    project = open_project(NETLISTS / "digits.cir")
    data, model = project.samples().part(np.arange(3)), project.model
    batch, theta = Batch(data.inputs, data.targets), project.parameters.initial
    exact, found = (
        make_rule(name).estimate(model, project.loss, theta, batch, RNG(0)).gradient
        for name in ("analytic", "adjoint-circuit")
    )
    assert found == pytest.approx(exact, rel=1e-8, abs=1e-10 * np.abs(exact).max())


def test_mismatch_turns_the_estimate_away_and_learning_brings_it_back() -> None:
    """The error is proportional to small mismatch; learned, it falls by the decay with each step."""
    model, theta, batch = task(ELEMENTS["amplifiers"])
    exact = estimate(Analytic(), model, theta, batch)

    def error(step: int = 0, **options: object) -> float:
        found = [
            estimate(make_rule("adjoint-circuit", seed=seed, **options), model, theta, replace(batch, step=step))
            for seed in range(5)
        ]
        return float(np.mean([np.linalg.norm(each - exact) for each in found]) / np.linalg.norm(exact))

    assert error(mismatch=1e-3) / error(mismatch=1e-4) == pytest.approx(10, rel=0.02)
    assert error(mismatch=0.3) > 0.05
    assert error(100, mismatch=1e-3) == error(mismatch=1e-3)
    learned = [error(step, mismatch=1e-3, learn=True, decay=0.05) for step in (0, 20, 40)]
    assert learned[0] == error(mismatch=1e-3)
    assert learned[1] / learned[0] == pytest.approx(0.95**20, rel=0.02)
    assert learned[2] / learned[1] == pytest.approx(0.95**20, rel=0.02)


def test_backward_elements_learn_during_training() -> None:
    """With the mismatch kept the descent ends where the estimate, not the gradient, is zero."""
    netlist = NETLISTS / "voltage_division.cir"
    rules = ("adjoint-circuit mismatch=0.5 learn=yes decay=0.1", "adjoint-circuit")
    results = [netlearn.train(netlist, rule=rule, epochs=60, optimizer="adam lr=0.1") for rule in rules]
    assert results[0].loss != results[1].loss
    assert results[0].loss < 1e-3 * results[0].history[0].loss


def test_noise_enters_both_circuits_and_is_averaged() -> None:
    model, theta, batch = task(ELEMENTS["amplifiers"])
    exact = estimate(Analytic(), model, theta, batch)

    def error(averages: int) -> float:
        rule = make_rule("adjoint-circuit", noise=1e-3, averages=averages)
        found = [rule.estimate(model, Mse(), theta, batch, RNG(seed)).gradient - exact for seed in range(40)]
        return float(np.linalg.norm(found) / np.sqrt(40) / np.linalg.norm(exact))

    assert 1e-4 < error(1) < 0.1
    assert error(1) / error(100) == pytest.approx(10, rel=0.3)


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ELEMENTS)
def test_ngspice_settles_both_circuits(name: str, libngspice: str) -> None:
    model, theta, batch = task(ELEMENTS[name])
    with NgspiceSolver() as solver:
        found = estimate(make_rule("adjoint-circuit"), replace(model, solver=solver), theta, batch)
    exact = estimate(Analytic(), model, theta, batch)
    assert found == pytest.approx(exact, rel=1e-5, abs=1e-6 * np.abs(exact).max())
