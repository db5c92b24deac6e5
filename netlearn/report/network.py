"""A drawing of a resistor network: its conductances as widths and colours of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netlearn.report.style import as_drawn

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit

LABELLED = 60
"""Networks with more nodes are drawn without the nodes' names."""

PASSES = 8
"""Sweeps after which a drawing of a layered network no longer changes to the eye."""
COLOURS = "viridis_r"
WIDTHS = (0.3, 5.0)
LABEL: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 7,
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
}


def layout(circuit: Circuit) -> Array:
    """Positions (n + 1, 2) of the nodes, ground last; NaN for nodes that no element reaches.

    The first coordinate is the number of elements between a node and the nearest source, so
    that a layered network is drawn in its layers. In a layer, nodes stand in the order of the
    means of their neighbours (the barycentre method of Sugiyama, Tagawa and Toda, 1981).
    """
    links = _links(circuit)
    depth = _depth(links, _driven(circuit))
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


def draw_network(axes: Axes, circuit: Circuit, title: str = "") -> None:
    """Draw the resistors of a circuit, the wider and darker the more they conduct."""
    positions = layout(circuit)
    ends, ohms = _resistors(circuit)
    ends = np.where(ends == GROUND, len(circuit.nodes), ends)
    drawn = np.isfinite(positions[ends]).all(axis=(1, 2))
    ends, conductance = ends[drawn], 1.0 / ohms[drawn]
    if len(ends):
        low, high = conductance.min(), conductance.max()
        norm = LogNorm(low, high if high > low else 2 * low)
        order = np.argsort(conductance)
        widths = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * np.asarray(norm(conductance[order])) ** 2
        lines = LineCollection(
            list(positions[ends[order]]), linewidths=widths, array=conductance[order], cmap=COLOURS, norm=norm, zorder=1
        )
        axes.add_collection(lines)
        axes.figure.colorbar(ScalarMappable(norm, COLOURS), ax=axes, label="conductance (S)", shrink=0.8)
    shown = np.unique(ends)
    axes.scatter(positions[shown, 0], positions[shown, 1], s=24, color="white", edgecolors="black", zorder=2)
    if len(shown) <= LABELLED:
        names = [*circuit.nodes, "ground"]
        for k in shown:
            axes.annotate(as_drawn(names[k]), positions[k], (0, 5), **LABEL)
    axes.set_title(title)
    axes.margins(0.08)
    axes.set_axis_off()


def _spread(count: int) -> Array:
    """``count`` places from top to bottom, the middle at zero."""
    return np.asarray((count - 1) / 2 - np.arange(count)) / max(count - 1, 1)


def _resistors(circuit: Circuit) -> tuple[Array, Array]:
    groups = [group for group in circuit.groups if group.device.name == "resistor" and len(group)]
    if not groups:
        return np.zeros((0, 2), dtype=np.intp), np.zeros(0)
    ohms = [np.broadcast_to(np.atleast_2d(group.values["resistance"])[0], len(group)) for group in groups]
    return np.concatenate([group.index for group in groups]), np.concatenate(ohms)


def _driven(circuit: Circuit) -> Sequence[int]:
    """The nodes of independent sources besides ground; ground itself where there is no source."""
    nodes = [
        group.index[:, :2].ravel()
        for group in circuit.groups
        if group.device.name in ("voltage source", "current source") and len(group)
    ]
    driven = np.unique(np.concatenate(nodes)) if nodes else np.zeros(0, dtype=np.intp)
    driven = driven[driven != GROUND]
    return [int(k) for k in driven] if len(driven) else [len(circuit.nodes)]


def _links(circuit: Circuit) -> sparse.csr_array:
    """Which nodes share an element besides sources, (n + 1, n + 1), ground last.

    Only resistors lead to ground here: it touches nearly everything else, and would make all
    nodes neighbours.
    """
    n = len(circuit.nodes)
    pairs = []
    for group in circuit.groups:
        if not len(group) or group.device.name in ("voltage source", "current source"):
            continue
        index = np.where(group.index == GROUND, n, group.index)
        for a in range(index.shape[1]):
            for b in range(a):
                nodes = index[:, [a, b]]
                ground = (nodes == n).any(axis=1) & (group.device.name != "resistor")
                pairs.append(nodes[(nodes <= n).all(axis=1) & (group.index[:, [a, b]] <= n).all(axis=1) & ~ground])
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
