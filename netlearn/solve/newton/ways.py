"""Ways to the operating points of a system's samples, each tried for those that still lack one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.matrices.many import Pattern
from netlearn.solve.newton.homotopy import LADDER, gmin_stepping, hurried
from netlearn.solve.newton.iteration import Tolerances, balanced, iterate
from netlearn.solve.newton.nodesets import FOLLOWED, WANDERED, Nodesets
from netlearn.solve.newton.system import System


@dataclass
class FoundSoFar:
    """What is known of the operating points of a system's samples, which ways to them are tried for in turn.

    ``y`` (r, S) is where the last way led in ``iterations`` (S,) steps, ``converged`` (S,) whether that is one, and
    ``worst`` (S,) the unknown that keeps it from being one.
    """

    system: System
    tolerances: Tolerances
    y: Array
    converged: Array
    iterations: Array
    worst: Array

    @classmethod
    def nothing(cls, system: System, tolerances: Tolerances) -> FoundSoFar:
        """No sample has one."""
        count = len(system.samples)
        y = np.zeros((system.model.reduction.size, count), system.model.dtype)
        return cls(system, tolerances, y, np.zeros(count, bool), np.zeros(count, int), np.zeros(count, int))

    @property
    def lost(self) -> Array:
        """The samples without one, by their places."""
        return np.flatnonzero(~self.converged)

    def take(self, places: Array, y: Array, arrived: Array, worst: Array) -> None:
        """Note where a way led some samples; it counts where Kirchhoff's laws hold there."""
        good, unbalanced = balanced(self.system.restricted(places), y, self.tolerances)
        self.y[:, places], self.converged[places] = y, arrived & good
        self.worst[places] = np.where(arrived & ~good, unbalanced, worst)

    def iterate(
        self, start: Array, tolerances: Tolerances, pattern: Pattern, *, cold: bool, damped: bool = False
    ) -> None:
        """Newton's method from ``start`` (r, S) for all that are lost."""
        lost = self.lost
        if len(lost):
            here = self.system.restricted(lost)
            outcome = iterate(here, start[:, lost], tolerances, pattern, cold=cold, damped=damped)
            self.iterations[lost] = outcome.iterations
            self.take(lost, outcome.y, outcome.converged, outcome.worst)


def find(system: System, guess: Array | None, tolerances: Tolerances, pattern: Pattern) -> FoundSoFar:
    """Operating points from ``guess`` (r, S), if there is one, from ``.nodeset``, from zero, and by continuation."""
    model, samples = system.model, system.samples
    found, strayed = FoundSoFar.nothing(system, tolerances), np.zeros(0, np.int64)
    if guess is not None:
        found.iterate(guess, tolerances, pattern, cold=False)
        strayed, pattern = _strayed(found, guess), model.pattern
    there = found.y[:, strayed]
    found.converged[strayed] = False
    if not len(found.lost):
        return found
    _from_nodesets(found, tolerances, pattern)
    zero = np.zeros_like(found.y)
    found.iterate(zero, tolerances, pattern, cold=True)
    _otherwise(found, zero, tolerances, cold=True)
    for _, method in LADDER:
        lost = found.lost
        if not len(lost):
            break
        found.take(lost, *method(model, samples[lost], hurried(tolerances), model.pivoting))
    left = np.flatnonzero(~found.converged[strayed])
    found.y[:, strayed[left]], found.converged[strayed[left]] = there[:, left], True
    return found


def _strayed(found: FoundSoFar, guess: Array) -> Array:
    """The samples, by their places, that may have left the operating point near ``guess`` (r, S) for another one.

    Where ``.nodeset`` says which one is meant, it is not to depend on where a start was.
    """
    nodesets = Nodesets.of(found.system)
    if nodesets is None:
        return np.zeros(0, np.int64)
    farther = nodesets.prefers(guess, found.y)
    return np.flatnonzero(found.converged & (farther | (found.iterations > FOLLOWED)))


def _otherwise(found: FoundSoFar, first: Array, tolerances: Tolerances, *, cold: bool) -> None:
    """From ``first`` (r, S) for all that are lost, where Newton's method at full steps has failed."""
    pattern = found.system.model.pivoting
    found.iterate(first, hurried(tolerances), pattern, cold=cold, damped=True)
    # Amplifiers that limit at their supplies' voltages have no gain unless they start amid what the sources make.
    found.iterate(first, hurried(tolerances), pattern, cold=False)


def _from_nodesets(found: FoundSoFar, tolerances: Tolerances, pattern: Pattern) -> None:
    """From where nodes are held at their ``.nodeset``, for all that are lost, if the circuit has one."""
    system, lost = found.system, found.lost
    nodesets = Nodesets.of(system.restricted(lost)) if len(lost) else None
    if nodesets is None:
        return
    held, first = nodesets.hold(tolerances), np.zeros_like(found.y)
    first[:, lost] = held.y
    found.iterate(first, tolerances, pattern, cold=False)
    failed = ~found.converged[lost]

    def prefer(kept: Array, y: Array, arrived: Array, worst: Array) -> None:
        near, places = nodesets.restricted(kept), lost[kept]
        nearer = ~found.converged[places] | near.prefers(y, found.y[:, places])
        better = np.flatnonzero(arrived & nearer & balanced(near.system, y, tolerances)[0])
        if len(better):
            found.take(places[better], y[:, better], arrived[better], worst[better])

    doubtful = np.flatnonzero(failed | (held.iterations + found.iterations[lost] >= WANDERED))
    if len(doubtful):
        prefer(doubtful, *nodesets.restricted(doubtful).let_go(held.y[:, doubtful], tolerances))
    again = np.flatnonzero(failed)
    if len(again):
        # SPICE turns to this, and of several operating points may find a nearer one by it.
        model = system.model
        prefer(again, *gmin_stepping(model, system.samples[lost[again]], hurried(tolerances), model.pivoting))
    _otherwise(found, first, tolerances, cold=False)
