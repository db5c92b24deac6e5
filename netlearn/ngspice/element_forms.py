"""Forms of element lines that ngspice reads otherwise, or in its modes for other programs only, as edits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Card, Element, Subcircuit
from netlearn.ngspice.text_names import Span

PROBE = re.compile(r"\b[vi]\s*\([^()]*\)", re.IGNORECASE)
_TOLERANCES = ("tol", "dev", "lot")
LTSPICE_WORDS: Mapping[str, tuple[str, ...]] = {
    "V": ("rser", "cpar"),
    "I": ("load",),
    "L": ("rser", "rpar", "cpar", *_TOLERANCES),
    "C": ("rser", "lser", "rpar", "cpar", "rlshunt", *_TOLERANCES),
    "R": ("noiseless", "pwr", *_TOLERANCES),
}
"""LTspice's words that ngspice does not know, by the letter of an element."""
_CLOSING = re.compile(r"[ \t]*[),][ \t,)]*")
_PIECES = re.compile(r"\{[^}]*\}|'[^']*'|[^\s,]+")


def named_area(element: Element, model: int) -> list[Span]:
    """The area behind the model, its word of this number, with its name where ngspice would take it for the model.

    That of a diode then has a third node, and that of a bipolar transistor, where it is an expression, one more.
    """
    area = element.words[model + 1 : model + 2]
    return [
        (word.start, word.start, "area=")
        for word in area
        if word.text[0] in "{'" or (element.letter == "D" and parse_number(word.text) is not None)
    ]


def both_coefficients(element: Element) -> list[Span]:
    """``TC=0,0`` as two pairs: ngspice reads it in its mode for PSpice only.

    Not of a resistance that depends on voltages or currents, on which only the two have an effect there.
    """
    found: list[Span] = []
    if any(PROBE.search(word.text) for word in (*element.words, *(value for _, value in element.assignments))):
        return found
    for name, value in element.assignments:
        if name.text.lower() != "tc":
            continue
        pieces, end = _PIECES.findall(value.text), value.end
        second = next((word for word in element.words if word.start > end), None)
        if len(pieces) == 1 and second is not None and element.source.text[end : second.start].strip() == ",":
            pieces, end = [*pieces, second.text], second.end
        if len(pieces) == 2:
            found.append((name.start, end, f"tc1={pieces[0]} tc2={pieces[1]}"))
    return found


def marks(text: str, start: int, end: int) -> list[Span]:
    """Blanks for the parentheses and commas between [start, end), which ngspice takes for words in some lines."""
    return [(at, at + 1, " ") for at in range(start, end) if text[at] in "(),"]


def pair_marks(statement: Card | Element | Subcircuit) -> list[Span]:
    """Blanks for the commas between parameters and the parentheses around them.

    Over commas ngspice goes on for ever or ends, and what is in parentheses it takes for a function, or leaves out. In
    calls and definitions of subcircuits also for all that stand before the first parameter.
    """
    text, pairs = statement.source.text, statement.assignments
    first = statement.start if isinstance(statement, Card) else statement.name.end
    if not pairs:
        return marks(text, first, statement.end) if isinstance(statement, Element) else []
    found = marks(text, first, pairs[0].name.start)
    for before, after in pairwise(pairs):
        found += marks(text, before.value.end, after.name.start)
    last = pairs[-1].value.end
    closing = _CLOSING.match(text, last)
    return found + (marks(text, last, closing.end()) if closing is not None else [])


def slash(element: Element) -> list[Span]:
    """The slash that CDL has before the subcircuit's name, to be left out."""
    before = element.words[-2].end if len(element.words) > 1 else element.name.end
    at = element.source.text.find("/", before, element.words[-1].start)
    return [(at, at + 1, "")] if at >= 0 else []
