"""Samples that share what shapes their equations: settings of a circuit, and the samples of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column, taken
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource


def is_drive(circuit: Circuit, column: Column) -> bool:
    """Whether a column only drives the circuit: the voltages or currents of its independent sources."""
    return isinstance(circuit.groups[column[0]].device, VoltageSource | CurrentSource)


def by_setting(circuit: Circuit, shares: Callable[[Circuit, Column], bool] = is_drive) -> list[tuple[Array, Circuit]]:
    """The samples (numbers, and a circuit for them) parted by their settings.

    Settings are the temperature and the columns that differ by sample, but for those that samples of
    one part may have of their own (``shares``). In the circuit of a part they have no sample axis.
    A single part without settings is the circuit as it is.
    """
    columns = [column for column in circuit.by_sample if not shares(circuit, column)]
    kelvin = np.asarray(circuit.environment.temperature)
    if not columns and not kelvin.ndim:
        return [(np.arange(circuit.samples or 1), circuit)]
    tables = [np.asarray(circuit.groups[g].values[name]) for g, name in columns]
    if kelvin.ndim:
        tables.append(kelvin)
    return [(rows, _settled(circuit, rows, columns)) for rows in alike(tables)]


def alike(tables: Sequence[Array]) -> list[Array]:
    """The numbers of rows that are equal in all tables (S, n), in the order of their first row."""
    # What is the same in all rows tells none of them apart, and may be most of a large circuit.
    varying = [table[:, (table != table[0]).any(axis=0)] for table in tables]
    _, first, number = np.unique(np.concatenate(varying, axis=1), axis=0, return_index=True, return_inverse=True)
    # The inverse of a unique over rows has had more than one shape in numpy's history.
    order = np.argsort(number.ravel(), kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number.ravel()))[:-1])
    return [parts[k] for k in np.argsort(first)]


def _settled(circuit: Circuit, rows: Array, columns: Sequence[Column]) -> Circuit:
    part = taken(circuit, rows)
    part = part.with_values({(g, name): np.asarray(part.groups[g].values[name])[0] for g, name in columns})
    kelvin = np.asarray(part.environment.temperature)
    if not kelvin.ndim:
        return part
    return replace(part, environment=replace(part.environment, temperature=float(kelvin[0, 0])))
