"""Voltage sources taken out of the equations, so that a resistor network's matrix is positive definite.

With the branch currents i of the sources split off, the equations read

    J u + D i = r,   Dᵀ u = e,

where D is the incidence matrix of the sources. If they form no loop, every solution of the
second equation is u = Z y + P e: the nodes that sources join move together (Z has one column
for each such set that does not hold ground), and P adds the sources up along a spanning
forest. Then Zᵀ J Z y = Zᵀ (r - J P e) has the symmetry of J, and i = Pᵀ (r - J u). ``reduce``
gives the right-hand side of the former, ``recover`` all unknowns from its solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.graph import two_terminal
from netlearn.circuit.wiring import Wiring
from netlearn.errors import CircuitError
from netlearn.solve.compiled.arguments import Recovery
from netlearn.solve.equations.assembly import MatrixTopology, all_differ
from netlearn.solve.equations.diagnosis import explain_singular, floating, floating_error
from netlearn.solve.equations.extract import DENSE_SHARE
from netlearn.solve.equations.reduced_pattern import Sparsity, reduced_pattern
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.equations.source_forest import SourceForest, removable, roots_removed
from netlearn.solve.equations.tree_coupling import TreeCoupling

MOST_LOOPED = 50
"""Beyond so many entries at sources' nodes products of full matrices take less time than a loop over the entries:
operating points of 1000 samples of a layer, with all unknowns, take 0.94 of the time with the loop for 12 of them, as
long within a fiftieth for 25 and 50, 1.04 times as long for 100 and 1.1 for 200 (benchmarks/thresholds.py)."""


def in_a_row(places: Array) -> Array | slice:
    """The same places as a slice, if they are in a row: then they are not copied one by one."""
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


class Dictated(NamedTuple):
    """What of right-hand sides the eliminated sources decide."""

    volts: Array
    """(S, s) at the tree nodes."""
    into: Array
    """(S, s) or (1, s): the right-hand sides of the tree nodes' equations."""


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
    forest: SourceForest
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
        sources, joined = removable(circuit)
        plus, minus = joined.plus, joined.minus
        ends = (np.where(plus == GROUND, size, plus), np.where(minus == GROUND, size, minus))
        graph = sparse.coo_array((np.ones(len(sources)), ends), shape=(size + 1, size + 1)).tocsr()
        sets, label = csgraph.connected_components(graph, directed=False)
        if len(sources) + sets > size + 1:
            # A forest has as many edges as it takes away from the number of sets.
            raise explain_singular(circuit, topology.masks) or CircuitError("there is a loop of voltage sources")
        if two_terminal(circuit):
            lost = floating(circuit, topology)
            if len(lost):
                raise floating_error(circuit, lost)
        tree = roots_removed(graph, label, len(sources))
        place = label[:size].astype(np.int64)
        place[label[:size] == label[size]] = -1
        place[sources] = -1
        present = np.bincount(place[place >= 0]) > 0
        place[place >= 0] = (np.cumsum(present) - 1)[place[place >= 0]]
        symmetric = all(group.device.reciprocal for group in circuit.groups if group.device.linear and len(group))
        at_tree = np.full(size + 1, -1)
        at_tree[tree] = np.arange(len(tree))
        return cls(
            topology,
            len(circuit.nodes),
            sources,
            tree,
            place,
            int(present.sum()),
            SourceForest(plus, minus, at_tree),
            symmetric,
            circuit.wiring,
        )

    def lifted(self, volts: Array) -> Array:
        """P e (S, N) from the tree nodes' volts (S, s)."""
        result = np.zeros((len(volts), self.topology.size), volts.dtype)
        result[:, self.tree] = volts
        return result

    def reduce(
        self,
        data: Array,
        rhs: Array,
        *,
        transpose: bool = False,
        others: Callable[[Array], Array] | None = None,
    ) -> tuple[Array, Dictated]:
        """Right-hand sides Zᵀ (r - J P e) (S, size) of the reduced equations for r, e in ``rhs`` (S, N).

        J has the entries ``data`` (nnz,) or (nnz, S) and, of elements beside them, the products that ``others``
        gives, (S, N) for x (S, N); with ``transpose`` it is Jᵀ. What ``recover`` needs comes with them.
        """
        volts, equations, driven = self._dictated(data, rhs[:, self.sources], transpose)
        right = self.gathered(rhs)
        right = right.astype(np.result_type(right, driven), copy=False)
        right[:, equations] -= driven.T
        if others is not None and volts.any():
            right = right - self.gathered(others(self.lifted(volts)))
        return right, Dictated(volts, rhs[:, self.tree])

    def reduce_at(
        self, data: Array, drives: RightSides, *, kept_for_next: bool = True
    ) -> tuple[Array, Array, Dictated]:
        """The same for right-hand sides that are zero but at few unknowns: which equations (d,) get what (S, d).

        What follows from where they are is ``kept_for_next`` time, which is for those that the circuit alone decides.
        """
        given = drives.given
        volts, driven, sums = self._dictated(data, drives.at(self.sources), transpose=False)
        if kept_for_next:
            key = (SourceReduction.reduce_at, given.tobytes(), driven.tobytes())
            placed = self.wiring.once(key, lambda: self._placed(given, driven))
        else:
            placed = self._placed(given, driven)
        equations, places, kept, at, differ = placed
        right = np.zeros((len(equations), len(drives)), np.result_type(drives.values, sums))
        right[places] = -sums
        own = drives.at(kept).T
        if differ:
            right[at] += own
        else:
            np.add.at(right, at, own)
        return equations, right.T, Dictated(volts, drives.at(self.tree))

    def _placed(self, given: Array, driven: Array) -> tuple[Array, Array, Array, Array, bool]:
        """The equations of ``driven`` ones and of unknowns ``given``, and where which of both are among them.

        Then whether all of the latter are at places of their own.
        """
        kept = given[self.place[given] >= 0]
        equations = np.union1d(driven, self.place[kept])
        at = np.searchsorted(equations, self.place[kept])
        return equations, np.searchsorted(equations, driven), kept, at, all_differ(at)

    def _dictated(self, data: Array, across: Array, transpose: bool) -> tuple[Array, Array, Array]:
        """Volts at the tree nodes (S, s), and what they do to which of the reduced equations, (d,) and (d, S).

        ``across`` (S, s) are the volts of the eliminated sources.
        """
        drops = self.forest.potentials(across.T)
        if not drops.any():
            return drops.T, np.zeros(0, np.int64), np.zeros((0, len(across)))
        return drops.T, *self._coupling.from_tree(data, drops, transpose=transpose)

    def recover(
        self,
        data: Array,
        y: Array,
        dictated: Dictated,
        *,
        transpose: bool = False,
        others: Callable[[Array], Array] | None = None,
        order: Array | None = None,
    ) -> Array:
        """All unknowns x (S, N), Z y + P e and the currents of sources, from y (S, size) and what ``reduce`` gave.

        ``others`` gives the products of elements that are not in ``data`` at the tree nodes, (S, s) for x (S, N).
        ``order`` (size,) says where in ``y`` each reduced unknown stands, if not at its place.
        """
        kind = np.result_type(y, dictated.volts)
        x = self._spread(y, order, kind) if self.size else np.zeros((len(y), len(self.place)), kind)
        return self.with_sources(data, x, dictated, transpose=transpose, others=others)

    def with_sources(
        self,
        data: Array,
        x: Array,
        dictated: Dictated,
        *,
        transpose: bool = False,
        others: Callable[[Array], Array] | None = None,
    ) -> Array:
        """``x`` (S, N), overwritten, with P e and the currents of sources added to Z y, which is all that it has."""
        if not len(self.sources):
            return x
        x[:, self._tree] += dictated.volts
        leaving = dictated.into.T - self._coupling.at_tree(data, x, transpose=transpose)
        if others is not None:
            leaving = leaving - others(x).T
        x[:, self._branches] = self.forest.currents(leaving).T
        return x

    def needed_for(self, unknowns: Array) -> Array:
        """Which unknowns have to be solved for so that ``currents`` gives those of sources among ``unknowns``."""
        own = np.isin(unknowns, self.sources)
        if not own.any():
            return unknowns
        return np.union1d(unknowns[~own], self._coupling.reached)

    def currents(self, data: Array, unknowns: Array, x: Array, dictated: Dictated) -> Array:
        """The currents (S, s) of the eliminated sources, from ``x`` (S, w) at ``unknowns`` (w,) that they need."""
        place = np.full(len(self.place), -1)
        place[unknowns] = np.arange(len(unknowns))
        leaving = dictated.into.T - self._coupling.at_tree(data, x, place=place)
        return self.forest.currents(leaving).T

    def _spread(self, y: Array, order: Array | None, kind: Any) -> Array:
        """Z y (S, N), in an array of its own."""
        if 2 * len(self.fixed) < len(self.place):
            x = np.take(y, self.source if order is None else order[self.source], axis=1).astype(kind, copy=False)
            x[:, self.fixed] = 0.0
            return x
        # Where sources hold most nodes, as in layers of many inputs, only the others are moved.
        x = np.zeros((len(y), len(self.place)), kind)
        place = self.place[self._moving]
        x[:, in_a_row(self._moving)] = y[:, place if order is None else order[place]]
        return x

    def recovery(self, sourced: Array) -> tuple[Recovery, Array] | None:
        """How ``recover`` goes in a loop, and where the entries that it takes are among J's; None where sources join.

        Elements beside J's entries have a part in the equations of the tree nodes ``sourced`` (t,).
        """
        alone = self.forest.alone
        if alone is None or not len(self.sources):
            return None
        entries, columns, starts = self._coupling.entries
        if len(entries) > MOST_LOOPED and len(entries) >= DENSE_SHARE * len(self.tree) * self.size:
            # Between layers a product of full matrices takes less time than the loop.
            return None
        node, sign = alone
        other = np.full(len(self.tree), -1)
        other[sourced] = np.arange(len(sourced))
        place, tree, branches, node, starts, columns, other = (
            np.array(numbers, dtype=np.int64)
            for numbers in (self.place, self.tree, self.sources, node, starts, columns, other)
        )
        return Recovery(place, tree, branches, node, np.array(sign), starts, columns, other), entries

    @cached_property
    def places_of_nodes(self) -> list[Any]:
        """Where nodes that were asked for last are."""
        return []

    @cached_property
    def _moving(self) -> Array:
        """Unknowns that move with one of the reduced ones."""
        return np.flatnonzero(self.place >= 0)

    @cached_property
    def _tree(self) -> Array | slice:
        return in_a_row(self.tree)

    @cached_property
    def _branches(self) -> Array | slice:
        return in_a_row(self.sources)

    @cached_property
    def source(self) -> Array:
        """The reduced unknown that each unknown (N,) moves with, any for those that do not."""
        return np.maximum(self.place, 0)

    @cached_property
    def fixed(self) -> Array:
        """Unknowns that move with none."""
        return np.flatnonzero(self.place < 0)

    def product(self, entries: Array, y: Array, *, transpose: bool = False) -> Array:
        """Zᵀ J Z y (size, S), or the transposed one's product, from the reduced ``entries`` (nnz,) or (nnz, S)."""
        rows, pointers, _ = self.pattern
        if entries.ndim == 1:
            matrix = sparse.csc_array((entries, rows, pointers), shape=(self.size, self.size))
            return np.asarray((matrix.T if transpose else matrix) @ y)
        source, target = (rows, self.columns) if transpose else (self.columns, rows)
        total = np.zeros(y.shape, np.result_type(y, entries))
        np.add.at(total, target, entries * y[source])
        return total

    @property
    def at_tree(self) -> Array:
        """The number of each unknown among the tree nodes (N + 1,), -1 for others and, last, for ground."""
        return self.forest.at_tree

    @cached_property
    def _coupling(self) -> TreeCoupling:
        return TreeCoupling(self.topology, self.place, self.at_tree, self.inner, self.size, self.symmetric)

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
        root = self.place >= 0
        root[self.tree] = False
        result = np.empty(self.size, dtype=np.int64)
        result[self.place[root]] = np.flatnonzero(root)
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
        return reduced_pattern(self.topology, self.place, self.size, self.inner, np.flatnonzero(self.is_node))

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
