"""The compiled loops of ``contraction``: sums over samples of products at the ends of elements.

States are (unknowns, samples) here, the last row being ground, so that the innermost loops run along
memory.
"""

from __future__ import annotations

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled_sums


@compiled_sums
def drop_products(first: int, last: int, plus: Array, minus: Array, left: Array, right: Array, result: Array) -> None:
    """Σ_s (left_p - left_n)(right_p - right_n) of the elements from ``first`` to ``last``."""
    for k in range(first, last):
        p, n, total = plus[k], minus[k], 0.0
        for s in range(left.shape[1]):
            total += (left[p, s] - left[n, s]) * (right[p, s] - right[n, s])
        result[k] = total


@compiled_sums
def pair_products(first: int, last: int, a: Array, b: Array, left: Array, right: Array, result: Array) -> None:
    """Σ_s left_a right_b of the pairs of unknowns from ``first`` to ``last``."""
    for k in range(first, last):
        p, n, total = a[k], b[k], 0.0
        for s in range(left.shape[1]):
            total += left[p, s] * right[n, s]
        result[k] = total


@compiled_sums
def few_products(
    first_row: int, last_row: int, a: Array, b: Array, c: Array, d: Array, resistance: Array, result: Array
) -> None:
    """Σ_s (a_i - b_j)(c_i - d_j) of few samples for the rows i (n,) from ``first_row`` on and all columns j (m,).

    ``a`` and ``c`` are (S, n), ``b`` and ``d`` (S, m). With ``resistance`` (n, m), over its negative square.
    """
    divided = len(resistance) > 0
    for i in range(first_row, last_row):
        for j in range(result.shape[1]):
            result[i, j] = 0.0
        for s in range(a.shape[0]):
            p, q = a[s, i], c[s, i]
            for j in range(result.shape[1]):
                result[i, j] += (p - b[s, j]) * (q - d[s, j])
        if divided:
            for j in range(result.shape[1]):
                result[i, j] /= -resistance[i, j] * resistance[i, j]


@compiled_sums
def add_own(first_row: int, last_row: int, rows: Array, columns: Array, resistance: Array, result: Array) -> None:
    """Add ``rows`` (n,) and ``columns`` (m,) to ``result`` (n, m), and divide by ``resistance`` as above."""
    divided = len(resistance) > 0
    for i in range(first_row, last_row):
        own = rows[i]
        if divided:
            for j in range(result.shape[1]):
                result[i, j] = (own + columns[j] + result[i, j]) / (-resistance[i, j] * resistance[i, j])
        else:
            for j in range(result.shape[1]):
                result[i, j] += own + columns[j]
