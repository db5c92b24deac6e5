"""Losses, rules and optimizers of one's own: what they must give, and that they train when they do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.rules import CoupledLearning

NETLIST = "netlists/voltage_division.cir"


class Huber:
    def value(self, outputs: Any, targets: Any) -> Any:
        e = np.abs(outputs - targets)
        return np.where(e < 0.05, e**2 / 2, 0.05 * (e - 0.025)).sum(axis=1)

    def gradient(self, outputs: Any, targets: Any) -> Any:
        return np.clip(outputs - targets, -0.05, 0.05)


class MeanLoss(Huber):
    def value(self, outputs: Any, targets: Any) -> Any:
        return super().value(outputs, targets).mean()


class SummedSlopes(Huber):
    def gradient(self, outputs: Any, targets: Any) -> Any:
        return super().gradient(outputs, targets).sum(axis=1)


class Signs:
    def estimate(self, *given: Any) -> Any:
        found = CoupledLearning(beta=0.1).estimate(*given)
        return replace(found, gradient=np.sign(found.gradient))


class BareArray:
    def estimate(self, model: Any, loss: Any, theta: Any, batch: Any, rng: Any) -> Any:
        return np.zeros(len(theta))


class OneTooFew(Signs):
    def estimate(self, *given: Any) -> Any:
        found = super().estimate(*given)
        return replace(found, gradient=found.gradient[1:])


class Descent:
    def start(self, size: int) -> dict[str, Any]:
        return {}

    def step(self, state: Any, gradient: Any) -> Any:
        return -gradient, state


class NoMemory(Descent):
    def step(self, state: Any, gradient: Any) -> Any:
        return -0.1 * gradient


class Overflowing(Descent):
    def step(self, state: Any, gradient: Any) -> Any:
        return gradient * np.nan, state


class OneForAll(Descent):
    def step(self, state: Any, gradient: Any) -> Any:
        return -0.1 * gradient.mean(), state


@pytest.mark.parametrize("settings", [{"loss": Huber()}, {"rule": Signs()}, {"optimizer": Descent()}])
def test_they_train(settings: dict[str, Any]) -> None:
    result = netlearn.train(NETLIST, epochs=20, **settings)
    assert result.history.loss[-1] < 0.5 * result.history.loss[0]


@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        ({"loss": MeanLoss()}, r"value() of the loss MeanLoss has the shape () for 2 samples", "(samples,)"),
        ({"loss": SummedSlopes()}, "gradient() of the loss SummedSlopes has the shape (2,)", "(samples, outputs)"),
        ({"rule": BareArray()}, "estimate() of the rule BareArray gives a ndarray, not an Estimate", "Estimate(loss"),
        ({"rule": OneTooFew()}, "gradient of the rule OneTooFew has the shape (11,), not (12,)", "each trained"),
        ({"optimizer": NoMemory()}, "step() of the optimizer NoMemory gives a ndarray", "change, memory"),
        ({"optimizer": OneForAll()}, "OneForAll gives a change of the shape ()", "(parameters,)"),
        ({"optimizer": Overflowing()}, "Overflowing gives a change with numbers that are not finite", "divisions"),
    ],
)
def test_what_they_give_is_held_to_its_shape(settings: dict[str, Any], said: str, hint: str) -> None:
    for run in (
        lambda: netlearn.train(NETLIST, epochs=2, **settings),
        lambda: netlearn.Trainer(NETLIST, input="Vin", **settings).step([[1.0], [2.0]], [[0.6, 0.2], [1.0, 0.5]]),
    ):
        with pytest.raises(OptionError) as caught:
            run()
        assert said in caught.value.message
        assert hint in (caught.value.hint or "")


class WeighsEach:
    """A loss with a weight for each sample of one training, and none at zero volts."""

    weights = np.array([1.0, 2.0, 3.0])

    def value(self, outputs: Any, targets: Any) -> Any:
        assert (outputs > 0).all()
        return self.weights * ((outputs - targets) ** 2).sum(axis=1)

    def gradient(self, outputs: Any, targets: Any) -> Any:
        return 2 * self.weights[:, None] * (outputs - targets)


def test_losses_that_two_samples_tell_nothing_of_train() -> None:
    netlist = netlearn.parse("divider\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n")
    data = {"V1": [1.0, 2.0, 3.0], "V(out)": [0.3, 0.6, 0.9]}
    losses = netlearn.train(netlist, data, epochs=20, loss=WeighsEach()).history.loss
    assert losses[-1] < losses[0]
