"""Where a training or a netlist ends up once its values are those of parts that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.discrete.candidates import Candidates
from netlearn.discrete.choices import Choices, Pair, Stock, choices_for, pairs_in, stock_from
from netlearn.discrete.pairs import check_pairs, with_pairs
from netlearn.discrete.search import MOST_PARTS, Found, best_choice
from netlearn.elaboration.design import Design
from netlearn.learn.hardware import Hardware
from netlearn.learn.task import Task
from netlearn.named_data import placed
from netlearn.netlist.edits import Edit
from netlearn.netlist.numbers import format_number
from netlearn.project import Project
from netlearn.writing import named_file, searched


@dataclass(frozen=True)
class PartSearch:
    """What the values of a project's parameters may be, and the search for the best of them.

    Raises OptionError and DataError when it is made, for a list of parts that cannot be read, a parameter that
    nothing fits, and pairs where there can be none.
    """

    project: Project
    hardware: Hardware
    journal: Path | None = None
    """Where a long search keeps its steps."""
    anew: bool = False
    """Whether steps of another search that are there are dropped, instead of refused."""
    stock: Stock = field(init=False)
    choices: list[Choices] = field(init=False)

    def __post_init__(self) -> None:
        project, hardware = self.project, self.hardware
        place = project.settings.places.get("hardware")
        with placed(place):
            given = None if hardware.parts is None else stock_from(named_file(project, "parts", "list of parts"))
            stock, choices = choices_for(
                hardware, project.parameters, given, lambda name: place or project.design.parameter_place(name)
            )
        if hardware.pairs:
            check_pairs(project.netlist, project.design, project.parameters.names)
        object.__setattr__(self, "stock", stock)
        object.__setattr__(self, "choices", choices)

    def best(self, task: Task, start: Array, design: Design | None = None) -> Found:
        """The best combination for a task, from values (P,) of a continuous optimum; in a ``design`` of its own."""
        project, hardware = self.project, self.hardware
        names = tuple(project.parameters.names)
        candidates = Candidates.of(design or project.driven, names, project.layout.outputs, task)
        more = {"budget": hardware.budget, "seed": hardware.seed}
        return best_choice(candidates, self.choices, self.stock, start, journal=self.journal, anew=self.anew, **more)

    def pairs(self, found: Found) -> Mapping[str, Pair]:
        """The pairs that were chosen, by parameter."""
        return pairs_in(self.choices, found.chosen, self.project.parameters.names, self.stock)

    def edits(self, found: Found) -> list[Edit]:
        """What to change in the netlist's text."""
        project, pairs = self.project, self.pairs(found)
        parameters = project.parameters
        edits = with_pairs(project.netlist, project.design, pairs)
        for name, before, value in zip(parameters.names, parameters.initial, found.theta, strict=True):
            if name not in pairs and value != before:
                source, start, end = project.design.stretch(name)
                edits.append((source, start, end, format_number(float(value))))
        return edits

    def note(self, found: Found, continuous: float) -> str:
        """What there is to say of it."""
        what = self.hardware.parts or (self.hardware.what if self.hardware.leveled else self.hardware.series)
        if not found.searched:
            return (
                f"values from {what}: {len(found.theta)} are more than the {MOST_PARTS} that are searched for, so that "
                f"the nearest are taken, with a loss of {found.loss:.6g}, after {continuous:.6g} before"
            )
        how = "of all combinations" if found.complete else f"of those that {found.solved} operating points tried"
        return (
            f"values from {what}: the best {how} has a loss of {found.loss:.6g}, the nearest values one of "
            f"{found.nearest_loss:.6g}, and the values before the search one of {continuous:.6g}"
        )


def search_for(project: Project, journal: Path | None = None, anew: bool = False) -> PartSearch | None:
    """The search that a project's hardware asks for, if it does, with its ``journal``. Raises OptionError.

    With ``anew`` steps of another search in the journal are dropped.
    """
    hardware = project.settings.hardware
    if hardware is None or not searched(project):
        return None
    return PartSearch(project, hardware, journal, anew)


def bounded(task: Task, search: PartSearch) -> Task:
    """The task of training continuous values, within what the parts can have."""
    transform = task.transform
    low = np.array([of.values[0] for of in search.choices])
    high = np.array([of.values[-1] for of in search.choices])
    bounds = (np.maximum(transform.bounds[0], low), np.minimum(transform.bounds[1], high))
    return replace(task, writing=None, transform=replace(transform, bounds=bounds))
