"""Resistors in runs: those that follow each other from one node to neighbouring ones."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.solve.compiled.planned_layout import AT_BORDER, FROM_BORDER, FROM_HELD, FROM_INNER, NOWHERE, TO_HELD


def runs(index: Array, unknown: Array, held: Array, inner: int) -> Array:
    """The rows (n, 5) of ``compiled.planned_loops`` for resistors between the nodes ``index`` (k, 2).

    ``unknown`` (N,) is the number of each node among the unknowns, the ``inner`` ones first, -1 for none, and ``held``
    (N + 1,) that among the nodes that sources hold, -1 for others and, last, for ground.
    """
    if not len(index):
        return np.zeros((0, 5), dtype=np.int64)
    assert GROUND == -1
    at, place = np.append(unknown, -1)[index], held[index]
    # The unknown comes second where only one is, and the border where only one is of it.
    swapped = (at[:, 0] >= 0) & (at[:, 1] < 0) | (at[:, 0] >= inner) & (at[:, 1] >= 0) & (at[:, 1] < inner)
    at, place = (np.where(swapped[:, None], each[:, ::-1], each) for each in (at, place))
    a, b = at.T
    fixed = (a < 0) & (b >= 0)
    numbers = np.where(fixed, place[:, 0], a)
    border = b >= inner
    # Resistors between held nodes, and with both ends at one unknown, and what leads from ground.
    sort = np.select(
        [(b < 0) | ((a >= 0) & (a == b)), fixed & (numbers < 0), fixed, ~border, a < inner], [0, 1, 2, 3, 4], 5
    )
    # No two inner unknowns are beside each other.
    assert not (sort == 3).any()
    first, second = np.where(sort == 5, numbers - inner, numbers), np.where(sort >= 4, b - inner, b)
    same = sort[1:] == sort[:-1]
    from_first = same & (sort[1:] == 0) | same & (first[1:] == first[:-1]) & (second[1:] == second[:-1] + 1)
    from_second = same & np.isin(sort[1:], (2, 4)) & (second[1:] == second[:-1]) & (first[1:] == first[:-1] + 1)
    link = np.select([from_first, from_second], [1, 2], 0)
    # A resistor between two runs of different ways belongs to the first of them.
    broken = (link[1:] > 0) & (link[:-1] > 0) & (link[1:] != link[:-1])
    link[1:][broken] = 0
    begins = np.flatnonzero(np.concatenate([[True], link == 0]))
    counts = np.diff(np.append(begins, len(index)))
    way = np.append(link, 0)[begins]
    ways = [[NOWHERE, FROM_HELD, FROM_HELD, NOWHERE, FROM_INNER, AT_BORDER]] * 2
    ways.append([NOWHERE, FROM_HELD, TO_HELD, NOWHERE, FROM_BORDER, AT_BORDER])
    kind = np.array(ways)[way, sort[begins]]
    turned = (way == 2)[:, None]
    ends = np.stack([first[begins], second[begins]], axis=1)
    ends = np.where(turned, ends[:, ::-1], ends)
    return np.ascontiguousarray(np.column_stack([kind, begins, counts, ends]), dtype=np.int64)
