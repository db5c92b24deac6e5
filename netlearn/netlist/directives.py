"""Directives: ``*@`` comment lines that say how a netlist is to be trained, read by a declared table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from netlearn.errors import NetlearnError, NetlistWarning, OptionError, Place, did_you_mean, raise_all, warn
from netlearn.netlist.grammar import grammar_text
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.several import remedy_for_several
from netlearn.netlist.statements import Word
from netlearn.options import Directive, Given, Option, Percent

if TYPE_CHECKING:
    from netlearn.netlist.netlist import Netlist
    from netlearn.netlist.statements import DirectiveLine

Locate = Callable[[int, int], Place | None]
"""The place of [start, end) of a directive's text."""

Schema = Mapping[str, Directive]

TRUTHS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}

_NUMBER = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_PAIRS = re.compile(rf"([A-Za-z_]+)((?:[ \t]+[\w.#:]+={_NUMBER},{_NUMBER})+)[ \t]*")
_NAME = re.compile(r"([^\s=]+)=")
_FEW = 8
"""Pairs of one directive that have places of their own, by convention: people write no more by hand. With places, 8
pairs of a directive take 2.3 times as long to read, 32 take 2.8 (benchmarks/constants_of_reading.py)."""

FROM_OUTSIDE = frozenset(["forward"])
"""What a netlist may have no say in, as it may be a stranger's."""
WHY_OUTSIDE = "it could start any program; say it on the command line, as --forward, or in Python"

_QUOTES = ('"', "'")


class _Pair(NamedTuple):
    """An option and what it is given: a value, or a list of such."""

    key: Token
    value: Token
    is_list: bool


