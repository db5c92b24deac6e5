"""Slips of writing that an error's own line shows: a number apart from its unit, a decimal comma, a blank that is none.

The remedy for what a reader trips over there is another one than for what the word that it trips over would be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from netlearn.errors import NetlearnError, Place
from netlearn.netlist.lines import comment_start
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.source import Source

# What looks like a blank, or like nothing, and is a part of words to SPICE.
ODD_BLANK = re.compile("[\u00a0\u00ad\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff]")
_NUMBER = re.compile(
    r"(?<![^\s,=({])(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)(?P<between>[ \t]+|,)$", re.I
)
_UNIT = re.compile(
    r"(?:meg|mil|[tgkmunpfµμ])?(?:ohms?|Ω|\u03a9|volts?|v|amps?|a|farads?|f|henr(?:y|ies)|h|hz|sec|s|w|%|°C?)?",
    re.IGNORECASE,
)
_STRAY = re.compile(r"cannot read|more than (?:one|two)|is not a number|takes one")
"""What errors say of a word that has no place in its line."""
_COMMA = re.compile(r"(?<![\d,.])(?P<whole>[+-]?[0-9]+),(?P<part>[0-9]+[^\s,(){}=]*)$")
_PAIR = re.compile(r"[A-Za-z_]\w*=[^\s=]+")
_NAME_AFTER_DOLLAR = re.compile(r"(?<![^ \t,])(\$[A-Za-z_{][\w${}]*)")


def explained(error: NetlearnError) -> NetlearnError:
    """The error, with the remedy for a slip if its line shows one."""
    if error.place is None:
        return error
    # After the nodes and the value of a source, a name can be no other value.
    after_value = error.place.text[:1] in "vViI" and len(error.place.text[: error.place.column - 1].split()) > 3
    stray = _STRAY.search(error.message) or (after_value and error.message.startswith("unknown parameter"))
    hint = slip(error.place) if stray else _odd_blank(error.place.text)
    if hint:
        error.hint = hint
    return error


def slip(place: Place) -> str:
    """The remedy for the slip at or right before a place, or in its line; empty without any."""
    start, end = place.column - 1, place.column - 1 + place.length
    return _apart(place.text, start, end) or _comma_inside(place.text, start, end) or _odd_blank(place.text)


def _apart(text: str, start: int, end: int) -> str:
    """The word at [start, end) belongs to the number before it."""
    before, word = _NUMBER.search(text[:start]), text[start:end].rstrip(")}")
    if before is None:
        return ""
    number = before["number"]
    if before["between"] == ",":
        is_part = "." not in number and word[:1].isdigit() and parse_number(f"{number}.{word}") is not None
        return _with_point(number, word) if is_part else ""
    together = f"{number}{word}"
    if _UNIT.fullmatch(word) and parse_number(together) is not None:
        return f"a number and its suffix or unit are one word: write {together}"
    return ""


def _comma_inside(text: str, start: int, end: int) -> str:
    """The stretch [start, end) is a number with a decimal comma, or the comma itself."""
    if text[start:end] == ",":
        match = re.match(r"[0-9]+[^\s,(){}=*/+-]*", text[end:])
        end += match.end() if match else 0
        start = start - len(text[:start]) + len(re.split(r"[0-9]+$", text[:start])[0])
    match = _COMMA.fullmatch(text[start:end])
    return _with_point(match["whole"], match["part"]) if match else ""


def _with_point(whole: str, part: str) -> str:
    return f"a comma separates words: write {whole}.{part}"


def _odd_blank(text: str) -> str:
    found = ODD_BLANK.search(re.split(r";|//", text)[0])
    return f"{odd_blank_name(found[0])} in this line is a part of its word: put a plain blank" if found else ""


def odd_blank_name(character: str) -> str:
    """What a blank that is none is called: ``a no-break space (U+00A0)``."""
    name = unicodedata.name(character, "unknown character").lower()
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name} (U+{ord(character):04X})"


def comment_slip(source: Source, start: int, end: int) -> str:
    """The remedy where values, or a name such as ``$N_001``, are not read, as a comment begins there; or empty."""
    for at, _, rest in dropped_values(source, start, end):
        mark = ";" if source.text[at] == ";" else "//"
        return f"'{mark}' begins a comment, so that '{rest}' is not read: a blank or a comma separates values"
    line_end = source.whole_lines(start, end)[1]
    found = _NAME_AFTER_DOLLAR.search(source.text[start:line_end].splitlines()[0] if start < line_end else "")
    if found is None:
        return ""
    return f"'$' after a blank begins a comment, so that '{found[1]}' is not read: write the name without it"


def dropped_values(source: Source, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Comments in the statement [start, end) that consist of numbers and pairs alone: where, up to where, and these.

    ``;`` and ``//`` begin a comment, as to ngspice, wherever they stand.
    """
    at = start
    for line in source.text[start:end].splitlines(keepends=True):
        stop = at + len(line.rstrip("\r\n"))
        begin = stop if line.lstrip().startswith("*") else comment_start(source.text, at, stop)
        comment = source.text[begin:stop].rstrip(" \t;")
        rest = comment.removeprefix(";" if comment.startswith(";") else "//").lstrip(" \t")
        if ";" not in rest and _are_values(rest):
            yield begin, begin + len(comment), rest
        at += len(line)


def _are_values(text: str) -> bool:
    words = "=".join(part.strip() for part in text.rstrip(")}").split("=")).replace(",", " ").split()
    return bool(words) and all(_PAIR.fullmatch(word) or parse_number(word) is not None for word in words)
