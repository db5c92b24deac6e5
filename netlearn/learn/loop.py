"""The training loop: one step after another, each from a state to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import NetlearnError
from netlearn.learn.data import Dataset
from netlearn.learn.loss import Loss, accuracy
from netlearn.learn.model import Model
from netlearn.learn.optimizers import State
from netlearn.learn.rules.base import Batch, Estimate, Rule
from netlearn.learn.schedule import Schedule
from netlearn.learn.settings import LoopOptions
from netlearn.learn.subset import Subset
from netlearn.learn.superposition import outputs_of
from netlearn.learn.transforms import Transform
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import numbered


class Writing(Protocol):
    """What happens between the value that is wanted of a resistor and the one that it gets.

    ``memory`` is "digital" where exact values are kept beside what was written, and "device"
    where the next step starts from that.
    """

    @property
    def memory(self) -> str: ...

    def write(self, wanted: Array, present: Array, rng: np.random.Generator) -> Array:
        """θ (P,) after writing ``wanted`` over ``present``, in the parameters' units."""
        ...


@dataclass(frozen=True)
class Task:
    """Everything that training needs: what is trained, on what, and how."""

    model: Model
    loss: Loss
    rule: Rule
    data: Dataset
    optimizer: Any
    schedule: Schedule
    transform: Transform
    subset: Subset = field(default_factory=Subset)
    options: LoopOptions = field(default_factory=LoopOptions)
    validation: Dataset | None = None
    writing: Writing | None = None
    unit: float = 1.0
    """What the loss is measured in for the optimizer; see ``netlearn.learn.loss.unit_of``."""

    @property
    def batch(self) -> int:
        """Samples of each step."""
        return min(self.options.batch or len(self.data), len(self.data))

    @property
    def whole(self) -> bool:
        """Whether every step uses all samples."""
        return self.batch == len(self.data)

    @cached_property
    def candidates(self) -> Array:
        """(P,) whether each parameter may be chosen by the subset."""
        return self.subset.candidates(self.model.parameters)

    @property
    def steps(self) -> int:
        """Steps of each epoch."""
        return -(-len(self.data) // self.batch)


@dataclass(frozen=True)
class Record:
    """What is known at the beginning of an epoch, before its first step; NaN for what is not.

    ``solves`` counts operating points since training began and ``measurements`` the readings
    that hardware would have made for them.
    """

    epoch: int
    loss: float
    accuracy: float = np.nan
    validation_loss: float = np.nan
    validation_accuracy: float = np.nan
    solves: int = 0
    measurements: int = 0

    @property
    def score(self) -> float:
        """What decides which values are the best: the validation loss if there is one."""
        return self.loss if np.isnan(self.validation_loss) else self.validation_loss


@dataclass(frozen=True)
class TrainingState:
    """Where training stands between two steps. A step makes a new one and changes none.

    ``u`` and ``theta`` (P,) are the parameters in the coordinates of the transform and in
    their units; ``order`` (S,) is the order of the samples in this epoch, of which the first
    ``position`` have been used; ``generator`` is the state of the random generator.
    ``points`` (S + S', N) are the last operating points of the samples, those for validation
    at the end, and NaN where there is none yet; None for linear circuits, which need no place
    to start from. ``pending`` are the rows that the last step has not yet put there: put
    again after an interruption they are the same, so that no interruption can do harm.
    """

    u: Array
    theta: Array
    optimizer: State
    generator: Mapping[str, Any]
    epoch: int = 0
    position: int = 0
    order: Array = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    mask: Array | None = None
    draws: int = 0
    solves: int = 0
    measurements: int = 0
    best: Array | None = None
    best_score: float = inf
    best_epoch: int = 0
    history: tuple[Record, ...] = ()
    points: Array | None = None
    pending: tuple[Array, Array] | None = None
    finished: bool = False
    stopped: str = ""
    """Why it is finished."""
    last: Estimate | None = field(default=None, compare=False)
    """What the rule said in the last step, without the operating point."""

    def settle(self) -> None:
        """Put the pending operating points where they belong."""
        if self.points is not None and self.pending is not None:
            rows, x = self.pending
            self.points[rows] = x

    @property
    def measured(self) -> bool:
        """Whether the record of this epoch has been made."""
        return len(self.history) > self.epoch

    def start(self, rows: Array, circuit: Circuit) -> OperatingPoint | None:
        """Where to start the solver for these samples, if all of them were solved before."""
        if self.points is None or np.isnan(self.points[rows]).any():
            return None
        return OperatingPoint(circuit, self.points[rows])

    def with_points(self, rows: Array, point: OperatingPoint | None) -> TrainingState:
        """The state with further operating points pending."""
        if self.points is None or point is None:
            return self
        if self.pending is None:
            return replace(self, pending=(rows, point.x))
        before, x = self.pending
        return replace(self, pending=(np.concatenate([before, rows]), np.concatenate([x, point.x])))


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told after each step: how many epochs are done, and steps of the next."""

    epoch: int
    epochs: int
    step: int
    steps: int
    record: Record
    best: float


Callback = Callable[[Progress], None]

# What overflows is reported as an error of its own, with the sample where it happened.
_quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def begin(task: Task) -> TrainingState:
    """The state before the first step."""
    transform = task.transform
    u = transform.project(transform.start)
    circuit = task.model.parameters.circuit
    samples = len(task.data) + (len(task.validation) if task.validation is not None else 0)
    rng = np.random.default_rng(task.options.seed)
    u, theta = _written(task, u, transform.outward(u), rng)
    return TrainingState(
        u=u,
        theta=theta,
        optimizer=task.optimizer.start(len(u)) if hasattr(task.optimizer, "start") else {},
        generator=rng.bit_generator.state,
        points=None if circuit.linear else np.full((samples, circuit.size), np.nan),
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
        while not state.finished:
            state = advance(task, state)
            if keep:
                keep(state)
            if progress:
                progress(progress_of(task, state))
    except KeyboardInterrupt:
        return state
    return state


def progress_of(task: Task, state: TrainingState) -> Progress:
    """What there is to tell of a state after a step."""
    step = state.position // task.batch
    return Progress(state.epoch, task.options.epochs, step, task.steps, state.history[-1], state.best_score)


def advance(task: Task, state: TrainingState) -> TrainingState:
    """The record of an epoch that begins, or one step, or both where a step measures all samples."""
    state.settle()
    state = replace(state, pending=None)
    rng = np.random.default_rng()
    rng.bit_generator.state = state.generator
    if not state.measured and (not task.whole or state.epoch >= task.options.epochs):
        seen = measure(task, task.data, state)
        return recorded(task, state.with_points(seen.rows, seen.point), seen.loss, seen.outputs)
    if state.position == 0:
        order = np.arange(len(task.data)) if task.whole else rng.permutation(len(task.data))
        state = replace(state, order=order)
    rows = state.order[state.position : state.position + task.batch]
    estimate = estimated(task, state, rows, rng)
    if task.whole:
        state = recorded(task, state, estimate.loss, estimate.outputs)
        if state.finished:
            return state
    return _stepped(task, state, rows, estimate, rng)


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
    start = state.start(rows, task.model.parameters.circuit)
    outputs, point = outputs_of(task.model, state.theta, data.inputs, start)
    losses = task.loss.value(outputs, data.targets)
    if not np.isfinite(losses).all():
        check_finite("the loss", losses, [f"{data.label(i)} of '{data.path}'" for i in range(len(losses))], state)
    return Measured(float(np.mean(losses)), outputs, point, rows)


def check_finite(what: str, values: Array, names: Sequence[str], state: TrainingState) -> None:
    """Raise NetlearnError where a value is not finite, with its name and the step."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        name, others = names[int(bad[0])], f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise NetlearnError(
            f"{what} of {name}{others} became {values[bad[0]]} "
            f"in epoch {state.epoch + 1}, after {state.position} samples",
            hint="a smaller learning rate or closer bounds (*@train min= max=) may help",
        )


