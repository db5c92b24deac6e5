"""What the lines of a netlist say, each word with its place in the text.

Statements point into the text that they came from and are never written out from their
fields: the text is the netlist, and an edit replaces a stretch of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netlearn.circuit.devices.base import Array

if TYPE_CHECKING:
    from netlearn.netlist.source import Source


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch [start, end) of a source's text. An expression keeps its braces or quotes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """``name=value``."""

    name: Word
    value: Word


@dataclass(frozen=True, slots=True)
class Statement:
    """A logical line: a physical one with its continuations, at [start, end) of the text."""

    source: Source
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Element(Statement):
    """An element line.

    ``words`` are the positional words after the name: nodes, then value or model, as the
    letter has it. ``assignments`` are the ``name=value`` pairs. ``calls`` are waveform or
    function forms (PULSE, SIN, PWL, POLY, TABLE, VALUE=...), each with its arguments as one word.
    """

    name: Word
    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...] = ()
    calls: tuple[Word, ...] = ()

    @property
    def letter(self) -> str:
        return self.name.text[0].upper()


@dataclass(frozen=True, slots=True)
class Block(Statement):
    """A run of k plain lines ``Rname node node number``, as arrays instead of objects.

    ``spans`` (k, 4, 2) holds the [start, end) of name, nodes and value; ``values`` (k,) ohms.
    """

    spans: Array
    values: Array


@dataclass(frozen=True, slots=True)
class Card(Statement):
    """A dot-card: its name in lower case without the dot, positional words and assignments.

    ``.func f(x,y) {body}`` has words f, (x,y), {body}; ``.if (cond)`` has the condition as one word.
    """

    name: str
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Subcircuit(Statement):
    """``.subckt name nodes params`` down to its ``.ends``, with the statements between."""

    name: Word
    nodes: tuple[Word, ...]
    assignments: tuple[Assignment, ...]
    body: Sequence[Statement] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class DirectiveLine(Statement):
    """A ``*@`` line; ``text`` is what follows the ``*@``."""

    text: Word


@dataclass(frozen=True, slots=True)
class Kept(Statement):
    """Text that is kept and never read: a ``.control`` block, what follows ``.end``."""

    what: str
