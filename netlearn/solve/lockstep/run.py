"""Newton's method and Kirchhoff's laws in compiled loops for any of a circuit's samples, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import InSeries, Problem
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.lockstep.equations import LockstepEquations
from netlearn.solve.lockstep.one_ports import HeldSums, OnePorts
from netlearn.solve.lockstep.starts import Starts
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.threads import in_parts, in_shares

LEAST_LANES, SAMPLES_OF_A_LANE = 16, 16
"""Fewer lanes than are best for long runs, so that each has so many samples, but not fewer than this: lattices of 5x5
diodes take 1.1 times as long with 8 lanes at the least and 0.92 to 0.96 with 32, and as long within a fiftieth with
half as many samples to a lane and 1.1 with twice as many, least of 100 runs (benchmarks/block_sizes.py)."""
ALONE = 32
"""Nor than this where no sample starts from another one's solution: lattices of 6x6 bipolar transistors take as long
within a fiftieth with 16, and 0.91 to 0.93 with up to 64, least of 100 runs (benchmarks/block_sizes.py)."""
ROUNDS = 2
"""How often the lanes are filled, at the least, with a thread's part of the samples: by convention more than once, so
that lanes which end early have more to do. One thread alone has all samples, and it makes no difference."""
CHAINED_ROUNDS = 16
"""The same where samples start from others' solutions, in parts that are the same for any number of threads: lattices
of 5x5 diodes take 1.06 times as long with half as many rounds, and 0.97 with twice as many, which would leave threads
less to share (benchmarks/part_sizes.py)."""

ROUGH = 1e-3
"""Currents out of balance by this part of what is allowed, 1e-9 of their magnitudes then, are beyond rounding of sums
of any length in float64."""

NONE_BETWEEN = InSeries(np.zeros(0, np.int64), np.zeros(0, np.int64))
NOWHERE = Starts.at(np.zeros((1, 0)))


def of_rows(values: Array) -> Array:
    """(S, n) numbers as compiled loops take them, (1, n) where all rows are one."""
    alike = values[:1] if len(values) and values.strides[0] == 0 else values
    return in_rows(np.asarray(alike, dtype=float))


@dataclass(frozen=True, eq=False)
class SampleRun:
    """What is known of S samples: reduced unknowns ``y`` (S, r).

    ``converged`` (S,) says where Newton's method arrived, ``excess`` (S,) how far they are from Kirchhoff's laws, 1 the
    limit and infinite where it failed, ``steps`` (S,) how many steps it took, ``negative`` (S,) how many pivots were
    not above zero in the last one, and ``away`` (S,) how far, in volts, nodes ended from their starts at the most.
    """

    equations: LockstepEquations
    tolerances: Tolerances
    at_rest: bool
    unique: bool
    drive: Array
    """(S, d) or (1, d): what sources add to the equations ``driven`` (d,)."""
    driven: Array
    volts: Array
    """(S, s) or (1, s) at the sources' tree nodes."""
    ports: tuple[OnePorts, HeldSums] | None
    """Elements that are taken together, and what that is made of."""
    reduced: tuple[Array, Array] | None
    """What condensing makes of the drive: (S, k) for the equations that are left, and what the others follow from."""
    y: Array
    converged: Array
    excess: Array
    steps: Array
    negative: Array
    away: Array
    into: Array | None
    """The currents (S, t) into tree nodes that elements touch, where they are found on the way."""

    @classmethod
    def of(
        cls,
        equations: LockstepEquations,
        sources: Sources,
        count: int,
        tolerances: Tolerances,
        ports: tuple[OnePorts, HeldSums] | None,
        *,
        at_rest: bool,
        unique: bool,
    ) -> SampleRun:
        """Of ``count`` samples nothing is known."""
        size, reduced = equations.reduction.size, None
        drive = of_rows(sources.drive)
        if equations.condensation is not None:
            full = np.zeros((len(drive), size))
            full[:, sources.driven] = drive
            left, rest = equations.condensation.reduce(full)
            reduced = np.ascontiguousarray(left), rest
        into = np.empty((count, len(equations.layout.whole.sourced))) if ports is None else None
        steps, negative = np.zeros((2, count), np.int64)
        volts = of_rows(sources.dictated.volts)
        converged, excess, away = np.zeros(count, bool), np.zeros(count), np.zeros(count)
        found = np.empty((count, size)), converged, excess, steps, negative, away, into
        return cls(equations, tolerances, at_rest, unique, drive, sources.driven, volts, ports, reduced, *found)

    def again(self) -> SampleRun:
        """The same with nothing known."""
        names = ("y", "converged", "excess", "steps", "negative", "away")
        own = {name: np.empty_like(getattr(self, name)) for name in names}
        into = None if self.into is None else np.empty_like(self.into)
        return replace(self, unique=False, into=into, **own)

    def solve(self, samples: Array, start: Starts | None = None, *, interpolated: bool = False) -> None:
        """Solve the samples of these numbers as ``find`` does, and weigh what came of it."""
        self.find(samples, start, interpolated=interpolated)
        self.weigh(samples)

    def find(self, samples: Array, start: Starts | None = None, *, interpolated: bool = False) -> None:
        """Where Newton's method leads the samples of these numbers, from ``start`` or from zero.

        Where starts are ``interpolated``, samples take different numbers of steps.
        """
        for equations, volts, mine in self._by_equations(samples):
            some, begin = samples, start
            if mine is not None:
                some, begin = samples[mine], None if start is None else start.some(mine)
            self._find(equations, volts, some, begin, interpolated)

    def weigh(self, samples: Array) -> None:
        """How far from Kirchhoff's laws the samples of these numbers are, infinite where Newton's method failed."""
        for equations, volts, mine in self._by_equations(samples):
            some = samples if mine is None else samples[mine]
            self._weigh(equations, volts, some, self.excess, self.into)
            if equations is not self.equations:
                # What cancels in an element at a hub is less than in all that it stands for.
                rough = some[self.excess[some] > ROUGH]
                if len(rough):
                    self._weigh(self.equations, self.volts, rough, self.excess)
        if not self.converged.all():
            self.excess[samples[~self.converged[samples]]] = np.inf

    def _by_equations(self, samples: Array) -> Iterator[tuple[LockstepEquations, Array, Array | None]]:
        """The equations that some samples are solved with, the voltages beside them, and which (m,), None for all."""
        if self.ports is None:
            yield self.equations, self.volts, None
            return
        ports, sums = self.ports
        near = sums.for_sample(samples)
        for mine, equations, volts in ((near, ports.equations, sums.volts), (~near, self.equations, self.volts)):
            if mine.any():
                yield equations, volts, None if mine.all() else mine

    def flows(self) -> Array:
        """The currents (S, t) into tree nodes that elements touch."""
        if self.into is not None:
            return self.into
        into = np.empty((len(self.y), len(self.equations.layout.whole.sourced)))
        self._weigh(self.equations, self.volts, np.arange(len(self.y)), np.empty(len(self.y)), into)
        return into

    def _find(
        self, equations: LockstepEquations, volts: Array, samples: Array, start: Starts | None, interpolated: bool
    ) -> None:
        """Newton's method for some samples, with ``volts`` beside the equations."""
        count = len(samples)
        layout, condensation = equations.layout, equations.condensation
        plan, frame = layout.plan, layout.frame
        settling, _ = equations.limits(self.tolerances)
        cold = start is None
        begin = Starts.at(np.zeros((1, plan.size))) if start is None else start
        if self.reduced is None or condensation is None:
            driven, drive = frame.equation[self.driven], self.drive
        else:
            driven, drive = frame.equation[condensation.last], self.reduced[0]
        problem = Problem(
            cold, self.at_rest, cold and self.unique, not interpolated, samples, *begin, self.y, frame.members,
            driven, drive, frame.lifted, volts, frame.tree,
        )  # fmt: skip
        loops, laws, linear = kernels(), equations.laws, equations.linear
        between = layout.between if self.unique and condensation is None else NONE_BETWEEN
        width = plan.lanes(count)
        # A lane that is out of samples waits for the others.
        fewer = min(width, max(LEAST_LANES if problem.chained else ALONE, count // SAMPLES_OF_A_LANE // 8 * 8))

        def find(first: int, last: int) -> None:
            loops.newton(
                plan.fill, plan.listed, linear, laws, problem, settling, between, fewer, first, last,
                equations.nodes, self.converged, self.steps, self.negative, self.away,
            )  # fmt: skip

        if problem.chained:
            # As samples start from others' solutions, parts must be the same for any number of threads.
            in_parts(find, count, fewer * CHAINED_ROUNDS)
        else:
            in_shares(find, count, fewer * ROUNDS)
        if self.reduced is not None and condensation is not None:
            # The drive stands on the other side of the equations.
            rest = self.reduced[1]
            y = self.y[samples][:, condensation.last]
            self.y[samples] = condensation.recover(y, -(rest if len(rest) == 1 else rest[samples]))

    def _weigh(
        self, equations: LockstepEquations, volts: Array, samples: Array, excess: Array, into: Array | None = None
    ) -> None:
        """How far samples are from Kirchhoff's laws, ``excess`` (S,), and what flows ``into`` tree nodes (S, t)."""
        whole, width = equations.layout.whole, equations.layout.plan.lanes(len(samples))
        problem = Problem(
            False, False, False, False, samples, *NOWHERE, self.y, whole.members,
            whole.equation[self.driven], self.drive, whole.lifted, volts, whole.tree,
        )  # fmt: skip
        _, balance = equations.limits(self.tolerances)
        flows = np.empty((len(self.y), len(whole.sourced))) if into is None else into
        loops, linear, laws, under = kernels(), equations.whole_linear, equations.whole_laws, equations.under

        def weigh(first: int, last: int) -> None:
            loops.unbalanced(linear, laws, problem, balance, under, width, first, last, excess, flows)

        in_shares(weigh, len(samples), width * ROUNDS)
