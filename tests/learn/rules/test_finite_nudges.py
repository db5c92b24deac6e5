"""Finite real nudges against the exact gradient, and what one finite nudge descends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES
from netlearn.errors import OptionError
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.finite_nudges import Integrated
from netlearn.learn.rules.nudges import ConductanceNudge
from netlearn.ngspice.solver import NgspiceSolver
from tests.helpers import differences, estimate, random_task


def circuit(seed: int = 1) -> tuple[Model, Array, Batch]:
    ends = np.array([(3, GROUND), (5, 4), (GROUND, 6), (2, 1)])
    values = {name: np.full(len(ends), value) for name, value in DIODE_WITHOUT_SERIES.parameters.items()}
    model, theta, batch = random_task(seed, Group(DIODE_WITHOUT_SERIES, ["d1", "d2", "d3", "d4"], ends, values))
    return model, theta, Batch(2 * batch.inputs, batch.targets)


@pytest.mark.parametrize("states", ["centered", "positive"])
@pytest.mark.parametrize("points", [2, 4, 6])
def test_scheme_differentiates_polynomials(states: str, points: int) -> None:
    """Σ share f(place) = f'(0) for every polynomial without a constant up to the degree that it promises."""
    scheme = Integrated(ConductanceNudge(), states=states, points=points).scheme  # type: ignore[arg-type]
    places, shares = np.array(scheme).T
    degree = points - 1 if states == "centered" else points
    for power in range(1, degree + 1):
        assert np.sum(shares * places**power) == pytest.approx(float(power == 1), abs=1e-9)
    assert np.abs(places).max() < 1


def test_scheme_is_an_integral_by_gauss_and_legendre() -> None:
    """With K(s) = Σ (n + 1/2) P_n'(0) P_n(s), summed over the degrees below the number of points."""
    points = 6
    places, weights = np.polynomial.legendre.leggauss(points)
    kernel = np.zeros(points)
    for n in range(points):
        polynomial = np.polynomial.legendre.Legendre.basis(n)
        kernel += (n + 0.5) * polynomial.deriv()(0.0) * polynomial(places)
    scheme = np.array(Integrated(ConductanceNudge(), points=points).scheme)
    assert scheme[:, 0] == pytest.approx(places)
    assert scheme[:, 1] == pytest.approx(weights * kernel, abs=1e-12)


@pytest.mark.parametrize(("states", "gain"), [("centered", 2), ("positive", 1)])
def test_error_falls_with_the_number_of_nudges(states: str, gain: int) -> None:
    model, theta, batch = circuit()
    exact = estimate(Analytic(), model, theta, batch)

    def error(points: int, beta: float = 0.05) -> float:
        rule = make_rule("finite-ep", beta=beta, points=points, states=states)
        return float(np.linalg.norm(estimate(rule, model, theta, batch) - exact) / np.linalg.norm(exact))

    few, more, many = (error(gain * points) for points in (1, 2, 4))
    assert few > 1e-4
    assert more < 0.1 * few
    assert many < 0.1 * more
    slope = np.log(error(2 * gain, 0.05) / error(2 * gain, 0.025)) / np.log(2)
    assert slope == pytest.approx(2 * gain, abs=0.5)


def test_any_loss() -> None:
    model, theta, batch = circuit()
    batch, loss = Batch(batch.inputs, np.array([0, 1, 0, 0, 1])), CrossEntropy(scale=5.0)
    exact = estimate(Analytic(), model, theta, batch, loss)
    found = estimate(make_rule("finite-ep", points=6), model, theta, batch, loss)
    assert found == pytest.approx(exact, rel=1e-3, abs=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize("beta", [1e-4, 1e-3])
def test_one_finite_nudge_descends_the_mean_loss_over_nudges(beta: float) -> None:
    """Contrast / β is the gradient of (1/β) ∫ ℓ(y_b) db from 0 to β exactly, by finite differences of the integral."""
    model, theta, batch = circuit()
    points, weights = np.polynomial.legendre.leggauss(12)

    def mean_loss(at: Array) -> float:
        free = model.forward(at, batch.inputs)
        rule = make_rule("ep", states="positive")
        phase = rule.phase(model, Mse(), free, model.outputs(free), batch.targets)  # type: ignore[attr-defined]
        losses = [
            np.mean(Mse().value((model.probe_matrix @ phase.nudged(ConductanceNudge(), b).T).T, batch.targets))
            for b in beta * (points + 1) / 2
        ]
        return float(np.sum(weights / 2 * losses))

    wanted = differences(mean_loss, theta, 1e-4)
    found = estimate(make_rule("ep", beta=beta, unit="siemens", states="positive"), model, theta, batch)
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())
    exact = estimate(Analytic(), model, theta, batch)
    assert np.linalg.norm(found - exact) > 1e-2 * np.linalg.norm(exact)


@pytest.mark.ngspice
def test_ngspice_makes_the_nudges(libngspice: str) -> None:
    model, theta, batch = circuit()
    exact = estimate(Analytic(), model, theta, batch)
    with NgspiceSolver() as solver:
        found = estimate(make_rule("finite-ep", points=6), replace(model, solver=solver), theta, batch)
    assert found == pytest.approx(exact, rel=1e-3, abs=1e-3 * np.abs(exact).max())


def test_refusals() -> None:
    with pytest.raises(OptionError, match="must be even with states=centered"):
        make_rule("finite-ep", points=3)
    make_rule("finite-ep", points=3, states="positive")
