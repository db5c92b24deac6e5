"""Derivatives by parameters and by inputs, from one adjoint solution (Director and Rohrer, 1969)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import TEMPERATURE
from netlearn.learn.model import Model
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import by_temperature, linearize, pullback


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
        columns = pullback(self.point, self._state(), parameters.columns, parameters.mixed)
        return self.model.pullback(self.theta, columns, self.inputs)

    def by_inputs(self) -> Array:
        """The derivatives (S, p) by what each sample sets: volts, amperes, ohms, degrees Celsius."""
        model, parameters, state = self.model, self.model.parameters, self._state()
        sources = [(j, *place) for j, place in enumerate(model.inputs) if isinstance(place, tuple)]
        wanted = dict.fromkeys([*parameters.set_columns, *((g, "dc") for _, g, _ in sources)])
        columns = pullback(self.point, state, wanted, wanted)
        result = np.zeros((len(state), len(model.inputs)), dtype=state.dtype)
        for j, g, k in sources:
            result[:, j] = columns[g, "dc"][:, k]
        settings = model.settings(self.inputs)
        if settings is None:
            return result
        quantities = {TEMPERATURE: by_temperature(self.point, state)} if parameters.sets_temperature else {}
        own = {column: model.undriven(column, columns[column]) for column in parameters.set_columns}
        result[:, model.setting_places] = parameters.setting_pullback(self.theta, own, settings, quantities)
        return result

    def _state(self) -> Array:
        return linearize(self.point).solve(np.asarray(self.errors @ self.model.probe_matrix), transpose=True)
