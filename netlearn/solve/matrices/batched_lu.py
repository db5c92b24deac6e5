"""Sparse LU factorizations of many matrices with one pattern, a few dozen samples in step.

Gaussian elimination by rows on a pattern that is worked out once, the rows in minimum degree order
(Davis, Direct Methods for Sparse Linear Systems, SIAM 2006, chapters 3 and 6). Pivots are taken on
the diagonal; who uses this checks the result.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import Fill, ListedElimination
from netlearn.solve.compiled.load import in_lanes, kernels, lanes

MOST_LISTED = 20_000
"""Up to so many multiplications an elimination is listed, so that lists stay short; lattices of diodes take about a
tenth longer without one, from 5000 to 80 000 (benchmarks/thresholds.py)."""
LISTED_LANES = 40
"""Samples in step where it is: their numbers stay in the cache that is nearest. Lattices of 10x10 diodes take as long
within 6 % with 24 and with 80 (benchmarks/block_sizes.py)."""


class BatchedLu:
    """The order of elimination and its fill: what depends on the pattern only.

    Parameters
    ----------
    rows, pointers : the pattern (n, n) by compressed columns; the diagonal must be in it.
    symmetric : whether all matrices are.
    partner : (n,) the row that has each column's pivot, if it is not that on the diagonal. Then only
        compiled loops that know of it can use the factors, not ``factorize``.
    """

    def __init__(self, rows: Array, pointers: Array, *, symmetric: bool = False, partner: Array | None = None) -> None:
        self.size = len(pointers) - 1
        columns = np.repeat(np.arange(self.size), np.diff(pointers))
        if partner is not None:
            rows = np.argsort(partner)[rows]
        self.order, above = _analyse(rows, columns, self.size)
        self.equations = self.order if partner is None else partner[self.order]
        self.position = np.argsort(self.order)
        self._pattern = self.position[rows], self.position[columns], above, symmetric
        beside = np.diff(above.indptr).astype(float)
        self.work = float((beside * beside).sum()) / (2.0 if symmetric else 1.0)
        """Multiplications for one matrix."""
        self.cost = max(1, self.size + 2 * above.nnz)

    @cached_property
    def fill(self) -> Fill:
        """Where the factors' numbers stand."""
        return Fill.of(*self._pattern)

    @cached_property
    def listed(self) -> ListedElimination:
        """The elimination as a list, or none where that would be long."""
        return ListedElimination.of(self.fill) if self.work <= MOST_LISTED else ListedElimination.none()

    def lanes(self, samples: int) -> int:
        """So many of some samples are best solved in step."""
        return LISTED_LANES if len(self.listed.steps) else lanes(samples, self.cost)

    def factorize(self, data: Array) -> Factors:
        """Factorize the real matrices with entries ``data`` (nnz, S)."""
        return Factors(self, data)


def _analyse(rows: Array, columns: Array, size: int) -> tuple[Array, sparse.csr_array]:
    """The order of elimination, and the pattern of U beyond the diagonal with its fill."""
    if not size:
        return np.zeros(0, dtype=np.int64), sparse.csr_array((0, 0))
    pattern = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsc()
    both = (pattern + pattern.T).tocsc()
    # A diagonally dominant matrix of this pattern lets SuperLU find order and fill.
    both.data[:] = -1.0
    dominant = (both + sparse.diags_array(2.0 + np.diff(both.indptr))).tocsc()
    options: Any = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    lu = splu(dominant, **options)
    above = sparse.triu(sparse.csr_array(lu.L.T), 1, format="csr")
    above.sort_indices()
    return np.argsort(lu.perm_c), above


class Factors:
    """The factors of S matrices."""

    def __init__(self, plan: BatchedLu, data: Array) -> None:
        self._plan = plan
        self._width = lanes(data.shape[1], plan.cost)
        work, none = np.empty((plan.size, self._width)), np.empty((0, self._width))
        self._blocks = []
        for block in in_lanes(data, self._width):
            lower, upper = np.empty((2, len(plan.fill.upper), self._width))
            inverse = np.empty((plan.size, self._width))
            kernels().eliminate(plan.fill, block, lower, upper, inverse, work, none)
            self._blocks.append((lower, upper, inverse))

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) for ``rhs`` (n, S), sample by sample."""
        if np.iscomplexobj(rhs):
            return self.solve(rhs.real, transpose) + 1j * self.solve(rhs.imag, transpose)
        substitute = kernels().substitute_transposed if transpose else kernels().substitute
        columns = in_lanes(rhs[self._plan.order].astype(float, copy=False), self._width)
        for factors, y in zip(self._blocks, columns, strict=True):
            substitute(self._plan.fill, *factors, y)
        return np.concatenate(columns, axis=1)[self._plan.position, : rhs.shape[1]]
