"""How well voltages are read, for every rule that measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.options import Declared, option
from netlearn.solve.reduced_states import ReducedStates, whole


@dataclass(frozen=True, kw_only=True)
class Reading(Declared):
    """Readings with independent Gaussian errors of standard deviation ``noise``, ``averages`` times each."""

    noise: float = option(0.0, "standard deviation of one reading, in V or A", least=0.0)
    averages: int = option(1, "number of readings to average", least=1)

    def read_states(self, states: ReducedStates | Array, rng: np.random.Generator) -> ReducedStates | Array:
        """What is read of states (S, N)."""
        return states if self.noise == 0.0 else self.read(whole(states), rng)

    def read(self, values: Array, rng: np.random.Generator) -> Array:
        """What is read of ``values``."""
        if self.noise == 0.0:
            return values
        return np.asarray(values + rng.normal(scale=self.noise / np.sqrt(self.averages), size=np.shape(values)))
