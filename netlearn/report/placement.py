"""Where the nodes of a circuit stand in a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.errors import warn

PASSES = 8
"""Sweeps after which a drawing of a layered network no longer changes to the eye: five have 356 crossings of lines in
the mean after half as many, 355 after so many and after twice as many (benchmarks/constants_of_drawings.py)."""
SETTLING = 60
"""Means of neighbours that are taken for nodes without a place: in five networks these lie 0.0004 of the drawing from
their last mean at most, and 0.009 after half as many (benchmarks/constants_of_drawings.py)."""
LANDMARKS = 60
"""Nodes from which distances are counted: in five drawings the stress of distances beside numbers of elements is 0.33,
and within 0.01 of that with half and with twice as many (benchmarks/constants_of_drawings.py)."""
LAYERED = 0.3
"""Part of all pairs of nodes in neighbouring layers that are joined in a layered network, by convention: less is a
lattice."""


def layout(circuit: Circuit, positions: Mapping[str, Sequence[float]] | None = None) -> Array:
    """Positions (n + 1, 2) of the nodes, ground last; NaN for nodes that no element reaches.

    Nodes that have ``positions`` stand there, and others between their neighbours. Where there are none, a
    network whose nodes are joined to most of the next layer is drawn in its layers, and any other one so that
    nodes are as far from each other as there are elements between them.
    """
    links = _links(circuit)
    names = [*circuit.nodes, "0"]
    given = {name.lower(): place for name, place in (positions or {}).items()}
    if unknown := given.keys() - set(names):
        warn(f"there is no node '{min(unknown)}', which has a position")
    placed = np.array([given.get(name, (np.nan, np.nan)) for name in names], dtype=float).reshape(-1, 2)
    if np.isfinite(placed).any():
        return _between_neighbours(links, placed)
    driven = np.asarray(driven_nodes(circuit), dtype=np.intp)
    # Supplies of bulks and voltages of single gates are in no layer.
    depth = _depth(links, driven[np.diff(links.indptr)[driven] > 0].tolist())
    return _in_layers(links, depth) if _is_layered(links, depth) else _by_distance(links)


def _is_layered(links: sparse.csr_array, depth: Array) -> bool:
    """Whether nodes are joined to a good part of the next layer and to nothing else; ground does not count."""
    inner = links[:-1, :-1].tocoo()
    steps = np.abs(depth[inner.row] - depth[inner.col])
    counts = np.bincount(depth[:-1][np.isfinite(depth[:-1])].astype(int))
    possible = 2 * np.sum(counts[1:] * counts[:-1])
    return bool((steps[np.isfinite(steps)] == 1).all() and inner.nnz >= LAYERED * possible)


def _by_distance(links: sparse.csr_array) -> Array:
    """Positions whose distances are like the numbers of elements between nodes.

    Landmark multidimensional scaling, V. de Silva and J. B. Tenenbaum (2004), with all elements of length one. Ground
    is left out where it is joined to so much that it would make all nodes neighbours, and stands below the others.
    """
    n = links.shape[0] - 1
    degree = np.diff(links.indptr)
    typical = np.median(degree[:-1][degree[:-1] > 0]) if degree[:-1].any() else 0
    aside = degree[-1] > max(8, 3 * typical)
    kept = np.flatnonzero((degree > 0) & ((np.arange(n + 1) < n) | ~aside))
    places = np.full((n + 1, 2), np.nan)
    if len(kept):
        inner = links[kept][:, kept]
        landmarks = np.unique(np.linspace(0, len(kept) - 1, LANDMARKS).astype(int))
        hops = csgraph.shortest_path(inner, unweighted=True, indices=landmarks)
        # Parts of their own stand beside each other.
        hops[np.isinf(hops)] = 1.5 * np.max(hops, initial=1.0, where=np.isfinite(hops))
        squares = hops**2
        centred = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean())
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
        found = np.zeros((len(kept), 2))
        found[:, : min(2, len(directions))] = directions[:2].T * len(kept) ** 0.5
        places[kept] = found
    if aside:
        inside = places[kept]
        places[n] = inside[:, 0].mean(), inside[:, 1].min() - 0.2 * np.ptp(inside[:, 1])
    return places


def _between_neighbours(links: sparse.csr_array, places: Array) -> Array:
    """The nodes that have no place, at the mean of their neighbours; ground, if need be, below all."""
    places = np.array(places)
    known = np.isfinite(places[:, 0])
    low, size = places[known].min(axis=0), np.ptp(places[known], axis=0).max() or 1.0
    if not known[-1] and links[[-1]].nnz:
        places[-1], known[-1] = (places[known, 0].mean(), low[1] - 0.15 * size), True
    missing = ~known & (np.diff(links.indptr) > 0)
    for _ in range(SETTLING * int(missing.any())):
        seen = np.isfinite(places[:, 0])
        weights = links[missing][:, seen]
        total = np.asarray(weights.sum(axis=1)).ravel()
        means = (weights @ places[seen]) / np.maximum(total, 1)[:, None]
        places[missing] = np.where(total[:, None] > 0, means, places[missing])
    return places


def _in_layers(links: sparse.csr_array, depth: Array) -> Array:
    """Layers from left to right, by the number of elements between a node and the nearest source.

    In a layer, nodes stand in the order of the means of their neighbours (the barycentre method of Sugiyama, Tagawa
    and Toda, 1981).
    """
    place = np.zeros(len(depth))
    layers = [np.flatnonzero(depth == d) for d in range(int(np.nanmax(depth, initial=-1)) + 1)]
    for layer in layers:
        place[layer] = _spread(len(layer))
    degree = np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)
    for turn in range(PASSES):
        # The inputs stay in the order of the netlist, which is how people know them.
        for layer in layers[1:] if turn % 2 == 0 else layers[-2:0:-1]:
            wanted = np.asarray(links[layer] @ place).ravel() / degree[layer]
            place[layer[np.argsort(-wanted, kind="stable")]] = _spread(len(layer))
    return np.column_stack([depth, place])


def _spread(count: int) -> Array:
    """``count`` places from top to bottom, the middle at zero."""
    return np.asarray((count - 1) / 2 - np.arange(count)) / max(count - 1, 1)


def driven_nodes(circuit: Circuit) -> Sequence[int]:
    """The nodes of independent sources besides ground; ground itself where there is no source."""
    nodes = [
        group.index[:, :2].ravel()
        for group in circuit.groups
        if group.device.name in ("voltage source", "current source") and len(group)
    ]
    driven = np.unique(np.concatenate(nodes)) if nodes else np.zeros(0, dtype=np.intp)
    driven = driven[driven != GROUND]
    for group in circuit.groups:
        if group.device.name == "vcvs":
            # What a source drives through an amplifier from ground is an input as well, such as an inverted one.
            fixed = np.isin(group.index[:, 1:4], [GROUND, *driven]).all(axis=1) & (group.index[:, 0] != GROUND)
            driven = np.union1d(driven, group.index[fixed, 0])
    return [int(k) for k in driven] if len(driven) else [len(circuit.nodes)]


def transistor_terminals(group: Group) -> tuple[int, int, int] | None:
    """Which of a transistor's unknowns are first end, control and second end of its channel; None for other devices.

    What a bulk or a substrate is held at makes no nodes neighbours.
    """
    if not len(group) or "polarity" not in group.values:
        return None
    for names in (("d", "g", "s"), ("c", "b", "e")):
        if group.device.unknowns[:3] == names:
            return 0, 1, 2
    return None


def satellites(circuit: Circuit) -> Array:
    """The driven nodes that do nothing but control one transistor, such as its trained gate voltage."""
    gates = [group.index[:, 1] for group in circuit.groups if transistor_terminals(group) is not None]
    if not gates:
        return np.zeros(0, dtype=np.intp)
    touched = [
        # Gates are counted; of all else but sources, every node is more than a gate.
        (group.index[:, [0, 2]] if transistor_terminals(group) is not None else group.index).ravel()
        for group in circuit.groups
        if group.device.name not in ("voltage source", "current source") and len(group)
    ]
    nodes, counts = np.unique(np.concatenate(gates), return_counts=True)
    alone = nodes[(counts == 1) & (nodes != GROUND)]
    return np.setdiff1d(np.intersect1d(alone, driven_nodes(circuit)), np.concatenate(touched))


def _links(circuit: Circuit) -> sparse.csr_array:
    """Which nodes share an element besides sources, (n + 1, n + 1), ground last.

    No two inputs count as joined by anything but a resistor. Only resistors lead to ground here: it touches nearly
    everything else, and would make all nodes neighbours.
    """
    n = len(circuit.nodes)
    driven, alone = driven_nodes(circuit), satellites(circuit)
    pairs = []
    for group in circuit.groups:
        if not len(group) or group.device.name in ("voltage source", "current source"):
            continue
        terminals = transistor_terminals(group)
        unknowns = group.index if terminals is None else group.index[:, list(terminals)]
        index = np.where(unknowns == GROUND, n, unknowns)
        for a in range(index.shape[1]):
            for b in range(a):
                nodes = index[:, [a, b]]
                aside = (nodes == n).any(axis=1) | np.isin(nodes, driven).all(axis=1)
                aside &= group.device.name != "resistor"
                aside |= np.isin(nodes, alone).any(axis=1)
                pairs.append(nodes[(nodes <= n).all(axis=1) & (unknowns[:, [a, b]] <= n).all(axis=1) & ~aside])
    ends = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.intp)
    rows, columns = np.concatenate([ends, ends[:, ::-1]]).T
    return (sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(n + 1, n + 1)).tocsr() > 0).astype(float)


def _depth(links: sparse.csr_array, start: Sequence[int]) -> Array:
    """How many links away from ``start`` each node is; NaN where no path leads."""
    depth = np.full(links.shape[0], np.nan)
    ground = links.shape[0] - 1
    front = np.asarray(start)
    level = 0
    while len(front):
        depth[front] = level
        # No path leads on through ground.
        onward = links[front[front != ground]].indices
        front = np.unique(onward[np.isnan(depth[onward])])
        level += 1
    return depth
