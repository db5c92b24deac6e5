"""What a body of statements, the netlist's or a subcircuit's, defines by name: elements, parameters, models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Protocol

from netlearn.netlist.source import Source
from netlearn.netlist.statements import (
    PARAMETER_CARDS,
    Assignment,
    Block,
    Card,
    Conditional,
    Element,
    Statement,
    Subcircuit,
    Word,
)

Row = tuple[Block, int]
"""A line of a block."""


class Part(Protocol):
    """A file or a section of one: its statements, and the files that they include."""

    @property
    def statements(self) -> tuple[Statement, ...]: ...

    @property
    def includes(self) -> Mapping[Card, Part]: ...


@dataclass(frozen=True, slots=True)
class SubcircuitPlace:
    """A ``.subckt`` and the part that it stands in."""

    subcircuit: Subcircuit
    part: Part


@dataclass(frozen=True, slots=True)
class GivenPair:
    """A ``name=value`` and the text that it stands in."""

    source: Source
    pair: Assignment


@dataclass
class BodyNames:
    """The names of one body, all in lower case; conditions count with all their branches.

    Of two elements, models or subcircuits of one name the first counts, of two parameters the last.
    """

    outer: BodyNames | None = None
    elements: dict[str, Element | Row] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """Those of the elements as they are written, in the order of the text."""
    definitions: dict[str, SubcircuitPlace] = field(default_factory=dict)
    parameters: dict[str, GivenPair] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    models: dict[str, Card] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<names of a body: {len(self.elements)} elements>"

    def read(self, part: Part, statements: Iterable[Statement]) -> BodyNames:
        """Add what statements define, those of included files among them."""
        for statement in statements:
            if isinstance(statement, Element):
                self._take(statement.name.text, statement)
            elif isinstance(statement, Block):
                self._take_rows(statement)
            elif isinstance(statement, Subcircuit):
                self.definitions.setdefault(statement.name.text.lower(), SubcircuitPlace(statement, part))
            elif isinstance(statement, Conditional):
                for branch in statement.alternatives:
                    self.read(part, branch.body)
            elif isinstance(statement, Card):
                self._card(part, statement)
        return self

    def _take_rows(self, block: Block) -> None:
        text = block.source.text
        names = [text[start:end] for start, end in block.spans[:, 0].tolist()]
        rows = dict(zip(map(str.lower, names), zip(repeat(block), range(len(names)), strict=False), strict=True))
        if len(rows) == len(names) and self.elements.keys().isdisjoint(rows):
            self.elements.update(rows)
            self.names += names
            return
        for row, name in enumerate(names):
            self._take(name, (block, row))

    def _take(self, name: str, where: Element | Row) -> None:
        if self.elements.setdefault(name.lower(), where) is where:
            self.names.append(name)

    def _card(self, part: Part, card: Card) -> None:
        included = part.includes.get(card)
        if included is not None:
            self.read(included, included.statements)
        elif card.name in PARAMETER_CARDS:
            for pair in card.assignments:
                name, parenthesis, _ = pair.name.text.lower().partition("(")
                if parenthesis:
                    self.functions.add(name.strip())
                else:
                    self.parameters[name] = GivenPair(card.source, pair)
        elif card.name == "func" and card.words:
            self.functions.add(card.words[0].text.lower())
        elif card.name == "model" and card.words:
            self.models.setdefault(card.words[0].text.lower(), card)

    def inside(self, call: Element) -> BodyNames | None:
        """The body of the subcircuit that an instance calls, with what the instance passes; None if there is none."""
        definition = self._definition(call.words[-1].text.lower()) if call.words else None
        if definition is None or call.letter != "X":
            return None
        subcircuit = definition.subcircuit
        body = BodyNames(self)
        body.parameters.update((p.name.text.lower(), GivenPair(subcircuit.source, p)) for p in subcircuit.assignments)
        body.read(definition.part, subcircuit.body)
        for pair in call.assignments:
            # A multiplier is of the instance, not of the subcircuit, unless that has one of its own.
            if pair.name.text.lower() != "m" or "m" in body.parameters:
                body.parameters[pair.name.text.lower()] = GivenPair(call.source, pair)
        return body

    def at(self, path: Sequence[str]) -> BodyNames | None:
        """The body that a path of instances leads to; None if one of them is none."""
        body: BodyNames | None = self
        for name in path:
            call = None if body is None else body.elements.get(name)
            body = body.inside(call) if body is not None and isinstance(call, Element) else None
        return body

    def is_model(self, name: str) -> bool:
        """Whether a word that stands for a value or a model names a model: a parameter's name is its value."""
        name = name.lower()
        outwards = list(self._outwards())
        return any(name in body.models for body in outwards) and not any(name in body.parameters for body in outwards)

    def _definition(self, name: str) -> SubcircuitPlace | None:
        return next((body.definitions[name] for body in self._outwards() if name in body.definitions), None)

    def _outwards(self) -> Iterator[BodyNames]:
        body: BodyNames | None = self
        while body is not None:
            yield body
            body = body.outer


def elements_in(statement: Statement) -> Iterator[Element]:
    """The element lines of a statement that is one, or a run of plain ones."""
    if isinstance(statement, Element):
        yield statement
    elif isinstance(statement, Block):
        yield from (row_element(statement, row) for row in range(len(statement.values)))


def row_element(block: Block, row: int) -> Element:
    """The line of a block as an element."""
    name, *words = (Word(block.source.text[start:end], start, end) for start, end in block.spans[row].tolist())
    return Element(block.source, name.start, words[-1].end, name, tuple(words))
