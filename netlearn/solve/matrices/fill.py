"""How many numbers the factors of a sparse matrix will have, before they are made.

The row subtrees of the elimination tree give the pattern of each row of L without its numbers: T. A. Davis, "Direct
Methods for Sparse Linear Systems", SIAM 2006, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from netlearn import memory
from netlearn.arrays import Array
from netlearn.solve.compiled.load import available, kernels
from netlearn.solve.matrices.triangle import inverse_of

LOOKED_AT_FROM = 5000
"""Factors of fewer equations are never too large, by convention: 400 MB, if they fill up altogether."""
DENSE_FROM = 1 << 25
"""Bytes from which on dense matrices are looked at, by convention: less, 32 MB, is there always."""
NUMBER = 16
"""Bytes for each float64 in a factor: CHOLMOD and SuperLU hold as much again, and more, while they make it."""
KEPT = 4
"""So many matrices' counts are remembered, those asked for last, by convention."""
HINT = "make the circuit smaller or less densely connected, or take a machine with more memory"


def require_dense_room(size: int, count: int, bytes_each: int) -> None:
    """See that so many dense factors of n equations fit into the memory, with what making them takes.

    Raises TooLargeError.
    """
    # The matrix itself, the magnitudes of its entries and what LAPACK works on.
    needed = (count + 2) * bytes_each * size * size
    if needed > DENSE_FROM:
        of = "the dense factors" if count == 1 else f"{count} dense matrices' factors"
        memory.require(needed, f"{of} of {size:,} equations", HINT)


def require_room(
    matrix: sparse.csc_array, order: Callable[[Array, Array], Array] | None, triangles: int, count: int = 1
) -> None:
    """See that the factors of ``count`` matrices of one pattern fit into the memory. Raises TooLargeError.

    ``order`` gives an order of elimination for rows and pointers (by compressed columns); without one only the matrix
    itself is counted. ``triangles`` is 2 for L and U, 1 for L alone.
    """
    size = matrix.shape[0]
    bytes_each = triangles * NUMBER * count
    if size * count < LOOKED_AT_FROM or bytes_each * size * (size + 1) // 2 <= (room := memory.available()):
        return
    least = matrix.nnz
    if order is not None and available():
        least = max(least, _entries(matrix, order, room // bytes_each))
    more = " or more" if bytes_each * least > room else ""
    memory.require(
        bytes_each * least,
        f"the factors of {f'{count} times ' if count > 1 else ''}{size:,} equations with {least:,}{more} numbers",
        HINT,
    )


def _entries(matrix: sparse.csc_array, order: Callable[[Array, Array], Array], most: int) -> int:
    """The numbers in L, counted until they are more than ``most``."""
    for rows, pointers, counted, limit in _known:
        same = (
            len(rows) == matrix.nnz and np.array_equal(pointers, matrix.indptr) and np.array_equal(rows, matrix.indices)
        )
        if same and (counted <= limit or limit >= most):
            return counted
    rows, pointers = np.array(matrix.indices, np.int64), np.array(matrix.indptr, np.int64)
    given = order(rows, pointers)
    counts, parent = np.empty((2, len(given)), np.int64)
    counted = int(kernels().count_columns(pointers, rows, given, inverse_of(given), most, counts, parent))
    _known.insert(0, (rows, pointers, counted, most))
    del _known[KEPT:]
    return counted


_known: list[tuple[Any, Any, int, int]] = []
