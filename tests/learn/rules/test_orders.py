"""The order of nudges and the losses that they stand for, against derivatives by hand and finite differences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.generalized import GeneralizedEP
from netlearn.learn.rules.nudges import ClampNudge, ConductanceNudge, CurrentNudge
from netlearn.learn.rules.orders import nudged_loss
from tests.helpers import differences, estimate, mean_loss, random_task


@dataclass(frozen=True)
class Power:
    """n = β^k ℓ(y_free), linear in y, as a current."""

    order: int = 3
    contrast_order: int = 3
    power: int = 3

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        linear = CurrentNudge().circuitry(1.0, outputs, targets, loss)
        assert linear.current is not None
        assert linear.constant is not None
        strength = beta**self.power
        return Circuitry(current=strength * linear.current, constant=strength * linear.constant)


@dataclass(frozen=True)
class Spring:
    """A spring of stiffness g to y_free + β (target - y_free): of order 2, with a force of order 1."""

    stiffness: float = 1e-3
    order: int = 2
    contrast_order: int = 1

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        wanted = outputs + beta * (targets - outputs)
        g = np.full(outputs.shape[1], self.stiffness)
        return Circuitry(conductance=g, current=-g * wanted, constant=np.sum(g * wanted**2, axis=1) / 2)


@pytest.mark.parametrize(
    "nudge", [ConductanceNudge(), CurrentNudge(), Power()], ids=["conductance", "current", "cubic"]
)
def test_nudges_stand_for_the_loss(nudge: object) -> None:
    model, theta, batch = random_task(0)
    rule = GeneralizedEP(nudge, 1e-3, "positive")  # type: ignore[arg-type]
    found = rule.nudged_loss(model, Mse(), theta, batch)
    assert found is not None
    outputs = model.outputs(model.forward(theta, batch.inputs))
    assert (found.order, found.contrast_order) == (nudge.order, nudge.order)  # type: ignore[attr-defined]
    assert found.value == pytest.approx(Mse().value(outputs, batch.targets), rel=1e-9)
    assert found.slope == pytest.approx(Mse().gradient(outputs, batch.targets), rel=1e-9)


def test_a_spring_is_of_order_two_and_descends_its_own_energy() -> None:
    """ℓ = g |t - y|²/2, and the update at small β is its gradient, with the spring's stiffness in the circuit."""
    model, theta, batch = random_task(0)
    spring = Spring(1e-9)
    rule = GeneralizedEP(spring, 1e-3, "positive")
    found = rule.nudged_loss(model, Mse(), theta, batch)
    assert found is not None
    outputs = model.outputs(model.forward(theta, batch.inputs))
    assert (found.order, found.contrast_order) == (2, 1)
    assert found.value == pytest.approx(0.5e-9 * np.sum((batch.targets - outputs) ** 2, axis=1), rel=1e-4)

    def energy(at: Array) -> float:
        y = model.outputs(model.forward(at, batch.inputs))
        return float(np.mean(0.5e-9 * np.sum((batch.targets - y) ** 2, axis=1)))

    wanted = differences(energy, theta)
    # The centered form has no error of first order in β, and a spring this weak none that shows.
    update = estimate(replace(rule, states="centered"), model, theta, batch)
    assert update == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("nudge", "message"),
    [
        (
            Power(order=3, contrast_order=1),
            "its contrast_order is 1, but its force on the outputs goes as .* power of 3",
        ),
        (Power(order=2), "its order is 2, but its energy at the free state goes as .* power of 3"),
        (Power(power=0), "no whole power of beta above zero"),
    ],
)
def test_a_wrong_order_is_found(nudge: Power, message: str) -> None:
    model, theta, batch = random_task(0)
    with pytest.raises(OptionError, match=message):
        estimate(GeneralizedEP(nudge, 1e-3, "positive"), model, theta, batch)


def test_the_order_of_a_built_in_nudge_is_its_own() -> None:
    with pytest.raises(TypeError, match="order"):
        CurrentNudge(order=2)  # type: ignore[call-arg]

    @dataclass(frozen=True)
    class Second(CurrentNudge):
        order: int = 2

    model, theta, batch = random_task(0)
    with pytest.raises(OptionError, match="its order is 2, but its energy"):
        estimate(GeneralizedEP(Second(), 1e-3, "positive"), model, theta, batch)


