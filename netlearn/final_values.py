"""The values that a training ends with, as they are written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.digits import as_few_as_do, goals_met, rounded
from netlearn.learn.loop import Task
from netlearn.learn.rules.power import dissipated_at, weight_of
from netlearn.learn.state import TrainingState
from netlearn.learn.superposition import outputs_of
from netlearn.project import Project


@dataclass
class FinalValues:
    """The best values that were seen, with as many digits as are wanted."""

    project: Project
    task: Task
    _known: tuple[Array, Array] | None = None

    def of(self, state: TrainingState) -> Array:
        """θ (P,) of a state."""
        digits = self.task.options.digits
        if state.best is None or digits is None:
            return state.theta if state.best is None else state.best
        if self._known is None or self._known[0] is not state.best:
            parameters = self.project.parameters
            if digits:
                found = rounded(parameters, state.best, digits)
            else:
                found = as_few_as_do(parameters, state.best, self._judged, self.task.unit)
            self._known = state.best, found
        return self._known[1]

    def _judged(self, theta: Array) -> tuple[float, Array]:
        """The loss over all training data, and whether each goal is met (S, G)."""
        model, loss, data = self.task.model, self.task.loss, self.project.dataset(self.project.table)
        outputs, point = outputs_of(model, theta, data.inputs)
        losses = loss.value(outputs, data.targets)
        if weight := weight_of(loss):
            losses = losses + weight * dissipated_at(model, theta, data.inputs, point)
        return float(np.mean(losses)), goals_met(loss, outputs, data.targets)