@_quietly
def estimated(task: Task, state: TrainingState, rows: Array, rng: np.random.Generator) -> Estimate:
    """What the rule says about some samples. Raises NetlearnError for what is not finite."""
    model, data = task.model, task.data.part(rows)
    step = state.epoch * task.steps + state.position // task.batch
    batch = Batch(data.inputs, data.targets, state.start(rows, model.parameters.circuit), step)
    with numbered(rows):
        estimate = task.rule.estimate(model, task.loss, state.theta, batch, rng)
    if not np.isfinite(estimate.loss):
        samples = [task.data.label(row) for row in rows]
        outputs = [f"'{name}' at {sample}" for sample in samples for name in model.probes.names]
        check_finite("the output", np.ravel(estimate.outputs), outputs, state)
        check_finite("the loss", task.loss.value(estimate.outputs, data.targets), samples, state)
    names = [f"'{name}'" for name in model.parameters.names] if not np.isfinite(estimate.gradient).all() else []
    check_finite("the derivative", estimate.gradient, names, state)
    return estimate


def recorded(task: Task, state: TrainingState, loss: float, outputs: Array) -> TrainingState:
    """The state with the record of an epoch that begins, and finished if it need not."""
    rate = accuracy(outputs, task.data.targets)
    record = Record(
        state.epoch,
        loss,
        np.nan if rate is None else rate,
        solves=state.solves,
        measurements=state.measurements,
    )
    if task.validation is not None:
        seen = measure(task, task.validation, state)
        rate = accuracy(seen.outputs, task.validation.targets)
        record = replace(record, validation_loss=seen.loss, validation_accuracy=np.nan if rate is None else rate)
        state = state.with_points(seen.rows, seen.point)
    state = replace(state, history=(*state.history, record))
    if record.score < state.best_score or state.best is None:
        state = replace(state, best=state.theta, best_score=record.score, best_epoch=state.epoch)
    patience = task.options.patience
    if state.epoch >= task.options.epochs:
        return replace(state, finished=True, stopped=f"all {task.options.epochs} epochs are done")
    if patience is not None and state.epoch - state.best_epoch >= patience:
        return replace(state, finished=True, stopped=f"the loss did not fall for {patience} epochs")
    return state


