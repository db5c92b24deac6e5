"""A circuit's equations as arrays: where every derivative goes is worked out once per topology."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.solve.compiled.load import at_hand, in_rows, kernels
from netlearn.solve.equations.prepared import PreparedCircuit, only_drives
from netlearn.solve.equations.right_sides import RightSides


def structure(device: Device) -> Array:
    """Which derivatives (T, T) of a device are not identically zero."""
    width = len(device.unknowns)
    if not device.linear:
        return np.ones((width, width), dtype=bool)
    # The Jacobian of a linear device is a rational function of its values: at generic values
    # an entry vanishes only if it always does.
    generic = {name: np.array([0.6180339887 + 0.1 * i]) for i, name in enumerate(device.parameters)}
    prepared = device.prepare(generic, Environment())
    jacobian = device.jacobian(np.zeros((1, width)), prepared)
    return np.asarray(jacobian[0] != 0)


def with_ground(x: Array) -> Array:
    """``x`` (S, N) with one more column for ground, which GROUND = -1 indexes."""
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


MOST_BITS = 62
"""Counts the bits of an int64 that is not negative, with one to spare."""
WORTH_LOOPING = 250
"""From so many integers on a compiled radix sort takes less time than numpy's: half for 250, a third for 1000, a fifth
for 30 000 (benchmarks/thresholds.py). Loading it takes far longer, so that others have to have done so."""
MOST_DIGITS = 13
"""Binary digits that it sorts by at a time, by convention: their counts, 64 KB, stay in a cache."""

WORTH_KEEPING = 1000
"""From so many elements on, adding their derivatives up takes longer than a look whether they are the last ones: that
takes a fifth of the time for 1000 resistors, 0.3 for 500 and 0.09 for 4000 (benchmarks/thresholds.py)."""


@dataclass(frozen=True)
class MatrixTopology:
    """Where the elements' contributions go: what depends on connections, not on values.

    The Jacobian's pattern is held by columns, ``rows`` and ``columns`` (nnz,). ``slots`` says for
    each group to which of its entries the derivatives are added, (k * entries,), nnz for ground.
    """

    size: int
    masks: tuple[Array, ...]
    rows: Array
    columns: Array
    slots: tuple[Array, ...]
    indices: tuple[Array, ...]

    @classmethod
    def of(cls, circuit: Circuit) -> MatrixTopology:
        """The topology of a circuit; the same object again for the same circuit with other values."""
        return circuit.wiring.once(cls.build, lambda: cls.build(circuit.size, circuit.groups))

    @classmethod
    def build(cls, size: int, groups: Sequence[Group]) -> MatrixTopology:
        """Work the pattern out."""
        indices = tuple(np.asarray(group.index) for group in groups)
        masks = tuple(structure(group.device) for group in groups)
        keys = []
        for index, mask in zip(indices, masks, strict=True):
            t, u = np.nonzero(mask)
            row, column = index[:, t].ravel(), index[:, u].ravel()
            inside = (row != GROUND) & (column != GROUND)
            keys.append(np.where(inside, column.astype(np.int64) * size + row, -1))
        pattern, slots = sorted_unique(np.concatenate([np.zeros(0, dtype=np.int64), *keys]))
        if len(pattern) and pattern[0] < 0:
            # The key of ground stands first: its derivatives go nowhere, which is the place after all others.
            pattern, slots = pattern[1:], slots - 1
            slots[slots < 0] = len(pattern)
        parts = tuple(np.split(slots, np.cumsum([len(key) for key in keys])[:-1])) if keys else ()
        return cls(size, masks, pattern % max(size, 1), pattern // max(size, 1), parts, indices)

    @cached_property
    def stamps(self) -> Sequence[sparse.csr_array]:
        """For each group a 0/1 matrix (nnz, k * entries) that adds its derivatives up."""
        return _OnDemand(len(self.slots), lambda g: summing(self.slots[g], len(self.rows)))

    @cached_property
    def currents(self) -> Sequence[sparse.csr_array]:
        """For each group a 0/1 matrix (N, k * T) that adds its residuals up."""
        ends = [np.asarray(index).ravel() for index in self.indices]
        return _OnDemand(len(ends), lambda g: summing(np.where(ends[g] == GROUND, self.size, ends[g]), self.size))

    @cached_property
    def pointers(self) -> Array:
        """The column pointers of the compressed pattern, (N + 1,)."""
        return np.searchsorted(self.columns, np.arange(self.size + 1)).astype(np.int32)

    @cached_property
    def row_numbers(self) -> Array:
        """The row numbers in the form that sparse solvers take."""
        return self.rows.astype(np.int32)

    def matrix(self, data: Array) -> sparse.csc_array:
        """The Jacobian (N, N) of one sample from its entries (nnz,)."""
        return sparse.csc_array((data, self.row_numbers, self.pointers), shape=(self.size, self.size))

    def add_stamps(self, g: int, jacobian: Array) -> Array:
        """Entries (nnz,) or (nnz, S) from a group's derivatives (k, T, T) or (S, k, T, T)."""
        entries = jacobian[..., self.masks[g]]
        return np.asarray(self.stamps[g] @ entries.reshape(*entries.shape[:-2], -1).T)

    def add_scaled(self, g: int, scale: Array, slopes: Array) -> Array:
        """Entries (nnz,) or (nnz, S) from derivatives that are ``scale``, (k,) or (S, k), times ``slopes`` (T, T)."""
        one = slopes[self.masks[g]]
        if scale.ndim == 1 and not np.iscomplexobj(scale):
            weights = (scale[:, None] * one).ravel()
            return np.bincount(self.slots[g], weights, len(self.rows) + 1)[:-1]
        return np.asarray(self.stamps[g] @ (scale[..., None] * one).reshape(*scale.shape[:-1], -1).T)

    def add_scaled_again(self, g: int, scale: Array, slopes: Array) -> Array:
        """The same, not to be changed: all states of a training step have the same resistances."""
        if scale.ndim > 1 or len(scale) < WORTH_KEEPING:
            return self.add_scaled(g, scale, slopes)
        kept = self._last_scaled.get(g)
        if kept is None or not np.array_equal(kept[0], scale):
            kept = self._last_scaled[g] = scale, self.add_scaled(g, scale, slopes)
        return kept[1]

    @cached_property
    def _last_scaled(self) -> dict[int, tuple[Array, Array]]:
        """By group the last scales, and the entries that they gave."""
        return {}

    def add_at(self, total: Array, g: int, terminal: int, values: Array) -> None:
        """Add ``values``, (k,) or (S, k), to the equations at a group's terminal, (N + 1,) or (N + 1, S).

        The last row stands for ground.
        """
        rows, added = self.indices[g][:, terminal], values.T
        added = added if added.ndim == total.ndim else added[:, None]
        if terminal in self._single[g]:
            total[rows] += added
        else:
            np.add.at(total, rows, added)

    @cached_property
    def _single(self) -> list[set[int]]:
        """For each group the terminals at which no two elements meet."""
        return [{t for t, rows in enumerate(index.T) if all_differ(rows)} for index in self.indices]

    def add_currents(self, g: int, residual: Array) -> Array:
        """Contributions (N,) or (N, S) from a group's residual (k, T) or (S, k, T)."""
        return np.asarray(self.currents[g] @ residual.reshape(*residual.shape[:-2], -1).T)


