"""Networks as networkx has them: graphs to netlists, and netlists to graphs."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from netlearn.argument_types import checked
from netlearn.arguments import netlist_of
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, OptionError, did_you_mean
from netlearn.formats import element_rows, outer_nodes
from netlearn.generate import position_lines
from netlearn.learn.settings import DIRECTIVES
from netlearn.named_models import NamedModels
from netlearn.netlist.directives import read_directive
from netlearn.netlist.lines import one_line
from netlearn.netlist.netlist import Netlist, parse
from netlearn.netlist.numbers import format_number
from netlearn.overrides import NetlistLike, settings_for

if TYPE_CHECKING:
    import networkx as nx

GROUNDS = ("0", "gnd", "ground")
"""What a node is called that is ground without being named as such."""

SOURCES = {"voltage source": "V", "current source": "I"}
DIODE = "diode"
"""What an edge is that holds one, and the model of one that names none."""
DIODES = {name for kind in (MODEL_TYPES["d"], *MODEL_TYPES["d"].variants.values()) for name in kind.devices}
"""What else one is called, of other equations."""
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*", re.ASCII)
_LINE_END = re.compile(r"[\r\n]")


@checked
def from_networkx(
    graph: nx.Graph[Any],
    inputs: Iterable[Any] = (),
    outputs: Iterable[Any] = (),
    *,
    ground: Hashable | None = None,
    resistance: str | float = "resistance",
    conductance: str | None = None,
    positions: str | Mapping[Any, Sequence[float]] = "pos",
    models: Mapping[str, str] | None = None,
    data: str | os.PathLike[str] | None = None,
    title: str = "",
    **directives: str | Sequence[str],
) -> Netlist:
    """A netlist of resistors, and of diodes among them, on the edges of a graph.

    Parameters
    ----------
    graph : any networkx graph; each edge is a resistor, also where several join the same nodes. An edge with an
        attribute ``device`` may be a "resistor", a "voltage source" or "current source" of ``dc``, as
        :func:`to_networkx` makes them, or a "diode" of the edge's ``model`` or one called "diode", times its ``area``
        and ``m`` and at its ``temp`` or ``dtemp`` (°C). It conducts from the first of the edge's ``ends`` to the
        second, or, in directed graphs, from the first node of the edge.
    inputs : what voltage sources V1, V2, ... drive: nodes, against ground, or pairs of nodes.
    outputs : what is measured: nodes, against ground, or pairs of nodes.
    ground : the node that is ground; else the one called "0", "gnd" or "ground".
    resistance : ohms of every resistor, or the edges' attribute that holds them. Where none is named and no edge has
        "resistance", 1 kΩ.
    conductance : the attribute that holds siemens instead.
    positions : where nodes lie, by node, or the nodes' attribute that holds it; nodes without one that are pairs of
        numbers, such as those of ``networkx.grid_2d_graph``, lie there. They become ``*@position`` lines.
    models : what follows the names of ``.model`` lines, by name: ``{"diode": "d is=1e-9 n=1.5"}``. Models of diodes
        that are not among them are those of the graph's own attribute ``models``, as :func:`to_networkx` has them, or
        SPICE's own diode.
    data : the file of samples that the netlist names.
    title : the first line.
    directives : further ``*@`` lines, by name: ``train="R* min=100"``, ``optimizer="adam lr=0.1"``. Every
        resistor is trained where none says otherwise.

    Nodes keep their names where SPICE can have them; 3 is called n3, and (0, 1) n0_1. ``V1``, ... are the columns of
    the data, and an array's columns in the order of ``inputs``.

    Raises OptionError for a graph without ground, nodes that hang from nothing, loops, and resistances that
    are not above 0.
    """
    if not hasattr(graph, "edges") or not hasattr(graph, "nodes"):
        raise OptionError(f"a {type(graph).__name__} is not a graph", hint="give a networkx.Graph")
    names = _names(graph, _ground(graph, ground))
    sources = [_ends(graph, names, each, "input") for each in inputs]
    probes = [_ends(graph, names, each, "output") for each in outputs]
    elements = list(_elements(graph, names, resistance, conductance, len(sources)))
    elements += _models(graph, models or {})
    _check_connected(graph, names, sources)
    lines = [one_line(f"* {title or f'{type(graph).__name__} of {len(names)} nodes'}")]
    said: dict[str, list[str]] = {"data": [os.fspath(data)]} if data is not None else {}
    if sources:
        said["input"] = [" ".join(f"V{k}" for k in range(1, len(sources) + 1))]
    if probes:
        said["output"] = [" ".join(f"V({p})" if n == "0" else f"V({p},{n})" for p, n in probes)]
    said |= {name: [text] if isinstance(text, str) else list(text) for name, text in directives.items()}
    for name, texts in said.items():
        for text in texts:
            if _LINE_END.search(text):
                raise OptionError(f"'{name}' is more than one line: {text!r:.80}", hint="give a list of such texts")
            read_directive(f"{name} {text}", DIRECTIVES)
            lines.append(f"*@{name} {text}")
    lines += _position_lines(graph, names, positions)
    lines += [f"V{k} {p} {n} 0" for k, (p, n) in enumerate(sources, start=1)]
    return parse("\n".join([*lines, *elements, ".end", ""]), "<graph>")


@checked
def to_networkx(netlist: NetlistLike | Circuit) -> nx.MultiGraph[Any]:
    """The flat circuit of a netlist as a networkx MultiGraph, with ground as the node "0".

    An element between two nodes is an edge whose key is its name, with the attributes ``name``, ``device``, its
    values by name (ohms, volts, amperes, ...), and ``conductance`` in siemens for resistors; further nodes that
    control it are its attribute ``controls``. An element with more terminals is a node of its own, ``kind``
    "element", with an edge for each terminal. Positions are the nodes' attribute ``pos``. Diodes, transistors and
    switches have the name of their ``model`` and its ``type``, such as "npn"; the graph's attribute ``models`` has
    what follows the name in the model's line. Values that are not given are the type's defaults.

    Raises NetlearnError without networkx, and what reading and elaborating raise.
    """
    try:
        networkx = import_module("networkx")
    except ImportError:
        raise NetlearnError("graphs take networkx", hint="pip install 'netlearn[networkx]'") from None
    places: Mapping[str, Sequence[float]] = {}
    circuit, models = netlist, NamedModels()
    if not isinstance(circuit, Circuit):
        source = netlist_of(circuit)
        places, design = settings_for(source, {}).position, elaborate(source, keeping=True)
        circuit, models = design.circuit, NamedModels(design.model_names)
    graph = networkx.MultiGraph()
    for name in ("0", *outer_nodes(circuit)):
        graph.add_node(name, kind="node", **({"pos": tuple(places[name])} if name in places else {}))
    for row in element_rows(circuit, models):
        ends = list(row.terminals.values())
        values = {"name": row.name, "device": row.device, **row.modelled, **row.values}
        if row.device == "resistor":
            values["conductance"] = 1.0 / row.values["resistance"]
        if len(ends) > 2 and list(row.terminals)[:2] != ["p", "n"]:
            graph.add_node(row.name, kind="element", **values)
            for terminal, node in row.terminals.items():
                graph.add_edge(row.name, node, key=terminal, terminal=terminal)
            continue
        controls = {"controls": tuple(ends[2:])} if len(ends) > 2 else {}
        graph.add_edge(*ends[:2], key=row.name, ends=tuple(ends[:2]), **values, **controls)
    graph.graph["models"] = {name: model.text for name, model in models.found.items()}
    return graph


def _ground(graph: nx.Graph[Any], ground: Hashable | None) -> Hashable:
    if ground is not None:
        if ground not in graph:
            raise OptionError(f"the graph has no node {ground!r} to be ground", hint=_some(graph))
        return ground
    found = [node for node in graph if isinstance(node, str) and node.lower() in GROUNDS]
    if len(found) != 1:
        said = f"several grounds ({', '.join(map(repr, found))})" if found else "no ground"
        raise OptionError(f"the graph has {said}", hint=f"say which node it is: ground={next(iter(graph), 'node')!r}")
    return found[0]


def _names(graph: nx.Graph[Any], ground: Hashable) -> dict[Hashable, str]:
    """Names that SPICE can have, no two of which differ only in case."""
    names: dict[Hashable, str] = {ground: "0"}
    taken = set(GROUNDS)
    for node in graph:
        if node == ground:
            continue
        parts = node if isinstance(node, tuple) else (node,)
        name = "_".join(map(str, parts))
        if not isinstance(node, str) or not _NAME.fullmatch(name):
            name = "n" + re.sub(r"[^A-Za-z0-9_]+", "_", name)
        number, free = 2, name
        while free.lower() in taken:
            number, free = number + 1, f"{name}_{number}"
        taken.add(free.lower())
        names[node] = free
    return names


def _ends(graph: nx.Graph[Any], names: Mapping[Hashable, str], given: Any, what: str) -> tuple[str, str]:
    if isinstance(given, Hashable) and given in names:
        if names[given] == "0":
            raise OptionError(f"the {what} {given!r} is ground")
        return names[given], "0"
    if isinstance(given, tuple | list) and len(given) == 2 and all(each in names for each in given):
        return names[given[0]], names[given[1]]
    raise OptionError(f"the graph has no node {given!r} for an {what}", hint=_some(graph))


def _elements(
    graph: nx.Graph[Any],
    names: Mapping[Hashable, str],
    resistance: str | float,
    conductance: str | None,
    sources: int,
) -> Iterator[str]:
    edges = list(graph.edges(data=True))
    attribute = conductance or (resistance if isinstance(resistance, str) else None)
    known = attribute is not None and any(attribute in values for _, _, values in edges)
    if not known and (conductance or attribute not in (None, "resistance")):
        attributes = {str(each) for _, _, values in edges for each in values}
        raise OptionError(f"no edge has the attribute '{attribute}'", hint=did_you_mean(str(attribute), attributes))
    taken = {f"v{k}" for k in range(1, sources + 1)}
    numbers = Counter[str]()
    for a, b, values in edges:
        # An undirected edge does not remember which end came first; to_networkx does.
        ends = values.get("ends")
        p, n = ends if ends is not None and {*map(str, ends)} == {str(a), str(b)} else (a, b)
        shown = f"the edge {a!r} - {b!r}"
        device = values.get("device", "resistor")
        if a == b and device not in SOURCES:
            raise OptionError(f"{shown} leads back to where it comes from", hint="graph.remove_edges_from(...)")
        if device in SOURCES:
            letter, value = SOURCES[device], format_number(_dc(values, shown))
        elif device in DIODES:
            if ends is None and not graph.is_directed():
                hint = "ends=(anode, cathode) as an attribute of the edge, or a directed graph"
                raise OptionError(f"{shown} does not say which way its diode conducts", hint=hint)
            letter, value = "D", " ".join([_model_of(values, shown), *_instance(values, shown)])
        elif device == "resistor":
            ohms = _ohms(values, attribute if known else None, resistance, conductance, shown)
            letter, value = "R", format_number(ohms)
        else:
            hint = "netlist.add puts other elements into what is made of the graph without them"
            message = f"{shown} is a {device}, and only resistors, diodes and sources can be made of edges"
            raise OptionError(message, hint=hint)
        name = str(values.get("name", ""))
        if not _NAME.fullmatch(name) or name[0].upper() != letter or name.lower() in taken:
            numbers[letter] += 1
            while f"{letter}{numbers[letter]}".lower() in taken:
                numbers[letter] += 1
            name = f"{letter}{numbers[letter]}"
        taken.add(name.lower())
        yield f"{name} {names[p]} {names[n]} {value}"


def _model_of(values: Mapping[str, Any], shown: str) -> str:
    model = values.get("model", DIODE)
    if not isinstance(model, str) or not _NAME.fullmatch(model):
        raise OptionError(f"the model of {shown} is {model!r}, not a name", hint="models={'name': 'd is=1e-9'} says it")
    return model


def _instance(values: Mapping[str, Any], shown: str) -> Iterator[str]:
    for name in ("area", "m", "temp", "dtemp"):
        if name in values:
            yield f"{name}={format_number(_number(values, name, shown))}"


def _models(graph: nx.Graph[Any], given: Mapping[str, str]) -> list[str]:
    """The ``.model`` lines, those of diodes of which nothing else is said among them."""
    for name, text in given.items():
        if not _NAME.fullmatch(name) or _LINE_END.search(text):
            raise OptionError(f"{name!r}: {text!r} is no model", hint="models={'name': 'd is=1e-9'}")
    said = {name.lower() for name in given}
    kinds = (values for _, _, values in graph.edges(data=True) if values.get("device") in DIODES)
    used = dict.fromkeys(str(values.get("model", DIODE)) for values in kinds)
    own = graph.graph.get("models")
    texts = {str(name).lower(): text for name, text in own.items()} if isinstance(own, Mapping) else {}
    others = {}
    for name in used:
        if name.lower() not in said:
            text = texts.get(name.lower(), "d")
            if not isinstance(text, str) or _LINE_END.search(text):
                raise OptionError(f"{name!r}: {text!r} among the graph's models is none", hint="such as 'd is=1e-9'")
            others[name.lower()] = f".model {name} {text}"
    return [*(f".model {name} {text}" for name, text in given.items()), *others.values()]


def _dc(values: Mapping[str, Any], shown: str) -> float:
    return _number(values, "dc", shown, " of volts or amperes")


def _number(values: Mapping[str, Any], name: str, shown: str, what: str = "") -> float:
    try:
        number = float(values[name])
    except (KeyError, TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise OptionError(f"'{name}' of {shown} is {values.get(name)!r}, not a number{what}")
    return number


def _ohms(
    values: Mapping[str, Any], attribute: str | None, resistance: str | float, conductance: str | None, shown: str
) -> float:
    if attribute is None:
        value: Any = 1e3 if isinstance(resistance, str) else resistance
    elif attribute in values:
        value = values[attribute]
    else:
        raise OptionError(f"{shown} has no '{attribute}', which other edges have")
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 < number < np.inf:
        raise OptionError(f"the {'conductance' if conductance else 'resistance'} of {shown} is {value!r}, not above 0")
    return 1.0 / number if conductance else number


def _check_connected(graph: nx.Graph[Any], names: Mapping[Hashable, str], sources: Sequence[tuple[str, str]]) -> None:
    """Raise OptionError for nodes that no path joins to ground."""
    joined: dict[str, set[str]] = {name: set() for name in names.values()}
    for p, n in [*((names[a], names[b]) for a, b in graph.edges()), *sources]:
        joined[p].add(n)
        joined[n].add(p)
    reached, front = {"0"}, ["0"]
    while front:
        new = joined[front.pop()] - reached
        reached |= new
        front += new
    lost = [node for node, name in names.items() if name not in reached]
    if lost:
        shown = ", ".join(map(repr, lost[:5])) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise OptionError(f"no path leads from ground to {shown}", hint="join them, or remove_nodes_from the graph")


def _is_place(node: object) -> bool:
    """Whether a node is called by its coordinates, as those of networkx's grids are."""
    return isinstance(node, tuple) and len(node) == 2 and all(isinstance(x, int | float) for x in node)


def _position_lines(
    graph: nx.Graph[Any], names: Mapping[Hashable, str], positions: str | Mapping[Any, Sequence[float]]
) -> list[str]:
    if isinstance(positions, str):
        positions = {node: values[positions] for node, values in graph.nodes(data=True) if positions in values}
        if not positions and all(_is_place(node) for node in names):
            positions = {node: node for node in names if isinstance(node, tuple)}
    placed = [node for node in names if node in positions]
    try:
        places = np.array([tuple(map(float, positions[node])) for node in placed]).reshape(len(placed), 2)
    except (TypeError, ValueError):
        raise OptionError("positions are two numbers for each node", hint="as networkx.spring_layout gives") from None
    if not np.isfinite(places).all():
        raise OptionError(f"the position of {placed[int(np.argwhere(~np.isfinite(places))[0, 0])]!r} is not finite")
    return position_lines([names[node] for node in placed], places) if placed else []


def _some(graph: nx.Graph[Any]) -> str:
    nodes = list(graph)
    return f"its nodes are {', '.join(map(repr, nodes[:8]))}{', ...' if len(nodes) > 8 else ''}"
