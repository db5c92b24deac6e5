"""Tolerances that netlists state themselves: ``tol=1%`` on a resistor's line, ``DEV`` and ``LOT`` beside a value.

As PSpice has them (reference manual, ".MODEL"): DEV is each element's own deviation, LOT one that all elements of a
model share; a tolerance is even between its ends, or with ``/GAUSS`` normal with it as standard deviation. A number
after a slash lets values deviate together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netlearn.elaboration.body import ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.errors import NetlistError, Place
from netlearn.expressions.chance import FAR, Deviate
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Word

TOLERANCE = re.compile(r"(tol|dev|lot)(/\w+)*", re.IGNORECASE)
"""A word that states a tolerance."""

_EVEN, _NORMAL = ("uniform", "flat"), ("gauss", "normal")


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a value of an element may be off: by ``amount`` times a deviate, of its size if it is ``relative``."""

    value: str
    amount: float
    relative: bool
    deviate: Deviate
    shared: str
    """What else deviates together with it: all that has the same word here. Empty for a deviation of its own."""
    place: Place


def element_spread(line: ElementLine, value: str, name: Word, amount: Word) -> Spread:
    """What ``tol=1%`` and the like say on an element's line. Raises NetlistError for what is not a tolerance."""
    return _spread(value, (name, amount), line.source.place(name.start, amount.end, line.chain), line.label)


def model_spreads(line: ElementLine, model: ModelCard, values: Mapping[str, str]) -> Iterable[Spread]:
    """The tolerances of a model for an element of it; ``values`` are the element's values by the card's names."""
    for parameter, name, amount, card in model_tolerances(model):
        if parameter in values:
            place = card.place(Word("", name.start, amount.end))
            yield _spread(
                values[parameter],
                (name, amount),
                place,
                line.label,
                f"{card.number} {card.card.words[0].text.lower()}.{parameter}",
            )


def model_tolerances(model: ModelCard) -> list[tuple[str, Word, Word, ModelCard]]:
    """Parameter, word and amount of a model's tolerances, those of the models that it is based on first."""
    found: list[tuple[str, Word, Word, ModelCard]] = []
    seen: set[ModelCard] = set()
    at: ModelCard | None = model
    while at is not None and at not in seen:
        seen.add(at)
        found = [*((parameter, name, amount, at) for parameter, name, amount in at.tolerances), *found]
        at = at.body.model(at.based_on.text.lower().lstrip(":")) if at.based_on is not None else None
    return found


def _spread(value: str, words: tuple[Word, Word], place: Place, label: str, model: str = "") -> Spread:
    name, amount = words
    kind, *modifiers = name.text.lower().split("/")
    text = amount.text.strip("{}'\"")
    part = text.endswith("%")
    number = parse_number(text[:-1] if part else text)
    if number is None or not number >= 0:
        hint = "a decimal point is written as one" if "," in amount.text else ""
        raise NetlistError(f"'{name.text}' must be a tolerance, such as 1%, not '{amount.text}'", place, hint)
    deviate, together = Deviate("uniform"), ""
    for modifier in modifiers:
        if modifier in _NORMAL:
            deviate = Deviate("normal", 1.0, FAR)
        elif modifier.isdigit():
            together = modifier
        elif modifier not in _EVEN:
            raise NetlistError(f"unknown distribution '{modifier}'", place, "known: uniform, gauss")
    # LTspice's tol= is always in per cent.
    relative = part or kind == "tol"
    shared = ""
    if kind == "lot":
        shared = f"lot/{together}" if together else f"lot {model or label.lower()}"
    elif together:
        shared = f"dev/{together} {label.lower()}"
    return Spread(value, number / 100 if relative else number, relative, deviate, shared, place)
