"""Coordinates in which parameters are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlearn.circuit.devices.base import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError, Place

Coordinates = Literal["log", "conductance", "resistance"]

REACH = 1e6
"""Conductances and resistances without bounds stay within this factor of where they began."""


@dataclass(frozen=True)
class Transform:
    """Coordinates u (P,) of the parameters θ (P,), and the box that u is projected onto.

    ``bounds`` is the same box in θ. Resistances (what must be positive) train as u = -log θ,
    the log-conductance, as u = ``unit``/θ or as u = θ/``unit``; every other parameter as it
    is. The unit is the geometric mean of the resistances at the start, in ohms, so that a
    learning rate means about the same in all three.
    """

    coordinates: Coordinates
    parameters: Parameters
    lower: Array
    upper: Array
    start: Array
    bounds: tuple[Array, Array]
    unit: float

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        coordinates: Coordinates = "log",
        place: Callable[[str], Place | None] = lambda name: None,
    ) -> Transform:
        """Coordinates that begin at the parameters' initial values.

        Raises OptionError, at the ``place`` of its name, for a resistance or a bound for which
        the coordinate does not exist.
        """
        theta = np.asarray(parameters.initial, dtype=float)
        positive = np.asarray(parameters.positive, dtype=bool)
        low = np.array(np.broadcast_to(parameters.lower, theta.shape), dtype=float)
        high = np.array(np.broadcast_to(parameters.upper, theta.shape), dtype=float)
        _check(
            place,
            parameters,
            positive & ~(theta > 0),
            "starts at {0:g}, and a resistance that is trained must be above zero",
            theta,
        )
        _check(place, parameters, low > high, "has a lower bound above its upper bound of {0:g}", high)
        _check(
            place,
            parameters,
            positive & ~(high > 0),
            "has the upper bound {0:g}, which leaves no resistance above 0",
            high,
        )
        if coordinates != "log":
            open_low, open_high = positive & (low <= 0), positive & np.isinf(high)
            low[open_low] = theta[open_low] / REACH
            high[open_high] = theta[open_high] * REACH
        low[positive] = np.maximum(low[positive], np.finfo(float).tiny)
        unit = float(np.exp(np.mean(np.log(theta[positive])))) if positive.any() else 1.0
        made = cls(coordinates, parameters, low, high, theta, (low, high), unit)
        ends = np.sort([made.inward(low), made.inward(high)], axis=0)
        return cls(coordinates, parameters, ends[0], ends[1], made.inward(theta), (low, high), unit)

    def inward(self, theta: Array) -> Array:
        """u of θ."""
        u = np.array(theta, dtype=float)
        positive = self._positive
        if self.coordinates == "log":
            u[positive] = -np.log(u[positive])
        elif self.coordinates == "conductance":
            u[positive] = self.unit / u[positive]
        else:
            u[positive] /= self.unit
        return u

    def outward(self, u: Array) -> Array:
        """θ of u; exactly the initial value where u has not moved from its start."""
        theta = np.array(u, dtype=float)
        positive = self._positive
        if self.coordinates == "log":
            theta[positive] = np.exp(-theta[positive])
        elif self.coordinates == "conductance":
            theta[positive] = self.unit / theta[positive]
        else:
            theta[positive] *= self.unit
        # On a bound the text's own number is meant, not what the round trip makes of it.
        for bound in self.bounds:
            theta = np.where(u == self.inward(bound), bound, theta)
        return np.where(u == self.start, self.parameters.initial, theta)

    def gradient(self, theta: Array, gradient: Array) -> Array:
        """Derivatives by u (P,) from derivatives by θ (P,)."""
        result = np.array(gradient)
        positive = self._positive
        if self.coordinates == "log":
            result[positive] *= -theta[positive]
        elif self.coordinates == "conductance":
            result[positive] *= -(theta[positive] ** 2) / self.unit
        else:
            result[positive] *= self.unit
        return result

    def project(self, u: Array) -> Array:
        """The nearest u within the bounds."""
        return np.clip(u, self.lower, self.upper)

    @property
    def _positive(self) -> Array:
        return np.asarray(self.parameters.positive, dtype=bool)


def _check(
    place: Callable[[str], Place | None], parameters: Parameters, wrong: Array, message: str, values: Array
) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        more = int(wrong.sum()) - 1
        others = f" (and {more} more like it)" if more else ""
        name = parameters.names[first]
        raise OptionError(f"'{name}' {message.format(values[first])}{others}", place(name))
