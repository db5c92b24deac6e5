"""Cards that have nothing to do with the operating point, kept for a flat netlist."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlearn.elaboration.body import Body
from netlearn.elaboration.cards import Active
from netlearn.elaboration.kept import LeftOut, Piece, Surplus
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError
from netlearn.netlist.statements import PARAMETER_CARDS, Assignment, Card, Word

ANALYSES = frozenset({"tran", "ac", "op"})
"""Analyses whose words are numbers and their own keywords alone."""
SAID = frozenset((
    *PARAMETER_CARDS, "func", "model", "subckt", "ends", "inc", "incl", "include", "lib", "endl", "prot", "unprot",
    "aliases", "endaliases", "global", "option", "options", "opt", "temp", "nodeset", "preprocess", "control", "endc",
    "backanno", "title", "text", "width", "end",
))  # fmt: skip
"""Cards that a flat netlist says in its own way, or that say nothing of the circuit or of what is to be found."""
_PIECES = re.compile(r"\{[^{}]*\}|'[^']*'|[^\s{}']+")
_PLAIN = re.compile(r"[\w.+-]+")
_PLACE = re.compile(r"v\s*\(\s*([^\s(),]+)\s*\)", re.IGNORECASE)


def keep_cards(body: Body, items: Iterable[Active]) -> None:
    """Keep the analyses and the initial voltages among the netlist's cards, and note the cards that are not kept."""
    for item in items:
        card = item.statement
        if not isinstance(card, Card):
            continue
        try:
            kept = _analysis(body, item, card) if card.name in ANALYSES else card.name in SAID
            if card.name == "ic":
                kept = _initial(body, item, card)
        except NetlistError:
            kept = False
        if not kept:
            place = card.source.place(card.start, card.end, item.chain)
            body.shared.left_out.append(LeftOut(f".{card.name}", place))


def _analysis(body: Body, item: Active, card: Card) -> bool:
    """Whether the words of an analysis are known, which are kept then."""
    pieces: list[Piece] = [f".{card.name}"]
    found = [(word.start, match) for word in card.words for match in _PIECES.finditer(word.text)]
    for start, match in found:
        if match[0][0] in "{'":
            word = Word(match[0], start + match.start(), start + match.end())
            pieces.append(body.scope.quantity(Text.of(word, card.source, item.chain)))
        elif _PLAIN.fullmatch(match[0]) is not None:
            pieces.append(match[0])
        else:
            return False
    if card.assignments:
        return False
    body.template.kept.append(Surplus("", "line", tuple(pieces)))
    return True


def _initial(body: Body, item: Active, card: Card) -> bool:
    """Whether all that an ``.ic`` line says is of nodes, which is kept then."""
    pairs = [*card.assignments, *(Assignment(a, b) for a, b in zip(card.words[::2], card.words[1::2], strict=False))]
    found = []
    for name, value in pairs:
        match = _PLACE.fullmatch(name.text)
        node = None if match is None else body.template.nodes.anywhere(match[1].lower())
        if node is None or len(card.words) % 2:
            return False
        found.append((node, body.scope.quantity(Text.of(value, card.source, item.chain))))
    body.template.kept += [Surplus(".ic", "line", (quantity,), (node,)) for node, quantity in found]
    return True


def note_inner_cards(body: Body, items: Iterable[Active]) -> None:
    """Note the initial voltages that stand in a subcircuit, which are not kept."""
    for item in items:
        card = item.statement
        if isinstance(card, Card) and card.name in ("ic", "nodeset"):
            place = card.source.place(card.start, card.end, item.chain)
            body.shared.left_out.append(LeftOut(f".{card.name} of a subcircuit", place))
