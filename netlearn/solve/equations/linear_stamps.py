"""The linear part of the reduced equations straight from the elements' values.

Of a layered network nearly all resistors lead from a node that a source holds to one that moves. Such a resistor
has one entry on the diagonal of the reduced matrix, and one in the matrix that says what sources drive, which is
then full: from the resistances to both there is no need of the Jacobian of all unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.devices.linear import VoltageSource
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.extract import DENSE_SHARE
from netlearn.solve.equations.source_reduction import SourceReduction, in_a_row


@dataclass(frozen=True, eq=False)
class _GroupStamps:
    """Where the derivatives of a group go, which are one number of each element times a constant matrix.

    ``adder`` (nnz, k) sums these numbers into the reduced matrix. Those of ``elements`` (e,), times ``signs``, are
    what the tree nodes ``tree`` (e,) do to the reduced equations ``equations`` (e,). If they are ``balanced``, the
    same with the other sign is to be on the diagonal, which ``adder`` leaves out.
    """

    group: int
    adder: sparse.csr_array
    elements: Array
    signs: Array
    tree: Array
    equations: Array

    @classmethod
    def of(cls, g: int, index: Array, slopes: Array, reduction: SourceReduction, balanced: bool) -> _GroupStamps:
        t, u = np.nonzero(slopes)
        value = np.broadcast_to(slopes[t, u], (len(index), len(t)))
        element = np.broadcast_to(np.arange(len(index))[:, None], value.shape)
        place = np.append(reduction.place, -1)
        row, column = place[index[:, t]], place[index[:, u]]
        rows = reduction.pattern.rows
        width = max(reduction.size, 1)
        keys = reduction.columns.astype(np.int64) * width + rows
        kept = (row >= 0) & (column >= 0)
        if balanced:
            kept &= reduction.at_tree[index].max(axis=1, keepdims=True, initial=-1) < 0
        entry = np.searchsorted(keys, column[kept].astype(np.int64) * width + row[kept])
        adder = sparse.coo_array((value[kept], (entry, element[kept])), shape=(len(rows), len(index))).tocsr()
        tree = reduction.at_tree[index[:, u]]
        held = (row >= 0) & (tree >= 0)
        return cls(g, adder, element[held], value[held], tree[held], row[held])


@dataclass(frozen=True, eq=False)
class _Coupling:
    """What tree nodes do to the reduced ``equations`` (d,), as a matrix (s, d) made of the groups' numbers.

    The numbers of ``elements`` of each group, one group after the other, times ``signs``, go to ``places``.
    """

    equations: Array
    shape: tuple[int, int]
    elements: tuple[tuple[int, Array | slice], ...]
    signs: Array | float
    places: Array
    dense: bool
    in_order: bool
    """Whether each entry has one number, and the numbers are in the order of the entries."""
    doubled: bool

    @classmethod
    def of(cls, groups: Sequence[_GroupStamps], height: int) -> _Coupling:
        none = np.zeros(0, dtype=np.int64)
        equations, number = np.unique(np.concatenate([none, *(each.equations for each in groups)]), return_inverse=True)
        shape = height, len(equations)
        elements, signs, places, first = [], [], [], 0
        for n, each in enumerate(groups):
            if not len(each.elements):
                continue
            at = each.tree * shape[1] + number.ravel()[first : first + len(each.equations)]
            first += len(each.equations)
            order = np.argsort(at, kind="stable")
            elements.append((n, in_a_row(each.elements[order])))
            signs.append(each.signs[order])
            places.append(at[order])
        at = np.concatenate([none, *places])
        sign = np.concatenate([np.zeros(0), *signs])
        whole = shape[0] * shape[1]
        return cls(
            equations,
            shape,
            tuple(elements),
            float(sign[0]) if len(sign) and (sign == sign[0]).all() else sign,
            at,
            len(at) >= DENSE_SHARE * whole,
            len(at) == whole and np.array_equal(at, np.arange(whole)),
            len(np.unique(at)) < len(at),
        )

    @property
    def factor(self) -> float:
        """What ``matrix`` leaves out: the one sign of all entries, where it then is the numbers as they stand."""
        return self.signs if isinstance(self.signs, float) and self.dense and self.in_order else 1.0

    def matrix(self, scales: Sequence[Array]) -> Any:
        """The matrix (s, d) but for ``factor`` from the groups' numbers, full where that makes its products faster."""
        parts = [scales[n][elements] for n, elements in self.elements]
        values = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])
        if self.factor == 1.0:
            values = self.signs * values
        if not self.dense:
            rows, columns = np.divmod(self.places, max(self.shape[1], 1))
            return sparse.coo_array((values, (rows, columns)), shape=self.shape).tocsr()
        if self.in_order:
            return values.reshape(self.shape)
        if self.doubled:
            return np.bincount(self.places, values, self.shape[0] * self.shape[1]).reshape(self.shape)
        result = np.zeros(self.shape)
        result.ravel()[self.places] = values
        return result


@dataclass(frozen=True, eq=False)
class LinearStamps:
    """What of a circuit's linear part depends on connections only."""

    reduction: SourceReduction
    groups: tuple[_GroupStamps, ...]
    coupling: _Coupling
    balanced: bool
    """Whether an element between a node that a source holds and one that moves is a resistor, whose entry on the
    diagonal is that of the coupling with the other sign."""
    sources: tuple[int, ...]
    """The groups of voltage sources, all of which are eliminated."""
    others: tuple[int, ...]
    """The groups that drive the equations beside those."""

    @classmethod
    def of(cls, equations: Equations, reduction: SourceReduction) -> LinearStamps | None:
        """None where a linear element is no single number, and where the current of a voltage source is needed."""
        return equations.circuit.wiring.once(cls.of, lambda: cls.build(equations, reduction))

    @classmethod
    def build(cls, equations: Equations, reduction: SourceReduction) -> LinearStamps | None:
        """Work it out."""
        circuit = equations.circuit
        scaled, sources, others = [], [], []
        for g, group in enumerate(circuit.groups):
            device = group.device
            if not len(group) or not device.linear:
                continue
            if isinstance(device, VoltageSource):
                sources.append(g)
                continue
            if not device.homogeneous:
                others.append(g)
            if not equations.topology.masks[g].any():
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                found = device.scaled_slopes(equations.prepared[g])
            if found is None:
                return None
            scaled.append((g, found[1]))
        branches = [np.asarray(circuit.groups[g].index)[:, 2] for g in sources]
        if not np.array_equal(np.concatenate([np.zeros(0, np.int64), *branches]), reduction.sources):
            return None
        alone = bool((reduction.place[reduction.tree] < 0).all())
        balanced = alone and all(np.array_equal(slopes, [[1.0, -1.0], [-1.0, 1.0]]) for _, slopes in scaled)
        groups = tuple(
            _GroupStamps.of(g, np.asarray(circuit.groups[g].index), slopes, reduction, balanced) for g, slopes in scaled
        )
        coupling = _Coupling.of(groups, len(reduction.tree))
        return cls(reduction, groups, coupling, balanced, tuple(sources), tuple(others))

    @cached_property
    def nothing_at_tree(self) -> Array:
        """(1, s) zeros, not to be changed."""
        return np.zeros((1, len(self.reduction.tree)))

    @cached_property
    def driven_diagonal(self) -> Array:
        """Where the coupling's equations have their entries on the diagonal."""
        entry = np.full(self.reduction.size, -1)
        entry[self.reduction.columns[self.reduction.diagonal]] = self.reduction.diagonal
        return entry[self.coupling.equations]
