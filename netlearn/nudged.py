"""The circuit of the nudged phase, to look at or to give to a simulator."""

from __future__ import annotations

from math import isfinite
from typing import Any, Protocol, runtime_checkable

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.generalized import STATES, GeneralizedEP
from netlearn.ngspice.export import export_ngspice, flatten
from netlearn.overrides import DataLike, NetlistLike
from netlearn.project import Project, open_project


@runtime_checkable
class Nudging(Protocol):
    """A rule with nudged states."""

    def general(self, model: Model, loss: Loss, targets: Array) -> GeneralizedEP:
        """The rule as a nudge, the states it makes, and their contrast."""
        ...


def nudged_circuit(project: Project, sign: float | None = None, sample: int | None = None) -> Circuit:
    """The circuit that the project's rule compares with the free one, at its training data.

    ``sign`` is that of the nudge, by default the first that the rule uses. ``sample``, counted
    from 0, takes one sample only. Raises OptionError for a rule without a nudge, and for a
    sample that there is not.
    """
    rule = project.settings.rule
    if not isinstance(rule, Nudging):
        raise OptionError("this rule has no nudged state", hint="choose one that has: --rule ep, cl, al or contrastive")
    data, model = project.samples(sample), project.model
    general = rule.general(model, project.loss, data.targets)
    if sign is None:
        sign = STATES[general.states][0][0]
    elif not (isfinite(sign) and sign):
        raise OptionError(f"the sign of a nudge is a number such as 1 or -1, not {sign}")
    free = model.forward(model.parameters.initial, data.inputs)
    return general.nudged_circuit(model, project.loss, free, data.targets, sign)


@checked
def nudged_netlist(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    sign: float | None = None,
    sample: int | None = None,
    **settings: Any,
) -> str:
    """The nudged circuit as SPICE text.

    With ``sample``, counted from 0, a flat netlist at that sample; without, a deck that ``ngspice -b`` runs over
    all samples, printing the outputs. ``settings`` are as for :func:`netlearn.train`. The added
    elements are called inudge1, rnudge1, vnudge1 after the number of their output.
    """
    project = open_project(netlist, data, overrides=settings)
    circuit = nudged_circuit(project, sign, sample)
    title = f"* {project.netlist.source.path}, nudged by {project.settings.rule}"
    if sample is not None:
        return flatten(circuit, title=f"{title}, sample {sample + 1}")
    return export_ngspice(circuit, project.model.probes, title)
