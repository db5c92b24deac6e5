"""Crossbars: the resistors between rows and columns as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

from netlearn.report.style import as_drawn

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.report.network import COLOURS, By, quantity, resistor_values
from netlearn.report.placement import driven_nodes
from netlearn.solve.operating_point import OperatingPoint

NAMED = 40
"""Crossbars with more lines are drawn without their names, by convention: they would lie over each other."""
FILLED = 0.5
"""The part of all crossings that a crossbar has resistors at, by convention: most."""


def is_crossbar(circuit: Circuit) -> bool:
    """Whether a circuit is mostly one crossbar: driven rows, columns, a resistor at most of the crossings."""
    rows, columns, ends = _lines(circuit)
    if len(rows) < 2 or len(columns) < 2 or len(ends) < FILLED * len(rows) * len(columns):
        return False
    others = {group.device.name for group in circuit.groups if len(group)}
    resistors, _ = resistor_values(circuit, "conductance")
    to_ground = (resistors == len(circuit.nodes)).any(axis=1).sum()
    return others <= {"resistor", "voltage source", "current source"} and len(ends) + to_ground == len(resistors)


def draw_crossbar(
    axes: Axes,
    circuit: Circuit,
    title: str = "",
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    by: By = "conductance",
    point: OperatingPoint | None = None,
) -> None:
    """Draw what the resistors between ``rows`` and ``columns`` conduct, carry or dissipate together.

    Without rows and columns, nodes of sources are rows, and what they are joined to columns. Raises OptionError
    where no resistors are between them, and CircuitError for an unknown node.
    """
    given = [[circuit.node(name) for name in names] for names in (rows, columns)]
    found = _lines(circuit)
    across, down = (np.array(nodes or other, dtype=np.intp) for nodes, other in zip(given, found[:2], strict=True))
    table = _table(circuit, across, down, by, point)
    if not np.isfinite(table).any():
        raise OptionError("there are no resistors between rows and columns", hint="name their nodes: rows=, columns=")
    low, high = np.nanmin(table), np.nanmax(table)
    norm = LogNorm(low, high) if low > 0 and high > 30 * low else None
    image = axes.imshow(table, cmap=COLOURS, norm=norm, aspect="auto", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=quantity(by), shrink=0.8)
    for axis, nodes in ((axes.yaxis, across), (axes.xaxis, down)):
        if len(nodes) <= NAMED:
            names = [as_drawn(circuit.nodes[k]) for k in nodes]
            axis.set_ticks(range(len(nodes)), names, fontsize=7)
    if len(down) <= NAMED and len(down) > 8:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_xlabel("columns")
    axes.set_ylabel("rows")
    axes.set_title(title)


def _lines(circuit: Circuit) -> tuple[list[int], list[int], Array]:
    """Rows that sources drive, columns that they are joined to, and the ends of the resistors between."""
    n = len(circuit.nodes)
    rows = [k for k in driven_nodes(circuit) if k < n]
    ends, _ = resistor_values(circuit, "conductance")
    driven = np.isin(ends, rows)
    between = ends[(driven.sum(axis=1) == 1) & (ends < n).all(axis=1)]
    columns = np.setdiff1d(between, rows).tolist()
    return [k for k in rows if k in set(between.ravel().tolist())], columns, between


def _table(circuit: Circuit, rows: Array, columns: Array, by: By, point: OperatingPoint | None) -> Array:
    """(rows, columns) sums over the resistors at each crossing, NaN where there is none."""
    ends, values = resistor_values(circuit, by, point)
    place = np.full((2, len(circuit.nodes) + 1), -1)
    place[0, rows], place[1, columns] = np.arange(len(rows)), np.arange(len(columns))
    table = np.full((len(rows), len(columns)), np.nan)
    for p, n in (ends.T, ends.T[::-1]):
        i, j = place[0, p], place[1, n]
        there = (i >= 0) & (j >= 0)
        table[i[there], j[there]] = np.nan_to_num(table[i[there], j[there]])
        np.add.at(table, (i[there], j[there]), values[there])
    return table
