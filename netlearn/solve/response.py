"""Linear circuits without a loop over samples.

A linear circuit's operating point is affine in its sources: x = u₀ + Σ_j X_sj U_j for sample s.
With p inputs and m probes, p + 1 solutions U and m adjoint solutions W = J⁻ᵀ P serve any number
of samples, and the samples enter the gradient only through the (p + 1) x m matrix of sums
C = Σ_s [1, x_s] e_sᵀ, where e_s are the derivatives of the loss by sample s's outputs. Both kinds
of solution come from one factorization.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse

from netlearn.circuit.circuit import Circuit, Column
from netlearn.circuit.devices.base import Array
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource
from netlearn.errors import CircuitError
from netlearn.solve.assembly import Equations, with_ground
from netlearn.solve.linear import SharedLinearization, linear_system

BLOCK_NUMBERS = 4_000_000


class LinearResponse:
    """What the probes of a linear circuit show for any values of its input sources.

    Parameters
    ----------
    circuit : a circuit of linear elements with one value each but for the inputs.
    inputs : p independent sources, as (group, element). What they are in ``circuit`` does not matter.
    probes : (m, N) array or sparse array: output i is probes[i] @ x.

    Raises CircuitError for a nonlinear circuit, for an input that is not a source, and for values
    besides the inputs' that differ by sample.
    """

    def __init__(self, circuit: Circuit, inputs: Sequence[tuple[int, int]], probes: Array | sparse.sparray) -> None:
        if not circuit.linear:
            raise CircuitError("only a linear circuit has a linear response", hint="use the sample by sample gradient")
        self.inputs = [(int(g), int(k)) for g, k in inputs]
        self.circuit = self._at_rest(circuit)
        self.probes: sparse.csr_array = sparse.csr_array(probes)  # type: ignore[arg-type]
        self._equations = Equations.of(self.circuit)
        system = linear_system(self.circuit, self._equations)
        if not isinstance(system, SharedLinearization):
            raise CircuitError("the conductances differ by sample, so there is no one response")
        self.linearization = system

    def _at_rest(self, circuit: Circuit) -> Circuit:
        """The circuit with all inputs at zero, and every value the same for all samples."""
        varying = {
            (g, name): np.array(value)
            for g, group in enumerate(circuit.groups)
            for name, value in group.values.items()
            if np.ndim(value) == 2
        }
        for g, k in self.inputs:
            group = circuit.groups[g]
            if not isinstance(group.device, VoltageSource | CurrentSource):
                raise CircuitError(f"'{group.names[k]}' is not an independent source, so it cannot be an input")
            column = varying.setdefault((g, "dc"), np.array(group.values["dc"]))
            column[..., k] = 0.0
        for (g, name), value in varying.items():
            if value.ndim == 2:
                differs = np.flatnonzero((value != value[0]).any(axis=0))
                if len(differs):
                    element = circuit.groups[g].names[int(differs[0])]
                    raise CircuitError(f"the {name} of '{element}' differs by sample, but it is no input")
                varying[g, name] = value[0]
        return circuit.with_values(varying)

    @cached_property
    def adjoints(self) -> Array:
        """W (m, N): the responses to unit currents at the probes."""
        return self.linearization.solve(self.probes.toarray(), transpose=True)

    @cached_property
    def _drives(self) -> Array:
        """(p + 1, N): right-hand sides of the circuit at rest, then of each input by itself."""
        size = self.circuit.size
        drives = np.zeros((len(self.inputs) + 1, size))
        drives[0] = -self._equations.constant()
        for j, (g, k) in enumerate(self.inputs):
            group = self.circuit.groups[g]
            index = np.asarray(group.index)[k]
            here = np.zeros((1, len(index)))
            one = {name: np.asarray(value)[k : k + 1] for name, value in group.values.items()}
            slope = group.device.value_jacobian(here, one, self.circuit.environment, "dc")[0]
            inside = index >= 0
            np.add.at(drives[j + 1], index[inside], -slope[inside])
        return drives

    @cached_property
    def states(self) -> Array:
        """U (p + 1, N): the operating point at rest, then the responses to one unit of each input."""
        return self.linearization.solve(self._drives)

    @cached_property
    def matrix(self) -> Array:
        """(m, p + 1): the outputs at rest, then by one unit of each input."""
        result: Array = self.adjoints @ self._drives.T
        return result

    def outputs(self, x: Array) -> Array:
        """Outputs (S, m) for input values ``x`` (S, p), in volts and amperes."""
        result: Array = np.asarray(x) @ self.matrix[:, 1:].T + self.matrix[:, 0]
        return result

    def operating_points(self, x: Array) -> Array:
        """All unknowns (S, N) for input values ``x`` (S, p)."""
        result: Array = np.asarray(x) @ self.states[1:] + self.states[0]
        return result

    def gradient(self, x: Array, errors: Array, columns: Iterable[Column]) -> dict[Column, Array]:
        """Derivatives (k,) of a loss by every value of the given columns, summed over samples.

        ``x`` (S, p) are the input values, ``errors`` (S, m) the derivatives of the loss by the
        outputs. Columns of inputs are derivatives by a shift that all samples share.
        """
        inputs = np.concatenate([np.ones((len(x), 1)), x], axis=1)
        sums = inputs.T @ np.asarray(errors)
        # λ summed with each input as weight, and the same without one: that is the first row.
        weighted, states = with_ground(sums @ self.adjoints), with_ground(self.states)
        return {column: self._by_column(column, weighted, states) for column in columns}

    def _by_column(self, column: Column, weighted: Array, states: Array) -> Array:
        g, name = column
        group, environment = self.circuit.groups[g], self.circuit.environment
        index = np.asarray(group.index)
        # A linear device's ∂F/∂value is affine in x: its constant is met by every sample once.
        constant = group.device.value_jacobian(np.zeros(index.shape), group.values, environment, name)
        total = np.einsum("kt,kt->k", weighted[0][index], np.broadcast_to(constant, index.shape))
        step = max(1, BLOCK_NUMBERS // max(index.size, 1))
        for first in range(0, len(states), step):
            rows = slice(first, first + step)
            slope = group.device.value_jacobian(states[rows][:, index], group.values, environment, name) - constant
            total = total + np.einsum("jkt,jkt->k", weighted[rows][:, index], slope)
        result: Array = -total
        return result
