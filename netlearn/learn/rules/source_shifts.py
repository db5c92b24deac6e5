"""Trained voltage sources: the nodes that move with them, and the circuit's equations without any such source.

A source that holds a transistor's gate carries no current, so that its own contrast is zero. With the sources taken
out, F(x; dc) = 0 are Kirchhoff's laws of the nodes that are left, and the source's voltage is one of the values of
the elements at the nodes that it holds: ∂F/∂dc is their Jacobian's column. What such an element compares is that of
its channel, the derivative of ∫ i_ds dv_ds by the gate's voltage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column
from netlearn.circuit.devices.linear import VoltageSource
from netlearn.circuit.graph import forest
from netlearn.circuit.parameters import Parameters
from netlearn.probes.ends import Probes
from netlearn.solve.equations.source_forest import removable


@dataclass(frozen=True, eq=False)
class SourceShifts:
    """What the voltage sources do that are nothing but sources: whose current no element senses and no probe reads.

    ``place`` (N,) is the unknown with which each unknown moves when their voltages stay, GROUND for what they alone
    decide and for their own currents, which ``currents`` (s,) are. K of them are trained, ``elements`` (group, place
    in it) (K, 2), and ``moved`` (N, K) are the derivatives of the nodes' voltages by theirs: 1, -1 or 0.
    """

    place: Array
    currents: Array
    elements: Array
    moved: sparse.csr_array

    @classmethod
    def of(cls, circuit: Circuit, probes: Probes, parameters: Parameters) -> SourceShifts:
        """Those of a circuit; the same object again for the same circuit with other values."""
        trained = trained_sources(circuit, parameters)
        key = cls, trained.tobytes(), probes.plus.tobytes(), probes.minus.tobytes()
        return circuit.wiring.once(key, lambda: cls._build(circuit, probes, trained))

    @classmethod
    def _build(cls, circuit: Circuit, probes: Probes, trained: Array) -> SourceShifts:
        size = circuit.size
        read = np.concatenate([probes.plus, probes.minus])
        currents, edges = removable(circuit)
        chosen = forest(edges) & ~np.isin(currents, read)
        currents = currents[chosen]
        plus, minus = (np.where(side[chosen] == GROUND, size, side[chosen]) for side in (edges.plus, edges.minus))
        graph = sparse.coo_array((np.ones(len(plus)), (plus, minus)), shape=(size + 1, size + 1))
        count, label = connected_components(graph, directed=False)
        # What moves with ground stays; elsewhere a node that is read is the one that the others move with, or else
        # one that is more than the gates of transistors.
        root = np.full(count, -1)
        ends = _ends(circuit)
        for nodes in (np.arange(size + 1)[::-1], ends[::-1], np.unique(read[read != GROUND])[::-1], np.array([size])):
            root[label[nodes]] = nodes
        place = root[label[:size]]
        place[place == size] = GROUND
        place[currents] = GROUND
        number = {int(current): e for e, current in enumerate(currents)}
        sources = [number.get(int(np.asarray(circuit.groups[g].index)[k, 2]), -1) for g, k in trained]
        rows, columns, signs = _sides(root, plus, minus, sources)
        moved = sparse.csr_array((signs, (rows, columns)), shape=(size, len(trained)))
        # Where an output moves by itself, nudges act on the source, too.
        direct = np.isin(np.arange(size), read).astype(float) @ abs(moved) > 0
        kept = np.flatnonzero((np.array(sources, dtype=int) >= 0) & ~direct)
        return cls(place, currents, trained[kept], moved[:, kept].tocsr())

    def columns(self) -> dict[Column, tuple[Array, Array]]:
        """For each column of trained sources which of the K there are in it, and their places in it."""
        result = {}
        for g in np.unique(self.elements[:, 0]).tolist():
            mine = np.flatnonzero(self.elements[:, 0] == g)
            result[int(g), "dc"] = (mine, self.elements[mine, 1])
        return result

    def at(self, unknowns: Array) -> Array:
        """With which unknowns these move, GROUND for none."""
        return np.asarray(np.append(self.place, GROUND)[unknowns])

    def at_probes(self, probes: Probes) -> Probes:
        """The probes at those unknowns."""
        return Probes(probes.names, self.at(probes.plus), self.at(probes.minus))

    def moving(self, which: Array | None = None) -> Array:
        """(N + 1,) which unknowns the sources ``which`` move, by default all; at the end GROUND, which none does."""
        moved = self.moved if which is None else self.moved[:, which]
        return np.append(np.asarray(abs(moved).sum(axis=1)).ravel() > 0, False)

    def neighbours(self, circuit: Circuit, which: Array | None = None) -> Array:
        """The unknowns at which elements have terminals that have one, too, at nodes moved by the sources ``which``."""
        here = self.moving(which)
        touched = [
            np.ravel(index[here[index].any(axis=1)])
            for index in (np.asarray(group.index) for group in circuit.groups)
            if len(index)
        ]
        found = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *touched]))
        return np.asarray(found[found != GROUND])


def trained_sources(circuit: Circuit, parameters: Parameters) -> Array:
    """The trained independent voltage sources as (group, place in it), (K, 2)."""
    found = {
        (g, int(k))
        for binding in parameters.bindings
        for g, name in [binding.column]
        if binding.trained and g >= 0 and name == "dc" and isinstance(circuit.groups[g].device, VoltageSource)
        for k in binding.elements
    }
    return np.array(sorted(found), dtype=np.intp).reshape(-1, 2)


def _ends(circuit: Circuit) -> Array:
    """The unknowns at terminals that are neither a gate nor a voltage source's, in rising order."""
    touched = [
        np.asarray(group.index)[:, [name != "g" for name in group.device.unknowns]].ravel()
        for group in circuit.groups
        if len(group) and not isinstance(group.device, VoltageSource)
    ]
    found = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *touched]))
    return np.asarray(found[found != GROUND])


def _sides(root: Array, plus: Array, minus: Array, sources: list[int]) -> tuple[list[int], list[int], list[float]]:
    """Which nodes move by how much with each of the sources, the edges of a forest with a root for each tree."""
    column = {e: j for j, e in enumerate(sources) if e >= 0}
    joined: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for e, (a, b) in enumerate(zip(plus.tolist(), minus.tolist(), strict=True)):
        joined[a].append((b, e, -1.0))
        joined[b].append((a, e, 1.0))
    rows, columns, signs = [], [], []
    ways: list[tuple[int, int, dict[int, float]]] = [(start, -1, {}) for start in root.tolist() if start in joined]
    while ways:
        node, came, by = ways.pop()
        for j, sign in by.items():
            rows.append(node)
            columns.append(j)
            signs.append(sign)
        for other, e, sign in joined[node]:
            if e != came:
                ways.append((other, e, {**by, column[e]: sign} if e in column else by))
    return rows, columns, signs
