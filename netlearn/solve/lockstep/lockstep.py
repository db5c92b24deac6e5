"""Operating points of circuits of any devices, all samples in step in compiled loops.

What no nonlinear element touches is eliminated beforehand, once for all samples, where that saves work or
where amplifiers make it unsafe to take pivots on the diagonal (static condensation; Guyan, AIAA Journal
3, 1965). Newton's method then runs in ``newton_loops`` as ``iterate`` has it. Pivots are chosen by what the
equations are, not by their numbers: who uses this checks the result, and turns to other ways where that
was not good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import Balance, InSeries, Problem, Settling
from netlearn.solve.compiled.load import available, kernels, lanes
from netlearn.solve.lockstep.elements import LockstepElements, Sources
from netlearn.solve.lockstep.layout import EliminationLayout
from netlearn.solve.lockstep.starts import Drives
from netlearn.solve.matrices.condensation import Condensation
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import ROUNDING, NonlinearModel
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.threads import in_parts, in_shares, one_thread

FIRST = 32
"""So many samples are solved first where the starts of the others are interpolated."""
CHECKED_FROM, SAME, FARTHER = 256, 1e-6, 4.0
"""From so many samples on starts are interpolated where there may be several operating points, if this leads to the
same ones but for such a part; where it leads so many times as far as for any that was checked, zero is the start."""
INTERPOLATED_FROM = 30
"""Below so many unknowns Newton's steps cost less than an interpolated start."""
MOST_SOURCES = 8
"""Up to so many independent sources the samples are dense enough to be interpolated."""
ROUGH = 1e-3
"""Currents out of balance by this part of what is allowed are beyond rounding."""
MOST_NUMBERS = 4_000_000
"""How many unknowns of samples are solved at a time."""

LEAST_LANES, SAMPLES_OF_A_LANE = 16, 16
"""Fewer lanes than are best for long runs, so that each has so many samples, but not fewer than this."""
ROUNDS, CHAINED_ROUNDS = 2, 16
"""How often the lanes are filled, at the least, with a thread's part of the samples."""

NONE_BETWEEN = InSeries(np.zeros(0, np.int64), np.zeros(0, np.int64))

Samples = Array | slice


@dataclass(frozen=True)
class LockstepOutcome:
    """The states that Newton's method led to, which samples converged, and the steps they took, (S,) each.

    ``definite`` (S,) says whose Jacobian is positive definite there; None where it is not symmetric, or not known.
    """

    states: ReducedStates
    converged: Array
    steps: Array
    definite: Array | None


