"""The grammar of one logical line, compiled by lark, and what it finds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken

Span = tuple[int, int]

_ELEMENT_RULES = {
    **dict.fromkeys("vi", "independent"),
    **dict.fromkeys("efgh", "controlled"),
    "b": "behavioural",
}
_CARD_RULES = {
    **dict.fromkeys(("subckt", "ends", "endl", "global", "temp", "options", "option", "opt", "ic", "nodeset"), "plain"),
    **dict.fromkeys(("param", "params", "csparam", "global_param"), "parameters"),
    **dict.fromkeys(("include", "inc", "incl", "lib"), "file"),
    "func": "function",
    "model": "model",
}
_CARD_NAME = re.compile(r"\.(\w*)")
_RULES = ("element", *dict.fromkeys(_ELEMENT_RULES.values()), *dict.fromkeys(_CARD_RULES.values()), "rest")


def grammar_text(name: str) -> str:
    """The text of ``grammars/<name>.lark``: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "grammars", package.parent / "grammars"):
        path = folder / f"{name}.lark"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"grammars/{name}.lark is missing from the installation")


@dataclass(slots=True)
class LineParts:
    """What a logical line consists of, as spans [start, end) of its text."""

    name: Span
    words: list[Span] = field(default_factory=list)
    assignments: list[tuple[Span, Span]] = field(default_factory=list)
    calls: list[Span] = field(default_factory=list)


class _Assignment(tuple[Span, Span]):
    __slots__ = ()


class _Call(tuple[int, int]):
    __slots__ = ()


def _span(pieces: list[Any]) -> Span:
    return _start(pieces[0]), _end(pieces[-1])


def _start(piece: Any) -> int:
    return cast(int, piece.start_pos if isinstance(piece, Token) else piece[0])


def _end(piece: Any) -> int:
    return cast(int, piece.end_pos if isinstance(piece, Token) else piece[1])


class _ToSpans(Transformer[Token, Any]):
    """Called by the parser bottom up, so that no depth of nesting needs recursion."""

    def _line(self, pieces: list[Any]) -> LineParts:
        name, *rest = pieces
        parts = LineParts(_span([name]))
        for piece in rest:
            if isinstance(piece, _Assignment):
                parts.assignments.append((piece[0], piece[1]))
            elif isinstance(piece, _Call) or (isinstance(piece, Token) and piece.type == "TABLE"):
                parts.calls.append(_span([piece]))
            else:
                parts.words.append(_span([piece]))
        return parts

    element = independent = controlled = behavioural = _line
    plain = parameters = function = model = file = rest = _line

    def _joined(self, pieces: list[Any]) -> Span:
        return _span(pieces)

    word = value = expression = model_word = group = member = factor = arguments = nested = _joined

    def _call(self, pieces: list[Any]) -> Span:
        return _Call(_span(pieces))

    waveform = poly = _call

    def _assignment(self, pieces: list[Any]) -> tuple[Span, Span]:
        name, *value = pieces
        return _Assignment((_span([name]), _span(value)))

    assignment = formula = model_value = _assignment


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(grammar_text("spice"), parser="lalr", start=list(_RULES), transformer=_ToSpans())


def card_name(text: str) -> str:
    """The name of a dot-card in lower case, without the dot."""
    match = _CARD_NAME.match(text)
    return match[1].lower() if match else ""


def parse_line(text: str) -> LineParts:
    """Parse the text of one logical line, which starts with neither a blank nor a comment.

    Raises BadLine with the span of what is wrong.
    """
    if text[0] == ".":
        return parse_by_grammar(text, _CARD_RULES.get(card_name(text), "rest"))
    rule = _ELEMENT_RULES.get(text[0].lower(), "element")
    return _plain(text, rule) or parse_by_grammar(text, rule)


def parse_by_grammar(text: str, rule: str) -> LineParts:
    """Parse a line by the lark grammar, from one of its start rules."""
    try:
        return cast(LineParts, _parser().parse(text, start=rule))
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        raise _explained(text, len(text) if ended else error.pos_in_stream) from None
    except UnexpectedInput as error:
        raise _explained(text, error.pos_in_stream) from None


# Most element lines are words between blanks, perhaps with a few ``name=value``. On them lark's
# general way is slower by an order of magnitude and comes to the same (tests/netlist/test_grammar.py).
_TOKEN = r"""[^ \t\f\v=(){}'",]++"""
_WORD = re.compile(_TOKEN)
_NOT_JUST_WORDS = re.compile("""[=(){}'",]""")
_WORDS_AND_VALUES = re.compile(rf"{_TOKEN}[ \t\f\v]++(?>(?:{_TOKEN}(?>(?:(?<![<>!])={_TOKEN})?)(?:[ \t\f\v]++|\Z))*)")
_WORD_OR_VALUE = re.compile(rf"({_TOKEN})(?:=({_TOKEN}))?")


def _plain(text: str, rule: str) -> LineParts | None:
    if _NOT_JUST_WORDS.search(text) is None:
        name, *words = [word.span() for word in _WORD.finditer(text)]
        return LineParts(name, words)
    # In an expression, blanks around operators need the grammar.
    if rule not in ("element", "independent") or _WORDS_AND_VALUES.fullmatch(text) is None:
        return None
    pieces = _WORD_OR_VALUE.finditer(text)
    parts = LineParts(next(pieces).span())
    for piece in pieces:
        if piece[2] is None:
            parts.words.append(piece.span())
        else:
            parts.assignments.append((piece.span(1), piece.span(2)))
    return parts


class BadLine(Exception):
    """A logical line that the grammar does not have."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint


_CLOSERS = {"(": ")", "{": "}"}


def _explained(text: str, position: int | None) -> BadLine:
    open_brackets: list[int] = []
    quote = -1
    for i, character in enumerate(text):
        if quote >= 0:
            if character == text[quote]:
                quote = -1
        elif character in "'\"":
            quote = i
        elif character in _CLOSERS:
            open_brackets.append(i)
        elif character in ")}":
            if open_brackets and _CLOSERS[text[open_brackets[-1]]] == character:
                open_brackets.pop()
            elif not open_brackets:
                return BadLine(f"'{character}' closes nothing", i, i + 1)
    if quote >= 0:
        return BadLine(f"this quote ({text[quote]}) is never closed", quote, quote + 1)
    if open_brackets:
        start = open_brackets[-1]
        hint = f"a '{_CLOSERS[text[start]]}' is missing on this line or its continuations"
        return BadLine(f"'{text[start]}' is never closed", start, start + 1, hint)
    while position is not None and position < len(text) and text[position] in " \t\f\v":
        position += 1
    if position is None or position >= len(text):
        return BadLine("the line ends too early", max(0, len(text.rstrip()) - 1), len(text))
    return BadLine(f"unexpected '{text[position]}'", position, position + 1)
