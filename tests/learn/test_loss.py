import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from netlearn.learn.loss import CrossEntropy, Mse, accuracy

STEP = 1e-30


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(0.1, 100.0))
@settings(max_examples=40, deadline=None)
def test_gradients_are_the_complex_step_derivatives(samples: int, outputs: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.uniform(-1.0, 1.0, (samples, outputs))
    classes = rng.integers(0, outputs, samples)
    for loss, targets in [
        (Mse(), rng.uniform(-1.0, 1.0, (samples, outputs))),
        (Mse(on=0.3, off=-0.1), classes),
        (CrossEntropy(scale), classes),
    ]:
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


def test_mse_is_the_mean_over_outputs() -> None:
    value = Mse().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    assert value == pytest.approx([(1.0 + 4.0) / 2])


def test_accuracy_counts_the_largest_output() -> None:
    y = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [5.0, 4.0]])
    assert accuracy(y, np.array([0, 1, 0, 0])) == 0.75
    assert accuracy(y, y) is None
