"""Long runs of plain resistor lines, read at once instead of line by line.

The grammar defines the language. This reads a part of it that lattices and crossbars
consist of, ``Rname node node number`` and nothing else on the line, to the same result
(tests/netlist/test_plain_lines.py holds the two against each other).
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from netlearn.arrays import Array
from netlearn.netlist.numbers import EXPONENTS, parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Block

FEWEST_LINES = 16
"""Shorter runs are not worth an array."""

_WORD = r"""(?:[^ \t\f\v\r\n,=(){}'";$/\\]|/(?!/))"""
_NUMBER = r"[+-]?(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eEdD][+-]?[0-9]++)?+[A-Za-z]*+"
_LINE = rf"[ \t]*+[Rr]{_WORD}*+(?:[ \t]++{_WORD}++){{2}}[ \t]++{_NUMBER}[ \t]*+(?:\r\n|\r|\n|\Z)"
_CONTINUATION = re.compile(r"(?:[ \t\f\v]*+(?:\*[^\r\n]*+)?+(?:\r\n|\r|\n))*+[ \t\f\v]*+\+")
_BLANK = 32
"""The code of a space."""
_POWERS = {letter: f"e{power}" for suffix, power in EXPONENTS.items() for letter in (suffix, suffix.upper())}
"""What stands for a suffix of one letter."""


@cache
def run_of(lines: int) -> re.Pattern[str]:
    """What matches runs of at least so many plain resistor lines."""
    return re.compile(rf"(?>{_LINE}){{{lines},}}+")


def plain_resistors(source: Source, position: int) -> Block | None:
    """The run of plain resistor lines that starts at ``position``, if there is one."""
    match = run_of(FEWEST_LINES).match(source.text, position)
    if match is None:
        return None
    spans = _spans(source.text, position, match.end())
    if _CONTINUATION.match(source.text, match.end()):
        # The last line goes on after the run.
        spans = spans[:-1]
    return Block(source, int(spans[0, 0, 0]), int(spans[-1, 3, 1]), spans, _values(source.text, spans))


def _spans(text: str, start: int, end: int) -> Array:
    """(k, 4, 2): where the four words of every line are. All else in [start, end) is blank."""
    part = text[start:end]
    characters = (
        np.frombuffer(part.encode("ascii"), dtype=np.uint8)
        if part.isascii()
        else np.frombuffer(part.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    )
    ink = np.zeros(len(characters) + 2, dtype=np.int8)
    ink[1:-1] = (characters > _BLANK) | ((characters != _BLANK) & ((characters < 9) | (characters > 13)))
    edges = np.flatnonzero(np.diff(ink))
    return (edges + start).reshape(-1, 4, 2)


def _values(text: str, spans: Array) -> Array:
    words = text[int(spans[0, 0, 0]) : int(spans[-1, 3, 1])].split()
    # Control characters that are parts of words would split them.
    plain = len(words) == 4 * len(spans)
    words = words[3::4] if plain else [text[start:end] for start, end in spans[:, 3].tolist()]
    try:
        return np.array(list(map(float, words)))
    except ValueError:
        # Some have suffixes.
        return np.array(list(map(_value, words)), dtype=float)


def _value(word: str) -> float | None:
    """As :func:`parse_number` has it, which takes longer over what many lines consist of."""
    power = _POWERS.get(word[-1])
    try:
        return float(word if power is None else word[:-1] + power)
    except ValueError:
        # Exponents with a suffix, units, suffixes of several letters.
        return parse_number(word)
