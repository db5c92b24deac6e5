"""The elaborated circuit in other forms: flat SPICE, an ngspice deck with its data, JSON, GraphML, CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.errors import NetlearnError
from netlearn.named_models import NamedModel, NamedModels
from netlearn.ngspice.forms import inside_nodes

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no character to XML 1.0 (section 2.2)."""

NAMELESS: Mapping[str, str] = {}

PRINCIPAL = ("resistance", "dc", "gain")
"""The value that stands by itself in an element line."""


@dataclass(frozen=True)
class ElementRow:
    """One element: what its terminals are connected to, its values that are not defaults, and its model if it has one.

    ``terminals`` maps the device's names for its unknowns to nodes, or to ``i(v1)`` for a branch
    current. Values that differ by sample are those of the first.
    """

    name: str
    device: str
    terminals: Mapping[str, str]
    values: Mapping[str, float]
    model: NamedModel | None = None

    @property
    def modelled(self) -> dict[str, str]:
        """The name of the model and its type, where there is one."""
        return {} if self.model is None else {"model": self.model.name, "type": self.model.type}


def export_json(circuit: Circuit, names: Mapping[str, str] = NAMELESS) -> str:
    """Nodes, branches, elements, models and environment as JSON; volts, amperes, ohms, degrees Celsius.

    ``names`` is what the netlist calls the models of its elements, by element.
    """
    environment, models = circuit.environment, NamedModels(names)
    rows = list(element_rows(circuit, models))
    content = {
        "nodes": outer_nodes(circuit),
        "branches": list(circuit.branches),
        "temperature": environment.temperature - ZERO_CELSIUS,
        "gmin": environment.gmin,
        "elements": [
            {"name": row.name, "device": row.device, "terminals": row.terminals, "values": row.values, **row.modelled}
            for row in rows
        ],
        "models": [{"name": m.name, "type": m.type, "values": m.values} for m in models.found.values()],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def export_csv(circuit: Circuit, names: Mapping[str, str] = NAMELESS) -> str:
    """One line for each element: name, device, connections in order, its main value, other values, model and its type.

    ``names`` is what the netlist calls the models of its elements, by element.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["element", "device", "connections", "value", "parameters", "model", "type"])
    for row in element_rows(circuit, NamedModels(names)):
        main = next((row.values[name] for name in PRINCIPAL if name in row.values), "")
        rest = " ".join(f"{name}={value!r}" for name, value in row.values.items() if name not in PRINCIPAL)
        said = row.modelled or {"model": "", "type": ""}
        writer.writerow([row.name, row.device, " ".join(row.terminals.values()), main, rest, *said.values()])
    return text.getvalue()


def export_graphml(circuit: Circuit, names: Mapping[str, str] = NAMELESS) -> str:
    """The circuit as an undirected multigraph in GraphML.

    Nodes are the circuit's, with ``0`` for ground. An element between two nodes p and n is an edge,
    with its controls as an attribute; one with more terminals is a node of its own (kind
    ``element``), with an edge for each terminal. ``names`` is what the netlist calls the models of its elements, by
    element.

    Raises NetlearnError for a name with a character that XML cannot hold.
    """
    for name in (*circuit.nodes, *(name for group in circuit.groups for name in group.names)):
        if bad := _NOT_XML.search(name):
            raise NetlearnError(
                f"GraphML cannot hold the name '{name}', as XML has no character U+{ord(bad[0]):04X}",
                hint="export json, or rename it",
            )
    root = ElementTree.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    keys = _Keys(root)
    graph = ElementTree.Element("graph", id="circuit", edgedefault="undirected")
    for name in ("0", *outer_nodes(circuit)):
        keys.attach(ElementTree.SubElement(graph, "node", id=f"n:{name}"), "node", {"name": name, "kind": "node"})
    for k, row in enumerate(element_rows(circuit, NamedModels(names))):
        attributes: dict[str, str | float] = {"name": row.name, "device": row.device, **row.modelled, **row.values}
        ends = list(row.terminals.values())
        if len(ends) > 2 and not _is_controlled(row):
            keys.attach(ElementTree.SubElement(graph, "node", id=f"e:{k}"), "node", {**attributes, "kind": "element"})
            for terminal, node in row.terminals.items():
                edge = ElementTree.SubElement(graph, "edge", id=f"{k}.{terminal}", source=f"e:{k}", target=f"n:{node}")
                keys.attach(edge, "edge", {"terminal": terminal})
            continue
        if len(ends) > 2:
            attributes["controls"] = " ".join(ends[2:])
        edge = ElementTree.SubElement(graph, "edge", id=str(k), source=f"n:{ends[0]}", target=f"n:{ends[1]}")
        keys.attach(edge, "edge", attributes)
    root.append(graph)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def element_rows(circuit: Circuit, models: NamedModels) -> Iterator[ElementRow]:
    """All elements of a circuit, group by group; their models are put to those that are known."""
    for group in circuit.groups:
        yield from _rows(circuit, group, models.of(group))


def outer_nodes(circuit: Circuit) -> list[str]:
    """The nodes that terminals of elements can be at: none of those inside of elements, behind their resistances."""
    inside = {number for group in circuit.groups for _, number, _ in inside_nodes(group)}
    return [name for number, name in enumerate(circuit.nodes) if number not in inside]


def _rows(circuit: Circuit, group: Group, models: Sequence[NamedModel | None]) -> Iterator[ElementRow]:
    device = group.device
    shown = [t for t, unknown in enumerate(device.unknowns) if unknown != "i" and unknown not in device.internal]
    first = {name: np.asarray(v)[0] if np.ndim(v) == 2 else np.asarray(v) for name, v in group.values.items()}
    columns = {name: np.broadcast_to(v, len(group)).tolist() for name, v in first.items()}
    for k, name in enumerate(group.names):
        yield ElementRow(
            name,
            device.name,
            {device.unknowns[t]: _unknown(circuit, int(group.index[k, t])) for t in shown},
            {
                value: column[k]
                for value, column in columns.items()
                if np.isfinite(column[k]) and (column[k] != device.parameters.get(value) or value in PRINCIPAL)
            },
            models[k],
        )


def _unknown(circuit: Circuit, number: int) -> str:
    if number == GROUND:
        return "0"
    n = len(circuit.nodes)
    return circuit.nodes[number] if number < n else f"i({circuit.branches[number - n]})"


def _is_controlled(row: ElementRow) -> bool:
    return list(row.terminals)[:2] == ["p", "n"]


class _Keys:
    """GraphML's declarations of attributes, made as they are needed."""

    def __init__(self, root: ElementTree.Element) -> None:
        self._root = root
        self._ids: dict[tuple[str, str], str] = {}

    def attach(self, item: ElementTree.Element, domain: str, attributes: Mapping[str, str | float]) -> None:
        for name, value in attributes.items():
            key = domain, name
            if key not in self._ids:
                self._ids[key] = f"k{len(self._ids)}"
                kind = "string" if isinstance(value, str) else "double"
                names = {"id": self._ids[key], "for": domain, "attr.name": name, "attr.type": kind}
                ElementTree.SubElement(self._root, "key", names)
            ElementTree.SubElement(item, "data", key=self._ids[key]).text = str(value)
