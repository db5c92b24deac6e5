"""Unknowns of samples as what sources hold and what is left: all of them only where somebody asks.

Of a layered network most unknowns are voltages that sources hold, the same in all states of a training step, and the
currents of these sources, which a gradient does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.solve.equations.source_reduction import SourceReduction, in_a_row


@dataclass(frozen=True, eq=False)
class ReducedStates:
    """Unknowns x (S, N) of S samples, from the voltages (S, s) that sources hold tree nodes at, None for zero,

    and the reduced unknowns ``moving`` (S, r). ``complete`` gives all of them.
    """

    reduction: SourceReduction
    held: Array | None
    moving: Array
    complete: Callable[[], Array]

    @classmethod
    def of(cls, reduction: SourceReduction, x: Array) -> ReducedStates:
        """From all unknowns (S, N)."""
        moving, place = x[:, reduction.members], reduction.place[reduction.tree]
        held = x[:, reduction.tree]
        if (place >= 0).any():
            held[:, place >= 0] -= moving[:, place[place >= 0]]
        return cls(reduction, held, moving, lambda: x)

    def drops(self, plus: Array, minus: Array) -> Array | None:
        """The voltages (S, n) between nodes, GROUND among them; None where these are no nodes."""
        if max(plus.max(initial=GROUND), minus.max(initial=GROUND)) >= self.reduction.nodes:
            return None
        if (minus == GROUND).all() and (plus != GROUND).all():
            found = self.at(plus)
            return None if found is None else np.array(found)
        result = np.zeros((len(self), len(plus)), self.moving.dtype)
        for sign, ends in ((1.0, plus), (-1.0, minus)):
            real = np.flatnonzero(ends != GROUND)
            found = self.at(ends[real]) if len(real) else None
            if found is not None:
                result[:, real] += sign * found
        return result

    def __len__(self) -> int:
        return len(self.moving)

    @property
    def size(self) -> int:
        """How many unknowns there are, N."""
        return len(self.reduction.place)

    @cached_property
    def x(self) -> Array:
        """All of them, (S, N)."""
        return self.complete()

    def at(self, nodes: Array) -> Array | None:
        """The voltages (S, n) of nodes, by their numbers; None where all are known to be zero."""
        kept: list[NodePlaces] = self.reduction.places_of_nodes
        places = next((each for each in kept if each.nodes is nodes), None)
        if places is None:
            places = NodePlaces.of(self.reduction, nodes)
            kept[:] = [places, *kept[: MOST_KEPT - 1]]
        if places.moving is None and (self.held is None or places.held is None):
            return None
        if places.moving_alone or (places.all_moving and self.held is None):
            return self.moving[:, places.moving]
        if places.held_alone and self.held is not None:
            return self.held[:, places.held]
        result = np.zeros((len(self), len(nodes)), self.moving.dtype)
        if places.moving is not None:
            result[:, places.moves] = self.moving[:, places.moving]
        if self.held is not None and places.held is not None:
            result[:, places.lifted] += self.held[:, places.held]
        return result


MOST_KEPT = 16
"""Arrays of nodes whose places are kept for a circuit, by convention: ends of resistors and outputs are fewer."""


@dataclass(frozen=True, eq=False)
class NodePlaces:
    """Where the voltages of ``nodes`` (n,) are: those that ``moves`` at ``moving`` ones, the ``lifted`` at ``held``."""

    nodes: Array
    moves: Array | slice
    moving: Array | slice | None
    lifted: Array | slice
    held: Array | slice | None
    all_moving: bool
    moving_alone: bool
    held_alone: bool

    @classmethod
    def of(cls, reduction: SourceReduction, nodes: Array) -> NodePlaces:
        """Look the nodes up."""
        place, tree = reduction.place[nodes], reduction.at_tree[nodes]
        moves, lifted = np.flatnonzero(place >= 0), np.flatnonzero(tree >= 0)
        some, every = (len(moves) > 0, len(lifted) > 0), (len(moves) == len(nodes), len(lifted) == len(nodes))
        return cls(
            nodes,
            in_a_row(moves),
            in_a_row(place[moves]) if some[0] else None,
            in_a_row(lifted),
            in_a_row(tree[lifted]) if some[1] else None,
            every[0],
            every[0] and not some[1],
            every[1] and not some[0],
        )


def at_nodes(states: ReducedStates | Array, nodes: Array) -> Array | None:
    """The voltages (S, n) of nodes of states (S, N), None where all are known to be zero."""
    return states.at(nodes) if isinstance(states, ReducedStates) else states[:, in_a_row(nodes)]


def whole(states: ReducedStates | Array) -> Array:
    """All unknowns (S, N)."""
    return states.x if isinstance(states, ReducedStates) else states


def moving_of(states: ReducedStates | Array, reduction: SourceReduction) -> Array | None:
    """The reduced unknowns (S, r) of states (S, N); None where a circuit with the reduction has others."""
    if isinstance(states, ReducedStates) and _reduced_alike(states.reduction, reduction):
        return states.moving
    x = whole(states)
    return x[:, reduction.members] if x.shape[1] == len(reduction.place) else None


def difference(after: ReducedStates | Array, before: ReducedStates | Array) -> ReducedStates | Array:
    """``after`` - ``before``."""
    if not (isinstance(after, ReducedStates) and isinstance(before, ReducedStates) and _alike(after, before)):
        return whole(after) - whole(before)
    held = None
    if after.held is not before.held:
        held = np.subtract(_or_zero(after.held), _or_zero(before.held))
    return ReducedStates(after.reduction, held, after.moving - before.moving, lambda: after.x - before.x)


def opposite(states: ReducedStates | Array) -> ReducedStates | Array:
    """-``states``."""
    if not isinstance(states, ReducedStates):
        return -states
    held = None if states.held is None else -states.held
    return ReducedStates(states.reduction, held, -states.moving, lambda: -states.x)


def between(before: ReducedStates | Array, after: ReducedStates | Array, share: float) -> ReducedStates | Array:
    """ReducedStates at ``share`` of the way from one to the other."""
    if share == 0.0:
        return before
    if not (isinstance(after, ReducedStates) and isinstance(before, ReducedStates) and _alike(after, before)):
        start = whole(before)
        return start + share * (whole(after) - start)
    held = before.held
    if after.held is not before.held:
        start = _or_zero(before.held)
        held = np.asarray(start + share * (_or_zero(after.held) - start))
    moving = before.moving + share * (after.moving - before.moving)
    return ReducedStates(before.reduction, held, moving, lambda: before.x + share * (after.x - before.x))


def _or_zero(held: Array | None) -> Array:
    return np.zeros((1, 1)) if held is None else held


def _alike(one: ReducedStates, other: ReducedStates) -> bool:
    """Whether both are reduced alike."""
    return _reduced_alike(one.reduction, other.reduction)


def _reduced_alike(a: SourceReduction, b: SourceReduction) -> bool:
    return a is b or (np.array_equal(a.place, b.place) and np.array_equal(a.at_tree, b.at_tree))
