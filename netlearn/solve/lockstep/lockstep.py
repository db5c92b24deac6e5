"""Operating points of junction networks, all samples in step in compiled loops.

Resistors, sources of any kind and diodes: the circuits that learning with diodes is about. What
no junction touches is eliminated beforehand, once for all samples, where that saves work or where
amplifiers make it unsafe to take pivots on the diagonal (static condensation; Guyan, AIAA Journal
3, 1965). Newton's method then runs in ``junction_loops`` as ``iterate`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import Balance, Problem, Settling
from netlearn.solve.compiled.load import available, kernels, lanes
from netlearn.solve.equations.assembly import CACHED_TOPOLOGIES
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.lockstep.junctions import Frame, Laws, Sources
from netlearn.solve.lockstep.starts import Drives
from netlearn.solve.matrices.batched_lu import BatchedLu
from netlearn.solve.matrices.condensation import Condensation
from netlearn.solve.newton.iteration import EXACT, SETTLED, UNBALANCED, Tolerances
from netlearn.solve.newton.system import ROUNDING, NonlinearModel

LARGEST_DENSE = 300
"""Up to so many unknowns that junctions touch may be left of a network with amplifiers."""
FIRST = 32
"""So many samples are solved first where the starts of the others are interpolated."""
INTERPOLATED_FROM = 30
"""Below so many unknowns Newton's steps cost less than an interpolated start."""
MOST_SOURCES = 8
"""Up to so many independent sources the samples are dense enough to be interpolated."""
ROUGH = 1e-3
"""Currents out of balance by this part of what is allowed are beyond rounding."""
MOST_NUMBERS = 4_000_000
"""How many unknowns of samples are solved at a time."""

Samples = Array | slice


@dataclass(frozen=True)
class EliminationLayout:
    """What depends on connections only: how to eliminate the equations of ``frame``, and all reduced ones, ``whole``.

    ``last`` are the unknowns that junctions touch, if the others are to be eliminated beforehand.
    """

    plan: BatchedLu
    frame: Frame
    whole: Frame
    last: Array | None


@lru_cache(maxsize=CACHED_TOPOLOGIES)
def _layout(
    reduction: SourceReduction, plan: BatchedLu | None, anode: bytes, cathode: bytes
) -> EliminationLayout | None:
    """For junctions with these ends (int64), and a ``plan`` if it is safe to take pivots on the diagonal."""
    ends = np.frombuffer(anode, dtype=np.int64), np.frombuffer(cathode, dtype=np.int64)
    place, everything = reduction.place, np.arange(reduction.size)
    last = np.unique(np.append(place, -1)[np.concatenate(ends)])
    last, entries = last[last >= 0], (reduction.pattern.rows, reduction.columns)
    if plan is not None and (len(last) == reduction.size or plan.work <= len(last) ** 3 / 6):
        frame = Frame.of(entries, ends, plan.order, place)
        return EliminationLayout(plan, frame, frame, None)
    if len(last) > LARGEST_DENSE:
        return None
    size = len(last)
    rows, columns = np.tile(np.arange(size), size), np.repeat(np.arange(size), size)
    full = BatchedLu(rows, size * np.arange(size + 1), symmetric=plan is not None)
    frame = Frame.of((rows, columns), ends, last[full.order], place)
    return EliminationLayout(full, frame, Frame.of(entries, ends, everything, place), last)


