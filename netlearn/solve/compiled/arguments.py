"""The structures that compiled loops and their callers pass to each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from netlearn.arrays import Array


class Laws(NamedTuple):
    """All nonlinear elements, by groups that one law's machine code works on.

    Row g of ``table`` (G, 10) has a group's addresses of ``step``, ``balance`` and ``curve`` (0 for
    none), how many elements there are, where the group begins in ``reads`` and its like, in
    ``slots`` and in ``values``, how many rows it keeps, where these begin, and where the group
    begins in ``crowds``, which say how elements lie that outnumber their nodes. An element's terminal
    stands at row ``reads`` of the unknowns, and moves with unknown ``moves``; its current is part of
    equation ``writes``, and its slopes of the matrix entries ``slots``. Rows and entries of no
    meaning come last.
    """

    table: Array
    reads: Array
    moves: Array
    writes: Array
    slots: Array
    crowds: Array
    values: Array
    kept: int
    straight: bool
    """Whether all of them are made of straight lines, and begin where the unknowns are."""


class Linear(NamedTuple):
    """The linear part of the matrix: entries ``data`` (nnz,) at ``rows`` and ``columns``.

    Those of row i that are not zero are ``factors[starts[i]:starts[i + 1]]``, at the columns ``beside``.
    """

    rows: Array
    columns: Array
    data: Array
    starts: Array
    beside: Array
    factors: Array


class Problem(NamedTuple):
    """Samples to solve: ``samples`` (m,) of S in all, whose unknowns are in columns ``places`` (n,) of ``y`` (S, r).

    Newton's method begins at ``start`` (m, n), or (1, n) for all alike, or where that is beyond ``least`` and ``most``
    (n,) at these, and writes into ``y``. ``drive`` (S, d) is what
    sources add to the equations ``driven`` (d,), and ``volts`` (S, s) at columns ``at`` (l,) how far they lift further
    rows above the unknowns ``lifted`` (l,), n standing for ground; (1, d) and (1, s) for all alike. If the starts are
    ``cold``, devices begin where they start or, ``at_rest``, at no volts; if they are ``chained``, samples may start
    from others' solutions. With ``chords``, factors may serve for several steps.
    """

    cold: bool
    at_rest: bool
    chained: bool
    chords: bool
    samples: Array
    start: Array
    least: Array
    most: Array
    y: Array
    places: Array
    driven: Array
    drive: Array
    lifted: Array
    volts: Array
    at: Array


class Recovery(NamedTuple):
    """How all unknowns (N,) follow from reduced ones.

    Unknown i is the reduced one ``place[i]``, -1 for none; sources hold s ``tree`` nodes. The current ``branches[b]``
    of each source is that into its node, which is number ``node[b]`` of them, times ``sign[b]``. The linear elements'
    part of the equation of tree node k are the entries ``starts[k]:starts[k + 1]`` at ``columns``; what nonlinear ones
    take there has the number ``other[k]``, -1 for nothing.
    """

    place: Array
    tree: Array
    branches: Array
    node: Array
    sign: Array
    starts: Array
    columns: Array
    other: Array


class InSeries(NamedTuple):
    """Unknowns (m,) between two elements in series, one of them nonlinear, and their ``entries`` on the diagonal.

    No two of them are neighbours, so that each can be settled by itself.
    """

    unknowns: Array
    entries: Array


class Settling(NamedTuple):
    """When Newton's method ends: Tolerances, with the ``floor`` (n,) of each unknown."""

    reltol: float
    floor: Array
    iterations: int


class Balance(NamedTuple):
    """When Kirchhoff's laws hold: as ``balanced`` has it, ``floor`` (n,) and ``row_sums`` (n,) of magnitudes."""

    floor: Array
    rounding: float
    row_sums: Array


