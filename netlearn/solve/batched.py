"""Sparse LU factorizations of many matrices with one pattern, all samples in step.

A multifrontal factorization (Duff and Reid, ACM Transactions on Mathematical Software 9, 1983):
the columns are eliminated in groups that share a structure, each group in a small dense front,
which hands what is left of it on to the front of its parent. Every number here is a row of
numbers, one for each sample, so that Python's share of the work is divided by the number of
samples. Pivots are taken on the diagonal; who uses this checks the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.circuit.devices.base import Array

SLACK = 12
"""Fronts with up to this many rows are merged with their parents even where that adds zeros."""
BLOCKED = 24
"""From this many pivots in a front on, LAPACK does the work sample by sample."""


@dataclass(frozen=True)
class Front:
    """One group of columns.

    ``columns`` is their range in elimination order, ``border`` (b,) the later unknowns that they
    touch. ``entries`` are the matrix entries that start here, at ``at`` (row, column);
    ``children`` are earlier fronts with the places of their borders in this front.
    """

    first: int
    last: int
    border: Array
    entries: Array
    at: tuple[Array, Array]
    children: tuple[tuple[int, Array], ...]

    @property
    def pivots(self) -> int:
        return self.last - self.first


class Elimination:
    """The order of elimination and its fronts: what depends on the pattern only.

    Parameters
    ----------
    rows, pointers : the pattern (n, n) by compressed columns; the diagonal must be in it.
    """

    def __init__(self, rows: Array, pointers: Array) -> None:
        n = len(pointers) - 1
        columns = np.repeat(np.arange(n), np.diff(pointers))
        pattern = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)).tocsc()
        both = (pattern + pattern.T).tocsc()
        # A diagonally dominant matrix of this pattern lets SuperLU find order and fill.
        both.data[:] = -1.0
        dominant = (both + sparse.diags_array(2.0 + np.diff(both.indptr))).tocsc()
        lu = splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        self.size = n
        self.position = np.asarray(lu.perm_c, dtype=np.int64)
        self.order = np.argsort(self.position)
        lower = lu.L.tocsc()
        lower.sort_indices()
        self.fronts = self._fronts(lower.indptr, lower.indices.astype(np.int64), rows, columns)
        self.cost = sum(f.pivots * (f.pivots + 2 * len(f.border)) for f in self.fronts)

    def _fronts(self, start: Array, index: Array, rows: Array, columns: Array) -> list[Front]:
        height = np.diff(start) - 1
        below = np.where(height > 0, index[np.minimum(start[:-1] + 1, len(index) - 1)], -1)
        firsts = [0]
        for j in range(1, self.size):
            extra = height[j] + 1 - height[j - 1]
            small = height[j] + j - firsts[-1] + 1 <= SLACK
            if below[j - 1] != j or (extra > 0 and not small):
                firsts.append(j)
        lasts = [*firsts[1:], self.size]
        owner = np.repeat(np.arange(len(firsts)), np.diff([*firsts, self.size]))
        borders = [index[start[last - 1] + 1 : start[last]] for last in lasts]
        members = [np.concatenate([np.arange(a, b), c]) for a, b, c in zip(firsts, lasts, borders, strict=True)]
        children: list[list[tuple[int, Array]]] = [[] for _ in firsts]
        for child, border in enumerate(borders):
            if len(border):
                parent = int(owner[border[0]])
                children[parent].append((child, np.searchsorted(members[parent], border)))
        row, column = self.position[rows], self.position[columns]
        home = owner[np.minimum(row, column)]
        by_home = np.argsort(home, kind="stable")
        bounds = np.searchsorted(home[by_home], np.arange(len(firsts) + 1))
        fronts = []
        for f, member in enumerate(members):
            entries = by_home[bounds[f] : bounds[f + 1]]
            at = (np.searchsorted(member, row[entries]), np.searchsorted(member, column[entries]))
            fronts.append(Front(firsts[f], lasts[f], borders[f], entries, at, tuple(children[f])))
        return fronts

    def factorize(self, data: Array) -> BatchedLU:
        """Factorize the matrices with entries ``data`` (nnz, S)."""
        return BatchedLU(self, data)


class BatchedLU:
    """The factors of S matrices."""

    def __init__(self, elimination: Elimination, data: Array) -> None:
        self._plan = elimination
        self._factors: list[tuple[Array, Array]] = []
        """Per front: the pivot columns (f, p, S), and the pivot rows right of them (p, b, S)."""
        left: dict[int, Array] = {}
        samples = data.shape[1]
        for f, front in enumerate(elimination.fronts):
            p, size = front.pivots, front.pivots + len(front.border)
            matrix = np.zeros((size, size, samples), data.dtype)
            matrix[front.at] = data[front.entries]
            for child, places in front.children:
                matrix[places[:, None], places] += left.pop(child)
            _eliminate(matrix, p)
            self._factors.append((np.ascontiguousarray(matrix[:, :p]), np.ascontiguousarray(matrix[:p, p:])))
            if size > p:
                left[f] = matrix[p:, p:]

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) for ``rhs`` (n, S), sample by sample."""
        y = rhs[self._plan.order]
        pairs = list(zip(self._plan.fronts, self._factors, strict=True))
        forward, backward = (_forward_t, _backward_t) if transpose else (_forward, _backward)
        for front, factor in pairs:
            forward(y, front, *factor)
        for front, factor in reversed(pairs):
            backward(y, front, *factor)
        return np.asarray(y[self._plan.position])


