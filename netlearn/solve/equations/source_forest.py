"""Voltage sources as a forest: which can be eliminated, and their voltages and currents along it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import VoltageSource
from netlearn.circuit.graph import Branches


@dataclass(frozen=True, eq=False)
class SourceForest:
    """The ends ``plus`` and ``minus`` (s,) of sources that form no loop, and a tree node for each of them.

    ``at_tree`` (N + 1,) is the number of each unknown among the tree nodes, -1 for others and, last, for ground.
    """

    plus: Array
    minus: Array
    at_tree: Array

    @property
    def alone(self) -> tuple[Array, Array] | None:
        """If no two sources join: the tree node of each and the sign (s,) that brings its current there."""
        return None if self._alone is None else (self._alone[0], self._alone[1].ravel())

    @cached_property
    def _alone(self) -> tuple[Array, Array] | None:
        """If no two sources join: the tree node and the sign (s,) of each in the incidence matrix."""
        plus, minus = self.at_tree[self.plus], self.at_tree[self.minus]
        node = np.maximum(plus, minus)
        if ((plus >= 0) & (minus >= 0)).any() or len(np.unique(node)) < len(node):
            return None
        return node, np.where(plus >= 0, 1.0, -1.0)[:, None]

    @cached_property
    def _in_order(self) -> bool:
        """Whether the incidence matrix is the unit matrix."""
        if self._alone is None:
            return False
        node, sign = self._alone
        return bool((sign > 0).all() and np.array_equal(node, np.arange(len(node))))

    @cached_property
    def _forest(self) -> Any:
        """The incidence matrix of the sources at the tree nodes, which is square, factorized."""
        count = len(self.plus)
        ends = np.concatenate([self.at_tree[self.plus], self.at_tree[self.minus]])
        signs = np.repeat([1.0, -1.0], count)
        kept = ends >= 0
        matrix = sparse.coo_array((signs[kept], (ends[kept], np.tile(np.arange(count), 2)[kept])), shape=(count, count))
        return splu(matrix.tocsc())

    def potentials(self, drops: Array) -> Array:
        """P e: voltages (s, S) of the tree nodes that give the sources the drops e (s, S)."""
        return self._solve(drops, "T")

    def currents(self, leaving: Array) -> Array:
        """Pᵀ q: source currents (s, S) that bring the currents q (s, S) to the tree nodes."""
        return self._solve(leaving, "N")

    def _solve(self, rhs: Array, trans: str) -> Array:
        if not len(self.plus):
            return rhs
        if self._alone is not None:
            node, sign = self._alone
            if self._in_order:
                return rhs
            if trans == "N":
                return np.asarray(sign * rhs[node])
            result = np.empty_like(rhs)
            result[node] = sign * rhs
            return result
        lu = self._forest
        if np.iscomplexobj(rhs):
            return self._solve(np.ascontiguousarray(rhs.real), trans) + 1j * self._solve(
                np.ascontiguousarray(rhs.imag), trans
            )
        return np.asarray(lu.solve(np.asarray(rhs, dtype=float), trans))


def removable(circuit: Circuit) -> tuple[Array, Branches]:
    """Voltage sources whose current nothing else depends on: their branches and ends."""
    size = circuit.size
    uses = np.zeros(size + 1, dtype=np.int64)
    for group in circuit.groups:
        if len(group):
            uses += np.bincount(
                np.where(np.asarray(group.index) == GROUND, size, group.index).ravel(), minlength=size + 1
            )
    chosen = [
        np.asarray(group.index) for group in circuit.groups if isinstance(group.device, VoltageSource) and len(group)
    ]
    index = np.concatenate(chosen) if chosen else np.zeros((0, 3), dtype=np.int64)
    index = index[uses[index[:, 2]] == 1]
    numbers = np.arange(len(index))
    return index[:, 2], Branches(size, index[:, 0], index[:, 1], 0 * numbers, numbers)


def roots_removed(graph: sparse.csr_array, label: Array, count: int) -> Array:
    """The nodes (count,) that sources join, without one root for each connected set, ground's being ground."""
    size = graph.shape[0] - 1
    first = np.full(label.max() + 1, -1)
    # Written from the end, so that each set keeps its smallest member; then ground's keeps ground.
    first[label[::-1]] = np.arange(size, -1, -1)
    first[label[size]] = size
    member = np.arange(size + 1)
    tree: Array = member[first[label] != member]
    assert len(tree) == count
    return tree
