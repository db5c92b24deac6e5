"""The training loop: one step after another, each from a state to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netlearn.arrays import Array, all_finite
from netlearn.errors import CircuitError, NetlearnError
from netlearn.interrupts import interruptible
from netlearn.learn.data import Dataset
from netlearn.learn.ending import in_a_line, nothing_left, unmoved
from netlearn.learn.history import Record
from netlearn.learn.kept_states import KeptStates
from netlearn.learn.loss import accuracy
from netlearn.learn.not_finite import STEEP, NotFiniteError, check_finite
from netlearn.learn.own_objects import check_change, check_estimate, check_loss
from netlearn.learn.realisation import HeldValues
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.power import losses_at
from netlearn.learn.state import Callback, Progress, Step, TrainingState
from netlearn.learn.strays import naming_strays
from netlearn.learn.task import Task
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import numbered

SMOOTHED = 10
"""So many epochs tell together how good values are that every step sees in another realisation: by convention; a mean
of ten has 0.32 of the spread of one."""

# What overflows is reported as an error of its own, with the sample where it happened.
_quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def begin(task: Task) -> TrainingState:
    """The state before the first step."""
    transform, u = task.transform, task.start
    circuit = task.model.parameters.circuit
    samples = len(task.data) + (len(task.validation) if task.validation is not None else 0)
    rng = np.random.default_rng(task.options.seed)
    first = transform.outward(u)
    present = HeldValues(first, first, np.ones(len(first)))
    return TrainingState(
        **_written(task, u, present, rng),
        optimizer=task.optimizer.start(len(u)) if hasattr(task.optimizer, "start") else {},
        generator=rng.bit_generator.state,
        points=None if circuit.linear else np.full((samples, KeptStates.of(task.model).size), np.nan),
    )


def run(
    task: Task,
    state: TrainingState,
    progress: Callback | None = None,
    keep: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train from ``state`` until the epochs or the patience are used up, or Ctrl-C.

    ``keep`` is called with the state after every step, and may save it. The result's ``best``
    holds the best parameters that were seen. It is not ``finished`` if a KeyboardInterrupt
    came, and is then the state after the last whole step, to continue from.
    """
    try:
        with interruptible():
            while not state.finished:
                state = advance(task, state)
                if keep:
                    keep(state)
                state = told(progress, task, state)
    except KeyboardInterrupt:
        return state
    return state


def told(progress: Callback | None, task: Task, state: TrainingState) -> TrainingState:
    """The state after a callback was told of it, finished if that raised StopIteration."""
    if progress is None:
        return state
    step, record = state.position // task.batch, state.history[-1]
    try:
        progress(
            Progress(
                state.epoch, task.options.epochs, step, task.steps, record, state.best_score, state.theta, state.last
            )
        )
    except StopIteration as reason:
        return replace(state, finished=True, stopped=in_a_line(str(reason)) or "a callback ended it")
    return state


def advance(task: Task, state: TrainingState) -> TrainingState:
    """The record of an epoch that begins, or one step, or both where a step measures all samples."""
    state.settle()
    state = replace(state, pending=None)
    rng = np.random.default_rng()
    rng.bit_generator.state = state.generator
    if not state.measured and (not task.whole or state.epoch >= task.options.epochs):
        seen = measure(task, task.data, state)
        return recorded(task, state.with_points(seen.rows, seen.point, task.model), seen.loss, seen.outputs)
    if state.position == 0:
        order = np.arange(len(task.data)) if task.whole else rng.permutation(len(task.data))
        state = replace(state, order=order)
    rows = state.order[state.position : state.position + task.batch]
    estimate = estimated(task, state, rows, rng)
    if task.whole:
        state = recorded(task, state, estimate.loss, estimate.outputs)
        if state.finished:
            return state
    stepped = _stepped(task, state, rows, estimate, rng)
    if task.steady and unmoved(state, stepped):
        return replace(state, finished=True, stopped="no value moves any more: every later step would be the same")
    return stepped


def step(task: Task, state: TrainingState) -> TrainingState:
    """One step on all samples of the task's data, without a record."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state.generator
    rows = np.arange(len(task.data))
    return _stepped(task, state, rows, estimated(task, state, rows, rng), rng)


def seen(task: Task, state: TrainingState) -> Step:
    """What that step would see, without one."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state.generator
    rows = np.arange(len(task.data))
    estimate = estimated(task, state, rows, rng)
    return Step(rows, estimate.loss, estimate.gradient, estimate.outputs)