@dataclass(frozen=True)
class Lockstep:
    """A circuit made ready to be solved."""

    model: NonlinearModel
    elements: LockstepElements
    count: int
    layout: EliminationLayout
    data: Array
    """Entries (nnz,) of the linear part of the reduced equations."""
    condensation: Condensation | None
    left: Array
    """The entries of the linear part of the equations that Newton's method solves, condensed or not."""

    @classmethod
    def of(cls, model: NonlinearModel, count: int, near: Lockstep | None = None) -> Lockstep | None:
        """For ``count`` samples. None where a device has no compiled law, or numba is not installed.

        ``near`` may be that of the circuit that this one extends.
        """
        base = None if model.linear_part is None else model.linear_part.base
        if near is not None and base is not None and near.model.linear_part is base:
            # What is added is linear.
            elements = near.elements if len(model.nonlinear) == len(near.model.nonlinear) else None
        else:
            elements = None
        if elements is None and available():
            elements = LockstepElements.of(model)
        if elements is None:
            return None
        layout = EliminationLayout.of(model, elements)
        if layout is None:
            return None
        reduction = model.reduction
        data = model.reduced_data
        if layout.last is None:
            return cls(model, elements, count, layout, data, None, data)
        condensed = Condensation.of(reduction, data, layout.last)
        if condensed is None:
            return None
        condensation, left = condensed
        return cls(model, elements, count, layout, data, condensation, left.T.ravel())

    @cached_property
    def sources(self) -> Sources:
        """What the independent sources do."""
        return Sources.of(self.model, self.count)

    def solve(self, guess: Array | None, tolerances: Tolerances, *, unique: bool) -> LockstepOutcome:
        """Where Newton's method leads.

        Newton's method starts at ``guess`` (r, S). Without it, it starts at zero, or where the
        operating point is ``unique`` at what those of other samples suggest.
        """
        count = self.count
        y = np.empty((count, self.model.reduction.size))
        into = np.empty((count, len(self.layout.whole.sourced)))
        steps = np.zeros(count, dtype=np.int64)
        excess, negative = np.zeros(count), np.zeros(count, dtype=np.int64)

        def solve(samples: Samples, start: Array | None) -> None:
            found = self._solve(samples, start, tolerances, unique)
            y[samples], into[samples], excess[samples], steps[samples], negative[samples] = found

        drives = self._drives(count, unique) if guess is None else None
        if drives is None:
            known = None if guess is None else guess[self.layout.frame.members].T
            for part in self._pieces(count):
                solve(part, None if known is None else known[part])
        else:
            order = drives.spread_out(FIRST if unique else 2 * FIRST)
            known, others = np.split(order, [FIRST if unique else 2 * FIRST])
            solve(known, None)
            reach = np.inf if unique else self.reach_of(known, drives, tolerances, y, excess)
            surface = drives.surface(known, self._in_frame(y[known])) if reach > 0.0 else None
            for part in self._pieces(len(others)):
                samples = others[part]
                start = None if surface is None else surface(samples)
                solve(samples, start)
                if start is not None and not unique:
                    lost = (excess[samples] > 1.0) | (self._away(y[samples], start) > reach)
                    if lost.any():
                        solve(samples[lost], None)
        # One more step where the last one promised more than it kept.
        rough = np.flatnonzero((excess > ROUGH) & (excess <= 1.0))
        if len(rough):
            found = self._solve(rough, self._in_frame(y[rough]), tolerances, unique)
            y[rough], into[rough], excess[rough], _, negative[rough] = found
        told = self.layout.plan.fill.symmetric and self.condensation is None
        return LockstepOutcome(self._states(y, into), excess <= 1.0, steps, negative == 0 if told else None)

    def _pieces(self, count: int) -> list[slice]:
        most = max(1, MOST_NUMBERS // self.model.circuit.size)
        return [slice(first, min(first + most, count)) for first in range(0, count, most)]

    def _in_frame(self, y: Array) -> Array:
        """The unknowns (S, n) of ``frame`` from the reduced ones (S, r)."""
        result: Array = y[:, self.layout.frame.members]
        return result

    def _drives(self, count: int, unique: bool) -> Drives | None:
        """What the samples' starts are interpolated over, where that pays."""
        if self.layout.plan.size < INTERPOLATED_FROM:
            return None
        if count <= 4 * FIRST if unique else count < CHECKED_FROM:
            return None
        if self.model.linear_part is not None:
            values = [value for value in self.model.linear_part.drives() if value.ndim == 2 and len(value) > 1]
        else:
            constant = self.model.constant
            values = [constant[self.model.driven].T] if constant.ndim == 2 else []
        # Two samples tell of thousands of inputs that they are not a few, without looking at all.
        if not values or sum(np.count_nonzero(value[0] != value[1]) for value in values) > 4 * MOST_SOURCES:
            return None
        driven = np.concatenate(values, axis=1).T
        # An input in both polarities is one direction, but thousands of inputs are not a few.
        if np.count_nonzero((driven != driven[:, :1]).any(axis=1)) > 4 * MOST_SOURCES:
            return None
        drives = Drives.of(driven)
        return drives if 0 < drives.points.shape[1] <= MOST_SOURCES else None

    def reach_of(self, known: Array, drives: Drives, tolerances: Tolerances, y: Array, excess: Array) -> float:
        """How far from an interpolated start, in volts, an operating point is the one that is found from zero.

        Where there may be several operating points, another start may lead to another one. So of the ``known`` samples,
        solved from zero, the second half is solved from the surface through the first one, too: 0 unless all of them
        arrive at the same place.
        """
        first, checked = np.split(known, 2)
        if not (excess[known] <= 1.0).all():
            return 0.0
        start = drives.surface(first, self._in_frame(y[first]))(checked)
        found, _, left, *_ = self._solve(checked, start, tolerances, False)
        apart = np.abs(found - y[checked]).max(initial=0.0)
        same = (left <= 1.0).all() and apart <= SAME * np.abs(y[checked]).max(initial=1.0)
        return FARTHER * float(self._away(found, start).max()) if same else 0.0

    def _away(self, y: Array, start: Array) -> Array:
        """How far (S,) the voltages among y (S, r) are from their starts (S, n) at the most."""
        is_node = self.model.reduction.is_node[self.layout.frame.members]
        away: Array = np.abs(self._in_frame(y) - start)[:, is_node].max(axis=1, initial=0.0)
        return away

    def _solve(
        self, samples: Samples, start: Array | None, tolerances: Tolerances, unique: bool
    ) -> tuple[Array, Array, Array, Array, Array]:
        """The reduced unknowns (S, r), and currents into ``sourced`` tree nodes (S, t).

        Then imbalances, steps and numbers of pivots that are not above zero, (S,) each.
        """
        is_node, layout = self.model.reduction.is_node, self.layout
        plan, frame, whole = layout.plan, layout.frame, layout.whole
        sources = self.sources
        drive, tree = np.array(sources.drive[samples], order="C"), sources.dictated.volts[samples]
        count = len(drive)
        converged, excess = np.zeros(count, bool), np.zeros(count)
        steps, negative = np.zeros((2, count), np.int64)
        width = lanes(count, plan.cost)
        y = np.zeros((count, plan.size)) if start is None else np.array(start, order="C")
        if self.condensation is None:
            driven, kept = frame.equation[sources.driven], drive
        else:
            full = np.zeros((count, len(whole.members)))
            full[:, sources.driven] = drive
            reduced, rest = self.condensation.reduce(full)
            driven, kept = frame.equation[self.condensation.last], np.ascontiguousarray(reduced)
        offset = np.ascontiguousarray(tree[:, frame.tree])
        cold = start is None
        problem = Problem(cold, self.model.at_rest, cold and unique, y, driven, kept, frame.lifted, offset)
        floor = tolerances.floor(is_node)[frame.members, 0]
        settling = Settling(tolerances.reltol, floor, tolerances.iterations)
        loops, laws = kernels(), frame.laws(self.elements)
        linear = frame.linear(self.left)
        between = layout.between if unique and self.condensation is None else NONE_BETWEEN

        # A lane that is out of samples waits for the others.
        fewer = min(width, max(LEAST_LANES, count // SAMPLES_OF_A_LANE // 8 * 8))

        def find(first: int, last: int) -> None:
            loops.newton(
                plan.fill, linear, laws, problem, settling, between, fewer, first, last, converged, steps, negative
            )

        if problem.chained:
            # As samples start from others' solutions, parts must be the same for any number of threads.
            in_parts(find, count, fewer * CHAINED_ROUNDS)
        else:
            in_shares(find, count, fewer * ROUNDS)
        if self.condensation is not None:
            # The drive stands on the other side of the equations.
            y = self.condensation.recover(y[:, frame.unknown[self.condensation.last]], -rest)
            laws = whole.laws(self.elements)
        offset = np.ascontiguousarray(tree[:, whole.tree])
        problem = Problem(False, False, False, y, whole.equation[sources.driven], drive, whole.lifted, offset)
        floor = np.where(is_node, tolerances.abstol, tolerances.vntol)[whole.equations]
        sums = np.bincount(whole.rows, np.abs(self.data), len(floor))
        balance = Balance(floor, ROUNDING, sums)
        linear_whole, into = whole.linear(self.data), np.zeros((count, len(whole.sourced)))
        laws = laws._replace(writes=whole.flows)
        # A floating source's node stands above another one, whose law is that of both.
        at = self.model.reduction.place[self.model.reduction.tree[whole.sourced]]
        under = np.where(at >= 0, np.append(whole.equation, len(floor))[at], len(floor))

        def weigh(first: int, last: int) -> None:
            loops.unbalanced(linear_whole, laws, problem, balance, under, width, first, last, excess, into)

        in_shares(weigh, count, width * ROUNDS)
        return y[:, whole.unknown], into, np.where(converged, excess, np.inf), steps, negative

    def _states(self, y: Array, into: Array) -> ReducedStates:
        held = self.sources.dictated.volts if len(self.model.reduction.sources) else None
        return ReducedStates(self.model.reduction, held, y, lambda: self._whole(y, into))

    def _whole(self, y: Array, into: Array) -> Array:
        """All unknowns x (S, N) from the reduced ones (S, r), with the currents ``into`` (S, t) tree nodes."""
        reduction, dictated = self.model.reduction, self.sources.dictated

        def others(_: Array) -> Array:
            total = np.zeros((len(y), len(reduction.tree)))
            total[:, self.layout.whole.sourced] = into
            return total

        with one_thread():
            return reduction.recover(self.model.linear_data, y, dictated, others=others if into.shape[1] else None)

    def linearized(self, states: ReducedStates, right: Array, *, transpose: bool) -> tuple[Array, Array]:
        """Solve the reduced equations linear around states, or the transposed ones, for ``right`` (S, m, r).

        Returns the solutions, and what is left (S,) of the equations beside the largest of ``right``.
        """
        reduction, frame = self.model.reduction, self.layout.frame
        condensed, laws = self.condensation, frame.laws(self.elements)
        error = np.empty(len(states))
        given, rest = (right, right) if condensed is None else condensed.reduce(right, transpose)
        # Their places in the order of elimination.
        column, row = frame.members, frame.equations
        if condensed is not None:
            column, row = (np.searchsorted(condensed.last, each) for each in (column, row))
        work = np.ascontiguousarray(given[..., column if transpose else row])
        # Nodes at sources have their voltages from the states, not from those of other nodes.
        lifted, raised = np.full(len(frame.tree), len(column)), np.zeros((len(states), 0))
        if len(frame.tree):
            raised = np.ascontiguousarray(states.at(reduction.tree[frame.tree]))
        none = np.zeros(0, dtype=np.int64), np.zeros((len(states), 0))
        place = np.ascontiguousarray(self._in_frame(states.moving))
        problem = Problem(False, False, False, place, *none, lifted, raised)
        width = lanes(len(states), self.layout.plan.cost)
        loops, fill, linear = kernels(), self.layout.plan.fill, frame.linear(self.left)

        def find(first: int, last: int) -> None:
            loops.linearized(fill, linear, laws, problem, work, transpose, width, first, last, error)

        in_shares(find, len(states), width * ROUNDS)
        solved = np.empty_like(work)
        solved[..., row if transpose else column] = work
        if condensed is not None:
            solved = condensed.recover(solved, rest, transpose)
        return solved, error
