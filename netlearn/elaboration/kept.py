"""What a netlist says beside its operating point, kept for a flat netlist to say it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from netlearn.errors import Place


@dataclass(frozen=True, slots=True)
class ElementWord:
    """The name of an element of the same body."""

    name: str


Piece = str | int | ElementWord
"""A word, the quantity of a number, or an element's name."""


@dataclass(frozen=True, slots=True)
class Surplus:
    """A part of an element that has nothing to do with an operating point.

    ``what`` is a ``line`` of its own between ``nodes``, or words that belong after the element's own (``words``) or
    into its model (``model``), an ``inductance`` for what is a source of 0 V at the operating point, or what the
    element's model is ``called``.
    """

    name: str
    what: Literal["line", "words", "model", "inductance", "called"]
    pieces: tuple[Piece, ...]
    nodes: tuple[int, ...] = ()

    def below(self, path: str, node: Callable[[int], int]) -> Surplus:
        """The same in an instance, ``node`` giving the number that a node of its template has around it."""
        pieces = tuple(ElementWord(below(path, p.name)) if isinstance(p, ElementWord) else p for p in self.pieces)
        return replace(self, name=below(path, self.name), pieces=pieces, nodes=tuple(map(node, self.nodes)))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a flat netlist cannot say, and where it stands."""

    what: str
    place: Place


def below(path: str, name: str) -> str:
    """An element's name inside of an instance, as ngspice writes it: ``r.x1.r3``."""
    first, dot, rest = name.partition(".")
    return f"{first}.{path}.{rest}" if dot and len(first) == 1 else f"{name[:1]}.{path}.{name}"


def words_of(pieces: Sequence[Piece], number: Callable[[int], str], element: Callable[[str], str]) -> str:
    """The pieces as text."""
    found = []
    for piece in pieces:
        if isinstance(piece, ElementWord):
            found.append(element(piece.name))
        else:
            found.append(number(piece) if isinstance(piece, int) else piece)
    return " ".join(found).replace("= ", "=").replace("( ", "(").replace(" )", ")")
