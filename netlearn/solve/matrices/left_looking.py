"""Cholesky factorizations column by column, for matrices whose factors have few multiplications for each number.

CHOLMOD works on dense blocks, which have zeros that are written down, and forgets its symbolic analysis when its
factor is taken from it. Where columns are short, as those of crossbars and lattices of some thousand nodes, one number
after another takes less time than that, and its triangle is the one that is solved with
(T. A. Davis, "Direct Methods for Sparse Linear Systems", SIAM 2006, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.load import kernels, writable
from netlearn.solve.matrices.triangle import Triangle, inverse_of

MOST_UNKNOWNS = 40_000
"""What has more of them is hardly ever light, and looking for its order would be in vain: lattices of 5000 unknowns
with 16 right-hand sides take 1.7 times as long by CHOLMOD, of 20 000 to 40 000 1.1 to 1.3
(benchmarks/thresholds.py)."""
LIGHT = 120.0
"""Multiplications for each number in L, up to which this takes less time than CHOLMOD and taking its factor, which take
1.9 times as long for 60 of them, 1.2 for 120 and 0.6 for 240, on random graphs with 16 right-hand sides
(benchmarks/thresholds.py)."""


@dataclass(frozen=True, eq=False)
class LeftLooking:
    """An order of elimination and the pattern of L, which matrices (n, n) of one pattern share.

    ``rows`` and ``pointers`` are that pattern by compressed columns, ``order`` (n,) is that of elimination and
    ``place`` its inverse. L's columns begin at ``starts`` (n + 1,) and have the ``numbers`` (nnz,) of their rows, the
    diagonal's first; ``alike`` (n,) says of a column that the next one has all its rows but the first. L's rows but for
    their diagonals begin at ``row_starts`` (n + 1,), with their ``columns`` and where in L the ``entries`` are.
    """

    rows: Array
    pointers: Array
    order: Array
    place: Array
    starts: Array
    numbers: Array
    alike: Array
    row_starts: Array
    columns: Array
    entries: Array

    @classmethod
    def of(cls, rows: Array, pointers: Array, order: Array) -> LeftLooking | None:
        """For a pattern and an order of elimination that makes little fill; None for what is not light."""
        size = len(order)
        rows, pointers = rows.astype(np.int64), pointers.astype(np.int64)
        counts, parent = np.empty((2, size), np.int64)
        # Of columns of some length on average the squares' sum is the least where all are of that length.
        most = int(LIGHT * size)
        total = int(kernels().count_columns(pointers, rows, order, inverse_of(order), most, counts, parent))
        if total > most or (counts.astype(float) ** 2).sum() > LIGHT * total:
            return None
        after = kernels().postorder(parent)
        order, counts = order[after], counts[after]
        parent, place = np.append(inverse_of(after), -1)[parent[after]], inverse_of(order)
        starts = np.append(0, np.cumsum(counts))
        numbers, row_starts = np.empty(total, np.int32), np.empty(size + 1, np.int64)
        columns, entries = np.empty((2, total - size), np.int32)
        kernels().fill_columns(pointers, rows, order, place, parent, starts, numbers)
        kernels().list_rows(starts, numbers, row_starts, columns, entries)
        alike = np.zeros(size, np.bool_)
        alike[:-1] = (counts[:-1] == counts[1:] + 1) & (parent[:-1] == np.arange(1, size))
        return cls(rows, pointers, order, place, starts, numbers, alike, row_starts, columns, entries)

    def factorize(self, data: Array) -> Triangle | None:
        """L of the matrix with the entries ``data``; None where a pivot is not positive."""
        values = np.empty(len(self.numbers))
        definite = kernels().factor_columns(
            self.pointers,
            self.rows,
            writable(data),
            self.order,
            self.place,
            self.starts,
            self.numbers,
            self.alike,
            self.row_starts,
            self.columns,
            self.entries,
            values,
        )
        return Triangle(self.order, self.place, self.starts, self.numbers, values) if definite else None
