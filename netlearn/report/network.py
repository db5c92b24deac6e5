"""A drawing of a network: what its resistors conduct, carry or dissipate, as widths and colours of lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from netlearn.report.style import as_drawn

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.errors import OptionError, did_you_mean
from netlearn.report.placement import driven_nodes, layout, satellites, transistor_terminals
from netlearn.report.transistors import NAMED, draw_transistors, placed_transistors
from netlearn.solve.operating_point import OperatingPoint

By = Literal["conductance", "current", "power"]

LABELLED = 60
"""Networks with more nodes are drawn without the nodes' names, by convention: they would lie over each other."""
DECADES = 4
"""What is smaller by more than these is drawn as thin and as light as what is smaller by so much, by convention: the
eye tells about as many widths and colours apart."""
COLOURS = "viridis_r"
THIN, WIDE = 0.3, 5.0
"""Widths of the lines for the least and the largest conductance, in points, by convention."""
CROWDED = 150
"""Resistors from which on lines become thinner, by convention: where hundreds of lines cross, wide ones would hide all
others."""
UNITS = {"conductance": "S", "current": "A", "power": "W"}
INPUT: dict[str, Any] = {"marker": ">", "color": "tab:orange", "edgecolors": "black", "label": "input"}
OUTPUT: dict[str, Any] = {"marker": "s", "color": "tab:red", "edgecolors": "black", "label": "output"}
GROUNDED: dict[str, Any] = {"marker": "v", "color": "black", "label": "ground"}
NODE: dict[str, Any] = {"marker": "o", "color": "white", "edgecolors": "black"}
FINE = 2000
"""With how many lines a picture is fine enough for each of them to be seen: by convention."""
TOUCHING, BEND = 1e-3, 0.16
"""How near a node may lie to a line, in its lengths, that is not on it, and how far the middle of one that is bent is
drawn aside: by convention, seen by eye."""
LABEL: dict[str, Any] = {
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 7,
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
}


def draw_network(
    axes: Axes,
    circuit: Circuit,
    title: str = "",
    *,
    positions: Mapping[str, Sequence[float]] | None = None,
    outputs: Iterable[str] = (),
    by: By = "conductance",
    point: OperatingPoint | None = None,
) -> None:
    """Draw the resistors of a circuit, the wider and darker the more they conduct, carry or dissipate.

    ``outputs`` are nodes that are read; nodes of sources are inputs. Current and power, in the mean over the
    samples, are those of the operating ``point``. Raises OptionError where it is missing.
    """
    transistors, places = placed_transistors(circuit, layout(circuit, positions))
    ends, values = resistor_values(circuit, by, point)
    drawn = np.isfinite(places[ends]).all(axis=(1, 2)) & np.isfinite(values)
    ends, values = ends[drawn], values[drawn]
    others = _others(circuit)
    others = others[np.isfinite(places[others]).all(axis=(1, 2))]
    if len(others):
        axes.add_collection(
            LineCollection(list(places[others]), linewidths=0.8, colors="0.75", linestyles=":", zorder=0)
        )
    if len(ends):
        _draw_lines(axes, places, ends, values, by)
    if transistors.names:
        draw_transistors(axes, transistors, places)
    gates = transistors.gates[np.isfinite(places[transistors.gates]).all(axis=1)]
    joined = np.concatenate([ends.ravel(), others.ravel(), transistors.ends.ravel(), gates])
    _draw_nodes(axes, circuit, places, np.unique(joined), outputs)
    axes.set_title(title)
    axes.margins(0.08)
    if positions:
        axes.set_aspect("equal")
    axes.set_axis_off()


def resistor_values(circuit: Circuit, by: By, point: OperatingPoint | None = None) -> tuple[Array, Array]:
    """The ends (k, 2) of all resistors, ground being the last node, and what they conduct, carry or dissipate (k,).

    Raises OptionError for another quantity, and where one needs an operating point that is not there.
    """
    if by not in UNITS:
        raise OptionError(f"resistors are not drawn by '{by}'", hint=did_you_mean(by, UNITS))
    if by != "conductance" and point is None:
        raise OptionError(f"the {by} is that of an operating point", hint="give a netlist, or an operating point")
    ends, values = [np.zeros((0, 2), dtype=np.intp)], [np.zeros(0)]
    for group in circuit.groups:
        if group.device.name != "resistor" or not len(group):
            continue
        ohms = np.atleast_2d(np.asarray(group.values["resistance"], dtype=float))
        with np.errstate(divide="ignore"):
            siemens = np.broadcast_to(1.0 / ohms, (len(ohms), len(group)))
        ends.append(group.index[:, :2])
        if by == "conductance":
            values.append(siemens[0])
            continue
        assert point is not None
        x = np.column_stack([point.x.real, np.zeros(len(point.x))])
        volts = x[:, group.index[:, 0]] - x[:, group.index[:, 1]]
        values.append(np.mean(np.abs(volts * siemens) if by == "current" else volts**2 * siemens, axis=0))
    pairs = np.concatenate(ends)
    return np.where(pairs == GROUND, len(circuit.nodes), pairs), np.concatenate(values)