def test_a_nudge_without_a_constant_has_a_slope_only() -> None:
    @dataclass(frozen=True)
    class Bare(Power):
        def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
            return replace(super().circuitry(beta, outputs, targets, loss), constant=None)

    model, theta, batch = random_task(0)
    found = GeneralizedEP(Bare(), 1e-3, "positive").nudged_loss(model, Mse(), theta, batch)
    assert found is not None
    assert (found.order, found.value, found.contrast_order) == (None, None, 3)


def test_an_ideal_clamp_has_no_loss() -> None:
    model, theta, batch = random_task(0)
    with pytest.raises(OptionError, match="an ideal clamp has no finite energy"):
        GeneralizedEP(ClampNudge()).nudged_loss(model, Mse(), theta, batch)


def test_outputs_that_are_right_ask_nothing() -> None:
    outputs = np.array([[0.2, 0.3]])
    assert nudged_loss(ConductanceNudge(), outputs, outputs, Mse(), 1e-3) is None


def test_the_spring_tends_to_the_clamp() -> None:
    """Its ℓ grows without end as it stiffens; the update tends to coupled learning's, (K e)ᵀ ∂y/∂θ."""
    model, theta, batch = random_task(0)
    clamp = estimate(GeneralizedEP(ClampNudge(), 1e-2), model, theta, batch)
    errors, values = [], []
    for stiffness in (1e-2, 1e0, 1e2):
        rule = GeneralizedEP(Spring(stiffness), 1e-2, "centered")
        found = estimate(rule, model, theta, batch)
        errors.append(np.linalg.norm(found - clamp) / np.linalg.norm(clamp))
        loss = rule.nudged_loss(model, Mse(), theta, batch)
        assert loss is not None
        assert loss.value is not None
        values.append(float(loss.value.mean()))
    assert values[1] / values[0] == pytest.approx(100, rel=1e-4)
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.3)


def test_centered_currents_have_no_bias_in_linear_circuits() -> None:
    """The states move by ±β δ exactly, and the squares' differences are products."""
    model, theta, batch = random_task(0)
    for loss in (Mse(), CrossEntropy(scale=5.0)):
        given = batch if isinstance(loss, Mse) else Batch(batch.inputs, np.array([0, 1, 0, 0, 1]))
        exact = estimate(Analytic(), model, theta, given, loss)
        found = estimate(GeneralizedEP(CurrentNudge(), 0.1), model, theta, given, loss)
        assert found == pytest.approx(exact, rel=1e-9, abs=1e-12 * np.abs(exact).max())


@dataclass(frozen=True)
class Weighted(Mse):
    """A squared error of which the second output counts ten times what the first does."""

    def value(self, outputs: Array, targets: Array) -> Array:
        return np.asarray((np.array([1.0, 10.0]) * (outputs - targets) ** 2).mean(-1))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        return np.asarray(np.array([1.0, 10.0]) * 2 * (outputs - targets) / outputs.shape[-1])


def test_a_nudge_pulls_by_the_gradient_of_a_loss_of_one_s_own() -> None:
    model, theta, batch = random_task(1)
    loss = Weighted()
    wanted = differences(lambda t: mean_loss(model, t, batch, loss), theta)
    update = estimate(GeneralizedEP(ConductanceNudge(), 1e-8, "centered"), model, theta, batch, loss)
    assert update == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())


@dataclass(frozen=True)
class Limited(CurrentNudge):
    """Sources that give 1 µA at the most."""

    most: float = 1e-6

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        made = super().circuitry(beta, outputs, targets, loss)
        assert made.current is not None
        return replace(made, current=np.clip(made.current.real, -self.most, self.most), constant=None)


def test_a_nudge_that_is_not_linear_in_its_strength_is_made_at_its_strength() -> None:
    model, theta, batch = random_task(1)
    # At this strength no source is at its limit, at strength one all are.
    plain, limited = (
        estimate(GeneralizedEP(nudge, 1e-7, "centered"), model, theta, batch) for nudge in (CurrentNudge(), Limited())
    )
    np.testing.assert_allclose(limited, plain, rtol=1e-6, atol=1e-9 * np.abs(plain).max())


def test_a_class_is_no_nudge() -> None:
    with pytest.raises(OptionError, match="is not a nudge"):
        GeneralizedEP(CurrentNudge)  # type: ignore[arg-type]