def at_values(task: Task, state: TrainingState, theta: Array) -> TrainingState:
    """The state with other values ``theta`` (P,), in their units: written into devices where there are any."""
    u = task.transform.inward(theta)
    if task.writing is None:
        # Not by way of the coordinates, from which the last digits would not come back.
        return replace(state, u=u, theta=theta)
    rng = np.random.default_rng()
    rng.bit_generator.state = state.generator
    slopes = np.ones(len(u)) if state.slopes is None else state.slopes
    written = _written(task, task.transform.project(u), HeldValues(state.aim, state.theta, slopes), rng)
    return replace(state, **written, generator=rng.bit_generator.state)


@dataclass(frozen=True)
class Measured:
    """The mean loss, the outputs (S, o) and, if it was needed, the operating point of a data set.

    ``rows`` are its places among the state's points.
    """

    loss: float
    outputs: Array
    point: OperatingPoint | None
    rows: Array


@_quietly
def measure(task: Task, data: Dataset, state: TrainingState) -> Measured:
    """How the training or validation data does at the present parameters."""
    first = 0 if data is task.data else len(task.data)
    rows = np.arange(first, first + len(data))
    start = state.start(rows, task.model)
    with naming_strays(task.model.parameters, state.theta):
        losses, outputs, point = losses_at(task.model, task.loss, state.theta, data.inputs, data.targets, start=start)
    if not np.isfinite(losses).all():
        names = [f"{data.label(i)} of '{data.path}'" for i in range(len(losses))]
        check_finite("the loss", losses, names, _moved(state))
    return Measured(float(np.mean(losses)), outputs, point, rows)


def _moved(state: TrainingState) -> TrainingState | None:
    """The state if training has changed anything yet."""
    return state if state.epoch or state.position else None


@_quietly
def estimated(task: Task, state: TrainingState, rows: Array, rng: np.random.Generator) -> Estimate:
    """What the rule says about some samples. Raises NetlearnError for what is not finite."""
    model, data = task.model, task.data.part(rows)
    step = state.epoch * task.steps + state.position // task.batch
    batch = Batch(data.inputs, data.targets, state.start(rows, model), step, state.rule)
    theta = state.theta if task.writing is None else task.writing.read(state.theta, rng)
    check_loss(task.loss, len(model.measured), data.targets)
    try:
        with numbered(rows), naming_strays(model.parameters, theta):
            estimate = task.rule.estimate(model, task.loss, theta, batch, rng)
    except CircuitError as error:
        raise _cause(error, task, state, batch, rows) from None
    check_estimate(task.rule, estimate, len(theta))
    if not np.isfinite(estimate.loss):
        samples = [task.data.label(row) for row in rows]
        outputs = [f"'{name}' at {sample}" for sample in samples for name in model.measured.names]
        check_finite("the output", np.ravel(estimate.outputs), outputs, _moved(state))
        check_finite("the loss", task.loss.value(estimate.outputs, data.targets), samples, _moved(state))
    if not all_finite(estimate.gradient):
        values = [f"'{name}'" for name in model.parameters.names]
        check_finite("the derivative", estimate.gradient, values, _moved(state), STEEP)
    return estimate


def _cause(error: CircuitError, task: Task, state: TrainingState, batch: Batch, rows: Array) -> NetlearnError:
    """An error of a rule, or what it came of: equations driven by a loss that overflows have no solution either."""
    try:
        losses, _, _ = losses_at(task.model, task.loss, state.theta, batch.inputs, batch.targets, start=batch.start)
        check_finite("the loss", losses, [task.data.label(row) for row in rows], _moved(state))
    except NotFiniteError as cause:
        return cause
    except CircuitError:
        pass
    return error


