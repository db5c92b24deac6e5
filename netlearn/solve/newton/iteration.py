"""Newton's method on all samples of a system at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.solve.matrices.many import Pattern
from netlearn.solve.newton.system import System

EXACT = 1e-6
"""Steps end at this part of the tolerances that SPICE stops at: 1e-9 relative by default."""
SETTLED = 1e-2
UNBALANCED = 1e-6


@dataclass(frozen=True)
class Tolerances:
    """When an operating point has settled; the names and defaults are SPICE's."""

    reltol: float = 1e-3
    vntol: float = 1e-6
    abstol: float = 1e-12
    iterations: int = 100

    @classmethod
    def of(cls, circuit: Circuit) -> Tolerances:
        """From the circuit's options."""
        o = circuit.options
        return cls(
            min(float(o.get("reltol", cls.reltol)), cls.reltol),
            min(float(o.get("vntol", cls.vntol)), cls.vntol),
            min(float(o.get("abstol", cls.abstol)), cls.abstol),
            int(o.get("itl1", cls.iterations)),
        )

    def floor(self, is_node: Array) -> Array:
        """The absolute tolerance (r, 1) of each unknown."""
        return np.where(is_node, self.vntol, self.abstol)[:, None]


@dataclass(frozen=True)
class Shunt:
    """Conductances (r, S) from the unknowns to given voltages ``anchor`` (r, S), which ease convergence."""

    conductance: Array
    anchor: Array

    def restricted(self, kept: Array) -> Shunt:
        """The same for some of the samples."""
        return Shunt(self.conductance[:, kept], self.anchor[:, kept])


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
    shunt: Shunt | None = None,
    *,
    cold: bool = False,
) -> IterationOutcome:
    """Newton's method from ``y`` (r, S); samples leave the iteration as they converge or fail.

    ``cold`` says that ``y`` is not near a solution: then the devices are first taken where they
    start, as sources alone may put volts across a junction.
    """
    count = y.shape[1]
    y = np.array(y, dtype=np.result_type(y, system.model.dtype))
    converged, steps, worst = np.zeros(count, bool), np.zeros(count, int), np.zeros(count, int)
    active, previous = np.arange(count), np.ones(count)
    last: dict[int, Array] | None = None
    floor = tolerances.floor(system.model.reduction.is_node)
    here, part = system, shunt
    with np.errstate(all="ignore"):
        for step in range(1, tolerances.iterations + 1):
            now = y[:, active]
            total, data, places, limited = here.newton(now, last, cold)
            if part is not None:
                total, data = _add_shunt(system, part, now, total, data)
            change = -pattern.factorize(data).solve(total)
            after = now + change
            ratio = np.abs(change) / (tolerances.reltol * np.maximum(np.abs(now), np.abs(after)) + floor)
            move = ratio.max(axis=0, initial=0.0)
            finite = np.isfinite(after).all(axis=0)
            y[:, active], steps[active] = after, step
            worst[active] = ratio.argmax(axis=0) if len(ratio) else 0
            # Newton's steps shrink at least as fast as they just did, so the next one is known to be negligible.
            rest = move / previous * move
            small = (move <= EXACT) | ((move <= SETTLED) & (rest <= EXACT))
            stalled = (move <= SETTLED) & (move > 0.3 * previous)
            done = finite & ~limited & (small | stalled)
            converged[active[done]] = True
            going = finite & ~done
            if not going.any():
                break
            kept = np.flatnonzero(going)
            previous = np.where(limited, 1.0, np.minimum(move, 1.0))[kept]
            active = active[kept]
            last = {g: place[kept] for g, place in places.items()} if len(kept) < len(done) else places
            here, part = here.restricted(kept), None if part is None else part.restricted(kept)
    return IterationOutcome(y, converged, steps, worst)


def _add_shunt(system: System, shunt: Shunt, y: Array, total: Array, data: Array) -> tuple[Array, Array]:
    reduction = system.model.reduction
    places = reduction.diagonal
    data = data.copy()
    data[places] += shunt.conductance[reduction.columns[places]]
    return total + shunt.conductance * (y - shunt.anchor), data


def balanced(system: System, y: Array, tolerances: Tolerances) -> tuple[Array, Array]:
    """Which samples (S,) satisfy Kirchhoff's laws at ``y``, and each one's worst equation."""
    with np.errstate(all="ignore"):
        total, scale = system.residual(y)
        floor = np.where(system.model.reduction.is_node, tolerances.abstol, tolerances.vntol)[:, None]
        excess = np.abs(total) / (floor + UNBALANCED * scale)
    excess = np.where(np.isfinite(excess), excess, np.inf)
    if not len(excess):
        return np.ones(y.shape[1], bool), np.zeros(y.shape[1], int)
    return excess.max(axis=0) <= 1.0, excess.argmax(axis=0)
