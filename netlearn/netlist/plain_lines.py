"""Long runs of plain lines of resistors or sources, read at once instead of line by line.

The grammar defines the language. This reads a part of it that lattices and crossbars
consist of, ``Rname node node number`` and nothing else on the line, to the same result
(tests/netlist/test_plain_lines.py holds the two against each other). A run has elements
of one letter; comments and blank lines may stand between.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from netlearn.arrays import Array
from netlearn.netlist.numbers import EXPONENTS, parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Block

LETTERS = "RVI"
"""The elements whose lines may be plain."""
FEWEST_LINES = 8
"""Shorter runs are not worth an array: of runs of 8 lines, read as one, a netlist takes 0.84 of the time from its text
to its circuit, of runs of 4 1.6 times as long (benchmarks/constants_of_reading.py)."""
FIRST_STRETCH, GROWTH, LONGEST_STRETCH = 1 << 11, 2, 1 << 19
"""Characters that are looked at together: a few at first, as most runs are short, and no more than a cache holds. Runs
of 40 lines take 1.5 times as long with half the first, 1.1 with twice as many; one of 300 000 lines 2.2 times as long
without growth, and as long within a twentieth with twice the growth, with half and with twice the longest
(benchmarks/constants_of_reading.py)."""

_WORD = r"""(?:[^ \t\f\v\r\n,=(){}'";$/\\]|/(?!/))"""
# Of few enough digits not to be beyond what a float64 holds.
_NUMBER = r"[+-]?(?:[0-9]{1,99}+\.?+[0-9]*+|\.[0-9]++)(?>(?:[eEdD][+-]?[0-9]{1,2}+)?)[A-Za-z]*+"
_LINE = rf"[ \t]*+[%s](?>{_WORD}*)(?:[ \t]++(?>{_WORD}+)){{2}}[ \t]++{_NUMBER}[ \t]*+(?:\r\n|\r|\n|\Z)"
# What a comment may not have: backslashes, which join lines, and what makes it a directive or begins encrypted text.
_BETWEEN = r"(?>(?:[ \t]*+(?>(?:\*(?![@#]|[ \t]*(?i:ltspice encrypted))[^\r\n\\]*+)?)(?:\r\n|\r|\n))*)"
_PLAIN_NUMBER = re.compile(_NUMBER)
_CONTINUATION = re.compile(r"(?>(?:[ \t\f\v]*+(?>(?:[*$][^\r\n]*+)?)(?:\r\n|\r|\n))*)[ \t\f\v]*+\+")
_ENCRYPTED = re.compile(r"(?:\A|[\r\n])[ \t\f\v]*\*[ \t]*LTspice Encrypted", re.IGNORECASE)

_BLANK, _LINE_END, _INK, _SLASH, _BAD, _BACKSLASH = range(6)
_KINDS = bytearray([_INK] * 256)
for _characters, _kind in ((" \t", _BLANK), ("\r\n", _LINE_END), ("/", _SLASH), ("\f\v,=(){}'\";$", _BAD), ("\\", 5)):
    for _character in _characters:
        _KINDS[ord(_character)] = _kind
_OF_NUMBERS = b"0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \t\r\n"
_SUFFIXES = sorted(((s, f"e{power} ") for s, power in EXPONENTS.items() if s.isascii()), key=lambda s: -len(s[0]))
_FIRST = f"{LETTERS}{LETTERS.lower()} \t"
"""What a run begins with."""


@cache
def _beginning(lines: int) -> re.Pattern[str]:
    """What matches so many plain lines of one letter."""
    kinds = (_LINE % f"{letter}{letter.lower()}" for letter in LETTERS)
    return re.compile("|".join(rf"(?>(?>{line}{_BETWEEN}){{{lines}}})" for line in kinds))


def plain_lines(source: Source, position: int) -> Block | None:
    """The run of plain lines that starts at ``position``, if there is one."""
    text = source.text
    if text[position : position + 1] not in _FIRST:
        return None
    beginning = _beginning(FEWEST_LINES).match(text, position)
    if beginning is None:
        return None
    letter = beginning[0].lstrip(" \t")[0].lower()
    parts, wanted, more = [], FIRST_STRETCH, True
    while more and position < len(text):
        end = position + wanted
        if end < len(text):
            end = max(text.rfind("\n", position, end), text.rfind("\r", position, end)) + 1
        spans, values, more = _read(text[position:end], letter)
        parts.append((spans + position, values))
        more = more and end > position
        position, wanted = end, min(wanted * GROWTH, LONGEST_STRETCH)
    spans, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(spans) and _CONTINUATION.match(text, int(spans[-1, 3, 1])):
        # The last line goes on after the run.
        spans, values = spans[:-1], values[:-1]
    return Block(source, int(spans[0, 0, 0]), int(spans[-1, 3, 1]), spans, values) if len(spans) else None


def _read(text: str, letter: str) -> tuple[Array, Array, bool]:
    """The plain lines of a letter that a text begins with: where their words are (k, 4, 2), and their values (k,).

    The last result is whether there is nothing else in the text.
    """
    length = len(text)
    encrypted = _ENCRYPTED.search(text) if "ltspice encrypted" in text.lower() else None
    text = text[: encrypted.start()] if encrypted else text
    if text.isascii():
        data = text.encode("ascii")
    else:
        # One byte a character: all that is not ASCII is a part of words.
        wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        data = np.minimum(wide, 255).astype(np.uint8).tobytes()
    # With a line end before and after it, changes between ink and blank are starts and ends of words, in turns.
    data = b"\n%b\n\n" % data
    kinds = np.frombuffer(data.translate(_KINDS), np.uint8)
    ink = kinds >= _INK
    edges = np.flatnonzero(ink[1:] != ink[:-1])
    starts, line_ends = np.ascontiguousarray(edges[0::2]), np.flatnonzero(kinds[1:] == _LINE_END)
    passed = np.searchsorted(starts, line_ends)
    words = np.diff(passed, prepend=0)
    codes = np.frombuffer(data, np.uint8)[1:]
    # Lines without words are given the end of the text, where there is only a line end.
    first = np.append(starts, len(text))[np.where(words, passed - words, len(starts))]
    plain = (words == 4) & ((codes[first] | 32) == ord(letter))
    odd = kinds[1:] >= _BAD
    odd[:-1] |= (kinds[1:-1] == _SLASH) & (kinds[2:] == _SLASH)
    plain[np.searchsorted(line_ends, np.flatnonzero(odd))] = False
    comment = (words > 0) & (codes[first] == ord("*"))
    if comment.any():
        comment &= np.isin(codes[first + 1], np.frombuffer(b"@#", np.uint8), invert=True)
        comment[np.searchsorted(line_ends, np.flatnonzero(kinds[1:] == _BACKSLASH))] = False
    passing = plain | comment | (words == 0)
    lines = len(passing) if passing.all() else int(np.argmin(passing))
    spans: Array = edges[: 2 * int(passed[lines - 1]) if lines else 0].reshape(-1, 2)
    if comment[:lines].any():
        spans = spans[np.repeat(plain[:lines], words[:lines])]
    spans = spans.reshape(-1, 4, 2)
    values = _values(codes, text, spans)
    readable = np.isfinite(values)
    count = len(values) if readable.all() else int(np.argmin(readable))
    return spans[:count], values[:count], lines == len(passing) and count == len(values) and length == len(text)


def _values(codes: Array, text: str, spans: Array) -> Array:
    """The values (k,) of the last words of lines; NaN for what is not a plain number."""
    # With the character after each, which is a blank or a line end.
    marks = np.zeros(len(codes), np.int8)
    marks[spans[:, 3, 0]] = 1
    marks[spans[:, 3, 1] + 1] = -1
    numbers = codes[np.cumsum(marks, dtype=np.int8).view(bool)].tobytes()
    if not numbers.translate(None, _OF_NUMBERS):
        joined = numbers.translate(_TO_BLANKS).decode("ascii")
        for suffixes in ((), _SUFFIXES):
            for suffix, power in suffixes:
                joined = joined.replace(f"{suffix} ", power)
            try:
                return np.array(list(map(float, joined.split())))
            except ValueError:
                # Suffixes, and then also exponents with a suffix, units.
                continue
    words = [text[start:end] for start, end in spans[:, 3].tolist()]
    known = {word: _value(word) for word in set(words)}
    return np.array([known[word] for word in words], dtype=float)


def _value(word: str) -> float | None:
    return parse_number(word) if _PLAIN_NUMBER.fullmatch(word) else None


_TO_BLANKS = bytes(
    32 if chr(code) in "\t\r\n" else ord(chr(code).lower()) if code < 128 else code for code in range(256)
)
