"""Numbers that have been set and do not stand in the text yet.

Whoever sets the values of a large netlist one by one would have its text written and read for each of them. A number in
the place of a number leaves all else of a text as it was, so that such changes can wait until something else is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

from netlearn.netlist.edits import Edit
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Word

if TYPE_CHECKING:
    from netlearn.netlist.elements import Elements

WRITING = RLock()
"""Held while numbers are written, by definition by one thread: others may read the netlist, which writes them, too."""


@dataclass
class Waiting:
    """Numbers that wait for their text, and the elements as that text has them."""

    elements: Elements
    numbers: dict[tuple[Source, int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _ = self.elements.body  # It is read when it is first asked for, which has to be now.

    def take(self, edits: Iterable[Edit]) -> Waiting:
        """Let these wait, too; of two for one place the later counts."""
        self.numbers.update(((source, start, end), text) for source, start, end, text in edits)
        return self

    def now(self, source: Source, word: Word) -> Word:
        """A word of the text with what waits for its place."""
        text = self.numbers.get((source, word.start, word.end))
        return word if text is None else Word(text, word.start, word.end)

    def before(self, edits: Sequence[Edit]) -> list[Edit]:
        """All that waits, and further edits of the same text."""
        later = {(source, start, end) for source, start, end, _ in edits if start < end}
        return [*((*place, text) for place, text in self.numbers.items() if place not in later), *edits]


def only_numbers(edits: list[Edit]) -> bool:
    """Whether there are edits, and each puts a number in the place of another."""
    return bool(edits) and all(
        parse_number(text) is not None and parse_number(source.text[start:end]) is not None
        for source, start, end, text in edits
    )
