"""Operating points of junction networks, all samples in step in compiled loops.

Resistors, sources of any kind and diodes: the circuits that learning with diodes is about. What
no junction touches is eliminated beforehand, once for all samples, where that saves work or where
amplifiers make it unsafe to take pivots on the diagonal (static condensation; Guyan, AIAA Journal
3, 1965). Newton's method then runs in ``kernels`` as ``iterate`` has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from scipy import sparse

from netlearn.circuit.devices.base import Array
from netlearn.solve.assembly import CACHED_TOPOLOGIES
from netlearn.solve.compiled import available, kernels, lanes
from netlearn.solve.condensed import nonlinear_unknowns
from netlearn.solve.elimination import Elimination
from netlearn.solve.iteration import EXACT, SETTLED, UNBALANCED, Tolerances
from netlearn.solve.junctions import Balance, Frame, Laws, Problem, Settling, Sources
from netlearn.solve.sparse import Factorization, SingularMatrix, factorize
from netlearn.solve.starts import Drives
from netlearn.solve.system import ROUNDING, Model

LARGEST_DENSE = 300
"""Up to so many unknowns that junctions touch may be left of a network with amplifiers."""
LEVELS = (16, 64)
"""How many samples are solved when the starts of the others are interpolated anew."""
INTERPOLATED_FROM = 30
"""Below so many unknowns Newton's steps cost less than an interpolated start."""
MOST_SOURCES = 8
"""Up to so many independent sources the samples are dense enough to be interpolated."""
MOST_NUMBERS = 4_000_000
"""How many unknowns of samples are solved at a time."""


@dataclass(frozen=True)
class Condensation:
    """The unknowns ``first`` without junctions, which follow from the others, ``last``.

    ``factors`` are those of the first ones' matrix A, ``beside`` is A⁻¹ B, ``below`` is C, and
    ``left`` what stands in the others' place once the first are eliminated, D - C A⁻¹ B.
    """

    first: Array
    last: Array
    factors: Factorization
    beside: Array
    below: sparse.csc_array
    left: Array

    @classmethod
    def of(cls, matrix: sparse.csc_array, last: Array) -> Condensation | None:
        """None where the part to be eliminated is singular."""
        first = np.setdiff1d(np.arange(matrix.shape[0]), last)
        above, under = matrix[first], matrix[last]
        try:
            factors = factorize(above[:, first].tocsc())
        except SingularMatrix:
            return None
        beside, below = factors.solve(above[:, last].toarray()), under[:, first].tocsc()
        return cls(first, last, factors, beside, below, under[:, last].toarray() - below @ beside)

    def alone(self, drive: Array) -> Array:
        """What ``drive`` (S, r) makes of the first unknowns, (n, S), while the others are zero."""
        return -self.factors.solve(np.ascontiguousarray(drive[:, self.first].T))

    def carried(self, drive: Array, alone: Array) -> Array:
        """The drive (S, k) of the others."""
        result: Array = drive[:, self.last] + (self.below @ alone).T
        return result

    def completed(self, y: Array, alone: Array) -> Array:
        """All unknowns (S, r) from the others, ``y`` (S, k)."""
        result = np.empty((len(y), len(self.first) + len(self.last)))
        result[:, self.last], result[:, self.first] = y, alone.T - y @ self.beside.T
        return result


@lru_cache(maxsize=CACHED_TOPOLOGIES)
def _full(size: int, symmetric: bool) -> Elimination:
    """The way to eliminate matrices in which every entry counts."""
    pointers = size * np.arange(size + 1)
    return Elimination(np.tile(np.arange(size), size), pointers, symmetric=symmetric)


