"""Train a netlist, and find its operating points."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack, get_args

import numpy as np

from netlearn.argument_types import checked
from netlearn.arguments import with_targets
from netlearn.arrays import Array
from netlearn.atomic import Destination
from netlearn.bars import step_callback
from netlearn.careful import DOUBTED, careful, tell_doubts
from netlearn.chip_training import measured_model, one_chip, readings_note, suiting_chip
from netlearn.chips.solver import ChipSolver
from netlearn.discrete.chosen import PartSearch, bounded, search_for
from netlearn.drive import Drive, driven, solved
from netlearn.errors import (
    CircuitError,
    ConvergenceError,
    NetlearnError,
    OptionError,
    TooLargeError,
    did_you_mean,
    warn,
)
from netlearn.evaluation import evaluation_of, notes_of, unread
from netlearn.final_values import FinalValues
from netlearn.keeping import Keeper, after_training
from netlearn.learn.checkpoint import load_checkpoint
from netlearn.learn.data import Dataset
from netlearn.learn.digits import check_digits
from netlearn.learn.fit import Fit, fit_of, is_fit
from netlearn.learn.history import History
from netlearn.learn.kept_parameters import store_of
from netlearn.learn.lbfgs import run_lbfgs
from netlearn.learn.loop import begin, run
from netlearn.learn.loss import unit_of
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.rules.units import unit_of_estimate
from netlearn.learn.settings_text import with_classes
from netlearn.learn.shared import SharedRule
from netlearn.learn.solved_start import solved_start
from netlearn.learn.starts import SolvedReadout
from netlearn.learn.state import Callback, TrainingState
from netlearn.learn.superposition import read_of
from netlearn.learn.table import Table
from netlearn.learn.task import Task
from netlearn.learn.transforms import Transform
from netlearn.learn.verdict import still_notes, warning_of
from netlearn.named_data import placed
from netlearn.netlist.directive_text import with_directive_option
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import DataLike, NetlistLike, Overrides, OverridesBesideSolver
from netlearn.probes.names import probes_of
from netlearn.project import Project, open_project
from netlearn.results import Evaluation, TrainResult
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.solvers import Forward, solver_of
from netlearn.tolerances.training import Aimed, over_tolerances, yields_note
from netlearn.training_scope import scope_notes
from netlearn.writing import steps_of, training_parts, writing_of

LOOKED_AT = 40
"""Up to so many values are looked at one by one: by convention, as many as a table shows on a screen or two."""
FITTED = 20_000
"""Up to so many samples tell standard errors without being asked to: by convention, a bound of time that nobody asked
to be spent; not measured, as it changes no result."""


@checked
def train(
    netlist: NetlistLike,
    data: DataLike | None = None,
    targets: object = None,
    *,
    forward: Forward = "internal",
    progress: Callback | Iterable[Callback] | bool | None = None,
    out: Destination | str | os.PathLike[str] | None = None,
    checkpoint: Destination | str | os.PathLike[str] | None = None,
    resume: bool = False,
    keep: Literal["parameters"] | None = None,
    keep_every: int = 1,
    keep_in: str | os.PathLike[str] | None = None,
    aim: Aimed = "nominal",
    draws: int = 512,
    executor: Executor | None = None,
    parts: int = 4,
    **settings: Unpack[Overrides],
) -> TrainResult:
    """Train a netlist on data.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : samples: a path, a DataFrame, arrays (S,) by column name, or inputs (S, p) whose
        columns drive what ``*@input`` names; else what ``*@data`` names. Data from Python take
        the place of the netlist's test data too, unless ``test`` gives others.
    targets : what the outputs should be, where it is not in ``data``: values (S, o), values
        (S,) of one output, or class labels (S,), which may be words or numbers.
    forward : what finds operating points: ``internal``; ``ngspice``, which is given the netlist's own text;
        ``ngspice-flat``, which is given the flat circuit as netlearn reads it; or a solver. Or a chip in the loop, of
        which outputs alone are read: ``command:PROGRAM``, ``python:MODULE:FUNCTION``, or a function
        ``outputs = f(values, inputs)`` of arrays (P,) and (S, p) that gives (S, o).
    progress : called after every step with a Progress, whose ``theta``, ``gradient``, ``outputs`` and ``record.loss``
        are the parameters and what the step saw; or several such. One that raises StopIteration ends the training.
        True draws a bar, in notebooks too, and one for the search for parts after training.
    out : a file that the trained netlist is written to. Whether it can be is found out before,
        and it is written even if something fails later.
    checkpoint : a file that is written when training is interrupted or fails, and now and then
        before; it is removed when ``out`` is written.
    resume : continue from ``checkpoint``, to the result that no interruption would have changed.
    keep : "parameters" for ``result.history.parameters``, their values at every ``keep_every``-th
        epoch, in memory or in the file ``keep_in``, ``.npz`` or ``.zarr``.
    aim : "tolerance" trains for the mean loss over draws of the parts' tolerances, "yield" for how many
        of them meet the goals.
    draws : how many circuits are drawn for that, once, by the seed of the run; powers of two are best.
    executor : where gradients are estimated, in so many ``parts`` of every batch: anything with the interface of
        ``concurrent.futures.Executor``, such as :func:`netlearn.cluster`. The numbers depend on how many parts
        there are, in their last digits, and not on who makes them.
    settings : instead of directives, the text that would follow their name
        (``optimizer="adam lr=0.1"``), or a ready object; and single options (``epochs=50``). What is empty is none of
        it, as in ``fix=[]``, and an error where there must be some, as in ``train=[]``.

    Raises NetlearnError for what the user can mend. A KeyboardInterrupt during training ends
    it with the best values so far, and with NaN for losses before the first step.
    """
    began = time.monotonic()
    if aim not in get_args(Aimed):
        known = get_args(Aimed)
        raise OptionError(f"'aim' cannot be '{aim}'", hint=did_you_mean(aim, known))
    target, kept = Destination.of(out), Destination.of(checkpoint)
    if resume and kept is None:
        raise NetlearnError("resuming needs a checkpoint", hint="give the path of the checkpoint")
    with solver_of(forward) as solver:
        one_chip(solver, executor)
        project = suiting_chip(open_project(netlist, with_targets(data, targets), solver, settings))
        store = store_of(keep, keep_every, keep_in, tuple(project.parameters.names), resume)
        task = replace(task_of(project), store=store)
        steps = None if kept is None else kept.path.with_name(f"{kept.path.name}.search.jsonl")
        discrete = search_for(project, steps, anew=True)
        if isinstance(solver, ChipSolver):
            _refuse_search_on_chip(aim, discrete)
        if discrete is not None:
            task = bounded(task, discrete)
        final = FinalValues(project, task, discrete)
        if aim != "nominal":
            task, design = over_tolerances(project, task, aim, draws)
            final.searched = task, design
        keeper = Keeper(
            task, lambda state: _trained_netlist(project, final.netlist(state), target), target, kept, resume
        )
        start = load_checkpoint(kept.path, task) if resume and kept is not None else begin(task)
        test = project.test_table
        keeper.check(start, tuple(table.path for table in (project.table, test) if table is not None))
        if steps is not None and discrete is None and steps.exists():
            _tell_of_steps(steps)
        if test is not None:
            # What is wrong with it is said before the work, not after.
            evaluation_of(project.plain_model, project.loss, project.layout, project.dataset(test))
        search = run_lbfgs if isinstance(task.optimizer, Lbfgsb) else run
        shared = task if executor is None else replace(task, rule=SharedRule(task.rule, executor, parts))
        with step_callback(progress) as callback:
            with keeper.whatever_happens():
                state = search(shared, start, callback, keeper)
            if steps is not None and discrete is not None and not start.finished:
                # Steps of a search that was before are of another training.
                steps.unlink(missing_ok=True)
            with suppress(KeyboardInterrupt):
                final.found(state)
        if not state.finished or (discrete is not None and not final.has_found):
            keeper.interrupted(state)
            if store is not None:
                store.close()
            return _result(project, task, replace(state, finished=False), final, time.monotonic() - began)
        keeper.finish(state)
        if steps is not None and discrete is not None:
            steps.unlink(missing_ok=True)
        with after_training(target):
            if store is not None:
                store.close()
            result = _result(project, task, state, final, time.monotonic() - began)
            if aim != "nominal" and project.layout.aims:
                result = replace(result, notes=(*result.notes, yields_note(project, result.netlist)))
        return replace(result, written=keeper.written)


def _refuse_search_on_chip(aim: Aimed, discrete: PartSearch | None) -> None:
    if aim == "nominal" and discrete is None:
        return
    what = "parts and pairs are" if discrete is not None else f"--for {aim} is"
    hint = "train first, and use 'netlearn round' or a training without the chip for the rest"
    raise OptionError(f"{what} found by solving the circuit many times over, and this is a chip", hint=hint)


def _tell_of_steps(steps: Path) -> None:
    """Warn of the steps of a search that this training does not go on with."""
    warn(
        f"'{steps}' stays: it has the steps of a search for parts, and here none are searched for; "
        "give the hardware as before to go on with it, or remove it"
    )


def task_of(project: Project) -> Task:
    """The training task of a project."""
    settings, writing = project.settings, writing_of(project)
    # Values that are searched for are written as they are, whatever digits others would have.
    check_digits(settings.options.digits, steps_of(project), settings.places.get("options digits"))
    whole, loss = project.dataset(project.table), project.loss

    def before() -> float:
        # One that overflows is told of by the first step.
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.mean(loss.value(_outputs(project, whole), whole.targets)))

    unit = unit_of(loss, whole.targets, len(project.layout.outputs), before)
    part, aside = training_parts(project, whole)
    transform = Transform.of(project.parameters, settings.options.coordinates, project.design.parameter_place)
    solved = None
    if isinstance(settings.start, SolvedReadout):
        with placed(settings.places.get("start")):
            solved = solved_start(project.model, loss, part, project.parameters.initial, transform.bounds)
    return Task(
        model=measured_model(project),
        loss=loss,
        rule=settings.rule,
        data=part,
        optimizer=settings.optimizer,
        schedule=settings.schedule,
        transform=transform,
        subset=settings.subset,
        options=settings.options,
        validation=aside,
        solved=solved,
        writing=writing,
        unit=unit_of_estimate(settings.rule, project.model, loss, unit, whole),
    )


@checked
def operating_point(
    netlist: NetlistLike,
    solver: str | Solver = "internal",
    data: DataLike | None = None,
    *,
    probes: Sequence[str] = (),
    **settings: Unpack[OverridesBesideSolver],
) -> OperatingPoint:
    """The operating point of a netlist with its own source values, or those of all samples of ``data``.

    ``solver`` is ``internal``, ``ngspice`` or ``ngspice-flat``, a method of the internal solver (``newton``,
    ``gauss-seidel``, ``jacobi``, ``hybrid``) or a solver; by default ``*@options solver=`` says which method.
    Where ``probes`` use numbers of the netlist in expressions, as ``{V(out)/vsup}`` does, they are to be named
    here for :meth:`OperatingPoint.measure` to know them. Of a large linear circuit with many samples only what the
    probes read is worked out, all else where it is asked for. ``settings`` are as for :func:`train`; corners among
    them make samples. Where fewer than six digits of a voltage or current hold, a warning says so; of so large a
    circuit 16 of the samples, evenly spread, are looked at for that.
    """
    probes = tuple(probes)
    with solver_of(solver) as opened:
        project = open_project(netlist, data, careful(opened), settings)
        named = data is not None or bool(project.settings.corner)
        drive = driven(project, outputs=probes) if named else Drive(project.circuit_for(probes))
        if not isinstance(opened, InternalSolver):
            return solved(project, drive)
        outputs = probes_of(drive.circuit, probes) if probes else None
        # Few samples are all asked how many digits hold, which needs every unknown.
        few = not drive.circuit.linear or (drive.circuit.samples or 1) <= DOUBTED
        point = solved(project, drive, whole=few or outputs is None)
        tell_doubts(point, outputs)
        return point


def _trained_netlist(project: Project, written: Netlist, target: Destination | None = None) -> Netlist:
    """The netlist with what its text alone would not tell: a scale that was chosen, and the order of the classes."""
    written = _with_chosen_scale(project, written)
    beside_data = target is None or not project.netlist.is_moved(target.path, follow=target.named)
    if "data" in project.settings.places and project.data is None and beside_data:
        return written
    return with_classes(written, project.settings, project.layout.classes)


def _result(project: Project, task: Task, state: TrainingState, final: FinalValues, seconds: float) -> TrainResult:
    parameters, written = project.parameters, _trained_netlist(project, final.netlist(state))
    again = replace(project, netlist=written, data=project.table, test=project.test_table)
    # What counts is the text: its loss, not that of the numbers it was written from.
    model, layout = again.plain_model, project.layout
    test, hasty = project.test_table, not state.finished

    def evaluated(table: Table) -> Evaluation:
        data = project.dataset(table)
        if hasty and (task.model.chip is not None or not state.history):
            # Who interrupts wants nothing more to be done with the chip, which may be what hangs, or not what
            # was interrupted to be done all over again, as compiling.
            return unread(state, layout, data)
        return evaluation_of(model, project.loss, layout, data)

    if state.finished and (said := warning_of(task, state)):
        warn(said)
    return TrainResult(
        netlist=written,
        settings=project.settings if project.layout.aims else replace(project.settings, loss=project.loss),
        names=tuple(parameters.names),
        initial=parameters.initial,
        theta=final.of(state),
        train=evaluated(project.table),
        test=evaluated(test) if test is not None else None,
        history=_history(task, state),
        best_epoch=state.best_epoch,
        interrupted=hasty,
        seconds=seconds,
        stopped=state.stopped or "interrupted",
        notes=(
            *notes_of(project),
            *scope_notes(project),
            *_solved(task),
            *_held_notes(task, state),
            *final.notes(state),
            *still_notes(task, state),
            *readings_note(project.solver, state.measurements),
            *(task.rule.notes(state.rule) if isinstance(task.rule, InTheLoop) else ()),
        ),
        lower=parameters.lower,
        upper=parameters.upper,
        fit=None if hasty and not state.history else _fit(project, task, final.of(state)),
        held=state.best_held,
    )


def _solved(task: Task) -> tuple[str, ...]:
    return () if task.solved is None else (task.solved.note,)


def _held_notes(task: Task, state: TrainingState) -> tuple[str, ...]:
    """What is to be said of devices that hold other values than the netlist has."""
    if task.writing is None or not state.history:
        return ()
    if task.writing.memory == "device":
        return (f"the devices that were trained have a loss of {state.best_score:.6g}; the netlist has their aims",)
    if not task.writing.varied:
        return ()
    return (f"realisations of the best values had a loss of {state.best_score:.6g}; the netlist has what was aimed at",)


def _fit(project: Project, task: Task, theta: Array) -> Fit | None:
    """Standard errors, where there are few enough values to be looked at one by one."""
    data = project.dataset(project.table)
    if task.model.chip is not None:
        # The model's response would tell nothing of how well the chip's values are known.
        return None
    if len(theta) > LOOKED_AT or len(data) > FITTED or not is_fit(task.loss, data.targets, len(theta)):
        return None
    try:
        # The circuit itself, not those that tolerances have drawn of it, whose samples have other values.
        return fit_of(replace(measured_model(project), solver=InternalSolver()), task.loss, data, theta)
    except (CircuitError, ConvergenceError, TooLargeError):
        # Where the circuit, linear around a sample's operating point, has no unique solution, or there is no room.
        return None


def _history(task: Task, state: TrainingState) -> History:
    names = tuple(task.model.parameters.names)
    if task.store is None:
        return History(state.history, names)
    return History(state.history, names, *task.store.arrays())


def _with_chosen_scale(project: Project, written: Netlist) -> Netlist:
    """A scale that was chosen stands in the trained netlist, so that this means the same as in training.

    Not where an option left it to be chosen: options are not written into the netlist.
    """
    given = project.settings.loss is not None and "loss" not in project.settings.places
    chosen = project.chosen_option
    if given or chosen is None:
        return written
    name, option, value = chosen
    return with_directive_option(written, "loss", name, option, f"{value:g}")


def _outputs(project: Project, data: Dataset) -> Array:
    """Outputs (S, o) before training."""
    return read_of(project.plain_model, project.plain_model.parameters.initial, data.inputs)