@dataclass(frozen=True)
class _Reader:
    """Reads one directive's text, and places what is wrong with it."""

    schema: Schema
    locate: Locate

    def read(self, text: str) -> Given:
        if (plain := self._pairs_of_numbers(text)) is not None:
            return plain
        if not text.strip():
            raise OptionError("a directive needs a name after '*@'", self.locate(0, 0), did_you_mean("", self.schema))
        name, *items = self._parsed(text).children
        assert isinstance(name, Token)
        entry = self._entry(name)
        words, pairs = self._words_and_pairs(entry, items)
        values, placed = self._values(entry, tuple(words), pairs)
        named = {"": name, **placed, **words}
        places = {key: place for key, token in named.items() if (place := self._place(token)) is not None}
        return Given(entry.name, tuple(words), values, places)

    def _parsed(self, text: str) -> Tree[Token]:
        try:
            return _parser().parse(text)
        except UnexpectedInput as error:
            ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
            start = len(text.rstrip()) if ended else error.pos_in_stream or 0
            shown = text[start : start + 1]
            raise OptionError(
                f"unexpected '{shown}' in a directive" if shown else "the directive ends too early",
                self.locate(start, start + 1),
                "a directive is '*@name word... option=value...', with quotes around what holds blanks",
            ) from None

    def _entry(self, name: Token) -> Directive:
        entry = self.schema.get(name.lower())
        if entry is not None:
            return entry
        if name.lower() in FROM_OUTSIDE:
            raise OptionError(f"a directive cannot say '{name}'", self._place(name), WHY_OUTSIDE)
        raise OptionError(f"unknown directive '{name}'", self._place(name), did_you_mean(name, self.schema))

    def _words_and_pairs(
        self, entry: Directive, items: Sequence[Token | Tree[Token]]
    ) -> tuple[dict[str, Token], list[_Pair]]:
        """The words of a directive by what they say, and its options with what they are given."""
        words: dict[str, Token] = {}
        pairs: list[_Pair] = []
        before: Tree[Token] | None = None
        for item in items:
            assert isinstance(item, Tree)
            before, last = (item if item.data == "pair" else None), before
            if item.data == "pair":
                key, value = item.children
                assert isinstance(key, Token)
                assert isinstance(value, Tree)
                if key.lower() in FROM_OUTSIDE and entry.any_name is None:
                    raise OptionError(f"a directive cannot say '{key}'", self._place(key), WHY_OUTSIDE)
                pairs.append(_Pair(key, _token(value), is_list=value.data == "list"))
            elif item.data == "assigned":
                named, value = item.children
                assert isinstance(named, Tree)
                assert isinstance(value, Tree)
                token = _token(named)
                # A name that could be no option's, such as a number, or else a word that is given a value.
                option = _plain(token) if entry.any_name is not None else entry.assigns
                if not option:
                    hint = "'*@goal PROBE = value' says what is wanted of a probe"
                    raise OptionError(f"'{token}' takes no value in '*@{entry.name}'", self._place(token), hint)
                if entry.any_name is None:
                    self._check_word(entry, token, words)
                    words[_plain(token)] = token
                key = Token("KEY", option, start_pos=token.start_pos)
                pairs.append(_Pair(key, _token(value), is_list=value.data == "list"))
            elif last is not None and self._is_prefix(entry, words, pairs[-1]):
                # The value of an option such as calibrate=every 50.
                pairs[-1] = _Pair(pairs[-1].key, _token(item), is_list=False)
            else:
                token = _token(item)
                self._check_word(entry, token, words)
                words[token.lower() if entry.kinds else _plain(token)] = token
        return words, pairs

    def _values(
        self, entry: Directive, words: tuple[str, ...], pairs: Iterable[_Pair]
    ) -> tuple[dict[str, object], dict[str, Token]]:
        """What options are given, and where they stand."""
        values: dict[str, object] = {}
        placed: dict[str, Token] = {}
        what = f"'{words[0]}'" if entry.kinds and words else f"'*@{entry.name}'"
        for key, token, is_list in pairs:
            option, place = key.lower(), self._place(key)
            if option in values:
                raise OptionError(f"'{key}' is given twice", place)
            wanted = entry.option_for(option, words, what, place)
            if is_list and not wanted.many:
                raise self._not_one(wanted, token)
            parts = _parts(token) if wanted.many else [token]
            if wanted.many and not wanted.default and [_plain(part).lower() for part in parts] == [wanted.absent]:
                # As help says the default.
                parts = []
            try:
                read = [self._value(replace(wanted, many=False), part) for part in parts]
            except OptionError as error:
                error.hint = error.hint or remedy_for_several(entry.name, wanted, str(token))
                raise
            values[option] = tuple(read) if wanted.many else read[0]
            placed[option] = key
        return values, placed

    def _pairs_of_numbers(self, text: str) -> Given | None:
        """A directive of nothing but ``name=number,number``, of which large networks have thousands; None for others.

        Only the directive as a whole has a place then, and each of a few.
        """
        found = _PAIRS.fullmatch(text)
        entry = None if found is None else self.schema.get(found[1].lower())
        if found is None or entry is None or entry.any_name is None:
            return None
        pairs = [pair.partition("=") for pair in found[2].lower().split()]
        values = {name: tuple(map(float, numbers.split(","))) for name, _, numbers in pairs}
        if len(values) < len(pairs) or not all(map(isfinite, chain.from_iterable(values.values()))):
            return None
        spans = {"": (0, len(text.rstrip()))}
        if len(pairs) <= _FEW:
            spans |= {pair[1].lower(): pair.span(1) for pair in _NAME.finditer(text, found.start(2))}
        places = {name: place for name, span in spans.items() if (place := self.locate(*span)) is not None}
        return Given(entry.name, (), values, places)

    def _is_prefix(self, entry: Directive, words: Mapping[str, Token], pair: _Pair) -> bool:
        """Whether what an option was given is but the word that may stand before its value."""
        option = entry.options_for(tuple(words)).get(pair.key.lower())
        return option is not None and bool(option.prefix) and pair.value.lower() == option.prefix

    def _check_word(self, entry: Directive, token: Token, words: Mapping[str, Token]) -> None:
        place = self._place(token)
        if entry.any_name is not None:
            hint = "the values of a name stand together: NAME=value,value"
            raise OptionError(f"'{token}' has no meaning in '*@{entry.name}'", place, hint)
        if not entry.words:
            chosen = [f"{o.name}={token.lower()}" for o in entry.options if token.lower() in o.choices]
            hint = did_you_mean(token, (option.name for option in entry.options))
            remedy = f"did you mean '{chosen[0]}'?" if len(chosen) == 1 else f"write name=value; {hint}"
            raise OptionError(f"'{token}' has no meaning in '*@{entry.name}'", place, remedy)
        if words and not entry.many:
            hint = _second_meant(token, entry.options_for(tuple(words)))
            raise OptionError(f"'*@{entry.name}' takes one {entry.words}, and '{token}' is a second", place, hint)
        if entry.kinds and token.lower() not in entry.kinds:
            raise OptionError(f"unknown {entry.name} '{token}'", place, _kind_meant(token, entry))

    def _not_one(self, option: Option, token: Token) -> OptionError:
        parts = token.split(",")
        decimal = len(parts) == 2 and all(part.lstrip("+-").rstrip("%").isdigit() for part in parts)
        hint = f"a decimal point is written as one: {'.'.join(parts)}" if decimal else "give it once"
        return OptionError(f"'{option.name}' takes one value, not '{token}'", self._place(token), hint)

    def _value(self, option: Option, token: Token) -> object:
        text, place = _plain(token), self._place(token)
        if option.optional and text.lower() == option.absent:
            return None
        if option.prefix and text.lower().startswith(f"{option.prefix} "):
            text = text[len(option.prefix) :].strip()
        value: object = text
        if option.kind is bool:
            value = TRUTHS.get(text.lower())
        elif option.kind in (int, float) and text.endswith("%"):
            number = parse_number(text[:-1])
            if number is not None and not (option.percent or option.part):
                of = f", or 'within={text}'" if option.name == "value" else ""
                hint = f"write {number / 100:.15g}{of}"
                raise OptionError(f"'{option.name}' is not given in per cent, as '{text}'", place, hint)
            # From the decimal, so that 12.3% is the number nearest to 0.123.
            exact = None if number is None else float(Decimal(repr(number)) / 100)
            value = Percent(exact) if exact is not None and option.percent else exact
        elif option.kind in (int, float) and option.percent and text.lower().endswith("ppm"):
            number = parse_number(text[:-3])
            value = None if number is None else Percent(number * 1e-6)
        elif option.kind in (int, float):
            value = parse_number(text)
        elif option.choices:
            value = text.lower()
        if value is None:
            raise OptionError(f"'{option.name}' must be {option.noun}, not '{text}'", place)
        return option.check(value, place)

    def _place(self, token: Token) -> Place | None:
        start = token.start_pos or 0
        return self.locate(start, start + len(token))


