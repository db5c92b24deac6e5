"""Sums over samples of states times the derivatives of behavioural sources by their values, by machine code.

Array operations make an array of samples times elements for each step of an expression. A law's code goes through all
samples of an element with a vector of them in registers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column
from netlearn.solve.crowds import Crowd, crowd_places, crowds
from netlearn.solve.terminals import unknowns_of_group, values_of
from netlearn.solve.threads import in_parts

WIDTH = 8
"""Samples in a vector of machine code, float64 numbers in 512 bits: LANES of ``compiled.rows``, which needs numba to
load."""
ELEMENTS = 256
"""How many elements a thread takes at a time, by convention: their rows of samples are a few megabytes."""
BLOCK = 200
"""So many samples are gone through at a time, by convention: the rows of a thousand unknowns are 1.6 MB. An odd number
of vectors, as rows that stand a power of two apart push each other out of caches."""
SHARES = 4
"""Into so many parts, by convention, the samples of elements that outnumber their nodes are split for threads: elements
are not, as they share what is worked out for their nodes."""
_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 12)


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
    # Beyond the last sample its unknowns are repeated, so that laws are defined there, but weigh nothing.
    a, b = _blocks(left, 0.0), _blocks(right, right[-1])
    result = np.zeros(len(group))
    for terminals, elements, crowd in crowds(circuit, g, None):
        own = values_of(prepared, elements, len(group))
        law = weights_of(group.device, own, terminals, name, crowd)
        if law is None:
            return None
        if law.weigh:
            reads, lie = circuit.wiring.once(
                ("rows of elements", g, terminals, crowd), partial(_lie, place[elements], law.terminals, crowd)
            )
            result[elements] = _sums(law.weigh, reads, lie, law.parameters(own, len(elements)), (a, b))
    return result


def _lie(place: Array, terminals: Sequence[int], crowd: Crowd | None) -> tuple[Array, Array | None]:
    """The rows (k, c) of elements' terminals, and how those in a crowd lie."""
    reads = np.ascontiguousarray(place[:, list(terminals)], np.int64)
    return reads, None if crowd is None else crowd_places(reads, reads[:, terminals.index(crowd.hub)])


def _sums(
    address: int, reads: Array, lie: Array | None, values: Array, states: tuple[Sequence[Array], Sequence[Array]]
) -> Array:
    """What the function at an address sums for each element, (k,)."""
    call, (left, right) = _FUNCTION(address), states

    def add(some: Array, crowd: Array, numbers: Array, blocks: slice, own: Array) -> None:
        # Of the rows the function only knows the first three.
        same = [array.ctypes.data for array in (some, some, some, some, crowd, numbers)]
        sums = [own.ctypes.data] * 4
        for a, b in zip(left[blocks], right[blocks], strict=True):
            call(len(some), a.shape[1], *same, b.ctypes.data, a.ctypes.data, *sums)

    if lie is None:
        sums = np.zeros((len(reads), WIDTH))

        def work(first: int, last: int) -> None:
            some, numbers = reads[first:last], np.ascontiguousarray(values[:, first:last])
            add(some, some, numbers, slice(None), sums[first:last])

        in_parts(work, len(reads), ELEMENTS)
        return np.asarray(sums.sum(axis=1))
    size = -(-len(left) // SHARES)
    shares = np.zeros((-(-len(left) // size), len(reads), WIDTH))
    in_parts(lambda first, last: add(reads, lie, values, slice(first, last), shares[first // size]), len(left), size)
    return np.asarray(shares.sum(axis=(0, 2)))


def _blocks(states: Array, beyond: Array | float) -> list[Array]:
    """States (S, n) as rows (n, lanes) of whole numbers of vectors, with what stands ``beyond`` the last sample."""
    result = []
    for first in range(0, len(states), BLOCK):
        some = states[first : first + BLOCK]
        rows = np.empty((states.shape[1], -(-len(some) // WIDTH) * WIDTH))
        rows[:, : len(some)] = some.T
        rows[:, len(some) :] = np.asarray(beyond)[..., None]
        result.append(rows)
    return result
