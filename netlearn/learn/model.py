"""What learning works on: a circuit with inputs, probes, trained parameters and a solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column
from netlearn.circuit.parameters import Parameters
from netlearn.solve.operating_point import OperatingPoint, Solver


@dataclass(frozen=True)
class Probes:
    """What is measured: o voltages, voltage differences or source currents.

    Probe j reads unknown ``plus[j]`` minus unknown ``minus[j]``, GROUND reading zero.
    """

    names: Sequence[str]
    plus: Array
    minus: Array

    def __len__(self) -> int:
        return len(self.names)

    def matrix(self, size: int) -> sparse.csr_array:
        """The (o, N) matrix M with outputs = x Mᵀ for a circuit of N = ``size`` unknowns."""
        rows = np.tile(np.arange(len(self)), 2)
        columns = np.concatenate([self.plus, self.minus])
        signs = np.repeat([1.0, -1.0], len(self))
        real = columns != GROUND
        return sparse.csr_array((signs[real], (rows[real], columns[real])), shape=(len(self), size))


@dataclass(frozen=True)
class Model:
    """A circuit as a function from inputs to outputs.

    ``inputs`` names, for each of the p inputs, the group and place of its independent source.
    """

    parameters: Parameters
    inputs: Sequence[tuple[int, int]]
    probes: Probes
    solver: Solver

    @cached_property
    def probe_matrix(self) -> sparse.csr_array:
        """(o, N): outputs = x Mᵀ."""
        return self.probes.matrix(self.parameters.circuit.size)

    def circuit(self, theta: Array, inputs: Array) -> Circuit:
        """The circuit at parameters ``theta`` (P,), driven by ``inputs`` (S, p)."""
        circuit = self.parameters.apply(theta)
        columns: dict[Column, Array] = {}
        for g in dict.fromkeys(g for g, _ in self.inputs):
            driven = [(j, k) for j, (group, k) in enumerate(self.inputs) if group == g]
            j, k = np.array(driven, dtype=np.intp).T
            fixed = np.asarray(circuit.groups[g].values["dc"])
            values = np.array(
                np.broadcast_to(fixed, (len(inputs), fixed.shape[-1])), dtype=np.result_type(fixed, inputs)
            )
            values[:, k] = inputs[:, j]
            columns[g, "dc"] = values
        return circuit.with_values(columns)

    def forward(self, theta: Array, inputs: Array, start: OperatingPoint | None = None) -> OperatingPoint:
        """The free state of every sample. Raises what the solver raises."""
        return self.solver.solve(self.circuit(theta, inputs), start)

    def pullback(self, theta: Array, gradients: Mapping[Column, Array]) -> Array:
        """From derivatives by column values, (k,) each, to derivatives by parameter, (P,)."""
        return self.parameters.pullback(theta, {column: self.undriven(column, g) for column, g in gradients.items()})

    def undriven(self, column: Column, change: Array) -> Array:
        """``change`` (k,) of a column with zeros where an input sets the value, whatever the parameters say."""
        driven = [k for g, k in self.inputs if (g, "dc") == column]
        if not driven:
            return change
        result = np.array(change)
        result[driven] = 0.0
        return result

    def outputs(self, point: OperatingPoint) -> Array:
        """What the probes read, (S, o)."""
        return np.asarray((self.probe_matrix @ point.x.T).T)
