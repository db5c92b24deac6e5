"""Right-hand sides that are zero but at a few unknowns, as sources make them: without arrays of all unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array


@dataclass(frozen=True, eq=False)
class RightSides:
    """S right-hand sides of ``size`` equations: ``values`` (S, d) in the equations ``given`` (d,), zero elsewhere."""

    given: Array
    values: Array
    size: int

    @classmethod
    def of(cls, rhs: Array) -> RightSides:
        """Those of an array (S, N)."""
        given = np.flatnonzero(rhs.any(axis=0))
        return cls(given, rhs[:, given], rhs.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, which: slice | Array) -> RightSides:
        """Some of them."""
        return RightSides(self.given, self.values[which], self.size)

    def whole(self) -> Array:
        """All numbers, (S, N)."""
        result = np.zeros((len(self), self.size), self.values.dtype)
        result[:, self.given] = self.values
        return result

    def at(self, equations: Array) -> Array:
        """What they have in some equations, (S, e)."""
        places = self._places[equations]
        if (places >= 0).all():
            return self.values[:, places]
        result = np.zeros((len(self), len(equations)), self.values.dtype)
        there = places >= 0
        result[:, there] = self.values[:, places[there]]
        return result

    @cached_property
    def varying(self) -> Array:
        """Which of ``given`` are not the same for all."""
        return np.flatnonzero((self.values != self.values[:1]).any(axis=0))

    def units(self) -> RightSides:
        """The first one without what varies, and a unit of each that varies: all others are sums of these."""
        varying = self.varying
        values = np.zeros((len(varying) + 1, len(self.given)), self.values.dtype)
        values[0] = self.values[0]
        values[0, varying] = 0.0
        values[np.arange(1, len(values)), varying] = 1.0
        return RightSides(self.given, values, self.size)

    @cached_property
    def _places(self) -> Array:
        places = np.full(self.size, -1)
        places[self.given] = np.arange(len(self.given))
        return places
