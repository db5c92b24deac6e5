"""Starts for Newton's method that come from samples already solved.

Where a circuit has one operating point for each drive, the operating points of many samples lie on
a smooth surface over the sources' values. It is interpolated with radial basis functions (Wendland,
Scattered Data Approximation, Cambridge 2005): cubic ones and a linear trend, or linear ones and a
constant where too few samples are solved for a trend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import RBFInterpolator

from netlearn.arrays import Array
from netlearn.circuit.wiring import Wiring

CUBIC: Final = "cubic"
LINEAR: Final = "linear"
DEPENDENT = 1e-10
"""Directions whose extent, a square, is less than this part of the largest are rounding: five digits of the drive are
left of float64's."""
RIDGE = 1e-10
"""Added to the diagonal, so that samples with the same drive do no harm: by convention far above float64's rounding and
far below what starts are good for."""
MOST_KEPT = 4_000_000
"""So many weights are kept for the next time: 16 MB by convention."""


@dataclass(frozen=True)
class Drives:
    """The sources' values of all samples as points (S, p), in independent directions."""

    points: Array

    @classmethod
    def of(cls, constant: Array) -> Drives:
        """From the right-hand sides (N, S) of all samples."""
        varying = constant[(constant != constant[:, :1]).any(axis=1)]
        spread = varying.std(axis=1, keepdims=True)
        scaled = (varying - varying.mean(axis=1, keepdims=True)) / spread
        # Sources that move together, such as an input in both polarities, are one direction.
        extent, directions = np.linalg.eigh(scaled @ scaled.T)
        return cls(scaled.T @ directions[:, extent > DEPENDENT * extent.max(initial=0.0)])

    def spread_out(self, first: int) -> Array:
        """All samples in an order of which the ``first`` ones are far from each other."""
        order = np.random.default_rng(0).permutation(len(self.points))
        # Among so many at random there are some far from each other.
        tried = order[: 4 * first]
        points, chosen = self.points[tried], np.zeros(first, dtype=np.intp)
        squares = (points * points).sum(axis=1)
        apart = squares[:, None] + squares - 2.0 * points @ points.T
        # The first one is the farthest from the middle.
        chosen[0], nearest = squares.argmax(), np.full(len(tried), np.inf)
        for k in range(1, first):
            np.minimum(nearest, apart[chosen[k - 1]], out=nearest)
            nearest[chosen[k - 1]] = -np.inf
            chosen[k] = nearest.argmax()
        rest = np.ones(len(order), dtype=bool)
        rest[chosen] = False
        return np.concatenate([tried[chosen], order[rest]])

    def weights(self, known: Array, samples: Array) -> Array:
        """By what the values at the ``known`` samples are to be multiplied for those at others, (samples, known).

        They have seven digits, more than interpolation gives, so that products take half the time.
        """
        centers = self.points[known]
        trend = len(centers) > 2 * (centers.shape[1] + 1)
        # What interpolates unit vectors weighs any values, and as a matrix product is faster than scipy's own sum.
        units = np.eye(len(centers))
        try:
            shares = RBFInterpolator(
                centers, units, kernel=CUBIC if trend else LINEAR, degree=int(trend), smoothing=RIDGE
            )
        except np.linalg.LinAlgError:
            # The known samples lie on a line, say, and tell no trend.
            shares = RBFInterpolator(centers, units, kernel=LINEAR, degree=0, smoothing=RIDGE)
        return np.asarray(shares(self.points[samples]), dtype=np.float32)


class Starts(NamedTuple):
    """Where Newton's method starts: at ``values`` (m, n), but not beyond ``least`` and ``most`` (n,)."""

    values: Array
    least: Array
    most: Array

    @classmethod
    def at(cls, values: Array) -> Starts:
        """Right there."""
        everywhere = np.full(values.shape[1], np.inf)
        return cls(np.ascontiguousarray(values), -everywhere, everywhere)

    def some(self, mine: Array) -> Starts:
        """Those of some samples, by a mask (m,)."""
        return self if len(self.values) == 1 else self._replace(values=np.ascontiguousarray(self.values[mine]))

    @classmethod
    def interpolated(cls, weights: Array, values: Array) -> Starts:
        """From other samples' values (known, n) and ``weights`` (m, known)."""
        # Beyond what was seen an exponential would answer with astronomic currents.
        found = weights @ values.astype(weights.dtype)
        return cls(found.astype(float), values.min(axis=0), values.max(axis=0))


@dataclass(frozen=True, eq=False)
class InterpolatedStarts:
    """The samples ``known`` (k,), which are solved first, and the ``others``, which start from what these tell.

    It depends on what sources drive alone, and not on the circuit's values.
    """

    drives: Drives
    known: Array
    others: Array

    @classmethod
    def of(cls, driven: Array, first: int, most: int, wiring: Wiring) -> InterpolatedStarts | None:
        """For the right-hand sides (N, S) of all samples; None where they have more than ``most`` directions.

        The same object again for the same ones, as the epochs of a training have them.
        """
        kept: list[tuple[Array, int, int, InterpolatedStarts | None]] = wiring.once((cls, "last"), list)
        for before, *sizes, found in kept:
            if sizes == [first, most] and np.array_equal(before, driven):
                return found
        # An input in both polarities is one direction, but thousands of inputs are not a few.
        if np.count_nonzero((driven != driven[:, :1]).any(axis=1)) > 4 * most:
            return None
        drives, starts = Drives.of(driven), None
        if 0 < drives.points.shape[1] <= most:
            known, others = np.split(drives.spread_out(first), [first])
            starts = cls(drives, known, others)
        kept[:] = [(np.array(driven), first, most, starts)]
        return starts

    def starts(self, values: Array, part: slice) -> Starts:
        """Where a part of the others starts, from the ``known`` ones' solutions (k, n)."""
        if len(self.others) * len(self.known) > MOST_KEPT:
            return Starts.interpolated(self.drives.weights(self.known, self.others[part]), values)
        return Starts.interpolated(self._weights[part], values)

    @cached_property
    def _weights(self) -> Array:
        return self.drives.weights(self.known, self.others)

    @cached_property
    def halves(self) -> tuple[Array, Array, Array]:
        """Of the known ones the first half and the second half, and the weights of the former for the latter."""
        first, second = np.split(self.known, 2)
        return first, second, self.drives.weights(first, second)