@dataclass(frozen=True)
class Lockstep:
    """A junction network made ready to be solved."""

    model: NonlinearModel
    laws: Laws
    sources: Sources
    layout: EliminationLayout
    data: Array
    """Entries (nnz,) of the linear part of the reduced equations."""
    condensation: Condensation | None

    @classmethod
    def of(cls, model: NonlinearModel, count: int) -> Lockstep | None:
        """For ``count`` samples. None where there are other nonlinear elements, or numba is not installed."""
        laws = Laws.of(model) if available() else None
        if laws is None:
            return None
        reduction, plan = model.reduction, model.pattern if isinstance(model.pattern, BatchedLu) else None
        layout = _layout(reduction, plan, laws.anode.tobytes(), laws.cathode.tobytes())
        if layout is None:
            return None
        data, condensation = np.asarray(reduction.pattern.adder @ laws.data), None
        if layout.last is not None:
            condensation = Condensation.of(reduction, data, layout.last)
            if condensation is None:
                return None
        return cls(model, laws, Sources.of(model, laws, count), layout, data, condensation)

    def solve(self, guess: Array | None, tolerances: Tolerances, *, unique: bool) -> tuple[Array, Array, Array]:
        """Unknowns x (S, N), which samples converged (S,), and the steps (S,) they took.

        Newton's method starts at ``guess`` (r, S). Without it, it starts at zero, or where the
        operating point is ``unique`` at what those of other samples suggest.
        """
        count = len(self.sources.drive)
        x = np.empty((count, self.model.circuit.size))
        steps = np.zeros(count, dtype=np.int64)
        known = None if guess is None else guess[self.layout.frame.members].T
        drives = self._drives(count) if guess is None and unique else None
        excess = np.zeros(count)
        for samples, start in self._parts(known, drives, x):
            x[samples], excess[samples], steps[samples] = self._solve(samples, start, tolerances, unique)
        # One more step where the last one promised more than it kept.
        rough = np.flatnonzero((excess > ROUGH) & (excess <= 1.0))
        if len(rough):
            x[rough], excess[rough], _ = self._solve(rough, self._in_frame(x[rough]), tolerances, unique)
        return x, excess <= 1.0, steps

    def _pieces(self, count: int) -> list[slice]:
        most = max(1, MOST_NUMBERS // self.model.circuit.size)
        return [slice(first, min(first + most, count)) for first in range(0, count, most)]

    def _in_frame(self, x: Array) -> Array:
        """The unknowns (S, n) of ``frame`` from all, x (S, N)."""
        result: Array = x[:, self.model.reduction.members[self.layout.frame.members]]
        return result

    def _drives(self, count: int) -> Drives | None:
        """What the samples' starts are interpolated over, where that pays."""
        constant = self.model.constant
        if constant.ndim == 1 or self.layout.plan.size < INTERPOLATED_FROM or count <= 4 * FIRST:
            return None
        drives = Drives.of(constant[self.model.driven])
        return drives if 0 < drives.points.shape[1] <= MOST_SOURCES else None

    def _parts(self, guess: Array | None, drives: Drives | None, x: Array) -> Iterator[tuple[Samples, Array | None]]:
        """Parts of the samples with their starts (S, n), in the order of ``frame``, if there are any.

        With ``drives`` they come from ``x`` (S, N) of the first samples, which are solved in the meantime.
        """
        if drives is None:
            yield from ((part, None if guess is None else guess[part]) for part in self._pieces(len(x)))
            return
        order = drives.spread_out(FIRST)
        first, others = order[:FIRST], order[FIRST:]
        yield first, None
        surface = drives.surface(first, self._in_frame(x[first]))
        yield from ((others[part], surface(others[part])) for part in self._pieces(len(others)))

    def _solve(
        self, samples: Samples, start: Array | None, tolerances: Tolerances, unique: bool
    ) -> tuple[Array, Array, Array]:
        is_node, layout = self.model.reduction.is_node, self.layout
        plan, frame, whole, lifted = layout.plan, layout.frame, layout.whole, self.sources.lifted
        drive, offset = (np.array(part[samples], order="C") for part in (self.sources.drive, self.sources.offset))
        count = len(drive)
        converged, steps, excess = np.zeros(count, bool), np.zeros(count, np.int64), np.zeros(count)
        width = lanes(count, plan.cost)
        y = np.zeros((count, plan.size)) if start is None else np.ascontiguousarray(start)
        if self.condensation is None:
            driven, kept, data = frame.position[self.sources.driven], drive, self.data
        else:
            full = np.zeros((count, len(whole.members)))
            full[:, self.sources.driven] = drive
            alone = self.condensation.alone(full)
            driven, kept = frame.position, np.ascontiguousarray(self.condensation.carried(full, alone))
            data = self.condensation.left.T.ravel()
        problem = Problem(start is None, start is None and unique, y, driven, kept, lifted, offset)
        floor = tolerances.floor(is_node)[frame.members, 0]
        settling = Settling(tolerances.reltol, floor, tolerances.iterations, EXACT, SETTLED)
        kernels().newton(
            plan.fill, frame.linear(data), frame.junctions(self.laws), problem, settling, width, converged, steps
        )
        if self.condensation is not None:
            y = self.condensation.completed(y[:, frame.position], alone)
        problem = Problem(False, False, y, whole.position[self.sources.driven], drive, lifted, offset)
        floor = np.where(is_node, tolerances.abstol, tolerances.vntol)[whole.members]
        sums = np.bincount(whole.rows, np.abs(self.data), len(floor))
        balance = Balance(floor, UNBALANCED, ROUNDING, sums)
        kernels().unbalanced(whole.linear(self.data), whole.junctions(self.laws), problem, balance, width, excess)
        return self._unknowns(samples, y), np.where(converged, excess, np.inf), steps

    def _unknowns(self, samples: Samples, y: Array) -> Array:
        """All unknowns x (S, N) from those of ``whole`` (S, r)."""
        reduction, tree = self.model.reduction, self.sources.tree[samples]
        position = np.append(self.layout.whole.position, 0)
        x = (
            np.take(y, position[reduction.place], axis=1)
            if reduction.size
            else np.zeros((len(y), len(reduction.place)))
        )
        x[:, np.flatnonzero(reduction.place < 0)] = 0.0
        x[:, reduction.tree] += tree
        if not len(reduction.sources):
            return x
        constant = self.model.constant[reduction.tree]
        reached, rows = self.tree_rows
        leaving = rows @ x[:, reached].T + (constant[:, samples] if constant.ndim == 2 else constant[:, None])
        at_tree = reduction.at_tree
        for sign, ends in ((1.0, self.laws.anode), (-1.0, self.laws.cathode)):
            touching = np.flatnonzero(at_tree[ends] >= 0)
            if len(touching):
                np.add.at(leaving, at_tree[ends[touching]], sign * self._currents(touching, x))
        x[:, reduction.sources] = reduction.currents(-leaving).T
        return x

    @cached_property
    def tree_rows(self) -> tuple[Array, sparse.csr_array]:
        """``SourceReduction.tree_rows`` of the linear part."""
        return self.model.reduction.tree_rows(self.laws.data)

    def _currents(self, which: Array, x: Array) -> Array:
        """The currents (k, S) of some junctions."""
        ends = self.laws.anode[which], self.laws.cathode[which]
        v = np.subtract(*(np.where(end >= 0, x[:, end], 0.0).T for end in ends), order="C")
        values = {name: np.ascontiguousarray(value[which]) for name, value in self.laws.values.items()}
        junctions = self.layout.frame.junctions(self.laws)._replace(**values)
        current, slope, scale = np.empty_like(v), np.empty_like(v), np.empty(v.size)
        kernels().law(junctions, v, current, slope, scale, scale.view(np.int64))
        return current
