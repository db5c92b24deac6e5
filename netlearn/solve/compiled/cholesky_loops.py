"""The compiled loops of ``matrices.left_looking``: a Cholesky factorization by columns, on a pattern that is kept.

T. A. Davis, "Direct Methods for Sparse Linear Systems", SIAM 2006, chapter 4.
"""

from __future__ import annotations

import math

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled


@compiled
def count_columns(
    pointers: Array, rows: Array, order: Array, place: Array, most: int, counts: Array, parent: Array
) -> int:
    """The numbers in L, in ``counts`` (n,) those of each column, and in ``parent`` (n,) the elimination tree.

    ``order`` is that of elimination, ``place`` its inverse. Ends early where there are more than ``most``. Row k of L
    has what is met on the ways from the entries of row k up the tree, which is made on the way.
    """
    size = len(order)
    met = np.full(size, -1)
    counts[:], parent[:] = 1, -1
    total = size
    for k in range(size):
        met[k] = k
        for at in range(pointers[order[k]], pointers[order[k] + 1]):
            j = place[rows[at]]
            while j < k and met[j] != k:
                if parent[j] < 0:
                    parent[j] = k
                met[j] = k
                counts[j] += 1
                total += 1
                j = parent[j]
        if total > most:
            break
    return total


@compiled
def postorder(parent: Array) -> Array:
    """The nodes (n,) of the elimination tree, each after its children: columns that are alike are neighbours then."""
    size = len(parent)
    first, beside = np.full(size, -1), np.full(size, -1)
    for j in range(size - 1, -1, -1):
        if parent[j] >= 0:
            beside[j] = first[parent[j]]
            first[parent[j]] = j
    order, stack = np.empty(size, np.int64), np.empty(size, np.int64)
    count = 0
    for root in range(size):
        if parent[root] >= 0:
            continue
        stack[0], depth = root, 1
        while depth > 0:
            j = stack[depth - 1]
            child = first[j]
            if child < 0:
                order[count] = j
                count += 1
                depth -= 1
            else:
                first[j] = beside[child]
                stack[depth] = child
                depth += 1
    return order


@compiled
def fill_columns(
    pointers: Array, rows: Array, order: Array, place: Array, parent: Array, starts: Array, numbers: Array
) -> None:
    """The row ``numbers`` (nnz,) of L's columns, which begin at ``starts`` (n + 1,), the diagonal's first."""
    size = len(order)
    met, at_end = np.full(size, -1), starts[:-1].copy()
    for k in range(size):
        met[k] = k
        numbers[at_end[k]] = k
        at_end[k] += 1
        for at in range(pointers[order[k]], pointers[order[k] + 1]):
            j = place[rows[at]]
            while j < k and met[j] != k:
                met[j] = k
                numbers[at_end[j]] = k
                at_end[j] += 1
                j = parent[j]


@compiled
def list_rows(starts: Array, numbers: Array, row_starts: Array, columns: Array, entries: Array) -> None:
    """Of each row of L but for its diagonal, from ``row_starts`` (n + 1,) on, the columns and their numbers' places."""
    size = len(starts) - 1
    row_starts[:] = 0
    for k in range(size):
        for p in range(starts[k] + 1, starts[k + 1]):
            row_starts[numbers[p] + 1] += 1
    for j in range(size):
        row_starts[j + 1] += row_starts[j]
    at_end = row_starts[:-1].copy()
    for k in range(size):
        for p in range(starts[k] + 1, starts[k + 1]):
            q = at_end[numbers[p]]
            columns[q], entries[q] = k, p
            at_end[numbers[p]] = q + 1


@compiled
def factor_columns(
    pointers: Array,
    rows: Array,
    data: Array,
    order: Array,
    place: Array,
    starts: Array,
    numbers: Array,
    alike: Array,
    row_starts: Array,
    columns: Array,
    entries: Array,
    values: Array,
) -> bool:
    """L's ``values`` (nnz,) for a matrix by compressed columns; False where a pivot is not positive.

    ``alike`` (n,) says of a column that the next one has all its rows but the first.
    """
    size = len(order)
    work = np.zeros(size)
    for j in range(size):
        begin, end = starts[j], starts[j + 1]
        for at in range(pointers[order[j]], pointers[order[j] + 1]):
            i = place[rows[at]]
            if i >= j:
                work[i] = data[at]
        q, last = row_starts[j], row_starts[j + 1]
        while q < last:
            k, a = columns[q], entries[q]
            stop = starts[k + 1]
            # So many columns with the same rows from here on: what they are taken off of is loaded once.
            if q + 3 < last and columns[q + 3] == k + 3 and alike[k] and alike[k + 1] and alike[k + 2]:
                b, c, d = entries[q + 1] - a, entries[q + 2] - a, entries[q + 3] - a
                one, two, three, four = values[a], values[a + b], values[a + c], values[a + d]
                for p in range(a, stop):
                    work[numbers[p]] -= (
                        one * values[p] + two * values[p + b] + three * values[p + c] + four * values[p + d]
                    )
                q += 4
            elif q + 1 < last and columns[q + 1] == k + 1 and alike[k]:
                b = entries[q + 1] - a
                one, two = values[a], values[a + b]
                for p in range(a, stop):
                    work[numbers[p]] -= one * values[p] + two * values[p + b]
                q += 2
            else:
                one = values[a]
                for p in range(a, stop):
                    work[numbers[p]] -= one * values[p]
                q += 1
        pivot = work[j]
        if not pivot > 0.0:
            return False
        root = math.sqrt(pivot)
        values[begin], work[j] = root, 0.0
        inverse = 1.0 / root
        for p in range(begin + 1, end):
            i = numbers[p]
            values[p] = work[i] * inverse
            work[i] = 0.0
    return True
