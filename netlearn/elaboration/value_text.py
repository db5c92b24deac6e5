"""Values and functions as they stand in the text, with their places."""

from __future__ import annotations

from dataclasses import dataclass

from netlearn.errors import NetlistError, Place
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Word

_BRACKETS = {"(": ")", "{": "}", "'": "'", '"': '"'}


def is_wrapped(text: str) -> bool:
    """Whether brackets or quotes go around the whole text, as they do not in ``{a}+{b}``."""
    opening, closing = text[:1], _BRACKETS.get(text[:1])
    if len(text) < 2 or closing != text[-1]:
        return False
    if opening == closing:
        return opening not in text[1:-1]
    depth = 0
    for place, character in enumerate(text):
        depth += (character == opening) - (character == closing)
        if depth == 0:
            return place == len(text) - 1
    return False


@dataclass(frozen=True, slots=True)
class Text:
    """A value as it stands in the text, without braces or quotes around it."""

    text: str
    source: Source
    start: int
    chain: tuple[Place, ...] = ()
    braced: bool = False
    """Within braces and in ``.param`` ngspice takes ``mil`` for milli."""
    quoted: bool = False
    """Within double quotes ``.param`` has a text, which is a number only where it reads as one."""

    @classmethod
    def of(cls, word: Word, source: Source, chain: tuple[Place, ...] = (), braced: bool = False) -> Text:
        text, start = word.text, word.start
        for _ in range(2):
            if text[:1] == "(" or not is_wrapped(text):
                break
            inner = text[1:-1]
            start += 1 + len(inner) - len(inner.lstrip())
            text = inner.strip()
            braced = True
        return cls(text, source, start, chain, braced, word.text[:1] == '"')

    @property
    def is_number(self) -> bool:
        return parse_number(self.text) is not None

    def place(self, offset: int = 0, length: int | None = None) -> Place:
        end = self.start + len(self.text) if length is None else self.start + offset + length
        return self.source.place(self.start + offset, max(end, self.start + offset + 1), self.chain)

    def error(self, message: str, hint: str = "", offset: int = 0, length: int | None = None) -> NetlistError:
        return NetlistError(message, self.place(offset, length), hint)


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A ``.func`` as written."""

    arguments: tuple[str, ...]
    body: Text
