"""Nudges in the complex plane against the exact gradient."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.errors import ConvergenceError, OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.probes.ends import Probes
from netlearn.project import open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from tests.helpers import divider, estimate, random_task

RNG = np.random.default_rng


def test_error_falls_with_the_number_of_points() -> None:
    """At the same finite nudge the error is of the order β^N, so that its logarithm falls linearly in N."""
    model, theta, batch = random_task(0)
    exact = estimate(Analytic(), model, theta, batch)
    errors = [
        np.linalg.norm(
            estimate(make_rule("holomorphic", beta=1e-4, unit="siemens", points=n), model, theta, batch) - exact
        )
        / np.linalg.norm(exact)
        for n in (2, 4, 6, 8, 40)
    ]
    ratios = np.array(errors[1:4]) / np.array(errors[:3])
    assert np.all(ratios < 0.2)
    assert ratios.max() / ratios.min() < 3
    assert errors[-1] < 1e-11


def test_two_points_are_the_centered_form() -> None:
    model, theta, batch = random_task(1)
    two = estimate(make_rule("holomorphic", beta=1e-4, unit="siemens", points=2), model, theta, batch)
    centered = estimate(make_rule("ep", beta=1e-4, unit="siemens"), model, theta, batch)
    assert two == pytest.approx(centered, rel=1e-9)


def test_divider_by_hand() -> None:
    """y_β = (1 + 0.5 b)/(2 + 2b) with b = β/mS, and φ(β) = (1 - y_β)²/2 for g1.

    φ/β averaged over the N-th roots of unity times b keeps the Taylor coefficients 1, 1 + N, ...
    of φ(b), here found by a long division.
    """
    model, theta, batch = divider()
    b, points = 0.3, 4
    # 1 - y = (1 + 1.5 b)/(2 (1 + b)), squared and halved.
    numerator = np.polynomial.polynomial.polymul([1, 1.5], [1, 1.5])
    series = np.polynomial.polynomial.polymul(numerator, [(-1) ** n * (n + 1) for n in range(60)])[:60] / 8
    wanted = sum(series[n] * b ** (n - 1) for n in range(1, 60, points))
    rule = make_rule("holomorphic", beta=b * 1e-3, unit="siemens", points=points)
    found = estimate(rule, model, theta, batch)
    assert found[0] == pytest.approx(-wanted * 1e3 / 1e6, rel=1e-12)


def test_no_other_solver_than_the_internal_one() -> None:
    class Chip:
        def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
            return InternalSolver().solve(circuit, start)

    model, theta, batch = divider()
    with pytest.raises(OptionError, match="only the internal solver knows complex states"):
        estimate(make_rule("holomorphic"), replace(model, solver=Chip()), theta, batch)


def test_refusals() -> None:
    model, theta, batch = divider()
    with pytest.raises(OptionError, match="noise"):
        make_rule("holomorphic", noise=1e-3).estimate(model, Mse(), theta, batch, RNG(0))
    with pytest.raises(OptionError, match="even"):
        make_rule("holomorphic", points=5)
    for beta in (1e-3, 1.2e-3):
        # -2β is the conductance of the divider, or more: the circle meets or encloses the pole.
        with pytest.raises(ConvergenceError, match="nudge"):
            estimate(make_rule("holomorphic", beta=beta, unit="siemens"), model, theta, batch)


DIODE = "*\n*@output V(out)\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\nD1 out 0 m\n.model m d(is=1e-12)\n.end\n"
"""A diode that opens where the nudges pull its node up."""


def train(options: str) -> netlearn.TrainResult:
    data = {"V1": [1.0], "V(out)": [0.8]}
    return netlearn.train(netlearn.parse(DIODE), data, rule=f"holomorphic unit=siemens {options}", epochs=1)


def test_nudges_tell_whether_they_converge() -> None:
    """The circle of convergence ends at 3.2e-4; beyond it the derivative is off by a third, however many nudges."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train("beta=1e-4 points=8")
    with pytest.warns(UserWarning, match=r"8 nudges leave an error of about 3% \(sample 1\)"):
        train("beta=3e-4 points=8")
    for points in (4, 8, 16, 32):
        with pytest.raises(ConvergenceError, match="beyond the circle of convergence"):
            train(f"beta=4e-4 points={points}")


def test_too_few_nudges_are_not_the_elements_fault() -> None:
    """A diode is analytic everywhere, whatever two nudges see of it."""
    with pytest.raises(ConvergenceError, match="or are too few"):
        train("beta=3e-4 points=2")


@pytest.mark.parametrize(("beta", "points"), [(1e-4, 2), (1.5e-4, 4), (3e-4, 8), (3e-4, 16)])
def test_the_told_error_is_about_the_error(beta: float, points: int) -> None:
    prepared = open_project(netlearn.parse(DIODE), {"V1": [1.0], "V(out)": [0.8]})
    data = prepared.dataset(prepared.table)
    model, batch = prepared.model, Batch(data.inputs, data.targets)
    exact = Analytic().estimate(model, Mse(), model.parameters.initial, batch, RNG(0)).gradient
    rule = make_rule("holomorphic", beta=beta, unit="siemens", points=points)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = rule.estimate(model, Mse(), model.parameters.initial, batch, RNG(0)).gradient
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    told = float(str(caught[0].message).split("about ")[1].split("%")[0]) / 100 if caught else 0.005
    assert 0.3 < error / told < 3


def test_output_currents_are_nudged_as_by_ep() -> None:
    model, theta, batch = random_task(0)
    model = replace(model, measured=Probes(["I(v1)"], np.array([8]), np.array([GROUND])))
    batch = Batch(batch.inputs, np.full((5, 1), 1e-3))
    exact = estimate(Analytic(), model, theta, batch)
    assert estimate(make_rule("holomorphic"), model, theta, batch) == pytest.approx(exact, rel=1e-9)
