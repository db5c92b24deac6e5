"""Inductors that lie in a loop of voltage sources, where ideal ones would leave the currents open.

An inductor is a short at the operating point. Where shorts close a loop with each other or with sources, the
currents in it follow from the inductances, as if all had been switched on at the same time: what goes through
inductors in parallel is shared in inverse proportion to them. Tiny resistances in proportion to the inductances
come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE, WINDING
from netlearn.elaboration.template import Rows
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.errors import NetlistError, Place

LARGEST = 1e-9
"""The resistance, in ohms, that the largest inductor of a loop gets. Beside resistors of a milliohm to a megohm the
currents of a loop are right to 1e-7, with a tenth to 6e-8, with a thousandth to 4e-4, and with ten times as much to
1e-6 (benchmarks/constants_of_reading.py)."""
_SAME = 1e-12
"""Relative rounding of what a few operations make of one number, some thousand times float64's."""


@dataclass(frozen=True)
class WindingPart:
    """All elements of one device: their names, and their connections (k, T) with GROUND for ground."""

    device: Device
    names: Sequence[str]
    index: Array
    rows: Rows


def part_windings(
    parts: Sequence[WindingPart], values: Array, nodes: int, graph: ValueGraph, place: Callable[[Array], Place]
) -> list[WindingPart]:
    """The parts with inductors in loops as windings. Raises NetlistError for one that lies across a voltage.

    ``values`` are those of all quantities; ``place`` gives the place for a row of ``Rows.places``.
    """
    chosen = [_inductors(part) for part in parts]
    if not any(inductors.any() for inductors in chosen):
        return list(parts)
    ends = [part.index[:, :2] if part.device.unknowns[-1] == "i" else np.zeros((0, 2), int) for part in parts]
    edges = np.concatenate([*ends, np.zeros((0, 2), int)])
    edges = np.where(edges == GROUND, nodes, edges)
    shape = (nodes + 1, nodes + 1)
    joined = sparse.coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=shape)
    count, label = csgraph.connected_components(joined, directed=False)
    looped = np.bincount(label[edges[:, 0]], minlength=count) >= np.bincount(label, minlength=count)
    found: list[WindingPart] = []
    for part, both, inductors in zip(parts, ends, chosen, strict=True):
        if not inductors.any():
            found.append(part)
            continue
        inductors[inductors] = looped[label[both[inductors][:, 0]]]
        if not inductors.any():
            found.append(part)
            continue
        _refuse_voltages(_sources(parts, values), part, _between_sources(parts, part, inductors, nodes), place)
        component = label[both[inductors][:, 0]]
        resistances = _resistances(values[part.rows.written[inductors]], component)
        distinct, which = np.unique(resistances, return_inverse=True)
        quantities = np.array([graph.constant(value) for value in distinct.tolist()], np.int64)[which]
        others, windings = _chosen(part, ~inductors), _chosen(part, inductors)
        made = {"resistance": quantities, "inductance": windings.rows.written}
        found += [others, replace(windings, device=WINDING, rows=replace(windings.rows, values=made))]
    return found


def _inductors(part: WindingPart) -> Array:
    """(k,) which elements of a part are inductors without a resistance of their own."""
    if part.device is not VOLTAGE_SOURCE:
        return np.zeros(len(part.index), bool)
    return np.array([is_inductor(name) for name in part.names], bool)


def is_inductor(name: str) -> bool:
    """Whether the name of an element, as ngspice writes it, is that of an inductor."""
    return name.startswith("l")


def _resistances(inductances: Array, component: Array) -> Array:
    """(k,) resistances in proportion to the inductances of each component."""
    size = np.abs(np.where(np.isfinite(inductances) & (inductances != 0), inductances, 1.0))
    largest = np.zeros(component.max() + 1)
    np.maximum.at(largest, component, size)
    return np.asarray(LARGEST * size / largest[component])


def _chosen(part: WindingPart, chosen: Array) -> WindingPart:
    rows = part.rows
    names = [name for name, take in zip(part.names, chosen.tolist(), strict=True) if take]
    values = {name: ids[chosen] for name, ids in rows.values.items()}
    picked = Rows(rows.index[chosen], values, [("", names)], rows.places[chosen], rows.written[chosen])
    return WindingPart(part.device, names, part.index[chosen], picked)


def _between_sources(parts: Iterable[WindingPart], part: WindingPart, inductors: Array, nodes: int) -> Array:
    """(k,) which inductors are joined to two nodes of sources, as others cannot lie across a voltage."""
    held = np.concatenate([other.index[~_inductors(other), :2] for other in parts if other.device is VOLTAGE_SOURCE])
    ends, held = (np.where(each == GROUND, nodes, each) for each in (part.index[:, :2], held))
    first, second = ends[inductors].T
    joined = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(nodes + 1, nodes + 1))
    count, label = csgraph.connected_components(joined, directed=False)
    found: Array = inductors & (np.bincount(label[np.unique(held)], minlength=count) > 1)[label[ends[:, 0]]]
    return found


class _Potentials:
    """Nodes that sources of known voltages join, with their potentials against each other."""

    def __init__(self) -> None:
        self._above: dict[int, tuple[int, float]] = {}

    def root(self, node: int) -> tuple[int, float]:
        """The node that stands for all that are joined to this one, and the voltage from it to this one."""
        voltage = 0.0
        while node in self._above:
            node, step = self._above[node]
            voltage += step
        return node, voltage

    def join(self, plus: int, minus: int, voltage: float) -> float | None:
        """Put a source between two nodes: None, or what is there already if they are joined."""
        (above, a), (below, b) = self.root(plus), self.root(minus)
        if above == below:
            return a - b
        self._above[above] = (below, voltage + b - a)
        return None


def _sources(parts: Iterable[WindingPart], values: Array) -> _Potentials:
    """What the independent sources hold the nodes at."""
    potentials = _Potentials()
    for part in parts:
        if part.device is VOLTAGE_SOURCE:
            sources = np.flatnonzero(~_inductors(part))
            levels = values[part.rows.values["dc"][sources]].tolist()
            for (plus, minus), level in zip(part.index[sources, :2].tolist(), levels, strict=True):
                potentials.join(plus, minus, level)
    return potentials


def _refuse_voltages(
    potentials: _Potentials, part: WindingPart, inductors: Array, place: Callable[[Array], Place]
) -> None:
    """Raise NetlistError for an inductor between nodes that sources hold at different potentials."""
    for k in np.flatnonzero(inductors).tolist():
        plus, minus = part.index[k, :2].tolist()
        across = potentials.join(plus, minus, 0.0)
        if across is not None and abs(across) > _SAME:
            raise NetlistError(
                f"the inductor '{part.names[k]}' lies across {across:g} V: at DC nothing limits its current",
                place(part.rows.places[k]),
                "put the resistance of its winding in series with it",
            )
