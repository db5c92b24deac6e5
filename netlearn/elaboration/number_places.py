"""Where a number that samples set stands in a netlist's text, if it has a place of its own there."""

from __future__ import annotations

from collections.abc import Iterator

from netlearn.errors import NetlistError
from netlearn.netlist.edits import Edit
from netlearn.netlist.files import flattened
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number
from netlearn.netlist.statements import PARAMETER_CARDS, Card, Element, Subcircuit, first_step
from netlearn.netlist.values import value_edit


def number_edit(netlist: Netlist, name: str, value: float) -> Edit | None:
    """The edit that gives a source, an element, a ``.param``, or a parameter of either, a number.

    ``name`` is what a column of data may be called: ``rload``, ``vsup``, ``dm.is``, ``m1.w``. None for what the
    text has no single place for, such as a value inside a subcircuit.
    """
    word = name.lower()
    owner, parameter = owner_of(word)
    if "." in owner:
        return None
    if owner:
        if owner in netlist.elements:
            element = netlist.elements.statement(owner)
            return _of_element(element, parameter, value) if _takes(netlist, element, parameter) else None
        return _of_card(model_of(netlist, owner), parameter, value)
    if word in netlist.elements:
        try:
            return value_edit(netlist.elements.statement(word), value)
        except NetlistError:
            return None
    # A later definition replaces an earlier one, and the first .step of a parameter all of them.
    steps = [_of_step(card, parameter, value) for card in _cards(netlist)]
    cards = [card for card in _cards(netlist) if card.name in PARAMETER_CARDS]
    edits = [_of_card(card, parameter, value) for card in cards]
    return next((edit for edit in [*steps, *reversed(edits)] if edit is not None), None)


def _of_step(card: Card, parameter: str, value: float) -> Edit | None:
    stepped = first_step(card)
    if stepped is None or stepped.name.text.lower() != parameter:
        return None
    return card.source, stepped.value.start, stepped.value.end, format_number(value)


def _of_card(card: Card | None, parameter: str, value: float) -> Edit | None:
    pairs = [pair for pair in (card.assignments if card else ()) if pair.name.text.lower() == parameter]
    if card is None or not pairs:
        return None
    return card.source, pairs[-1].value.start, pairs[-1].value.end, format_number(value)


def owner_of(name: str) -> tuple[str, str]:
    """What a parameter belongs to, "" where that is the netlist, and the parameter."""
    owner, _, parameter = name.rpartition(".")
    return owner, parameter


def model_of(netlist: Netlist, name: str) -> Card | None:
    """The ``.model`` card of that name outside of subcircuits."""
    cards = (card for card in _cards(netlist) if card.name == "model" and card.words)
    return next((card for card in cards if card.words[0].text.lower() == name), None)


def _takes(netlist: Netlist, element: Element, parameter: str) -> bool:
    """Whether a name may stand on an element's line: for an instance, one of its subcircuit's parameters."""
    if element.letter != "X":
        return True
    called = element.words[-1].text.lower()
    for part in netlist.walk():
        for statement in flattened(part.statements):
            if isinstance(statement, Subcircuit) and statement.name.text.lower() == called:
                body = flattened(statement.body, into_subcircuits=False)
                cards = [card for card in body if isinstance(card, Card) and card.name in PARAMETER_CARDS]
                pairs = [*statement.assignments, *(pair for card in cards for pair in card.assignments)]
                return any(pair.name.text.lower() == parameter for pair in pairs)
    return False


def _of_element(element: Element, parameter: str, value: float) -> Edit:
    """The edit of a parameter on an element's line, which is put there if it does not have it."""
    for pair in element.assignments:
        if pair.name.text.lower() == parameter:
            return element.source, pair.value.start, pair.value.end, format_number(value)
    ends = [word.end for word in (element.name, *element.words, *element.calls)]
    end = max(ends + [pair.value.end for pair in element.assignments])
    return element.source, end, end, f" {parameter}={format_number(value)}"


def _cards(netlist: Netlist) -> Iterator[Card]:
    """The cards outside of subcircuits and conditions, those of included files among them."""
    for statement in netlist.statements:
        if isinstance(statement, Card):
            included = netlist.includes.get(statement)
            if included is None:
                yield statement
            else:
                yield from _cards(included)
