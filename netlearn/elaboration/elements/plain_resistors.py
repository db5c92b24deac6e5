"""Runs of plain resistors, elaborated as arrays."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.linear import RESISTOR
from netlearn.elaboration.body import Body
from netlearn.elaboration.elements.resistors import LEAST, PARALLEL
from netlearn.elaboration.names import TextNames
from netlearn.elaboration.template import NOTHING, Rows
from netlearn.errors import Place
from netlearn.netlist.statements import Block


def add_block(body: Body, block: Block, chain: tuple[Place, ...]) -> None:
    """Put a run of resistors into the body's template."""
    source, spans = block.source, np.asarray(block.spans)
    graph = body.shared.graph
    names = TextNames(source.text, spans[:, 0])
    words = _words(source.text, spans)
    body.take_names(source, words[0::3], spans[:, 0], chain)
    ends = [""] * (2 * len(spans))
    ends[0::2], ends[1::2] = words[1::3], words[2::3]
    nodes = body.template.nodes.intern(ends)
    if body.parent is not None:
        for name in body.shared.globals.intersection(body.template.nodes.numbers):
            body.node(name)
    written = quantities = graph.literals(block.values, source, spans[:, 3, 0], spans[:, 3, 1])
    shorted = np.flatnonzero(np.asarray(block.values) == 0)
    if len(shorted):
        quantities, written = quantities.copy(), written.copy()
        quantities[shorted], written[shorted] = graph.constant(LEAST), NOTHING
        body.shared.shorted += [
            (names[k], source.place(int(spans[k, 3, 0]), int(spans[k, 3, 1]), chain)) for k in shorted.tolist()
        ]
    if body.multiplier is not None:
        quantities = np.array([graph.compute(PARALLEL, (int(q), body.multiplier)) for q in quantities])
    places = np.column_stack([np.full(len(spans), graph.source_number(source)), spans[:, 0]])
    index = nodes.reshape(-1, 2)
    body.template.table(RESISTOR).extend(Rows(index, {"resistance": quantities}, [("", names)], places, written))


def _words(text: str, spans: Array) -> list[str]:
    """Name and nodes of every line, in lower case, one after the other."""
    words = text[int(spans[0, 0, 0]) : int(spans[-1, 3, 1])].lower().split()
    if len(words) == 4 * len(spans):
        del words[3::4]
        return words
    # Control characters that are parts of words, and nothing of the kind that splits them elsewhere.
    return list(TextNames(text, spans[:, :3].reshape(-1, 2)))
