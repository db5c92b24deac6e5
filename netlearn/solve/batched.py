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
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.circuit.devices.base import Array

SLACK = 12
"""Columns are merged where that adds zeros if their front stays this small: a front costs more than its zeros."""
BUNDLED = 4
"""From this many columns on that touch the same others, but not each other, they share a front."""
BLOCKED = 16
"""From this many pivots in a front on, BLAS multiplies blocks sample by sample."""


@dataclass(frozen=True)
class Bundle:
    """Columns (p,) that touch the same ``border`` (b,) and not each other, as positions in elimination order.

    ``entries`` are the matrix entries in their rows and columns, at ``at`` (row, column), where the
    columns come first and the border after them; ``target`` (b, b) is where the rest is added.
    """

    own: Array
    border: Array
    entries: Array
    at: tuple[Array, Array]
    target: Array


@dataclass(frozen=True)
class Stack:
    """q fronts of the same shape that do not depend on each other.

    ``own`` (q, p) are their columns and ``border`` (q, b) the later ones that they touch, as
    positions in elimination order. The fronts start at ``offset`` of the workspace. What is left
    of those ``chosen`` is added to it at ``targets`` (chosen, b, b), round by round, so that no
    place is hit twice in one.
    """

    own: Array
    border: Array
    offset: int
    rounds: tuple[tuple[Array, Array], ...]
    scatter: sparse.csr_array
    """(n, q * b): adds up what the borders get."""

    @property
    def shape(self) -> tuple[int, int, int]:
        (q, p), b = self.own.shape, self.border.shape[1]
        return q, p + b, p + b


class Elimination:
    """The order of elimination and its fronts: what depends on the pattern only.

    Parameters
    ----------
    rows, pointers : the pattern (n, n) by compressed columns; the diagonal must be in it.
    """

    accuracy = 0.0

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
        self._build(lower, [len(b) for b in bundles], self.position[rows], self.position[columns])

    def _build(self, lower: Any, bundles: list[int], row: Array, column: Array) -> None:
        tree = _Tree.of(lower, bundles)
        together = tree.stacks(len(bundles))
        offset, begin = np.zeros(len(tree.own), dtype=np.int64), 0
        for fronts in together:
            size = len(tree.members[fronts[0]])
            offset[fronts] = begin + size**2 * np.arange(len(fronts))
            begin += size**2 * len(fronts)
        self.workspace = begin
        home = tree.owner[np.minimum(row, column)]
        by_home = np.argsort(home, kind="stable")
        cuts = np.searchsorted(home[by_home], np.arange(len(tree.own) + 1))
        self.bundles: list[Bundle] = []
        entries, places = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for f, member in enumerate(tree.members):
            here = by_home[cuts[f] : cuts[f + 1]]
            at = (np.searchsorted(member, row[here]), np.searchsorted(member, column[here]))
            if f < len(bundles):
                self.bundles.append(Bundle(tree.own[f], tree.borders[f], here, at, tree.target(f, offset)))
            else:
                entries.append(here)
                places.append(offset[f] + at[0] * len(member) + at[1])
        self.entries, self.places = np.concatenate(entries), np.concatenate(places)
        self.stacks = [tree.stack(fronts, offset, self.size) for fronts in together]
        inner = sum(len(bundle.own) * (1 + 2 * len(bundle.border)) for bundle in self.bundles)
        self.cost = max(1, self.workspace + inner)

    def factorize(self, data: Array) -> BatchedLU:
        """Factorize the matrices with entries ``data`` (nnz, S)."""
        return BatchedLU(self, data)