def _eliminate(matrix: Array, pivots: int) -> None:
    """LU without interchanges of the first ``pivots`` rows and columns, in place."""
    size = len(matrix)
    if pivots >= BLOCKED:
        _eliminate_blocked(matrix, pivots)
        return
    product = np.empty((max(size - 1, 0) ** 2, matrix.shape[2]), matrix.dtype)
    for k in range(pivots):
        rest = size - k - 1
        if not rest:
            break
        matrix[k + 1 :, k] /= matrix[k, k]
        term = product[: rest * rest].reshape(rest, rest, -1)
        np.multiply(matrix[k + 1 :, k, None], matrix[None, k, k + 1 :], out=term)
        matrix[k + 1 :, k + 1 :] -= term


def _eliminate_blocked(matrix: Array, pivots: int) -> None:
    """The same with the products of blocks left to BLAS."""
    size, half = len(matrix), BLOCKED // 2
    for first in range(0, pivots, half):
        last = min(first + half, pivots)
        _eliminate_panel(matrix, first, last)
        if last < size:
            lower = np.ascontiguousarray(np.moveaxis(matrix[last:, first:last], -1, 0))
            upper = np.ascontiguousarray(np.moveaxis(matrix[first:last, last:], -1, 0))
            matrix[last:, last:] -= np.moveaxis(lower @ upper, 0, -1)


def _eliminate_panel(matrix: Array, first: int, last: int) -> None:
    for k in range(first, last):
        matrix[k + 1 :, k] /= matrix[k, k]
        matrix[k + 1 :, k + 1 : last] -= matrix[k + 1 :, k, None] * matrix[None, k, k + 1 : last]
        matrix[k + 1 : last, last:] -= matrix[k + 1 : last, k, None] * matrix[None, k, last:]


def _forward(y: Array, front: Front, columns: Array, rows: Array) -> None:
    """L z = y."""
    p, own = front.pivots, y[front.first : front.last]
    for k in range(p - 1):
        own[k + 1 :] -= columns[k + 1 : p, k] * own[k]
    if len(front.border):
        y[front.border] -= (columns[p:] * own).sum(axis=1)


def _backward(y: Array, front: Front, columns: Array, rows: Array) -> None:
    """U x = z."""
    p, own = front.pivots, y[front.first : front.last]
    if len(front.border):
        own -= (rows * y[front.border]).sum(axis=1)
    for k in range(p - 1, -1, -1):
        own[k] /= columns[k, k]
        own[:k] -= columns[:k, k] * own[k]


def _forward_t(y: Array, front: Front, columns: Array, rows: Array) -> None:
    """Uᵀ z = y."""
    p, own = front.pivots, y[front.first : front.last]
    for k in range(p):
        own[k] /= columns[k, k]
        own[k + 1 :] -= columns[k, k + 1 : p] * own[k]
    if len(front.border):
        y[front.border] -= (rows * own[:, None]).sum(axis=0)


def _backward_t(y: Array, front: Front, columns: Array, rows: Array) -> None:
    """Lᵀ x = z."""
    p, own = front.pivots, y[front.first : front.last]
    if len(front.border):
        own -= (columns[p:] * y[front.border][:, None]).sum(axis=0)
    for k in range(p - 1, 0, -1):
        own[:k] -= columns[k, :k] * own[k]
