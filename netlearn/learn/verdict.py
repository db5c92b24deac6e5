"""What there is to say of a run that has ended."""

from __future__ import annotations

import numpy as np

from netlearn.learn.loop import Task
from netlearn.learn.state import TrainingState

STILL = 1e-6
"""A loss that fell by no more than this part of itself has not moved."""


def warning_of(task: Task, state: TrainingState) -> str:
    """Why the loss did not move, if it did not though it could have; else an empty text."""
    records = state.history
    if len(records) < 2 or not len(task.model.parameters):
        return ""
    first, best = records[0].score, state.best_score
    if first - best > STILL * abs(first) or abs(first) <= STILL * STILL * task.unit:
        return ""
    last = max(record.score for record in records[1:])
    said = f"the loss has not moved: {first:.6g} before and {best:.6g} after {state.epoch} epochs"
    return f"{said}; {_cause(task, state, rose=last > first + STILL * abs(first))}"


def _cause(task: Task, state: TrainingState, rose: bool) -> str:
    gradient = None if state.last is None else task.transform.gradient(state.theta, state.last.gradient) / task.unit
    lower, upper = task.transform.bounds
    if gradient is not None and not np.any(gradient):
        return "no value that is trained changes an output"
    if np.all((state.theta <= lower) | (state.theta >= upper)):
        return "all trained values are at their bounds"
    if rose:
        return "it rose on the way, so try a smaller learning rate"
    size = "" if gradient is None else f" (the largest derivative is {np.max(np.abs(gradient)):.3g})"
    return f"try a larger learning rate, or begin elsewhere{size}"
