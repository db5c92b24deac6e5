"""Layers of ideal diodes and a few other nodes: every sample's elimination as products of matrices.

Where nodes with ideal diodes are no neighbours of each other, the reduced Jacobian of a sample reads

    D_s  B
    Bᵀ   C

with D_s diagonal. What is left at the border is C - Bᵀ D_s⁻¹ B (the Schur complement; F. F. Wu,
IEEE Trans. Circuits and Systems 23, 706, 1976, has bordered diagonal forms in circuit simulation), whose entries are
linear in D_s⁻¹: those of all samples are one product of D⁻¹, samples × inner nodes, with a matrix that all samples
share. Each diode is taken on one of its straight lines, and the equations are solved until all are on the lines that
they were taken on (Newton's method; Katzenelson, Bell Syst. Tech. J. 44, 1605, 1965, has the lines): what is found
then is the operating point but for rounding. A nudge at the border leaves D and B as they are, and an adjoint state has
the very same matrix.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.bordered import few
from netlearn.solve.bordered.layout import BorderedLayout
from netlearn.solve.bordered.matrix import BorderedFactors, BorderedMatrix
from netlearn.solve.bordered.part import BALANCED, STEPS, BorderedPart, columns_of
from netlearn.solve.compiled.load import available, in_rows, kernels
from netlearn.solve.equations.assembly import with_ground
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.terminals import values_of
from netlearn.solve.threads import in_parts, one_thread

PART = 256
"""Samples that are solved at a time: from 128 to 512 it takes as long within a twentieth
(benchmarks/block_sizes.py)."""
KEPT_NUMBERS = 32_000_000
"""Of the eliminations of all samples that are kept for the next ones, a bound of memory by convention: twice 256 MB,
4000 samples with 128 unknowns in the border, or 100 000 with 24."""
FACTORS = tuple(each.name for each in fields(BorderedFactors) if each.default_factory is MISSING)


@dataclass(frozen=True)
class BorderedOutcome:
    """States, which samples arrived, how many steps they took, and whose Jacobian is positive definite, (S,) each."""

    states: ReducedStates
    converged: Array
    steps: int
    definite: Array


@dataclass
class BorderedSystem:
    """A circuit with the elimination of its last states."""

    model: NonlinearModel
    layout: BorderedLayout
    matrix: BorderedMatrix
    count: int
    drives: tuple[Array, Array]
    """What sources add to the inner equations (h, S) and to those of the border (m, S)."""
    held: Array
    """(t + 1, S) volts at diodes' other ends, ground first."""
    sources: Sources
    kept: tuple[Array, list[BorderedFactors]] | None = field(default=None, repr=False)
    """Reduced unknowns (S, r), and the elimination there, for each part of the samples."""

    @classmethod
    def of(cls, model: NonlinearModel, count: int) -> BorderedSystem | None:
        """None for a circuit of another kind, and without compiled loops."""
        if model.linear_part is None or model.dtype.kind == "c" or not available():
            return None
        layout = BorderedLayout.of(model)
        if layout is None:
            return None
        key = ("bordered", model.linear_part.base is None)
        matrix = model.equations.own.once(key, lambda: BorderedMatrix.of(model, layout))
        if matrix is None:
            return None
        sources = Sources.of(model, count)
        inner, border, alone = layout.driven(sources.driven, model.circuit.wiring)
        drive = sources.drive.T
        if alone:
            drives = drive, np.zeros((len(border), count))
        else:
            padded = np.concatenate([drive, np.zeros((1, count))])
            drives = padded[inner], padded[border]
        held = np.zeros((len(layout.tree) + 1, count))
        if len(layout.tree):
            held[1:] = sources.dictated.volts[:, layout.tree].T
        return cls(model, layout, matrix, count, drives, held, sources)

    def solve(self, guess: Array | None, tolerances: Tolerances, near: BorderedSystem | None = None) -> BorderedOutcome:
        """From ``guess`` (r, S), or with no diode conducting; ``near`` is the system that the guess is of, if any."""
        given = None if near is None or guess is None else near._kept_at(guess, self)
        return self.settle(None if guess is None else guess[self.layout.inner], given, tolerances)

    def pushed(
        self, states: ReducedStates, push: tuple[Array, Array], conductance: Array | float, current: Array | float
    ) -> BorderedOutcome | None:
        """The states that its last ones ``states`` become with elements between the nodes ``push``, (o,) each.

        These are conductances () or (o,) and currents () or (S, o) from the first node to the second. None where
        nothing is known of ``states``, and where a node is not of the border.
        """
        if self.kept is None or self.kept[0] is not states.moving:
            return None
        key = ("ends at the border", *(ends.tobytes() for ends in push))
        ends = self.model.circuit.wiring.once(key, lambda: self.layout.ends(*push))
        if ends is None:
            return None
        if np.shape(current) != (self.count, ends.shape[1]):
            current = np.broadcast_to(current, (self.count, ends.shape[1]))
        drive = self.drives[1] + ends @ np.asarray(current).T
        matrix = self.matrix.pushed(ends * conductance @ ends.T, self.layout)
        drives = self.drives[0], drive
        other = BorderedSystem(self.model, self.layout, matrix, self.count, drives, self.held, self.sources)
        before = self.kept[0].T[self.layout.inner]
        return other.settle(before, self.kept[1], Tolerances.of(self.model.circuit), keep=False)

    def settle(
        self, before: Array | None, given: list[BorderedFactors] | None, tolerances: Tolerances, *, keep: bool = True
    ) -> BorderedOutcome:
        """From inner voltages (h, S), or with no diode conducting; the elimination there may be known.

        The one at the states is kept, or else it is not made again for all samples where few have moved.
        """
        layout, count = self.layout, self.count
        excess, steps = np.zeros(count), np.zeros(count, int)
        y: Array | None = None if layout.in_order and count <= PART else np.empty((self.model.reduction.size, count))
        keep = keep and self._fits
        done: dict[int, tuple[BorderedFactors | None, Array, Array]] = {}

        def work(first: int, last: int) -> None:
            known = None if given is None else given[first // PART]
            most, own = min(STEPS, tolerances.iterations), (steps[first:last], excess[first:last])
            begin = None if before is None else columns_of(before, first, last)
            if last - first <= few.MOST:
                sources = [columns_of(each, first, last) for each in (*self.drives, self.held)]
                factors, found = few.settle(
                    self.matrix, sources, begin, known, most=most, abstol=tolerances.abstol, steps=own[0], excess=own[1]
                )
            else:
                part = BorderedPart.of(self, first, last)
                factors = part.settle(
                    begin, known, most=most, abstol=tolerances.abstol, keep=keep, steps=own[0], excess=own[1]
                )
                found = part.y
            done[first] = factors if keep else None, factors.wrong, found
            if y is not None:
                inner = layout.sizes[0]
                y[layout.inner, first:last], y[layout.border, first:last] = found[:inner], found[inner:]

        in_parts(work, count, PART)
        every = [done[first] for first in sorted(done)]
        moving = (every[0][2] if y is None else y).T
        self.kept = (moving, [factors for factors, _, _ in every if factors is not None]) if keep else None
        wrong = every[0][1] if len(every) == 1 else np.concatenate([wrong for _, wrong, _ in every])
        return BorderedOutcome(self.states(moving), excess <= BALANCED, int(steps.max(initial=0)), wrong == 0)

    @property
    def _fits(self) -> bool:
        """Whether the eliminations of all samples may be kept."""
        return len(self.layout.rows) * self.count <= KEPT_NUMBERS

    def taken(self, samples: Array) -> BorderedFactors | None:
        """The elimination at some of the samples (S',) of the last states, None where it is not kept."""
        if self.kept is None:
            return None
        own = [(self.kept[1][s // PART], s % PART) for s in samples.tolist()]
        parts = ([getattr(each, name)[..., s] for each, s in own] for name in FACTORS)
        inverse, taken, lower, wrong, alone = (np.stack(part, axis=-1) for part in parts)
        return BorderedFactors(inverse, taken, lower, wrong, alone)

    def states(self, moving: Array) -> ReducedStates:
        """The states with these reduced unknowns (S, r)."""
        held = self.sources.dictated.volts if len(self.model.reduction.sources) else None
        return ReducedStates(self.model.reduction, held, moving, lambda: self._whole(moving))

    def _kept_at(self, guess: Array, other: BorderedSystem) -> list[BorderedFactors] | None:
        """What is kept of states ``guess`` (r, S), if another system has the same inner equations."""
        if self.kept is None or guess.base is None or self.kept[0].base is not guess.base:
            return None
        alike = self.layout.sizes == other.layout.sizes and self.matrix.same_inside(other.matrix)
        if not alike or not np.array_equal(self.drives[0], other.drives[0]):
            return None
        return self.kept[1] if np.array_equal(self.held, other.held) else None

    def linearized(self, states: ReducedStates, right: Array, *, transpose: bool) -> tuple[Array, Array]:
        """As :class:`Together` has it; the equations are symmetric."""
        del transpose
        # Samples run along memory, as they do in all products with it.
        solved, error = np.empty((*right.shape[1:], len(right))).transpose(2, 0, 1), np.zeros(len(right))
        kept = self.kept[1] if self.kept is not None and self.kept[0] is states.moving else None
        made: dict[int, BorderedFactors] = {}

        def work(first: int, last: int) -> None:
            part = BorderedPart.of(self, first, last)
            if kept is not None:
                factors = kept[first // PART]
            else:
                factors = made[first] = part.factors(in_rows(states.moving[first:last, self.layout.inner].T))
            for m in range(right.shape[1]):
                rest = np.ascontiguousarray(right[first:last, m].T)
                inside, outside = rest[self.layout.inner], rest[self.layout.border]
                if last - first <= few.MOST:
                    inner, border, left = few.solved(self.matrix, factors, inside, outside)
                else:
                    with np.errstate(all="ignore"):
                        inner, border, left = part.solved(factors, inside, outside)
                solved[first:last, m, self.layout.inner] = inner.T
                solved[first:last, m, self.layout.border] = border.T
                np.maximum(error[first:last], left, out=error[first:last])

        in_parts(work, len(right), PART)
        if self.kept is None and self._fits and len(right) == self.count:
            # Whoever asks for products with derivatives asks for many.
            self.kept = states.moving, [made[first] for first in sorted(made)]
        return solved, error

    def from_border(self, right: Array) -> tuple[Array, Array]:
        """Solutions (r, S) at the last states, inner unknowns first, of equations with right-hand sides at the border.

        These are (m, S), those of inner equations are zero. What is left of the equations is (S,), as for linearized.
        """
        assert self.kept is not None
        (_, factors), matrix, (inner, border) = self.kept, self.matrix, self.layout.sizes
        y, error, loops = np.empty((inner + border, self.count)), np.empty(self.count), kernels()

        def work(first: int, last: int) -> None:
            own, wanted = factors[first // PART], columns_of(right, first, last)
            part = y if last - first == self.count else np.empty((inner + border, last - first))
            loops.resolve_border(
                matrix.beside, matrix.columns, matrix.square, own.inverse, own.lower, wanted, part[:inner],
                part[inner:], error[first:last],
            )  # fmt: skip
            if part is not y:
                y[:, first:last] = part

        in_parts(work, self.count, PART)
        return y, error

    def _whole(self, moving: Array) -> Array:
        """All unknowns (S, N) from the reduced ones (S, r)."""
        model, reduction = self.model, self.model.reduction

        def others(x: Array) -> Array:
            total, padded = np.zeros((len(reduction.tree), len(x))), with_ground(x)
            for g in self.layout.groups:
                group = model.circuit.groups[g]
                index = np.asarray(group.index)
                touching = np.flatnonzero((reduction.at_tree[index] >= 0).any(axis=1))
                prepared = values_of(model.equations.prepared[g], touching, len(index))
                current = group.device.residual(padded[:, index[touching]], prepared)
                at = reduction.at_tree[index[touching]]
                np.add.at(total, at[at >= 0], np.moveaxis(current, 0, -1)[at >= 0])
            return total.T

        with one_thread():
            x = reduction.recover(
                model.linear_data, moving, self.sources.dictated, others=others if len(self.layout.tree) else None
            )
        return x
