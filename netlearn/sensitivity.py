"""Sensitivities of a probe to the values of all elements, the numbers of ``.param`` lines, and the temperature."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from glob import escape
from typing import Literal

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import one_sample
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.elaboration.columns import AMBIENT, source_names
from netlearn.elaboration.design import Design, Selection
from netlearn.elaboration.elements.foreign import comparable
from netlearn.elaboration.number_places import number_edit
from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.data import Layout, check_sample, inputs_of
from netlearn.learn.model import Model
from netlearn.ngspice.forms import column
from netlearn.ngspice.own_text import OwnText, TextSolver
from netlearn.ngspice.sensitivity import STEP, against_ngspice
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_sensitivity import Edited, against_text
from netlearn.overrides import DataLike, NetlistLike
from netlearn.probes.outputs import Outputs
from netlearn.project import Project, open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Sensitivity
from netlearn.solve.sensitivity import sensitivities as element_sensitivities

Judge = Literal["text", "flat"]
"""What ngspice is given."""


@checked
def sensitivities(
    netlist: NetlistLike,
    probe: str,
    data: DataLike | None = None,
    *,
    sample: int | None = None,
    against: Literal["ngspice"] | None = None,
    forward: Literal["internal", "ngspice"] = "internal",
    flat: bool = False,
    timeout: float = 60.0,
) -> list[Sensitivity]:
    """The derivatives of a probe by the values of all elements, and by the ``.param`` numbers.

    With ``forward="ngspice"`` they are central differences of what ngspice makes of the netlist's own text, by the
    numbers that stand in it: those of resistors, independent sources, ``.param`` lines, and elements' and models'
    parameters. That works for elements, too, that netlearn has no equations for.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    probe : such as ``V(out)``, ``I(R1)``, ``P(X1)`` or ``{V(out)/V(in)}``.
    data : the samples; else the netlist's.
    sample : at which sample, counted from 0; at the netlist's own values if neither is given.
    against : ``ngspice`` asks it for the same derivatives, found in ``by_ngspice`` of each; it is given the netlist's
        own text, and the flat circuit for what ``alter`` cannot change there.
    forward : ``ngspice`` for differences of its operating points.
    flat : give ngspice the flat circuit as netlearn reads it, for ``against``.
    timeout : how many seconds ngspice may take.

    Raises OptionError for what is not a probe or a sample that is not there, and NgspiceError.
    """
    if against not in (None, "ngspice"):
        raise OptionError(f"'against' cannot be '{against}'", hint="known: ngspice")
    if forward == "ngspice":
        if against or flat:
            raise OptionError("the derivatives are ngspice's already", hint="leave against and flat out, or forward")
        with TextSolver(timeout) as solver:
            return by_ngspice_alone(open_project(netlist, data, solver), probe, sample, given=data is not None)
    if forward != "internal":
        raise OptionError(f"there is no solver '{forward}'", hint=did_you_mean(forward, ("internal", "ngspice")))
    with comparable() if against else nullcontext():
        project = open_project(netlist, data)
        layout, inputs = _layout(project, sample, given=data is not None)
        judge: Judge | None = None if against is None else "flat" if flat else "text"
        return _by_internal(project, probe, (layout, inputs), judge, timeout)


def _by_internal(
    project: Project, probe: str, at: tuple[Layout, Array], judge: Judge | None, timeout: float
) -> list[Sensitivity]:
    layout, inputs = at
    layout = replace(layout, outputs=(probe,))
    model = project.model_of(layout)
    circuit = model.circuit(model.parameters.initial, inputs)
    if judge is None:
        found = element_sensitivities(InternalSolver(), circuit, model.measured)
        return found + parameter_sensitivities(project, layout, inputs)
    if judge == "flat":
        found = against_ngspice(InternalSolver(), circuit, model.measured, 0, timeout)
        return found + parameter_sensitivities(project, layout, inputs)
    assert isinstance(model.measured, Outputs)
    with TextRunner(timeout) as runner:
        own = OwnText(project.design, layout.driven, tuple(model.inputs), runner)
        found = against_text(circuit, model.measured, own, inputs, timeout)
        return found + _parameters_against_text(project, layout, inputs, own, model)


def _parameters_against_text(
    project: Project, layout: Layout, inputs: Array, own: OwnText, model: Model
) -> list[Sensitivity]:
    """The derivatives by ``.param`` numbers, with differences of ngspice's operating points beside them."""
    found = parameter_sensitivities(project, layout, inputs)
    design = project.design_for(layout)
    assert isinstance(model.measured, Outputs)
    state = InternalSolver().solve(one_sample(model.circuit(model.parameters.initial, inputs), 0))
    edited = Edited(state, model.measured, own, inputs)
    judged = []
    for each in found:
        step = STEP * (abs(each.value) or 1.0)
        netlist = project.netlist
        pair = [number_edit(netlist, each.element, each.value + way * step) for way in (1.0, -1.0)]
        if each.name == "parameter" and pair[0] is not None and pair[1] is not None and each.derivative:
            parameters = design.parameters([Selection(escape(each.element))])
            there = replace(model, parameters=parameters)
            upper, lower = (
                one_sample(there.circuit(np.array([each.value + way * step]), inputs), 0) for way in (1.0, -1.0)
            )
            slope = edited.slope((upper, lower), (pair[0], pair[1]), step)
            judged.append(replace(each, by_differences=slope.slope, rounding=slope.rounding))
            continue
        judged.append(each)
    return judged


