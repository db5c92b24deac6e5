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
from typing import Any, Protocol

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
        self._kept: tuple[Array, Condensation, Array] | None = None
        self.cost = 4 * len(last) ** 2 + reduction.size

    def factorize(self, data: Array) -> Factorization:
        """Factors of all S matrices."""
        shared = data[self._shared]
        if not (shared == shared[:, :1]).all():
            return self._otherwise.factorize(data)
        try:
            condensation, correction = self._eliminate(shared[:, 0], data[:, 0])
        except SingularMatrix:
            return self._otherwise.factorize(data)
        k = len(self._last)
        matrices = np.zeros((data.shape[1], k, k), data.dtype)
        matrices[:, self._rows[self._among], self._columns[self._among]] = data[self._among].T
        return _CondensedFactorization(condensation, self._dense(matrices - correction))

    def _eliminate(self, shared: Array, data: Array) -> tuple[Condensation, Array]:
        """The condensation and C A⁻¹ B (k, k); from step to step of Newton's method they stay."""
        kept = self._kept
        if kept is None or kept[0].dtype != shared.dtype or not np.array_equal(kept[0], shared):
            a, b, c = (self._block(data, *key) for key in self._blocks)
            factors = factorize(a)
            condensation = Condensation(self._first, self._last, factors, factors.solve(b.toarray()), c)
            kept = self._kept = shared, condensation, np.asarray(c @ condensation.beside)
        return kept[1:]

    def _block(self, data: Array, below: bool, beside: bool) -> sparse.csc_array:
        at = self._blocks[below, beside]
        shape = (len(self._last if below else self._first), len(self._last if beside else self._first))
        return sparse.coo_array((data[at], (self._rows[at], self._columns[at])), shape=shape).tocsc()


@dataclass(frozen=True)
class _CondensedFactorization:
    condensation: Condensation
    left: Factorization

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (r, S) of each sample's system, or of the transposed one."""
        reduced, rest = self.condensation.reduce(rhs.T, transpose)
        y = self.left.solve(np.ascontiguousarray(reduced.T), transpose)
        return np.ascontiguousarray(self.condensation.recover(y.T, rest, transpose).T)


@dataclass(frozen=True)
class Condensation:
    """The unknowns ``first`` without nonlinear elements, which follow from the others, ``last``.

    ``factors`` are those of the first ones' matrix A, ``beside`` is A⁻¹ B and ``below`` is C.
    """

    first: Array
    last: Array
    factors: Factorization
    beside: Array
    below: sparse.csc_array | Array

    @classmethod
    def of(cls, reduction: SourceReduction, data: Array, last: Array) -> tuple[Condensation, Array] | None:
        """For reduced equations with the entries ``data`` (nnz,), with what is left among ``last``, D - C A⁻¹ B (k, k).

        None where what is to be eliminated is singular.
        """
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
        return cls(first, last, factors, beside, below), left - below @ beside

    def reduce(self, right: Array, transpose: bool = False) -> tuple[Array, Array]:
        """From right-hand sides (..., r): those of the equations of ``last``, (..., k), and what ``recover`` needs.

        With ``transpose`` for the transposed equations.
        """
        first, last = right[..., self.first], right[..., self.last]
        if transpose:
            return last - first @ self.beside, first
        alone = self._solve(first)
        return last - self._product(self.below, alone), alone

    def recover(self, y: Array, rest: Array, transpose: bool = False) -> Array:
        """All unknowns (..., r) from those of ``last``, ``y`` (..., k), and what ``reduce`` gave."""
        if transpose:
            first = self._solve(rest - self._product(self.below.T, y), transpose=True)
        else:
            first = rest - y @ self.beside.T
        result = np.empty((*y.shape[:-1], len(self.first) + len(self.last)), np.result_type(first, y))
        result[..., self.last], result[..., self.first] = y, first
        return result

    def _solve(self, right: Array, transpose: bool = False) -> Array:
        flat = np.ascontiguousarray(right.reshape(-1, right.shape[-1]).T)
        return self.factors.solve(flat, transpose).T.reshape(right.shape)

    @staticmethod
    def _product(matrix: Any, x: Array) -> Array:
        result: Array = (matrix @ x.reshape(-1, x.shape[-1]).T).T
        return result.reshape(*x.shape[:-1], -1)
