"""Values that parts can be bought in: preferred numbers, levels, what is in a drawer, and pairs of these."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import DataError, OptionError, Place
from netlearn.learn.devices.csv_rows import headed_rows
from netlearn.learn.hardware import Hardware, level_values, series_values
from netlearn.netlist.numbers import parse_number

DECADES = 3.0
"""Where there are no bounds, values up to so many decades from the present one may be taken: by convention, from 1 kΩ
all that resistors are commonly sold in, 1 Ω to 1 MΩ."""
VALUE, COUNT = "value", "count"
"""The columns of a list of parts; the second may be missing, and then there are as many as are needed."""


@dataclass(frozen=True)
class Stock:
    """Values of single parts in ohms (V,), rising, and how many there are of each (V,), infinite where that is open."""

    values: Array
    counts: Array


@dataclass(frozen=True)
class Choices:
    """What one parameter may be: ``values`` (c,) rising, and what each is made of.

    ``first`` and ``second`` (c,) are numbers of stock values, the second -1 for a single part; ``series`` (c,) says
    whether two are in series, else parallel.
    """

    values: Array
    first: Array
    second: Array
    series: Array


def choices_for(
    hardware: Hardware, parameters: Parameters, stock: Stock | None, where: Callable[[str], Place | None]
) -> tuple[Stock, list[Choices]]:
    """The stock, and what each of the parameters may be within its bounds and those of the hardware.

    Raises OptionError for a parameter that nothing fits, at the place that ``where`` says of its name.
    """
    low = np.maximum(np.asarray(parameters.lower, dtype=float), hardware.min or 0.0)
    high = np.minimum(np.asarray(parameters.upper, dtype=float), np.inf if hardware.max is None else hardware.max)
    present = np.asarray(parameters.initial, dtype=float)
    # Without a bound the present value is what there is to go by.
    low = np.where(low > 0, low, np.minimum(present, high) / 10**DECADES)
    high = np.where(np.isfinite(high), high, np.maximum(present, low) * 10**DECADES)
    if stock is None:
        # Two parts in series or parallel may lie beyond the bounds that hold for both together.
        reach = low.min() / 10, high.max() * 10
        values = level_values(hardware) if hardware.leveled else series_values(hardware.series, *reach)
        stock = Stock(values, np.full(len(values), np.inf))
    every = _every(stock, hardware.pairs)
    found = []
    for k, name in enumerate(parameters.names):
        inside = (every.values >= low[k] * (1 - 1e-12)) & (every.values <= high[k] * (1 + 1e-12))
        if not inside.any():
            said = f"{hardware.what} has no value between {low[k]:g} and {high[k]:g} for '{name}'"
            raise OptionError(said, where(name), "widen its bounds")
        found.append(Choices(every.values[inside], every.first[inside], every.second[inside], every.series[inside]))
    if np.isfinite(stock.counts).any() and stock.counts.sum() < len(found):
        raise OptionError(
            f"{len(found)} parts are needed, and there are {stock.counts.sum():g}", where(parameters.names[0])
        )
    return stock, found


def _every(stock: Stock, pairs: bool) -> Choices:
    count = len(stock.values)
    first, second, series = [np.arange(count)], [np.full(count, -1)], [np.zeros(count, bool)]
    values = [stock.values]
    if pairs:
        a, b = np.array(list(combinations_with_replacement(range(count), 2)), dtype=np.intp).reshape(-1, 2).T
        ra, rb = stock.values[a], stock.values[b]
        for in_series, made in ((True, ra + rb), (False, ra * rb / (ra + rb))):
            values.append(made)
            first.append(a)
            second.append(b)
            series.append(np.full(len(a), in_series))
    joined = np.concatenate(values)
    order = np.argsort(joined)
    new = np.concatenate([[True], np.diff(joined[order]) > 1e-12 * joined[order][1:]])
    # A single part stands for pairs of the same value, on whatever side of it rounding puts them.
    kept = np.minimum.reduceat(order, np.flatnonzero(new))
    parts = (np.concatenate(each)[kept] for each in (first, second, series))
    return Choices(joined[kept], *parts)


def stock_from(path: str | os.PathLike[str]) -> Stock:
    """A CSV file of what is in the drawer, with the columns ``value`` in ohms and, where it matters, ``count``.

    Values are SPICE numbers such as ``4k7``. Raises DataError with the line for what is not a value above zero or no
    count.
    """
    heading, names, rows = headed_rows(path, (VALUE, COUNT), "the list of parts")
    if VALUE not in names:
        raise DataError("the list of parts has no column 'value'", heading, "name it in its first row")
    found: dict[float, float] = {}
    for place, cells in rows:
        value = parse_number(cells[VALUE])
        spread = "±" in cells[VALUE] or cells[VALUE].endswith("%")
        if value is None or spread or not 0 < value < float("inf"):
            hint = "ohms above zero, such as 4.7k"
            if spread:
                hint = "a value by itself; '*@tolerance' says how far it may be off"
            raise DataError(f"'{cells[VALUE]}' is not the value of a part", place, hint)
        count = parse_number(cells[COUNT]) if cells.get(COUNT) else float("inf")
        if count is None or count < 0 or (count != float("inf") and count != int(count)):
            raise DataError(f"'{cells[COUNT]}' is not how many parts there are", place)
        found[value] = found.get(value, 0.0) + count
    values = np.array(sorted(value for value, count in found.items() if count > 0))
    if not len(values):
        raise DataError("there are no parts in the list", heading)
    return Stock(values, np.array([found[value] for value in values.tolist()]))


def uses(choices: Sequence[Choices], chosen: Array, stock: Stock) -> Array:
    """How many of each stock value (K, V) choices (K, P) take."""
    taken = np.zeros((len(chosen), len(stock.values)), dtype=np.int64)
    for k, of in enumerate(choices):
        for numbers in (of.first[chosen[:, k]], of.second[chosen[:, k]]):
            there = numbers >= 0
            np.add.at(taken, (np.flatnonzero(there), numbers[there]), 1)
    return taken


Pair = tuple[str, float, float]
"""Two parts: "series" or "parallel", and their values."""


def pairs_in(choices: Sequence[Choices], chosen: Array, names: Sequence[str], stock: Stock) -> Mapping[str, Pair]:
    """The pairs among choices (P,), by parameter."""
    found = {}
    for k, name in enumerate(names):
        at = int(chosen[k])
        if choices[k].second[at] >= 0:
            kind = "series" if choices[k].series[at] else "parallel"
            first, second = choices[k].first[at], choices[k].second[at]
            found[name] = (kind, float(stock.values[first]), float(stock.values[second]))
    return found
