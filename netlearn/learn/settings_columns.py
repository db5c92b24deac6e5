"""Settings as columns of a table: one for each choice and each option, the defaults too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from netlearn.learn.settings import DIRECTIVES, Settings
from netlearn.learn.settings_text import lines_of
from netlearn.options import Directive

Cell = float | int | bool | str | None


def settings_columns(settings: Settings) -> dict[str, Cell]:
    """Every setting by its name: ``rule``, ``rule.beta``, ``optimizer.lr``, ``epochs``, ``train`` and so on.

    Options of ``*@options`` stand by their own names. Objects of classes of one's own go by the name of
    the class, with those of their attributes that are numbers, words or truths.
    """
    columns: dict[str, Cell] = {}
    for name, directive in DIRECTIVES.items():
        value = getattr(settings, name)
        if name in ("data", "position") or value is None or value in ((), {}):
            continue
        if name == "options":
            columns |= dict(_options(value))
        elif directive.kinds or is_dataclass(value):
            if directive.kinds:
                columns[name] = kind_of(directive, value)
            columns |= {f"{name}.{option}": cell for option, cell in _options(value)}
        else:
            columns[name] = _text(directive, value)
    return columns


def kind_of(directive: Directive, value: object) -> str:
    """What a directive calls the class of an object, or the name of a class of one's own."""
    known = next((kind for kind, cls in directive.kinds.items() if type(value) is cls), None)
    return known or f"{type(value).__module__}.{type(value).__qualname__}"


def _options(value: object) -> Iterator[tuple[str, Cell]]:
    names = [entry.name for entry in fields(value)] if is_dataclass(value) else sorted(getattr(value, "__dict__", {}))
    for name in names:
        cell = getattr(value, name)
        if isinstance(cell, float):
            # Percentages and numpy's numbers are plain ones in a table.
            cell = float(cell)
        if cell is None or isinstance(cell, float | int | bool | str):
            yield name, cell
        elif isinstance(cell, tuple):
            yield name, " ".join(map(str, cell))


def _text(directive: Directive, value: object) -> str:
    try:
        return "; ".join(lines_of(directive, value))
    except TypeError:
        # Infinite bounds have no text.
        return repr(value)
