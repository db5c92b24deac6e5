"""Optimizers: from a gradient to the next step, elementwise, with explicit state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netlearn.circuit.devices.base import Array
from netlearn.learn.analog import HamiltonianDescent, TikiTaka
from netlearn.options import option

State = Mapping[str, Array]
"""What an optimizer remembers of each parameter, (P,) each."""


class Optimizer(Protocol):
    """A way to descend. It acts on each parameter by itself, and remembers only its state.

    Being elementwise, an update of a subset of the parameters leaves the others' state as it
    was.
    """

    def start(self, size: int) -> State:
        """The state before the first step of ``size`` parameters."""
        ...

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        """What is to be added to the parameters (P,), and the state afterwards."""
        ...


@dataclass(frozen=True)
class Sgd:
    """Plain gradient descent."""

    lr: float = option(0.1, "learning rate", above=0.0)

    def start(self, size: int) -> State:
        return {}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        return -self.lr * gradient, state


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with a velocity that decays by ``decay`` each step (Polyak, 1964)."""

    lr: float = option(0.1, "learning rate", above=0.0)
    decay: float = option(0.9, "part of the velocity that each step keeps", least=0.0, below=1.0)
    nesterov: bool = option(False, "look ahead along the velocity (Nesterov, 1983)")

    def start(self, size: int) -> State:
        return {"velocity": np.zeros(size)}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        velocity = self.decay * state["velocity"] - self.lr * gradient
        change = self.decay * velocity - self.lr * gradient if self.nesterov else velocity
        return change, {"velocity": velocity}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015): steps of about ``lr`` whatever the size of the gradient."""

    lr: float = option(0.05, "learning rate", above=0.0)
    beta1: float = option(0.9, "memory of the gradient's mean", least=0.0, below=1.0)
    beta2: float = option(0.999, "memory of the gradient's square", least=0.0, below=1.0)
    eps: float = option(1e-12, "added to the root of the mean square", above=0.0)

    def start(self, size: int) -> State:
        return {"mean": np.zeros(size), "square": np.zeros(size), "steps": np.zeros(size)}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        mean = self.beta1 * state["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * state["square"] + (1 - self.beta2) * gradient**2
        steps = state["steps"] + 1
        unbiased = mean / (1 - self.beta1**steps)
        size = np.sqrt(square / (1 - self.beta2**steps)) + self.eps
        return -self.lr * unbiased / size, {"mean": mean, "square": square, "steps": steps}


@dataclass(frozen=True)
class Lbfgsb:
    """L-BFGS-B of scipy (Byrd, Lu, Nocedal and Zhu, 1995): full batches, exact gradients.

    One epoch is one iteration, which may try several values.
    """

    memory: int = option(20, "corrections that approximate the Hessian", least=1)
    ftol: float = option(0.0, "stop where the loss falls by less than this part of max(loss, 1)", least=0.0)
    gtol: float = option(1e-12, "stop where no derivative is larger than this", least=0.0)


OPTIMIZERS: Mapping[str, type] = {
    "sgd": Sgd,
    "momentum": Momentum,
    "adam": Adam,
    "lbfgs": Lbfgsb,
    "tiki-taka": TikiTaka,
    "hamiltonian": HamiltonianDescent,
}
