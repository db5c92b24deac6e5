"""The compiled loops of ``BatchedLu``, a few dozen samples in step.

Every number of a matrix is a row here, with one number for each sample (``lanes``), so that a step
of the innermost loops is the same operation on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import add, clear, copy, multiply, scale, subtract, subtract_four

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Fill


@compiled
def alike(fill: Fill, k: int) -> bool:
    """Whether rows k to k + 3 of U have the same columns, but for their own: they are one supernode.

    A row's columns beyond the first are among those of the row of that one.
    """
    for row in range(k, k + 3):
        first, following, last = fill.upper_starts[row], fill.upper_starts[row + 1], fill.upper_starts[row + 2]
        if following == first or fill.upper[first] != row + 1 or last - following != following - first - 1:
            return False
    return True


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
            if fill.symmetric and q + 3 < end and fill.lower[q + 3] == k + 3 and alike(fill, k):
                # Four rows of U with the same columns from here on: what they are taken off of is loaded once.
                for r in range(q, q + 4):
                    multiply(lower, r, upper, fill.mirrored[r], inverse, fill.lower[r])
                    subtract(work, i, lower, r, upper, fill.mirrored[r])
                    if along:
                        subtract(y, i, lower, r, y, fill.lower[r])
                a, b, c, d = fill.mirrored[q], fill.mirrored[q + 1], fill.mirrored[q + 2], fill.mirrored[q + 3]
                for p in range(1, fill.upper_starts[k + 1] - a):
                    subtract_four(
                        work, fill.upper[a + p], lower, q, upper, a + p, lower, q + 1, upper, b + p,
                        lower, q + 2, upper, c + p, lower, q + 3, upper, d + p,
                    )  # fmt: skip
                q += 4
                continue
            first = fill.mirrored[q]
            if fill.symmetric:
                # What is left of the entry is the mirror image of one in a row that is known already.
                multiply(lower, q, upper, first, inverse, k)
                subtract(work, i, lower, q, upper, first)
                first += 1
            else:
                multiply(lower, q, work, k, inverse, k)
                first = fill.upper_starts[k]
            if along:
                subtract(y, i, lower, q, y, k)
            for p in range(first, fill.upper_starts[k + 1]):
                subtract(work, fill.upper[p], lower, q, upper, p)
            q += 1
        for w in range(work.shape[1]):
            inverse[i, w] = 1.0 / work[i, w]
        for p in range(fill.upper_starts[i], fill.upper_starts[i + 1]):
            copy(upper, p, work, fill.upper[p])


@compiled
def substitute_back(fill: Fill, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of U x = y."""
    for i in range(len(fill.starts) - 2, -1, -1):
        for p in range(fill.upper_starts[i], fill.upper_starts[i + 1]):
            subtract(y, i, upper, p, y, fill.upper[p])
        multiply(y, i, y, i, inverse, i)


@compiled
def substitute(fill: Fill, lower: Array, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of L U x = y."""
    for i in range(len(fill.starts) - 1):
        for q in range(fill.lower_starts[i], fill.lower_starts[i + 1]):
            subtract(y, i, lower, q, y, fill.lower[q])
    substitute_back(fill, upper, inverse, y)


@compiled
def substitute_transposed(fill: Fill, lower: Array, upper: Array, inverse: Array, y: Array) -> None:
    """Overwrite ``y`` (n, lanes) with the solutions of (L U)ᵀ x = y."""
    n = len(fill.starts) - 1
    for i in range(n):
        multiply(y, i, y, i, inverse, i)
        for p in range(fill.upper_starts[i], fill.upper_starts[i + 1]):
            subtract(y, fill.upper[p], upper, p, y, i)
    for i in range(n - 1, -1, -1):
        for q in range(fill.lower_starts[i], fill.lower_starts[i + 1]):
            subtract(y, fill.lower[q], lower, q, y, i)


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
