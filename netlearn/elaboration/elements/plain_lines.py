"""Runs of plain resistors and sources, elaborated as arrays."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.elaboration.body import Body
from netlearn.elaboration.columns import PRINCIPAL
from netlearn.elaboration.distinct_words import DistinctWords
from netlearn.elaboration.elements.resistors import LEAST, PARALLEL
from netlearn.elaboration.elements.sources import PRODUCT
from netlearn.elaboration.template import FIRST_BRANCH, NOTHING, Rows
from netlearn.elaboration.text_names import TextNames
from netlearn.errors import Place
from netlearn.expressions.expression import Expression
from netlearn.netlist.statements import Block


def add_block(body: Body, block: Block, chain: tuple[Place, ...]) -> None:
    """Put a run of plain lines into the body's template."""
    source, spans = block.source, np.asarray(block.spans)
    graph = body.shared.graph
    names = TextNames(source.text, spans[:, 0])
    body.take_names(source, spans[:, 0], chain)
    index = _nodes(body, source.text, spans[:, 1:3].reshape(-1, 2)).reshape(-1, 2)
    if body.parent is not None:
        nodes = body.template.nodes
        # In the order in which lines name them: that of a set differs from process to process.
        for name in sorted(filter(nodes.has, body.shared.globals), key=nodes.local):
            body.node(name)
    written = graph.literals(block.values, source, spans[:, 3, 0], spans[:, 3, 1])
    if block.letter == "R":
        device: Device = RESISTOR
        quantities, written = _resistances(body, block, written, chain)
    elif block.letter == "V":
        device, quantities = VOLTAGE_SOURCE, written
        branches = body.template.branches.intern(list(names))
        index = np.column_stack([index, FIRST_BRANCH - branches])
    else:
        device, quantities = CURRENT_SOURCE, _multiplied(body, PRODUCT, written)
    values = {PRINCIPAL[device.name]: quantities}
    places = np.empty((len(spans), 3), np.int64)
    places[:, 0], places[:, 1:] = graph.source_number(source), spans[:, 0]
    body.template.table(device).extend(Rows(index, values, [("", names)], places, written))


def _resistances(body: Body, block: Block, written: Array, chain: tuple[Place, ...]) -> tuple[Array, Array]:
    """The quantities (k,) of resistances, and those that are their lines' own: zeros stand for the least."""
    source, quantities = block.source, written
    shorted = np.flatnonzero(np.asarray(block.values) == 0)
    if len(shorted):
        quantities, written = quantities.copy(), written.copy()
        quantities[shorted], written[shorted] = body.shared.graph.constant(LEAST), NOTHING
        for start, end, value_start, value_end in block.spans[shorted][:, [0, 3]].reshape(-1, 4).tolist():
            body.shared.shorted.append((source.text[start:end], source.place(value_start, value_end, chain)))
    return _multiplied(body, PARALLEL, quantities), written


def _multiplied(body: Body, formula: Expression, quantities: Array) -> Array:
    """What a formula makes of quantities and the multiplier of the instances around, if there is one."""
    if body.multiplier is None:
        return quantities
    compute, multiplier = body.shared.graph.compute, body.multiplier
    return np.array([compute(formula, (quantity, multiplier)) for quantity in quantities.tolist()])


def _nodes(body: Body, text: str, ends: Array) -> Array:
    """The numbers (2k,) of the nodes whose names stand at ``ends`` (2k, 2)."""
    words = DistinctWords.of(text, ends)
    nodes = body.template.nodes
    return nodes.intern(list(TextNames(text, ends))) if words is None else nodes.intern_words(words)
