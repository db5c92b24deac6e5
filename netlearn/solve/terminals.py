"""Which elements of a group have terminals that coincide in one way, as laws are compiled for each way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit


def terminals_alike(circuit: Circuit, g: int) -> Sequence[tuple[tuple[int, ...], Array]]:
    """A group's elements in sets with one pattern of coinciding and grounded terminals.

    The pattern gives for each terminal the first one that is the same unknown, -1 for ground.
    """
    return circuit.wiring.once(("terminals alike", g), lambda: _split(np.asarray(circuit.groups[g].index)))


def _split(index: Array) -> Sequence[tuple[tuple[int, ...], Array]]:
    same = index[:, :, None] == index[:, None, :]
    first = np.where(index == GROUND, -1, same.argmax(axis=2))
    patterns, which = np.unique(first, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [(tuple(pattern.tolist()), np.flatnonzero(which == k)) for k, pattern in enumerate(patterns)]
