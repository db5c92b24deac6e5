"""The tree of files that a netlist includes: each once, and how often they are read in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, Self, TypeVar

from netlearn.errors import NetlearnError, NetlearnErrors, NetlistError, Place
from netlearn.netlist.files import Files, flattened, unquoted
from netlearn.netlist.slips import comment_slip
from netlearn.netlist.source import Source
from netlearn.netlist.statements import FILE_CARDS, Card, Statement

_DEEPEST = 50
"""Includes within each other, by convention: guards against endless recursion; process kits have about five."""
_MOST = 10_000
"""Times that files are read in all, by convention: guards against files that include each other twice; process kits
come to some hundreds."""


class Including(Protocol):
    """A file, or a section of one, and what it includes by the lines that say so."""

    @property
    def source(self) -> Source: ...

    @property
    def files(self) -> Files: ...

    @property
    def statements(self) -> tuple[Statement, ...]: ...

    def include(self, card: Card, path: Path, place: Place) -> Self: ...

    @property
    def label(self) -> str: ...

    @property
    def includes(self) -> Mapping[Card, Self]: ...

    def place(self, start: int, end: int | None = None) -> Place: ...


Part = TypeVar("Part", bound=Including)


def walk(first: Part, errors: list[NetlearnError] | None = None) -> Iterator[Part]:
    """A netlist and all that it includes, at any depth, each once; ``errors`` takes those of what cannot be read."""
    seen: set[Part] = set()
    stack = [first]
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        try:
            stack += reversed(list(part.includes.values()))
        except NetlearnError as error:
            if errors is None:
                raise
            errors += error.errors if isinstance(error, NetlearnErrors) else [error]
        yield part


def loaded(part: Part) -> tuple[dict[Card, Part], dict[Card, NetlistError], dict[Card, NetlearnError]]:
    """The files that a part includes by the lines that name them, those that are missing, and those that are broken."""
    includes: dict[Card, Part] = {}
    missing: dict[Card, NetlistError] = {}
    broken: dict[Card, NetlearnError] = {}
    cards = [card for card in flattened(part.statements) if isinstance(card, Card) and card.name in FILE_CARDS]
    always = set(part.statements) if cards else set()
    for card in cards:
        try:
            _load(part, card, includes, missing)
            if card not in always and card in includes:
                _ = includes[card].statements
        except NetlearnError as error:
            if card in always:
                raise
            includes.pop(card, None)
            broken[card] = error
    return includes, missing, broken


def _load(part: Part, card: Card, includes: dict[Card, Part], missing: dict[Card, NetlistError]) -> None:
    if not card.words:
        hint = comment_slip(card.source, card.start, card.end)
        raise NetlistError(f".{card.name} needs a file name", part.place(card.start, card.end), hint)
    for word in card.words[2 if card.name == "lib" else 1 :]:
        hint = "put quotes around a file name with blanks"
        raise NetlistError(f"cannot read '{word.text}' after the file", part.place(word.start, word.end), hint)
    name = unquoted(card.words[0].text)
    place = part.place(card.words[0].start, card.words[0].end)
    path = part.files.find(name, part.source, place)
    if path is None:
        missing[card] = NetlistError(f"there is no file '{name}'", place)
    else:
        includes[card] = part.include(card, path, place)


def check(first: Including) -> None:
    """Raise NetlistError for a file that includes itself, and for too many or too deep includes."""
    if _times(first, {}, []) > _MOST:
        raise NetlistError(f"the netlist comes to more than {_MOST} includes", Place(first.source.path, 1))


def _times(part: Part, known: dict[Part, int], way: list[Part]) -> int:
    """How many times files are read in all, each counted along every way that leads to it."""
    if part not in known:
        way.append(part)
        total = 1
        for card, inner in part.includes.items():
            if inner in way or len(way) > _DEEPEST:
                what = "includes itself" if inner in way else "is included too deeply"
                names = " -> ".join(step.label for step in [*way, inner][way.index(inner) if inner in way else -6 :])
                raise NetlistError(f"'{inner.label}' {what}: {names}", part.place(card.start, card.end))
            total += _times(inner, known, way)
        known[part] = total
        way.pop()
    return known[part]
