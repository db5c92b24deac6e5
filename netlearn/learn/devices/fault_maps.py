"""Devices that are known to be stuck: a CSV file by the names of elements."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, did_you_mean
from netlearn.learn.devices.csv_rows import rows_of
from netlearn.learn.devices.states import States
from netlearn.netlist.numbers import parse_number

COLUMNS = ("element", "state")


def faults_of(path: str | os.PathLike[str], names: Sequence[str], states: States) -> Array:
    """(P,) the values at which parameters are stuck, NaN where they are not.

    Columns: ``element``, the name of a trained value, and ``state``: ``on`` (the largest conductance, or value),
    ``off`` (the smallest), or a value in its own unit. Raises DataError with the line for an unknown name, one that
    stands twice, what is no state, and on or off where a device has no bounds.
    """
    found = np.full(len(names), np.nan)
    places = {name.lower(): k for k, name in enumerate(names)}
    for place, cells in rows_of(path, COLUMNS, "the fault map"):
        if len(cells) < len(COLUMNS):
            raise DataError("the fault map needs the columns 'element' and 'state'", place)
        name, state = cells["element"], cells["state"].lower()
        k = places.get(name.lower())
        if k is None:
            hint = did_you_mean(name, names)
            raise DataError(f"the fault map names '{name}', which is not a trained value", place, hint)
        if not np.isnan(found[k]):
            raise DataError(f"'{name}' stands twice in the fault map", place)
        value = states.end(k, state) if state in ("on", "off") else parse_number(state)
        if value is None or not np.isfinite(value):
            hint = "on, off, or a value such as 4.7k"
            if state in ("on", "off"):
                hint = "give min and max in '*@hardware', or bounds in '*@train'"
                raise DataError(f"'{name}' has no bounds, so that nothing says where '{state}' is", place, hint)
            raise DataError(f"'{cells['state']}' is not a state of '{name}'", place, hint)
        if states.above_zero[k] and value <= 0:
            raise DataError(f"'{name}' cannot be stuck at {value:g}", place, "a value above zero")
        found[k] = value
    return found