def by_ngspice_alone(project: Project, probe: str, sample: int | None, *, given: bool) -> list[Sensitivity]:
    """Central differences of ngspice's operating points, by what is written in the text. Raises NgspiceError."""
    layout, inputs = _layout(project, sample, given=given)
    circuit = project.circuit
    sources = [name for name in source_names(circuit) if name not in map(str.lower, layout.driven)]
    own = [float(column(circuit.groups[g], "dc")[k]) for g, k in map(circuit.element, sources)]
    layout = replace(layout, inputs=(*layout.driven, *sources), corners={}, outputs=(probe,))
    inputs = np.append(inputs, [own], axis=1)
    design = project.design_for(layout)
    parameters = design.parameters(
        [Selection(escape(name)) for name in design.trainable_names() if _free(design, name)]
    )
    model = replace(project.model_of(layout), parameters=parameters)
    theta = np.asarray(parameters.initial, dtype=float)
    found = []
    for k, (name, value) in enumerate(zip(parameters.names, theta.tolist(), strict=True)):
        step = STEP * (abs(value) or 1.0)
        moved = [np.where(np.arange(len(theta)) == k, value + way * step, theta) for way in (1.0, -1.0)]
        upper, lower = (float(model.outputs(model.forward(at, inputs))[0, 0]) for at in moved)
        what = "resistance" if parameters.positive[k] else "parameter"
        found.append(Sensitivity(name, what, value, (upper - lower) / (2 * step)))
    steps = STEP * np.where(np.array(own) == 0, 1.0, np.abs(own))
    rows = np.tile(inputs, (2 * len(sources), 1))
    places = np.arange(len(sources)) + inputs.shape[1] - len(sources)
    rows[np.arange(len(sources)), places] += steps
    rows[np.arange(len(sources)) + len(sources), places] -= steps
    read = model.outputs(model.forward(theta, rows))[:, 0] if sources else np.zeros(0)
    slopes = (read[: len(sources)] - read[len(sources) :]) / (2 * steps)
    return found + [
        Sensitivity(name, "dc", value, float(slope)) for name, value, slope in zip(sources, own, slopes, strict=True)
    ]


def _free(design: Design, name: str) -> bool:
    """Whether a number stands in the text, decides no condition, and is set by nothing else."""
    try:
        design.parameters([Selection(escape(name))])
    except OptionError:
        return False
    return True


def _layout(project: Project, sample: int | None, *, given: bool) -> tuple[Layout, Array]:
    """What the data set, if a sample of them is meant, and that sample (1, p)."""
    layout, inputs = Layout((), ()), np.zeros((1, 0))
    if project.has_samples and not (sample is None and not given):
        return _sample(project, sample or 0)
    check_sample(sample or 0, None)
    return layout, inputs


def _sample(project: Project, sample: int) -> tuple[Layout, Array]:
    """What the columns of the data set, and what one sample does (1, p)."""
    layout = project.input_layout(project.table)
    inputs = inputs_of(project.table, layout)
    if project.data is None and project.test_table is not None:
        inputs = np.concatenate([inputs, inputs_of(project.test_table, layout)])
    check_sample(sample, len(inputs))
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