@dataclass(frozen=True)
class _Tree:
    """All fronts, children before parents, the bundles first: their columns, borders, both, and parents."""

    own: list[Array]
    borders: list[Array]
    members: list[Array]
    parent: Array
    owner: Array
    """Each column's front."""

    @classmethod
    def of(cls, lower: Any, bundles: list[int]) -> _Tree:
        bounds = [*np.cumsum([0, *bundles]).tolist(), *_groups(lower, sum(bundles))[1:]]
        owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        start, index = lower.indptr, lower.indices.astype(np.int64)
        own = [np.arange(first, last) for first, last in pairwise(bounds)]
        borders = [index[start[last - 1] + 1 : start[last]] for last in bounds[1:]]
        members = [np.concatenate(both) for both in zip(own, borders, strict=True)]
        parent = np.array([owner[border[0]] if len(border) else -1 for border in borders])
        return cls(own, borders, members, parent, owner)

    def stacks(self, bundles: int) -> list[list[int]]:
        """Fronts of one height in the tree and one shape together, children before parents."""
        height = np.zeros(len(self.own), dtype=np.int64)
        together: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for f, above in enumerate(self.parent.tolist()):
            if above >= 0:
                height[above] = max(height[above], height[f] + 1)
            if f >= bundles:
                together[int(height[f]), len(self.own[f]), len(self.borders[f])].append(f)
        return [together[key] for key in sorted(together)]

    def target(self, f: int, offset: Array) -> Array:
        """Where in the workspace what front ``f`` leaves is added, (b, b)."""
        member = self.members[self.parent[f]]
        places = np.searchsorted(member, self.borders[f])
        result: Array = offset[self.parent[f]] + places[:, None] * len(member) + places
        return result

    def stack(self, fronts: list[int], offset: Array, size: int) -> Stack:
        """Some fronts of one shape as a stack."""
        rounds: list[list[int]] = []
        met: dict[int, int] = defaultdict(int)
        for place, f in enumerate(fronts):
            above = int(self.parent[f])
            if above >= 0:
                if met[above] == len(rounds):
                    rounds.append([])
                rounds[met[above]].append(place)
                met[above] += 1
        adds = tuple(
            (np.array(chosen), np.stack([self.target(fronts[place], offset) for place in chosen])) for chosen in rounds
        )
        own, border = (np.stack([part[f] for f in fronts]) for part in (self.own, self.borders))
        entries = (np.ones(border.size), (border.ravel(), np.arange(border.size)))
        scatter = sparse.coo_array(entries, shape=(size, border.size)).tocsr()
        return Stack(own, border, int(offset[fronts[0]]), adds, scatter)


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
        samples = data.shape[1]
        work = np.zeros((elimination.workspace, samples), data.dtype)
        work[elimination.places] = data[elimination.entries]
        self._bundles = []
        for bundle in elimination.bundles:
            factor = _eliminate_bundle(bundle, data)
            self._bundles.append(factor)
            work[bundle.target] -= _product(*factor[1:])
        self._fronts = []
        for stack in elimination.stacks:
            fronts = work[stack.offset :][: int(np.prod(stack.shape))].reshape(*stack.shape, samples)
            p = stack.own.shape[1]
            _eliminate(fronts, p)
            self._fronts.append(fronts)
            for chosen, targets in stack.rounds:
                work[targets] += fronts[chosen, p:, p:]

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) for ``rhs`` (n, S), sample by sample."""
        y = rhs[self._plan.order]
        bundles = list(zip(self._plan.bundles, self._bundles, strict=True))
        stacks = list(zip(self._plan.stacks, self._fronts, strict=True))
        for bundle, (diagonal, lower, upper) in bundles:
            if transpose:
                y[bundle.own] /= diagonal
            factor = upper.swapaxes(0, 1) if transpose else lower
            y[bundle.border] -= (factor * y[bundle.own]).sum(axis=1)
        for stack, fronts in stacks:
            p, own = stack.own.shape[1], y[stack.own]
            (_upper_t if transpose else _lower)(fronts, own)
            y[stack.own] = own
            if stack.rounds:
                factor = fronts[:, :p, p:].swapaxes(1, 2) if transpose else fronts[:, p:, :p]
                change = (factor * own[:, None]).sum(axis=2)
                y -= stack.scatter @ change.reshape(-1, y.shape[1])
        for stack, fronts in reversed(stacks):
            p, own = stack.own.shape[1], y[stack.own]
            if stack.rounds:
                factor = fronts[:, p:, :p].swapaxes(1, 2) if transpose else fronts[:, :p, p:]
                own -= (factor * y[stack.border][:, None]).sum(axis=2)
            (_lower_t if transpose else _upper)(fronts, own)
            y[stack.own] = own
        for bundle, (diagonal, lower, upper) in reversed(bundles):
            factor = lower.swapaxes(0, 1) if transpose else upper
            y[bundle.own] -= (factor * y[bundle.border]).sum(axis=1)
            if not transpose:
                y[bundle.own] /= diagonal
        return np.asarray(y[self._plan.position])


def _eliminate_bundle(bundle: Bundle, data: Array) -> tuple[Array, Array, Array]:
    """The diagonal (p, S), L below it (b, p, S), and U beside it (p, b, S)."""
    (row, column), entries, p, b = bundle.at, data[bundle.entries], len(bundle.own), len(bundle.border)
    diagonal = np.zeros((p, data.shape[1]), data.dtype)
    lower, upper = (np.zeros((*shape, data.shape[1]), data.dtype) for shape in ((b, p), (p, b)))
    inside, below, beside = row == column, row >= p, column >= p
    diagonal[row[inside]] = entries[inside]
    lower[row[below] - p, column[below]] = entries[below]
    upper[row[beside], column[beside] - p] = entries[beside]
    lower /= diagonal
    return diagonal, lower, upper


def _product(a: Array, b: Array) -> Array:
    """The matrix products of a (..., i, j, S) and b (..., j, k, S), by BLAS."""
    left, right = (np.ascontiguousarray(np.moveaxis(factor, -1, 0)) for factor in (a, b))
    return np.moveaxis(left @ right, 0, -1)


def _eliminate(fronts: Array, pivots: int) -> None:
    """LU without interchanges of the first ``pivots`` rows and columns of fronts (q, f, f, S), in place."""
    size, panel = fronts.shape[1], pivots if pivots < BLOCKED else BLOCKED // 2
    for first in range(0, pivots, panel):
        last = min(first + panel, pivots)
        # A narrow front is updated whole by each pivot, a wide one by panels of them.
        end = size if panel == pivots else last
        for k in range(first, last):
            fronts[:, k + 1 :, k] /= fronts[:, None, k, k]
            fronts[:, k + 1 :, k + 1 : end] -= fronts[:, k + 1 :, k, None] * fronts[:, None, k, k + 1 : end]
            if end < size:
                fronts[:, k + 1 : last, end:] -= fronts[:, k + 1 : last, k, None] * fronts[:, None, k, end:]
        if end < size:
            fronts[:, last:, last:] -= _product(fronts[:, last:, first:last], fronts[:, first:last, last:])


def _lower(fronts: Array, y: Array) -> None:
    """L z = y in the pivot blocks, for y (q, p, S)."""
    p = y.shape[1]
    for k in range(p - 1):
        y[:, k + 1 :] -= fronts[:, k + 1 : p, k] * y[:, None, k]


def _lower_t(fronts: Array, y: Array) -> None:
    """Lᵀ z = y."""
    for k in range(y.shape[1] - 1, 0, -1):
        y[:, :k] -= fronts[:, k, :k] * y[:, None, k]


def _upper(fronts: Array, y: Array) -> None:
    """U z = y."""
    for k in range(y.shape[1] - 1, -1, -1):
        y[:, k] /= fronts[:, k, k]
        y[:, :k] -= fronts[:, :k, k] * y[:, None, k]


def _upper_t(fronts: Array, y: Array) -> None:
    """Uᵀ z = y."""
    p = y.shape[1]
    for k in range(p):
        y[:, k] /= fronts[:, k, k]
        y[:, k + 1 :] -= fronts[:, k, k + 1 : p] * y[:, None, k]
