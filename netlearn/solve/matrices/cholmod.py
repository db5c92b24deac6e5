"""CHOLMOD's Cholesky factorizations, which come with cvxopt (Chen, Davis, Hager and Rajamanickam, ACM TOMS 35, 2008).

Of the matrix of a resistor network with ten thousand nodes or more it finds the factors in a fifth of SuperLU's
time, and in an eighth where the analysis of the pattern is there already. ``benchmarks/sparse_solvers.py`` has the
measurements.
"""

from __future__ import annotations

from functools import cache, cached_property
from threading import RLock
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.interrupts import whole_import
from netlearn.solve.compiled.load import available
from netlearn.solve.matrices import left_looking
from netlearn.solve.matrices.left_looking import LeftLooking
from netlearn.solve.matrices.triangle import MOST_IN_STEP, Sums, Triangle, inverse_of

CACHED = 4
"""So many analyses are kept, by convention: each holds the memory of its factors."""
LOOPED_FROM = 8
"""From so many right-hand sides on, compiled loops that take some dozens in step are faster than CHOLMOD's own, in 0.57
of its time with the factors made anew each time (benchmarks/thresholds.py); operating points of crossbars with 2 or 4
vectors take as long either way, 0.8 with 8."""


@cache
def _modules() -> tuple[Any, Any]:
    """cvxopt and its CHOLMOD. Raises ImportError."""
    return whole_import("cvxopt"), whole_import("cvxopt.cholmod")


@cache
def has_cholmod() -> bool:
    """Whether cvxopt is installed and loads."""
    try:
        _modules()
    except ImportError:
        return False
    return True


def minimum_degree(rows: Array, pointers: Array) -> Array:
    """The order of elimination that CHOLMOD's symbolic analysis takes, approximate minimum degree."""
    base, _ = _modules()
    size = len(pointers) - 1
    columns = np.repeat(np.arange(size), np.diff(pointers))
    lower = np.flatnonzero(rows >= columns)
    places = (base.matrix(each[lower].astype(np.int64)) for each in (rows, columns))
    order = whole_import("cvxopt.amd").order(base.spmatrix(1.0, *places, (size, size)))
    _last_order[:] = [(rows, pointers, order)]
    return np.array(order).ravel().astype(np.int64)


_last_order: list[tuple[Array, Array, Any]] = []
"""Of the pattern that was looked at last: what is factorized then need not be put in order again."""


def _order_known(rows: Array, pointers: Array) -> dict[str, Any]:
    """The same order for CHOLMOD's symbolic analysis of that pattern, or nothing of others."""
    known = [order for r, p, order in _last_order if np.array_equal(p, pointers) and np.array_equal(r, rows)]
    return {"p": known[0]} if known else {}


class NotDefinite(Exception):
    """A pivot that is not positive."""


class Analysis:
    """The order of elimination for one pattern, and the numbers of the factorization that was made last."""

    def __init__(self, rows: Array, pointers: Array) -> None:
        self.rows, self.pointers = rows, pointers
        self._factor: Any = None
        self._order: Any = None
        self.owner: object = None
        self.lock = RLock()
        """Held by whoever puts numbers in and solves with them."""

    def __reduce__(self) -> tuple[object, ...]:
        # What CHOLMOD and the lock hold is of this process.
        return Analysis, (self.rows, self.pointers)

    @cached_property
    def _lower(self) -> tuple[Array, Any]:
        """Which entries are in the lower triangle, and a matrix of them."""
        base, _ = _modules()
        size = len(self.pointers) - 1
        columns = np.repeat(np.arange(size), np.diff(self.pointers))
        lower = np.flatnonzero(self.rows >= columns)
        places = (base.matrix(each[lower].astype(np.int64)) for each in (self.rows, columns))
        return lower, base.spmatrix(1.0, *places, (size, size))

    @cached_property
    def light(self) -> LeftLooking | None:
        """What makes the factors of a light matrix, for which there must be compiled loops."""
        if len(self.pointers) - 1 > left_looking.MOST_UNKNOWNS:
            return None
        return LeftLooking.of(self.rows, self.pointers, minimum_degree(self.rows, self.pointers))

    @classmethod
    def of(cls, rows: Array, pointers: Array) -> Analysis:
        """For a pattern by compressed columns, from a cache."""
        for known in _analyses:
            if np.array_equal(known.pointers, pointers) and np.array_equal(known.rows, rows):
                return known
        made = cls(np.array(rows), np.array(pointers))
        _analyses.insert(0, made)
        del _analyses[CACHED:]
        return made

    def factorize(self, data: Array, owner: object) -> None:
        """Put the numbers in. Raises NotDefinite."""
        base, cholmod = _modules()
        self.owner = None
        lower, matrix = self._lower
        if self._factor is None:
            # What was left of the factor that was taken would be filled by another kind of factorization.
            known = _order_known(self.rows, self.pointers) if self._order is None else {"p": self._order}
            self._factor = cholmod.symbolic(matrix, **known)
        matrix.V = base.matrix(np.ascontiguousarray(data[lower]))
        try:
            cholmod.numeric(matrix, self._factor)
        except ArithmeticError:
            raise NotDefinite from None
        self.owner = owner

    def triangle(self, data: Array, owner: object) -> Triangle:
        """The factor of the matrix with these numbers, by the faster way. Raises NotDefinite."""
        found = None if self.light is None else self.light.factorize(data)
        if found is not None:
            return found
        if self.owner is not owner:
            # Where a pivot is lost in rounding, CHOLMOD decides.
            self.factorize(data, owner)
        return self.take()

    def columns(self, count: int) -> tuple[Any, Array]:
        """A matrix of zeros for so many right-hand sides, as ``solve`` takes it and as an array (n, count)."""
        base, _ = _modules()
        columns = base.matrix(0.0, (len(self.pointers) - 1, count))
        return columns, np.asarray(columns)

    def solve(self, columns: Any) -> None:
        """Overwrite right-hand sides with their solutions."""
        _, cholmod = _modules()
        cholmod.solve(self._factor, columns)

    def take(self) -> Triangle:
        """The factor itself, which is then no longer here."""
        base, cholmod = _modules()
        order = base.matrix(np.arange(len(self.pointers) - 1, dtype=float))
        cholmod.solve(self._factor, order, sys=7)
        # The parts are copies already.
        pointers, rows, values = (np.asarray(part).ravel() for part in cholmod.getfactor(self._factor).CCS)
        rows = rows.astype(np.int32)
        order = np.array(order).ravel().astype(np.int64)
        self.owner, self._factor, self._order = None, None, base.matrix(order)
        return Triangle(order, inverse_of(order), pointers, rows, values)


