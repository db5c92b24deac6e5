"""The structures that compiled loops and their callers pass to each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from netlearn.arrays import Array


class Junctions(NamedTuple):
    """Junctions between unknowns ``anode`` and ``cathode`` (m,), n standing for given voltages.

    ``slots`` (m, 4) are the matrix entries that a conductance between them adds to (anode and
    cathode on the diagonal, then the two beside it), -1 for none. The rest, (m,), is a JunctionLaw's.
    """

    anode: Array
    cathode: Array
    slots: Array
    vte: Array
    saturation: Array
    gmin: Array
    breakdown: Array
    breakdown_vte: Array
    critical: Array


class Linear(NamedTuple):
    """The linear part of the matrix: entries ``data`` (nnz,) at ``rows`` and ``columns``."""

    rows: Array
    columns: Array
    data: Array


class Problem(NamedTuple):
    """Samples to solve: their starts ``y`` (S, n), which the solutions overwrite.

    ``drive`` (S, d) is what sources add to the equations ``driven`` (d,), and ``offset`` (S, l)
    what they add to the volts across the junctions ``lifted`` (l,). If the starts are ``cold``,
    junctions begin at no volts, and if they are ``chained``, samples may start from others' solutions.
    """

    cold: bool
    chained: bool
    y: Array
    driven: Array
    drive: Array
    lifted: Array
    offset: Array


class Settling(NamedTuple):
    """When Newton's method ends: Tolerances, with the ``floor`` (n,) of each unknown."""

    reltol: float
    floor: Array
    iterations: int
    exact: float
    settled: float


class Balance(NamedTuple):
    """When Kirchhoff's laws hold: as ``balanced`` has it, ``floor`` (n,) and ``row_sums`` (n,) of magnitudes."""

    floor: Array
    share: float
    rounding: float
    row_sums: Array


class Fill(NamedTuple):
    """Where a factorization's numbers stand, in elimination order.

    Row i takes the entries ``entry[starts[i]:starts[i + 1]]`` of the matrix, at the columns
    ``columns``. U's row i has the columns ``upper[upper_starts[i]:upper_starts[i + 1]]`` beyond the
    diagonal, L's row i the columns ``lower[lower_starts[i]:lower_starts[i + 1]]``, ascending both,
    and ``mirrored`` is where U has the mirror image of each of L's entries. A ``symmetric`` matrix
    gives its upper entries only.
    """

    symmetric: bool
    starts: Array
    columns: Array
    entry: Array
    upper_starts: Array
    upper: Array
    lower_starts: Array
    lower: Array
    mirrored: Array

    @classmethod
    def of(cls, rows: Array, columns: Array, above: sparse.csr_array, symmetric: bool) -> Fill:
        """For entries at ``rows`` and ``columns`` (nnz,); ``above`` (n, n) is the pattern of U beyond the diagonal."""
        size = above.shape[0]
        kept = np.flatnonzero(columns >= rows) if symmetric else np.arange(len(rows))
        entry = kept[np.lexsort((columns[kept], rows[kept]))]
        row_of_upper = np.repeat(np.arange(size), np.diff(above.indptr))
        mirrored = np.lexsort((row_of_upper, above.indices))
        return cls(
            symmetric,
            np.searchsorted(rows[entry], np.arange(size + 1)),
            columns[entry].astype(np.int64),
            entry,
            above.indptr.astype(np.int64),
            above.indices.astype(np.int64),
            np.searchsorted(above.indices[mirrored], np.arange(size + 1)),
            row_of_upper[mirrored],
            mirrored,
        )
