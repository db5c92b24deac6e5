"""Whether a state that was read from a file can be one of a task's."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.history import COLUMNS, History
from netlearn.learn.kept_states import KeptStates
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.rules.base import Remembering
from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task

_MOST_COUNTED = 2**53
"""Larger counts are none that a run has come to: beyond it float64 has not all whole numbers."""


def check_state(task: Task, state: TrainingState) -> None:
    """Raise ValueError, TypeError or the like for a state that the task cannot have come to."""
    size, samples = len(task.model.parameters.names), len(task.data)
    for name in ("u", "theta", "best", "aimed", "slopes", "best_held"):
        value = getattr(state, name)
        if value is not None or name in ("u", "theta"):
            _require_array(name, value, (size,))
    if task.writing is None:
        _check_values(task, state)
    elif state.aimed is None or state.slopes is None:
        raise ValueError("nothing says what was written into devices")
    if state.mask is not None and (state.mask.dtype != bool or state.mask.shape != (size,)):
        raise ValueError(f"'mask' is {_described(state.mask)}")
    order = state.order
    if order.dtype.kind != "i" or (len(order) and not np.array_equal(np.sort(order), np.arange(samples))):
        raise ValueError("'order' is not an order of the samples")
    _check_points(task, state.points)
    _check_numbers(task, state)
    _check_history(task, state)
    _check_optimizer(task, state, size)
    if isinstance(task.rule, Remembering) and task.rule.remembers and state.rule:
        task.rule.check_memory(task.model, state.rule)
    elif state.rule:
        raise ValueError("the rule remembers something")
    np.random.default_rng().bit_generator.state = state.generator


def _check_values(task: Task, state: TrainingState) -> None:
    """Hardware may write other values than these, exact numbers may not."""
    parameters, transform = task.model.parameters, task.transform
    values = [(state.u, transform.project(state.u)), (state.theta, transform.outward(state.u))]
    if state.best is not None:
        values.append((state.best, np.clip(state.best, parameters.lower, parameters.upper)))
    if not all(np.allclose(there, possible, rtol=1e-9, atol=0.0) for there, possible in values):
        raise ValueError("parameters have values that training does not give them")


def _check_points(task: Task, points: Array | None) -> None:
    circuit = task.model.parameters.circuit
    if circuit.linear:
        if points is not None:
            raise ValueError("there are 'points' of a linear circuit")
        return
    samples = len(task.data) + (len(task.validation) if task.validation is not None else 0)
    _require_array("points", points, (samples, KeptStates.of(task.model).size), finite=False)
    if points is not None and np.isinf(points).any():
        raise ValueError("'points' is not finite")


def _check_optimizer(task: Task, state: TrainingState, size: int) -> None:
    memory = state.optimizer
    if isinstance(task.optimizer, Lbfgsb):
        if memory:
            count = len(memory["losses"])
            _require_array("losses", memory["losses"], (count,))
            _require_array("gradients", memory["gradients"], (count, int(task.candidates.sum())))
            if len(state.history) > count:
                raise ValueError("there are fewer losses than epochs")
        return
    if not hasattr(task.optimizer, "start"):
        return
    fresh = task.optimizer.start(size)
    if fresh.keys() != memory.keys():
        raise ValueError(f"the optimizer remembers {', '.join(sorted(memory)) or 'nothing'}")
    for name, value in fresh.items():
        _require_array(name, memory[name], np.shape(value))
    taken = state.epoch * task.steps + state.position // task.batch
    for name, (least, most) in getattr(task.optimizer, "ranges", {}).items():
        value = memory[name]
        if ((value < least) | (value > most)).any():
            raise ValueError(f"the optimizer's '{name}' is not from {least:g} to {most:g}")
        if name == "steps" and ((value > taken) | (value != np.rint(value))).any():
            raise ValueError(f"the optimizer's '{name}' are not counted from 0 to {taken}")


def _check_numbers(task: Task, state: TrainingState) -> None:
    for name in ("epoch", "position", "draws", "solves", "measurements", "best_epoch"):
        value = getattr(state, name)
        if type(value) is not int or not 0 <= value <= _MOST_COUNTED:
            raise ValueError(f"'{name}' is {value!r}")
    if type(state.stopped) is not str or not state.stopped.isprintable() or state.finished < bool(state.stopped):
        raise ValueError(f"'stopped' is {state.stopped!r:.80}")
    if type(state.finished) is not bool or type(state.best_score) is not float or isnan(state.best_score):
        raise ValueError("'finished' or 'best_score' is of another kind")
    if state.epoch > task.options.epochs or state.position >= len(task.data) or state.position % task.batch:
        raise ValueError(f"there is no place {state.position} in epoch {state.epoch}")
    if state.position and not len(state.order):
        raise ValueError("there is no 'order'")
    if not state.epoch <= len(state.history) <= state.epoch + 1 or bool(state.history) == (state.best is None):
        raise ValueError("the history is not that of its epochs")
    if [record.epoch for record in state.history] != list(range(len(state.history))):
        raise ValueError("the history is not that of its epochs")


def _check_history(task: Task, state: TrainingState) -> None:
    """A mean loss is finite, a rate from 0 to 1, counts do not fall, and the best epoch is the one it says."""
    rows = History(state.history).array()
    named = dict(zip(COLUMNS, rows.T, strict=True))
    aside = task.validation is not None
    losses = [named["loss"], named["validation_loss"]] if aside else [named["loss"]]
    rates = [rate[~np.isnan(rate)] for rate in (named["accuracy"], named["validation_accuracy"])]
    if not np.isfinite(losses).all() or any(((rate < 0) | (rate > 1)).any() for rate in rates):
        raise ValueError("the history has losses or rates that are none")
    for name in ("solves", "measurements"):
        if (np.diff(named[name], prepend=0.0, append=float(getattr(state, name))) < 0).any():
            raise ValueError(f"the history has '{name}' that fall")
    scores = [record.score for record in state.history]
    if scores and task.writing is None:
        # Losses of noisy devices are averaged.
        best = int(np.argmin(scores))
        if state.best_epoch != best or state.best_score != scores[best]:
            raise ValueError("'best_score' or 'best_epoch' is not that of the history")


def _require_array(name: str, value: Any, shape: tuple[int, ...], *, finite: bool = True) -> None:
    if value is None or value.dtype != np.float64 or value.shape != shape:
        raise ValueError(f"'{name}' is {_described(value)}, not of shape {shape}")
    if finite and not np.isfinite(value).all():
        raise ValueError(f"'{name}' is not finite")


def _described(value: Array | None) -> str:
    return "not there" if value is None else f"of shape {value.shape} of {value.dtype}"
