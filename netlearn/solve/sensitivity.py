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
from netlearn.circuit.circuit import Circuit, Column, one_sample
from netlearn.memory import asked_for_by
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs
from netlearn.probes.readings import Slopes
from netlearn.solve.contraction import contract
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.linear import linear_system
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import Linearization, OperatingPoint, Solver
from netlearn.solve.reduced_states import ReducedStates, opposite


def linearize(op: OperatingPoint) -> Linearization:
    """The circuit's equations, linear around ``op``; what the solver has left is used again.

    Raises CircuitError where the Jacobian is singular, and TooLargeError where its factors do not fit into the memory.
    """
    if op.linearization is not None:
        return op.linearization
    with asked_for_by(op.circuit.place):
        return _at(op)


def _at(op: OperatingPoint) -> Linearization:
    if op.circuit.linear:
        return linear_system(op.circuit, Equations.of(op.circuit))
    model = NonlinearModel.of(op.circuit)
    count = len(op.states)
    return NonlinearLinearization(model, op.states, Lockstep.of(model, count) if count > 1 else None)


def pullback(
    op: OperatingPoint, adjoint: ReducedStates | Array, columns: Iterable[Column], apart: Collection[Column] = ()
) -> dict[Column, Array]:
    """-Σ λᵀ ∂F/∂value for each value of the given columns, (k,) each, summed over samples.

    Columns that are ``apart`` are not summed: (S, k). ``adjoint`` (S, N) is λ = J⁻ᵀ ∂f/∂x at the operating
    points; real or complex.
    """
    negative = opposite(adjoint)
    return {column: contract(op.circuit, column, negative, op.states, apart=column in apart) for column in columns}


def adjoint_state(op: OperatingPoint, slopes: Slopes, errors: Array) -> ReducedStates | Array:
    """λ = J⁻ᵀ Σ_j errors_j ∂y_j/∂x (S, N) for the ``slopes`` of outputs and ``errors`` (S, o).

    Raises CircuitError where the Jacobian is singular.
    """
    linearization = linearize(op)

    def complete() -> Array:
        return linearization.solve(slopes.by_unknowns(errors, op.circuit.size), transpose=True)

    if isinstance(linearization, NonlinearLinearization) and len(slopes.weights) == 1:
        reduction = linearization.model.reduction
        place = reduction.place[slopes.unknowns]
        if (place >= 0).all():
            moving = linearization.reduced(errors @ _weights(slopes, reduction, errors.shape[1]), transpose=True)
            if moving is not None:
                return ReducedStates(reduction, None, moving, complete)
    return complete()


def _weights(slopes: Slopes, reduction: SourceReduction, outputs: int) -> Array:
    """∂y/∂x (o, r) by the reduced unknowns, all of which are among these; the same again for the last slopes."""
    kept: list[tuple[Slopes, Array]] = reduction.wiring.once(_weights, list)
    for known, weights in kept:
        if known is slopes and len(weights) == outputs:
            return weights
    weights = np.zeros((outputs, reduction.size), np.result_type(slopes.weights, float))
    np.add.at(weights, (slopes.rows, reduction.place[slopes.unknowns]), slopes.weights[0])
    kept[:] = [(slopes, weights)]
    return weights


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
    rounding: float = 0.0
    """How far ngspice's rounding may take ``by_differences`` off."""

    @property
    def by_ngspice(self) -> float:
        """ngspice's opinion: the differences where they were needed, otherwise ``.sens``."""
        return self.by_sens if np.isnan(self.by_differences) else self.by_differences

    @property
    def relative_difference(self) -> float:
        """|a - b| over the larger magnitude; NaN where ngspice has no opinion."""
        return _relative(self.derivative, self.by_ngspice)


def sensitivities(solver: Solver, circuit: Circuit, probe: Outputs | Probes, sample: int = 0) -> list[Sensitivity]:
    """Our derivatives of one output at one sample by every differentiable value of every element.

    By the adjoint method, so one further linear solve gives them all. Values that are at the
    device's default and have no influence are left out. Raises CircuitError.
    """
    one = one_sample(circuit, sample)
    op = solver.solve(one)
    columns = [
        (g, name) for g, group in enumerate(one.groups) for name in group.values if name in group.device.parameters
    ]
    slopes, one_output = probe.slopes(one, op.x, columns), np.ones((1, 1))
    adjoint = linearize(op).solve(slopes.by_unknowns(one_output, one.size), transpose=True)
    lengths = {(g, name): len(one.groups[g]) for g, name in columns}
    direct = slopes.by_values(one_output, lengths)
    found = []
    for (g, name), through in pullback(op, adjoint, columns).items():
        group = one.groups[g]
        derivatives = through + direct[g, name][0] if (g, name) in direct else through
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
