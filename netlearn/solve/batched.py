"""Sparse LU factorizations of many matrices with one pattern, all samples in step.

A multifrontal factorization (Duff and Reid, ACM Transactions on Mathematical Software 9, 1983):
the columns are eliminated in groups that share a structure, each group in a small dense front,
which hands what is left of it on to the front of its parent. Every number here is a row of
numbers, one for each sample, so that Python's share of the work is divided by the number of
samples. Pivots are taken on the diagonal; who uses this checks the result.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.circuit.devices.base import Array

SLACK = 12
"""Columns are merged where that adds zeros if their front stays this small: a front costs more than its zeros."""
BUNDLED = 4
"""From this many columns on that touch the same others, but not each other, they share a front."""
BLOCKED = 24
"""From this many pivots in a front on, BLAS multiplies blocks sample by sample."""


@dataclass(frozen=True)
class Front:
    """One group of columns, ``first`` to ``last`` in elimination order.

    ``border`` (b,) are the later unknowns that they touch, ``parent`` the front that these are
    added to, at its rows ``places`` (b,). ``entries`` are the matrix entries that start here, at
    ``at`` (row, column). In a ``diagonal`` front the columns do not touch each other.
    """

    first: int
    last: int
    border: Array
    diagonal: bool
    entries: Array
    at: tuple[Array, Array]
    parent: int
    places: Array

    @property
    def pivots(self) -> int:
        return self.last - self.first

    @property
    def own(self) -> slice:
        return slice(self.first, self.last)


Factor = tuple[Array, Array, Array]
"""Of a front: L and U in its pivot block (p, p, S), or the diagonal (p, S); L below (b, p, S); U beside (p, b, S)."""


class Elimination:
    """The order of elimination and its fronts: what depends on the pattern only.

    Parameters
    ----------
    rows, pointers : the pattern (n, n) by compressed columns; the diagonal must be in it.
    """

    def __init__(self, rows: Array, pointers: Array) -> None:
        self.size = len(pointers) - 1
        columns = np.repeat(np.arange(self.size), np.diff(pointers))
        pattern = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(self.size, self.size)).tocsc()
        both = (pattern + pattern.T).tocsc()
        # A diagonally dominant matrix of this pattern lets SuperLU find order and fill.
        both.data[:] = -1.0
        dominant = (both + sparse.diags_array(2.0 + np.diff(both.indptr))).tocsc()
        order, lower = _analyse(dominant, "MMD_AT_PLUS_A")
        bundles = _bundles(lower)
        if bundles:
            together = np.concatenate(bundles)
            first = np.concatenate([together, np.setdiff1d(np.arange(self.size), together)])
            order = order[first]
            _, lower = _analyse(dominant[order][:, order].tocsc(), "NATURAL")
        self.order = order
        self.position = np.argsort(order)
        self.fronts = self._fronts(lower, [len(b) for b in bundles], rows, columns)
        self.cost = sum((1 if f.diagonal else f.pivots) * f.pivots + 2 * f.pivots * len(f.border) for f in self.fronts)

    def _fronts(self, lower: Any, bundles: list[int], rows: Array, columns: Array) -> list[Front]:
        bounds = [*np.cumsum([0, *bundles]).tolist(), *_groups(lower, sum(bundles))[1:]]
        firsts, lasts = bounds[:-1], bounds[1:]
        owner = np.repeat(np.arange(len(firsts)), np.diff(bounds))
        start, index = lower.indptr, lower.indices.astype(np.int64)
        borders = [index[start[last - 1] + 1 : start[last]] for last in lasts]
        members = [np.concatenate([np.arange(a, b), c]) for a, b, c in zip(firsts, lasts, borders, strict=True)]
        row, column = self.position[rows], self.position[columns]
        home = owner[np.minimum(row, column)]
        by_home = np.argsort(home, kind="stable")
        cuts = np.searchsorted(home[by_home], np.arange(len(firsts) + 1))
        fronts = []
        for f, (member, border) in enumerate(zip(members, borders, strict=True)):
            entries = by_home[cuts[f] : cuts[f + 1]]
            at = (np.searchsorted(member, row[entries]), np.searchsorted(member, column[entries]))
            parent = int(owner[border[0]]) if len(border) else -1
            places = np.searchsorted(members[parent], border)
            diagonal = f < len(bundles)
            fronts.append(Front(firsts[f], lasts[f], border, diagonal, entries, at, parent, places))
        return fronts

    def factorize(self, data: Array) -> BatchedLU:
        """Factorize the matrices with entries ``data`` (nnz, S)."""
        return BatchedLU(self, data)


def _analyse(matrix: sparse.csc_array, permutation: str) -> tuple[Array, Any]:
    """The order of elimination, and L with the fill that it makes."""
    order: Any = {"permc_spec": permutation, "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    lu = splu(matrix, **order)
    lower = lu.L.tocsc()
    lower.sort_indices()
    return np.argsort(lu.perm_c), lower


def _bundles(lower: Any) -> list[Array]:
    """Columns that no earlier one touches, put together by what they touch."""
    leaves = np.flatnonzero(np.bincount(lower.indices, minlength=lower.shape[0]) == 1)
    alike: dict[bytes, list[int]] = defaultdict(list)
    for j in leaves.tolist():
        alike[lower.indices[lower.indptr[j] + 1 : lower.indptr[j + 1]].tobytes()].append(j)
    return [np.array(columns) for border, columns in alike.items() if len(columns) >= BUNDLED and border]


def _groups(lower: Any, begin: int) -> list[int]:
    """Where groups of neighbouring columns with nested structure begin, and the end."""
    start, index, n = lower.indptr, lower.indices, lower.shape[0]
    height = np.diff(start) - 1
    below = np.where(height > 0, index[np.minimum(start[:-1] + 1, len(index) - 1)], -1)
    firsts = [begin]
    for j in range(begin + 1, n):
        adds_zeros = height[j] + 1 > height[j - 1]
        small = height[j] + j - firsts[-1] + 1 <= SLACK
        if below[j - 1] != j or (adds_zeros and not small):
            firsts.append(j)
    return [*firsts, n] if begin < n else [begin]


class BatchedLU:
    """The factors of S matrices."""

    def __init__(self, elimination: Elimination, data: Array) -> None:
        self._plan = elimination
        self._factors: list[Factor] = []
        samples = data.shape[1]
        # A front exists from its first child on, so that what children leave is added up at once.
        waiting: dict[int, Array] = {}

        def opened(f: int) -> Array:
            size = elimination.fronts[f].pivots + len(elimination.fronts[f].border)
            found = waiting.pop(f, None)
            return np.zeros((size, size, samples), data.dtype) if found is None else found

        for f, front in enumerate(elimination.fronts):
            if front.diagonal:
                factor, left = _eliminate_diagonal(front, data)
            else:
                matrix, p = opened(f), front.pivots
                matrix[front.at] += data[front.entries]
                _eliminate(matrix, p)
                factor, left = (matrix[:p, :p], matrix[p:, :p], matrix[:p, p:]), matrix[p:, p:]
            self._factors.append(factor)
            if front.parent >= 0:
                above = opened(front.parent)
                above[front.places[:, None], front.places] += left
                waiting[front.parent] = above

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) for ``rhs`` (n, S), sample by sample."""
        y = rhs[self._plan.order]
        pairs = list(zip(self._plan.fronts, self._factors, strict=True))
        for front, (block, lower, upper) in pairs:
            own = y[front.own]
            (_upper_t if transpose else _lower)(block, own)
            if front.parent >= 0:
                change = (upper * own[:, None]).sum(axis=0) if transpose else (lower * own).sum(axis=1)
                y[front.border] -= change
        for front, (block, lower, upper) in reversed(pairs):
            own = y[front.own]
            if front.parent >= 0:
                later = y[front.border]
                own -= (lower * later[:, None]).sum(axis=0) if transpose else (upper * later).sum(axis=1)
            (_lower_t if transpose else _upper)(block, own)
        return np.asarray(y[self._plan.position])


