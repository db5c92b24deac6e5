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
from netlearn.solve.compiled.arguments import Problem
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.lockstep.equations import LockstepEquations
from netlearn.solve.lockstep.layout import EliminationLayout
from netlearn.solve.lockstep.one_ports import HeldSums, OnePorts
from netlearn.solve.lockstep.run import NOWHERE, ROUGH, ROUNDS, SampleRun, of_rows
from netlearn.solve.lockstep.starts import InterpolatedStarts, Starts
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.threads import in_shares, one_thread

FIRST = 32
"""So many samples are solved first where the starts of the others are interpolated: lattices of 18x18 diodes take 1.1
times as long with half and with twice as many (benchmarks/block_sizes.py)."""
CHECKED_FROM = 256
"""From so many samples on starts are interpolated where there may be several operating points, if this leads to the
same ones. Lattices of 6x6 bipolar transistors take 1.3 times as long with it for 128 samples, as long within a
twentieth for 256, and 0.8 for 512 (benchmarks/thresholds.py)."""
SAME, FARTHER = 1e-6, 4.0
"""Operating points are the same but for such a part of the largest voltage, and where a start leads so many times as
far as for any that was checked, zero is the start: by convention the one lies between rounding and what tells operating
points apart, and the other allows of what a few samples have not seen."""
INTERPOLATED_FROM = 30
"""Below so many unknowns starts are not interpolated: lattices of 8 diodes take 1.3 times as long with it, of 15 as
long as without, of 30 two thirds of that (benchmarks/thresholds.py)."""
MOST_SOURCES = 16
"""Up to so many independent sources the samples are dense enough to be interpolated: lattices of 18x18 diodes with 12
of them take 1.2 times as long without it; with it crossbars of 32x16 selectors, whose 32 sources are beyond, would take
1.1 times as long (benchmarks/part_sizes.py)."""
RECOVERED = 256
"""A thread makes all unknowns of so many samples at the least, by convention."""
MOST_NUMBERS = 4_000_000
"""How many unknowns of samples are solved at a time: 32 MB by convention."""


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
    equations: LockstepEquations
    count: int

    @classmethod
    def of(cls, model: NonlinearModel, count: int, near: Lockstep | None = None) -> Lockstep | None:
        """For ``count`` samples. None where a device has no compiled law, or compiled loops are not there.

        ``near`` may be that of the circuit that this one extends.
        """
        if not model.compiled:
            return None
        base, elements = None if model.linear_part is None else model.linear_part.base, None
        if near is not None and base is not None and near.model.linear_part is base:
            # What is added is linear.
            elements = near.equations.elements if len(model.nonlinear) == len(near.model.nonlinear) else None
        equations = LockstepEquations.of(model, elements)
        return None if equations is None else cls(model, equations, count)

    @property
    def layout(self) -> EliminationLayout:
        """What depends on connections only."""
        return self.equations.layout

    @cached_property
    def sources(self) -> Sources:
        """What the independent sources do."""
        return Sources.of(self.model, self.count)

    @cached_property
    def ports(self) -> OnePorts | None:
        """Elements that are taken together at a node."""
        return OnePorts.of(self.model, self.equations)

    @cached_property
    def _sums(self) -> tuple[OnePorts, HeldSums] | None:
        """The same with what they are made of in all samples, if that is of use."""
        return None if self.ports is None else self._sums_at(self.ports, of_rows(self.sources.dictated.volts))

    @staticmethod
    def _sums_at(ports: OnePorts, volts: Array) -> tuple[OnePorts, HeldSums] | None:
        sums = ports.sums(volts)
        return None if sums is None else (ports, sums)

    def solve(self, guess: Array | None, tolerances: Tolerances, *, unique: bool) -> LockstepOutcome:
        """Where Newton's method leads.

        Newton's method starts at ``guess`` (r, S). Without it, it starts at zero, or where the
        operating point is ``unique`` at what those of other samples suggest.
        """
        count = self.count
        at_rest = self.model.at_rest
        run = SampleRun.of(self.equations, self.sources, count, tolerances, self._sums, at_rest=at_rest, unique=unique)
        drives = self._starts(count, unique) if guess is None else None
        every = np.arange(count)
        if drives is None:
            for part in self._pieces(count):
                start = None if guess is None else Starts.at(self._in_frame(guess[:, part].T))
                run.find(every[part], start)
            run.weigh(every)
        else:
            run.find(drives.known)
            reach = np.inf if unique else self.reach_of(drives, run)
            values = self._in_frame(run.y[drives.known])
            for part in self._pieces(len(drives.others)):
                start = drives.starts(values, part) if reach > 0.0 else None
                run.find(drives.others[part], start, interpolated=start is not None)
            run.weigh(every)
            if 0.0 < reach < np.inf:
                run.away[drives.known] = 0.0
                lost = ~(run.excess <= 1.0) | (run.away > reach)
                if lost.any():
                    # Starts are no better than the known samples that they follow from.
                    run.solve(drives.others if lost[drives.known].any() else np.flatnonzero(lost))
        # One more step where the last one promised more than it kept.
        above = run.excess > ROUGH
        rough = np.flatnonzero(above & (run.excess <= 1.0)) if above.any() else np.zeros(0, np.int64)
        if len(rough):
            steps = run.steps[rough]
            run.solve(rough, Starts.at(self._in_frame(run.y[rough])))
            run.steps[rough] = steps
        told = self.layout.plan.fill.symmetric and self.equations.condensation is None
        states = self._states(run)
        return LockstepOutcome(states, run.excess <= 1.0, run.steps, run.negative == 0 if told else None)

    def _pieces(self, count: int) -> list[slice]:
        most = max(1, MOST_NUMBERS // self.model.circuit.size)
        return [slice(first, min(first + most, count)) for first in range(0, count, most)]

    def _in_frame(self, y: Array) -> Array:
        """The unknowns (S, n) of ``frame`` from the reduced ones (S, r)."""
        result: Array = y[:, self.layout.frame.members]
        return result

    def _starts(self, count: int, unique: bool) -> InterpolatedStarts | None:
        """Where samples start that can be interpolated, if that pays."""
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
        driven = (values[0] if len(values) == 1 else np.concatenate(values, axis=1)).T
        return InterpolatedStarts.of(driven, FIRST if unique else 2 * FIRST, MOST_SOURCES, self.model.circuit.wiring)

    def reach_of(self, starts: InterpolatedStarts, run: SampleRun) -> float:
        """How far from an interpolated start, in volts, an operating point is the one that is found from zero.

        Where there may be several operating points, another start may lead to another one. So of the known samples,
        solved from zero, the second half is solved from the surface through the first one, too: 0 unless all of them
        arrive at the same place.
        """
        first, checked, weights = starts.halves
        if not run.converged[starts.known].all():
            return 0.0
        again = run.again()
        again.find(checked, Starts.interpolated(weights, self._in_frame(run.y[first])), interpolated=True)
        found, known = again.y[checked], run.y[checked]
        apart = np.abs(found - known).max(initial=0.0)
        same = again.converged[checked].all() and apart <= SAME * np.abs(known).max(initial=1.0)
        return FARTHER * float(again.away[checked].max()) if same else 0.0

    def _states(self, run: SampleRun) -> ReducedStates:
        held = self.sources.dictated.volts if len(self.model.reduction.sources) else None
        return ReducedStates(self.model.reduction, held, run.y, lambda: self._whole(run.y, run.flows()))

    def _whole(self, y: Array, into: Array) -> Array:
        """All unknowns x (S, N) from the reduced ones (S, r), with the currents ``into`` (S, t) tree nodes."""
        reduction, dictated, data = self.model.reduction, self.sources.dictated, self.model.linear_data
        found = self.layout.recovery(reduction) if data.ndim == 1 else None
        if found is not None:
            recovery, places = found
            entries, volts, currents = data[places], of_rows(dictated.volts), of_rows(dictated.into)
            x, loops = np.empty((len(y), len(recovery.place))), kernels()
            in_shares(
                lambda first, last: loops.recover(recovery, entries, y, volts, currents, into, x, first, last),
                len(y),
                RECOVERED,
            )
            return x

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
        moving = np.ascontiguousarray(states.moving)
        given = states.held
        held = np.zeros((1, len(self.model.reduction.tree))) if given is None else of_rows(given)
        found = None
        if self.ports is not None:
            found = self._sums if given is self.sources.dictated.volts else self._sums_at(self.ports, held)
        if found is None:
            return self._linearized(self.equations, held, moving, right, transpose)
        ports, sums = found
        if sums.everywhere:
            return self._linearized(ports.equations, sums.volts, moving, right, transpose)
        solved, error = np.empty(right.shape), np.empty(len(states))
        near = sums.for_sample(np.arange(len(states)))
        for mine, equations, volts in ((near, ports.equations, sums.volts), (~near, self.equations, held)):
            own = volts if len(volts) == 1 else volts[mine]
            solved[mine], error[mine] = self._linearized(equations, own, moving[mine], right[mine], transpose)
        return solved, error

    def _linearized(
        self, equations: LockstepEquations, held: Array, moving: Array, right: Array, transpose: bool
    ) -> tuple[Array, Array]:
        frame, count = equations.layout.frame, len(moving)
        condensed = equations.condensation
        error = np.empty(count)
        given, rest = (right, right) if condensed is None else condensed.reduce(right, transpose)
        # Their places in the order of elimination.
        column, row = frame.members, frame.equations
        if condensed is not None:
            column, row = (np.searchsorted(condensed.last, each) for each in (column, row))
        none, every = np.zeros(0, dtype=np.int64), np.arange(count)
        problem = Problem(
            False, False, False, False, every, *NOWHERE, moving, frame.members, none, np.zeros((1, 0)),
            frame.lifted, held, frame.tree,
        )  # fmt: skip
        plan = equations.layout.plan
        width = plan.lanes(count)
        loops, fill, linear, laws = kernels(), plan.fill, equations.linear, equations.laws
        places = (column, row) if transpose else (row, column)
        work = in_rows(given)
        solved = np.empty_like(work)

        def find(first: int, last: int) -> None:
            loops.linearized(
                fill, plan.listed, linear, laws, problem, work, places[0], solved, places[1], transpose, width,
                first, last, error,
            )  # fmt: skip

        in_shares(find, count, width * ROUNDS)
        if condensed is not None:
            solved = condensed.recover(solved, rest, transpose)
        return solved, error
