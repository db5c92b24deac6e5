"""Networks that relax, against matrix exponentials, direct solutions, and many runs of the process itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.relaxation import Relaxation, functions_of
from netlearn.learn.rules.second_order import GaussNewton, NaturalGradient
from tests.helpers import random_task
from tests.learn.rules.test_second_order import dense_jacobian

RNG = np.random.default_rng


def task(size: int = 4) -> tuple[Array, Array]:
    rows = RNG(3).normal(size=(size, size))
    return rows @ rows.T / size + 0.05 * np.eye(size), RNG(4).normal(size=size)


@pytest.mark.parametrize("charged", [False, True])
@pytest.mark.parametrize("time", [1e-6, 0.3, 5.0, 1e5])
def test_mean_is_that_of_the_matrix_exponential(time: float, charged: bool) -> None:
    matrix, right = task(9)
    solution = np.linalg.solve(matrix, right)
    start = right if charged else np.zeros(9)
    wanted = solution + expm(-time * matrix) @ (start - solution)
    found = Relaxation(time, charged=charged).read(lambda v: matrix @ v, right, 50, RNG(0))
    assert found == pytest.approx(wanted, rel=1e-8, abs=1e-10 * np.abs(wanted).max())


def test_without_end_it_is_the_solution_and_without_time_the_gradient() -> None:
    matrix, right = task(9)
    assert Relaxation(1e9).read(lambda v: matrix @ v, right, 50, RNG(0)) == pytest.approx(
        np.linalg.solve(matrix, right), rel=1e-9
    )
    assert Relaxation(0.0, charged=True).read(lambda v: matrix @ v, right, 50, RNG(0)) == pytest.approx(right)
    # A short time from zero goes along the gradient, too.
    short = Relaxation(1e-7).read(lambda v: matrix @ v, right, 50, RNG(0))
    assert short == pytest.approx(1e-7 * right, rel=1e-5)


@pytest.mark.parametrize(("time", "average", "charged"), [(0.4, 0.0, True), (0.4, 1.5, False), (6.0, 3.0, False)])
def test_statistics_are_those_of_many_runs(time: float, average: float, charged: bool) -> None:
    """Of Ornstein-Uhlenbeck processes, each moved from one moment to the next as the exact solution has it."""
    matrix, right = task(3)
    runs, moments, temperature = 6_000, 200, 0.2
    thermal = temperature * float(np.mean(right**2))
    step = (time + average) / moments
    decay, rest = expm(-step * matrix), np.linalg.solve(matrix, right)
    kicks = np.linalg.cholesky(thermal * np.linalg.inv(matrix) @ (np.eye(3) - decay @ decay))
    x = np.tile(right if charged else np.zeros(3), (runs, 1))
    rng, seen, first = RNG(0), [], round(time / step)
    for moment in range(moments + 1):
        if moment >= first:
            seen.append(x)
        x = rest + (x - rest) @ decay.T + rng.normal(size=x.shape) @ kicks.T
    weights = np.ones(len(seen))
    weights[[0, -1]] = 0.5 if len(seen) > 1 else 1.0
    wanted = np.tensordot(weights / weights.sum(), np.array(seen), axes=1) if average else seen[0]
    relaxation = Relaxation(time, average, temperature, charged=charged)
    found = np.stack([relaxation.read(lambda v: matrix @ v, right, 50, rng) for _ in range(1200)])
    errors = np.sqrt(wanted.var(axis=0) / runs + found.var(axis=0) / len(found))
    assert np.all(np.abs(wanted.mean(axis=0) - found.mean(axis=0)) < 5 * errors)
    scale = np.sqrt(np.outer(np.diag(np.cov(wanted.T)), np.diag(np.cov(wanted.T))))
    assert np.abs(np.cov(wanted.T) - np.cov(found.T)) / scale == pytest.approx(0.0, abs=0.15)


def test_equilibrium_has_the_covariance_of_the_inverse() -> None:
    values = np.array([0.1, 1.0, 30.0])
    assert Relaxation(1e6).variance(values) == pytest.approx(1 / values)
    assert Relaxation(0.5).variance(values) == pytest.approx((1 - np.exp(-values)) / values)
    # Averaging from the beginning and from long after it, over next to nothing and over long.
    assert Relaxation(0.5, 1e-9).variance(values) == pytest.approx((1 - np.exp(-values)) / values, rel=1e-6)
    assert Relaxation(1e6, 1e4).variance(values) == pytest.approx(2 / (values**2 * 1e4), rel=2e-3)


def test_readings_have_noise_of_their_own() -> None:
    matrix, right = task(3)
    relaxation = Relaxation(2.0, noise=0.1)
    found = np.stack([relaxation.read(lambda v: matrix @ v, right, 50, RNG(k)) for k in range(600)])
    assert found.std(axis=0) == pytest.approx(0.1 * np.sqrt(np.mean(right**2)), rel=0.12)


def test_functions_of_a_matrix_that_is_nearly_singular_and_of_nothing() -> None:
    values = np.array([1e-3, 1e-3, 1e-3, 1.0, 50.0])
    base = np.linalg.qr(RNG(0).normal(size=(5, 5)))[0]
    matrix, right = base * values @ base.T, RNG(1).normal(size=5)
    root, inverse = functions_of(lambda v: matrix @ v, right, (np.sqrt, lambda a: 1 / a), 50)
    assert root == pytest.approx(base * np.sqrt(values) @ base.T @ right, rel=1e-8, abs=1e-8)
    assert inverse == pytest.approx(np.linalg.solve(matrix, right), rel=1e-6)
    assert not functions_of(lambda v: matrix @ v, np.zeros(5), (np.sqrt,), 50)[0].any()


@pytest.mark.parametrize("kind", [NaturalGradient, GaussNewton])
@pytest.mark.parametrize("start", ["zero", "gradient"])
def test_rule_gives_what_the_process_comes_to(kind: type[NaturalGradient], start: str) -> None:
    model, theta, batch = random_task(1)
    rule = kind(solver="thermodynamic", time=7.0, start=start, damping=1e-2)  # type: ignore[arg-type]
    slopes = dense_jacobian(model, theta, batch)
    # The squared error's second derivative is 2 over the two outputs.
    metric = np.einsum("sop,soq->pq", slopes, slopes) / 5
    exact = NaturalGradient().metric(model, Mse(), theta, batch)[0]
    gradient = theta * exact.gradient
    along = float(gradient @ metric @ gradient) / float(gradient @ gradient)
    matrix, right = metric / along + 1e-2 * np.eye(len(theta)), gradient / along
    rest = np.linalg.solve(matrix, right)
    wanted = rest + expm(-7.0 * matrix) @ ((right if start == "gradient" else 0 * right) - rest)
    found = theta * rule.estimate(model, Mse(), theta, batch, RNG(0)).gradient
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6 * np.abs(wanted).max())


def test_rule_is_that_of_conjugate_gradients_in_the_end_and_descent_at_the_beginning() -> None:
    model, theta, batch = random_task(1)
    late = NaturalGradient(solver="thermodynamic", time=1e7).estimate(model, Mse(), theta, batch, RNG(0)).gradient
    conjugate = NaturalGradient().estimate(model, Mse(), theta, batch, RNG(0)).gradient
    assert late == pytest.approx(conjugate, rel=1e-5, abs=1e-6 * np.abs(conjugate).max())
    early = NaturalGradient(solver="thermodynamic", time=0, start="gradient")
    found = theta * early.estimate(model, Mse(), theta, batch, RNG(0)).gradient
    exact = theta * NaturalGradient().metric(model, Mse(), theta, batch)[0].gradient
    assert found / np.linalg.norm(found) == pytest.approx(exact / np.linalg.norm(exact))
    noisy = NaturalGradient(solver="thermodynamic", temperature=1e-2)
    first, second, other = (noisy.estimate(model, Mse(), theta, batch, RNG(k)).gradient for k in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.allclose(first, other, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time": 0}, "at a 'time' of zero the network has not moved"),
        ({"time": -1.0}, "'time' must be a number at least 0"),
        ({"time": float("nan")}, "'time' must be a number at least 0"),
        ({"time": float("inf")}, "'time' must be a number at least 0"),
        ({"temperature": -0.1}, "'temperature' must be a number at least 0"),
        ({"temperature": float("nan")}, "'temperature' must be a number at least 0"),
        ({"noise": -1}, "'noise' must be a number at least 0"),
        ({"average": -1}, "'average' must be a number at least 0"),
        ({"start": "there"}, "'start' cannot be 'there'"),
        ({"solver": "magic"}, "'solver' cannot be 'magic'"),
        ({"solver": "cg", "time": 3}, "'time' is of the thermodynamic solver"),
        ({"solver": "cg", "temperature": 0.1}, "'temperature' is of the thermodynamic solver"),
    ],
)
@pytest.mark.parametrize("rule", ["natural", "gauss-newton"])
def test_refusals(rule: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        make_rule(rule, **{"solver": "thermodynamic", **options})
