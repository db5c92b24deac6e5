"""Conjugate gradients for many symmetric matrices that differ only on their diagonals.

Diodes to ground in a resistor network add to the diagonal alone, and for samples with similar
sources they add similar amounts. Then one factorization, that of the mean matrix, is a good
preconditioner for all of them (Saad, Iterative Methods for Sparse Linear Systems, 2003, section
9.2), and all samples take their steps together, as products of one sparse matrix with a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from netlearn.circuit.devices.base import Array
from netlearn.solve.batched import Elimination
from netlearn.solve.reduction import Reduction
from netlearn.solve.sparse import Factorization, SingularMatrix, factorize

REDUCED_TO = 1e-5
"""Iterations end where the error, in the norm of the preconditioned matrix, is this part of the solution."""
MOST_ITERATIONS = 30
INVERTED_BELOW = 150
NEAR = 0.2
"""While no diagonal entry of the mean moves by more than this part, its last factorization serves again."""


class Preconditioned:
    """A Pattern for symmetric positive definite matrices; ``exact`` factorizes where iterations do not suit."""

    # An error that is small in the sum of all unknowns may be larger in one of them.
    accuracy = 1e2 * REDUCED_TO

    def __init__(self, reduction: Reduction, exact: Elimination) -> None:
        self._reduction, self._exact = reduction, exact
        self._diagonal = np.flatnonzero(reduction.pattern[0] == reduction.columns)
        self._near = np.where(reduction.pattern[0] == reduction.columns, NEAR, 0.0)
        self._kept: _Mean | None = None
        self.cost = exact.cost

    def factorize(self, data: Array) -> Factorization:
        """One factorization of the mean of all S matrices, with which each is solved iteratively."""
        shared = data[:, 0].copy()
        diagonal = data[self._diagonal]
        differing = (data != shared[:, None]).any(axis=1)
        differing[self._diagonal] = False
        if differing.any() or np.iscomplexobj(data):
            return self._exact.factorize(data)
        shared[self._diagonal] = diagonal.mean(axis=1)
        if self._kept is None or not (np.abs(shared - self._kept.shared) <= self._near * np.abs(shared)).all():
            try:
                self._kept = self._of(shared)
            except SingularMatrix:
                return self._exact.factorize(data)
        extra = np.zeros((self._reduction.size, data.shape[1]))
        extra[self._reduction.columns[self._diagonal]] = diagonal - self._kept.shared[self._diagonal, None]
        return _Iterations(self._kept, extra, data, self._exact)

    def _of(self, shared: Array) -> _Mean:
        rows, pointers, _ = self._reduction.pattern
        mean = sparse.csc_array((shared, rows, pointers), shape=(self._reduction.size, self._reduction.size))
        # A symmetric matrix has the same numbers by rows as by columns.
        return _Mean(shared, mean.T, factorize(mean, definite=True))


@dataclass(frozen=True)
class _Mean:
    """A matrix with the entries ``shared`` (nnz,), factorized."""

    shared: Array
    matrix: sparse.csr_array
    factors: Factorization

    @cached_property
    def _inverse(self) -> Array:
        # Less exact than factors, but a preconditioner need not be exact, and a product takes a third of the time.
        return self.factors.solve(np.eye(self.matrix.shape[0]))

    def solve(self, rhs: Array) -> Array:
        """Its solutions (n, S)."""
        result: Array = self._inverse @ rhs if len(rhs) <= INVERTED_BELOW else self.factors.solve(rhs)
        return result


@dataclass(frozen=True)
class _Iterations:
    """Matrices ``mean`` + diag(``extra`` (n, S))."""

    mean: _Mean
    extra: Array
    data: Array
    exact: Elimination

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) for ``rhs`` (n, S); the matrices are symmetric."""
        x, left = np.zeros_like(rhs), rhs.copy()
        along = self.mean.solve(left)
        energy = _dots(left, along)
        goal = REDUCED_TO**2 * energy
        for _ in range(MOST_ITERATIONS):
            image = self.mean.matrix @ along + self.extra * along
            length = energy / np.maximum(_dots(along, image), 1e-300)
            x += length * along
            left -= length * image
            better = self.mean.solve(left)
            before, energy = energy, _dots(left, better)
            if (energy <= goal).all():
                return x
            along *= energy / np.maximum(before, 1e-300)
            along += better
        lost = np.flatnonzero(~(energy <= goal))
        x[:, lost] = self.exact.factorize(self.data[:, lost]).solve(rhs[:, lost])
        return x


def _dots(a: Array, b: Array) -> Array:
    """The inner products (S,) of columns."""
    return np.asarray(np.einsum("ns,ns->s", a, b))
