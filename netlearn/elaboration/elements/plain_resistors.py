"""Runs of plain resistors, elaborated as arrays."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.linear import RESISTOR
from netlearn.elaboration.body import Body
from netlearn.elaboration.distinct_words import DistinctWords
from netlearn.elaboration.elements.resistors import LEAST, PARALLEL
from netlearn.elaboration.template import NOTHING, Rows
from netlearn.elaboration.text_names import TextNames
from netlearn.errors import Place
from netlearn.netlist.statements import Block


def add_block(body: Body, block: Block, chain: tuple[Place, ...]) -> None:
    """Put a run of resistors into the body's template."""
    source, spans = block.source, np.asarray(block.spans)
    graph = body.shared.graph
    names = TextNames(source.text, spans[:, 0])
    body.take_names(source, spans[:, 0], chain)
    nodes = _nodes(body, source.text, spans[:, 1:3].reshape(-1, 2))
    if body.parent is not None:
        for name in body.shared.globals:
            if body.template.nodes.has(name):
                body.node(name)
    written = quantities = graph.literals(block.values, source, spans[:, 3, 0], spans[:, 3, 1])
    shorted = np.flatnonzero(np.asarray(block.values) == 0)
    if len(shorted):
        quantities, written = quantities.copy(), written.copy()
        quantities[shorted], written[shorted] = graph.constant(LEAST), NOTHING
        for start, end, value_start, value_end in spans[shorted][:, [0, 3]].reshape(-1, 4).tolist():
            body.shared.shorted.append((source.text[start:end], source.place(value_start, value_end, chain)))
    if body.multiplier is not None:
        quantities = np.array([graph.compute(PARALLEL, (int(q), body.multiplier)) for q in quantities])
    places = np.empty((len(spans), 3), np.int64)
    places[:, 0], places[:, 1:] = graph.source_number(source), spans[:, 0]
    index = nodes.reshape(-1, 2)
    body.template.table(RESISTOR).extend(Rows(index, {"resistance": quantities}, [("", names)], places, written))


def _nodes(body: Body, text: str, ends: Array) -> Array:
    """The numbers (2k,) of the nodes whose names stand at ``ends`` (2k, 2)."""
    words = DistinctWords.of(text, ends)
    nodes = body.template.nodes
    return nodes.intern(list(TextNames(text, ends))) if words is None else nodes.intern_words(words)
