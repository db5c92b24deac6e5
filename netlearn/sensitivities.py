"""Sensitivities of a probe to the numbers that stand in a netlist's ``.param`` lines."""

from __future__ import annotations

from glob import escape

from netlearn.circuit.circuit import Circuit, one_sample
from netlearn.elaboration.design import Design, Selection
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Probe, Sensitivity, linearize, pullback


def parameter_sensitivities(design: Design, circuit: Circuit, probe: Probe, sample: int = 0) -> list[Sensitivity]:
    """The derivative of the probe by every top-level ``.param`` that is written as a number.

    ``circuit`` is the design's, perhaps driven by data; it goes through every expression that
    uses the parameter. ngspice's ``.sens`` does not know of parameters. Raises CircuitError.
    """
    names = [name for name in design.trainable_names() if design.parameter_value(name) is not None]
    if not names:
        return []
    parameters = design.parameters([Selection(escape(name)) for name in names])
    one = one_sample(circuit, sample)
    point = InternalSolver().solve(one)
    adjoint = linearize(point).solve(probe.weights(one)[None], transpose=True)
    gradient = parameters.pullback(parameters.initial, pullback(point, adjoint, parameters.columns))
    return [
        Sensitivity(name, "parameter", float(value), float(derivative))
        for name, value, derivative in zip(parameters.names, parameters.initial, gradient, strict=True)
    ]
