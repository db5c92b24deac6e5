"""Coordinates in which parameters are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import REACH, Parameters
from netlearn.errors import OptionError, Place

Coordinates = Literal["log", "conductance", "resistance"]


@dataclass(frozen=True)
class Transform:
    """Coordinates u (P,) of the parameters θ (P,), and the box that u is projected onto.

    Resistances train as u = -log θ, the log-conductance, as u = scale/θ or as u = θ/scale. What else must
    be positive trains as u = -log θ, and every other parameter as u = θ/scale. The scale of
    resistances is the geometric mean of all at the start, in ohms, and that of another
    parameter its own size at the start, so that a learning rate always means about the same.

    ``log`` and ``inverse`` (P,) say which of the three holds, ``bounds`` is the box in θ.
    """

    parameters: Parameters
    log: Array
    inverse: Array
    scale: Array
    bounds: tuple[Array, Array]

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
        positive, resistive = np.asarray(parameters.positive, dtype=bool), parameters.resistive
        low = np.array(np.broadcast_to(parameters.lower, theta.shape), dtype=float)
        high = np.array(np.broadcast_to(parameters.upper, theta.shape), dtype=float)
        _check(
            place,
            parameters,
            positive & ~(theta > 0),
            "starts at {0:g}, and a resistance that is trained must be above zero"
            if np.all(resistive[positive])
            else "starts at {0:g}, and what is trained by its logarithm must be above zero",
            theta,
        )
        _check(place, parameters, low > high, "has a lower bound above its upper bound of {0:g}", high)
        _check(
            place,
            parameters,
            positive & ~(high > 0),
            "has the upper bound {0:g}, which leaves no resistance above 0"
            if np.all(resistive[positive])
            else "has the upper bound {0:g}, which leaves nothing above 0",
            high,
        )
        if coordinates != "log":
            open_low, open_high = resistive & (low <= 0), resistive & np.isinf(high)
            low[open_low] = theta[open_low] / REACH
            high[open_high] = theta[open_high] * REACH
        low[positive] = np.maximum(low[positive], np.finfo(float).tiny)
        scale = np.array(parameters.sizes)
        scale[resistive] = np.exp(np.mean(np.log(theta[resistive]))) if resistive.any() else 1.0
        none = np.zeros_like(positive)
        log = positive if coordinates == "log" else positive & ~resistive
        return cls(parameters, log, resistive if coordinates == "conductance" else none, scale, (low, high))

    @cached_property
    def _log(self) -> Array | slice:
        """Where ``log`` holds: of all parameters a slice, which nothing is copied for."""
        return _places(self.log)

    @cached_property
    def _inverse(self) -> Array | slice:
        """The same of ``inverse``."""
        return _places(self.inverse)

    @cached_property
    def start(self) -> Array:
        """u of the initial values."""
        return self.inward(np.asarray(self.parameters.initial, dtype=float))

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """u of the lower and of the upper bounds of θ."""
        return self.inward(self.bounds[0]), self.inward(self.bounds[1])

    @cached_property
    def lower(self) -> Array:
        """The lower bounds of u."""
        return np.asarray(np.minimum(*self.ends))

    @cached_property
    def upper(self) -> Array:
        """The upper bounds of u."""
        return np.asarray(np.maximum(*self.ends))

    def inward(self, theta: Array) -> Array:
        """u of θ."""
        u = theta / self.scale
        u[self._log] = -np.log(theta[self._log])
        u[self._inverse] = 1.0 / u[self._inverse]
        return np.asarray(u)

    def outward(self, u: Array) -> Array:
        """θ of u; exactly the initial value where u has not moved from its start."""
        theta = u * self.scale
        with np.errstate(over="ignore"):
            # What is beyond all numbers is told of by its loss.
            theta[self._log] = np.exp(-u[self._log])
        theta[self._inverse] = self.scale[self._inverse] / u[self._inverse]
        # On a bound the text's own number is meant, not what the round trip makes of it.
        for end, bound in zip(self.ends, self.bounds, strict=True):
            _replace(theta, u == end, bound)
        _replace(theta, u == self.start, self.parameters.initial)
        return np.asarray(theta)

    def gradient(self, theta: Array, gradient: Array) -> Array:
        """Derivatives by u (P,) from derivatives by θ (P,)."""
        slope = np.array(self.scale)
        slope[self._log] = -theta[self._log]
        slope[self._inverse] = -(theta[self._inverse] ** 2) / self.scale[self._inverse]
        slope *= gradient
        return slope

    def project(self, u: Array) -> Array:
        """The nearest u within the bounds."""
        # As np.clip, in half its time.
        inside = np.maximum(u, self.lower)
        return np.asarray(np.minimum(inside, self.upper, out=inside))


def _replace(values: Array, where: Array, others: Array) -> None:
    """Take the ``others`` for those values that a mask names, which are mostly none."""
    if where.any():
        np.copyto(values, others, where=where)


def _places(mask: Array) -> Array | slice:
    """Where a mask holds, as a slice if that is everywhere or nowhere."""
    if mask.all():
        return slice(None)
    return np.flatnonzero(mask) if mask.any() else slice(0, 0)


def _check(
    place: Callable[[str], Place | None], parameters: Parameters, wrong: Array, message: str, values: Array
) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        more = int(wrong.sum()) - 1
        others = f" (and {more} more like it)" if more else ""
        name = parameters.names[first]
        raise OptionError(f"'{name}' {message.format(values[first])}{others}", place(name))