@dataclass(frozen=True)
class Lockstep:
    """A junction network made ready: ``frame`` are the equations to solve, ``whole`` all reduced ones."""

    model: Model
    laws: Laws
    inner: sparse.csc_array
    sources: Sources
    plan: Elimination
    frame: Frame
    whole: Frame
    condensation: Condensation | None

    @classmethod
    def of(cls, model: Model, count: int) -> Lockstep | None:
        """For ``count`` samples. None where there are other nonlinear elements, or numba is not installed."""
        laws = Laws.of(model) if available() else None
        if laws is None:
            return None
        reduction, plan = model.reduction, model.pattern
        rows, pointers, adder = reduction.pattern
        data = np.asarray(adder @ laws.data)
        inner = reduction.topology.matrix(np.where(reduction.inner, laws.data, 0.0))
        sources = Sources.of(model, laws, inner, count)
        last, everything = nonlinear_unknowns(model.circuit, reduction), np.arange(reduction.size)
        whole = (rows, reduction.columns, data), laws, sources.driven
        if isinstance(plan, Elimination) and (len(last) == reduction.size or plan.work <= len(last) ** 3 / 6):
            frame = Frame.of(*whole, plan.order, reduction.place)
            return cls(model, laws, inner, sources, plan, frame, frame, None)
        if len(last) > LARGEST_DENSE:
            return None
        condensation = Condensation.of(sparse.csc_array((data, rows, pointers), shape=(reduction.size,) * 2), last)
        if condensation is None:
            return None
        size, plan = len(last), _full(len(last), isinstance(plan, Elimination))
        numbers = np.arange(size)
        left = np.tile(numbers, size), np.repeat(numbers, size), condensation.left.T.ravel()
        frame = Frame.of(left, laws, numbers, last[plan.order], reduction.place)
        return cls(
            model, laws, inner, sources, plan, frame, Frame.of(*whole, everything, reduction.place), condensation
        )

    def solve(self, guess: Array | None, tolerances: Tolerances, *, unique: bool) -> tuple[Array, Array, Array]:
        """Unknowns x (S, N), which samples converged (S,), and the steps (S,) they took.

        Newton's method starts at ``guess`` (r, S). Without it, it starts at zero, or where the
        operating point is ``unique`` at what those of other samples suggest.
        """
        count = len(self.sources.drive)
        x = np.empty((count, self.model.circuit.size))
        converged, steps = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
        parts: Iterable[tuple[Array, Array | None]]
        if guess is not None:
            parts = [(part, guess[:, part].T) for part in self._pieces(np.arange(count))]
        else:
            parts = self._interpolated(x) if unique and self._worthwhile(count) else self._cold(np.arange(count))
        for samples, start in parts:
            x[samples], converged[samples], steps[samples] = self._solve(samples, start, tolerances)
        return x, converged, steps

    def _pieces(self, samples: Array) -> list[Array]:
        most = max(1, MOST_NUMBERS // self.model.circuit.size)
        return [samples[first : first + most] for first in range(0, len(samples), most)]

    def _cold(self, samples: Array) -> Iterator[tuple[Array, None]]:
        yield from ((part, None) for part in self._pieces(samples))

    def _worthwhile(self, count: int) -> bool:
        constant = self.model.constant
        varies = constant.ndim == 2 and bool((constant != constant[:, :1]).any())
        return varies and self.plan.size >= INTERPOLATED_FROM and count > 2 * LEVELS[-1]

    def _interpolated(self, x: Array) -> Iterator[tuple[Array, Array | None]]:
        """Parts of the samples with their starts (S, r), from ``x`` (S, N) of the parts before, solved meanwhile."""
        count, drives = len(x), Drives.of(self.model.constant)
        if drives.points.shape[1] > MOST_SOURCES:
            yield from self._cold(np.arange(count))
            return
        order = drives.spread_out(LEVELS[0])
        yield from self._cold(order[: LEVELS[0]])
        for begin, end in pairwise([*LEVELS, count]):
            surface = drives.surface(order[:begin], x[order[:begin]][:, self.model.reduction.members])
            yield from ((part, surface(part)) for part in self._pieces(order[begin:end]))

    def _solve(self, samples: Array, start: Array | None, tolerances: Tolerances) -> tuple[Array, Array, Array]:
        count, size, is_node = len(samples), self.model.reduction.size, self.model.reduction.is_node
        drive, offset = (np.ascontiguousarray(part[samples]) for part in (self.sources.drive, self.sources.offset))
        converged, steps = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
        frame, whole, lifted, width = self.frame, self.whole, self.sources.lifted, lanes(count, self.plan.cost)
        y = np.zeros((count, self.plan.size)) if start is None else np.ascontiguousarray(start[:, frame.members])
        kept = drive
        if self.condensation is not None:
            full = np.zeros((count, size))
            full[:, self.sources.driven] = drive
            alone = self.condensation.alone(full)
            kept = np.ascontiguousarray(self.condensation.carried(full, alone))
        problem = Problem(start is None, y, frame.driven, kept, lifted, offset)
        floor = tolerances.floor(is_node)[frame.members, 0]
        settling = Settling(tolerances.reltol, floor, tolerances.iterations, EXACT, SETTLED)
        kernels().newton(self.plan.fill, frame.linear, frame.junctions, problem, settling, width, converged, steps)
        if self.condensation is not None:
            y = self.condensation.completed(y[:, self.plan.position], alone)
        excess = np.zeros(count)
        floor = np.where(is_node, tolerances.abstol, tolerances.vntol)[whole.members]
        sums = np.bincount(whole.linear.rows, np.abs(whole.linear.data), size)
        problem = Problem(False, y, whole.driven, drive, lifted, offset)
        kernels().unbalanced(
            whole.linear, whole.junctions, problem, Balance(floor, UNBALANCED, ROUNDING, sums), width, excess
        )
        return self._unknowns(samples, y), converged & (excess <= 1.0), steps

    def _unknowns(self, samples: Array, y: Array) -> Array:
        """All unknowns x (S, N) from those of ``whole`` (S, r)."""
        reduction, tree = self.model.reduction, self.sources.tree[samples]
        position = np.zeros(reduction.size + 1, dtype=np.int64)
        position[self.whole.members] = np.arange(reduction.size)
        x = y[:, position[reduction.place]] if reduction.size else np.zeros((len(y), len(reduction.place)))
        x[:, reduction.place < 0] = 0.0
        x[:, reduction.tree] += tree
        if not len(reduction.sources):
            return x
        constant = self.model.constant[reduction.tree]
        leaving = (constant[:, samples] if constant.ndim == 2 else constant[:, None]) + self.inner_tree @ x.T
        at_tree = np.full(len(reduction.place) + 1, -1)
        at_tree[reduction.tree] = np.arange(len(reduction.tree))
        for sign, ends in ((1.0, self.laws.anode), (-1.0, self.laws.cathode)):
            touching = np.flatnonzero(at_tree[ends] >= 0)
            if len(touching):
                np.add.at(leaving, at_tree[ends[touching]], sign * self._currents(touching, x))
        x[:, reduction.sources] = reduction.currents(-leaving).T
        return x

    @cached_property
    def inner_tree(self) -> sparse.csr_array:
        """The linear equations (s, N) of the tree nodes, without the sources' currents."""
        return self.inner.tocsr()[self.model.reduction.tree]

    def _currents(self, which: Array, x: Array) -> Array:
        """The currents (k, S) of some junctions."""
        ends = self.laws.anode[which], self.laws.cathode[which]
        v = np.subtract(*(np.where(end >= 0, x[:, end], 0.0).T for end in ends), order="C")
        junctions = self.frame.junctions._replace(
            **{name: np.ascontiguousarray(value[which]) for name, value in self.laws.values.items()}
        )
        current, slope, scale = np.empty_like(v), np.empty_like(v), np.empty(v.size)
        kernels().law(junctions, v, current, slope, scale, scale.view(np.int64))
        return current
