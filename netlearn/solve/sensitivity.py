"""Derivatives of functions of the operating point by the values of the elements.

The adjoint method (Director and Rohrer, IEEE Transactions on Circuit Theory 16, 1969): with
F(x, p) = 0 and a function f(x), solve Jᵀ λ = ∂f/∂x once; then df/dp = -λᵀ ∂F/∂p for every
value p of every element.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column, one_sample
from netlearn.solve.contraction import contract
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.linear import linear_system
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import Linearization, OperatingPoint, Solver


def linearize(op: OperatingPoint) -> Linearization:
    """The circuit's equations, linear around ``op``; what the solver has left is used again.

    Raises CircuitError where the Jacobian is singular.
    """
    return op.linearization if op.linearization is not None else _at(op)


def _at(op: OperatingPoint) -> Linearization:
    if op.circuit.linear:
        return linear_system(op.circuit, Equations.of(op.circuit))
    model = NonlinearModel.of(op.circuit)
    return NonlinearLinearization(model, op.x, Lockstep.of(model, len(op.x)) if len(op.x) > 1 else None)


def pullback(
    op: OperatingPoint, adjoint: Array, columns: Iterable[Column], apart: Collection[Column] = ()
) -> dict[Column, Array]:
    """-Σ λᵀ ∂F/∂value for each value of the given columns, (k,) each, summed over samples.

    Columns that are ``apart`` are not summed: (S, k). ``adjoint`` (S, N) is λ = J⁻ᵀ ∂f/∂x at the operating
    points; real or complex.
    """
    environment = op.circuit.environment
    return {
        (g, name): -contract(
            op.circuit.groups[g], np.asarray(adjoint), op.x, environment, name, apart=(g, name) in apart
        )
        for g, name in columns
    }


def by_temperature(op: OperatingPoint, adjoint: Array) -> Array:
    """-λᵀ ∂F/∂T by the circuit's temperature, as far as the devices' own equations know of it: (S,).

    What expressions say of the temperature is in the elements' values.
    """
    x, weights = with_ground(op.x), with_ground(np.asarray(adjoint))
    total = np.zeros(len(x), weights.dtype)
    for group in op.circuit.groups:
        if len(group) and not group.device.linear:
            index = np.asarray(group.index)
            slope = group.device.temperature_jacobian(x[:, index], group.values, op.circuit.environment)
            total -= np.einsum("skt,skt->s", weights[:, index], np.broadcast_to(slope, (len(x), *index.shape)))
    return total


@dataclass(frozen=True)
class Probe:
    """v(plus) - v(minus) in volts, or the branch current of ``element`` in amperes."""

    plus: str = "0"
    minus: str = "0"
    element: str = ""

    def weights(self, circuit: Circuit) -> Array:
        """The derivative (N,) of the probe by the circuit's unknowns. Raises CircuitError."""
        weights = np.zeros(circuit.size)
        if self.element:
            weights[circuit.branch(self.element)] = 1.0
            return weights
        for name, sign in ((self.plus, 1.0), (self.minus, -1.0)):
            node = circuit.node(name)
            if node != GROUND:
                weights[node] += sign
        return weights

    def __str__(self) -> str:
        if self.element:
            return f"i({self.element})"
        return f"v({self.plus})" if self.minus == "0" else f"v({self.plus},{self.minus})"


@dataclass(frozen=True)
class Sensitivity:
    """The derivative of a probe by one value of one element, in the units of the two."""

    element: str
    name: str
    value: float
    derivative: float
    by_sens: float = float("nan")
    """What ngspice's ``.sens`` gives; NaN where it gives nothing."""
    by_differences: float = float("nan")
    """From central differences of ngspice's operating points; NaN where they were not needed."""

    @property
    def by_ngspice(self) -> float:
        """ngspice's opinion: the differences where they were needed, otherwise ``.sens``."""
        return self.by_sens if np.isnan(self.by_differences) else self.by_differences

    @property
    def relative_difference(self) -> float:
        """|a - b| over the larger magnitude; NaN where ngspice has no opinion."""
        return _relative(self.derivative, self.by_ngspice)


def sensitivities(solver: Solver, circuit: Circuit, probe: Probe, sample: int = 0) -> list[Sensitivity]:
    """Our derivatives of the probe at one sample by every differentiable value of every element.

    By the adjoint method, so one further linear solve gives them all. Values that are at the
    device's default and have no influence are left out. Raises CircuitError.
    """
    one = one_sample(circuit, sample)
    weights = probe.weights(one)
    op = solver.solve(one)
    adjoint = linearize(op).solve(weights[None], transpose=True)
    columns = [
        (g, name) for g, group in enumerate(one.groups) for name in group.values if name in group.device.parameters
    ]
    found = []
    for (g, name), derivatives in pullback(op, adjoint, columns).items():
        group = one.groups[g]
        default = group.device.parameters[name]
        values = np.broadcast_to(np.asarray(group.values[name], dtype=float), len(group))
        kept = np.isfinite(values) & ((values != default) | (derivatives != 0))
        for k in np.flatnonzero(kept).tolist():
            found.append(Sensitivity(group.names[k], name, float(values[k]), float(derivatives[k])))
    return found


def _relative(a: float, b: float) -> float:
    if a == b:
        return 0.0
    return float(np.abs(a - b) / np.maximum(abs(a), abs(b)))
