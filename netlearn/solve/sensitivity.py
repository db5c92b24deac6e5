"""Derivatives of functions of the operating point by the values of the elements.

The adjoint method (Director and Rohrer, IEEE Transactions on Circuit Theory 16, 1969): with
F(x, p) = 0 and a function f(x), solve Jᵀ λ = ∂f/∂x once; then df/dp = -λᵀ ∂F/∂p for every
value p of every element.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from netlearn.circuit.circuit import Column
from netlearn.circuit.devices.base import Array
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.linear import linear_system
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import Model
from netlearn.solve.operating_point import Linearization, OperatingPoint


def linearize(op: OperatingPoint) -> Linearization:
    """The circuit's equations, linear around ``op``; what the solver has left is used again.

    Raises CircuitError where the Jacobian is singular.
    """
    return op.linearization if op.linearization is not None else _at(op)


def _at(op: OperatingPoint) -> Linearization:
    if op.circuit.linear:
        return linear_system(op.circuit, Equations.of(op.circuit))
    return NonlinearLinearization(Model.of(op.circuit), op.x)


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