def _draw_lines(axes: Axes, places: Array, ends: Array, values: Array, by: By) -> None:
    high = float(values.max(initial=0.0)) or 1.0
    least = float(values[values > 0].min(initial=high))
    low = max(least, high * 10.0**-DECADES)
    norm = LogNorm(low, high if high > low else 2 * low, clip=True)
    # Where hundreds of lines cross, wide ones would hide all others.
    wide = max(2 * THIN, WIDE * min(1.0, np.sqrt(CROWDED / len(ends))))
    order = np.argsort(values)
    widths = THIN + (wide - THIN) * np.asarray(norm(np.maximum(values[order], low))) ** 2
    lines = LineCollection(
        paths(places, ends[order]), linewidths=widths, array=np.maximum(values[order], low), cmap=COLOURS, norm=norm,
        zorder=1, rasterized=len(ends) > FINE,
    )  # fmt: skip
    axes.add_collection(lines)
    extend = "min" if float(values.min()) < low else "neither"
    axes.figure.colorbar(ScalarMappable(norm, COLOURS), ax=axes, label=quantity(by), shrink=0.8, extend=extend)


def paths(places: Array, ends: Array) -> list[Array]:
    """The lines (points, 2) between nodes at ``places`` (n, 2): straight, or bent around nodes that are in between.

    An edge around a periodic lattice would else lie on those of the whole row.
    """
    lines = list(places[ends])
    if not 0 < len(ends) <= FINE:
        return lines
    steps = np.diff(places[ends], axis=1)[:, 0]
    lengths = np.linalg.norm(steps, axis=1)
    at = places[np.isfinite(places).all(axis=1)]
    # One that passes over a node is as long as two, so that the shorter half need not be looked at.
    for k in np.flatnonzero((lengths > 0) & (lengths > np.median(lengths))):
        across = steps[k, ::-1] * [-1, 1]
        along, off = ((at - places[ends[k, 0]]) @ np.stack([steps[k], across], axis=1)).T / lengths[k] ** 2
        if np.any((np.abs(off) < TOUCHING) & (along > TOUCHING) & (along < 1 - TOUCHING)):
            middle = places[ends[k]].mean(axis=0) + BEND * across
            t = np.linspace(0, 1, 25)[:, None]
            lines[k] = (1 - t) ** 2 * places[ends[k, 0]] + 2 * t * (1 - t) * middle + t**2 * places[ends[k, 1]]
    return lines


def quantity(by: By) -> str:
    """What lines or fields are drawn by, with its unit."""
    return f"{by} ({UNITS[by]})" if by == "conductance" else f"mean {by} ({UNITS[by]})"


def _draw_nodes(axes: Axes, circuit: Circuit, places: Array, shown: Array, outputs: Iterable[str]) -> None:
    n = len(circuit.nodes)
    inputs = {k if k != GROUND else n for k in driven_nodes(circuit)} - {n}
    read = {circuit.node(name) for name in outputs} - {GROUND}
    reached = set(shown.tolist())
    kinds = {"input": inputs & reached, "output": (read - inputs) & reached, "ground": {n} & reached}
    alone = set(satellites(circuit).tolist())
    plain = np.array(sorted(reached - set().union(*kinds.values())), dtype=np.intp)
    size = 24.0 * min(1.0, 120 / max(len(shown), 1))
    # Voltages of single gates are many, and stand where there is little room.
    small = sorted(kinds["input"] & alone) if len(alone) > NAMED else []
    kinds["input"] -= set(small)
    if small:
        x, y = places[small].T
        axes.scatter(x, y, s=5, zorder=3, **{**INPUT, "label": "gate voltage", "linewidths": 0.3})
    styles = {"input": INPUT, "output": OUTPUT, "ground": GROUNDED}
    if size > 0.5:
        axes.scatter(places[plain, 0], places[plain, 1], s=size, linewidths=min(1.0, size / 10), zorder=2, **NODE)
    for kind, nodes in kinds.items():
        if nodes:
            x, y = places[sorted(nodes)].T
            axes.scatter(x, y, s=max(2 * size, 18), linewidths=0.7, zorder=3, **styles[kind])
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4, fontsize="small", frameon=False)
    named = [k for k in shown.tolist() if k not in small]
    if len(named) <= LABELLED:
        names = [*circuit.nodes, "ground"]
        for k in named:
            axes.annotate(as_drawn(names[k]), places[k], (0, 5), **LABEL)


def _others(circuit: Circuit) -> Array:
    """The ends (k, 2) of links between nodes by other elements than resistors and sources; none to ground."""
    driven = driven_nodes(circuit)
    found = [np.zeros((0, 2), dtype=np.intp)]
    for group in circuit.groups:
        plain = group.device.name in ("resistor", "voltage source", "current source")
        if plain or not len(group) or transistor_terminals(group) is not None:
            continue
        nodes = np.where(group.index < len(circuit.nodes), group.index, GROUND)
        for a in range(nodes.shape[1]):
            for b in range(a):
                pairs = nodes[:, [a, b]]
                found.append(pairs[(pairs != GROUND).all(axis=1) & ~np.isin(pairs, driven).all(axis=1)])
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
