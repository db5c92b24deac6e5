"""The graph of a circuit: incidence matrix, spanning tree, fundamental cycles, and what makes it singular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.circuit.devices.refused import prepared
from netlearn.errors import CircuitError

BRANCH_KINDS = (Resistor, VoltageSource, CurrentSource)
PLACES, VOLTS = 8, 5.0
"""Random operating points, and how far from zero they are, that tell which terminals carry currents: by convention some
volts, as circuits have, and so many that no current is zero at all of them by chance."""


@dataclass(frozen=True)
class Branches:
    """Two-terminal branches as arrays, in the order of the circuit's groups.

    ``plus`` and ``minus`` (b,) are node numbers, GROUND for ground; ``group`` and ``element``
    (b,) say where a branch stands in the circuit.
    """

    nodes: int
    plus: Array
    minus: Array
    group: Array
    element: Array

    def __len__(self) -> int:
        return len(self.plus)

    def names(self, circuit: Circuit) -> list[str]:
        """The elements' names."""
        pairs = zip(self.group.tolist(), self.element.tolist(), strict=True)
        return [circuit.groups[g].names[k] for g, k in pairs]

    @cached_property
    def incidence(self) -> sparse.csr_array:
        """B (n, b): +1 where a branch leaves a node, -1 where it enters it; ground has no row."""
        columns = np.arange(len(self))
        rows = np.concatenate([self.plus, self.minus])
        signs = np.repeat([1.0, -1.0], len(self))
        kept = rows != GROUND
        entries = (signs[kept], (rows[kept], np.tile(columns, 2)[kept]))
        return sparse.coo_array(entries, shape=(self.nodes, len(self))).tocsr()


def branches(circuit: Circuit, kinds: tuple[type, ...] = BRANCH_KINDS) -> Branches:
    """The circuit's two-terminal branches of the given device classes."""
    chosen = [(g, group) for g, group in enumerate(circuit.groups) if isinstance(group.device, kinds)]
    ends = [np.asarray(group.index)[:, :2] for _, group in chosen]
    both = np.concatenate(ends) if ends else np.zeros((0, 2), dtype=int)
    sizes = [len(group) for _, group in chosen]
    return Branches(
        len(circuit.nodes),
        both[:, 0],
        both[:, 1],
        np.repeat([g for g, _ in chosen], sizes).astype(int),
        np.concatenate([np.arange(size) for size in sizes]) if sizes else np.zeros(0, dtype=int),
    )


def two_terminal(circuit: Circuit) -> bool:
    """Whether there are only resistors and independent sources."""
    return all(isinstance(group.device, BRANCH_KINDS) for group in circuit.groups if len(group))


def incidence(circuit: Circuit) -> sparse.csr_array:
    """The reduced incidence matrix B (n, b) of the resistors and independent sources."""
    return branches(circuit).incidence


@dataclass(frozen=True)
class SpanningTree:
    """A breadth-first spanning tree with ground as its root.

    ``edge`` (n,) is the tree branch from each node towards the root, ``sign`` (n,) is +1
    where that branch points to the root; ``parent`` (n,) holds node numbers (GROUND at the
    root's children), ``depth`` (n,) the distance from ground, ``order`` (n,) the nodes with
    parents before their children.
    """

    edge: Array
    sign: Array
    parent: Array
    depth: Array
    order: Array

    @cached_property
    def _with_root(self) -> tuple[Array, Array, Array, Array]:
        # Ground is -1, so it indexes the last place of an array with one place more.
        return (
            np.append(self.edge, -1),
            np.append(self.sign, 0.0),
            np.append(self.parent, GROUND),
            np.append(self.depth, 0),
        )