def read_directive(text: str, schema: Schema, locate: Locate = lambda start, end: None) -> Given:
    """One directive from its text without the ``*@``. Raises OptionError at the word that is wrong."""
    return _Reader(schema, locate).read(text)


FILE_OPTIONS = {"data": ("", "test"), "hardware": ("parts", "faults", "measured")}
"""The options of directives that name files, relative to the netlist; '' for the directive's word."""


_SIGNS = {">": "min", "≥": "min", "<": "max", "≤": "max", "±": "within"}


def _second_meant(token: str, options: Mapping[str, Option]) -> str:
    """The option that a second word may be meant for: by a sign before it, or as a number; empty if none."""
    option, rest = _SIGNS.get(token[:1]), token[1:].lstrip("=")
    if option in options:
        return f"write {option}={rest or 'VALUE'}"
    if token == "%":
        return "a number and its unit are one word: write within=1%" if "within" in options else ""
    numeric = [name for name, each in options.items() if each.kind in (int, float)]
    return f"write NAME={token}, such as {numeric[0]}={token}" if numeric and parse_number(token) is not None else ""


def _kind_meant(token: str, entry: Directive) -> str:
    """The kind that is called so in full, as ``coupled-learning`` is ``cl``, or else the nearest ones."""
    letters = re.sub(r"[^a-z0-9]", "", token.lower())
    for name, cls in entry.kinds.items():
        if len(letters) > 4 and cls.__name__.lower().startswith(letters):
            return f"did you mean '{name}'?"
    hint = did_you_mean(token, entry.kinds)
    return hint if "did you mean" in hint else f"{hint}; 'netlearn help {entry.name}' says what each is"


