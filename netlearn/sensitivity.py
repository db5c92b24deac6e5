"""Sensitivities of a probe to the values of all elements, and to the numbers of ``.param`` lines."""

from __future__ import annotations

from glob import escape
from typing import Literal

from netlearn.circuit.circuit import GROUND, Circuit, one_sample
from netlearn.elaboration.design import Design, Selection
from netlearn.errors import OptionError
from netlearn.learn.probes import probes_of
from netlearn.ngspice.sensitivity import against_ngspice
from netlearn.project import DataLike, NetlistLike, driven_circuit, open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Probe, Sensitivity, linearize, pullback
from netlearn.solve.sensitivity import sensitivities as element_sensitivities


def sensitivities(
    netlist: NetlistLike,
    probe: str,
    data: DataLike | None = None,
    *,
    sample: int | None = None,
    against: Literal["ngspice"] | None = None,
    timeout: float = 60.0,
) -> list[Sensitivity]:
    """The derivatives of a probe by the values of all elements, and by the ``.param`` numbers.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    probe : such as ``V(out)``, ``V(p,n)`` or ``I(V1)``.
    data : the samples; else the netlist's.
    sample : at which sample, counted from 0; at the netlist's own values if neither is given.
    against : ``ngspice`` asks it for the same derivatives, found in ``by_ngspice`` of each.
    timeout : how many seconds ngspice may take.

    Raises OptionError for what is not a probe or a sample that is not there, and NgspiceError.
    """
    project = open_project(netlist, data)
    circuit = project.circuit if sample is None and data is None else driven_circuit(project)
    index = sample or 0
    if not 0 <= index < (circuit.samples or 1):
        raise OptionError(f"there is no sample {index + 1} among {circuit.samples or 1}")
    wanted = _probe(circuit, probe)
    if against == "ngspice":
        found = against_ngspice(InternalSolver(), circuit, wanted, index, timeout)
    else:
        found = element_sensitivities(InternalSolver(), circuit, wanted, index)
    return found + parameter_sensitivities(project.design, circuit, wanted, index)


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


def _probe(circuit: Circuit, text: str) -> Probe:
    probes = probes_of(circuit, [text])
    plus, minus = int(probes.plus[0]), int(probes.minus[0])
    n = len(circuit.nodes)
    if plus >= n:
        return Probe(element=circuit.branches[plus - n])
    return Probe(*("0" if k == GROUND else circuit.nodes[k] for k in (plus, minus)))