class Fill(NamedTuple):
    """Where a factorization's numbers stand, in elimination order.

    Row i takes the entries ``entry[starts[i]:starts[i + 1]]`` of the matrix, at the columns
    ``columns``. U's row i has the columns ``upper[upper_starts[i]:upper_starts[i + 1]]`` beyond the
    diagonal, L's row i the columns ``lower[lower_starts[i]:lower_starts[i + 1]]``, ascending both,
    and ``mirrored`` is where U has the mirror image of each of L's entries. Where ``alike`` (n,), U's next
    row has the row's columns but for its own. A ``symmetric`` matrix gives its upper entries only.
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
    alike: Array

    @classmethod
    def of(cls, rows: Array, columns: Array, above: sparse.csr_array, symmetric: bool) -> Fill:
        """For entries at ``rows`` and ``columns`` (nnz,); ``above`` (n, n) is the pattern of U beyond the diagonal."""
        size = above.shape[0]
        kept = np.flatnonzero(columns >= rows) if symmetric else np.arange(len(rows))
        entry = kept[np.lexsort((columns[kept], rows[kept]))]
        row_of_upper = np.repeat(np.arange(size), np.diff(above.indptr))
        mirrored = np.lexsort((row_of_upper, above.indices))
        # A row's columns beyond the first are among those of the row of that one.
        length, alike = np.diff(above.indptr), np.zeros(size, dtype=bool)
        some = np.flatnonzero(length)
        some = some[above.indices[above.indptr[some]] == some + 1]
        alike[some] = length[some + 1] == length[some] - 1
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
            alike,
        )


HEAD = 5
"""Numbers of a step of a listed elimination before its products, by definition: its kind, target, start, factor and
their count."""
PLAIN, INVERSE, MULTIPLE = range(3)
"""What becomes of a number when all products are taken off: nothing, its inverse, or its product with another one."""


class ListedElimination(NamedTuple):
    """An elimination as a list of what is done, with the inverse pivots (n,), U and L (f,) and a zero below each other.

    ``steps`` are as ``settle_all`` has them. Row by row they make L's numbers, then the inverse pivot, then U's: the
    matrix's entry or zero less products of numbers that are known by then, and L's times their columns' inverse pivots.
    Of a symmetric matrix, L is U's numbers times these. L's row i has the places ``rows[i]:rows[i + 1]``, at the
    columns ``pivots``.
    """

    steps: Array
    rows: Array
    pivots: Array

    @classmethod
    def none(cls) -> ListedElimination:
        """One that stands for matrices too large for a list."""
        return cls(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, fill: Fill) -> ListedElimination:
        """What ``fill`` says, written out."""
        size, filled = len(fill.starts) - 1, len(fill.upper)
        upper, lower = (np.repeat(np.arange(size), np.diff(each)) for each in (fill.upper_starts, fill.lower_starts))
        keys = upper * size + fill.upper, lower * size + fill.lower
        below, zero = size + filled, size + 2 * filled

        def place(row: Array, column: Array) -> Array:
            above, under = (np.searchsorted(each, row * size + column) for each in keys)
            return np.where(row == column, row, np.where(column > row, size + above, below + under))

        start = np.full(zero, ~zero)
        row = np.repeat(np.arange(size), np.diff(fill.starts))
        start[place(row, fill.columns)] = fill.entry
        first = fill.mirrored if fill.symmetric else fill.upper_starts[fill.lower]
        counts = fill.upper_starts[fill.lower + 1] - first
        ends = np.cumsum(counts)
        source = np.repeat(first - ends + counts, counts) + np.arange(counts.sum())
        target = place(np.repeat(lower, counts), fill.upper[source])
        factor = np.repeat(below + np.arange(filled), counts)
        if fill.symmetric:
            # L is made of U.
            start[below:] = ~(size + fill.mirrored)
        # Row by row, L before the pivot and U behind it.
        kind = np.repeat([INVERSE, PLAIN, MULTIPLE], [size, filled, filled])
        order = np.lexsort(
            (np.repeat([1, 2, 0], [size, filled, filled]), np.concatenate([np.arange(size), upper, lower]))
        )
        further = np.concatenate([np.zeros(below, np.int64), fill.lower])
        products = np.bincount(target, minlength=zero)
        lengths = HEAD + 2 * products[order]
        begin = np.empty(zero, np.int64)
        begin[order] = np.cumsum(lengths) - lengths
        steps = np.empty(lengths.sum(), np.int32)
        for k, each in enumerate((kind, np.arange(zero), start, further, products)):
            steps[begin + k] = each
        # What is taken off of a number, in the order of the pivots.
        taken = np.argsort(target, kind="stable")
        nth = np.arange(len(taken)) - np.repeat(np.cumsum(products) - products, products)
        at = begin[target[taken]] + HEAD + 2 * nth
        steps[at], steps[at + 1] = factor[taken], size + source[taken]
        return cls(steps, fill.lower_starts, fill.lower)