def files_named(line: DirectiveLine) -> list[Word]:
    """The words of a directive that name files, with their quotes; none where the text is no directive."""
    text, start = line.text.text, line.text.start
    options = FILE_OPTIONS.get(text.split(maxsplit=1)[0].lower() if text.strip() else "")
    if options is None:
        return []
    try:
        items = _parser().parse(text).children[1:]
    except UnexpectedInput:
        return []
    found = []
    for item in items:
        assert isinstance(item, Tree)
        if item.data not in ("pair", "value"):
            continue
        key = str(item.children[0]).lower() if item.data == "pair" else ""
        value = item.children[-1] if item.data == "pair" else item
        assert isinstance(value, Tree)
        token = _token(value)
        if key in options and not (key and token.lower() == "none"):
            at = start + (token.start_pos or 0)
            found.append(Word(str(token), at, at + len(token)))
    return found


def read_directives(lines: Iterable[DirectiveLine], schema: Schema) -> list[Given]:
    """All directives of a netlist. Raises OptionError, all that are wrong at once."""
    given: list[Given] = []
    errors: list[NetlearnError] = []
    for line in lines:
        offset, source = line.text.start, line.source

        def locate(start: int, end: int) -> Place:
            return source.place(offset + start, offset + end)  # noqa: B023 used before the next line

        try:
            given.append(read_directive(line.text.text, schema, locate))
        except NetlearnError as error:
            errors.append(error)
    raise_all(errors)
    return given


_BLANK = re.compile(r"\n[ \t]*\*[ \t]+(@([a-z]+))[ \t]+(\S.*)", re.IGNORECASE)
_END = re.compile(r"\n[ \t]*\.end[ \t]*(?=[\r\n]|$)", re.IGNORECASE)


def warn_of_comments(netlist: Netlist, schema: Schema) -> None:
    """Warn of directives between the title and the end that a blank makes comments, and not of other remarks."""
    text = netlist.source.text
    if "@" not in text:
        return
    end = _END.search(text)
    for found in _BLANK.finditer(text, 0, end.start() if end else len(text)):
        if found[2].lower() not in schema:
            continue
        try:
            read_directive(f"{found[2]} {found[3].rstrip()}", schema)
        except NetlearnError:
            continue
        hint = f"write *{found[1]} for a directive"
        warn(NetlistWarning("a blank before the @ makes a comment of this", netlist.place(*found.span(1)), hint))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(grammar_text("directive"), parser="lalr", start="directive")


def _token(value: Tree[Token]) -> Token:
    token = value.children[0]
    assert isinstance(token, Token)
    return token


def _parts(token: Token) -> list[Token]:
    """The values of a list, each where it stands; a list may stand in parentheses, as in a list of lists."""
    found, start, text = [], token.start_pos or 0, str(token)
    if text.startswith("(") and text.endswith(")"):
        start, text = start + 1, text[1:-1]
    for part in text.split(","):
        found.append(Token("WORD", part, start_pos=start))
        start += len(part) + 1
    return found


def _plain(token: Token) -> str:
    """The token without its quotes, and a word without the blanks in it."""
    if token.startswith(_QUOTES):
        return str(token[1:-1])
    return "".join(token.split())
