"""The adjoint network of a task as SPICE text, to look at or to give to a simulator."""

from __future__ import annotations

from typing import Any

from netlearn.argument_types import checked
from netlearn.learn.rules.adjoint_circuit import AdjointCircuit
from netlearn.learn.rules.base import Batch
from netlearn.ngspice.export import export_ngspice, flatten
from netlearn.overrides import DataLike, NetlistLike
from netlearn.probes.ends import Probes
from netlearn.project import open_project


@checked
def adjoint_netlist(
    netlist: NetlistLike, data: DataLike | None = None, *, sample: int | None = None, **settings: Any
) -> str:
    """The adjoint network as SPICE text: the circuit with transposed derivatives, driven by the output errors.

    With ``sample``, counted from 0, a flat netlist at that sample; without, a deck that ``ngspice -b``
    runs over all samples, printing the adjoint state at the outputs. ∂ℓ/∂g of a resistor is minus
    the product of its drops in the two circuits, over β where the rule is adjoint-circuit, whose
    drive and mismatch are then taken. ``settings`` are as for :func:`netlearn.train`.

    Raises OptionError for a sample that there is not.
    """
    project = open_project(netlist, data, overrides=settings)
    rule = project.settings.rule
    rule = rule if isinstance(rule, AdjointCircuit) else AdjointCircuit(beta=1.0, unit="siemens")
    given, model = project.samples(sample), project.model
    free = model.forward(model.parameters.initial, given.inputs)
    batch = Batch(given.inputs, given.targets)
    backward, _ = rule.backward(model, project.loss, free, model.outputs(free), batch)
    title = f"* {project.netlist.source.path}, the adjoint network"
    if sample is not None:
        return flatten(backward.circuit, title=f"{title} at sample {sample + 1}")
    ends = (backward.at(end) for end in (model.probes.plus, model.probes.minus))
    return export_ngspice(backward.circuit, Probes(model.probes.names, *ends), title)
