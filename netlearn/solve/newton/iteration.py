"""Newton's method on all samples of a system at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.options import Declared, option
from netlearn.solve.matrices.many import Pattern
from netlearn.solve.newton.system import System
from netlearn.solve.stopping import SETTLED, imbalance, relative_step, small, stalled

STILL = 1e-3
"""Voltages that move by no more than this part of the largest may do so for their rounding: SPICE's default of reltol.
"""
DAMPED_VOLTS, DAMPED_SHARE = 2.0, 0.5
"""A damped step changes a node's voltage by so many volts, and such a part of itself: a few steps reach any supply.
With a quarter as the part 57 hard circuits are all solved in 1.29 of the steps, and with one in 1.06. Of 17 random
networks and of 31 lattices of transistors, by which the part was not chosen, one each is lost with a quarter, and the
others take 1.15 and 1.11 of the steps to the same operating points: by circuit 1.27 and 1.07, with factors of 1.53 and
1.30 as standard deviations (benchmarks/hard_circuits.py, with 40 networks and 10 lattices). Other numbers of volts were
not measured."""
ROUNDED = 64.0
"""So many times the rounding of its terms an equation may be off where Newton's steps no longer shrink."""


@dataclass(frozen=True)
class Tolerances(Declared):
    """When an operating point has settled; the names and defaults are SPICE's."""

    reltol: float = option(1e-3, "relative tolerance", least=0.0)
    vntol: float = option(1e-6, "absolute tolerance of voltages, in volts", least=0.0)
    abstol: float = option(1e-12, "absolute tolerance of currents, in amperes", least=0.0)
    iterations: int = option(100, "most steps of Newton's method", least=1)

    @classmethod
    def of(cls, circuit: Circuit) -> Tolerances:
        """From the circuit's options."""
        o = circuit.options
        if not o:
            return cls()
        return cls(
            min(float(o.get("reltol", cls.reltol)), cls.reltol),
            min(float(o.get("vntol", cls.vntol)), cls.vntol),
            min(float(o.get("abstol", cls.abstol)), cls.abstol),
            max(int(o.get("itl1", cls.iterations)), 1),
        )

    def floor(self, is_node: Array) -> Array:
        """The absolute tolerance (r, 1) of each unknown."""
        return np.where(is_node, self.vntol, self.abstol)[:, None]


@dataclass(frozen=True)
class IterationOutcome:
    """Where Newton's method ended: ``y`` (r, S), which samples converged, steps taken, the unknown that moved most."""

    y: Array
    converged: Array
    iterations: Array
    worst: Array


def iterate(
    system: System,
    y: Array,
    tolerances: Tolerances,
    pattern: Pattern,
    *,
    at: Mapping[int, Array] | None = None,
    cold: bool = False,
    damped: bool = False,
) -> IterationOutcome:
    """Newton's method from ``y`` (r, S); samples leave the iteration as they converge or fail.

    ``cold`` says that ``y`` is not near a solution: then the devices are first taken where they
    start, as sources alone may put volts across a junction. Or they are first taken ``at`` given places.
    ``damped`` keeps node voltages from changing much in a step, each by itself: high gains send them far away else.
    """
    count = y.shape[1]
    y = np.array(y, dtype=np.result_type(y, system.model.dtype))
    converged, steps, worst = np.zeros(count, bool), np.zeros(count, int), np.zeros(count, int)
    active, previous, last_move = np.arange(count), np.ones(count), np.full(count, np.inf)
    last: dict[int, Array] | None = None
    nodes = system.model.reduction.is_node
    floor = tolerances.floor(nodes)
    here = system
    with np.errstate(all="ignore"):
        for step in range(1, tolerances.iterations + 1):
            now = y[:, active]
            total, data, places, limited = here.newton(now, last, at=at, cold=cold)
            change = -pattern.factorize(data).solve(total)
            if damped:
                change, cut = _damped(now, change, nodes)
                limited |= cut
            after = now + change
            ratio = relative_step(change, np.maximum(np.abs(now), np.abs(after)), tolerances.reltol, floor)
            move = ratio.max(axis=0, initial=0.0)
            finite = np.isfinite(after).all(axis=0)
            y[:, active], steps[active] = after, step
            worst[active] = ratio.argmax(axis=0) if len(ratio) else 0
            # Newton's steps shrink at least as fast as they just did, so the next one is known to be negligible.
            rest = move / previous * move
            resting = finite & ~limited & stalled(move, last_move)
            done = finite & ~limited & (small(move, rest) | (resting & (move <= SETTLED)))
            # Where large terms cancel, their rounding moves small unknowns for ever, while the large ones hardly move.
            largest = [np.abs(each[nodes]).max(axis=0, initial=tolerances.vntol) for each in (change, now)]
            doubtful = np.flatnonzero(resting & ~done & (largest[0] <= STILL * largest[1]))
            if len(doubtful):
                done[doubtful] = here.restricted(doubtful).rounding(now[:, doubtful]) <= ROUNDED
            converged[active[done]] = True
            going = finite & ~done
            if not going.any():
                break
            kept = np.flatnonzero(going)
            previous, last_move = np.where(limited, 1.0, np.minimum(move, 1.0))[kept], move[kept]
            active = active[kept]
            last = {g: place[kept] for g, place in places.items()} if len(kept) < len(done) else places
            here = here.restricted(kept)
    return IterationOutcome(y, converged, steps, worst)


def _damped(y: Array, change: Array, nodes: Array) -> tuple[Array, Array]:
    """Newton's step with each node's part of it cut to what is allowed, and in which samples (S,) it was."""
    size = np.abs(change)
    allowed = np.where(nodes[:, None], DAMPED_VOLTS + DAMPED_SHARE * np.abs(y), np.inf)
    far = size > allowed
    return np.where(far, change * (allowed / np.where(far, size, 1.0)), change), np.asarray(far.any(axis=0))


def balanced(system: System, y: Array, tolerances: Tolerances) -> tuple[Array, Array]:
    """Which samples (S,) satisfy Kirchhoff's laws at ``y``, and each one's worst equation."""
    with np.errstate(all="ignore"):
        total, scale = system.residual(y)
        floor = np.where(system.model.reduction.is_node, tolerances.abstol, tolerances.vntol)[:, None]
        excess = imbalance(total, scale, floor)
    excess = np.where(np.isfinite(excess), excess, np.inf)
    if not len(excess):
        return np.ones(y.shape[1], bool), np.zeros(y.shape[1], int)
    return excess.max(axis=0) <= 1.0, excess.argmax(axis=0)
