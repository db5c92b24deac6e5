"""Declared options: their names, types, limits, defaults and help, in one table for all uses.

An object that can be chosen in a netlist (an optimizer, a loss, a rule) is a frozen dataclass,
and its fields, made with ``option(...)``, are the options. Directives, the command line and
the tables of the documentation all read the same declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from numbers import Real
from sys import float_info
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from netlearn.errors import OptionError, Place, did_you_mean

T = TypeVar("T")


class Percent(float):
    """A part of something that was given in per cent: ``Percent(0.01)`` is 1%."""

    def __repr__(self) -> str:
        return f"{100.0 * float(self):.15g}%"


Places = Mapping[str, Place]
"""Where in the text each option stands, by its name."""

_NOUNS: dict[type, str] = {bool: "yes or no", int: "a whole number", float: "a number", str: "a word"}
_PLURALS: dict[type, str] = {float: "numbers", str: "words"}


def option(
    default: Any,
    help: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    absent: str = "none",
    percent: bool = False,
    part: bool = False,
    prefix: str = "",
) -> Any:
    """A dataclass field that is an option: above < value < below, least <= value <= most.

    ``absent`` is the word for None, where the field may be None. With ``percent`` a number may be
    given in per cent of something, as a Percent. A ``part`` of something is a number that may be written in per cent,
    too; one that is at most 1 is a part. ``prefix`` is a word that may stand before the value, as in
    ``calibrate=every 50``.
    """
    limits = {
        "above": above,
        "least": least,
        "below": below,
        "most": most,
        "absent": absent,
        "percent": percent,
        "part": part,
    }
    limits["prefix"] = prefix
    return field(default=default, metadata={"help": help, "limits": limits})


@dataclass(frozen=True)
class Option:
    """One option. ``kind`` is bool, int, float or str; ``optional`` ones may be None, in text ``absent``."""

    name: str
    kind: type
    default: object
    help: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    absent: str = "none"
    many: bool = False
    """Whether it has any number of values, as a tuple."""
    percent: bool = False
    """Whether in per cent it is of something else than as a number."""
    part: bool = False
    """Whether it is a number that may be written in per cent."""
    prefix: str = ""
    """A word that may stand before the value."""

    def check(self, value: object, place: Place | None = None) -> object:
        """The value, as the option's own type. Raises OptionError for what cannot be one."""
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
        if self.optional and (value is None or value == self.absent):
            return None
        if self.many:
            one = replace(self, many=False)
            return tuple(one.check(each, place) for each in (value if isinstance(value, tuple | list) else (value,)))
        wrong = isinstance(value, bool) if self.kind is not bool else False
        if self.kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        # Percent, which is one, says more than its number.
        if self.kind is float and not isinstance(value, float) and isinstance(value, Real) and not wrong:
            value = float(value)
        if wrong or not isinstance(value, self.kind):
            raise OptionError(f"'{self.name}' must be {self.noun}, not {value!r}", place)
        if self.choices and value not in self.choices:
            hint = did_you_mean(str(value), self.choices)
            raise OptionError(f"'{self.name}' cannot be '{value}'", place, hint or f"known: {', '.join(self.choices)}")
        if isinstance(value, float | int) and not self._inside(value):
            raise OptionError(f"'{self.name}' must be {self.noun}{self.limits}, not {value!r}", place)
        return value

    @property
    def noun(self) -> str:
        """What a value has to be, in words."""
        if self.many:
            return _PLURALS[self.kind]
        return " or ".join(self.choices) if self.choices else _NOUNS[self.kind]

    @property
    def limits(self) -> str:
        """The limits in words, empty if there are none."""
        words = {"above": self.above, "at least": self.least, "below": self.below, "at most": self.most}
        said = [f"{word} {limit:g}" for word, limit in words.items() if limit is not None]
        return " " + " and ".join(said) if said else ""

    def _inside(self, value: float) -> bool:
        return (
            abs(value) <= float_info.max
            and (self.above is None or value > self.above)
            and (self.least is None or value >= self.least)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )


class Declared:
    """The base of dataclasses whose fields are options: they are checked however an object is made.

    Raises OptionError when it is made, for a value that the option cannot have.
    """

    def __post_init__(self) -> None:
        for entry in options_of(type(self)):
            value = getattr(self, entry.name)
            # A default may be outside of what can be asked for, such as no bound at all.
            if type(value) is not type(entry.default) or value != entry.default:
                object.__setattr__(self, entry.name, entry.check(value))


