"""What may be off, by how much and how likely, and what parts can bear: ``*@tolerance`` and ``*@rating``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from netlearn.errors import OptionError, Place
from netlearn.netlist.numbers import parse_number, starts_like_number
from netlearn.options import Declared, Given, Percent, option

DISTRIBUTIONS = ("uniform", "normal")
LARGEST_TEMPCO = 0.1
"""Per kelvin, by convention: resistors have 1e-6 to 5e-3 and thermistors up to 0.06, so that more can only be meant as
parts per million."""


@dataclass(frozen=True)
class Tolerance(Declared):
    """How far the values of parts may be off.

    ``amount`` is the largest deviation, in per cent of the value or in its own unit: the ends of a uniform
    distribution, or ``sigma`` standard deviations of a normal one. With ``track`` the parts of one line deviate
    together, and each only by ``track`` from what is common to them, so that ratios hold better than values, as
    in a resistor network. ``tempco`` is the largest temperature coefficient per kelvin; each part's own is drawn
    likewise, and with ``track`` all parts have the same. It counts from the circuit's nominal temperature on.
    """

    patterns: tuple[str, ...]
    amount: float
    distribution: Literal["uniform", "normal"] = "uniform"
    sigma: float = option(3.0, "standard deviations that the tolerance is, where it is normal", above=0.0)
    track: float | None = option(None, "how far each part may be off what is common to them", least=0.0, percent=True)
    tempco: float = option(0.0, "largest temperature coefficient, per kelvin, as in 50ppm", least=0.0, percent=True)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        place = self.place
        if not self.patterns:
            raise OptionError("'*@tolerance' needs to say of what", place, "such as '*@tolerance R* 1%'")
        if not self.amount >= 0 or self.amount == float("inf"):
            raise OptionError(f"a tolerance must be at least 0, not {self.amount!r}", place)
        if self.relative and self.amount >= 1:
            raise OptionError(f"a tolerance of {self.amount!r} leaves nothing of the value", place)
        if self.tempco >= LARGEST_TEMPCO:
            hint = f"it is per kelvin: write {self.tempco:g}ppm"
            raise OptionError(f"a temperature coefficient of {self.tempco:g} is none", self.places.get("tempco"), hint)
        if self.track is not None and isinstance(self.track, Percent) != self.relative:
            raise OptionError("'track' and the tolerance are both in per cent or neither", self.places.get("track"))
        if self.track is not None and self.track > self.amount:
            raise OptionError(f"'track' is above the tolerance of {self.amount!r}", self.places.get("track", place))

    @property
    def relative(self) -> bool:
        """Whether the amount is a part of the value."""
        return isinstance(self.amount, Percent)

    @property
    def place(self) -> Place | None:
        """Where it stands."""
        return self.places.get("")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the directive."""
        return (*self.patterns, repr(self.amount), *(() if self.distribution == "uniform" else (self.distribution,)))


@dataclass(frozen=True)
class Rating(Declared):
    """The most power, in watts, that elements can bear."""

    patterns: tuple[str, ...]
    watts: float
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.patterns:
            raise OptionError("'*@rating' needs to say of what", self.place, "such as '*@rating R* 0.1'")
        if not 0 < self.watts < float("inf"):
            raise OptionError(f"a rating must be above 0, not {self.watts!r}", self.place)

    @property
    def place(self) -> Place | None:
        """Where it stands."""
        return self.places.get("")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the directive."""
        return (*self.patterns, repr(self.watts))


def tolerance_of(given: Given) -> Tolerance:
    """The tolerance that a directive says. Raises OptionError."""
    amounts, words = _amounts(given, "such as '*@tolerance R* 1%'")
    if "%" in words:
        number = next(word for word in given.words if _is_amount(word))
        hint = f"write {number}% without a blank"
        raise OptionError("the sign of per cent stands alone", given.places.get("%"), hint)
    named = [word for word in words if word.lower() in DISTRIBUTIONS]
    if len(named) > 1:
        raise OptionError(f"'{named[1]}' is a second distribution", given.places.get(named[1]))
    patterns = tuple(word for word in words if word.lower() not in DISTRIBUTIONS)
    distribution = named[0].lower() if named else "normal" if "sigma" in given.values else "uniform"
    return Tolerance(patterns, amounts, distribution, places=given.places, **given.values)  # type: ignore[arg-type]


def rating_of(given: Given) -> Rating:
    """The rating that a directive says. Raises OptionError."""
    watts, words = _amounts(given, "such as '*@rating R* 0.1', in watts")
    if isinstance(watts, Percent):
        raise OptionError("a rating is in watts", given.places.get(""), "such as '*@rating R* 0.1'")
    return Rating(tuple(words), watts, places=given.places)


def _amounts(given: Given, hint: str) -> tuple[float, Sequence[str]]:
    """The one amount among a directive's words, and the others."""
    found = [word for word in given.words if _is_amount(word)]
    if not found:
        raise OptionError(f"'*@{given.name}' needs an amount", given.places.get(""), hint)
    if len(found) > 1:
        whole = "".join(found[1:]) if found[0].isdigit() else ""
        hint = f"a decimal point is written as one: {found[0]}.{whole}" if whole else "give one"
        raise OptionError(f"'{found[0]}' and '{found[1]}' are two amounts", given.places.get(found[1]), hint)
    (text,) = found
    place = given.places.get(text)
    part = text.endswith("%")
    number = parse_number(text[:-1] if part else text)
    if number is None or (number < 0):
        middle, sign, rest = text.partition("±")
        hint = f"write {rest}" if sign and middle != text else "a number, or per cent, that is not below zero"
        raise OptionError(f"'{text}' is not an amount", place, hint)
    return Percent(number / 100) if part else number, [word for word in given.words if word != text]


def _is_amount(word: str) -> bool:
    return starts_like_number(word) or word.startswith("±")


def matching(tolerances: Sequence[Tolerance]) -> Iterator[tuple[Tolerance, str, Place | None]]:
    """Every pattern of tolerances, with where it stands."""
    for tolerance in tolerances:
        for pattern in tolerance.patterns:
            yield tolerance, pattern, tolerance.places.get(pattern, tolerance.place)
