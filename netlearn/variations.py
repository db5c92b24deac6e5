"""What is varied in a sweep: from names and values to the settings of every training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import product
from typing import Any

from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.hardware import Hardware
from netlearn.learn.settings import DIRECTIVES, LoopOptions, Settings
from netlearn.netlist.directives import read_directive
from netlearn.netlist.netlist import Netlist
from netlearn.options import options_of
from netlearn.overrides import settings_for

Vary = Mapping[str, Iterable[Any]] | Iterable[str] | str
"""Values by the names of settings, or texts such as "optimizer.lr=0.01,0.1"."""

_OPTIONS = tuple(entry.name for entry in options_of(LoopOptions))
_FILES = ("data", "test")
_BRACKETS = {"(": ")", "{": "}", "[": "]"}


@dataclass(frozen=True)
class Variant:
    """One choice of all that is varied.

    ``given`` has the value of everything that is varied, None where the others leave no place for it, as
    analytic does for ``rule.beta``. ``overrides`` are what ``train`` takes, ``settings`` what they come to.
    """

    given: Mapping[str, Any]
    overrides: Mapping[str, Any]
    settings: Settings

    @property
    def files(self) -> dict[str, Any]:
        """The data that are varied."""
        return {name: self.given[name] for name in _FILES if name in self.given}


def varied_in(vary: Vary) -> dict[str, list[Any]]:
    """The values by the names of settings. Raises OptionError for a text that is none, and for no values."""
    if isinstance(vary, str):
        vary = [vary]
    pairs = vary.items() if isinstance(vary, Mapping) else map(_of_text, vary)
    found: dict[str, list[Any]] = {}
    for given, values in pairs:
        name = _settled(given)
        if name in found:
            raise OptionError(f"'{name}' is varied twice")
        found[name] = list(_split(values) if isinstance(values, str) else values)
        if not found[name]:
            raise OptionError(f"'{name}' is varied, and has no values")
    return found


def variants(netlist: Netlist, vary: Vary, settings: Mapping[str, Any]) -> list[Variant]:
    """All combinations of what is varied, over the netlist's own settings and those that are given.

    A combination that differs from another only in what has no place in it is left out. Raises OptionError for
    a name or a value that cannot be, and for one that has no place in any combination.
    """
    values = varied_in(vary)
    for name in values:
        if "." not in name and settings.get(name) is not None:
            raise OptionError(f"'{name}' is given, and varied as well", hint="leave one of them out")
    found: dict[str, Variant] = {}
    for combination in product(*values.values()):
        variant = _variant(netlist, dict(zip(values, combination, strict=True)), settings)
        found.setdefault(repr(sorted(variant.given.items())), variant)
    for name in values:
        if all(variant.given[name] is None for variant in found.values()) and values[name] != [None]:
            kinds = sorted({type(_part(v.settings, name)).__name__ for v in found.values()})
            options = {o for v in found.values() for o in _names(_part(v.settings, name))}
            hint = did_you_mean(name.partition(".")[2], options)
            raise OptionError(f"there is no '{name}' to vary in {', '.join(kinds)}", hint=hint)
    return list(found.values())


def _variant(netlist: Netlist, given: Mapping[str, Any], settings: Mapping[str, Any]) -> Variant:
    overrides = {name: value for name, value in settings.items() if value is not None}
    overrides |= {name: _read(name, value) for name, value in given.items() if "." not in name and name not in _FILES}
    found = settings_for(netlist, _without_data(overrides))
    taken: dict[str, Any] = dict(given)
    for name, value in given.items():
        if "." not in name:
            continue
        directive, option = name.split(".", 1)
        part = _part(found, name)
        if option not in _names(part) or option in _said(directive, given.get(directive)):
            taken[name] = None
            continue
        number = _value(directive, option, value, part)
        taken[name] = number
        part = replace(part, **{option: number})
        overrides[directive] = part
        found = replace(found, **{directive: part})
    return Variant(taken, overrides, found)


def _without_data(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in overrides.items() if name not in _FILES}


def _settled(name: str) -> str:
    """The name of a setting as it is known. Raises OptionError for an unknown one."""
    name = name.strip().lower()
    directive, dot, option = name.partition(".")
    if directive == "options" and dot:
        name, dot = option, ""
    if name == "seed":
        raise OptionError("seeds are not varied by name", hint="say how many: seeds=10 in Python, or --seeds 10")
    known = (*_FILES, *_OPTIONS, *(each for each in DIRECTIVES if each not in ("options", "data")))
    if not dot and name not in known:
        raise OptionError(f"there is no setting '{name}'", hint=did_you_mean(name, known))
    if dot:
        parts = [each for each, entry in DIRECTIVES.items() if entry.kinds or each in ("subset", "hardware")]
        if directive not in parts:
            whole = directive in DIRECTIVES
            hint = f"vary '{directive}' as a whole" if whole else did_you_mean(directive, parts)
            raise OptionError(f"there is no setting '{name}'", hint=hint)
    return name


def _part(settings: Settings, name: str) -> Any:
    """The object of which an option is varied."""
    directive = name.partition(".")[0]
    part = getattr(settings, directive)
    if part is None and directive == "hardware":
        return Hardware()
    if part is None:
        raise OptionError(f"'{name}' is varied, and no {directive} is given", hint=f"say which {directive}")
    return part


def _names(part: Any) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(part)) if is_dataclass(part) else ()


def _said(directive: str, value: Any) -> Iterable[str]:
    """The options that a varied text gives of its own."""
    return read_directive(f"{directive} {value}", DIRECTIVES).values if isinstance(value, str) else ()


def _read(name: str, value: Any) -> Any:
    """A whole setting as ``train`` takes it."""
    if name in _OPTIONS and isinstance(value, str):
        return read_directive(f"options {name}={value}", DIRECTIVES).values[name]
    return value


def _value(directive: str, option: str, value: Any, part: Any) -> Any:
    """An option's value, from its text if need be."""
    if not isinstance(value, str):
        return value
    known = next((entry for entry in options_of(type(part)) if entry.name == option), None)
    kinds = DIRECTIVES[directive].kinds
    if known is not None and (not kinds or type(part) in kinds.values()):
        kind = next((f"{name} " for name, cls in kinds.items() if cls is type(part)), "")
        return read_directive(f"{directive} {kind}{option}={value}", DIRECTIVES).values[option]
    try:
        return type(getattr(part, option))(value)
    except (TypeError, ValueError):
        raise OptionError(f"'{directive}.{option}' cannot be '{value}'") from None


def _of_text(text: str) -> tuple[str, str]:
    name, equals, values = text.partition("=")
    if not equals or not name.strip():
        raise OptionError(f"'{text}' varies nothing", hint='write "optimizer.lr=0.01,0.1" or "rule=analytic,cl"')
    return name, values


def _split(text: str) -> Sequence[str]:
    """The values of a text, at its commas outside of quotes and brackets."""
    parts, start = [], 0
    closing: list[str] = []
    for k, letter in enumerate(text):
        if closing and letter == closing[-1]:
            closing.pop()
        elif closing and closing[-1] in "\"'":
            continue
        elif letter in "\"'":
            closing.append(letter)
        elif letter in _BRACKETS:
            closing.append(_BRACKETS[letter])
        elif letter == "," and not closing:
            parts.append(text[start:k])
            start = k + 1
    return [_unquoted(part.strip()) for part in (*parts, text[start:]) if part.strip()]


def _unquoted(text: str) -> str:
    whole = len(text) > 1 and text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1
    return text[1:-1] if whole else text
