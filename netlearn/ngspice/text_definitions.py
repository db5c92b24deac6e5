"""What a netlist's text defines that decides how ngspice has to be given it."""

from __future__ import annotations

import re
from collections.abc import Callable

from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE_WORDS
from netlearn.errors import NgspiceError
from netlearn.netlist.files import flattened
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.statements import PARAMETER_CARDS, Card, Element, Subcircuit, Word

_OWN_FUNCTION = re.compile(
    r"abs|arctan|a?(?:cos|sin|tan)h?|a?gauss|a?unif|ceil|exp|floor|n?int|limit|ln|log|log10|max|min|pow|pwr|sgn|sqrt?"
    r"|ternary_fcn",
    re.IGNORECASE,
)
"""Functions of ngspice's parameters, whose names it takes for nothing else: it ends, or computes with zeros."""

_OPTIONS = ("scale", "defl", "defw", "defad", "defas", "rshunt", "rseries", "badmos3")
"""Options that shape the circuit, besides those that a deck sets of its own."""

_NAME = re.compile(r"[a-z_]\w*(?!\w)(?![ \t]*[(=])", re.IGNORECASE)


def names_read(netlist: Netlist, first: str = "") -> set[str]:
    """Words in small letters that are neither functions nor what a value is given to, in all lines but comments.

    With ``first``, in lines that begin with this letter, and in lines that continue others.
    """
    lines = (line.lstrip() for part in netlist.walk() for line in part.source.text.lower().splitlines())
    some = (line for line in lines if line[:1] != "*" and (not first or line[:1] in (first, "+")))
    return {name for line in some for name in _NAME.findall(line)}


def check_names(definition: Card | Subcircuit, netlist: Netlist) -> None:
    """Raise NgspiceError where a parameter that a netlist reads has the name of a function of ngspice's."""
    named = [name for name, _ in definition.assignments if _OWN_FUNCTION.fullmatch(name.text)]
    if not named or (
        isinstance(definition, Subcircuit) and definition.name.text.lower() not in names_read(netlist, "x")
    ):
        return
    read = names_read(netlist)
    for name in named:
        if name.text.lower() in read:
            message = f"ngspice cannot read a parameter '{name.text}', which is a function of its own"
            hint = "--flat gives it the flat circuit instead; or give the parameter another name"
            raise NgspiceError(message, definition.source.place(name.start, name.end), hint)


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


def told_options(card: Card, written: Callable[[Word], str]) -> str:
    """What a line of options tells ngspice of the circuit, values as they are ``written``; empty if nothing."""
    # All in one line, as of several values on one line another one counts than of several lines.
    pairs = [f"{pair.name.text.lower()}={written(pair.value)}" for pair in card.assignments]
    found = [told for told in (*pairs, *(word.text.lower() for word in card.words)) if _option(told) in _OPTIONS]
    # In .opt ngspice does not look for rseries.
    return " ".join(told for told in found if card.name != "opt" or _option(told) != "rseries")


def _option(told: str) -> str:
    return told.partition("=")[0]
