"""The states of many samples by a plan, from products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array, all_finite
from netlearn.solve.bordered.matrix import BorderedMatrix
from netlearn.solve.bordered.system import BorderedSystem
from netlearn.solve.compiled.load import kernels
from netlearn.solve.contraction import resistor_products
from netlearn.solve.equations.source_reduction import Dictated
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.newton.linearization import EXACT
from netlearn.solve.reduced_states import ReducedStates, between, difference
from netlearn.solve.threads import in_parts, one_thread

if TYPE_CHECKING:
    from netlearn.solve.bordered.plan import BorderedPlan

SAMPLES = 512
"""So many samples a thread multiplies at a time, as in ``equations.linear_stamps``."""


@dataclass(frozen=True, eq=False)
class ManyStates:
    """As ``plan.PlannedStates`` has it."""

    plan: BorderedPlan
    resistance: Array
    system: BorderedSystem
    states: ReducedStates
    read: Array
    steps: int

    @classmethod
    def settled(
        cls, plan: BorderedPlan, resistance: Array, volts: Array, drives: Array | None, start: Array | None
    ) -> ManyStates | None:
        """See ``BorderedPlan.settled``."""
        found = _linear_part(plan, resistance) if all_finite(volts) else None
        if found is None:
            return None
        matrix, conductance = found
        held = np.zeros((len(plan.layout.tree) + 1, len(volts)))
        held[1:] = volts[:, plan.layout.tree].T
        with one_thread():
            sources, both = _driven(plan, conductance, volts, drives)
            system = BorderedSystem(plan.model, plan.layout, matrix, len(volts), both, held, sources)
            outcome = system.settle(None if start is None else start.T, None, plan.tolerances)
        if not outcome.converged.all():
            return None
        ends = plan.nodes
        read = outcome.states.drops(*ends)
        assert read is not None
        return cls(plan, resistance, system, outcome.states, read, outcome.steps)

    @property
    def moving(self) -> Array:
        """(S, r) the reduced unknowns."""
        return self.states.moving

    def by_resistance(self, errors: Array) -> Array | None:
        """See ``plan.PlannedStates``."""
        right = (errors @ -self.plan.incidence)[:, None]
        with one_thread():
            solved, error = self.system.linearized(self.states, right, transpose=True)
        if not (error <= EXACT).all():
            return None
        # Nobody asks for the currents of sources.
        left = ReducedStates(self.states.reduction, None, solved[:, 0], self.states.complete)
        return self._contracted(left, self.states)

    def contrast(
        self, conductance: Array, current: Array, pairs: Array, shares: Array, *, definite: bool
    ) -> Array | None:
        """See ``plan.PlannedStates``."""
        states: list[ReducedStates] = [self.states]
        assert self.plan.push is not None
        with one_thread():
            for g, i in zip(conductance, current, strict=True):
                found = self.system.pushed(self.states, self.plan.push, g, i)
                if found is None or not found.converged.all() or (definite and not found.definite.all()):
                    return None
                states.append(found.states)
        total: Array | None = None
        for (a, b), share in zip(pairs.tolist(), shares.tolist(), strict=True):
            moved, mean = difference(states[b], states[a]), between(states[a], states[b], 0.5)
            assert isinstance(moved, ReducedStates)
            left = ReducedStates(moved.reduction, moved.held, share * moved.moving, moved.complete)
            part = self._contracted(left, mean)
            total = part if total is None else total + part
        return total

    def transfer(self, samples: Array) -> Array | None:
        """See ``plan.PlannedStates``."""
        outputs, matrix, factors = self.read.shape[1], self.system.matrix, self.system.taken(samples)
        if factors is None:
            return None
        result = np.empty((len(samples), outputs, outputs))
        error = kernels().seen_at_border(
            self.plan.at_border, matrix.beside, matrix.columns, matrix.square, factors.inverse, factors.lower, result
        )
        return result if error <= EXACT else None

    def _contracted(self, left: ReducedStates, right: ReducedStates | Array) -> Array:
        plan, circuit = self.plan, self.plan.model.circuit
        parts = [resistor_products(circuit, g, left, right, plan.part(self.resistance, g)) for g in plan.resistors]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _linear_part(plan: BorderedPlan, resistance: Array) -> tuple[BorderedMatrix, Array] | None:
    """The matrix and the conductances (k,); None where a resistance is not above zero."""
    (inner, border), loops = plan.layout.sizes, kernels()
    corner, conductance = len(plan.layout.rows), np.empty(len(resistance))
    diagonal, beside, square = np.empty(inner + border), np.empty((inner, border)), np.empty((border, border))
    none = np.empty((0, 0))
    if loops.gather(plan.runs, resistance, none, diagonal, beside, square, none, conductance) != 0.0:
        return None
    columns, triangle, products = np.empty((border, inner)), np.empty(corner), np.empty((corner, inner))
    sums = np.empty(inner), np.empty(border)
    loops.complete(diagonal, beside, square, columns, triangle, products, *sums)
    own = diagonal[:inner]
    return BorderedMatrix(own, beside, square, triangle, products, sums, plan.diodes, columns), conductance


def _driven(
    plan: BorderedPlan, conductance: Array, volts: Array, drives: Array | None
) -> tuple[Sources, tuple[Array, Array]]:
    """What sources do, and what they add to the inner equations (h, S) and to those of the border (m, S)."""
    stamps, (inner, border), samples = plan.stamps, plan.layout.sizes, len(volts)
    matrix = stamps.coupling.matrix([plan.part(conductance, each.group) for each in stamps.groups])
    result, factor = np.empty((matrix.shape[1], samples)), stamps.coupling.factor

    def work(first: int, last: int) -> None:
        part = result[:, first:last]
        part[:] = (volts[first:last] @ matrix).T
        if factor != 1.0:
            part *= factor

    in_parts(work, samples, SAMPLES)
    at_inner, at_border, alone = plan.driven
    if alone and drives is None:
        both = result, np.zeros((border, samples))
    else:
        padded = np.concatenate([result, np.zeros((1, samples))])
        both = padded[at_inner], padded[at_border]
        if drives is not None:
            both[0][:] += drives[:, :inner].T
            both[1][:] += drives[:, inner:].T
    return Sources(stamps.coupling.equations, result.T, Dictated(volts, stamps.nothing_at_tree)), both
