"""Starts for Newton's method that come from samples already solved.

Where a circuit has one operating point for each drive, the operating points of many samples lie on
a smooth surface over the sources' values. It is interpolated with radial basis functions (Wendland,
Scattered Data Approximation, Cambridge 2005): cubic ones and a linear trend, or linear ones and a
constant where too few samples are solved for a trend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import RBFInterpolator

from netlearn.arrays import Array

CUBIC: Final = "cubic"
LINEAR: Final = "linear"
DEPENDENT = 1e-10
"""Directions whose extent is less than this part of the largest are rounding."""
RIDGE = 1e-10
"""Added to the diagonal, so that samples with the same drive do no harm."""


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

    def surface(self, known: Array, values: Array) -> Callable[[Array], Array]:
        """A function from samples to interpolated values (len(samples), n), ``values`` (len(known), n) being known."""
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
        least, most = values.min(axis=0), values.max(axis=0)

        def at(samples: Array) -> Array:
            # Beyond what was seen an exponential would answer with astronomic currents.
            result: Array = shares(self.points[samples]) @ values
            np.minimum(result, most, out=result)
            np.maximum(result, least, out=result)
            return result

        return at