def _stepped(
    task: Task, state: TrainingState, rows: Array, estimate: Estimate, rng: np.random.Generator
) -> TrainingState:
    transform, optimizer = task.transform, task.optimizer
    gradient = transform.gradient(state.theta, estimate.gradient) / task.unit
    mask, draws = _mask(task, state, gradient, rng)
    change, memory = optimizer.step(state.optimizer, gradient)
    factor = task.schedule.factor(state.epoch, task.options.epochs)
    u = transform.project(state.u + factor * change)
    if mask is not None:
        u = np.where(mask, u, state.u)
        memory = {name: np.where(mask, new, state.optimizer[name]) for name, new in memory.items()}
    u, theta = _written(task, u, state.theta, rng, mask)
    position = state.position + len(rows)
    done = position >= len(task.data)
    return replace(
        state,
        u=u,
        theta=theta,
        optimizer=memory,
        generator=rng.bit_generator.state,
        epoch=state.epoch + done,
        position=0 if done else position,
        mask=mask,
        draws=draws,
        solves=state.solves + estimate.solves,
        measurements=state.measurements + estimate.measurements,
        last=replace(estimate, point=None),
    ).with_points(rows, estimate.point)


def _written(
    task: Task, u: Array, present: Array, rng: np.random.Generator, mask: Array | None = None
) -> tuple[Array, Array]:
    """The coordinates to go on from, and the parameters as they were written."""
    theta = task.transform.outward(u)
    if task.writing is None:
        return u, theta
    theta = task.writing.write(theta, present, rng)
    if mask is not None:
        theta = np.where(mask, theta, present)
    return (task.transform.inward(theta) if task.writing.memory == "device" else u), theta


def _mask(task: Task, state: TrainingState, gradient: Array, rng: np.random.Generator) -> tuple[Array | None, int]:
    """Which parameters change in this step (None: all), and how often that has been drawn."""
    subset = task.subset
    if subset.everything:
        return None, 0
    fresh = {"step": True, "epoch": state.position == 0, "never": False}[subset.redraw]
    if state.mask is not None and not fresh:
        return state.mask, state.draws
    return subset.draw(task.candidates, gradient, state.draws, task.options.seed, rng), state.draws + 1
