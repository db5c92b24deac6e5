"""Cards that have nothing to do with the operating point, kept for a flat netlist."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlearn.elaboration.body import Body
from netlearn.elaboration.cards import OPTION_CARDS, Active
from netlearn.elaboration.kept import LeftOut, Piece, Surplus
from netlearn.elaboration.known_options import FILE_OPTIONS, HARMLESS_OPTIONS
from netlearn.elaboration.option_cards import SET_OPTIONS
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError
from netlearn.netlist.statements import PARAMETER_CARDS, Assignment, Card, Word

ANALYSES = frozenset({"tran", "ac", "op"})
"""Analyses whose words are numbers and their own keywords alone."""
SAID = frozenset((
    *PARAMETER_CARDS, "func", "model", "subckt", "ends", "inc", "incl", "include", "lib", "endl", "prot", "unprot",
    "aliases", "endaliases", "global", *OPTION_CARDS, "temp", "nodeset", "preprocess", "control", "endc",
    "backanno", "title", "text", "width", "end",
))  # fmt: skip
"""Cards that a flat netlist says in its own way, or that say nothing of the circuit or of what is to be found."""
_PIECES = re.compile(r"\{[^{}]*\}|'[^']*'|[^\s{}']+")
_PLAIN = re.compile(r"[\w.+-]+")
_PLACE = re.compile(r"v\s*\(\s*([^\s(),]+)\s*\)", re.IGNORECASE)


def keep_cards(body: Body, items: Iterable[Active]) -> None:
    """Keep the analyses, their options and the initial voltages, and note the cards and options that are not kept."""
    for item in items:
        card = item.statement
        if not isinstance(card, Card):
            continue
        if card.name in OPTION_CARDS:
            _options(body, item, card)
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
    for word in (part for whole in card.words for part in _split(whole)):
        piece = _piece(body, item, word)
        if piece is None:
            return False
        pieces.append(piece)
    if card.assignments:
        return False
    body.template.kept.append(Surplus("", "line", tuple(pieces)))
    return True


def _options(body: Body, item: Active, card: Card) -> None:
    """Keep the options that say how a simulator goes about its analyses; the others are said in another way."""
    pieces: list[Piece] = [word.text.lower() for word in card.words if word.text.lower() in HARMLESS_OPTIONS]
    for name, value in card.assignments:
        option = name.text.lower()
        if option in SET_OPTIONS or option not in HARMLESS_OPTIONS:
            continue
        try:
            piece = None if option in FILE_OPTIONS else _piece(body, item, value)
        except NetlistError:
            piece = None
        if piece is None:
            place = card.source.place(name.start, value.end, item.chain)
            body.shared.left_out.append(LeftOut(f"the option '{option}'", place))
        else:
            pieces += [f"{option}=", piece]
    if pieces:
        body.template.kept.append(Surplus("", "line", (".options", *pieces)))


def _split(word: Word) -> list[Word]:
    return [Word(m[0], word.start + m.start(), word.start + m.end()) for m in _PIECES.finditer(word.text)]


def _piece(body: Body, item: Active, word: Word) -> Piece | None:
    """A number or a plain word as it stands, what an expression gives, or None for anything else."""
    if word.text[:1] in ("{", "'"):
        return body.scope.quantity(Text.of(word, item.statement.source, item.chain))
    return word.text if _PLAIN.fullmatch(word.text) is not None else None


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
    """Note the initial voltages and options that stand in a subcircuit, which are not kept."""
    for item in items:
        card = item.statement
        if isinstance(card, Card) and card.name in ("ic", "nodeset", *OPTION_CARDS):
            place = card.source.place(card.start, card.end, item.chain)
            body.shared.left_out.append(LeftOut(f".{card.name} of a subcircuit", place))
