from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from netlearn.errors import OptionError
from netlearn.learn.loss import CrossEntropy, Loss, Mse, accuracy, unit_of
from netlearn.learn.measured_losses import Logarithmic, Relative

STEP = 1e-30


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(0.1, 100.0))
@settings(max_examples=40, deadline=None)
def test_gradients_are_the_complex_step_derivatives(samples: int, outputs: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.uniform(-1.0, 1.0, (samples, outputs))
    classes = rng.integers(0, outputs, samples)
    cases: list[tuple[Loss, Any]] = [
        (Mse(), rng.uniform(-1.0, 1.0, (samples, outputs))),
        (Mse(on=0.3, off=-0.1), classes),
        (CrossEntropy(scale), classes),
        (CrossEntropy(scale, weights=(0.5, *range(outputs - 1))), classes),
    ]
    for loss, targets in cases:
        gradient = loss.gradient(y, targets)
        for j in range(outputs):
            stepped = y.astype(complex)
            stepped[:, j] += 1j * STEP
            expected = loss.value(stepped, targets).imag / STEP
            np.testing.assert_allclose(gradient[:, j], expected, rtol=1e-10, atol=1e-12 * scale)


def test_cross_entropy_is_scipys_log_softmax_and_stays_finite_at_huge_outputs() -> None:
    y = np.array([[1.0, 2.0, -3.0], [1e6, -1e6, 0.0]])
    targets = np.array([2, 1])
    expected = -log_softmax(3.0 * y, axis=1)[[0, 1], targets]
    np.testing.assert_allclose(CrossEntropy(3.0).value(y, targets), expected, rtol=1e-14)


def test_weights_of_classes_are_those_of_scikit_learns_log_loss() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    y, targets, weights = rng.normal(size=(20, 3)), rng.integers(0, 3, 20), (1.0, 0.0, 4.5)
    loss, each = CrossEntropy(3.0, weights=weights), np.array(weights)[targets]
    expected = metrics.log_loss(targets, loss.probabilities(y), sample_weight=each, normalize=False)
    assert loss.value(y, targets).sum() == pytest.approx(expected, rel=1e-12)
    none = np.full(20, -1)
    assert not loss.value(y, none).any()
    assert not loss.gradient(y, none).any()


@pytest.mark.parametrize("weights", [(1.0, -1.0), (0.0, 0.0), (1.0, np.inf), (np.nan, 1.0)])
def test_weights_that_are_none_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="weights"):
        CrossEntropy(weights=weights)


def test_mse_is_the_mean_over_outputs() -> None:
    value = Mse().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    assert value == pytest.approx([(1.0 + 4.0) / 2])


def test_accuracy_counts_the_largest_output() -> None:
    y = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [5.0, 4.0]])
    assert accuracy(y, np.array([0, 1, 0, 0])) == 0.75
    assert accuracy(y, y) is None


def test_the_chosen_scale_spreads_the_softmax_arguments_by_one() -> None:
    rng = np.random.default_rng(0)
    outputs = 0.3 + 0.02 * rng.normal(size=(500, 4)) + rng.normal(size=(500, 1))
    scale = CrossEntropy().chosen(outputs).scale
    assert scale is not None
    spread = np.std(scale * (outputs - outputs.mean(axis=1, keepdims=True)))
    assert spread == pytest.approx(1.0, rel=0.05)
    for factor in (1e-9, 1e6):
        assert CrossEntropy().chosen(factor * outputs).scale == pytest.approx(scale / factor, rel=1e-9)
    assert CrossEntropy(7.0).chosen(outputs).scale == 7.0


def test_outputs_that_do_not_differ_give_a_finite_scale() -> None:
    assert CrossEntropy().chosen(np.zeros((3, 2))).scale == 1.0
    assert CrossEntropy().chosen(np.full((3, 2), 0.5)).scale == 200.0


def test_a_scale_that_is_not_chosen_is_not_taken_for_one() -> None:
    with pytest.raises(OptionError, match="not chosen yet"):
        CrossEntropy().value(np.zeros((1, 2)), np.array([0]))
    assert CrossEntropy("auto") == CrossEntropy(None)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'scale' must be a number above 0"):
        CrossEntropy(0.0)


def test_the_unit_of_a_loss_is_that_of_its_targets_squared() -> None:
    rng = np.random.default_rng(1)
    targets = rng.normal(2.0, 3.0, (50, 2))
    unit = unit_of(Mse(), targets, 2, lambda: 0.0)
    assert unit == pytest.approx(np.mean(np.var(targets, axis=0)))
    assert unit_of(Mse(), 1e-6 * targets, 2, lambda: 0.0) == pytest.approx(1e-12 * unit)
    assert unit_of(Mse(), np.full((4, 1), 3.0), 1, lambda: 0.0) == pytest.approx(9.0)
    # Three of 0.1 have a mean that is not 0.1, and so a variance of 2e-34.
    assert unit_of(Mse(), np.full((3, 1), 0.1), 1, lambda: 0.0) == pytest.approx(0.01)
    mixed = np.array([[0.1, 1.0, np.nan], [0.1, 2.0, np.nan], [0.1, np.nan, np.nan]])
    assert unit_of(Mse(), mixed, 3, lambda: 0.0) == pytest.approx(0.5 * np.var([1.0, 2.0]))
    for loss in (Relative(floor=1e-3), Logarithmic(floor=1e-3)):
        same = np.full((3, 1), 0.1)
        assert loss.unit(same, 1) == pytest.approx(float(np.mean(loss.residuals(0.0 * same, same) ** 2)))
    assert unit_of(Mse(), np.zeros((4, 1)), 1, lambda: 0.25) == pytest.approx(0.25)
    assert unit_of(Mse(), np.zeros((4, 1)), 1, lambda: 0.0) == 1.0
    classes = np.array([0, 1, 2, 0])
    one_hot = np.eye(3)[classes]
    assert unit_of(Mse(on=0.2, off=0.0), classes, 3, lambda: 0.0) == pytest.approx(
        0.04 * np.mean(np.var(one_hot, axis=0))
    )
    assert unit_of(CrossEntropy(3.0), classes, 3, lambda: 0.0) == 1.0