_analyses: list[Analysis] = []


class CholmodFactorization:
    """The Cholesky factorization of a real symmetric positive definite matrix: a Factorization.

    Factorizations of one pattern share CHOLMOD's memory: one that is solved with after another was made is made anew.
    ``columns`` is for how many right-hand sides it will be wanted at first: for many of them a light matrix has its
    factor by ``left_looking``, in 0.6 of the time of a crossbar of 64x32 cells with 16 vectors.
    """

    def __init__(self, matrix: sparse.csc_array, columns: int = 1) -> None:
        self._analysis = Analysis.of(matrix.indices, matrix.indptr)
        self._data = np.array(matrix.data)
        self._triangle: Triangle | None = None
        with self._analysis.lock:
            self._make(columns)

    def _make(self, columns: int) -> Triangle | None:
        """Make the factors in the way that is faster for so many right-hand sides: L itself, or CHOLMOD's for None.

        Under the analysis's lock, and as long as L itself is not there. Raises NotDefinite.
        """
        if columns >= LOOPED_FROM and available():
            self._triangle = self._analysis.triangle(self._data, self)
        elif self._analysis.owner is not self:
            self._analysis.factorize(self._data, self)
        return self._triangle

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) of A x = rhs, whether transposed or not."""
        if np.iscomplexobj(rhs):
            return self.solve(rhs.real) + 1j * self.solve(rhs.imag)
        columns = np.asarray(rhs, dtype=float).reshape(len(rhs), -1)
        every = np.arange(len(rhs))
        return self.solve_at(every, columns.T, every).T.reshape(rhs.shape)

    def solve_at(self, equations: Array, right: Array, wanted: Array, sums: Sums | None = None) -> Array:
        """Solutions (S, w) at the unknowns ``wanted`` (w,), any number of times each.

        The right-hand sides are zero but for ``right`` (S, d) in the ``equations`` (d,). All solutions are added to
        ``sums``, of none so far.
        """
        triangle = self._triangle
        if triangle is None:
            with self._analysis.lock:
                triangle = self._triangle or self._make(len(right))
                if triangle is None:
                    return self._by_cholmod(equations, right, wanted, sums)
        return triangle.solve_at(equations, right, wanted, sums)

    def _by_cholmod(self, equations: Array, right: Array, wanted: Array, sums: Sums | None) -> Array:
        result = np.empty((len(right), len(wanted)))
        for first in range(0, len(right), MOST_IN_STEP):
            rows = slice(first, min(first + MOST_IN_STEP, len(right)))
            columns, y = self._analysis.columns(rows.stop - first)
            y[equations] = right[rows].T
            self._analysis.solve(columns)
            if sums is not None:
                sums.add(rows, y)
            np.take(y.T, wanted, axis=1, out=result[rows], mode="clip")
        return result
