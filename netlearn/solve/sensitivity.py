"""Derivatives of functions of the operating point by the values of the elements.

The adjoint method (Director and Rohrer, IEEE Transactions on Circuit Theory 16, 1969): with
F(x, p) = 0 and a function f(x), solve Jᵀ λ = ∂f/∂x once; then df/dp = -λᵀ ∂F/∂p for every
value p of every element.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from netlearn.circuit.circuit import Circuit, Column
from netlearn.circuit.devices.base import Array
from netlearn.solve.assembly import Equations, with_ground
from netlearn.solve.linear import PerSampleLinearization, SharedLinearization, linear_system
from netlearn.solve.protocol import Linearization, OperatingPoint
from netlearn.solve.reduction import Reduction


def linearize(op: OperatingPoint) -> Linearization:
    """The circuit's equations, linear around ``op``; what the solver has left is used again.

    Raises CircuitError where the Jacobian is singular.
    """
    return op.linearization if op.linearization is not None else jacobian_system(op.circuit, op.x)


def jacobian_system(circuit: Circuit, x: Array) -> SharedLinearization | PerSampleLinearization:
    """The Jacobian at ``x`` (S, N), to be factorized when it is first solved with."""
    equations = Equations.of(circuit)
    if circuit.linear:
        return linear_system(circuit, equations)
    data = equations.jacobian(x)
    reduction = Reduction.of(circuit)
    columns = data.T if data.ndim == 2 else np.broadcast_to(data, (len(x), len(data)))
    return PerSampleLinearization([SharedLinearization(circuit, reduction, column, False) for column in columns])


def pull_back(op: OperatingPoint, adjoint: Array, columns: Iterable[Column]) -> dict[Column, Array]:
    """-Σ λᵀ ∂F/∂value for each value of the given columns, (k,) each, summed over samples.

    ``adjoint`` (S, N) is λ = J⁻ᵀ ∂f/∂x at the operating points; real or complex.
    """
    x, weights = with_ground(op.x), with_ground(np.asarray(adjoint))
    result = {}
    for column in columns:
        g, name = column
        group = op.circuit.groups[g]
        index = np.asarray(group.index)
        slope = group.device.value_jacobian(x[:, index], group.values, op.circuit.environment, name)
        result[column] = -np.einsum("skt,skt->k", weights[:, index], np.broadcast_to(slope, (len(x), *index.shape)))
    return result
