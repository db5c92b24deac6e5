"""The compiled loop of ``matrices.fill``."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled


@compiled
def entries_of_factor(pointers: Array, rows: Array, order: Array, place: Array, most: int) -> int:
    """The numbers in the Cholesky factor of a matrix of symmetric pattern, counted until they are more than ``most``.

    ``order`` is that of elimination, ``place`` its inverse. Row k of L has what is met on the ways from the entries
    of row k up the elimination tree, which is made on the way.
    """
    size = len(order)
    parent, met = np.full(size, -1), np.full(size, -1)
    count = size
    for k in range(size):
        met[k] = k
        for at in range(pointers[order[k]], pointers[order[k] + 1]):
            j = place[rows[at]]
            while j < k and met[j] != k:
                if parent[j] < 0:
                    parent[j] = k
                met[j] = k
                count += 1
                j = parent[j]
        if count > most:
            break
    return count
