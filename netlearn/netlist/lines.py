"""Logical lines: a physical line with its continuations, comments blanked out.

The text of a logical line has the same length as the stretch of the file that it stands
for, so that a position in the one is a position in the other.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from netlearn.netlist.foreign_text import encrypted_end

_PHYSICAL = re.compile(r"[ \t\f\v]*+(?P<text>[^\r\n]*+)(?P<end>\r\n|\r|\n|\Z)")
# ngspice takes `$` for a comment only after a blank or comma. What is inside quotes may be
# a file name.
_COMMENT = re.compile(r""";|//|(?<![^ \t\f\v,])\$|"[^"]*+"|'[^']*+'""")
_ODD = re.compile(r"[;$/\\]")
END_OF_FILE = "\x1a"
"""What DOS ends a text with."""


class Kind(Enum):
    """What a logical line is by its first characters."""

    STATEMENT = auto()
    DIRECTIVE = auto()
    COMMAND = auto()
    """``*#``, which ngspice executes"""
    STRAY = auto()
    """a continuation of nothing"""
    ENCRYPTED = auto()
    """all that is encrypted, however many lines it has"""


@dataclass(slots=True)
class LogicalLine:
    """A logical line at [start, end) of the text, without its indent and last line end."""

    kind: Kind
    start: int
    end: int
    text: str


class LineReader:
    """Reads logical lines from ``position`` on, which the caller may move."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._waiting: deque[LogicalLine] = deque()

    def physical_line(self) -> LogicalLine | None:
        """The next physical line as it stands."""
        if self.position >= len(self.text):
            return None
        match = _PHYSICAL.match(self.text, self.position)
        assert match is not None
        self.position = match.end()
        return LogicalLine(Kind.STATEMENT, match.start("text"), match.end("text"), match["text"])

    def next(self) -> LogicalLine | None:
        """The next logical line; plain comments and blank lines are left out.

        A line goes on over comments and blank lines in between, as in ngspice; two
        backslashes at its end join the next one. A directive that interrupts a line comes after it.
        """
        if self._waiting:
            return self._waiting.popleft()
        current: LogicalLine | None = None
        pieces: list[str] = []
        joined = False
        text, length, position = self.text, len(self.text), self.position
        while position < length:
            match = _PHYSICAL.match(text, position)
            assert match is not None
            start, end = match.span("text")
            if start < end:
                first = text[start]
                encrypted = encrypted_end(text, start) if first in "$*" else None
                if encrypted is not None:
                    if current is None:
                        current = LogicalLine(Kind.ENCRYPTED, start, encrypted, "")
                        pieces, position = [text[start:encrypted]], encrypted
                    break
                if first == "$" and not joined:
                    pass
                elif first == "*" and not joined:
                    kind = {"@": Kind.DIRECTIVE, "#": Kind.COMMAND}.get(text[start + 1 : start + 2])
                    if kind is not None:
                        self._waiting.append(LogicalLine(kind, start, end, text[start:end]))
                        if current is None:
                            position = match.end()
                            break
                elif current is not None:
                    if first != "+" and not joined:
                        break
                    content, joined = _content(text, start, end)
                    if first == "+":
                        content = " " + content[1:]
                    # Whatever lies between the pieces, line ends and comments, becomes blanks.
                    pieces += (" " * (start - current.end), content)
                    current.end = end
                else:
                    content, joins = _content(text, start, end)
                    if not content.isspace():
                        current = LogicalLine(Kind.STRAY if first == "+" else Kind.STATEMENT, start, end, "")
                        pieces, joined = [content], joins
            position = match.end()
        self.position = position
        if current is not None:
            current.text = pieces[0] if len(pieces) == 1 else "".join(pieces)
            return current
        return self._waiting.popleft() if self._waiting else None


def comment_start(text: str, start: int, end: int) -> int:
    """Where the trailing comment of the physical line [start, end) begins; ``end`` without one."""
    return next((match.start() for match in _COMMENT.finditer(text, start, end) if match[0][0] in ";$/"), end)


def _content(text: str, start: int, end: int) -> tuple[str, bool]:
    """A physical line with its trailing comment blanked, and whether it ends in a double backslash."""
    if _ODD.search(text, start, end) is None:
        return text[start:end], False
    content = text[start : comment_start(text, start, end)].rstrip(" \t\f\v")
    joins = content.endswith("\\\\")
    if joins:
        content = content[:-2]
    return content.ljust(end - start), joins


def one_line(text: str) -> str:
    """The text with blanks for its line ends, as what is written into a line must not begin another."""
    return " ".join(text.splitlines())