def all_differ(numbers: Array) -> bool:
    """Whether no two of some numbers from -1 on are the same."""
    return bool(np.bincount(numbers + 1).max(initial=0) <= 1)


def stable_order(keys: Array) -> Array:
    """numpy's stable argsort of integers: as far as they fit, keys and places are sorted as one number, much faster."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    bits, least = len(keys).bit_length(), int(keys.min())
    if (int(keys.max()) - least).bit_length() + bits > MOST_BITS:
        return np.argsort(keys, kind="stable")
    both = ((keys.astype(np.int64) - least) << bits) | np.arange(len(keys))
    both.sort()
    both &= (1 << bits) - 1
    return both


def sorted_unique(keys: Array) -> tuple[Array, Array]:
    """Different keys in rising order, and which of them each one is: numpy's, by one sort of integers."""
    if len(keys) >= WORTH_LOOPING and at_hand():
        least = int(keys.min())
        bits = (int(keys.max()) - least).bit_length()
        passes = max(1, -(-bits // MOST_DIGITS))
        ordered, number = np.empty((2, len(keys)), np.int64)
        count = kernels().sort_unique(in_rows(keys), least, -(-bits // passes), passes, ordered, number)
        return ordered[:count].copy(), number
    order = stable_order(keys)
    ordered = keys[order]
    first = np.empty(len(keys), dtype=bool)
    first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    number = np.empty(len(keys), dtype=np.int64)
    number[order] = np.cumsum(first) - 1
    return ordered[first], number


def summing(target: Array, height: int) -> sparse.csr_array:
    """The 0/1 matrix (height, n) that adds entry j of n to row ``target[j]``, or to none where that is ``height``."""
    count = len(target)
    # By columns first: turning that around is a counting sort.
    columns = sparse.csc_array((np.ones(count), target, np.arange(count + 1)), shape=(height + 1, count))
    rows = columns.tocsr()
    last = rows.indptr[height]
    return sparse.csr_array((rows.data[:last], rows.indices[:last], rows.indptr[:-1]), shape=(height, count))


class _OnDemand(Sequence[sparse.csr_array]):
    """One matrix for each group, made when it is asked for."""

    def __init__(self, count: int, make: Callable[[int], sparse.csr_array]) -> None:
        self._count, self._make = count, make
        self._made: dict[int, sparse.csr_array] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, g: Any) -> Any:
        if g not in self._made:
            self._made[g] = self._make(g)
        return self._made[g]


@dataclass(frozen=True)
class Equations:
    """The equations F(x) = 0 of a circuit at its present values."""

    circuit: Circuit
    topology: MatrixTopology
    prepared: tuple[Values, ...]
    own: PreparedCircuit
    """What follows from the values beside those of independent sources."""

    @classmethod
    def of(cls, circuit: Circuit) -> Equations:
        """Look the topology up and prepare the devices' values."""
        own = PreparedCircuit.of(circuit)
        return cls(circuit, MatrixTopology.of(circuit), own.with_drives(circuit), own)

    def at(self, g: int, x: Array) -> Array:
        """The unknowns (S, k, T) that a group touches, from ``x`` (S, N + 1) with its ground column."""
        return x[..., np.asarray(self.circuit.groups[g].index)]

    def residual(self, x: Array, groups: Sequence[int] | None = None) -> Array:
        """F(x), (S, N), for ``x`` (S, N)."""
        padded = with_ground(x)
        total = np.zeros((self.topology.size, len(x)), x.dtype)
        for g in range(len(self.prepared)) if groups is None else groups:
            if len(self.circuit.groups[g]):
                contribution = self.circuit.groups[g].device.residual(self.at(g, padded), self.prepared[g])
                total = total + self.topology.add_currents(g, contribution)
        return total.T

    def constant(self) -> Array:
        """F(0) of the linear groups, (N,) or (N, S): what the sources drive."""
        total = self.own.once("constant", self._constant_of_others)
        parts = self._driving()
        counts = [len(values) for _, _, values in parts if values.ndim == 2] + list(total.shape[1:])
        # Ground, -1, is the last row.
        shape = (self.topology.size + 1, max(counts)) if counts else (self.topology.size + 1,)
        result = np.zeros(shape, np.result_type(total, *(values for _, _, values in parts)))
        if total.any():
            result[:-1] = total if total.ndim == result.ndim else total[:, None]
        for g, terminal, values in parts:
            self.topology.add_at(result, g, terminal, values)
        return result[:-1]

    def drives(self, samples: int) -> RightSides:
        """-F(0) of the linear groups where it is not zero, for so many samples: the right-hand sides that sources make.

        Other than ``constant`` it needs no array of all unknowns of all samples.
        """
        total = self.own.once("constant", self._constant_of_others)
        others = np.flatnonzero(total.any(axis=1) if total.ndim == 2 else total)
        parts = self._driving()
        key = (Equations.drives, others.tobytes(), tuple((g, terminal) for g, terminal, _ in parts))
        given, at, places, apart = self.circuit.wiring.once(key, lambda: self._driven_places(others, parts))
        # Ground is the last row.
        sums = np.zeros((len(given) + 1, samples), np.result_type(total, *(values for _, _, values in parts)))
        if len(others):
            sums[at] = total[others] if total.ndim == 2 else total[others, None]
        for rows, (_, _, values) in zip(places, parts, strict=True):
            if apart:
                sums[rows] = np.atleast_2d(values).T
            else:
                np.add.at(sums, rows, np.atleast_2d(values).T)
        there = sums[:-1].any(axis=1)
        if there.all():
            return RightSides(given, -sums[:-1].T, self.topology.size)
        return RightSides(given[there], -sums[:-1][there].T, self.topology.size)

    def _driving(self) -> list[tuple[int, int, Array]]:
        """What independent sources add to the equations at a group's terminal, (k,) or (S, k), with both numbers."""
        return [
            (g, terminal, values)
            for g, group in enumerate(self.circuit.groups)
            if len(group) and only_drives(group)
            for terminal, values in group.device.driven(self.prepared[g]) or ()
        ]

    def _driven_places(
        self, others: Array, parts: Sequence[tuple[int, int, Array]]
    ) -> tuple[Array, Array, list[Array], bool]:
        """The unknowns that are driven; where among them ``others`` and elements' terminals are, and whether each once.

        Ground comes after all.
        """
        ends = [self.topology.indices[g][:, terminal] for g, terminal, _ in parts]
        every = np.concatenate([others, *ends])
        given = np.unique(every[every != GROUND])
        places = [np.where(rows == GROUND, len(given), np.searchsorted(given, rows)) for rows in ends]
        apart = len(given) == np.count_nonzero(every != GROUND)
        return given, np.searchsorted(given, others), places, apart

    def _constant_of_others(self) -> Array:
        """The part of it that independent sources have no part in."""
        total: Array | None = None
        for g, group in enumerate(self.circuit.groups):
            if not len(group) or not group.device.linear or only_drives(group):
                continue
            driven = group.device.driven(self.prepared[g])
            if driven is None:
                origin = np.zeros(np.asarray(group.index).shape)
                parts = [self.topology.add_currents(g, group.device.residual(origin, self.prepared[g]))]
            else:
                parts = []
                for terminal, values in driven:
                    part = np.zeros((self.topology.size + 1, *values.shape[:-1]), values.dtype)
                    self.topology.add_at(part, g, terminal, values)
                    parts.append(part[:-1])
            for part in parts:
                total = _sum(total, part)
        return np.zeros(self.topology.size) if total is None else total

    def jacobian(self, x: Array | None = None, groups: Sequence[int] | None = None) -> Array:
        """Entries (nnz,) of the Jacobian, or (nnz, S) where it differs by sample.

        Without ``x`` (S, N) the circuit's groups must be linear.
        """
        padded = None if x is None else with_ground(x)
        total: Array | None = None
        for g in range(len(self.prepared)) if groups is None else groups:
            group = self.circuit.groups[g]
            if not len(group):
                continue
            scaled = group.device.scaled_slopes(self.prepared[g]) if group.device.linear else None
            if scaled is not None:
                total = _sum(total, self.topology.add_scaled_again(g, *scaled))
                continue
            linear = group.device.linear or padded is None
            place = np.zeros(np.asarray(group.index).shape) if linear else self.at(g, padded)  # type: ignore[arg-type]
            total = _sum(total, self.topology.add_stamps(g, group.device.jacobian(place, self.prepared[g])))
        return np.zeros(len(self.topology.rows)) if total is None else total


def _sum(a: Array | None, b: Array) -> Array:
    """The sum of (n,) or (n, S) arrays, the first of them or none."""
    if a is None:
        return np.array(b)
    if a.ndim == b.ndim:
        return a + b
    return a + b[:, None] if a.ndim > b.ndim else a[:, None] + b
