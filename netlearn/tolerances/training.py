"""Training for what tolerances leave: the mean loss over draws, or the yield."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.elaboration.design import Design
from netlearn.errors import OptionError
from netlearn.learn.data import Dataset
from netlearn.learn.goals import MET_HIGH, MET_LOW, SCALE, Aim, Goals
from netlearn.learn.model import Model
from netlearn.learn.task import Task
from netlearn.netlist.netlist import Netlist
from netlearn.probes.names import probes_of
from netlearn.project import Project
from netlearn.tolerances.population import population_of
from netlearn.tolerances.tightening import interval_of
from netlearn.tolerances.trials import trials_of

Aimed = Literal["nominal", "tolerance", "yield"]
"""What training is for: the values as they are written, the mean over tolerances, or the yield."""

JUDGED_BY = 4000
"""Draws that tell the yield before and after: derived from √(p(1 - p)/n), which is 0.8 % at most."""

SOFTNESS = 0.1
"""Within so much of half a goal's band from its edge a draw counts as passing in part, so that there is a slope:
dividers that are trained with 0.001, 0.01, 0.05, 0.1, 0.2 and 1 have yields of 84.4, 84.6, 84.9, 84.9, 85.0 and 85.0 %,
with a spread of 13 % between them (n = 5) (benchmarks/constants_of_search.py)."""


@dataclass(frozen=True)
class Passing(Goals):
    """The logistic loss of passing: log(1 + exp(-margin / τ)), summed over the edges of the goals' bands.

    A smooth bound of how many draws fail, up to a factor; τ is ``SOFTNESS`` times the goal's scale.
    """

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        below, above, share, _ = self._margins(outputs, targets)
        return np.asarray(np.sum(share * (_softplus(-below) + _softplus(-above)), axis=-1))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        below, above, share, width = self._margins(outputs, targets)
        slopes = share * (_logistic(-above) - _logistic(-below)) / width
        choice = np.zeros((len(self.outputs), outputs.shape[-1]))
        choice[np.arange(len(self.outputs)), list(self.outputs)] = 1.0
        return np.asarray(slopes @ choice)

    def _margins(self, outputs: Array, targets: Array) -> tuple[Array, Array, Array, Array]:
        """Distances (S, G) from the lower and the upper edges, in τ, the goals' shares, and τ."""
        asked = ~np.isnan(targets[..., SCALE])
        width = SOFTNESS * np.where(asked, targets[..., SCALE], 1.0)
        y = outputs[:, list(self.outputs)]
        # An edge that is not there is so far away that it does not matter.
        low = np.where(asked & np.isfinite(targets[..., MET_LOW]), targets[..., MET_LOW], y.real - 1e6 * width)
        high = np.where(asked & np.isfinite(targets[..., MET_HIGH]), targets[..., MET_HIGH], y.real + 1e6 * width)
        share = asked * np.array(self.weights)
        return (y - low) / width, (high - y) / width, share, width


def _softplus(x: Array) -> Array:
    """log(1 + exp(x)), of complex numbers with small imaginary parts too."""
    positive = x.real > 0
    return np.asarray(np.where(positive, x, 0.0) + np.log1p(np.exp(np.where(positive, -x, x))))


def _logistic(x: Array) -> Array:
    small = np.exp(np.where(x.real > 0, -x, x))
    return np.asarray(np.where(x.real > 0, 1.0 / (1.0 + small), small / (1.0 + small)))


def over_tolerances(project: Project, task: Task, aim: Aimed, draws: int) -> tuple[Task, Design]:
    """The task over ``draws`` draws of the tolerances instead of the values as they are written, and its design.

    The draws stay the same over the training, so that any optimizer can train on them, and fill the tolerances
    evenly. Raises OptionError where nothing has a tolerance, and for a yield without bands.
    """
    if draws < 2:
        raise OptionError(f"at least 2 draws are needed, not {draws}")
    population = population_of(project.driven, project.layout, project.settings.tolerance)
    parameters = population.design.parameters(project.selections, project.settings.fix)
    model = Model(
        parameters,
        population.design.inputs,
        probes_of(parameters.circuit, project.layout.outputs),
        project.solver,
        adc=task.model.adc,
    )
    v = population.spread(draws, project.settings.options.seed)
    loss = task.loss
    if aim == "yield":
        if not isinstance(loss, Goals):
            raise OptionError("a yield needs goals", hint="such as '*@goal V(out) = 5 within=1%'")
        _check_bands(project.layout.aims, task.data.targets)
        loss = Passing(loss.outputs, loss.weights)

    def drawn(data: Dataset) -> Dataset:
        targets = np.tile(data.targets, (len(v), *(1,) * (data.targets.ndim - 1)))
        rows = None if data.rows is None else np.tile(data.rows, len(v))
        return replace(data, inputs=population.rows(v, data.inputs), targets=targets, rows=rows)

    made = replace(
        task,
        model=model,
        loss=loss,
        data=drawn(task.data),
        validation=None if task.validation is None else drawn(task.validation),
        unit=1.0 if aim == "yield" else task.unit,
    )
    return made, population.design


def yields_note(project: Project, trained: Netlist) -> str:
    """What training has done to the yield, by draws of its own."""
    said = []
    for netlist in (project.netlist, trained):
        trials = trials_of(replace(project, netlist=netlist, data=project.table, test=None))
        v = trials.population.draw(JUDGED_BY, project.settings.options.seed + 1)
        passed = int(trials.passing(trials.outputs(v)).sum())
        low, high = (100 * end for end in interval_of(passed, len(v)))
        said.append(f"{100 * passed / len(v):.2f} % ({low:.2f} to {high:.2f} %)")
    return f"yield {said[0]} before and {said[1]} after, by {JUDGED_BY} further draws"


def _check_bands(aims: tuple[Aim, ...], targets: Array) -> None:
    for g, aim in enumerate(aims):
        if np.any(targets[:, g, MET_LOW] == targets[:, g, MET_HIGH]):
            hint = f"write {aim.goal.probe} = value within=1%, or min= and max="
            raise OptionError(f"no part meets '{aim.goal.text}' but by chance: it has no band", aim.goal.place, hint)
