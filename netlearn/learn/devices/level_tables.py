"""Values that a device can have where they are not evenly spaced: from a list, or as they were measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError, Place
from netlearn.learn.devices.csv_rows import rows_of
from netlearn.netlist.numbers import parse_number

COLUMNS = ("value", "conductance", "deviation")


@dataclass(frozen=True)
class LevelTable:
    """Values (V,), rising, in the parameter's own unit, and the relative deviations (V,) of what is written."""

    values: Array
    deviations: Array


def listed(values: Sequence[float]) -> LevelTable:
    """Levels from a list. Raises OptionError where they do not rise, or there is one only."""
    found = np.asarray(values, dtype=float)
    if len(found) < 2:
        raise OptionError("a device has at least two values", hint="such as values=1k,2k,4k")
    late = np.flatnonzero(np.diff(found) <= 0)
    if len(late):
        second = found[late[0] + 1]
        how = "twice" if second in found[: late[0] + 1] else "out of order"
        raise OptionError(f"the value {second:g} stands {how}", hint="give values that rise, each once")
    return LevelTable(found, np.zeros(len(found)))


def measured(path: str | os.PathLike[str]) -> LevelTable:
    """Levels from a CSV file, in the order of their numbers, so that they rise or fall from row to row.

    Columns: ``value`` in the parameter's own unit, or ``conductance`` in siemens for resistances; ``deviation``,
    which may be missing, is the standard deviation of what is written there, in the same unit. Raises DataError with
    the line for what is not a number, and for a level that stands twice or out of order.
    """
    values: list[float] = []
    deviations: list[float] = []
    inverse, before = False, 0.0
    for place, cells in rows_of(path, COLUMNS, "the file of levels"):
        named = [name for name in ("value", "conductance") if name in cells]
        if len(named) != 1:
            hint = "name it 'value', or 'conductance' in siemens"
            raise DataError("the file of levels needs one column of them", Place(str(path), 1), hint)
        inverse = named[0] == "conductance"
        level = _number(cells[named[0]], named[0], place)
        if inverse and level <= 0:
            raise DataError(f"a conductance of {level:g} is not a level", place, "siemens above zero, such as 25u")
        spread = _number(cells["deviation"], "deviation", place) if cells.get("deviation") else 0.0
        if spread < 0:
            raise DataError(f"a standard deviation of {spread:g} is below zero", place)
        if values:
            _check_order(values, level, before, place)
            before = level - values[-1]
        values.append(level)
        deviations.append(_relative(spread, level, place))
    if len(values) < 2:
        raise DataError("a device has at least two levels", Place(str(path), 1))
    found, spreads = np.array(values), np.array(deviations)
    if inverse:
        found = 1.0 / found
    order = np.argsort(found)
    return LevelTable(found[order], spreads[order])


def _check_order(values: Sequence[float], level: float, before: float, place: Place) -> None:
    step = level - values[-1]
    if level in values:
        raise DataError(f"the level {level:g} stands twice", place, "each level once, in the order of their numbers")
    if step * before < 0:
        raise DataError(
            f"the level {level:g} is out of order", place, "levels rise or fall from row to row, as their numbers do"
        )


def _relative(spread: float, level: float, place: Place) -> float:
    if spread and not level:
        raise DataError("a level of zero has no relative deviation", place, "leave its deviation empty")
    return spread / abs(level) if spread else 0.0


def _number(text: str, name: str, place: Place) -> float:
    number = parse_number(text)
    if number is None or not np.isfinite(number):
        raise DataError(f"the {name} '{text}' is not a number", place, "a finite number, such as 4.7k")
    return number
