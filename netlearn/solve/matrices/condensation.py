"""Many matrices that differ only among a few unknowns: the rest is eliminated once for all samples.

With the unknowns that nonlinear elements touch last, every sample's Jacobian reads

    A  B
    C  D_s

and only D_s, of the size of those unknowns, differs by sample. What is left of the system is
then D_s - C A⁻¹ B (static condensation; Guyan, AIAA Journal 3, 1965). A layered network has ten
times as many resistors' nodes and amplifiers as nodes with diodes, and becomes that much smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.one import DENSE_LIMIT, DenseFactorization, Factorization, SingularMatrix, factorize


class Factorizer(Protocol):
    """Factorizes matrices with entries (nnz, S) of one pattern."""

    def factorize(self, data: Array) -> Factorization: ...


def nonlinear_unknowns(circuit: Circuit, reduction: SourceReduction) -> Array:
    """Numbers of the reduced unknowns that nonlinear elements touch, each once."""
    groups = [np.ravel(group.index) for group in circuit.groups if len(group) and not group.device.linear]
    touched = np.concatenate(groups) if groups else np.zeros(0, dtype=np.intp)
    places = reduction.place[touched[touched != GROUND]]
    return np.unique(places[places >= 0])


class Condensed:
    """Matrices of which the entries besides those among ``last`` are the same for all samples.

    Where they turn out to differ, or the part to be eliminated is singular, ``otherwise``
    factorizes. ``dense`` factorizes what is left, (S, k, k).
    """

    def __init__(
        self, reduction: SourceReduction, last: Array, dense: Callable[[Array], Factorization], otherwise: Factorizer
    ) -> None:
        is_last = np.zeros(reduction.size, dtype=bool)
        is_last[last] = True
        number = np.where(is_last, np.cumsum(is_last), np.cumsum(~is_last)) - 1
        rows, columns = reduction.pattern.rows, reduction.columns
        self._first, self._last = np.flatnonzero(~is_last), np.flatnonzero(is_last)
        self._among = np.flatnonzero(is_last[rows] & is_last[columns])
        self._shared = np.flatnonzero(~(is_last[rows] & is_last[columns]))
        self._rows, self._columns = number[rows], number[columns]
        self._blocks = {
            (below, beside): np.flatnonzero((is_last[rows] == below) & (is_last[columns] == beside))
            for below, beside in ((False, False), (False, True), (True, False))
        }
        self._dense, self._otherwise = dense, otherwise
        self._kept: tuple[Array, _Shared] | None = None
        self.cost = 4 * len(last) ** 2 + reduction.size

    def factorize(self, data: Array) -> Factorization:
        """Factors of all S matrices."""
        shared = data[self._shared]
        if not (shared == shared[:, :1]).all():
            return self._otherwise.factorize(data)
        try:
            eliminated = self._eliminate(shared[:, 0], data[:, 0])
        except SingularMatrix:
            return self._otherwise.factorize(data)
        k = len(self._last)
        matrices = np.zeros((data.shape[1], k, k), data.dtype)
        matrices[:, self._rows[self._among], self._columns[self._among]] = data[self._among].T
        left = self._dense(matrices - eliminated.correction)
        return _CondensedFactorization(self._first, self._last, eliminated, left)

    def _eliminate(self, shared: Array, data: Array) -> _Shared:
        """A's factors and what they make of B and C; from step to step of Newton's method they stay."""
        if self._kept is None or not np.array_equal(self._kept[0], shared):
            a, b, c = (self._block(data, *key) for key in self._blocks)
            factors = factorize(a)
            beside = factors.solve(b.toarray())
            below = factors.solve(c.T.toarray(), transpose=True)
            self._kept = shared, _Shared(factors, b, c, beside, below, np.asarray(c @ beside))
        return self._kept[1]

    def _block(self, data: Array, below: bool, beside: bool) -> sparse.csc_array:
        at = self._blocks[below, beside]
        shape = (len(self._last if below else self._first), len(self._last if beside else self._first))
        return sparse.coo_array((data[at], (self._rows[at], self._columns[at])), shape=shape).tocsc()


@dataclass(frozen=True)
class _Shared:
    """A factorized; B and C; A⁻¹ B and A⁻ᵀ Cᵀ, (n, k) each; C A⁻¹ B (k, k)."""

    factors: Factorization
    b: sparse.csc_array
    c: sparse.csc_array
    beside: Array
    below: Array
    correction: Array


@dataclass(frozen=True)
class _CondensedFactorization:
    first: Array
    last: Array
    shared: _Shared
    left: Factorization

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (r, S) of each sample's system, or of the transposed one."""
        shared = self.shared
        coupling, beside = (shared.b.T, shared.below) if transpose else (shared.c, shared.beside)
        alone = shared.factors.solve(np.ascontiguousarray(rhs[self.first]), transpose)
        y = self.left.solve(rhs[self.last] - coupling @ alone, transpose)
        x = np.zeros(rhs.shape, np.result_type(alone, y))
        x[self.last], x[self.first] = y, alone - beside @ y
        return x


