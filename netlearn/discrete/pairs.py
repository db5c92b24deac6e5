"""Two resistors in place of one in a netlist's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netlearn.discrete.choices import Pair
from netlearn.elaboration.design import Design
from netlearn.errors import OptionError
from netlearn.netlist.edits import Edit
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number
from netlearn.netlist.statements import Element, Word
from netlearn.netlist.values import value_word


def check_pairs(netlist: Netlist, design: Design, names: Iterable[str]) -> None:
    """Raise OptionError for a parameter that is not one resistor's own number, beside which a second could stand."""
    for name in names:
        _element(netlist, design, name)


def with_pairs(netlist: Netlist, design: Design, pairs: Mapping[str, Pair]) -> list[Edit]:
    """The edits that write pairs of resistors, each by the name of the one whose place they take.

    The second has the first one's line, with a name of its own, and in series a node between them.
    """
    edits: list[Edit] = []
    for name, (kind, first, second) in pairs.items():
        element, value = _element(netlist, design, name)
        source, text = element.source, element.source.text
        taken = source.text.lower()
        label = _free(element.name.text, "b", taken)
        between = _free(f"{element.name.text}_mid", "", taken)
        one, other = element.words[0], element.words[1]
        start, end = source.whole_lines(element.start, element.end)
        changes = [(element.name, label), (value, format_number(second))]
        if kind == "series":
            changes.append((one, between))
            edits.append((source, other.start, other.end, between))
        edits.append((source, value.start, value.end, format_number(first)))
        line = _changed(text[element.start : element.end], element.start, changes)
        before = "" if text[start:end].endswith(("\n", "\r")) else source.newline
        edits.append((source, end, end, f"{before}{line}{source.newline if not before else ''}"))
    return edits


def _element(netlist: Netlist, design: Design, name: str) -> tuple[Element, Word]:
    """The resistor whose own number a parameter is, and the word that is its value."""
    place = design.parameter_place(name)
    if name in netlist.elements:
        element = netlist.elements.statement(name)
        word = value_word(element)
        if element.letter == "R" and word is not None and design.stands_at(name, element.source, word.start):
            return element, word
    hint = "leave pairs out, or fix it"
    raise OptionError(f"'{name}' is not the number of one resistor, which a pair could take the place of", place, hint)


def _free(name: str, ending: str, taken: str) -> str:
    number, found = 0, f"{name}{ending}"
    while found.lower() in taken:
        number += 1
        found = f"{name}{ending}{number}"
    return found


def _changed(text: str, offset: int, changes: list[tuple[Word, str]]) -> str:
    for word, new in sorted(changes, key=lambda change: -change[0].start):
        text = text[: word.start - offset] + new + text[word.end - offset :]
    return text
