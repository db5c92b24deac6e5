"""Values of a netlist as it stands, replaced by those of parts that there are, as well as that can be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.atomic import Destination
from netlearn.chip_training import measured_model
from netlearn.discrete.choices import Pair
from netlearn.discrete.chosen import PartSearch, search_for
from netlearn.discrete.told import search_callback
from netlearn.errors import OptionError
from netlearn.learn.data import Dataset, inputs_of
from netlearn.learn.hardware import Hardware
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.not_finite import check_finite
from netlearn.learn.optimizers import Sgd
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.power import losses_at
from netlearn.learn.schedule import Constant
from netlearn.learn.settings import LoopOptions
from netlearn.learn.superposition import read_of
from netlearn.learn.table import Table, asked_by
from netlearn.learn.task import Task
from netlearn.learn.transforms import Transform
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.output_check import check_netlist_output
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.writing import converted

OWN = "its own outputs"
"""What is kept as it is where nothing else is wanted."""


@dataclass(frozen=True)
class Rounding:
    """A netlist with values that parts can have.

    ``before``, ``nearest`` and ``after`` (P,) are the values of the parameters ``names``: as they stood, those
    nearest by ratio, and the best that were found; ``losses`` those of the three, of what ``judged_by`` says.
    ``complete`` says that all combinations were tried, ``searched`` that there were not too many values for a search,
    in place of which the nearest are taken; ``solved`` counts operating points, and ``pairs`` are two parts in place
    of one. ``written`` are the files that were written.
    """

    netlist: Netlist
    names: tuple[str, ...]
    before: Array
    nearest: Array
    after: Array
    losses: tuple[float, float, float]
    judged_by: str
    complete: bool
    solved: int
    searched: bool
    pairs: Mapping[str, Pair]
    written: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"<rounding of {self.netlist.source.path}: {len(self.names)} values, loss {self.losses[2]:.6g}>"


@checked
def round_values(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    series: str | None = None,
    parts: str | os.PathLike[str] | None = None,
    pairs: bool = False,
    budget: int | None = None,
    out: Destination | str | os.PathLike[str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | bool | None = None,
    **settings: Unpack[Overrides],
) -> Rounding:
    """Give a netlist's values those of a series, of parts or of levels, in the best combination.

    What is best is what goals or data say; without any, the outputs (``*@output``, else all nodes' voltages) are
    to stay as they are. Of parts that meet all goals those are taken that are nearest to the middles of the goals'
    bands, in steps of a tenth of half a band, and of these the nearest to the given values.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : samples, in place of the netlist's.
    series : such as ``"e24"``.
    parts : a CSV file with the columns ``value`` (ohms) and, where it matters, ``count``.
    pairs : whether a part may be two in series or parallel.
    budget : operating points that the search may take.
    out : a file that the netlist is written to.
    journal : a file in which a search that takes seconds keeps its steps; where it is there, the same search goes on
        from it.
    progress : called with the operating points that the search has found, and how many it may find; True draws a bar,
        in notebooks too.
    settings : as for :func:`netlearn.train`: ``train`` says which values are meant, and ``hardware`` takes the
        other options, such as ``"levels=64 min=1k max=100k"``.

    Raises OptionError where no values are said or none fits, and DataError for a list of parts that is none.
    """
    target = Destination.of(out)
    project = open_project(netlist, data, None, settings)
    project = _with_hardware(project, series, parts, pairs=pairs, budget=budget)
    project, task, judged_by = _task(project)
    search = search_for(project, None if journal is None else Path(journal))
    if search is None:
        hardware, place = project.settings.hardware, project.settings.places.get("hardware")
        if hardware is not None and hardware.discrete:
            hint = "leave noise, stuck, asymmetry, bias, memory, measured=, only= and search=no out of '*@hardware'"
            raise OptionError("values are searched for only where devices hold them exactly", place, hint)
        raise OptionError("no values are given that parts can have", place, "such as --series e24")
    if target is not None:
        check_netlist_output(target, project.design.changed(project.parameters), (judged_by, parts))
    with search_callback(progress):
        return _rounded(project, task, search, judged_by, target)


def _with_hardware(
    project: Project, series: str | None, parts: str | os.PathLike[str] | None, *, pairs: bool, budget: int | None
) -> Project:
    """The project with what was given by itself over what ``*@hardware`` says."""
    settings = project.settings
    own = settings.hardware or Hardware()
    places = dict(settings.places)
    if series is not None or parts is not None:
        # What is held is said anew; bounds, the budget and the like stay.
        named = None if parts is None else os.fspath(parts)
        own = replace(own, series=series or "none", levels=None, parts=named)  # type: ignore[arg-type]
        places.pop("hardware", None)
    own = replace(own, pairs=pairs or own.pairs, budget=own.budget if budget is None else budget)
    return replace(project, settings=replace(settings, hardware=own, places=places))


def _task(project: Project) -> tuple[Project, Task, str]:
    """The project, what choices are judged by, and what that is called."""
    wanted = bool(project.settings.goal)
    if not wanted and project.has_samples:
        table = project.table
        wanted = table.labels is not None or any(asked_by(name) for name in table.columns)
    if wanted:
        # As training judges: data come out of the DAC, and outputs are read by the ADC.
        data = converted(project, project.dataset(project.table))
        return project, _task_of(project, measured_model(project), project.loss, data), project.table.path
    settings = project.settings
    if not settings.output:
        settings = replace(settings, output=tuple(f"V({node})" for node in project.circuit.nodes if "#" not in node))
        project = replace(project, settings=settings)
    table = project.table if project.has_samples else Table("<the netlist's own values>", {}, count=1)
    layout = project.input_layout(table)
    inputs = inputs_of(table, layout)
    model = project.model_of(layout)
    outputs = read_of(model, model.parameters.initial, inputs)
    # The outputs as they are become the targets, in a table of their own.
    columns = {name: inputs[:, j] for j, name in enumerate(layout.driven)}
    columns |= {name: outputs[:, j] for j, name in enumerate(layout.outputs)}
    own = Table(OWN, columns) if len(inputs) > 1 or columns else table
    project = replace(project, data=own, test=None, settings=replace(settings, corner={}))
    return project, _task_of(project, project.model, Mse(), project.dataset(project.table)), OWN


def _task_of(project: Project, model: Model, loss: Loss, data: Dataset) -> Task:
    return Task(
        model=model,
        loss=loss,
        rule=Analytic(),
        data=data,
        optimizer=Sgd(),
        schedule=Constant(),
        transform=Transform.of(project.parameters, "log", project.design.parameter_place),
        options=LoopOptions(),
    )


def _rounded(project: Project, task: Task, search: PartSearch, judged_by: str, target: Destination | None) -> Rounding:
    parameters = project.parameters
    before = np.asarray(parameters.initial, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        losses, _, _ = losses_at(task.model, task.loss, before, task.data.inputs, task.data.targets)
    check_finite("the loss", losses, [task.data.label(row) for row in range(len(losses))])
    found = search.best(task, before)
    netlist = project.netlist.edit(search.edits(found))
    written: tuple[Path, ...] = ()
    if target is not None:
        written = tuple(netlist.save(target.path, force=target.force, follow=target.named))
    return Rounding(
        netlist,
        tuple(parameters.names),
        before,
        found.nearest,
        found.theta,
        (float(np.mean(losses)), found.nearest_loss, found.loss),
        judged_by,
        found.complete,
        found.solved,
        found.searched,
        search.pairs(found),
        written,
    )
