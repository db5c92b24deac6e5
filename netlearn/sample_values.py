"""Whether elements can have the values that samples give them."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.samples import alike
from netlearn.errors import DataError
from netlearn.learn.data import Dataset
from netlearn.learn.model import Model
from netlearn.learn.table import Table


def check_values(model: Model, inputs: Array, table: Table, data: Dataset | None = None) -> None:
    """Raise DataError, at its place in the ``table``, for the first value that an element cannot have.

    ``inputs`` (S, p) are those of the rows of the table, or of the samples of ``data`` that these are taken at.
    """
    settings = model.settings(inputs)
    if settings is None:
        return
    first = np.array([samples[0] for samples in alike([settings])])
    circuit = model.parameters.apply(model.parameters.initial, settings[first])
    kelvin = np.ravel(circuit.environment.temperature)
    if (kelvin <= 0).any():
        k = int(np.argmax(kelvin <= 0))
        sample = int(first[k]) if len(kelvin) > 1 else 0
        celsius = f"{kelvin[k] - ZERO_CELSIUS:g} degrees Celsius"
        raise _error(f"the temperature would be {celsius}, which is not above absolute zero", sample, table, data)
    for g, name in model.parameters.set_columns:
        group, values = model.parameters.circuit.groups[g], np.asarray(circuit.groups[g].values[name])
        inside = group.device.internal.values()
        series = name == "resistance" or any(name in (each.parameter, *each.factors) for each in inside)
        wrong = ~np.isfinite(values) & np.isfinite(group.values[name]) | (series & (values == 0))
        # A series resistance of zero has no node behind it, which all samples share.
        wrong &= np.asarray(group.values[name]) != 0
        if wrong.any():
            part, k = (int(i) for i in np.argwhere(wrong)[0])
            said = f"the {name} of '{group.names[k]}' would be {values[part, k]:g}"
            raise _error(said, int(first[part]), table, data)


def _error(said: str, sample: int, table: Table, data: Dataset | None) -> DataError:
    row = sample if data is None or data.rows is None else int(data.rows[sample])
    label = table.row(row) if data is None else data.label(sample)
    return DataError(f"{label}: {said}", table.place(row))
