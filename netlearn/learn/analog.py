"""Optimizers for devices that step up and down unequally: two arrays in place of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlearn.circuit.devices.base import Array
from netlearn.options import option

State = Mapping[str, Array]


@dataclass(frozen=True)
class TikiTaka:
    """Tiki-Taka: a fast array A gathers the gradient, and is transferred to the slow array C.

    A follows A ← A + d - γ|d| A with d = -fast · gradient, γ its ``asymmetry``: it forgets as
    its own device does, and rests at its symmetry point where the gradient averages to
    nothing. Every ``every`` steps C moves by ``lr`` A. The trained value is C + ``share`` A.
    T. Gokmen, W. Haensch, "Algorithm for training neural networks on resistive device
    arrays", Frontiers in Neuroscience 14, 103 (2020).
    """

    lr: float = option(0.1, "how fast the slow array follows the fast one", above=0.0)
    fast: float = option(0.1, "how fast the fast array follows the gradient", above=0.0)
    asymmetry: float = option(0.5, "asymmetry of the fast array's devices", least=0.0, most=1.0)
    share: float = option(0.1, "part of the fast array in the trained value", least=0.0)
    every: int = option(1, "steps from one transfer to the next", least=1)

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
class HamiltonianDescent:
    """Stochastic Hamiltonian Descent: A is a momentum, C the position, and asymmetry the friction.

    A ← A + d - γ|d| A with d = -fast · gradient, and C ← C + ``lr`` A at every step; the
    trained value is C alone. Noise in the gradient then only adds friction, where in plain
    descent it pulls the device to its symmetry point. M. Onen and others, "Neural network
    training with asymmetric crosspoint elements", arXiv 2201.13377 (2022).
    """

    lr: float = option(0.1, "how fast the position follows the momentum", above=0.0)
    fast: float = option(0.1, "how fast the momentum follows the gradient", above=0.0)
    asymmetry: float = option(0.5, "asymmetry of the momentum's devices", least=0.0, most=1.0)

    def start(self, size: int) -> State:
        """At rest."""
        return self._arrays.start(size)

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        """The change of position, and the momentum afterwards."""
        return self._arrays.step(state, gradient)

    @property
    def _arrays(self) -> TikiTaka:
        return TikiTaka(self.lr, self.fast, self.asymmetry, share=0.0)
