"""From parameters to the states of devices that hold them, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array

FLOOR = 1e-9
"""Of the largest state, or of the one aimed at: what noise would take to zero or below stays there. By convention, far
below what devices tell from nothing."""


@dataclass(frozen=True)
class States:
    """The states of P devices: a resistance is held as its conductance, everything else as it is.

    ``lower`` and ``upper`` (P,) are the bounds of what can be aimed at, in the parameters' own units, infinite where
    there are none. ``above_zero`` (P,) says which parameters must stay above zero, ``resistive`` which are resistances.
    """

    names: Sequence[str]
    resistive: Array
    above_zero: Array
    lower: Array
    upper: Array

    def of(self, theta: Array) -> Array:
        """States (..., P) of parameters, or parameters of states."""
        with np.errstate(divide="ignore"):
            return np.where(self.resistive, 1.0 / np.where(self.resistive, theta, 1.0), theta)

    def back(self, state: Array, theta: Array) -> Array:
        """Parameters (P,) of states; exactly ``theta`` (P,) where the state is still that of it."""
        return np.where(state == self.of(theta), theta, self.of(state))

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """The smallest and the largest state (P,) that can be aimed at."""
        low = np.where(self.resistive, self.upper, self.lower)
        high = np.where(self.resistive, self.lower, self.upper)
        return self.of(low), self.of(high)

    @cached_property
    def largest(self) -> Array:
        """(P,) the largest size of a state; infinite without bounds."""
        return np.asarray(np.maximum(*map(np.abs, self.ends)))

    @cached_property
    def unbounded(self) -> Array:
        """(P,) which devices have not both bounds."""
        low, high = self.ends
        return ~(np.isfinite(low) & np.isfinite(high) & (~self.resistive | (low > 0)))

    def relative(self, state: Array) -> Array:
        """The size of states (..., P) in parts of the largest."""
        return np.asarray(np.abs(state) / self.largest)

    def kept_above(self, state: Array, aimed: Array) -> Array:
        """States (..., P) of which those that must stay above zero do; ``aimed`` is what was to be written."""
        scale = np.where(np.isfinite(self.largest), self.largest, np.abs(aimed))
        least = np.where(self.above_zero, FLOOR * scale, np.where(self.lower >= 0, 0.0, -np.inf))
        return np.maximum(state, least)

    def limited(self, theta: Array) -> Array:
        """The nearest parameters (..., P) within the bounds."""
        return np.clip(theta, self.lower, self.upper)

    def end(self, k: int, name: str) -> float | None:
        """The value of parameter k whose state is the largest (on) or the smallest (off); None without bounds."""
        if self.unbounded[k]:
            return None
        high = (name == "on") != bool(self.resistive[k])
        return float(self.upper[k] if high else self.lower[k])
