"""Optimizers: from a gradient to the next step, elementwise, with explicit state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.options import Declared, option

State = Mapping[str, Array]
"""What an optimizer remembers of each parameter, (P,) each."""
Ranges = Mapping[str, tuple[float, float]]
"""What numbers of a state can be, the ends included, by their names; ``steps`` are counted. Others are any."""
COUNTED = "steps"
"""What optimizers of netlearn call the number of steps in their state: by definition."""


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
class Sgd(Declared):
    """Plain gradient descent."""

    lr: float = option(0.1, "learning rate", above=0.0)

    def start(self, size: int) -> State:
        return {}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        return -self.lr * gradient, state


@dataclass(frozen=True)
class Momentum(Declared):
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
class Adam(Declared):
    """Adam (Kingma and Ba, 2015): steps of about ``lr`` whatever the size of the gradient."""

    lr: float = option(0.05, "learning rate", above=0.0)
    beta1: float = option(0.9, "memory of the gradient's mean", least=0.0, below=1.0)
    beta2: float = option(0.999, "memory of the gradient's square", least=0.0, below=1.0)
    eps: float = option(1e-12, "added to the root of the mean square, in units of the loss", above=0.0)
    ranges: ClassVar[Ranges] = {"square": (0.0, inf), "steps": (0.0, inf)}

    def start(self, size: int) -> State:
        return {"mean": np.zeros(size), "square": np.zeros(size), "steps": np.zeros(size)}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        mean, square, steps = self.beta1 * state["mean"], self.beta2 * state["square"], state["steps"] + 1
        mean += (1 - self.beta1) * gradient
        squared = gradient * gradient
        squared *= 1 - self.beta2
        square += squared
        # Powers take longer than all else, and unless a part of the parameters is trained all have taken as many steps.
        taken = steps[:1] if (steps == steps[:1]).all() else steps
        change = mean / (1 - self.beta1**taken)
        size = np.divide(square, 1 - self.beta2**taken, out=squared)
        np.sqrt(size, out=size)
        size += self.eps
        change *= -self.lr
        change /= size
        return change, {"mean": mean, "square": square, "steps": steps}


@dataclass(frozen=True)
class Lbfgsb(Declared):
    """L-BFGS-B of scipy (Byrd, Lu, Nocedal and Zhu, 1995): full batches, exact gradients.

    One epoch is one iteration, which may try several values.
    """

    memory: int = option(20, "corrections that approximate the Hessian", least=1)
    ftol: float = option(
        0.0, "stop where the loss falls by less than this part of itself or its unit", least=0.0, part=True
    )
    gtol: float = option(1e-12, "stop where no derivative is larger than this, in units of the loss", least=0.0)


@dataclass(frozen=True)
class TikiTaka(Declared):
    """Tiki-Taka: a fast array A gathers the gradient, and is transferred to the slow array C.

    A follows A ← A + d - γ|d| A with d = -fast · gradient, γ its ``asymmetry``: it forgets as
    its own device does, and rests at its symmetry point where the gradient averages to
    nothing. Every ``every`` steps C moves by ``lr`` A. The trained value is C + ``share`` A.
    T. Gokmen, W. Haensch, "Algorithm for training neural networks on resistive device
    arrays", Frontiers in Neuroscience 14, 103 (2020).
    """

    lr: float = option(0.1, "rate at which the slow array follows the fast one", above=0.0)
    fast: float = option(0.1, "rate at which the fast array follows the gradient", above=0.0)
    asymmetry: float = option(0.5, "asymmetry of the fast array's devices", least=0.0, most=1.0)
    share: float = option(0.1, "part of the fast array in the trained value", least=0.0, part=True)
    every: int = option(1, "steps from one transfer to the next", least=1)
    ranges: ClassVar[Ranges] = {"fast": (-1.0, 1.0), "steps": (0.0, inf)}

    def start(self, size: int) -> State:
        """Both arrays at their symmetry points."""
        return {"fast": np.zeros(size), "steps": np.zeros(size)}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        """The change of the trained value, and the arrays afterwards."""
        before, steps = state["fast"], state["steps"] + 1
        d = -self.fast * gradient
        after = np.clip(before + d - self.asymmetry * np.abs(d) * before, -1.0, 1.0)
        transfer = np.where(steps % self.every == 0, self.lr * after, 0.0)
        return transfer + self.share * (after - before), {"fast": after, "steps": steps}


@dataclass(frozen=True)
class HamiltonianDescent(Declared):
    """Stochastic Hamiltonian Descent: A is a momentum, C the position, and asymmetry the friction.

    A ← A + d - γ|d| A with d = -fast · gradient, and C ← C + ``lr`` A at every step; the
    trained value is C alone. Noise in the gradient then only adds friction, where in plain
    descent it pulls the device to its symmetry point. M. Onen and others, "Neural network
    training with asymmetric crosspoint elements", arXiv 2201.13377 (2022).
    """

    lr: float = option(0.1, "rate at which the position follows the momentum", above=0.0)
    fast: float = option(0.1, "rate at which the momentum follows the gradient", above=0.0)
    asymmetry: float = option(0.5, "asymmetry of the momentum's devices", least=0.0, most=1.0)
    ranges: ClassVar[Ranges] = TikiTaka.ranges

    def start(self, size: int) -> State:
        """At rest."""
        return self._arrays.start(size)

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        """The change of position, and the momentum afterwards."""
        return self._arrays.step(state, gradient)

    @property
    def _arrays(self) -> TikiTaka:
        return TikiTaka(self.lr, self.fast, self.asymmetry, share=0.0)


OPTIMIZERS: Mapping[str, type] = {
    "sgd": Sgd,
    "momentum": Momentum,
    "adam": Adam,
    "lbfgs": Lbfgsb,
    "tiki-taka": TikiTaka,
    "hamiltonian": HamiltonianDescent,
}
