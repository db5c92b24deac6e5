"""Values on element lines: where they stand, how they are read and written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from netlearn.errors import NetlistError, OptionError
from netlearn.netlist.letters import LETTERS, SOURCE_WORDS, Letter
from netlearn.netlist.numbers import format_number, parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Assignment, Element, Word

IsModel = Callable[[str], bool]
"""Whether a name is that of a model."""

_EXPRESSION = re.compile(r"'[^'\r\n]+'|\{(?>(?:[^{}\r\n]|\{[^{}\r\n]*+\})+)\}")
_NO_VALUES = frozenset({"noiseless", "tol", "dev", "lot", "ac", "load"})
"""Words after the nodes of a resistor, capacitor or inductor that stand neither for its value nor for its model."""


def value_word(element: Element, is_model: IsModel | None = None) -> Word | None:
    """The word that stands for an element's value: a number, an expression, or the name of what gives one.

    Without ``is_model`` a name counts for none, as it may be a model's.
    """
    letter = LETTERS.get(element.letter)
    if letter is None:
        return None
    for name in letter.value_names:
        pair = assignment_named(element, name)
        if pair is not None:
            return pair.value
    if letter.value_after is None or (element.letter in "EFGH" and element.calls):
        return None
    if element.letter in "VI":
        return _source_value(element.words[letter.value_after :], is_model)
    if element.letter in "EG" and len(element.words) == 4 and element.words[2].text.lower() in letter.value_names:
        # VALUE {expression}
        return element.words[3]
    if element.letter == "K":
        return element.words[-1] if len(element.words) > letter.value_after else None
    for word in element.words[letter.value_after :][: 2 if letter.model_first else 1]:
        if _is_value(word) or _names_value(word, is_model):
            return word
    return None


def _source_value(words: tuple[Word, ...], is_model: IsModel | None) -> Word | None:
    for at in range(len(words) - 1, -1, -1):
        if words[at].text.lower() == "dc":
            return words[at + 1] if at + 1 < len(words) else None
    first = words[0] if words else None
    # What follows may be AC or a waveform instead.
    if first is None or first.text.lower() in SOURCE_WORDS:
        return None
    return first if is_model is not None or _is_value(first) else None


def _names_value(word: Word, is_model: IsModel | None) -> bool:
    return is_model is not None and word.text.lower() not in _NO_VALUES and not is_model(word.text)


def _is_value(word: Word) -> bool:
    return parse_number(word.text) is not None or word.text[0] in "{'"


def has_bare_blank(text: str) -> bool:
    """Whether a value has a blank outside of brackets and quotes, as ``2 * k`` has.

    On a line with several values, ngspice ends such a one there.
    """
    depth, quote = 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "({":
            depth += 1
        elif character in ")}":
            depth -= 1
        elif character.isspace() and depth == 0:
            return True
    return False


def assignment_named(element: Element, name: str) -> Assignment | None:
    return next((pair for pair in element.assignments if pair.name.text.lower() == name.lower()), None)


def read_value(word: Word, *, braced: bool = False) -> float | str:
    """A number, or the text of what is none; in parameters, ``braced``, ngspice takes ``mil`` for milli."""
    number = parse_number(word.text.lower().replace("mil", "m") if braced else word.text)
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
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise OptionError(f"a value is a number or an expression, not {type(value).__name__}") from None
    if not math.isfinite(number):
        raise OptionError(f"a value must be finite, not {number}")
    return format_number(number)


def value_edit(element: Element, value: float | str, is_model: IsModel | None = None) -> tuple[Source, int, int, str]:
    """The edit that gives an element a value; a source, resistor, capacitor or inductor without one gets one.

    Raises NetlistError for an element of a kind that has none.
    """
    word, new = value_word(element, is_model), written(value)
    if word is not None:
        return element.source, word.start, word.end, new
    letter = LETTERS.get(element.letter)
    addition = "" if letter is None else _addition(element, letter, is_model)
    if not addition:
        raise _no_value(element, letter)
    end = element.words[1].end
    return element.source, end, end, f"{addition}{new}"


def _addition(element: Element, letter: Letter, is_model: IsModel | None) -> str:
    """What stands before a value that a line has not had so far; empty where there is no place for one."""
    if len(element.words) < 2:
        return ""
    if element.letter in "VI":
        return " DC "
    return " " if letter.model_first and is_model is not None else ""


def _no_value(element: Element, letter: Letter | None) -> NetlistError:
    title = "element" if letter is None else letter.title
    place = element.source.place(element.start, element.end)
    hint = ""
    if element.letter in "EFGH" and element.calls:
        hint = "its polynomial, table or transform stands in its own words: remove the line, and add another one"
    elif element.letter == "X":
        hint = f'its parameters are netlist["{element.name.text}"].parameters'
    elif letter is not None and letter.value_after is None:
        hint = "what it is stands in its parameters, and in those of its model, netlist.models"
    return NetlistError(f"'{element.name.text}' is a {title} and has no value that could be set", place, hint)
