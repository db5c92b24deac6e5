"""The tree of files that a netlist includes: each once, and how often they are read in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, Self, TypeVar

from netlearn.errors import NetlearnError, NetlearnErrors, NetlistError, Place
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card

_DEEPEST = 50
"""Includes within each other, by convention: guards against endless recursion; process kits have about five."""
_MOST = 10_000
"""Times that files are read in all, by convention: guards against files that include each other twice; process kits
come to some hundreds."""


class Including(Protocol):
    """A file, or a section of one, and what it includes by the lines that say so."""

    source: Source

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
