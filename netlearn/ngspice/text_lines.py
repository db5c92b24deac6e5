"""Lines of a netlist's text on their way to ngspice: made one, made safe, changed in places."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlearn.netlist.lines import LineReader
from netlearn.ngspice.text_names import Span

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def logical(text: str) -> str:
    line = LineReader(text).next()
    return line.text if line is not None else ""


def clean(text: str) -> str:
    """A line that cannot be more than one, whatever characters are in it."""
    return _UNPRINTABLE.sub(" ", text.replace("\n", " ").replace("\r", " "))


def spliced(text: str, start: int, end: int, spans: Iterable[Span]) -> str:
    pieces, position = [], start
    for at, to, new in sorted(spans):
        if at < position:
            continue
        pieces += [text[position:at], new]
        position = to
    return "".join([*pieces, text[position:end]])
