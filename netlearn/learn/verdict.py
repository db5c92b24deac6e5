"""What there is to say of a run that has ended."""

from __future__ import annotations

import numpy as np

from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task

SHOWN = 4
"""Names that a note gives: by convention, so that it stays a sentence."""
STILL = 1e-6
"""A loss that fell by no more than this part of itself has not moved: by convention, the digits that losses are printed
with."""


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


def still_notes(task: Task, state: TrainingState) -> tuple[str, ...]:
    """Which of the values have not moved because the rule's derivative by them is zero, while others have."""
    if state.last is None or not np.any(state.last.gradient):
        return ()
    still = np.flatnonzero((state.last.gradient == 0) & (state.theta == task.transform.outward(task.start)))
    if task.solved is not None:
        # Where the best read-out has been solved its derivatives are zero because it is the best.
        still = np.setdiff1d(still, task.solved.numbers)
    if not len(still):
        return ()
    names = [f"'{task.model.parameters.names[p]}'" for p in still[:SHOWN].tolist()]
    more = f" and {len(still) - SHOWN} more" if len(still) > SHOWN else ""
    return (
        f"the derivative by {', '.join(names)}{more} is zero by this rule, which leaves "
        + ("it" if len(still) == 1 else "them")
        + " as before",
    )


def _cause(task: Task, state: TrainingState, rose: bool) -> str:
    gradient = None if state.last is None else task.transform.gradient(state.theta, state.last.gradient) / task.unit
    lower, upper = task.transform.bounds
    if state.history[-1].loss == 0:
        return "the training data are met exactly, and those kept aside are not"
    if gradient is not None and not np.any(gradient):
        return "no value that is trained changes an output"
    if np.all((state.theta <= lower) | (state.theta >= upper)):
        return "all trained values are at their bounds"
    if rose:
        return "it rose on the way, so try a smaller learning rate"
    size = "" if gradient is None else f" (the largest derivative is {np.max(np.abs(gradient)):.3g})"
    return f"try a larger learning rate, or begin elsewhere{size}"
