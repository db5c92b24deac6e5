"""The compiled loop of ``equations.assembly``, which puts entries of a matrix in order."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled


@compiled
def sort_unique(keys: Array, least: int, bits: int, passes: int, ordered: Array, number: Array) -> int:
    """How many different ``keys`` (n,) there are; those go to ``ordered``, and which each is to ``number``, (n,).

    A radix sort, ``bits`` at a time in so many ``passes``, of what the keys are beyond ``least``.
    """
    count = len(keys)
    mask = (1 << bits) - 1
    now, then = np.empty(count, np.int64), np.empty(count, np.int64)
    place, next_place = np.empty(count, np.int64), np.empty(count, np.int64)
    starts = np.empty(mask + 2, np.int64)
    for i in range(count):
        now[i], place[i] = keys[i] - least, i
    for k in range(passes):
        shift = k * bits
        starts[:] = 0
        for i in range(count):
            starts[((now[i] >> shift) & mask) + 1] += 1
        for d in range(mask + 1):
            starts[d + 1] += starts[d]
        for i in range(count):
            digit = (now[i] >> shift) & mask
            to = starts[digit]
            starts[digit] = to + 1
            then[to], next_place[to] = now[i], place[i]
        now, then = then, now
        place, next_place = next_place, place
    different = 0
    for i in range(count):
        if i == 0 or now[i] != now[i - 1]:
            ordered[different] = now[i] + least
            different += 1
        number[place[i]] = different - 1
    return different
