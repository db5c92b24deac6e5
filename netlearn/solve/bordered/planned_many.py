"""The states of many samples by a plan, from products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array, all_finite
from netlearn.solve.bordered.matrix import BorderedFactors, BorderedMatrix
from netlearn.solve.bordered.mirrored import Mirrored
from netlearn.solve.bordered.part import BorderedPart, Nudges, columns_of
from netlearn.solve.bordered.planned_few import NONE, RUNS
from netlearn.solve.bordered.system import PART, BorderedSystem
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.equations.linear_part import SAMPLES
from netlearn.solve.equations.source_reduction import Dictated
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.newton.linearization import EXACT
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.resistor_blocks import COMMON, LOOKED_AT, ROWS, common
from netlearn.solve.threads import in_parts, one_thread

if TYPE_CHECKING:
    from netlearn.solve.bordered.plan import BorderedPlan, Compared


@dataclass(frozen=True, eq=False)
class ManyStates:
    """As ``plan.PlannedStates`` has it."""

    plan: BorderedPlan
    conductance: Array
    mirrored: Mirrored | None
    system: BorderedSystem
    states: ReducedStates
    volts: Array
    read: Array
    steps: int

    @classmethod
    def settled(
        cls,
        plan: BorderedPlan,
        resistance: Array,
        volts: Array,
        drives: Array | None,
        start: Array | None,
        *,
        copy: Array | None,
    ) -> ManyStates | None:
        """See ``BorderedPlan.settled``."""
        found = _linear_part(plan, resistance, NONE if copy is None else copy)
        if found is None:
            return None
        matrix, conductance = found
        held = np.zeros((len(plan.layout.tree) + 1, len(volts)))
        if len(held) > 1:
            held[1:] = volts[:, plan.layout.tree].T
        mirrored = Mirrored.of(volts)
        with one_thread(), np.errstate(all="ignore"):
            sources, both = _driven(plan, conductance, volts, mirrored, drives)
            # Where every held node drives inner ones, what is not finite shows in their states.
            if plan.products_in_place is None and not all_finite(volts):
                return None
            system = BorderedSystem(plan.model, plan.layout, matrix, len(volts), both, held, sources)
            outcome = system.settle(None if start is None else start.T, None, plan.tolerances)
        if not outcome.converged.all():
            return None
        read = outcome.states.at(plan.nodes[0]) if plan.grounded else outcome.states.drops(*plan.nodes)
        assert read is not None
        # In memory as targets lie, which they are compared with.
        read = np.ascontiguousarray(read)
        return cls(plan, conductance, mirrored, system, outcome.states, volts, read, outcome.steps)

    @property
    def moving(self) -> Array:
        """(S, r) the reduced unknowns."""
        return self.states.moving

    @property
    def factors(self) -> list[BorderedFactors] | None:
        """See ``plan.PlannedStates``."""
        return None if self.system.kept is None else self.system.kept[1]

    @cached_property
    def _y(self) -> Array:
        """(r, S) the unknowns, inner ones first."""
        return self.plan.in_order(self.states.moving)

    def by_resistance(self, errors: Array) -> Array | None:
        """See ``plan.PlannedStates``."""
        plan, system = self.plan, self.system
        with one_thread():
            if plan.ends is not None and system.kept is not None:
                left, error = system.from_border(plan.ends @ errors.T)
            else:
                solved, error = system.linearized(self.states, (errors @ plan.incidence)[:, None], transpose=True)
                left = plan.in_order(solved[:, 0])
            return self._contracted(left, self._y, -1.0) if (error <= EXACT).all() else None

    def contrast(
        self, conductance: Array, current: Array, strength: float, compared: Compared, scale: float
    ) -> Array | None:
        """See ``plan.PlannedStates``."""
        plan, system, samples = self.plan, self.system, len(self.volts)
        assert plan.push is not None
        left, right = np.empty((2, len(compared.pairs), *self._y.shape))
        bad: list[float] = []

        def work(first: int, last: int) -> None:
            free = columns_of(self._y, first, last)
            known = None if system.kept is None else system.kept[1][first // PART]
            one, other = (left, right) if samples <= PART else np.empty((2, *left.shape[:2], last - first))
            nudges = Nudges(plan.at_border, conductance, current[first:last], strength, compared)
            part = BorderedPart.of(system, first, last)
            bad.append(part.compare_nudged(free, known, nudges, plan.tolerances, left=one, right=other))
            if one is not left:
                left[..., first:last], right[..., first:last] = one, other

        with one_thread():
            in_parts(work, samples, PART)
            if any(each != 0.0 for each in bad):
                return None
            total = self._contracted(left[0], right[0], scale)
            for one, other in zip(left[1:], right[1:], strict=True):
                total += self._contracted(one, other, scale)
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

    def _contracted(self, left: Array, right: Array, scale: float) -> Array:
        """``-scale`` Σ_s of the products of drops in states (r, S) times the square of the conductance, (k,).

        BLAS is to have one thread.
        """
        plan, volts, conductance, loops = self.plan, self.volts, self.conductance, kernels()
        inner, result = plan.layout.sizes[0], np.empty(len(conductance))
        if not plan.stamps.coupling.dense or self._common(left, right):
            rows, columns = (np.ascontiguousarray(each.T) for each in (left, right))
            volts = in_rows(volts)

            def loop(first: int, last: int) -> None:
                loops.contract_runs(first, last, plan.runs, inner, conductance, rows, columns, volts, scale, result)

            in_parts(loop, len(plan.runs), RUNS)
            return result
        driving = left[:inner] if plan.driven[2] else left
        place = plan.products_in_place
        at_held = np.empty((volts.shape[1], len(driving))) if place is None else result[place].reshape(-1, inner)

        def multiply(first: int, last: int) -> None:
            np.matmul(volts[:, first:last].T, driving.T, out=at_held[first:last])

        if self.mirrored is None:
            in_parts(multiply, len(at_held), ROWS)
        else:
            self.mirrored.products(driving, at_held)
        outside = left[inner:], right[inner:]
        loops.contract_products(plan.runs, inner, conductance, left, right, outside, at_held, scale, result)
        return result

    def _common(self, left: Array, right: Array) -> bool:
        """Whether voltages are far larger than they differ in one of the states, so that products would lose digits."""
        inner, loops = self.plan.layout.sizes[0], kernels()
        pairs = [(right[:inner], right[inner:]), (left[:inner], left[inner:]), (right, self.volts.T)]
        # A circuit may have no border, and no voltage sources: then nothing is subtracted from them.
        pairs = [(one, other) for one, other in pairs if len(other)]
        if not any(loops.alike(one, np.ascontiguousarray(other[:LOOKED_AT]), COMMON) for one, other in pairs):
            return False
        return any(common([one.T, other.T]) for one, other in pairs)


def _linear_part(plan: BorderedPlan, resistance: Array, copy: Array) -> tuple[BorderedMatrix, Array] | None:
    """The matrix and the conductances (k,), with the resistances in ``copy``; None where one is not above zero."""
    (inner, border), loops = plan.layout.sizes, kernels()
    corner, conductance = len(plan.layout.rows), np.empty(len(resistance))
    diagonal, beside, square = np.empty(inner + border), np.empty((inner, border)), np.empty((border, border))
    none = np.empty((0, 0))
    if loops.gather(plan.runs, resistance, none, diagonal, beside, square, none, conductance, copy) != 0.0:
        return None
    columns, triangle, products = np.empty((border, inner)), np.empty(corner), np.empty((corner, inner))
    sums = np.empty(inner), np.empty(border)
    loops.complete(diagonal, beside, square, columns, triangle, products, *sums)
    own = diagonal[:inner]
    return BorderedMatrix(own, beside, square, triangle, products, sums, plan.diodes, columns), conductance


def _driven(
    plan: BorderedPlan, conductance: Array, volts: Array, mirrored: Mirrored | None, drives: Array | None
) -> tuple[Sources, tuple[Array, Array]]:
    """What sources do, and what they add to the inner equations (h, S) and to those of the border (m, S)."""
    stamps, (inner, border), samples = plan.stamps, plan.layout.sizes, len(volts)
    matrix = stamps.coupling.matrix([plan.part(conductance, each.group) for each in stamps.groups])
    result, factor = np.empty((matrix.shape[1], samples)), stamps.coupling.factor

    def work(first: int, last: int) -> None:
        if isinstance(matrix, np.ndarray):
            np.matmul(matrix.T, volts[first:last].T, out=result[:, first:last])
        else:
            result[:, first:last] = (volts[first:last] @ matrix).T

    if mirrored is not None and isinstance(matrix, np.ndarray):
        mirrored.driven(matrix, result, SAMPLES)
    else:
        in_parts(work, samples, SAMPLES)
    if factor != 1.0:
        result *= factor
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
