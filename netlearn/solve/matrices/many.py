"""Solving one linear system per sample, all with one pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.solve.compiled.load import available
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.batched_lu import BatchedLu
from netlearn.solve.matrices.condensation import Condensed, nonlinear_unknowns
from netlearn.solve.matrices.one import Factorization, SingularMatrix, factorize

DENSE_BELOW = 64
"""Up to this many unknowns LAPACK solves unsymmetric systems, sample by sample: of lattices SuperLU takes 2.4 times as
long for 64 unknowns, 1.6 times for 128 and half for 256 (benchmarks/thresholds.py). Beyond it, what is linear may be
eliminated beforehand."""
CONDENSED_SHARE = 0.5
"""Where no more than this part of the unknowns is nonlinear, the others are eliminated beforehand: of 196 unknowns,
solving takes 37 times as long without that for an eighth, 16 for a quarter and 5 for a half
(benchmarks/thresholds.py)."""
CONDENSED_MOST = 300
"""Unknowns of a dense remainder, beyond which sparse factorizations cost less: of a third of a lattice they take 3.2
times as long for 150, 1.3 for 300 and 0.5 for 600 (benchmarks/thresholds.py)."""
MOST_WORK = 2e7
"""Beyond so many multiplications SuperLU is faster sample by sample, for it works on blocks: for random graphs, sample
by sample takes 7 times as long for half as many, as long for as many and 0.8 for twice; from 1000 unknowns on it is
CHOLMOD that does it, where it is installed (benchmarks/thresholds.py)."""


class Pattern(Protocol):
    """A way to factorize matrices with entries (nnz, S); samples that are singular give NaN."""

    @property
    def cost(self) -> int:
        """How many numbers one sample's factors hold."""
        ...

    def factorize(self, data: Array) -> Factorization:
        """Factors of all S matrices, whose ``solve`` takes right-hand sides (n, S)."""
        ...


class DensePattern:
    """LAPACK with row interchanges."""

    def __init__(self, reduction: SourceReduction) -> None:
        self._size = reduction.size
        self._rows, self._columns = reduction.pattern.rows, reduction.columns
        self.cost = max(reduction.size, 1) ** 2

    def factorize(self, data: Array) -> Factorization:
        matrices = np.zeros((data.shape[1], self._size, self._size), data.dtype)
        matrices[:, self._rows, self._columns] = data.T
        return DenseMatrices(matrices)


class DenseMatrices:
    """Matrices (S, n, n), which LAPACK solves with."""

    def __init__(self, matrices: Array) -> None:
        self._matrices = matrices

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        matrices = self._matrices.swapaxes(1, 2) if transpose else self._matrices
        return _solve_all(matrices, rhs.T[..., None])[..., 0].T


def _solve_all(matrices: Array, rhs: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(matrices, rhs))
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full(rhs.shape, np.nan, np.result_type(matrices, rhs))
        # One singular matrix spoils the call: halve until it is alone.
        half = len(matrices) // 2
        return np.concatenate([_solve_all(matrices[:half], rhs[:half]), _solve_all(matrices[half:], rhs[half:])])


class SparsePattern:
    """SuperLU sample by sample, with row interchanges unless the matrices are ``definite``."""

    def __init__(self, reduction: SourceReduction, definite: bool = False) -> None:
        self._reduction, self._definite = reduction, definite
        self.cost = 10 * len(reduction.pattern.rows)

    def factorize(self, data: Array) -> Factorization:
        rows, pointers, _ = self._reduction.pattern
        shape = (self._reduction.size, self._reduction.size)
        return _SparseMatrices(
            [
                _factor_or_none(sparse.csc_array((entries, rows, pointers), shape=shape), self._definite)
                for entries in np.ascontiguousarray(data.T)
            ]
        )


def _factor_or_none(matrix: sparse.csc_array, definite: bool) -> Factorization | None:
    try:
        return factorize(matrix, definite)
    except SingularMatrix:
        return None


class _SparseMatrices:
    def __init__(self, factors: Sequence[Factorization | None]) -> None:
        self._factors = factors

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        columns = [
            np.full(len(rhs), np.nan) if factor is None else factor.solve(np.ascontiguousarray(column), transpose)
            for factor, column in zip(self._factors, rhs.T, strict=True)
        ]
        return np.stack(columns, axis=1)


def pattern_for(circuit: Circuit, reduction: SourceReduction, *, together: bool = True) -> Pattern:
    """The fastest way that is safe for a circuit's Jacobians."""
    reciprocal = all(group.device.reciprocal for group in circuit.groups if len(group))
    # The Hessian of a co-content: with passive elements no pivot needs to leave the diagonal.
    if reciprocal and reduction.is_node.all():
        return on_diagonal(reduction) if together else one_by_one(reduction)
    last = nonlinear_unknowns(circuit, reduction)
    if reduction.size > DENSE_BELOW and len(last) <= min(CONDENSED_SHARE * reduction.size, CONDENSED_MOST):
        return condensing(reduction, last)
    return pivoting(reduction)


def on_diagonal(reduction: SourceReduction) -> Pattern:
    """A way that takes pivots on the diagonal, for all samples together."""
    if not available():
        return one_by_one(reduction)
    rows, pointers, _ = reduction.pattern
    plan = reduction.wiring.once(on_diagonal, lambda: BatchedLu(rows, pointers, symmetric=True))
    return plan if plan.work <= MOST_WORK else one_by_one(reduction)


def one_by_one(reduction: SourceReduction) -> Pattern:
    """A way that takes pivots on the diagonal, or LAPACK's for small matrices, sample by sample."""
    return DensePattern(reduction) if reduction.size <= DENSE_BELOW else SparsePattern(reduction, definite=True)


def condensing(reduction: SourceReduction, last: Array) -> Pattern:
    """A way that eliminates all unknowns but ``last`` once for all samples."""
    return reduction.wiring.once(
        (condensing, last.tobytes()), lambda: Condensed(reduction, last, DenseMatrices, pivoting(reduction))
    )


def pivoting(reduction: SourceReduction) -> Pattern:
    """A way that interchanges rows where pivots are small."""
    return reduction.wiring.once(
        pivoting, lambda: DensePattern(reduction) if reduction.size <= DENSE_BELOW else SparsePattern(reduction)
    )
