"""Transistors in a drawing of a network: what their channels join, and the symbols in the middle of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netlearn.report.style import as_drawn

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.report.placement import satellites, transistor_terminals

NAMED = 24
"""Up to so many transistors bear their names, by convention: more would lie over each other."""
BESIDE = 0.05
"""How far a symbol lies beside that of a parallel transistor, and a gate of its own from its symbol, in parts of the
drawing's size, by convention."""
GOLDEN = 0.618
"""The golden ratio less one: multiples of it, without their whole parts, lie apart from each other, however many there
are (D. E. Knuth, The Art of Computer Programming 3, 1998, 6.4)."""
LINES: dict[str, Any] = {"colors": "tab:blue", "zorder": 1}
CONTROLS: dict[str, Any] = {"linewidths": 0.7, "colors": "0.6", "linestyles": "--", "zorder": 1}
KINDS = {
    ("mosfet", True): ("n-channel", "D"),
    ("mosfet", False): ("p-channel", "d"),
    ("vdmos", True): ("n-channel", "D"),
    ("vdmos", False): ("p-channel", "d"),
    ("jfet", True): ("n-JFET", "p"),
    ("jfet", False): ("p-JFET", "h"),
    ("bjt", True): ("npn", "^"),
    ("bjt", False): ("pnp", "X"),
}
"""What a kind of transistor, n or p, is called and drawn as."""


@dataclass(frozen=True)
class DrawnTransistors:
    """The transistors of a circuit that can be drawn.

    ``ends`` (k, 2) are the nodes that the channels join, ``gates`` (k,) those that control them, the number of nodes
    for ground; ``middles`` (k, 2) where the symbols stand.
    """

    names: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    ends: Array
    gates: Array
    middles: Array


def placed_transistors(circuit: Circuit, places: Array) -> tuple[DrawnTransistors, Array]:
    """The transistors, and the places (n + 1, 2) with a place for each gate that controls one transistor alone."""
    names, kinds, rows = [], [], [np.zeros((0, 3), dtype=np.intp)]
    for group in circuit.groups:
        if transistor_terminals(group) is None:
            continue
        n_type = np.ravel(np.atleast_2d(group.values["polarity"])[0]) > 0
        rows.append(terminals_of(circuit, group))
        names += list(group.names)
        kinds += [KINDS[group.device.name, bool(each)] for each in np.broadcast_to(n_type, len(group))]
    nodes = np.concatenate(rows)
    ends, gates = nodes[:, [0, 2]], nodes[:, 1]
    seen = np.flatnonzero(np.isfinite(places[ends]).all(axis=(1, 2)))
    names, kinds = [names[k] for k in seen], [kinds[k] for k in seen]
    ends, gates = ends[seen], gates[seen]
    if not names:
        return DrawnTransistors((), (), ends, gates, np.zeros((0, 2))), places
    across, middles = _middles(places, ends)
    places = np.array(places)
    own = np.isin(gates, satellites(circuit)) & ~np.isfinite(places[gates]).all(axis=1)
    places[gates[own]] = middles[own] + across[own]
    return DrawnTransistors(tuple(names), tuple(kinds), ends, gates, middles), places


def terminals_of(circuit: Circuit, group: Any) -> Array:
    """The nodes (k, 3) of first end, control and second end, the number of nodes for ground."""
    columns = transistor_terminals(group)
    assert columns is not None
    index = group.index[:, list(columns)]
    return np.where(index < 0, len(circuit.nodes), index)


def _middles(places: Array, ends: Array) -> tuple[Array, Array]:
    """A step (k, 2) across each channel, and where its symbol stands (k, 2), those of parallel channels apart."""
    inside = places[np.isfinite(places).all(axis=1)]
    size = float(np.ptp(inside, axis=0).max(initial=0.0)) or 1.0
    along = places[ends[:, 1]] - places[ends[:, 0]]
    length = np.hypot(*along.T)
    # Where both ends are one node, the symbol stands above it.
    along = np.where(length[:, None] > 0, along / np.where(length, length, 1.0)[:, None], [1.0, 0.0])
    across = BESIDE * size * np.column_stack([-along[:, 1], along[:, 0]])
    pairs = np.sort(ends, axis=1)
    same = (ends == pairs).all(axis=1)
    # The two directions of a pair have opposite sides.
    across = np.where(same[:, None], across, -across)
    # Where many channels cross, not all symbols stand halfway, as their lines meet there.
    shares, number = np.full(len(ends), 0.5), np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    if len(ends) > NAMED:
        shares = 0.25 + 0.5 * ((number * GOLDEN) % 1.0)
    low, high = places[pairs[:, 0]], places[pairs[:, 1]]
    middles = low + shares[:, None] * (high - low)
    seen: dict[tuple[int, ...], int] = {}
    for k, pair in enumerate(map(tuple, pairs.tolist())):
        turn = seen[pair] = seen.get(pair, -1) + 1
        if turn % 2:
            across[k] *= -1
        middles[k] += across[k] * (0.4 + turn // 2)
    return across, middles


def draw_transistors(axes: Axes, found: DrawnTransistors, places: Array) -> None:
    """Draw the channels, a symbol in the middle of each, and lines from what controls them."""
    paths = np.stack([places[found.ends[:, 0]], found.middles, places[found.ends[:, 1]]], axis=1)
    thinner = min(1.0, (NAMED / len(found.names)) ** 0.5)
    axes.add_collection(LineCollection(list(paths), linewidths=1.2 * thinner, **LINES))
    controlled = np.isfinite(places[found.gates]).all(axis=1)
    controls = np.stack([places[found.gates[controlled]], found.middles[controlled]], axis=1)
    axes.add_collection(LineCollection(list(controls), **CONTROLS))
    size = 40.0 * min(1.0, 40 / max(len(found.names), 1))
    for kind in dict.fromkeys(found.kinds):
        x, y = found.middles[[each == kind for each in found.kinds]].T
        label, marker = kind
        axes.scatter(x, y, s=size, marker=marker, color="tab:blue", edgecolors="black", linewidths=0.5, zorder=3,
                     label=label)  # fmt: skip
    if len(found.names) <= NAMED:
        for name, at in zip(found.names, found.middles, strict=True):
            axes.annotate(
                as_drawn(name), at, (6, 0), textcoords="offset points", va="center", fontsize=7, color="tab:blue"
            )