def spanning_tree(edges: Branches) -> SpanningTree:
    """The tree of shortest paths to ground. Raises CircuitError where a node has no path."""
    n, root = edges.nodes, edges.nodes
    plus, minus = np.where(edges.plus == GROUND, root, edges.plus), np.where(edges.minus == GROUND, root, edges.minus)
    low, high = np.minimum(plus, minus), np.maximum(plus, minus)
    key = low.astype(np.int64) * (n + 1) + high
    pairs, first = np.unique(key, return_index=True)
    graph = sparse.coo_array((np.ones(len(pairs)), (low[first], high[first])), shape=(n + 1, n + 1)).tocsr()
    visited, predecessors = csgraph.breadth_first_order(graph, root, directed=False)
    if len(visited) <= n:
        lost = np.setdiff1d(np.arange(n), visited)
        raise CircuitError(f"{len(lost)} of {n} nodes are not connected to ground, first node number {lost[0]}")
    parent = predecessors[:n].astype(np.int64)
    nodes = np.arange(n)
    wanted = np.minimum(nodes, parent) * (n + 1) + np.maximum(nodes, parent)
    edge = first[np.searchsorted(pairs, wanted)]
    sign = np.where(plus[edge] == nodes, 1.0, -1.0)
    order = visited[1:].astype(np.int64)
    return SpanningTree(edge, sign, np.where(parent == root, GROUND, parent), _depths(parent, root), order)


def _depths(parent: Array, root: int) -> Array:
    """Distances to the root by pointer doubling, in log2(depth) array operations."""
    jump = np.append(parent, root)
    depth = np.append(np.ones(len(parent), dtype=np.int64), 0)
    while (jump != root).any():
        depth = depth + depth[jump]
        jump = jump[jump]
    return depth[:-1]


def cycle_matrix(edges: Branches, tree: SpanningTree | None = None) -> sparse.csr_array:
    """The fundamental cycles A (b - n, b) that the links of a spanning tree close: A Bᵀ = 0.

    Row j follows link j from its plus to its minus node and returns through the tree. The
    number of entries is the total length of the cycles, which a wide graph makes long.
    """
    tree = spanning_tree(edges) if tree is None else tree
    edge, sign, parent, depth = tree._with_root
    links = np.setdiff1d(np.arange(len(edges)), tree.edge)
    # All links walk up the tree together, the deeper end first, until their ends meet.
    here, there = edges.minus[links], edges.plus[links]
    row = np.arange(len(links))
    entries = [(row, links, np.ones(len(links)))]
    while True:
        apart = here != there
        row, here, there = row[apart], here[apart], there[apart]
        if not len(row):
            break
        up = depth[here] >= depth[there]
        moved = np.where(up, here, there)
        entries.append((row, edge[moved], np.where(up, 1.0, -1.0) * sign[moved]))
        here, there = np.where(up, parent[here], here), np.where(up, there, parent[there])
    rows, columns, signs = (np.concatenate(part) for part in zip(*entries, strict=True))
    return sparse.coo_array((signs, (rows, columns)), shape=(len(links), len(edges))).tocsr()


def conducting_terminals(circuit: Circuit, g: int, mask: Array) -> Array:
    """Which terminals (k, T) of a group both carry a current and answer to it.

    ``mask`` (T, T) says which derivatives of the device are not identically zero. A control
    input carries nothing, and the output of a current source answers to nothing, unless both
    are the same node.
    """
    index = np.asarray(circuit.groups[g].index)
    same = index[:, :, None] == index[:, None, :]
    answers, carries = mask.any(axis=0), mask.any(axis=1)
    if not circuit.groups[g].device.linear:
        carries = carries & _carry_somewhere(circuit, g)[:, None]
    result: Array = (same & carries).any(axis=-1) & (same & answers).any(axis=-1)
    return result


def _carry_somewhere(circuit: Circuit, g: int) -> Array:
    """Which terminals (k, T) of a nonlinear group carry a current at any of some voltages: no gate does."""
    group = circuit.groups[g]
    shape = np.asarray(group.index).shape
    values = prepared(group.device, group.names, group.values, circuit.environment)
    somewhere = np.random.default_rng(0).uniform(-VOLTS, VOLTS, (PLACES, *shape))
    with np.errstate(all="ignore"):
        currents = np.concatenate([group.device.residual(x[None], values) for x in somewhere])
    carry: Array = np.any(currents != 0, axis=0)
    return carry


