"""Values on element lines: where they stand, how they are read and written."""

from __future__ import annotations

import math
import re

from netlearn.errors import NetlistError, OptionError
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.numbers import format_number, parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Assignment, Element, Word

_EXPRESSION = re.compile(r"'[^'\r\n]+'|\{(?:[^{}\r\n]|\{[^{}\r\n]*+\})++\}")


def value_word(element: Element) -> Word | None:
    letter = LETTERS.get(element.letter)
    if letter is None:
        return None
    for name in letter.value_names:
        pair = assignment_named(element, name)
        if pair is not None:
            return pair.value
    after = letter.value_after
    if after is None or (element.letter in "EFGH" and element.calls):
        return None
    words = element.words[after:]
    if "dc" in letter.value_names and words and words[0].text.lower() == "dc":
        words = words[1:]
    if letter.model_first and len(words) > 1 and not _is_value(words[0]):
        # A model stands before the value.
        words = words[1:]
    # What follows may be a model, AC or a waveform instead.
    return words[0] if words and _is_value(words[0]) else None


def _is_value(word: Word) -> bool:
    return parse_number(word.text) is not None or word.text[0] in "{'"


def assignment_named(element: Element, name: str) -> Assignment | None:
    return next((pair for pair in element.assignments if pair.name.text.lower() == name.lower()), None)


def read_value(word: Word) -> float | str:
    number = parse_number(word.text)
    return word.text if number is None else number


def written(value: float | str) -> str:
    """A value as it stands in a netlist.

    Raises OptionError if it is neither a finite number nor an expression.
    """
    if isinstance(value, str):
        text = value.strip()
        number = parse_number(text)
        if _EXPRESSION.fullmatch(text) or (number is not None and math.isfinite(number)):
            return text
        raise OptionError(
            f"'{value}' is neither a number nor an expression", hint="write 4.7k, or {2*x} with its braces"
        )
    if not math.isfinite(value):
        raise OptionError(f"a value must be finite, not {value}")
    return format_number(value)


def value_edit(element: Element, value: float | str) -> tuple[Source, int, int, str]:
    """The edit that gives an element a value.

    Raises NetlistError if the element has none to replace.
    """
    word = value_word(element)
    if word is None:
        place = element.source.place(element.start, element.end)
        raise NetlistError(f"'{element.name.text}' has no value that could be set", place)
    return element.source, word.start, word.end, written(value)