def _eliminate_diagonal(front: Front, data: Array) -> tuple[Factor, Array]:
    """The factor of a diagonal front, and what it leaves to its border."""
    (row, column), entries, p, b = front.at, data[front.entries], front.pivots, len(front.border)
    diagonal = np.zeros((p, data.shape[1]), data.dtype)
    lower, upper = (np.zeros((*shape, data.shape[1]), data.dtype) for shape in ((b, p), (p, b)))
    inside, below, beside = row == column, row >= p, column >= p
    diagonal[row[inside]] = entries[inside]
    lower[row[below] - p, column[below]] = entries[below]
    upper[row[beside], column[beside] - p] = entries[beside]
    lower /= diagonal
    return (diagonal, lower, upper), -_product(lower, upper)


def _product(a: Array, b: Array) -> Array:
    """The matrix products of a (i, j, S) and b (j, k, S), by BLAS."""
    left, right = (np.ascontiguousarray(np.moveaxis(factor, -1, 0)) for factor in (a, b))
    return np.moveaxis(left @ right, 0, -1)


def _eliminate(matrix: Array, pivots: int) -> None:
    """LU without interchanges of the first ``pivots`` rows and columns, in place."""
    size, panel = len(matrix), pivots if pivots < BLOCKED else BLOCKED // 2
    for first in range(0, pivots, panel):
        last = min(first + panel, pivots)
        # A narrow front is updated whole by each pivot, a wide one by panels of them.
        end = size if panel == pivots else last
        for k in range(first, last):
            matrix[k + 1 :, k] /= matrix[k, k]
            matrix[k + 1 :, k + 1 : end] -= matrix[k + 1 :, k, None] * matrix[None, k, k + 1 : end]
            matrix[k + 1 : last, end:] -= matrix[k + 1 : last, k, None] * matrix[None, k, end:]
        if end < size:
            matrix[last:, last:] -= _product(matrix[last:, first:last], matrix[first:last, last:])


def _lower(block: Array, y: Array) -> None:
    """L z = y in a pivot block."""
    if block.ndim == 3:
        for k in range(len(y) - 1):
            y[k + 1 :] -= block[k + 1 :, k] * y[k]


def _lower_t(block: Array, y: Array) -> None:
    """Lᵀ z = y."""
    if block.ndim == 3:
        for k in range(len(y) - 1, 0, -1):
            y[:k] -= block[k, :k] * y[k]


def _upper(block: Array, y: Array) -> None:
    """U z = y."""
    if block.ndim == 2:
        y /= block
        return
    for k in range(len(y) - 1, -1, -1):
        y[k] /= block[k, k]
        y[:k] -= block[:k, k] * y[k]


def _upper_t(block: Array, y: Array) -> None:
    """Uᵀ z = y."""
    if block.ndim == 2:
        y /= block
        return
    for k in range(len(y)):
        y[k] /= block[k, k]
        y[k + 1 :] -= block[k, k + 1 :] * y[k]
