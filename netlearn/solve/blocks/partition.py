"""Blocks of unknowns that no element joins, found from a circuit's graph: layers, or colours.

Where the unknowns of a block are independent of each other, each one's equation is one of a single number
as long as the other blocks stand still. A layered network's layers are such blocks; any other graph is coloured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.devices.linear import CurrentSource
from netlearn.solve.newton.system import NonlinearModel

MOST_LAYERS = 16
"""Layers beyond so many are taken together, every other one, as they do not touch, and large blocks take less time: 24
layers of 4 nodes take 1.6 times as long one by one, but 24 of 20 nodes 0.65 of the time, which need fewer sweeps then
(benchmarks/part_sizes.py)."""


@dataclass(frozen=True, eq=False)
class Partition:
    """``blocks`` of reduced unknowns (r,), each once; no element joins two unknowns of one block.

    They are ``layers`` by their distance from the sources, or ``colours``.
    """

    blocks: tuple[Array, ...]
    kind: Literal["layers", "colours"]

    @classmethod
    def of(cls, model: NonlinearModel) -> Partition:
        """The blocks of a circuit."""
        reduction = model.reduction
        rows, columns, size = reduction.pattern.rows, reduction.columns, reduction.size
        apart = rows != columns
        edges = (np.ones(int(apart.sum())), (rows[apart], columns[apart]))
        graph = sparse.coo_array(edges, shape=(size, size)).tocsr()
        layer = _distances(graph, _driven(model))
        if layer is not None and (layer[rows[apart]] != layer[columns[apart]]).all():
            if layer.max(initial=0) < MOST_LAYERS:
                return cls(_sets(layer), "layers")
            return cls(_sets(layer % 2), "colours")
        return cls(_sets(_colours(graph)), "colours")


def _driven(model: NonlinearModel) -> Array:
    """The reduced unknowns next to what sources hold, or at current sources."""
    circuit, reduction = model.circuit, model.reduction
    place = np.append(reduction.place, -1)
    held = np.zeros(circuit.size + 1, dtype=bool)
    held[: len(circuit.nodes)] = place[: len(circuit.nodes)] < 0
    found = np.zeros(reduction.size + 1, dtype=bool)
    for group in circuit.groups:
        index = np.asarray(group.index)
        if not isinstance(group.device, CurrentSource):
            # Ground is not held by a source, and stands last.
            index = index[held[index].any(axis=1)]
        found[place[index].ravel()] = True
    return np.flatnonzero(found[:-1])


def _distances(graph: sparse.csr_array, roots: Array) -> Array | None:
    """How many elements each unknown is away from the ``roots``; None where one is not joined to them."""
    size = graph.shape[0]
    root = np.full(len(roots), size)
    ends = (np.ones(len(roots)), (root, roots))
    whole = sparse.block_array([[graph, None], [None, sparse.csr_array((1, 1))]]) + sparse.coo_array(
        ends, shape=(size + 1, size + 1)
    )
    order, before = csgraph.breadth_first_order(whole.tocsr(), size, directed=False)
    if len(order) <= size:
        return None
    depth = np.zeros(size + 1, dtype=np.int64)
    # Each one comes after the one that it was reached from.
    for node, parent in zip(order[1:].tolist(), before[order[1:]].tolist(), strict=True):
        depth[node] = depth[parent] + 1
    return depth[:size] - 1


def _colours(graph: sparse.csr_array) -> Array:
    """A colour for each node that no neighbour has: greedy, nodes of many neighbours first.

    D. J. A. Welsh, M. B. Powell, The Computer Journal 10, 85 (1967).
    """
    starts, neighbours = graph.indptr, graph.indices
    colour = np.full(graph.shape[0], -1)
    for node in np.argsort(-np.diff(starts), kind="stable").tolist():
        taken = set(colour[neighbours[starts[node] : starts[node + 1]]].tolist())
        colour[node] = next(number for number in range(len(taken) + 1) if number not in taken)
    return colour


def _sets(number: Array) -> tuple[Array, ...]:
    return tuple(np.flatnonzero(number == k) for k in range(int(number.max(initial=-1)) + 1))