def recorded(task: Task, state: TrainingState, loss: float, outputs: Array) -> TrainingState:
    """The state with the record of an epoch that begins, and finished if it need not."""
    rate, judged, targets = accuracy(outputs, task.data.targets), outputs, task.data.targets
    record = Record(
        state.epoch,
        loss,
        np.nan if rate is None else rate,
        solves=state.solves,
        measurements=state.measurements,
    )
    if task.validation is not None:
        seen = measure(task, task.validation, state)
        judged, targets = seen.outputs, task.validation.targets
        rate = accuracy(judged, targets)
        record = replace(record, validation_loss=seen.loss, validation_accuracy=np.nan if rate is None else rate)
        state = state.with_points(seen.rows, seen.point, task.model)
    state = replace(state, history=(*state.history, record))
    if task.store is not None and state.epoch % task.store.every == 0:
        task.store.take(state.epoch, state.aim)
    score = _score(task, state)
    if score < state.best_score or state.best is None or len(state.history) <= _averaged(task):
        held = state.theta if task.writing is not None and task.writing.memory == "device" else None
        state = replace(state, best=state.aim, best_held=held, best_score=score, best_epoch=state.epoch)
    patience = task.options.patience
    if state.epoch >= task.options.epochs:
        return replace(state, finished=True, stopped=f"all {task.options.epochs} epochs are done")
    if not _averaged(task) and (why := nothing_left(task.loss, record.score, judged, targets)):
        return replace(state, finished=True, stopped=why)
    if patience is not None and state.epoch - state.best_epoch >= patience:
        return replace(state, finished=True, stopped=f"the loss did not fall for {patience} epochs")
    return state


def _score(task: Task, state: TrainingState) -> float:
    """What tells the best epoch: its loss, or the mean of the last ones where each is of another realisation."""
    return float(np.mean([record.score for record in state.history[-(_averaged(task) or 1) :]]))


def _averaged(task: Task) -> int:
    """Over how many epochs losses are averaged; 0 where each is what it is."""
    fresh = task.writing is not None and task.writing.memory == "digital" and task.writing.varied
    return SMOOTHED if fresh else 0


def _stepped(
    task: Task, state: TrainingState, rows: Array, estimate: Estimate, rng: np.random.Generator
) -> TrainingState:
    transform, optimizer = task.transform, task.optimizer
    gradient = estimate.gradient if state.slopes is None else state.slopes * estimate.gradient
    # Where devices are the memory the coordinates are those of what they hold.
    device = task.writing is not None and task.writing.memory == "device"
    gradient = transform.gradient(state.theta if device else state.aim, gradient)
    gradient /= task.unit
    mask, draws = _mask(task, state, gradient, rng)
    found = optimizer.step(state.optimizer, gradient)
    check_change(optimizer, found, len(gradient))
    change, memory = found
    factor = task.schedule.factor(state.epoch, task.options.epochs)
    u = transform.project(state.u + factor * change)
    if mask is not None:
        u = np.where(mask, u, state.u)
        memory = {name: np.where(mask, new, state.optimizer[name]) for name, new in memory.items()}
    slopes = 1.0 if state.slopes is None else state.slopes
    present = None if task.writing is None else HeldValues(state.aim, state.theta, slopes * np.ones(len(u)))
    written = _written(task, u, present, rng, mask)
    position = state.position + len(rows)
    done = position >= len(task.data)
    return replace(
        state,
        **written,
        optimizer=memory,
        generator=rng.bit_generator.state,
        epoch=state.epoch + done,
        position=0 if done else position,
        mask=mask,
        draws=draws,
        solves=state.solves + estimate.solves,
        measurements=state.measurements + task.model.counted(estimate.measurements),
        last=Step(rows, estimate.loss, estimate.gradient, estimate.outputs),
        rule=state.rule if estimate.memory is None else estimate.memory,
    ).with_points(rows, estimate.point, task.model)


def _written(
    task: Task, u: Array, present: HeldValues | None, rng: np.random.Generator, mask: Array | None = None
) -> dict[str, Any]:
    """The coordinates to go on from, the parameters as they are held, what was aimed at, and the slopes.

    ``present`` is what devices hold before, None without any.
    """
    theta = task.transform.outward(u)
    if task.writing is None or present is None:
        return {"u": u, "theta": theta}
    written = task.writing.write(theta, present, rng)
    aimed, held = written.aimed, written.held
    if mask is not None:
        aimed = np.where(mask, aimed, present.aimed)
    if task.writing.memory == "device":
        held = held if mask is None else np.where(mask, held, present.held)
        u = task.transform.inward(held)
    return {"u": u, "theta": held, "aimed": aimed, "slopes": written.slopes}


def _mask(task: Task, state: TrainingState, gradient: Array, rng: np.random.Generator) -> tuple[Array | None, int]:
    """Which parameters change in this step (None: all), and how often that has been drawn."""
    subset = task.subset
    if subset.everything:
        return None, 0
    fresh = {"step": True, "epoch": state.position == 0, "never": False}[subset.redraw]
    if state.mask is not None and not fresh:
        return state.mask, state.draws
    return subset.draw(task.candidates, gradient, state.draws, task.options.seed, rng), state.draws + 1
