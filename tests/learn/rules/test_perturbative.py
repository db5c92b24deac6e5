"""Model-free rules against the exact gradient, and their errors against what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.errors import OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from tests.helpers import divider, estimate, random_task

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("differences", {}, 1e-6),
        ("differences", {"form": "forward", "step": 1e-6}, 1e-4),
        ("homodyne", {}, 1e-4),
    ],
)
def test_extracts_the_gradient(name: str, options: dict[str, object], tolerance: float) -> None:
    model, theta, batch = random_task(0)
    exact = estimate(Analytic(), model, theta, batch)
    found = estimate(make_rule(name, **options), model, theta, batch)
    assert found == pytest.approx(exact, rel=1e-12, abs=tolerance * np.abs(exact).max())


def test_homodyne_error_is_of_second_order() -> None:
    model, theta, batch = random_task(1)
    exact = estimate(Analytic(), model, theta, batch)
    swings = np.array([0.02, 0.04, 0.08])
    errors = [
        np.linalg.norm((estimate(make_rule("homodyne", amplitude=a), model, theta, batch) - exact) * theta)
        for a in swings
    ]
    assert np.polyfit(np.log(swings), np.log(errors), 1)[0] == pytest.approx(2.0, abs=0.2)


def test_spsa_is_right_in_the_mean() -> None:
    """The mean of many directions; the error of one has the size of the gradient times √P."""
    model, theta, batch = random_task(2)
    exact = estimate(Analytic(), model, theta, batch) * theta
    found = estimate(make_rule("spsa", directions=500), model, theta, batch) * theta
    expected = np.linalg.norm(exact) * np.sqrt(len(theta) / 500)
    assert np.linalg.norm(found - exact) < 2 * expected


def test_noise_enters_divided_by_the_step_and_averages_out() -> None:
    """Central differences of ℓ read n times: std of ∂ℓ/∂θ_p is √2 std(ℓ)/(2h√n)."""
    model, theta, batch = divider()
    exact = estimate(Analytic(), model, theta, batch)
    spread = []
    for averages in (1, 16):
        rule = make_rule("differences", step=0.01, noise=1e-5, averages=averages)
        found = np.array([rule.estimate(model, Mse(), theta, batch, RNG(i)).gradient for i in range(200)])
        assert np.mean(found, axis=0) == pytest.approx(exact, rel=0.2)
        spread.append(np.std(found, axis=0).mean())
    # dℓ/dy = 2 e = 0.5, h = 10 Ω.
    assert spread[0] == pytest.approx(0.5 * 1e-5 * np.sqrt(2) / 20, rel=0.15)
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.15)


def test_same_seed_same_estimate() -> None:
    model, theta, batch = random_task(0)
    rule = make_rule("spsa", noise=1e-3)
    first, again, other = (rule.estimate(model, Mse(), theta, batch, RNG(i)).gradient for i in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_costs_are_counted() -> None:
    model, theta, batch = random_task(0)
    samples, outputs, parameters = 5, 2, len(theta)
    for name, looks in (("differences", 2 * parameters), ("spsa", 2), ("homodyne", 4 * (parameters + 1))):
        found = make_rule(name).estimate(model, Mse(), theta, batch, RNG(0))
        assert found.solves == (1 + looks) * samples
        assert found.measurements == (1 + looks) * samples * outputs


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("spsa", {"step": 0}),
        ("spsa", {"directions": 0}),
        ("homodyne", {"oversampling": 2}),
        ("differences", {"noise": -1.0}),
    ],
)
def test_refuses(name: str, options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        make_rule(name, **options)


class TestIntegrationTime:
    """Homodyne detection with noise, against what a lock-in is known to leave of it."""

    def locked(self, frequency: int, **options: object) -> float:
        """The variance of (2/T) Σ noise sin 2π f t/T over T = 24 instants, in that of one reading over T."""
        rule = make_rule("homodyne", noise=1e-3, **options)
        noise = rule.frame_noise(24, (4000,), np.random.default_rng(1))  # type: ignore[attr-defined]
        reference = np.sin(2 * np.pi * frequency * np.arange(24) / 24)
        return float(np.var(2 / 24 * reference @ noise) * 24 / 2 / 1e-6)

    @pytest.mark.parametrize("options", [{}, {"frames": 16}, {"averages": 16}])
    def test_noise_falls_with_the_time(self, options: dict[str, object]) -> None:
        assert self.locked(3, **options) * 16 ** len(options) == pytest.approx(1.0, rel=0.1)

    @pytest.mark.parametrize("frames", [1, 4, 7])
    @pytest.mark.parametrize("frequency", [1, 2, 5, 11])
    def test_one_over_f_noise_is_worse_at_low_frequencies(self, frames: int, frequency: int) -> None:
        """The variance at f periods per frame is 1 + corner/f of the white noise's."""
        found = self.locked(frequency, frames=frames, corner=30.0) * frames
        assert found == pytest.approx(1 + 30 / frequency, rel=0.1)

    def test_reaches_the_estimate(self) -> None:
        """σ ℓ' √(2/T) / a at the divider, whose loss has the slope 0.5, and which two swings read 12 times."""
        model, theta, batch = divider()
        clean = estimate(make_rule("homodyne"), model, theta, batch)
        rule = make_rule("homodyne", noise=1e-3, frames=9)
        found = [rule.estimate(model, Mse(), theta, batch, RNG(s)).gradient - clean for s in range(80)]
        wanted = 1e-3 * 0.5 * np.sqrt(2 / 12 / 9) / 1e-3
        assert np.std(found, axis=0) * theta == pytest.approx(wanted * np.ones(2), rel=0.2)

    def test_frequencies_that_are_lifted_tell_the_same(self) -> None:
        model, theta, batch = random_task(0)
        found = [estimate(make_rule("homodyne", lowest=lowest), model, theta, batch) for lowest in (1, 20)]
        assert found[0] == pytest.approx(found[1], rel=1e-4)

    def test_costs(self) -> None:
        model, theta, batch = divider()
        found = [
            make_rule("homodyne", frames=frames).estimate(model, Mse(), theta, batch, RNG(0)) for frames in (1, 10)
        ]
        assert found[1].measurements - 1 == 10 * (found[0].measurements - 1)
        assert found[1].gradient == pytest.approx(found[0].gradient, rel=1e-12)
