"""Solving with the triangle of a sparse Cholesky factorization, some dozens of right-hand sides in step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.load import kernels

LANES, MOST_IN_STEP = 8, 64
"""Right-hand sides are solved for in multiples of the one, the float64 numbers in a register of 512 bits, up to the
other at a time."""
TURNED = 4096
"""Of so many unknowns at a time the solutions that are in step fit into the cache while they are turned around."""


@dataclass(frozen=True, eq=False)
class Triangle:
    """L of the Cholesky factorization of A[order][:, order], by compressed columns, each from its diagonal on.

    ``position`` (n,) is where each row stands in the order.
    """

    order: Array
    position: Array
    pointers: Array
    rows: Array
    values: Array

    def solve_at(self, equations: Array, right: Array, wanted: Array) -> Array:
        """Solutions (S, w) at the unknowns ``wanted`` (w,), any number of times each.

        The right-hand sides are zero but for ``right`` (S, d) in the ``equations`` (d,).
        """
        result = np.empty((len(right), len(wanted)))
        equations, wanted = self.position[equations], self.position[wanted]
        rounds = max(1, -(-len(right) // MOST_IN_STEP))
        width = -(-len(right) // (LANES * rounds)) * LANES
        y = np.empty((len(self.order), width))
        for first in range(0, len(right), width):
            rows = slice(first, min(first + width, len(right)))
            y.fill(0.0)
            y[equations, : rows.stop - first] = right[rows].T
            kernels().solve_triangle(self.pointers, self.rows, self.values, y)
            for begin in range(0, len(wanted), TURNED):
                part = slice(begin, begin + TURNED)
                result[rows, part] = y[wanted[part]].T[: rows.stop - first]
        return result
