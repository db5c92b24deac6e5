"""The picture of a circuit: nodes in layers from the sources on, and every element between its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.elaboration.names import plain_notation
from netlearn.report.charts import Chart, Label, Shape
from netlearn.report.engineering import engineering
from netlearn.report.placement import layout

MOST = 400
"""Circuits with more elements are not drawn, by convention: nothing would be seen."""
LABELLED = 60
"""With more elements, these bear no names, by convention."""
STEP_X, STEP_Y, MARGIN = 150.0, 90.0, 60.0
"""Distances of neighbouring nodes and the margin, in pixels, by convention: an element with its name and value stands
between two."""
MOST_STEPS = 8
"""The size of a picture, in steps from node to node, by convention: it fits on a screen."""
VALUES = {
    "resistor": ("resistance", "ohm"),
    "voltage source": ("dc", "V"),
    "current source": ("dc", "A"),
}


def schematic(circuit: Circuit, positions: Mapping[str, Sequence[float]] | None = None) -> Chart | None:
    """The circuit as a chart, nodes at their ``positions`` if these are given; None where it is too large or empty."""
    count = sum(len(group) for group in circuit.groups)
    if not 0 < count <= MOST:
        return None
    places = layout(circuit, positions)
    missing = ~np.isfinite(places).all(axis=1)
    # What no element joins to the rest stands in a row below, or is all that there is.
    placed = places[~missing] if not missing.all() else np.zeros((1, 2))
    low, high = placed.min(axis=0), placed.max(axis=0)
    places[missing, 0] = low[0] + np.arange(missing.sum())
    places[missing, 1] = low[1] - 0.3 * (high[1] - low[1])
    low, high = places.min(axis=0), places.max(axis=0)
    spans = np.where(high > low, high - low, 1.0)
    columns = np.unique(np.round((places[:, 0] - low[0]) / spans[0], 2))
    rows = np.unique(np.round((places[:, 1] - low[1]) / spans[1], 2))
    width = 2 * MARGIN + STEP_X * min(max(len(columns) - 1, 1), MOST_STEPS)
    height = 2 * MARGIN + STEP_Y * min(max(len(rows) - 1, 1), MOST_STEPS)
    x = MARGIN + (places[:, 0] - low[0]) / spans[0] * (width - 2 * MARGIN)
    y = MARGIN + (high[1] - places[:, 1]) / spans[1] * (height - 2 * MARGIN)
    chart = Chart("Circuit", f"{count} elements, {len(circuit.nodes)} nodes", round(width, 1), round(height, 1))
    beside: dict[tuple[int, ...], int] = {}
    nodes, labelled = len(circuit.nodes), count <= LABELLED
    for group in circuit.groups:
        value = VALUES.get(group.device.name)
        for k in range(len(group)):
            ends = [int(n) for n in np.asarray(group.index)[k] if n < nodes]
            ends = [nodes if n == GROUND else n for n in ends][: len(group.device.unknowns)]
            text = plain_notation(group.names[k])
            if value is not None:
                number = float(np.ravel(np.atleast_2d(group.values[value[0]])[0])[k])
                text = f"{text} {engineering(number, value[1], 4)}"
            _element(chart, np.stack([x, y]), ends, (group.device.name, text if labelled else ""), beside)
    for k, name in enumerate([*circuit.nodes, "0"]):
        if "#" in name:
            continue
        chart.shapes.append(Shape("ground" if k == nodes else "node", round(float(x[k]), 1), round(float(y[k]), 1)))
        if labelled:
            chart.labels.append(Label(round(float(x[k]), 1), round(float(y[k]) - 10, 1), name, kind="node-name"))
    return chart


def _element(
    chart: Chart, places: Array, ends: list[int], words: tuple[str, str], beside: dict[tuple[int, ...], int]
) -> None:
    """Draw one element, a little aside where others have the same nodes."""
    (device, text), (x, y) = words, places
    kind = "resistor" if device == "resistor" else "source" if "source" in device else "device"
    pair = tuple(sorted(set(ends)))
    number = beside[pair] = beside.get(pair, -1) + 1
    cx, cy = float(np.mean(x[ends])), float(np.mean(y[ends]))
    if len(pair) == 2:
        along = np.array([x[pair[1]] - x[pair[0]], y[pair[1]] - y[pair[0]]])
        length = float(np.hypot(*along)) or 1.0
        shift = 22.0 * ((number + 1) // 2) * (1 if number % 2 else -1)
        cx, cy = cx - along[1] / length * shift, cy + along[0] / length * shift
    elif len(pair) == 1:
        cy += 30.0 + 22.0 * number
    else:
        cy += 14.0 * number
    for end in dict.fromkeys(ends):
        at = round(float(x[end]), 1), round(float(y[end]), 1)
        chart.shapes.append(Shape(kind, *at, round(cx, 1), round(cy, 1)))
    chart.shapes.append(Shape(f"{kind}-body", round(cx, 1), round(cy, 1)))
    if text:
        # Sources lie across the circuit, where names of nodes stand below.
        chart.labels.append(
            Label(round(cx, 1), round(cy + (-11 if kind == "source" else 15), 1), text, kind="element-name")
        )
