"""The numbers of the linear part of the reduced equations: its matrix, and what sources add to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from netlearn.arrays import Array, all_finite
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.extract import DENSE_SHARE
from netlearn.solve.equations.linear_stamps import LinearStamps
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.threads import in_parts

T = TypeVar("T")

SAMPLES = 512
"""So many samples a thread multiplies at a time: with half or twice as many it takes as long within a fiftieth
(benchmarks/block_sizes.py)."""


@dataclass(frozen=True)
class LinearPart:
    """The linear part of a circuit's reduced equations, the same for all samples.

    ``base`` is that of a circuit with fewer elements, of which what is known already is taken, as nudges add a few.
    """

    equations: Equations
    stamps: LinearStamps
    scales: tuple[Array, ...]
    base: LinearPart | None = None

    @classmethod
    def of(cls, equations: Equations, reduction: SourceReduction, base: LinearPart | None = None) -> LinearPart | None:
        """None where samples differ in it, and where the Jacobian of all unknowns is needed for it.

        The circuit of ``base`` must have the first groups of this one, and the same values in them.
        """
        stamps = LinearStamps.of(equations, reduction)
        if stamps is None:
            return None
        if base is None:
            scales = equations.own.once("scales", lambda: _scales(equations, stamps, {}))
        else:
            scales = _scales(
                equations, stamps, {e.group: s for e, s in zip(base.stamps.groups, base.scales, strict=True)}
            )
        if scales is None:
            return None
        if any(np.iscomplexobj(equations.circuit.groups[g].values["dc"]) for g in stamps.sources):
            return None
        for g in stamps.others:
            driven = equations.circuit.groups[g].device.driven(equations.prepared[g])
            if driven is None or any(np.iscomplexobj(value) for _, value in driven):
                return None
        return cls(equations, stamps, scales, base)

    @cached_property
    def finite(self) -> bool:
        """Whether all values are."""
        drives = self.drives()
        if self.base is not None and self.volts is self.base.volts:
            drives = drives[1:]
        finite = self._kept("finite", lambda: all(map(all_finite, self._new_scales)))
        return finite and all(map(all_finite, drives))

    def _kept(self, what: str, work: Callable[[], T]) -> T:
        """What follows from the circuit's values; in another order of sums where it is made from the base's."""
        return self.equations.own.once((what, self.base is None), work)

    @property
    def _new_scales(self) -> list[Array]:
        known = () if self.base is None else self.base.scales
        return [each for each in self.scales if not any(each is other for other in known)]

    @cached_property
    def entries(self) -> Array:
        """The entries (nnz,) of the reduced matrix."""
        return self._kept("entries", self._entries)

    def _entries(self) -> Array:
        stamps = self.stamps
        total = np.zeros(len(stamps.reduction.pattern.rows))
        known: set[int] = set()
        if self.base is not None and self._same_coupling:
            total[self._embedded] = self.base.entries
            known = {each.group for each in self.base.stamps.groups}
        for each, scale in zip(stamps.groups, self.scales, strict=True):
            if each.group not in known:
                total += each.adder @ scale
        if stamps.balanced and not known and len(stamps.coupling.equations):
            total[stamps.driven_diagonal] -= stamps.coupling.factor * np.asarray(self.coupling.sum(axis=0)).ravel()
        return total

    @cached_property
    def _embedded(self) -> Array:
        """Where the entries of the base's matrix are among those of this one."""
        assert self.base is not None
        small, large = self.base.stamps.reduction, self.stamps.reduction
        key = ("embedded", self.base.equations.circuit.wiring)
        return self.equations.circuit.wiring.once(key, lambda: _embedded(small, large))

    @property
    def _same_coupling(self) -> bool:
        """Whether sources drive the same as in the base."""
        if self.base is None:
            return False
        mine, known = self.stamps.coupling, self.base.stamps.coupling
        return len(mine.places) == len(known.places) and len(mine.equations) == len(known.equations)

    @cached_property
    def coupling(self) -> Any:
        """What volts at tree nodes do to the equations ``stamps.coupling.equations``, as a matrix (s, d).

        But for ``stamps.coupling.factor``.
        """
        if self.base is not None and self._same_coupling:
            return self.base.coupling
        return self._kept("coupling", lambda: self.stamps.coupling.matrix(self.scales))

    @cached_property
    def volts(self) -> Array:
        """What the eliminated sources hold the tree nodes at, (S, s), or (1, s) for all samples."""
        if self.base is not None and self.stamps.sources == self.base.stamps.sources:
            return self.base.volts
        groups = self.equations.circuit.groups
        parts = [np.atleast_2d(groups[g].values["dc"]) for g in self.stamps.sources]
        if len(parts) == 1:
            drops = parts[0]
        else:
            count = max((len(part) for part in parts), default=1)
            rows = [np.broadcast_to(part, (count, part.shape[1])) for part in parts]
            drops = np.concatenate([np.zeros((count, 0)), *rows], axis=1)
        return np.asarray(self.stamps.reduction.forest.potentials(drops.T).T, dtype=float)

    @cached_property
    def drive(self) -> Array:
        """What the eliminated sources add to the equations ``stamps.coupling.equations``, (S, d) or (1, d)."""
        if self.base is not None and self._same_coupling and self.volts is self.base.volts:
            return self.base.drive
        volts, matrix, factor = self.volts, self.coupling, self.stamps.coupling.factor
        if isinstance(matrix, sparse.csr_array):
            # Voltages at gates, say, of which there may be many, drive nothing.
            counts = np.diff(matrix.indptr)
            joined = np.flatnonzero(counts)
            if 2 * len(joined) < len(counts) and len(matrix.data) >= DENSE_SHARE * len(joined) * matrix.shape[1]:
                full = np.zeros((len(joined), matrix.shape[1]))
                full[np.repeat(np.arange(len(joined)), counts[joined]), matrix.indices] = matrix.data
                volts, matrix = volts[:, joined], full
        result = np.empty((len(volts), matrix.shape[1]))

        def work(first: int, last: int) -> None:
            part = volts[first:last]
            result[first:last] = part @ matrix
            if factor != 1.0:
                result[first:last] *= factor

        in_parts(work, len(volts), SAMPLES)
        return result

    def drives(self) -> list[Array]:
        """The values of all sources, (k,) or (S, k) each."""
        circuit, prepared = self.equations.circuit, self.equations.prepared
        others = [circuit.groups[g].device.driven(prepared[g]) or () for g in self.stamps.others]
        return [self.volts, *(values for driven in others for _, values in driven)]

    def driven(self) -> tuple[Array, Array, Array]:
        """The reduced equations (d,) that sources drive, what they add to them, (S, d), and into tree nodes, (S, s).

        All for one sample where it is the same for all.
        """
        stamps, circuit = self.stamps, self.equations.circuit
        none = stamps.nothing_at_tree
        if not stamps.others:
            return stamps.coupling.equations, self.drive, none
        equations, places, ends = circuit.wiring.once(("driven", LinearPart), self._driven_places)
        parts = [
            (values, at, tree)
            for g, found in zip(stamps.others, ends, strict=True)
            for (terminal, values), (at, tree) in zip(
                circuit.groups[g].device.driven(self.equations.prepared[g]) or (), found, strict=True
            )
        ]
        count = max([len(self.drive), *(len(values) for values, _, _ in parts if values.ndim == 2)])
        result = np.zeros((count, len(equations) + 1))
        result[:, places] = self.drive
        into = none
        for values, at, tree in parts:
            np.add.at(result.T, at, np.broadcast_to(values, (count, len(at))).T)
            if (tree >= 0).any():
                into = np.array(np.broadcast_to(into, (count, into.shape[1])))
                np.add.at(into.T, tree[tree >= 0], np.broadcast_to(values, (count, len(tree)))[:, tree >= 0].T)
        return equations, result[:, :-1], into

    def _driven_places(self) -> tuple[Array, Array, list[list[tuple[Array, Array]]]]:
        """The equations that are driven, where among them the coupling's are, and for each other group and terminal

        where its elements' are, the last place for none, and at which tree nodes they stand, -1 for none.
        """
        stamps, circuit, reduction = self.stamps, self.equations.circuit, self.stamps.reduction
        place, found = np.append(reduction.place, -1), []
        for g in stamps.others:
            index = np.asarray(circuit.groups[g].index)
            driven = circuit.groups[g].device.driven(self.equations.prepared[g]) or ()
            found.append([(place[index[:, t]], reduction.at_tree[index[:, t]]) for t, _ in driven])
        own = [rows[rows >= 0] for each in found for rows, _ in each]
        equations = np.unique(np.concatenate([stamps.coupling.equations, *own]))
        ends = [
            [(np.where(rows >= 0, np.searchsorted(equations, rows), len(equations)), tree) for rows, tree in each]
            for each in found
        ]
        return equations, np.searchsorted(equations, stamps.coupling.equations), ends


def _scales(equations: Equations, stamps: LinearStamps, known: Mapping[int, Array]) -> tuple[Array, ...] | None:
    """The groups' numbers, those that are known by group and all others; None where samples differ in one."""
    scales = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for each in stamps.groups:
            scale = known.get(each.group)
            if scale is None:
                scaled = equations.circuit.groups[each.group].device.scaled_slopes(equations.prepared[each.group])
                assert scaled is not None
                scale = scaled[0]
            if scale.ndim != 1 or scale.dtype.kind != "f":
                return None
            scales.append(scale)
    return tuple(scales)


def _embedded(small: SourceReduction, large: SourceReduction) -> Array:
    width = max(large.size, 1)
    keys = large.columns.astype(np.int64) * width + large.pattern.rows
    return np.searchsorted(keys, small.columns.astype(np.int64) * width + small.pattern.rows)
