"""What devices that hold a netlist's values do to its loss: many realisations, and times after writing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.chip_training import measured_model
from netlearn.discrete.candidates import Candidates, model_set_by_samples
from netlearn.errors import CircuitError, OptionError
from netlearn.evaluation import evaluation_data
from netlearn.learn.data import Dataset
from netlearn.learn.devices.times import seconds_of, times_of
from netlearn.learn.goals import Goals
from netlearn.learn.loss import accuracy
from netlearn.learn.model import Model
from netlearn.learn.rules.power import losses_at
from netlearn.learn.trained import Trained
from netlearn.netlist.directive_text import with_comment
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import DataLike, NetlistLike, Overrides, settings_for
from netlearn.project import Project, open_project
from netlearn.results import TrainResult
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver
from netlearn.solvers import Forward, is_chip, solver_of
from netlearn.writing import converted, devices_of

TOGETHER = 1_000_000
"""So many unknowns of realisations and samples are solved at once: by convention, a bound of memory, 8 MB for each
vector of them; 500 realisations at the least."""
LARGE = 2000
"""Where samples have more unknowns than that together, realisations are solved one after another, each with its own
factorization: solved together 30 realisations of a lattice of resistors take 0.4, 0.6, 0.9 and 1.6 times as long for
500, 2000, 4000 and 8000 unknowns, those of lattices with diodes and one sample 0.05 to 0.09 for 25 to 400
(benchmarks/rows_at_a_time.py)."""


@dataclass(frozen=True)
class GoalSpread:
    """How a goal is missed over realisations at one time, each in the sample where it is missed by most.

    ``mean``, ``spread`` (with n - 1) and ``worst`` are of the size of the miss, in the probe's ``unit``; ``met`` is the
    part of the realisations that meet it in all samples.
    """

    goal: str
    unit: str
    mean: float
    spread: float
    worst: float
    met: float


@dataclass(frozen=True)
class Realisations:
    """Losses (T, K) of K realisations at T times after writing, and accuracies (T, K) where there are classes.

    Realisation k is that of the seed ``seeds[k]``, at all times the same devices; its loss is NaN where its circuit has
    no operating point that could be found. ``times`` are as they were said, empty for right after writing.
    ``nominal`` is the loss of the netlist as it stands. ``goals`` are those of every time.
    """

    seeds: tuple[int, ...]
    times: tuple[str, ...]
    losses: Array
    accuracies: Array | None
    nominal: float
    goals: tuple[tuple[GoalSpread, ...], ...] = ()
    names: tuple[str, ...] = ()
    data: str = ""

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        return f"<{len(self)} realisations: loss {self.mean[0]:.6g} in the mean, {self.worst[0]:.6g} at worst>"

    @property
    def mean(self) -> Array:
        """(T,) the mean loss."""
        return _of_solved(self.losses, 1, lambda losses: float(np.mean(losses)))

    @property
    def spread(self) -> Array:
        """(T,) the standard deviation of the loss over the realisations, with n - 1; NaN for one realisation."""
        return _of_solved(self.losses, 2, lambda losses: float(np.std(losses, ddof=1)))

    @property
    def worst(self) -> Array:
        """(T,) the largest loss."""
        return _of_solved(self.losses, 1, lambda losses: float(np.max(losses)))

    @property
    def worst_seeds(self) -> tuple[int | None, ...]:
        """The seed of the realisation with the largest loss at each time."""
        return tuple(
            None if np.isnan(row).all() else self.seeds[int(np.nanargmax(row))] for row in np.asarray(self.losses)
        )

    @property
    def unsolved(self) -> tuple[int, ...]:
        """How many realisations have no operating point at each time; they count nowhere else."""
        return tuple(np.isnan(self.losses).sum(axis=1).tolist())


@checked
def realisations(
    netlist: NetlistLike | TrainResult,
    data: DataLike | None = None,
    targets: object = None,
    *,
    count: int = 100,
    at: str | float | Iterable[str | float] = (),
    forward: Forward = "internal",
    **settings: Unpack[Overrides],
) -> Realisations:
    """The loss of a netlist as devices hold it, over realisations and at times after writing.

    Parameters
    ----------
    netlist : a netlist or the path of one, or what ``train`` gave, of which ``hardware`` and ``seed`` may be others.
    data, targets : as for :func:`netlearn.evaluate`.
    count : how many realisations, those of the seeds ``seed`` (0 unless it is given), ``seed`` + 1 and so on.
    at : times after writing, such as ``"1h,1d,1y"`` or seconds; else those of ``*@hardware at=``, or right after
        writing.
    forward : what finds operating points.
    settings : as for :func:`netlearn.train`; ``hardware`` says what devices do, and ``train`` what they hold.

    Raises OptionError for what cannot be, and where nothing says what devices do.
    """
    if count < 1:
        raise OptionError(f"at least 1 realisation is needed, not {count}")
    if is_chip(forward):
        raise OptionError("a chip holds values in its own way, and is not a model of it", hint="leave 'forward' out")
    times = times_of(at)
    with solver_of(forward) as solver:
        project, samples = evaluation_data(_project(netlist, solver, settings), data, targets)
        devices = devices_of(project)
        hardware = devices.hardware
        times = times or hardware.at
        seconds: list[float | None] = [seconds_of(time) for time in times]
        aimed = devices.aim(np.asarray(project.parameters.initial, dtype=float))
        first = project.settings.options.seed
        seeds = tuple(range(first, first + count))
        theta = np.array([[devices.realised(aimed, seed, when) for seed in seeds] for when in seconds or [None]])
        solving = _Solving(project, converted(project, samples))
        nominal, _ = _loss_at(project.model, project, np.asarray(project.parameters.initial, dtype=float), samples)
        found = [solving.solved(part) for part in theta]
    losses = np.array([part for part, _ in found])
    outputs = [part for _, part in found]
    rates = [[accuracy(each, samples.targets) for each in part] for part in outputs]
    classes = rates[0][0] is not None
    return Realisations(
        seeds=seeds,
        times=tuple(times),
        losses=losses,
        accuracies=np.array(rates, dtype=float) if classes else None,
        nominal=nominal,
        goals=tuple(tuple(_goals(project, samples, part)) for part in outputs),
        names=tuple(project.parameters.names),
        data=samples.path,
    )


@checked
def realise(
    netlist: NetlistLike | TrainResult,
    data: DataLike | None = None,
    *,
    at: str | float | None = None,
    **settings: Unpack[Overrides],
) -> Netlist:
    """The netlist with the values that one set of devices really holds: the realisation of ``seed=``, read at a time.

    ``data``, else the netlist's, say what samples set, which no device holds. Of what ``train`` gave for
    ``memory=device`` it is the devices that were trained, and there is no other seed or time. Settings are as for
    :func:`realisations`, or for a result ``hardware`` and ``seed``. A comment says what the values are. Raises
    OptionError.
    """
    held = netlist.held if isinstance(netlist, TrainResult) else None
    if held is not None and (settings.get("seed") is not None or at is not None):
        raise OptionError("memory=device has trained one set of devices", hint="leave seed and time out")
    said = times_of(at if at is not None else ())
    if len(said) > 1:
        raise OptionError(f"a realisation is read at one time, not at {len(said)}", hint="such as at='1d'")
    project = replace(_project(netlist, InternalSolver(), settings), data=data)
    if isinstance(netlist, TrainResult) and tuple(project.parameters.names) != netlist.names:
        # What the samples set that were trained on is not to be known any more, and was not trained.
        project = replace(project, settings=replace(project.settings, train=_exactly(netlist), fix=()))
    parameters, devices = project.parameters, devices_of(project)
    initial = np.asarray(parameters.initial, dtype=float)
    if held is not None:
        theta, what = held, "the devices that were trained"
    else:
        number = project.settings.options.seed
        theta = devices.realised(devices.aim(initial), number, seconds_of(said[0]) if said else None)
        what = f"the realisation of seed {number}, {f'{said[0]} after' if said else 'right after'} writing"
    return with_comment(project.design.write(parameters, theta), f"netlearn: values as devices hold them, {what}")


def _project(netlist: NetlistLike | TrainResult, solver: Solver, settings: Mapping[str, Any]) -> Project:
    """The project of a netlist, or of what a training came to, with the settings of that training."""
    if not isinstance(netlist, TrainResult):
        return open_project(netlist, None, solver, settings)
    own, given = netlist.settings, {name: value for name, value in settings.items() if value is not None}
    if others := sorted(given.keys() - {"hardware", "seed"}):
        hint = "give its netlist instead: result.netlist"
        raise OptionError(f"a training's result has settings of its own, '{others[0]}' among them", hint=hint)
    if "hardware" in given:
        found = settings_for(netlist.netlist, {"hardware": given["hardware"]})
        own = replace(own, hardware=found.hardware, places=found.places)
    if "seed" in given:
        own = replace(own, options=replace(own.options, seed=given["seed"]))
    return Project(netlist.netlist, own, solver)


def _exactly(result: TrainResult) -> tuple[Trained, ...]:
    """What was trained, one by one."""
    low = np.full(len(result.names), -np.inf) if result.lower is None else result.lower
    high = np.full(len(result.names), np.inf) if result.upper is None else result.upper
    bounds = zip(result.names, low.tolist(), high.tolist(), strict=True)
    return tuple(Trained(name, least, most) for name, least, most in bounds)


@dataclass(frozen=True)
class _Solving:
    """Losses of one project's circuit at K sets of values, driven and read through its converters."""

    project: Project
    data: Dataset

    @cached_property
    def model(self) -> Model:
        return measured_model(self.project)

    def solved(self, theta: Array) -> tuple[Array, Array]:
        """Losses (K,), NaN where there is no operating point, and outputs (K, S, o) at values (K, P)."""
        size = max(1, self.project.circuit.size) * max(1, len(self.data))
        if size > LARGE or not isinstance(self.project.solver, InternalSolver):
            apart = [self._one(each) for each in theta]
            return np.array([loss for loss, _ in apart]), np.array([outputs for _, outputs in apart])
        parts = np.array_split(theta, min(len(theta), -(-len(theta) * size // TOGETHER)))
        losses, outputs = zip(*(self._together.judged(part) for part in parts), strict=True)
        found = np.concatenate(losses)
        return np.where(np.isfinite(found), found, np.nan), np.concatenate(outputs)

    def _one(self, theta: Array) -> tuple[float, Array]:
        try:
            return _loss_at(self.model, self.project, theta, self.data)
        except CircuitError:
            return np.nan, np.full((len(self.data), len(self.model.measured)), np.nan)

    @cached_property
    def _together(self) -> Candidates:
        """All realisations at once: what differs between them is set as the data set their columns."""
        project = self.project
        model = model_set_by_samples(project.driven, project.parameters.names, project.layout.outputs, self.model)
        return Candidates(model, project.loss, self.data.inputs, self.data.targets)


def _loss_at(model: Model, project: Project, theta: Array, data: Dataset) -> tuple[float, Array]:
    """The mean loss and the outputs (S, o) at values (P,). Raises what solving raises."""
    losses, outputs, _ = losses_at(model, project.loss, theta, data.inputs, data.targets)
    return float(np.mean(losses)), outputs


def _goals(project: Project, data: Dataset, outputs: Array) -> Iterator[GoalSpread]:
    """How the goals are missed by outputs (K, S, o)."""
    loss = project.loss
    if not isinstance(loss, Goals):
        return
    solved = outputs[~np.isnan(outputs).any(axis=(1, 2))]
    flat = solved.reshape(-1, outputs.shape[-1])
    missed = np.abs(loss.missed(flat, np.tile(data.targets, (len(solved), 1, 1)))).reshape(*solved.shape[:2], -1)
    units = getattr(project.model.measured, "units", ("",) * outputs.shape[-1])
    for g, aim in enumerate(project.layout.aims):
        asked = missed[:, :, g][:, ~np.isnan(data.targets[:, g, 0])]
        if not asked.size:
            continue
        most = asked.max(axis=1)
        spread = float(np.std(most, ddof=1)) if len(most) > 1 else np.nan
        met = float(np.mean(most == 0))
        unit = units[loss.outputs[g]]
        yield GoalSpread(aim.goal.text, unit, float(np.mean(most)), spread, float(np.max(most)), met)


def _of_solved(losses: Array, least: int, of: Callable[[Array], float]) -> Array:
    """A figure of each row's losses that are there, NaN where there are fewer than ``least``."""
    rows = [row[~np.isnan(row)] for row in losses]
    return np.array([of(row) if len(row) >= least else np.nan for row in rows])
