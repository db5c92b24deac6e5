"""Which unknowns a group's terminals are, which of its elements have some that coincide in one way, and their values.

Laws are compiled for each such way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.base import Values


def terminals_alike(circuit: Circuit, g: int) -> Sequence[tuple[tuple[int, ...], Array]]:
    """A group's elements in sets with one pattern of coinciding and grounded terminals.

    The pattern gives for each terminal the first one that is the same unknown, -1 for ground.
    """
    return circuit.wiring.once(("terminals alike", g), lambda: _split(np.asarray(circuit.groups[g].index)))


def unknowns_of_group(circuit: Circuit, g: int) -> tuple[Array, Array]:
    """The different unknowns (n,) of a group, and its terminals' places (k, T) among them, -1 for ground."""
    return circuit.wiring.once(("unknowns of a group", g), lambda: unknowns_of(np.asarray(circuit.groups[g].index)))


def unknowns_of(index: Array) -> tuple[Array, Array]:
    """The different unknowns (n,) at some terminals, and the terminals' places among them, -1 for ground."""
    found, place = np.unique(index, return_inverse=True)
    real = found[found != GROUND]
    return real, place.reshape(index.shape) - (len(found) - len(real))


def values_of(prepared: Values, elements: Array, count: int) -> Values:
    """Prepared values of some ``elements``, in their order, of a group of ``count``; of all as they are, the very same.

    The last axis of values is that of elements, or of one value for all of them.
    """
    if len(elements) == count and (elements[1:] > elements[:-1]).all():
        return prepared
    alike = {name: np.ndim(value) == 0 or np.shape(value)[-1] == 1 for name, value in prepared.items()}
    return {name: value if alike[name] else np.asarray(value)[..., elements] for name, value in prepared.items()}


def _split(index: Array) -> Sequence[tuple[tuple[int, ...], Array]]:
    same = index[:, :, None] == index[:, None, :]
    first = np.where(index == GROUND, -1, same.argmax(axis=2))
    patterns, which = np.unique(first, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [(tuple(pattern.tolist()), np.flatnonzero(which == k)) for k, pattern in enumerate(patterns)]
