"""The values that a training ends with, as they are written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.discrete.chosen import PartSearch
from netlearn.discrete.search import Found
from netlearn.elaboration.design import Design
from netlearn.learn.digits import as_few_as_do, goals_met, rounded
from netlearn.learn.rules.power import losses_at
from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task
from netlearn.netlist.netlist import Netlist
from netlearn.project import Project


@dataclass
class FinalValues:
    """The best values that were seen, with as many digits as are wanted."""

    project: Project
    task: Task
    search: PartSearch | None = None
    """What finds the best values that parts can have, where they can have some only."""
    searched: tuple[Task, Design] | None = None
    """What that is judged by, and the design that it is about, if not the task."""
    _known: tuple[Array, Array] | None = None
    _found: tuple[Array, Found] | None = None

    def found(self, state: TrainingState) -> Found | None:
        """The best values that parts can have, once training has ended."""
        if self.search is None or state.best is None or not state.finished:
            return None
        if self._found is None or self._found[0] is not state.best:
            task, design = self.searched or (self.task, None)
            self._found = state.best, self.search.best(task, state.best, design)
        return self._found[1]

    @property
    def has_found(self) -> bool:
        """Whether a search has come to its end."""
        return self._found is not None

    def netlist(self, state: TrainingState) -> Netlist:
        """The netlist with the values of a state."""
        found = self.found(state)
        if found is not None and self.search is not None:
            return self.project.netlist.edit(self.search.edits(found))
        return self.project.design.write(self.project.parameters, self.of(state))

    def notes(self, state: TrainingState) -> tuple[str, ...]:
        """What there is to say of the values."""
        found = self.found(state)
        if found is None or self.search is None:
            return ()
        pairs = (
            f"{name} is {first:g} and {second:g} in {kind}"
            for name, (kind, first, second) in self.search.pairs(found).items()
        )
        return (self.search.note(found, state.best_score), *pairs)

    def of(self, state: TrainingState) -> Array:
        """θ (P,) of a state."""
        found = self.found(state)
        if found is not None:
            return found.theta
        digits = self.task.options.digits
        if state.best is None or digits is None:
            return state.aim if state.best is None else state.best
        if not digits and not state.finished and self.task.model.chip is not None:
            # A chip is not asked which digits do after it has failed, or its user has interrupted it.
            return state.best
        if self._known is None or self._known[0] is not state.best:
            parameters = self.project.parameters
            if digits:
                fewer = rounded(parameters, state.best, digits)
            else:
                fewer = as_few_as_do(parameters, state.best, self._judged, self.task.unit)
            self._known = state.best, fewer
        return self._known[1]

    def _judged(self, theta: Array) -> tuple[float, Array]:
        """The loss over all training data, and whether each goal is met (S, G)."""
        model, loss, data = self.task.model, self.task.loss, self.project.dataset(self.project.table)
        losses, outputs, _ = losses_at(model, loss, theta, data.inputs, data.targets)
        return float(np.mean(losses)), goals_met(loss, outputs, data.targets)
