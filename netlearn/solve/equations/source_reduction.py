"""Voltage sources taken out of the equations, so that a resistor network's matrix is positive definite.

With the branch currents i of the sources split off, the equations read

    J u + D i = r,   Dᵀ u = e,

where D is the incidence matrix of the sources. If they form no loop, every solution of the
second equation is u = Z y + P e: the nodes that sources join move together (Z has one column
for each such set that does not hold ground), and P adds the sources up along a spanning
forest. Then Zᵀ J Z y = Zᵀ (r - J P e) has the symmetry of J, and i = Pᵀ (r - J u).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import VoltageSource
from netlearn.circuit.graph import Branches, floating_nodes, forest, two_terminal
from netlearn.circuit.wiring import Wiring
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import MatrixTopology, sorted_unique, summing
from netlearn.solve.equations.diagnosis import explain_singular, floating_error


class Sparsity(NamedTuple):
    """Where a matrix that is summed from another's entries has its own, by compressed columns."""

    rows: Array
    """(nnz,) row numbers."""
    pointers: Array
    """(n + 1,) where each column's entries start."""
    adder: sparse.csr_array
    """(nnz, entries of the other): what sums the entries."""


DENSE_SHARE = 0.1
"""From this part of entries that are not zero on a full matrix is multiplied faster, as in layered networks."""


@dataclass(frozen=True, eq=False)
class Extract:
    """Some entries of a Jacobian as a matrix of their own, at ``rows`` and ``columns``, whose other entries are zero.

    ``reached`` (d,) are the Jacobian's columns that its columns stand for.
    """

    reached: Array
    entries: Array
    rows: Array
    columns: Array
    shape: tuple[int, int]
    last: list[tuple[Array, Array, Any]]
    """What a matrix was made of last, all entries and its own, and the matrix: nudged states have the free one's."""

    @classmethod
    def of(cls, entries: Array, rows: Array, columns: Array, height: int) -> Extract:
        """For ``entries`` (e,) of the Jacobian that go to ``rows`` (e,) and stand in its ``columns`` (e,)."""
        order = np.argsort(rows, kind="stable")
        reached, number = np.unique(columns[order], return_inverse=True)
        return cls(reached, entries[order], rows[order], number, (height, len(reached)), [])

    def matrix(self, data: Array) -> Any:
        """The matrix with the entries of ``data`` (nnz,), full where that makes its products faster."""
        for before, _, matrix in self.last:
            if before is data:
                return matrix
        values = data[self.entries]
        for _, own, matrix in self.last:
            # Complex numbers that happen to be real would make real circuits' solutions complex.
            if own.dtype == values.dtype and np.array_equal(own, values):
                self.last[:] = [(data, own, matrix)]
                return matrix
        made = self._full(values) if self._dense else self._sparse(values)
        self.last[:] = [(data, values, made)]
        return made

    @cached_property
    def _dense(self) -> bool:
        height, width = self.shape
        return len(self.entries) >= DENSE_SHARE * height * width

    @cached_property
    def _places(self) -> Array:
        return self.rows * self.shape[1] + self.columns

    def _full(self, values: Array) -> Array:
        # The Jacobian has every entry once.
        result = np.zeros(self.shape, values.dtype)
        result.ravel()[self._places] = values
        return result

    @cached_property
    def _pointers(self) -> Array:
        return np.searchsorted(self.rows, np.arange(self.shape[0] + 1))

    def _sparse(self, values: Array) -> sparse.csr_array:
        return sparse.csr_array((values, self.columns, self._pointers), shape=self.shape)