def floating_nodes(circuit: Circuit, masks: Sequence[Array]) -> Array:
    """The nodes (numbers) without a path to ground through elements that conduct direct current."""
    size = circuit.size
    edges = []
    for g, mask in enumerate(masks):
        index = np.asarray(circuit.groups[g].index)
        if not len(index) or not mask.any():
            continue
        if index.shape[1] == 2 and mask.all() and circuit.groups[g].device.linear:
            # Of resistors there are many, and both ends conduct.
            edges.append(index.T)
            continue
        conducts = conducting_terminals(circuit, g, mask)
        # Join every conducting terminal of an element with its first one.
        anchor = np.take_along_axis(index, conducts.argmax(axis=1)[:, None], axis=1)
        edges.append(np.stack([np.broadcast_to(anchor, index.shape)[conducts], index[conducts]]))
    joined = np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), dtype=int)
    joined = np.where(joined == GROUND, size, joined)
    graph = sparse.coo_array((np.ones(joined.shape[1]), (joined[0], joined[1])), shape=(size + 1, size + 1))
    _, label = csgraph.connected_components(graph, directed=False)
    nodes: Array = np.flatnonzero(label[: len(circuit.nodes)] != label[size])
    return nodes


def voltage_branches(circuit: Circuit) -> Branches:
    """Branches whose voltage an element dictates: V, E, H, inductors; those with a branch current."""
    chosen = [
        (g, group) for g, group in enumerate(circuit.groups) if group.device.unknowns[-1:] == ("i",) and len(group)
    ]
    ends = [np.asarray(group.index)[:, :2] for _, group in chosen]
    both = np.concatenate(ends) if ends else np.zeros((0, 2), dtype=int)
    return Branches(
        len(circuit.nodes),
        both[:, 0],
        both[:, 1],
        np.concatenate([np.full(len(group), g) for g, group in chosen]) if chosen else np.zeros(0, dtype=int),
        np.concatenate([np.arange(len(group)) for _, group in chosen]) if chosen else np.zeros(0, dtype=int),
    )


def forest(edges: Branches) -> Array:
    """Which edges (b,) a spanning forest holds; the others close loops."""
    n = edges.nodes
    plus, minus = np.where(edges.plus == GROUND, n, edges.plus), np.where(edges.minus == GROUND, n, edges.minus)
    low, high = np.minimum(plus, minus), np.maximum(plus, minus)
    proper = np.flatnonzero(low != high)
    _, first = np.unique(low[proper].astype(np.int64) * (n + 1) + high[proper], return_index=True)
    single = proper[first]
    # The weights count the edges, so that a tree edge says which one it is.
    weights = (single + 1.0, (low[single], high[single]))
    tree = csgraph.minimum_spanning_tree(sparse.coo_array(weights, shape=(n + 1, n + 1)).tocsr())
    inside = np.zeros(len(edges), dtype=bool)
    inside[tree.data.astype(np.int64) - 1] = True
    return inside


def voltage_loop(circuit: Circuit) -> list[str]:
    """The elements of one loop of voltage sources, or none."""
    edges = voltage_branches(circuit)
    inside = forest(edges)
    closing = np.flatnonzero(~inside)
    if not len(closing):
        return []
    link = int(closing[0])
    held = np.flatnonzero(inside)
    n = edges.nodes
    start, end = (int(side[link]) if side[link] != GROUND else n for side in (edges.plus, edges.minus))
    plus, minus = (np.where(side[held] == GROUND, n, side[held]) for side in (edges.plus, edges.minus))
    graph = sparse.coo_array((np.ones(len(held)), (plus, minus)), shape=(n + 1, n + 1)).tocsr()
    _, before = csgraph.breadth_first_order(graph, start, directed=False)
    between = {frozenset(pair): int(e) for *pair, e in zip(plus.tolist(), minus.tolist(), held, strict=True)}
    loop = [link]
    while end != start:
        loop.append(between[frozenset((end, int(before[end])))])
        end = int(before[end])
    names = edges.names(circuit)
    return [names[e] for e in loop]