@dataclass(frozen=True)
class Condensation:
    """The unknowns ``first`` without junctions, which follow from the others, ``last``.

    ``factors`` are those of the first ones' matrix A, ``beside`` is A⁻¹ B, ``below`` is C, and
    ``left`` what stands in the others' place once the first are eliminated, D - C A⁻¹ B.
    """

    first: Array
    last: Array
    factors: Factorization
    beside: Array
    below: sparse.csc_array | Array
    left: Array

    @classmethod
    def of(cls, reduction: SourceReduction, data: Array, last: Array) -> Condensation | None:
        """For reduced equations with the entries ``data`` (nnz,). None where what is to be eliminated is singular."""
        rows, pointers, _ = reduction.pattern
        size = reduction.size
        first = np.setdiff1d(np.arange(size), last, assume_unique=True)
        try:
            if size <= DENSE_LIMIT and len(first):
                full = np.zeros((size, size))
                full[rows, reduction.columns] = data
                factors: Factorization = DenseFactorization(full[np.ix_(first, first)])
                above, below, left = full[np.ix_(first, last)], full[np.ix_(last, first)], full[np.ix_(last, last)]
            else:
                matrix = sparse.csc_array((data, rows, pointers), shape=(size, size))
                upper, lower = matrix[first], matrix[last]
                factors = factorize(upper[:, first].tocsc())
                above, below, left = upper[:, last].toarray(), lower[:, first].tocsc(), lower[:, last].toarray()
        except SingularMatrix:
            return None
        beside = factors.solve(above)
        return cls(first, last, factors, beside, below, left - below @ beside)

    def alone(self, drive: Array) -> Array:
        """What ``drive`` (S, r) makes of the first unknowns, (n, S), while the others are zero."""
        return -self.factors.solve(np.ascontiguousarray(drive[:, self.first].T))

    def carried(self, drive: Array, alone: Array) -> Array:
        """The drive (S, k) of the others."""
        result: Array = drive[:, self.last] + (self.below @ alone).T
        return result

    def completed(self, y: Array, alone: Array) -> Array:
        """All unknowns (S, r) from the others, ``y`` (S, k)."""
        result = np.empty((len(y), len(self.first) + len(self.last)))
        result[:, self.last], result[:, self.first] = y, alone.T - y @ self.beside.T
        return result

    def carried_back(self, right: Array) -> Array:
        """What the transposed equations of all unknowns, (..., r), leave for those of the others, (..., k)."""
        result: Array = right[..., self.last] - right[..., self.first] @ self.beside
        return result

    def completed_back(self, right: Array, y: Array) -> Array:
        """The solution (..., r) of the transposed equations from that of the others, ``y`` (..., k)."""
        count, k = int(np.prod(y.shape[:-1])), len(self.last)
        left = right[..., self.first] - (self.below.T @ y.reshape(count, k).T).T.reshape(*y.shape[:-1], -1)
        result = np.empty(right.shape)
        alone = self.factors.solve(np.ascontiguousarray(left.reshape(count, -1).T), transpose=True)
        result[..., self.last], result[..., self.first] = y, alone.T.reshape(left.shape)
        return result

    def carried_forth(self, right: Array) -> tuple[Array, Array]:
        """What equations with ``right`` (..., r) leave for the others, (..., k), and the first ones' own, (..., n)."""
        shape = (*right.shape[:-1], len(self.first))
        flat = np.ascontiguousarray(right[..., self.first].reshape(-1, len(self.first)).T)
        alone = self.factors.solve(flat)
        return right[..., self.last] - (self.below @ alone).T.reshape(*shape[:-1], -1), alone.T.reshape(shape)

    def completed_forth(self, y: Array, alone: Array) -> Array:
        """All unknowns (..., r) from the others, ``y`` (..., k)."""
        result = np.empty((*y.shape[:-1], len(self.first) + len(self.last)))
        result[..., self.last], result[..., self.first] = y, alone - y @ self.beside.T
        return result
