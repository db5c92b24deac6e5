"""Derivatives by parameters and by inputs, from one adjoint solution (Director and Rohrer, 1969)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import TEMPERATURE, Column
from netlearn.learn.model import Model
from netlearn.probes.readings import Slopes
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import ReducedStates, whole
from netlearn.solve.sensitivity import adjoint_state, by_temperature, pullback


@dataclass(frozen=True)
class Adjoint:
    """What follows from the derivatives ``errors`` (S, o) of a function by the outputs.

    ``point`` are the operating points at ``inputs`` (S, p) and the parameters ``theta`` (P,). Raises
    CircuitError where the circuit, linear around one of them, has no unique solution.
    """

    model: Model
    theta: Array
    inputs: Array
    point: OperatingPoint
    errors: Array

    def by_parameters(self) -> Array:
        """The derivative (P,) by the parameters, summed over the samples."""
        parameters = self.model.parameters
        slopes = self._slopes(parameters.columns, parameters.trained_quantities)
        columns = pullback(self.point, self._state(slopes), parameters.columns, parameters.mixed)
        for column, direct in slopes.by_values(self.errors, self._lengths(columns)).items():
            columns[column] = columns[column] + (direct if column in parameters.mixed else direct.sum(axis=0))
        return self.model.pullback(self.theta, columns, self.inputs, slopes.by_quantities(self.errors))

    def by_samples(self) -> Array:
        """The derivatives (S, P) by the parameters, each sample's own."""
        parameters = self.model.parameters
        slopes = self._slopes(parameters.columns, parameters.trained_quantities)
        columns = pullback(self.point, self._state(slopes), parameters.columns, parameters.columns)
        for column, direct in slopes.by_values(self.errors, self._lengths(columns)).items():
            columns[column] = columns[column] + direct
        quantities = slopes.by_quantities(self.errors)
        rows = []
        for s in range(len(self.errors)):
            own = {c: v[s : s + 1] if c in parameters.mixed else v[s] for c, v in columns.items()}
            read = {name: np.asarray(values)[s : s + 1] for name, values in quantities.items()}
            rows.append(self.model.pullback(self.theta, own, self.inputs[s : s + 1], read))
        return np.stack(rows)

    def by_inputs(self) -> Array:
        """The derivatives (S, p) by what each sample sets: volts, amperes, ohms, degrees Celsius."""
        model, parameters = self.model, self.model.parameters
        sources = [(j, *place) for j, place in enumerate(model.inputs) if isinstance(place, tuple)]
        wanted = tuple(dict.fromkeys([*parameters.set_columns, *((g, "dc") for _, g, _ in sources)]))
        slopes = self._slopes(wanted, parameters.set_quantities)
        state = whole(self._state(slopes))
        columns = pullback(self.point, state, wanted, wanted)
        for column, direct in slopes.by_values(self.errors, self._lengths(columns)).items():
            columns[column] = columns[column] + direct
        result = np.zeros((len(state), len(model.inputs)), dtype=state.dtype)
        for j, g, k in sources:
            result[:, j] = columns[g, "dc"][:, k]
        settings = model.settings(self.inputs)
        if settings is None:
            return result
        quantities = slopes.by_quantities(self.errors)
        if TEMPERATURE in parameters.set_quantities:
            quantities[TEMPERATURE] = quantities.get(TEMPERATURE, 0.0) + by_temperature(self.point, state)
        own = {column: model.undriven(column, columns[column]) for column in parameters.set_columns}
        result[:, model.setting_places] = parameters.setting_pullback(self.theta, own, settings, quantities)
        return result

    def _slopes(self, columns: Sequence[Column], quantities: Sequence[str]) -> Slopes:
        measured = self.model.measured
        if measured.between_unknowns:
            return self.model.constant_slopes
        return measured.slopes(self.point.circuit, self.point.x, columns, quantities)

    def _state(self, slopes: Slopes) -> ReducedStates | Array:
        return adjoint_state(self.point, slopes, self.errors)

    def _lengths(self, columns: Iterable[Column]) -> dict[Column, int]:
        return {(g, name): len(self.point.circuit.groups[g]) for g, name in columns}