def options_of(cls: type) -> tuple[Option, ...]:
    """The options that a dataclass declares, in the order of its fields."""
    return _options_of(cls)


@cache
def _options_of(cls: Any) -> tuple[Option, ...]:
    hints = get_type_hints(cls)
    found = []
    for entry in fields(cls):
        if "help" not in entry.metadata:
            continue
        hint = hints[entry.name]
        many = get_origin(hint) is tuple
        kind, optional, choices = _kind(get_args(hint)[0] if many else hint)
        default = None if entry.default is MISSING else entry.default
        limits = dict(entry.metadata["limits"])
        # What cannot be more than 1 is a part of something.
        limits["part"] |= kind is float and 1.0 in (limits["most"], limits["below"])
        found.append(Option(entry.name, kind, default, entry.metadata["help"], choices, optional, many=many, **limits))
    return tuple(found)


def build(cls: type[T], values: Mapping[str, object], what: str, places: Places | None = None) -> T:
    """An instance of ``cls`` with these options, the others at their defaults.

    ``what`` names the thing in messages. Raises OptionError for an unknown option or a value
    that does not fit, at its place.
    """
    places = places or {}
    known = {entry.name: entry for entry in options_of(cls)}
    checked = {
        name: find(known, name, what, places.get(name)).check(value, places.get(name)) for name, value in values.items()
    }
    try:
        return cls(**checked)
    except OptionError as error:
        if error.place is None and places:
            # The option that the message is about, if it names one; one that was given elsewhere has no place.
            named = (name for name in (*places, *values) if name and f"'{name}'" in error.message)
            error.place = places.get(next(named, next(iter(places))))
        raise


def find(known: Mapping[str, T], name: str, what: str, place: Place | None = None) -> T:
    """``known[name]``, or an OptionError that suggests the nearest name."""
    if name not in known:
        hint = did_you_mean(name, known) or f"{what} has no options"
        raise OptionError(f"{what} has no option '{name}'", place, hint)
    return known[name]


@dataclass(frozen=True)
class Directive:
    """What may stand in one kind of ``*@`` line.

    ``words`` says what its positional words are ('FILE', 'PATTERN...'), empty if there are
    none. Where ``kinds`` is given, the one word is the name of a class whose options follow.
    ``repeats`` allows several lines, each with options of its own; other directives may also
    be spread over lines, and are then read as one. Where ``made`` is given, the options are its own, and the
    directive makes one of it.
    """

    name: str
    help: str
    words: str = ""
    options: tuple[Option, ...] = ()
    kinds: Mapping[str, type] = field(default_factory=dict)
    repeats: bool = False
    assigns: str = ""
    """The option that ``WORD = value`` gives."""
    any_name: Option | None = None
    """How an option is read whose name is that of a quantity of the circuit."""
    made: type | None = None

    def __post_init__(self) -> None:
        if self.made is not None:
            object.__setattr__(self, "options", options_of(self.made))

    @property
    def many(self) -> bool:
        """Whether any number of words may stand."""
        return self.words.endswith("...")

    def option_for(self, name: str, words: tuple[str, ...], what: str, place: Place | None = None) -> Option:
        """The option of that name that may follow these words. Raises OptionError for an unknown one."""
        known = self.options_for(words)
        if self.any_name is not None and name not in known:
            return replace(self.any_name, name=name)
        return find(known, name, what, place)

    def options_for(self, words: tuple[str, ...]) -> Mapping[str, Option]:
        """The options that may follow these words, by name."""
        if not self.kinds:
            entries = self.options
        elif words and words[0] in self.kinds:
            entries = options_of(self.kinds[words[0]])
        else:
            entries = tuple(entry for cls in self.kinds.values() for entry in options_of(cls))
        return {entry.name: entry for entry in entries}


@dataclass(frozen=True)
class Given:
    """A directive that was given: its words and its options' values, with their places.

    ``places`` holds words and option names as keys, and '' for the directive itself.
    """

    name: str
    words: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    places: Places = field(default_factory=dict)


def _kind(hint: Any) -> tuple[type, bool, tuple[str, ...]]:
    optional = False
    if get_origin(hint) in (Union, UnionType):
        rest = [part for part in get_args(hint) if part is not NoneType]
        optional, hint = len(rest) < len(get_args(hint)), rest[0]
    if get_origin(hint) is Literal:
        return str, optional, tuple(get_args(hint))
    return hint, optional, ()
