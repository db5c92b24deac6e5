"""How a netlist does on data."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arguments import with_targets
from netlearn.arrays import Array
from netlearn.careful import careful, doubted, tell_doubts
from netlearn.chip_training import one_chip, readings_note
from netlearn.chips.solver import ChipSolver
from netlearn.errors import DataError, OptionError, warn
from netlearn.executors import Sent, for_workers, in_order, received
from netlearn.learn.data import Dataset, Layout
from netlearn.learn.fit import Fit, fit_of, is_fit
from netlearn.learn.goals import GoalResult, Goals, judged
from netlearn.learn.loss import Loss, accuracy
from netlearn.learn.model import Model
from netlearn.learn.rules.power import dissipated_at, weight_of
from netlearn.learn.state import TrainingState
from netlearn.learn.superposition import outputs_of, superposes
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.results import Evaluation
from netlearn.solve.internal import InternalSolver
from netlearn.solve.parts import numbered
from netlearn.solvers import Forward, solver_of

HELD, LEAST_ROWS = 1_000_000, 64
"""How many unknowns of samples are held at a time, and how many samples at the least: lattices of 7x7 diodes take 0.97
times as long with half as many unknowns and 1.15 with twice (benchmarks/rows_at_a_time.py); the samples are by
convention, so that a large circuit is not solved one by one."""


@checked
def evaluate(
    netlist: NetlistLike,
    data: DataLike | None = None,
    targets: object = None,
    *,
    forward: Forward = "internal",
    residual: bool = False,
    errors: bool = False,
    executor: Executor | None = None,
    **settings: Unpack[Overrides],
) -> Evaluation:
    """Loss, accuracy and outputs of a netlist on data, given as ``train`` takes them.

    Without ``data`` the test data that the netlist names is taken, or else its training data.
    Classes are those of the training data that the netlist names, if it is there, or else of
    ``data``. With ``residual`` the evaluation tells what Kirchhoff's laws lack at the samples' operating
    points; with ``errors``, the standard errors of what would be trained, as a least squares fit to the
    data has them. An ``executor``, anything with the interface of ``concurrent.futures.Executor``, solves
    large data part by part. A chip in the loop is given the values that ``*@train`` names. Where fewer than
    six digits of voltages or currents hold, a warning says so; of a linear circuit 16 of the samples, evenly spread,
    are looked at for that.
    """
    with solver_of(forward) as solver:
        one_chip(solver, executor)
        if isinstance(solver, ChipSolver) and (residual or errors):
            what = "what Kirchhoff's laws lack" if residual else "standard errors"
            hint = f"leave {'residual' if residual else 'errors'} out"
            raise OptionError(f"{what} need every voltage of the circuit, and a chip gives outputs alone", hint=hint)
        project, dataset = evaluation_data(open_project(netlist, None, careful(solver), settings), data, targets)
        model = project.plain_model
        result = evaluation_of(model, project.loss, project.layout, dataset, executor)
        if isinstance(solver, InternalSolver):
            some = dataset.inputs[doubted(len(dataset.inputs))]
            tell_doubts(model.forward(model.parameters.initial, some), model.measured)
        found = model.forward(model.parameters.initial, dataset.inputs).residual() if residual else None
        fit = _fit(project, dataset) if errors else None
        notes = (*notes_of(project), *readings_note(solver))
        return replace(result, notes=notes, residual=found, fit=fit)


def evaluation_data(project: Project, data: DataLike | None, targets: object = None) -> tuple[Project, Dataset]:
    """A project and the samples that it is judged by: what is given, else its test data, else its training data."""
    data = with_targets(data, targets)
    if data is None:
        return project, project.dataset(project.test_table or project.table)
    given = replace(project, data=data)
    # Classes are judged as classes, though the data that the netlist names, as a generated one does, be of values.
    if not _has_training_data(project) or (given.table.labels is not None and project.table.labels is None):
        _tell_classes(given)
        project = given
    return project, project.dataset(given.table)


def _fit(project: Project, data: Dataset) -> Fit:
    parameters, loss = project.parameters, project.loss
    if not is_fit(loss, data.targets, len(parameters)):
        hint = "take mse, log or relative without power=, and train fewer values than there are numbers to fit"
        message = f"there are no standard errors of {len(parameters)} values for this loss and these data"
        raise OptionError(message, project.settings.places.get("loss"), hint)
    return fit_of(replace(project.model, solver=InternalSolver()), loss, data, parameters.initial)


@np.errstate(over="ignore", invalid="ignore")
def evaluation_of(
    model: Model, loss: Loss, layout: Layout, data: Dataset, executor: Executor | None = None
) -> Evaluation:
    """How a model does on samples, at the values that its parameters have."""
    outputs, watts = _outputs_and_watts(model, data.inputs, executor)
    weight = weight_of(loss)
    losses = loss.value(outputs, data.targets) + (weight * watts if weight else 0.0)
    if not np.isfinite(losses).all():
        k = int(np.argmin(np.isfinite(losses)))
        why = "the square of what is above 1e154 is beyond a float64"
        warn(f"the loss of {data.label(k)} is {losses[k]}: {why}")
    targets = data.targets
    goals: tuple[GoalResult, ...] = ()
    if isinstance(loss, Goals):
        labels = [data.label(i) for i in range(len(data))]
        units = getattr(model.measured, "units", ("",) * outputs.shape[1])
        goals = judged(layout.aims, loss, outputs, targets, units=units, labels=labels)
        nearest = loss.wanted(outputs, targets)
        targets = np.where(np.isnan(nearest), outputs, nearest)
    return Evaluation(
        loss=float(np.mean(losses)),
        accuracy=accuracy(outputs, data.targets),
        names=layout.outputs,
        inputs=data.inputs,
        outputs=outputs,
        targets=targets,
        losses=losses,
        watts=watts,
        classes=layout.classes,
        data=data.path,
        goals=goals,
    )


def unread(state: TrainingState, layout: Layout, data: Dataset) -> Evaluation:
    """What is known of samples of which no more is read, as after an interruption: the best loss, and no outputs."""
    outputs = np.full((len(data), len(layout.outputs)), np.nan)
    nothing = np.full(len(data), np.nan)
    best = next((each for each in state.history if each.epoch == state.best_epoch), None)
    rate = None if best is None or np.isnan(best.accuracy) else best.accuracy
    loss = best.loss if best is not None else np.nan
    return Evaluation(
        loss=float(loss),
        accuracy=rate,
        names=layout.outputs,
        inputs=data.inputs,
        outputs=outputs,
        targets=data.targets,
        losses=nothing,
        watts=nothing,
        classes=layout.classes,
        data=data.path,
    )


def _outputs_and_watts(model: Model, inputs: Array, executor: Executor | None) -> tuple[Array, Array]:
    """Outputs (S, o) and dissipated watts (S,); operating points of some samples are held at a time."""
    size = max(1, model.parameters.circuit.size)
    if len(inputs) * size <= HELD or superposes(model, inputs):
        return _answered((model, inputs, 0))
    rows = max(LEAST_ROWS, HELD // size)
    firsts = range(0, len(inputs), rows)
    sent = for_workers(model, executor)
    found = list(in_order(_answered, ((sent, inputs[first : first + rows], first) for first in firsts), executor))
    outputs, watts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return outputs, watts


def _answered(question: tuple[Model | Sent[Model], Array, int]) -> tuple[Array, Array]:
    """The outputs and watts of samples of which the first has a number, of a model that may have been sent."""
    given, inputs, first = question
    model = received(given)
    theta = model.parameters.initial
    with numbered(first + np.arange(len(inputs))):
        outputs, point = outputs_of(model, theta, inputs)
        return outputs, dissipated_at(model, theta, inputs, point)


def notes_of(project: Project) -> tuple[str, ...]:
    """What was chosen for the user in a project, and what is not in its numbers."""
    notes, chosen = project.settings.notes, project.chosen_option
    hardware = project.settings.hardware
    if hardware is not None and (hardware.dac is not None or hardware.adc is not None):
        notes = (
            *notes,
            "outputs are the circuit's own; 'netlearn eval --realisations' sends them through the converters",
        )
    if chosen is None:
        return notes
    name, option, value = chosen
    by = "the spread of the outputs before training" if option == "scale" else "the least of the targets"
    return (*notes, f"{name} {option}={value:g}, chosen by {by}")


def _has_training_data(project: Project) -> bool:
    """Whether the netlist names training data that can be read from where the netlist is."""
    try:
        return project.settings.data.train is not None and len(project.table) > 0
    except DataError:
        return False


def _tell_classes(project: Project) -> None:
    """Warn where classes come of other data than those that the netlist was trained on."""
    named = project.settings.data.train
    if named is not None and not project.classes and project.table.labels is not None:
        shown = ", ".join(project.layout.classes)
        why = "has no classes" if _has_training_data(replace(project, data=None)) else "is not there, which tells them"
        warn(
            f"'{named}' {why}: the classes of the outputs are taken to be {shown}; "
            "'*@classes' in the netlist would tell"
        )
