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
"""Of so many unknowns at a time the solutions that are in step fit into the cache while they are turned around: with
half or twice as many 60x60 resistors take as long within a thirtieth (benchmarks/part_sizes.py)."""


def inverse_of(order: Array) -> Array:
    """Where each of n numbers stands in an order of them, (n,)."""
    result = np.empty(len(order), np.int64)
    result[order] = np.arange(len(order))
    return result


@dataclass(frozen=True, eq=False)
class Sums:
    """Of solutions (S, n) their sum with the ``signs`` (S,), and the sum of their squares, (n,) each.

    With random signs they tell whether solutions that are not kept are right.
    """

    signs: Array
    signed: Array
    squares: Array

    @classmethod
    def of(cls, signs: Array, size: int) -> Sums:
        """Those of no solution yet."""
        return cls(signs, np.zeros(size), np.zeros(size))

    def add(self, rows: slice, y: Array) -> None:
        """Add the solutions ``y`` (n, s) for some ``rows`` of all right-hand sides."""
        np.add(self.signed, y @ self.signs[rows], out=self.signed)
        np.add(self.squares, np.einsum("ns,ns->n", y, y), out=self.squares)


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

    def solve_at(self, equations: Array, right: Array, wanted: Array, sums: Sums | None = None) -> Array:
        """Solutions (S, w) at the unknowns ``wanted`` (w,), any number of times each.

        The right-hand sides are zero but for ``right`` (S, d) in the ``equations`` (d,). All solutions are added to
        ``sums``, of none so far.
        """
        result = np.empty((len(right), len(wanted)))
        equations, wanted = self.position[equations], self.position[wanted]
        rounds = max(1, -(-len(right) // MOST_IN_STEP))
        width = max(LANES, -(-len(right) // (LANES * rounds)) * LANES)
        y = np.empty((len(self.order), width))
        added = None if sums is None else Sums.of(sums.signs, len(y))
        for first in range(0, len(right), width):
            rows = slice(first, min(first + width, len(right)))
            y.fill(0.0)
            y[equations, : rows.stop - first] = right[rows].T
            kernels().solve_triangle(self.pointers, self.rows, self.values, y)
            if added is not None:
                added.add(rows, y[:, : rows.stop - first])
            for begin in range(0, len(wanted), TURNED):
                part = slice(begin, begin + TURNED)
                result[rows, part] = y[wanted[part]].T[: rows.stop - first]
        if sums is not None and added is not None:
            sums.signed[:], sums.squares[:] = added.signed[self.position], added.squares[self.position]
        return result