@dataclass(frozen=True, eq=False)
class SourceReduction:
    """Which unknowns are left, and how the others follow from them.

    ``sources`` (s,) are the branch currents that are eliminated, ``tree`` (s,) the node that
    each of them is solved at, ``place`` (N,) the reduced unknown that each unknown moves
    with, -1 for none, ``size`` how many there are, ``nodes`` how many of the unknowns are node
    voltages.
    """

    topology: MatrixTopology
    nodes: int
    sources: Array
    tree: Array
    place: Array
    size: int
    plus: Array
    minus: Array
    symmetric: bool
    """Whether all linear elements are reciprocal."""
    wiring: Wiring

    @classmethod
    def of(cls, circuit: Circuit) -> SourceReduction:
        """The reduction of a circuit; the same object again for the same circuit with other values.

        Raises CircuitError for a loop of voltage sources, and for a node without a DC path to
        ground in a circuit of resistors and sources, where the graph alone shows it.
        """
        return circuit.wiring.once(cls.build, lambda: cls.build(circuit, MatrixTopology.of(circuit)))

    @classmethod
    def build(cls, circuit: Circuit, topology: MatrixTopology) -> SourceReduction:
        """Work the reduction out."""
        size = circuit.size
        edges = _removable(circuit)
        if not forest(edges[1]).all():
            raise explain_singular(circuit, topology.masks) or CircuitError("there is a loop of voltage sources")
        if two_terminal(circuit):
            lost = floating_nodes(circuit, topology.masks)
            if len(lost):
                raise floating_error(circuit, lost)
        sources, joined = edges
        plus, minus = joined.plus, joined.minus
        ends = (np.where(plus == GROUND, size, plus), np.where(minus == GROUND, size, minus))
        graph = sparse.coo_array((np.ones(len(sources)), ends), shape=(size + 1, size + 1)).tocsr()
        _, label = csgraph.connected_components(graph, directed=False)
        tree = _roots_removed(graph, label, len(sources))
        place = label[:size].astype(np.int64)
        place[label[:size] == label[size]] = -1
        place[sources] = -1
        kept, compact = np.unique(place[place >= 0], return_inverse=True)
        place[place >= 0] = compact
        symmetric = all(group.device.reciprocal for group in circuit.groups if group.device.linear and len(group))
        nodes = len(circuit.nodes)
        return cls(topology, nodes, sources, tree, place, len(kept), plus, minus, symmetric, circuit.wiring)

    @cached_property
    def _alone(self) -> tuple[Array, Array] | None:
        """If no two sources join: the tree node and the sign (s,) of each in the incidence matrix."""
        plus, minus = self.at_tree[self.plus], self.at_tree[self.minus]
        node = np.maximum(plus, minus)
        if ((plus >= 0) & (minus >= 0)).any() or len(np.unique(node)) < len(node):
            return None
        return node, np.where(plus >= 0, 1.0, -1.0)[:, None]

    @cached_property
    def _forest(self) -> Any:
        """The incidence matrix of the sources at the tree nodes, which is square, factorized."""
        count = len(self.sources)
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
        if not len(self.sources):
            return rhs
        if self._alone is not None:
            node, sign = self._alone
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

    @cached_property
    def at_tree(self) -> Array:
        """The number of each unknown among the tree nodes (N + 1,), -1 for others and, last, for ground."""
        result = np.full(self.topology.size + 1, -1)
        result[self.tree] = np.arange(len(self.tree))
        return result

    def at_sources(self, data: Array, x: Array, *, transpose: bool = False) -> Array:
        """J x, or with ``transpose`` Jᵀ x, at the tree nodes, (s, S), for x (S, N).

        ``data`` (nnz,) are J's entries; the eliminated sources' currents have no part in it.
        """
        total = np.zeros((len(self.tree), len(x)), np.result_type(data, x))
        for part in self._transposed_rows if transpose else self._rows:
            if len(part.entries):
                total += part.matrix(data) @ x[:, part.reached].T
        return total

    def from_sources(self, data: Array, tree: Array, *, transpose: bool = False) -> tuple[Array, Array]:
        """What the tree nodes' voltages ``tree`` (s, S) do to Zᵀ J: those equations (d,), and the sums (d, S).

        With ``transpose`` to Zᵀ Jᵀ.
        """
        equations, sums = self._driven_transposed if transpose else self._driven
        parts = [part.matrix(data) for part in (self._rows if transpose else self._transposed_rows)]
        for before, volts, result in self._last_driven:
            # All states of a training step have the same inputs.
            same = all(a is b for a, b in zip(before, parts, strict=True)) and volts.dtype == tree.dtype
            if same and np.array_equal(volts, tree):
                return equations, result
        result = sum(
            add @ np.asarray(part.T @ tree) for add, part in zip(sums, parts, strict=True) if part.shape[1]
        ) + np.zeros((len(equations), tree.shape[1]))
        self._last_driven[:] = [(parts, tree, result)]
        return equations, result

    @cached_property
    def _last_driven(self) -> list[tuple[list[Any], Array, Array]]:
        return []

    @cached_property
    def _driven(self) -> tuple[Array, list[sparse.csr_array]]:
        return self._sums(self._transposed_rows)

    @cached_property
    def _driven_transposed(self) -> tuple[Array, list[sparse.csr_array]]:
        return self._driven if self.symmetric else self._sums(self._rows)

    def _sums(self, parts: tuple[Extract, Extract]) -> tuple[Array, list[sparse.csr_array]]:
        """The reduced equations that tree nodes have a part in, and matrices that sum up what all equations get."""
        places = [self.place[part.reached] for part in parts]
        equations = np.unique(np.concatenate(places))
        equations = equations[equations >= 0]
        sums = []
        for place in places:
            kept = np.flatnonzero(place >= 0)
            entries = (np.ones(len(kept)), (np.searchsorted(equations, place[kept]), kept))
            sums.append(sparse.coo_array(entries, shape=(len(equations), len(place))).tocsr())
        return equations, sums

    @cached_property
    def _rows(self) -> tuple[Extract, Extract]:
        return self._at_tree(self.topology.rows, self.topology.columns)

    @cached_property
    def _transposed_rows(self) -> tuple[Extract, Extract]:
        return self._rows if self.symmetric else self._at_tree(self.topology.columns, self.topology.rows)

    def _at_tree(self, rows: Array, columns: Array) -> tuple[Extract, Extract]:
        """Rows at tree nodes, in two parts: what other nodes do there, which may be much, and tree nodes themselves."""
        row, own = self.at_tree[rows], self.at_tree[columns] >= 0
        others, among = (
            Extract.of(entries, row[entries], columns[entries], len(self.tree))
            for entries in (np.flatnonzero((row >= 0) & self.inner & which) for which in (~own, own))
        )
        return others, among

    def gathered(self, x: Array) -> Array:
        """x Z, (..., size) for (..., N): sums what stands at unknowns that move together."""
        if len(self.members) == np.count_nonzero(self.place >= 0):
            return np.asarray(x[..., self.members])
        flat = x.reshape(-1, x.shape[-1])
        return np.asarray((self.gather @ flat.T).T.reshape(*x.shape[:-1], self.size))

    @cached_property
    def gather(self) -> sparse.csr_array:
        """Zᵀ (size, N): sums equations whose unknowns move together."""
        kept = np.flatnonzero(self.place >= 0)
        entries = (np.ones(len(kept)), (self.place[kept], kept))
        return sparse.coo_array(entries, shape=(self.size, self.topology.size)).tocsr()

    @cached_property
    def spread(self) -> sparse.csr_array:
        """Z (N, size)."""
        return self.gather.T.tocsr()

    @cached_property
    def members(self) -> Array:
        """One unknown (size,) for each reduced one, with the same value."""
        root = np.setdiff1d(np.flatnonzero(self.place >= 0), self.tree)
        result: Array = root[np.argsort(self.place[root])]
        return result

    @cached_property
    def is_node(self) -> Array:
        """Which reduced unknowns (size,) are voltages."""
        result: Array = self.members < self.nodes
        return result

    @cached_property
    def inner(self) -> Array:
        """Which entries of the Jacobian (nnz,) are not those of the eliminated sources."""
        eliminated = np.zeros(self.topology.size, dtype=bool)
        eliminated[self.sources] = True
        return ~(eliminated[self.topology.rows] | eliminated[self.topology.columns])

    @cached_property
    def pattern(self) -> Sparsity:
        """The entries of Zᵀ J Z.

        Nodes have an entry on the diagonal even if no element puts one there.
        """
        width = max(self.size, 1)
        row, column = self.place[self.topology.rows], self.place[self.topology.columns]
        kept = np.flatnonzero(self.inner & (row >= 0) & (column >= 0))
        key = np.concatenate([column[kept] * width + row[kept], np.flatnonzero(self.is_node) * (width + 1)])
        entries, slot = sorted_unique(key)
        target = np.full(len(row), len(entries))
        target[kept] = slot[: len(kept)]
        adder = summing(target, len(entries))
        pointers = np.searchsorted(entries // width, np.arange(self.size + 1))
        return Sparsity((entries % width).astype(np.int32), pointers.astype(np.int32), adder)

    @cached_property
    def columns(self) -> Array:
        """Column numbers of the entries of Zᵀ J Z."""
        return np.repeat(np.arange(self.size), np.diff(self.pattern.pointers))

    @cached_property
    def diagonal(self) -> Array:
        """Where in the entries of Zᵀ J Z the nodes' diagonal ones stand."""
        on_diagonal = np.flatnonzero(self.pattern.rows == self.columns)
        result: Array = on_diagonal[self.is_node[self.columns[on_diagonal]]]
        return result

    def matrix(self, data: Array) -> sparse.csc_array:
        """Zᵀ J Z of one sample, from J's entries (nnz,)."""
        rows, pointers, adder = self.pattern
        return sparse.csc_array((adder @ data, rows, pointers), shape=(self.size, self.size))


def _removable(circuit: Circuit) -> tuple[Array, Branches]:
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


def _roots_removed(graph: sparse.csr_array, label: Array, count: int) -> Array:
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
