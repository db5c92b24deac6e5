"""Factorizations of one matrix: LAPACK for small ones, CHOLMOD for large ones that are definite, SuperLU for others.

``benchmarks/sparse_solvers.py`` has the measurements behind the choices.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.errors import TooLargeError
from netlearn.solve.matrices.cholmod import CholmodFactorization, NotDefinite, has_cholmod, minimum_degree
from netlearn.solve.matrices.fill import HINT, require_dense_room, require_room

DENSE_LIMIT = 100
"""Up to this many unknowns a dense factorization is faster: SuperLU takes 4 times as long for 100 unknowns of a
lattice, 1.4 times for 200, and a quarter for 400 (benchmarks/thresholds.py)."""
DENSE_SHARE = 0.1
"""So it is where at least this share of the entries is not zero, as in layered networks: with 500 unknowns and that
share at random places LAPACK takes 0.15 of SuperLU's time, with a quarter of it 0.4 (benchmarks/thresholds.py)."""
DENSE_MOST = 4000
"""But not for more unknowns than these, by convention: a matrix of that size holds 128 MB."""
CHOLMOD_FROM = 1000
"""From so many unknowns on CHOLMOD's factors surely repay its conversions: from 250 to 4000 unknowns of a lattice it
takes a fifth of SuperLU's time (benchmarks/thresholds.py), and 0.6 to 0.8 of it where the pattern is a new one."""
PIVOT_THRESHOLD = 0.1
"""A diagonal entry of at least this part of its column's largest is the pivot (Duff, Erisman and Reid, Direct Methods
for Sparse Matrices, 1986, who recommend this size)."""
PIVOT_RATIO = 8 * np.finfo(float).eps
"""A pivot this small beside its column is zero but for rounding."""


class SingularMatrix(Exception):
    """No factorization; only for use inside the solvers, which name the elements at fault."""


class Factorization(Protocol):
    """A factorized matrix A."""

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) of A x = rhs, or of Aᵀ x = rhs."""
        ...


class DenseFactorization:
    """LAPACK's LU with row interchanges."""

    def __init__(self, matrix: Array) -> None:
        scale = np.abs(matrix).max(axis=0, initial=0.0)
        lapack: Any = linalg.get_lapack_funcs(("getrf", "getrs"), (matrix,))
        factor, self._solve = lapack
        self._lu, self._pivots, info = factor(matrix)
        if info != 0 or (np.abs(np.diagonal(self._lu)) <= PIVOT_RATIO * scale).any():
            raise SingularMatrix

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        if np.iscomplexobj(rhs) and not np.iscomplexobj(self._lu):
            return self.solve(rhs.real, transpose) + 1j * self.solve(rhs.imag, transpose)
        # scipy counts the pivots up while LAPACK works, which other threads must not see.
        solution, _ = self._solve(self._lu, self._pivots.copy(), rhs, trans=1 if transpose else 0)
        return np.asarray(solution)


class SparseFactorization:
    """SuperLU: a symmetric ordering and diagonal pivots where the matrix is known to be positive definite.

    KLU is twice as fast on lattices of up to some thousand nodes, but twenty times slower on a
    random graph of ten thousand, so that it is not worth a dependency.
    """

    def __init__(self, matrix: sparse.csc_array, definite: bool) -> None:
        # Circuit matrices have nearly symmetric patterns: for them this order makes the least fill, definite or not.
        order: Any = {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}}
        order["diag_pivot_thresh"] = 0.0 if definite else PIVOT_THRESHOLD
        try:
            self._lu: Any = splu(matrix, **order)
        except RuntimeError as error:
            raise SingularMatrix from error
        self._complex = np.iscomplexobj(matrix)
        if not definite:
            scale = np.asarray(abs(matrix).max(axis=0).todense()).ravel()[np.argsort(self._lu.perm_c)]
            if (np.abs(self._lu.U.diagonal()) <= PIVOT_RATIO * scale).any():
                raise SingularMatrix

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        trans = "T" if transpose else "N"
        if self._complex or not np.iscomplexobj(rhs):
            return np.asarray(self._lu.solve(np.asarray(rhs, dtype=complex if self._complex else float), trans))
        real, imaginary = (self._lu.solve(np.ascontiguousarray(part), trans) for part in (rhs.real, rhs.imag))
        return np.asarray(real + 1j * imaginary)


class EmptyFactorization:
    """The matrix without rows: every node's voltage is given."""

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        return rhs


def require_factors(matrix: sparse.csc_array, definite: bool, count: int = 1) -> None:
    """See that what ``factorize`` makes of so many matrices like this one fits into memory. Raises TooLargeError."""
    if _is_dense(matrix):
        require_dense_room(matrix.shape[0], count, matrix.dtype.itemsize)
    else:
        require_room(matrix, minimum_degree if has_cholmod() else None, 1 if definite else 2, count)


def _is_dense(matrix: sparse.csc_array) -> bool:
    size = matrix.shape[0]
    return bool(size <= DENSE_LIMIT or (size <= DENSE_MOST and matrix.nnz > DENSE_SHARE * size**2))


def factorize(matrix: sparse.csc_array, definite: bool = False, columns: int = 1) -> Factorization:
    """Factorize a square matrix, ``definite`` if it is known to be symmetric positive definite.

    ``columns`` is for how many right-hand sides it will be wanted at first, which decides what is fastest.

    Raises SingularMatrix where a pivot vanishes, and TooLargeError where the factors do not fit into the memory.
    """
    size = matrix.shape[0]
    if size == 0:
        return EmptyFactorization()
    if not np.isfinite(matrix.data).all():
        raise SingularMatrix
    require_factors(matrix, definite)
    if _is_dense(matrix):
        return DenseFactorization(matrix.toarray())
    try:
        if definite and size >= CHOLMOD_FROM and matrix.dtype.kind == "f" and has_cholmod():
            return CholmodFactorization(matrix, columns)
        return SparseFactorization(matrix, definite)
    except NotDefinite:
        raise SingularMatrix from None
    except MemoryError:
        raise TooLargeError(f"the factors of {size:,} equations do not fit into the memory", hint=HINT) from None
