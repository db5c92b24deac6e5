"""What the lines of a netlist say, each word with its place in the text.

Statements point into the text that they came from and are never written out from their
fields: the text is the netlist, and an edit replaces a stretch of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from netlearn.arrays import Array
from netlearn.errors import NetlearnError

if TYPE_CHECKING:
    from netlearn.netlist.source import Source

FILE_CARDS = frozenset({"include", "inc", "incl", "lib"})
"""The cards that bring in a file."""
PARAMETER_CARDS = frozenset({"param", "params", "global_param"})
"""The cards that define parameters."""

_FIRST_STEP = re.compile(
    r"(?:(?:lin|oct|dec)\s+)?param\s+(?P<name>[a-z_][\w.]*)\s*=?\s*(?:list\s+)?(?P<value>\{[^}]*\}|[^\s,]+)",
    re.IGNORECASE,
)


class Word(NamedTuple):
    """A stretch [start, end) of a source's text. An expression keeps its braces or quotes."""

    text: str
    start: int
    end: int


class Assignment(NamedTuple):
    """``name=value``."""

    name: Word
    value: Word


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A logical line: a physical one with its continuations, at [start, end) of the text; it equals itself only."""

    source: Source
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Element(Statement):
    """An element line.

    ``words`` are the positional words after the name: nodes, then value or model, as the
    letter has it; parentheses and commas between words count as blanks. ``assignments`` are
    the ``name=value`` pairs, ``V=`` of a B source and ``VALUE=`` of an E or G source among
    them. ``calls`` are waveform or function forms, each as one word: ``PULSE(...)`` and the
    like on V and I lines (without parentheses the parts are plain words), ``POLY(n)``, and
    ``TABLE``, ``LAPLACE`` and ``FREQ`` down to the end of the line.
    """

    name: Word
    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...] = ()
    calls: tuple[Word, ...] = ()

    @property
    def letter(self) -> str:
        return self.name.text[0].upper()


@dataclass(frozen=True, slots=True, eq=False)
class Block(Statement):
    """A run of k plain lines ``Rname node node number`` of one letter, as arrays instead of objects.

    ``spans`` (k, 4, 2) holds the [start, end) of name, nodes and value; ``values`` (k,) are ohms, volts or amperes.
    """

    spans: Array
    values: Array

    @property
    def letter(self) -> str:
        return self.source.text[self.start].upper()


@dataclass(frozen=True, slots=True, eq=False)
class Card(Statement):
    """A dot-card: its name in lower case without the dot, positional words and assignments.

    ``.func f(x,y) {body}`` has words f, (x,y), {body}. ``.include`` and ``.lib`` have the file
    name, with its quotes if it has any, and the section. A card that netlearn does not read
    has the rest of its line as one word.
    """

    name: str
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Subcircuit(Statement):
    """``.subckt name nodes params`` down to its ``.ends``, with the statements between."""

    name: Word
    nodes: tuple[Word, ...]
    assignments: tuple[Assignment, ...]
    body: Sequence[Statement] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Alternative(Statement):
    """One part of a ``.if``: its condition, None for ``.else``, and the statements under it."""

    condition: Word | None
    body: Sequence[Statement] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Conditional(Statement):
    """``.if`` down to its ``.endif``: the first branch whose condition holds is the one that counts."""

    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Section(Statement):
    """``.lib name`` down to its ``.endl`` in a library file: it counts only where it is asked for."""

    name: Word
    body: Sequence[Statement] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Broken(Statement):
    """A line inside a subcircuit, a condition or a section that cannot be read: an error if that takes part."""

    error: NetlearnError


@dataclass(frozen=True, slots=True, eq=False)
class DirectiveLine(Statement):
    """A ``*@`` line; ``text`` is what follows the ``*@``."""

    text: Word


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Statement):
    """Text that is kept and never read.

    ``what`` is ``title``, ``control`` (a block down to ``.endc``), ``command`` (a ``*#`` line), ``encrypted``
    (by PSpice or LTspice), ``protected`` (``.prot`` down to ``.unprot``, if it is not plain text), ``spectre``
    (in that program's language), ``aliases`` (``.aliases`` to ``.endaliases``), ``data`` (``.data`` to
    ``.enddata``), ``alter`` (from ``.alter`` on, what HSPICE runs after the circuit before it), ``stray`` (a word
    after ``.ends`` and the like) or ``rest`` (all from ``.end`` on, or from DOS's end-of-file byte).
    """

    what: str


def first_step(card: Card) -> Assignment | None:
    """The parameter and the first value that a ``.step`` gives it; None where it steps something else, or nothing."""
    rest = card.words[0] if card.name == "step" and card.words else None
    match = _FIRST_STEP.match(rest.text) if rest is not None else None
    if rest is None or match is None:
        return None
    name, value = (
        Word(match[part], *(rest.start + offset for offset in match.span(part))) for part in ("name", "value")
    )
    return Assignment(name, value)
