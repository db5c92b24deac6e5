"""Nudges in the complex plane against the exact gradient."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from netlearn.circuit.circuit import Circuit
from netlearn.errors import ConvergenceError, OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

RNG = np.random.default_rng


def test_error_falls_with_the_number_of_points(lab: SimpleNamespace) -> None:
    """At the same finite nudge the error is of the order β^N, so that its logarithm falls linearly in N."""
    model, theta, batch = lab.random_network(0)
    exact = lab.estimate(Analytic(), model, theta, batch)
    errors = [
        np.linalg.norm(lab.estimate(make_rule("holomorphic", beta=1e-4, points=n), model, theta, batch) - exact)
        / np.linalg.norm(exact)
        for n in (2, 4, 6, 8, 40)
    ]
    ratios = np.array(errors[1:4]) / np.array(errors[:3])
    assert np.all(ratios < 0.2)
    assert ratios.max() / ratios.min() < 3
    assert errors[-1] < 1e-11


def test_two_points_are_the_centered_form(lab: SimpleNamespace) -> None:
    model, theta, batch = lab.random_network(1)
    two = lab.estimate(make_rule("holomorphic", beta=1e-4, points=2), model, theta, batch)
    centered = lab.estimate(make_rule("ep", beta=1e-4), model, theta, batch)
    assert two == pytest.approx(centered, rel=1e-9)


def test_divider_by_hand(lab: SimpleNamespace) -> None:
    """y_β = (1 + 0.5 b)/(2 + 2b) with b = β/mS, and φ(β) = (1 - y_β)²/2 for g1.

    φ/β averaged over the N-th roots of unity times b keeps the Taylor coefficients 1, 1 + N, ...
    of φ(b), here found by a long division.
    """
    model, theta, batch = lab.divider()
    b, points = 0.5, 4
    # 1 - y = (1 + 1.5 b)/(2 (1 + b)), squared and halved.
    numerator = np.polynomial.polynomial.polymul([1, 1.5], [1, 1.5])
    series = np.polynomial.polynomial.polymul(numerator, [(-1) ** n * (n + 1) for n in range(60)])[:60] / 8
    wanted = sum(series[n] * b ** (n - 1) for n in range(1, 60, points))
    found = lab.estimate(make_rule("holomorphic", beta=b * 1e-3, points=points), model, theta, batch)
    assert found[0] == pytest.approx(-wanted * 1e3 / 1e6, rel=1e-12)


def test_no_other_solver_than_the_internal_one(lab: SimpleNamespace) -> None:
    class Chip:
        def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
            return InternalSolver().solve(circuit, start)

    model, theta, batch = lab.divider()
    with pytest.raises(OptionError, match="only the internal solver knows complex states"):
        lab.estimate(make_rule("holomorphic"), replace(model, solver=Chip()), theta, batch)


def test_refusals(lab: SimpleNamespace) -> None:
    model, theta, batch = lab.divider()
    with pytest.raises(OptionError, match="noise"):
        make_rule("holomorphic", noise=1e-3).estimate(model, Mse(), theta, batch, RNG(0))
    with pytest.raises(OptionError, match="even"):
        make_rule("holomorphic", points=5)
    for beta in (1e-3, 1.2e-3):
        # -2β is the conductance of the divider, or more: the circle meets or encloses the pole.
        with pytest.raises(ConvergenceError, match="nudge"):
            lab.estimate(make_rule("holomorphic", beta=beta), model, theta, batch)
