"""Where the entries of a matrix stand that is summed from another one's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.solve.equations.assembly import MatrixTopology, sorted_unique, summing


class Sparsity(NamedTuple):
    """Where a matrix that is summed from another's entries has its own, by compressed columns."""

    rows: Array
    """(nnz,) row numbers."""
    pointers: Array
    """(n + 1,) where each column's entries start."""
    adder: sparse.csr_array
    """(nnz, entries of the other): what sums the entries."""


def reduced_pattern(topology: MatrixTopology, place: Array, size: int, inner: Array, nodes: Array) -> Sparsity:
    """That of Zᵀ J Z for the entries of J that are ``inner`` (nnz,), where unknown u moves with ``place[u]``.

    -1 stands for an unknown that moves with none.
    Those of the ``size`` reduced unknowns that are ``nodes`` have a diagonal entry in any case.
    """
    width = max(size, 1)
    row, column = place[topology.rows], place[topology.columns]
    kept = np.flatnonzero(inner & (row >= 0) & (column >= 0))
    key = column[kept] * width + row[kept]
    if (key[1:] > key[:-1]).all() and np.count_nonzero(key // width == key % width) == size:
        # No unknowns move together, and each has its diagonal entry, as in most circuits.
        entries, shape = key, (len(key), len(row))
        adder = sparse.csr_array((np.ones(len(key)), kept, np.arange(len(key) + 1)), shape=shape)
    else:
        entries, slot = sorted_unique(np.concatenate([key, nodes * (width + 1)]))
        target = np.full(len(row), len(entries))
        target[kept] = slot[: len(kept)]
        adder = summing(target, len(entries))
    pointers = np.searchsorted(entries // width, np.arange(size + 1))
    return Sparsity((entries % width).astype(np.int32), pointers.astype(np.int32), adder)
