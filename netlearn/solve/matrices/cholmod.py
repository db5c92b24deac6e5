"""CHOLMOD's Cholesky factorizations, which come with cvxopt (Chen, Davis, Hager and Rajamanickam, ACM TOMS 35, 2008).

Of the matrix of a resistor network with ten thousand nodes or more it finds the factors in a fifth of SuperLU's
time, and in an eighth where the analysis of the pattern is there already. ``benchmarks/sparse_solvers.py`` has the
measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.interrupts import whole_import
from netlearn.solve.compiled.load import available, kernels

CACHED = 4
"""So many analyses are kept: each holds the memory of its factors."""
LANES, MOST_IN_STEP = 8, 64
"""Right-hand sides are solved for in multiples of the one, up to the other at a time."""
TURNED = 4096
"""Of so many unknowns at a time the solutions that are in step fit into the cache while they are turned around."""
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
        base, cholmod = _modules()
        size = len(pointers) - 1
        columns = np.repeat(np.arange(size), np.diff(pointers))
        self.rows, self.pointers = rows, pointers
        self._lower = np.flatnonzero(rows >= columns)
        places = (base.matrix(each[self._lower].astype(np.int64)) for each in (rows, columns))
        self._matrix = base.spmatrix(1.0, *places, (size, size))
        self._factor: Any = cholmod.symbolic(self._matrix, **_order_known(rows, pointers))
        self._order: Any = None
        self.owner: object = None

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
        if self._factor is None:
            # What was left of the factor that was taken would be filled by another kind of factorization.
            self._factor = cholmod.symbolic(self._matrix, p=self._order)
        self._matrix.V = base.matrix(np.ascontiguousarray(data[self._lower]))
        try:
            cholmod.numeric(self._matrix, self._factor)
        except ArithmeticError:
            raise NotDefinite from None
        self.owner = owner

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
        order = np.array(order).ravel().astype(np.int64)
        self.owner, self._factor, self._order = None, None, base.matrix(order)
        return Triangle(order, pointers, rows, values)


_analyses: list[Analysis] = []


@dataclass(frozen=True)
class Triangle:
    """L of the Cholesky factorization of A[order][:, order], by compressed columns, each from its diagonal on."""

    order: Array
    pointers: Array
    rows: Array
    values: Array

    @cached_property
    def position(self) -> Array:
        """Where each row stands in the order."""
        result = np.empty(len(self.order), dtype=np.int64)
        result[self.order] = np.arange(len(self.order))
        return result


class CholmodFactorization:
    """The Cholesky factorization of a real symmetric positive definite matrix: a Factorization.

    Factorizations of one pattern share CHOLMOD's memory: one that is solved with after another was made is made anew.
    """

    def __init__(self, matrix: sparse.csc_array) -> None:
        self._analysis = Analysis.of(matrix.indices, matrix.indptr)
        self._data = np.array(matrix.data)
        self._triangle: Triangle | None = None
        self._analysis.factorize(self._data, self)

    def solve(self, rhs: Array, transpose: bool = False) -> Array:
        """Solutions (n, S) of A x = rhs, whether transposed or not."""
        if np.iscomplexobj(rhs):
            return self.solve(rhs.real) + 1j * self.solve(rhs.imag)
        columns = np.asarray(rhs, dtype=float).reshape(len(rhs), -1)
        every = np.arange(len(rhs))
        return self.solve_at(every, columns.T, every).T.reshape(rhs.shape)

    def solve_at(self, equations: Array, right: Array, wanted: Array) -> Array:
        """Solutions (S, w) at the unknowns ``wanted`` (w,), any number of times each.

        The right-hand sides are zero but for ``right`` (S, d) in the ``equations`` (d,).
        """
        result = np.empty((len(right), len(wanted)))
        if self._triangle is None:
            if self._analysis.owner is not self:
                self._analysis.factorize(self._data, self)
            if len(right) < LOOPED_FROM or not available():
                self._by_cholmod(equations, right, wanted, result)
                return result
            self._triangle = self._analysis.take()
        self._by_loops(self._triangle, equations, right, wanted, result)
        return result

    def _by_cholmod(self, equations: Array, right: Array, wanted: Array, result: Array) -> None:
        for first in range(0, len(right), MOST_IN_STEP):
            rows = slice(first, min(first + MOST_IN_STEP, len(right)))
            columns, y = self._analysis.columns(rows.stop - first)
            y[equations] = right[rows].T
            self._analysis.solve(columns)
            np.take(y.T, wanted, axis=1, out=result[rows], mode="clip")

    def _by_loops(self, triangle: Triangle, equations: Array, right: Array, wanted: Array, result: Array) -> None:
        equations, wanted = triangle.position[equations], triangle.position[wanted]
        rounds = max(1, -(-len(right) // MOST_IN_STEP))
        width = -(-len(right) // (LANES * rounds)) * LANES
        y = np.empty((len(triangle.order), width))
        for first in range(0, len(right), width):
            rows = slice(first, min(first + width, len(right)))
            y.fill(0.0)
            y[equations, : rows.stop - first] = right[rows].T
            kernels().solve_triangle(triangle.pointers, triangle.rows, triangle.values, y)
            for begin in range(0, len(wanted), TURNED):
                part = slice(begin, begin + TURNED)
                result[rows, part] = y[wanted[part]].T[: rows.stop - first]
