"""Sensitivities of a probe to the values of all elements, the numbers of ``.param`` lines, and the temperature."""

from __future__ import annotations

from dataclasses import replace
from glob import escape
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.elaboration.columns import AMBIENT
from netlearn.elaboration.design import Selection
from netlearn.errors import OptionError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.data import Layout, inputs_of
from netlearn.learn.model import Model
from netlearn.ngspice.sensitivity import against_ngspice
from netlearn.overrides import DataLike, NetlistLike
from netlearn.project import Project, open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Sensitivity
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
    probe : such as ``V(out)``, ``I(R1)``, ``P(X1)`` or ``{V(out)/V(in)}``.
    data : the samples; else the netlist's.
    sample : at which sample, counted from 0; at the netlist's own values if neither is given.
    against : ``ngspice`` asks it for the same derivatives, found in ``by_ngspice`` of each.
    timeout : how many seconds ngspice may take.

    Raises OptionError for what is not a probe or a sample that is not there, and NgspiceError.
    """
    project = open_project(netlist, data)
    layout, inputs = Layout((), ()), np.zeros((1, 0))
    if project.has_samples and not (sample is None and data is None):
        layout, inputs = _sample(project, sample or 0)
    elif sample:
        raise OptionError(f"there is no sample {sample + 1} among 1")
    layout = replace(layout, outputs=(probe,))
    model = project.model_of(layout)
    circuit = model.circuit(model.parameters.initial, inputs)
    if against == "ngspice":
        found = against_ngspice(InternalSolver(), circuit, model.measured, 0, timeout)
    else:
        found = element_sensitivities(InternalSolver(), circuit, model.measured)
    return found + parameter_sensitivities(project, layout, inputs)


def _sample(project: Project, sample: int) -> tuple[Layout, Array]:
    """What the columns of the data set, and what one sample does (1, p)."""
    layout = project.input_layout(project.table)
    inputs = inputs_of(project.table, layout)
    if project.data is None and project.test_table is not None:
        inputs = np.concatenate([inputs, inputs_of(project.test_table, layout)])
    if not 0 <= sample < len(inputs):
        raise OptionError(f"there is no sample {sample + 1} among {len(inputs)}")
    return layout, inputs[sample : sample + 1]


def parameter_sensitivities(project: Project, layout: Layout, inputs: Array) -> list[Sensitivity]:
    """The derivative of a layout's output by every top-level ``.param`` written as a number, and by the temperature.

    They go through every expression that uses them, at what one sample sets, ``inputs`` (1, p). ngspice's
    ``.sens`` knows neither. Raises CircuitError.
    """
    celsius = float(project.circuit.environment.temperature) - ZERO_CELSIUS
    if AMBIENT not in (name.lower() for name in layout.driven):
        # The corners' values are among the inputs already.
        layout = replace(layout, inputs=(*layout.driven, AMBIENT), corners={})
        inputs = np.append(inputs, [[celsius]], axis=1)
    design = project.design_for(layout)
    names = [name for name in design.trainable_names() if design.parameter_value(name) is not None]
    parameters = design.parameters([Selection(escape(name)) for name in names if design.is_free(name)])
    measured = project.model_of(layout).measured
    model = Model(parameters, design.inputs, measured, InternalSolver())
    theta = np.asarray(parameters.initial, dtype=float)
    point = model.forward(theta, inputs)
    adjoint = Adjoint(model, theta, inputs, point, np.ones((1, 1)))
    found = [
        Sensitivity(name, "parameter", float(value), float(derivative))
        for name, value, derivative in zip(parameters.names, theta, adjoint.by_parameters(), strict=True)
    ]
    place = next(j for j, name in enumerate(layout.driven) if name.lower() == AMBIENT)
    by_temperature = float(adjoint.by_inputs()[0, place])
    if by_temperature:
        found.append(Sensitivity(AMBIENT, "temperature", float(inputs[0, place]), by_temperature))
    return found
