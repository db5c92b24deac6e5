"""Operating points near the voltages that ``.nodeset`` gives.

As in SPICE, nodes are held at these voltages, with junctions that conduct at first, until Newton's method has settled;
then they are let go all at once. Where this leads nowhere, or takes so many steps that it may have led anywhere, what
holds them is taken away little by little instead, so that the operating point with them held is followed to one near by
(continuation; Melville, Trajkovic, Fang and Watson, IEEE Transactions on Computer-Aided Design 12, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.newton.homotopy import follow, hurried
from netlearn.solve.newton.iteration import IterationOutcome, Tolerances, iterate
from netlearn.solve.newton.system import NonlinearModel, System

HELD_BY = 1e6
"""In siemens: what holds nodes at first, by convention: where junctions that conduct too well take a thousand amperes
it leaves a millivolt, and of the currents of sources that cannot be held the digits that ngspice's 1e10 would take."""
FROM, TO = 3.0, -13.0
"""Decimal logarithms of the conductance, in siemens, between which it is taken away little by little, by convention:
from one beyond all elements' to where gmin stepping ends."""
WANDERED = 30
"""From so many steps of Newton's method on, with nodes held and let go, it may have led anywhere, by convention: where
junctions limit them, about fifteen steps are enough each time."""
FOLLOWED = 6
"""Beyond so many steps from an operating point of other values it may have led to another one, by convention: few are
enough where values change a little."""
NEARER = 0.5
"""An operating point is preferred to another if it is nearer to the voltages by such a factor, by convention."""


@dataclass(frozen=True)
class Nodesets:
    """The unknowns ``held`` (r,) of a system at the voltages ``anchor`` (r, S), zero at all others.

    Controlled sources between a node and ground decide its voltage: instead of its current, their equations (r,) are
    the ones to hold it with, and ``sign`` (r,) says which way round they have it.
    """

    system: System
    held: Array
    anchor: Array
    equations: Array
    sign: Array

    @classmethod
    def of(cls, system: System) -> Nodesets | None:
        """Those of a system's circuit; None where there are none, or sources hold all of the nodes anyway."""
        place, size = system.model.reduction.place, system.model.reduction.size
        held, anchor = np.zeros(size, bool), np.zeros((size, len(system.samples)), system.model.dtype)
        for node, volts in system.model.circuit.nodeset.items():
            if place[node] >= 0:
                # Sources between nodes add to what these move with.
                held[place[node]], anchor[place[node]] = True, volts - system.offset[node]
        return cls(system, held, anchor, *_driving(system.model)) if held.any() else None

    def restricted(self, kept: Array) -> Nodesets:
        """The same for the samples at the places ``kept``."""
        return Nodesets(self.system.restricted(kept), self.held, self.anchor[:, kept], self.equations, self.sign)

    def prefers(self, y: Array, other: Array) -> Array:
        """Whose nodes (S,) are much nearer to their voltages at ``y`` (r, S) than at another, by the farthest one."""
        apart, others = (np.abs(each - self.anchor)[self.held].max(axis=0) for each in (y, other))
        result: Array = apart < NEARER * others
        return result

    def hold(self, tolerances: Tolerances) -> IterationOutcome:
        """The operating points with currents into nodes that hold them; where none is found, the voltages alone."""
        conductance = self.held[:, None] * np.full(self.anchor.shape[1], HELD_BY)
        return self._settled(self.system.shunted(conductance, self.anchor), tolerances)

    def let_go(self, y: Array, tolerances: Tolerances) -> tuple[Array, Array, Array]:
        """From ``y`` (r, S), where the nodes are held, with less and less of what holds them: what ``follow`` gives."""
        if (self.equations != np.arange(len(y)))[self.held].any():
            # Currents do not hold all of them.
            y = self._settled(self._held_by(np.full(y.shape[1], HELD_BY)), tolerances).y

        def attempt(kept: Array, y: Array, progress: Array, before: Array | None) -> IterationOutcome:
            conductance = np.where(progress < 1.0, 10.0 ** (FROM + (TO - FROM) * progress), 0.0)
            here = self.restricted(kept)._held_by(conductance)
            return iterate(here, y, hurried(tolerances), here.model.pivoting, damped=True)

        return follow(attempt, y, 1.0 / (FROM - TO))

    def _held_by(self, conductance: Array) -> System:
        held = np.where(self.held, self.sign, 0.0)[:, None]
        return self.system.shunted(held * conductance, self.anchor, self.equations)

    def _settled(self, system: System, tolerances: Tolerances) -> IterationOutcome:
        pattern = system.model.pivoting
        first = iterate(system, self.anchor, tolerances, pattern, at=system.started(self.anchor))
        lost = np.flatnonzero(~first.converged)
        if len(lost):
            here, anchor = system.restricted(lost), self.anchor[:, lost]
            again = iterate(here, anchor, hurried(tolerances), pattern, at=here.started(anchor), damped=True)
            first.y[:, lost] = np.where(again.converged, again.y, anchor)
            first.iterations[lost] += again.iterations
        return first


def _driving(model: NonlinearModel) -> tuple[Array, Array]:
    """Of each reduced unknown (r,), the equation that decides it, and the sign that it has there."""
    reduction = model.reduction
    place, equations, sign = np.append(reduction.place, -1), np.arange(reduction.size), np.ones(reduction.size)
    for group in model.circuit.groups:
        if group.device.unknowns[-1:] == ("i",) and len(group):
            ends, branch = place[np.asarray(group.index)[:, :2]], place[np.asarray(group.index)[:, -1]]
            for side, direction in ((0, 1.0), (1, -1.0)):
                mine = (branch >= 0) & (ends[:, side] >= 0) & (ends[:, 1 - side] < 0)
                equations[ends[mine, side]], sign[ends[mine, side]] = branch[mine], direction
    return equations, sign
