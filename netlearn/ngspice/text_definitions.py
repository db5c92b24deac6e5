"""What a netlist's text defines that decides how ngspice has to be given it."""

from __future__ import annotations

from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE_WORDS
from netlearn.netlist.files import flattened
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.statements import PARAMETER_CARDS, Card, Element, Subcircuit


def has_ideal_diode(part: Netlist) -> bool:
    """Whether a file has a model of LTspice's ideal diode, which ngspice has in its mode for LTspice only."""
    return any(
        isinstance(card, Card)
        and card.name == "model"
        and any(word.text.lower() == "d" for word in card.words[1:2])
        and any(pair.name.text.lower() in IDEAL_DIODE_WORDS for pair in card.assignments)
        for card in flattened(part.statements)
    )


def kinds_of(netlist: Netlist) -> dict[str, str]:
    """The names of all models, wherever they stand, and their types; "" for a name with more than one type."""
    found: dict[str, str] = {}
    for part in netlist.walk():
        for card in flattened(part.statements):
            if isinstance(card, Card) and card.name == "model" and len(card.words) > 1:
                name, kind = (word.text.lower() for word in card.words[:2])
                found[name] = kind if found.get(name, kind) == kind else ""
    return found


def undeclared_parameters(netlist: Netlist) -> dict[str, set[str]]:
    """By subcircuit, parameters that instances pass to it and that nothing else in the netlist defines."""
    listed: dict[str, set[str]] = {}
    defined: set[str] = set()
    passed: list[tuple[str, str]] = []
    for part in netlist.walk():
        for statement in flattened(part.statements):
            if isinstance(statement, Subcircuit):
                names = {pair.name.text.lower() for pair in statement.assignments}
                listed.setdefault(statement.name.text.lower(), set()).update(names)
                defined |= names
            elif isinstance(statement, Card) and statement.name in PARAMETER_CARDS:
                defined.update(pair.name.text.lower() for pair in statement.assignments)
            elif isinstance(statement, Element) and statement.letter == "X" and statement.words:
                called = statement.words[-1].text.lower()
                passed += [(called, pair.name.text.lower()) for pair in statement.assignments]
    found: dict[str, set[str]] = {}
    for called, name in passed:
        if name != "m" and name not in defined:
            found.setdefault(called, set()).add(name)
    return found
