"""Elements that outnumber their nodes, such as a crossbar's cells, whose machine code shares what they have alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.solve.terminals import terminals_alike

CROWDED = 4
"""So many elements for each of their nodes make a crowd, by convention: with 4, 8x8 sinh cells take 0.6 of the time as
one, with 2, 4x4 cells, 0.85, and more machine code has to be made."""
MOST_NODES = 1024
"""The values of functions of so many nodes are on the stack: four functions by eight samples of float64 are a quarter
of a megabyte. Threads have half of one by macOS's default, and more by those of glibc and Windows."""


@dataclass(frozen=True)
class Crowd:
    """How elements lie that outnumber their nodes: ordered by the terminal ``hub``, and with these ``moving``.

    The others are held by sources, and their equations are not asked for but in the balance.
    """

    hub: int
    moving: tuple[int, ...]


Crowded = Sequence[tuple[tuple[int, ...], Array, Crowd | None]]


def crowds(circuit: Circuit, g: int, place: Array | None) -> Crowded:
    """A group's elements in sets as ``terminals_alike`` has them, those that outnumber their nodes as a crowd.

    ``place`` (N,) is where the unknowns that move stand, below 0 for the others, and the same for a circuit; all of
    them do without it.
    """
    return circuit.wiring.once((crowds, g, place is None), lambda: _split(circuit, g, place))


def _split(circuit: Circuit, g: int, place: Array | None) -> Crowded:
    result: list[tuple[tuple[int, ...], Array, Crowd | None]] = []
    for terminals, elements in terminals_alike(circuit, g):
        classes = sorted({t for t in terminals if t >= 0})
        index = np.asarray(circuit.groups[g].index)[elements][:, classes]
        if len(index) < CROWDED * len(np.unique(index)):
            result.append((terminals, elements, None))
            continue
        moving = np.ones(index.shape, bool) if place is None else (index != GROUND) & (np.append(place, -1)[index] >= 0)
        patterns, which = np.unique(moving, axis=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            some = np.flatnonzero(which.reshape(-1) == k)
            counts = {t: len(np.unique(index[some, c])) for c, t in enumerate(classes) if pattern[c]}
            if not counts or len(np.unique(index[some])) > min(MOST_NODES, len(some) // CROWDED):
                result.append((terminals, elements[some], None))
                continue
            hub = min(counts, key=lambda t: counts[t])
            order = np.argsort(index[some, classes.index(hub)], kind="stable")
            crowd = Crowd(hub, tuple(t for t, moves in zip(classes, pattern.tolist(), strict=True) if moves))
            result.append((terminals, elements[some][order], crowd))
    return result


def crowd_places(rows: Array, at: Array) -> Array:
    """What machine code takes of elements at ``rows`` (k, c), one for each terminal, in the order of hubs ``at`` (k,).

    The numbers of runs at one hub and of different rows, where each run begins and the last one ends, the different
    rows, and for each terminal which of these it is at.
    """
    distinct, places = np.unique(rows, return_inverse=True)
    runs = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
    head = [len(runs), len(distinct)]
    return np.concatenate([head, runs, [len(rows)], distinct, places.ravel()]).astype(np.int64)
