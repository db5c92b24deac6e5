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
