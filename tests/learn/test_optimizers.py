import numpy as np
import pytest

from netlearn.learn.optimizers import OPTIMIZERS, Adam, Momentum, Sgd
from netlearn.learn.schedule import Constant, Cosine, Exponential, StepDecay

GRADIENTS = [np.array([1.0, -2.0]), np.array([0.5, 0.25]), np.array([-1.0, 3.0])]


def changes(optimizer: Sgd | Momentum | Adam) -> list[np.ndarray]:
    state, result = optimizer.start(2), []
    for gradient in GRADIENTS:
        change, state = optimizer.step(state, gradient)
        result.append(change)
    return result


def test_sgd_follows_the_gradient() -> None:
    np.testing.assert_array_equal(changes(Sgd(0.1)), [-0.1 * g for g in GRADIENTS])


def test_momentum_sums_decayed_gradients() -> None:
    a, b, c = GRADIENTS
    expected = -0.1 * np.array([a, 0.5 * a + b, 0.25 * a + 0.5 * b + c])
    np.testing.assert_allclose(changes(Momentum(0.1, 0.5)), expected, rtol=1e-15)


def test_nesterov_steps_from_where_the_velocity_leads() -> None:
    # On f(x) = x²/2, Sutskever's form evaluates the gradient at x + decay v; ours is the same
    # path seen from the point ahead.
    lr, decay, x, v, ahead = 0.1, 0.5, 1.0, 0.0, np.array([1.0])
    optimizer = Momentum(lr, decay, nesterov=True)
    state = optimizer.start(1)
    for _ in range(5):
        v = decay * v - lr * (x + decay * v)
        x += v
        change, state = optimizer.step(state, ahead)
        ahead = ahead + change
        assert ahead[0] == pytest.approx(x + decay * v, rel=1e-12)


def test_adam_by_its_unrolled_sums() -> None:
    optimizer = Adam(0.01, 0.8, 0.9, eps=1e-8)
    for n, change in enumerate(changes(optimizer), start=1):
        seen = np.array(GRADIENTS[:n])
        first, second = 0.8 ** np.arange(n)[::-1], 0.9 ** np.arange(n)[::-1]
        mean = first @ seen / first.sum()
        square = second @ seen**2 / second.sum()
        np.testing.assert_allclose(change, -0.01 * mean / (np.sqrt(square) + 1e-8), rtol=1e-12)


class Counted(float):
    """A number that notes how many powers of it are asked for."""

    def __new__(cls, value: float) -> "Counted":
        made = super().__new__(cls, value)
        made.asked = []
        return made

    asked: list[int]

    def __pow__(self, exponents: np.ndarray) -> np.ndarray:  # type: ignore[override]
        self.asked.append(exponents.size)
        return float(self) ** exponents


def test_adam_takes_one_power_for_all_parameters_that_have_taken_as_many_steps() -> None:
    beta1, beta2 = Counted(0.9), Counted(0.99)
    optimizer = Adam(0.01, beta1, beta2)
    gradient = np.array([0.3, -2.0, 1e-3, 5.0])
    state = optimizer.step(optimizer.start(4), gradient)[1]
    change, _ = optimizer.step(state, 2.0 * gradient)
    assert beta1.asked == beta2.asked == [1, 1]
    # Those of a part that is trained have taken more.
    apart = {name: np.concatenate([value, np.zeros(1)]) for name, value in state.items()}
    with_another, _ = optimizer.step(apart, np.append(2.0 * gradient, 1.0))
    assert beta1.asked == beta2.asked == [1, 1, 5]
    np.testing.assert_array_equal(with_another[:4], change)
    assert with_another[4] == pytest.approx(-0.01)


def test_a_step_changes_neither_the_state_nor_the_gradient() -> None:
    for optimizer in (Sgd(), Momentum(), Adam()):
        gradient = np.array([0.3, -2.0])
        state = optimizer.step(optimizer.start(2), gradient)[1]
        before = {name: value.copy() for name, value in state.items()}
        optimizer.step(state, gradient)
        np.testing.assert_array_equal(gradient, [0.3, -2.0])
        for name, value in before.items():
            np.testing.assert_array_equal(state[name], value)


def test_adam_stands_still_without_a_gradient() -> None:
    change, _ = Adam().step(Adam().start(3), np.zeros(3))
    np.testing.assert_array_equal(change, np.zeros(3))


def test_schedules() -> None:
    assert [Constant().factor(e, 10) for e in (0, 9)] == [1.0, 1.0]
    assert [StepDecay(3, 0.1).factor(e, 10) for e in (0, 2, 3, 6)] == pytest.approx([1, 1, 0.1, 0.01])
    assert [Cosine(0.2).factor(e, 11) for e in (0, 5, 10)] == pytest.approx([1, 0.6, 0.2])
    assert [Exponential(0.5).factor(e, 10) for e in (0, 1, 3)] == [1.0, 0.5, 0.125]
    assert Cosine().factor(0, 1) == 1.0


def test_the_names_of_optimizers() -> None:
    assert {"sgd", "momentum", "adam", "lbfgs"} <= set(OPTIMIZERS)
