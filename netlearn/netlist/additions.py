"""What may be added to a netlist: lines that nothing of it contradicts."""

from __future__ import annotations

from collections.abc import Iterator

from netlearn.errors import NetlistError, Place
from netlearn.netlist.bodies import BodyNames, elements_in
from netlearn.netlist.elements import Elements
from netlearn.netlist.parser import parse_source
from netlearn.netlist.source import Source
from netlearn.netlist.statements import (
    PARAMETER_CARDS,
    Block,
    Card,
    DirectiveLine,
    Element,
    Statement,
    Subcircuit,
    Word,
)


def check_addition(text: str, elements: Elements, body: BodyNames) -> None:
    """Raise NetlistError for lines that cannot be added to a netlist that has these elements and defines ``body``.

    Of two models or parameters of one name SPICE takes one and says nothing.
    """
    statements = parse_source(Source("<added>", text), main=False)
    if not text.strip():
        raise NetlistError("there is no line to be added", Place("<added>", 1))
    added: set[tuple[str, str]] = set()
    for statement in statements:
        for what, name, there in _defined(statement, elements, body):
            if there or (what, name.text.lower()) in added:
                raise NetlistError(
                    f"the netlist has {what} '{name.text}' already", statement.source.place(name.start, name.end)
                )
            added.add((what, name.text.lower()))


def _defined(statement: Statement, elements: Elements, body: BodyNames) -> Iterator[tuple[str, Word, bool]]:
    """What a statement would define, its name, and whether that is taken."""
    if isinstance(statement, Element | Block):
        for element in elements_in(statement):
            yield "an element", element.name, element.name.text in elements
    elif isinstance(statement, Subcircuit):
        yield "a subcircuit", statement.name, statement.name.text.lower() in body.definitions
    elif isinstance(statement, Card) and statement.name == "model" and statement.words:
        yield "a model", statement.words[0], statement.words[0].text.lower() in body.models
    elif isinstance(statement, Card) and statement.name in PARAMETER_CARDS:
        for pair in statement.assignments:
            yield "a parameter", pair.name, pair.name.text.lower() in body.parameters
    elif not isinstance(statement, DirectiveLine):
        raise NetlistError(
            "only elements, models, parameters, subcircuits and *@ lines can be added",
            statement.source.place(statement.start, statement.end),
            "netlearn.parse reads a whole text: netlearn.parse(str(netlist) + ...)",
        )
