"""Whether elements can have the values that samples give them."""

from __future__ import annotations

import numpy as np

from netlearn.circuit.samples import alike
from netlearn.errors import DataError
from netlearn.learn.data import Dataset
from netlearn.learn.model import Model
from netlearn.learn.table import Table


def check_values(model: Model, data: Dataset, table: Table) -> None:
    """Raise DataError, at its place in the ``table``, for the first value that an element cannot have."""
    settings = model.settings(data.inputs)
    if settings is None:
        return
    first = np.array([samples[0] for samples in alike([settings])])
    circuit = model.parameters.apply(model.parameters.initial, settings[first])
    for g, name in model.parameters.set_columns:
        group, values = model.parameters.circuit.groups[g], np.asarray(circuit.groups[g].values[name])
        inside = group.device.internal.values()
        series = name == "resistance" or any(name in (each.parameter, *each.factors) for each in inside)
        wrong = ~np.isfinite(values) & np.isfinite(group.values[name]) | (series & (values == 0))
        # A series resistance of zero has no node behind it, which all samples share.
        wrong &= np.asarray(group.values[name]) != 0
        if wrong.any():
            part, k = (int(i) for i in np.argwhere(wrong)[0])
            sample = int(first[part])
            row = sample if data.rows is None else int(data.rows[sample])
            message = f"{data.label(sample)}: the {name} of '{group.names[k]}' would be {values[part, k]:g}"
            raise DataError(message, table.place(row))
