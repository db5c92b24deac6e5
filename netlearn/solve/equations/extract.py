"""Some entries of a Jacobian as a matrix of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.solve.equations.assembly import summing

DENSE_SHARE = 0.1
"""About from this part of entries that are not zero on a full matrix is multiplied faster, as in layered networks: with
500 unknowns at random places and 1000 samples it takes 2.4 times as long for 0.05, 1.5 for 0.1, 0.8 for 0.2 and 0.5
for 0.4, being made included (benchmarks/thresholds.py)."""


@dataclass(frozen=True, eq=False)
class Extract:
    """Some entries of a Jacobian as a matrix of their own, at ``rows`` and ``columns``, whose other entries are zero.

    ``reached`` (d,) are the Jacobian's columns that its columns stand for.
    """

    reached: Array
    entries: Array
    rows: Array
    columns: Array
    shape: tuple[int, int]
    last: list[tuple[Array, Array, Any]]
    """What a matrix was made of last, all entries and its own, and the matrix: nudged states have the free one's."""

    @classmethod
    def of(cls, entries: Array, rows: Array, columns: Array, height: int) -> Extract:
        """For ``entries`` (e,) of the Jacobian that go to ``rows`` (e,) and stand in its ``columns`` (e,)."""
        order = np.argsort(rows, kind="stable")
        reached, number = np.unique(columns[order], return_inverse=True)
        return cls(reached, entries[order], rows[order], number, (height, len(reached)), [])

    def matrix(self, data: Array) -> Any:
        """The matrix with the entries of ``data`` (nnz,), full where that makes its products faster."""
        for before, _, matrix in self.last:
            if before is data:
                return matrix
        values = data[self.entries]
        for _, own, matrix in self.last:
            # Complex numbers that happen to be real would make real circuits' solutions complex.
            if own.dtype == values.dtype and np.array_equal(own, values):
                self.last[:] = [(data, own, matrix)]
                return matrix
        made = self._full(values) if self._dense else self._sparse(values)
        self.last[:] = [(data, values, made)]
        return made

    def product(self, data: Array, x: Array, *, transpose: bool = False) -> Array:
        """The matrix times x (width, S), or the transposed one times x (height, S), for ``data`` (nnz,) or (nnz, S)."""
        if data.ndim == 1:
            matrix = self.matrix(data)
            return np.asarray((matrix.T if transpose else matrix) @ x)
        source, target = (self.rows, self.columns) if transpose else (self.columns, self.rows)
        return np.asarray(summing(target, self.shape[transpose]) @ (data[self.entries] * x[source]))

    @cached_property
    def _dense(self) -> bool:
        height, width = self.shape
        return len(self.entries) >= DENSE_SHARE * height * width

    @cached_property
    def _places(self) -> Array:
        return self.rows * self.shape[1] + self.columns

    def _full(self, values: Array) -> Array:
        # The Jacobian has every entry once.
        result = np.zeros(self.shape, values.dtype)
        result.ravel()[self._places] = values
        return result

    @cached_property
    def _pointers(self) -> Array:
        return np.searchsorted(self.rows, np.arange(self.shape[0] + 1))

    def _sparse(self, values: Array) -> sparse.csr_array:
        return sparse.csr_array((values, self.columns, self._pointers), shape=self.shape)
