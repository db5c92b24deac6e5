"""The compiled loops of ``BatchedLu``, a few dozen samples in step.

Every number of a matrix is a row here, with one number for each sample (``lanes``), so that a step
of the innermost loops is the same operation on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import (
    add,
    clear,
    copy,
    multiply,
    scale,
    subtract,
    subtract_four_rows,
    subtract_products,
    subtract_row,
    subtract_two_rows,
)

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Fill


@compiled
def eliminate(fill: Fill, data: Array, lower: Array, upper: Array, inverse: Array, work: Array, y: Array) -> None:
    """L, U and the inverse pivots (n, lanes) of the matrices ``data`` (nnz, lanes); ``work`` is (n, lanes).

    Right-hand sides ``y`` (n, lanes) are taken along and become L⁻¹ y; there may be none, (0, lanes).
    """
    along = len(y) > 0
    for i in range(len(fill.starts) - 1):
        clear(work, i)
        for p in range(fill.upper_starts[i], fill.upper_starts[i + 1]):
            clear(work, fill.upper[p])
        if not fill.symmetric:
            for q in range(fill.lower_starts[i], fill.lower_starts[i + 1]):
                clear(work, fill.lower[q])
        for p in range(fill.starts[i], fill.starts[i + 1]):
            copy(work, fill.columns[p], data, fill.entry[p])
        q, end = fill.lower_starts[i], fill.lower_starts[i + 1]
        while q < end:
            k = fill.lower[q]
            # So many rows of U with the same columns from here on: what they are taken off of is loaded once.
            count = 1
            if q + 1 < end and fill.lower[q + 1] == k + 1 and fill.alike[k]:
                count = 2
                if q + 3 < end and fill.lower[q + 3] == k + 3 and fill.alike[k + 1] and fill.alike[k + 2]:
                    count = 4
            for r in range(count):
                if fill.symmetric:
                    # What is left of the entry is the mirror image of one in a row that is known already.
                    multiply(lower, q + r, upper, fill.mirrored[q + r], inverse, k + r)
                    subtract(work, i, lower, q + r, upper, fill.mirrored[q + r])
                else:
                    multiply(lower, q + r, work, k + r, inverse, k + r)
                    for s in range(r + 1, count):
                        subtract(work, k + s, lower, q + r, upper, fill.upper_starts[k + r] + s - r - 1)
            last = count - 1
            first, end_of_row = fill.upper_starts[k + last], fill.upper_starts[k + last + 1]
            if fill.symmetric:
                first = fill.mirrored[q + last] + 1
            if count == 1:
                subtract_row(work, fill.upper, first, end_of_row, upper, first, lower, q)
            elif count == 2:
                other = fill.upper_starts[k + 1] - (end_of_row - first)
                subtract_two_rows(work, fill.upper, first, end_of_row, upper, other, first, lower, q)
            else:
                length = end_of_row - first
                subtract_four_rows(
                    work, fill.upper, first, end_of_row, upper, fill.upper_starts[k + 1] - length,
                    fill.upper_starts[k + 2] - length, fill.upper_starts[k + 3] - length, first, lower, q,
                )  # fmt: skip
            q += count
        if along:
            subtract_products(y, i, fill.lower, fill.lower_starts[i], end, lower)
        for w in range(work.shape[1]):
            inverse[i, w] = 1.0 / work[i, w]
        for p in range(fill.upper_starts[i], fill.upper_starts[i + 1]):
            copy(upper, p, work, fill.upper[p])


@compiled
def substitute_back(fill: Fill, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of U x = y."""
    for i in range(len(fill.starts) - 2, -1, -1):
        subtract_products(y, i, fill.upper, fill.upper_starts[i], fill.upper_starts[i + 1], upper)
        multiply(y, i, y, i, inverse, i)


@compiled
def substitute(fill: Fill, lower: Array, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of L U x = y."""
    for i in range(len(fill.starts) - 1):
        subtract_products(y, i, fill.lower, fill.lower_starts[i], fill.lower_starts[i + 1], lower)
    substitute_back(fill, upper, inverse, y)


@compiled
def substitute_transposed(fill: Fill, lower: Array, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of (L U)ᵀ x = y."""
    n = len(fill.starts) - 1
    for i in range(n):
        multiply(y, i, y, i, inverse, i)
        first = fill.upper_starts[i]
        subtract_row(y, fill.upper, first, fill.upper_starts[i + 1], upper, first, y, i)
    for i in range(n - 1, -1, -1):
        first = fill.lower_starts[i]
        subtract_row(y, fill.lower, first, fill.lower_starts[i + 1], lower, first, y, i)


@compiled
def solve_triangle(pointers: Array, rows: Array, values: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of L Lᵀ x = y, one L for all lanes.

    L is held by compressed columns, each from its diagonal on.
    """
    n = len(pointers) - 1
    for j in range(n):
        first = pointers[j]
        scale(y, j, 1.0 / values[first])
        for p in range(first + 1, pointers[j + 1]):
            add(y, rows[p], y, j, -values[p])
    for j in range(n - 1, -1, -1):
        first = pointers[j]
        for p in range(first + 1, pointers[j + 1]):
            add(y, j, y, rows[p], -values[p])
        scale(y, j, 1.0 / values[first])
