"""A netlist file as text that can be written back byte for byte."""

from __future__ import annotations

import codecs
import os
import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from netlearn.errors import NetlistError, Place

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Source:
    """The text of one file, with what is needed to write the same bytes again.

    ``text`` keeps its line ends (CRLF, CR and LF, also mixed) and has no byte-order mark;
    ``bom`` holds the mark's bytes. Two sources are equal only if they are the same object.
    """

    def __init__(self, path: str | os.PathLike[str], text: str, encoding: str = "utf-8", bom: bytes = b"") -> None:
        self.path = os.fspath(path)
        self.text = text
        self.encoding = encoding
        self.bom = bom

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Source:
        """Read a file.

        Raises NetlistError if it cannot be read, is empty, or is not text.
        """
        try:
            data = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NetlistError(f"cannot read '{os.fspath(path)}': {reason}") from None
        return cls.decode(path, data)

    @classmethod
    def decode(cls, path: str | os.PathLike[str], data: bytes) -> Source:
        """Text from bytes: by byte-order mark, else UTF-16 as LTspice writes it, else UTF-8, else Latin-1."""
        place = Place(os.fspath(path), 1)
        if not data.strip():
            raise NetlistError("the file is empty", place, "a netlist has a title line and then elements")
        bom, encoding = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", ""))
        body = data[len(bom) :]
        for name in [encoding] if encoding else _guesses(body):
            try:
                text = body.decode(name)
            except UnicodeDecodeError:
                continue
            if "\0" in text:
                break
            return cls(path, text, name, bom)
        raise NetlistError("this is a binary file, not a netlist", place)

    def encode(self) -> bytes:
        """The bytes of the file.

        Raises NetlistError if an edit brought in a character that the file's encoding lacks.
        """
        try:
            return self.bom + self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            message = f"the file is {self.encoding} and cannot hold {self.text[error.start : error.end]!r}"
            raise NetlistError(message, self.place(error.start, error.end)) from None

    def holds(self, text: str) -> bool:
        """Whether the file's encoding has every character of a text."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def spliced(self, edits: Iterable[tuple[int, int, str]]) -> Source:
        """The source with stretches [start, end) of its text replaced; what is put in at one place stays in its order.

        Raises ValueError if two of them overlap.
        """
        pieces: list[str] = []
        position = 0
        for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
            if start < position:
                raise ValueError("two edits overlap")
            pieces += (self.text[position:start], new)
            position = end
        pieces.append(self.text[position:])
        return Source(self.path, "".join(pieces), self.encoding, self.bom)

    @property
    def newline(self) -> str:
        """The line end that the file uses first."""
        match = _LINE_END.search(self.text)
        return match[0] if match else "\n"

    def whole_lines(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) widened to whole physical lines with their line ends."""
        first = max(self.text.rfind("\n", 0, start), self.text.rfind("\r", 0, start)) + 1
        match = _LINE_END.search(self.text, end)
        return first, match.end() if match else len(self.text)

    @cached_property
    def _lines(self) -> dict[int, str]:
        """Lines that places have asked for, by number."""
        return {}

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    def line_number(self, offset: int) -> int:
        """The line, counted from 1, that holds the character at ``offset``."""
        return bisect_right(self._line_starts, offset)

    def place(self, start: int, end: int | None = None, chain: tuple[Place, ...] = ()) -> Place:
        """Where the characters [start, end) are; underlined as far as the first line end."""
        start = min(max(start, 0), len(self.text))
        line = self.line_number(start)
        first = self._line_starts[line - 1]
        text = self._line(line)
        length = max(1, min(start + 1 if end is None else end, first + len(text)) - start)
        return Place(self.path, line, start - first + 1, length, text, chain)

    def _line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line end: one string for all places in it."""
        text = self._lines.get(number)
        if text is None:
            first = self._line_starts[number - 1]
            line_end = _LINE_END.search(self.text, first)
            text = self._lines[number] = self.text[first : line_end.start() if line_end else len(self.text)]
        return text

    def __repr__(self) -> str:
        return f"Source({self.path!r}, {len(self.text)} characters, {self.encoding})"


def _guesses(body: bytes) -> list[str]:
    if b"\0" not in body:
        return ["utf-8", "latin-1"]
    # LTspice writes UTF-16 without a byte-order mark: mostly ASCII, so that every other byte is 0.
    if len(body) % 2 == 0:
        if body[1::2].count(0) * 2 > len(body[1::2]):
            return ["utf-16-le"]
        if body[::2].count(0) * 2 > len(body[::2]):
            return ["utf-16-be"]
    return []
