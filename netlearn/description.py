"""What is in a netlist, and what would be trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arguments import netlist_of
from netlearn.elaboration.design import Design
from netlearn.errors import NetlearnError, NetlearnErrors
from netlearn.learn.rules.reciprocity import reciprocity
from netlearn.learn.settings import DataFiles, Settings
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.results import Description
from netlearn.solve.internal import InternalSolver
from netlearn.training_scope import scope_notes


@checked
def describe(netlist: NetlistLike, data: DataLike | None = None, **settings: Unpack[Overrides]) -> Description:
    """What is in a netlist, and what would be trained. Raises NetlistError where it cannot be read at all."""
    read = netlist_of(netlist)
    problems: list[NetlearnError] = []
    known: dict[str, object] = {}

    def note(*steps: Callable[[], dict[str, object]]) -> None:
        for step in steps:
            try:
                known.update(step())
            except NetlearnErrors as several:
                problems.extend(several.errors)
            except NetlearnError as error:
                problems.append(error)

    try:
        project = open_project(read, data, overrides=settings)
    except NetlearnErrors as several:
        problems.extend(several.errors)
        project = Project(read, Settings(), InternalSolver(), data)
    except NetlearnError as error:
        problems.append(error)
        project = Project(read, Settings(), InternalSolver(), data)
    note(lambda: _contents(project))
    if known:
        if project.has_samples:
            found = len(problems)
            note(lambda: _task(project))
            if len(problems) > found:
                # What would be trained can be said without the data that set other numbers.
                project = replace(project, data=None, settings=replace(project.settings, data=DataFiles()))
        note(lambda: _trained(project))
        note(lambda: _co_content(project, has_data=known.get("samples", 0) != 0))
    return Description(read, project.settings, problems=tuple(problems), **known)  # type: ignore[arg-type]


def _contents(project: Project) -> dict[str, object]:
    circuit = project.circuit
    return {
        "elements": tuple((group.device.name, len(group)) for group in circuit.groups if len(group)),
        "nodes": len(circuit.nodes),
        "branches": len(circuit.branches),
        "linear": circuit.linear,
        "trainable": tuple(_design(project).trainable_names()),
    }


def _design(project: Project) -> Design:
    """The elaborated netlist, with what the data set if they can be read."""
    try:
        return project.driven
    except NetlearnError:
        return project.design


def _trained(project: Project) -> dict[str, object]:
    parameters, notes = project.parameters, (*project.settings.notes, *scope_notes(project))
    return {"trained": tuple(parameters.names), "values": parameters.initial, "notes": notes}


def _co_content(project: Project, *, has_data: bool) -> dict[str, object]:
    circuit = project.circuit
    model = project.model if has_data else None
    x = np.zeros((1, circuit.size))
    if any(len(group) and not (group.device.linear or group.device.reciprocal) for group in circuit.groups):
        # Only a state tells the derivatives of such elements.
        first = (
            None
            if model is None
            else model.circuit(model.parameters.initial, project.dataset(project.table).inputs[:1])
        )
        x = project.solver.solve(first or circuit).x
    nudged = model is not None and model.measured.between_unknowns
    known = (model.probes, model.parameters) if model is not None and nudged else (None, None)
    found = reciprocity(circuit, x, *known)
    weights = zip(circuit.nodes, found.weights.tolist(), strict=False)
    return {"breaking": found.breaking, "weights": tuple(each for each in weights if each[1] not in {0.0, 1.0})}


def _task(project: Project) -> dict[str, object]:
    layout, test = project.layout, project.test_table
    if layout.aims:
        # A loss beside goals is refused.
        _ = project.loss
    return {
        "inputs": layout.inputs,
        "outputs": layout.outputs,
        "classes": layout.classes,
        "goals": tuple(aim.text for aim in layout.aims),
        "samples": len(project.table),
        "test_samples": len(test) if test is not None else 0,
    }
