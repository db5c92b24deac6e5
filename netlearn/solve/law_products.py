"""Sums over samples of states times the derivatives of behavioural sources by their values, by machine code.

Array operations make an array of samples times elements for each step of an expression. A law's code goes through all
samples of an element with a vector of them in registers.
"""

from __future__ import annotations

import ctypes

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column
from netlearn.solve.terminals import terminals_alike, unknowns_of_group, values_of
from netlearn.solve.threads import in_parts

WIDTH = 8
"""Samples in a vector of machine code, float64 numbers in 512 bits: LANES of ``compiled.rows``, which needs numba to
load."""
ELEMENTS = 256
"""How many elements a thread takes at a time, by convention: their rows of samples are a few megabytes."""
_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 11)


def law_products(circuit: Circuit, column: Column, left: Array, right: Array) -> Array | None:
    """Σ_s left_sᵀ ∂F/∂p(right_s) of behavioural sources (k,), p being the column's value; None without machine code.

    ``left`` and ``right`` (S, n) are real states at the n different unknowns of the group, in their order; neither
    values nor temperatures may differ by sample.
    """
    # With numba, which may not be there.
    from netlearn.solve.codegen.laws import weights_of

    (g, name), group = column, circuit.groups[column[0]]
    prepared = group.device.prepare(group.values, circuit.environment)
    _, place = unknowns_of_group(circuit, g)
    a, b = _rows(left), _rows(right)
    # Beyond the last sample its unknowns are repeated, so that laws are defined there, but weigh nothing.
    a[:, len(left) :], b[:, len(right) :] = 0.0, b[:, len(right) - 1 : len(right)]
    result = np.zeros(len(group))
    for terminals, elements in terminals_alike(circuit, g):
        own = values_of(prepared, elements, len(group))
        law = weights_of(group.device, own, terminals, name)
        if law is None:
            return None
        if law.weigh:
            reads = np.ascontiguousarray(place[elements][:, list(law.terminals)], np.int64)
            result[elements] = _sums(law.weigh, reads, law.parameters(own, len(elements)), a, b)
    return result


def _sums(address: int, reads: Array, values: Array, left: Array, right: Array) -> Array:
    """What the function at an address sums for each element, (k,)."""
    call, sums = _FUNCTION(address), np.zeros((len(reads), WIDTH))

    def work(first: int, last: int) -> None:
        some, numbers, own = reads[first:last], np.ascontiguousarray(values[:, first:last]), sums[first:last]
        # Of the rows the function only knows the first three.
        arrays = (some, some, some, some, numbers, right, left, own, own, own, own)
        call(last - first, left.shape[1], *(array.ctypes.data for array in arrays))

    in_parts(work, len(reads), ELEMENTS)
    return np.asarray(sums.sum(axis=1))


def _rows(states: Array) -> Array:
    """States (S, n) as rows (n, lanes) of a whole number of vectors."""
    result = np.empty((states.shape[1], -(-len(states) // WIDTH) * WIDTH))
    result[:, : len(states)] = states.T
    return result
