"""What tolerances do to a circuit: yield, distributions, worst cases, and what to do about it."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import NominalWarning, OptionError, Place
from netlearn.executors import Sent, for_workers, in_order, received
from netlearn.journal import Journal
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import open_project
from netlearn.solvers import solver_of
from netlearn.tolerances.tightening import Tightening, interval_of, prices_of, tightening
from netlearn.tolerances.trials import Trials, trials_of
from netlearn.tolerances.worst_case import WorstCase, confirmed, slopes_at_nominal, worst_cases

DRAWS_AT_ONCE = 1000
"""Draws between which an interruption loses nothing that is kept in a journal: by convention, at most seconds of
work."""
QUANTILES = (0.001, 0.05, 0.5, 0.95, 0.999)
"""Nearly all draws, nine in ten, and the median, by convention."""


@dataclass(frozen=True)
class OutputSpread:
    """How an output is distributed in one sample: where nothing is off, and over the draws.

    ``deviation`` is the standard deviation over the D draws (with D - 1), ``linear`` the one that the derivatives at
    the nominal values predict; ``quantiles`` are those of ``QUANTILES``. ``shares`` say by part how much of the
    predicted variance is its own; they sum up to one.
    """

    output: str
    unit: str
    sample: str
    nominal: float
    mean: float
    deviation: float
    linear: float
    least: float
    most: float
    quantiles: tuple[float, ...]
    shares: Mapping[str, float]

    def __repr__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"<{self.output} in {self.sample}: {self.mean:.6g}{unit}, deviation {self.deviation:.3g}{unit}>"


@dataclass(frozen=True)
class GoalYield:
    """How often a goal is met in all samples, and by how much it can be missed, in the probe's unit."""

    goal: str
    unit: str
    passing: float
    interval: tuple[float, float]
    worst_miss: float


@dataclass(frozen=True)
class ToleranceResult:
    """What ``tolerance`` finds.

    ``passing`` is the yield: the part of the draws that meets all goals in all samples, with its 95 % confidence
    interval by Clopper and Pearson; None without goals. ``outputs`` (D, S, o) are those of every draw, NaN where a
    draw has no operating point that could be found: ``unsolved`` counts these, and they fail. ``deviations`` (D, n)
    are the draws of the random numbers ``names``.
    """

    names: tuple[str, ...]
    spreads: tuple[OutputSpread, ...]
    goals: tuple[GoalYield, ...]
    worst: tuple[WorstCase, ...]
    passing: float | None
    interval: tuple[float, float] | None
    outputs: Array
    deviations: Array
    probes: tuple[str, ...]
    samples: tuple[str, ...]
    unsolved: int = 0
    tighter: Tightening | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        rate = "" if self.passing is None else f", yield {100 * self.passing:.4g} %"
        return f"<tolerances: {len(self.names)} random numbers, {len(self)} draws{rate}>"


@checked
def tolerance(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    draws: int = 10_000,
    against: Literal["ngspice"] | None = None,
    for_yield: float | None = None,
    prices: str | Mapping[float, float] | None = None,
    journal: str | os.PathLike[str] | None = None,
    forward: str = "internal",
    executor: Executor | None = None,
    **settings: Unpack[Overrides],
) -> ToleranceResult:
    """What the tolerances of its parts do to a netlist.

    What ``*@tolerance`` says, ``tol=``, DEV and LOT, and the random numbers of expressions (``agauss`` and its
    like) are drawn, all at once; goals are as for ``train``.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : the samples; else the netlist's, or its own source values.
    draws : how many circuits are drawn.
    against : ``ngspice`` lets it solve the worst cases, too.
    for_yield : a yield between 0 and 1 for which it is found which parts have to be tighter.
    prices : of tolerance classes, such as ``"1%=1 0.1%=10"`` or ``{0.01: 1, 0.001: 10}``.
    journal : a file in which finished draws are kept; where it is there, the same work goes on from it.
    forward : what solves the draws: ``internal`` or ``ngspice``.
    executor : where draws are solved, some at a time: anything with the interface of ``concurrent.futures.Executor``.
    settings : as for :func:`netlearn.train`; ``seed`` is that of the draws.

    Raises OptionError for tolerances of what has none, for a yield that cannot be reached, and without goals for a
    wanted yield; and what reading and solving raise.
    """
    if draws < 2:
        raise OptionError(f"at least 2 draws are needed, not {draws}")
    if against not in (None, "ngspice"):
        raise OptionError(f"'against' cannot be '{against}'", hint="known: ngspice")
    if for_yield is not None and not 0 < for_yield < 1:
        hint = f"write {for_yield / 100:g}" if 1 < for_yield < 100 else ""
        raise OptionError(f"a yield is between 0 and 1, not {for_yield:g}", hint=hint)
    classes = prices_of(prices)
    with solver_of(forward) as solver, warnings.catch_warnings():
        warnings.simplefilter("ignore", NominalWarning)
        project = open_project(netlist, data, solver, settings)
        trials, seed = trials_of(project), project.settings.options.seed
        if for_yield is not None and trials.loss is None:
            raise OptionError("a yield needs goals", hint="such as '*@goal V(out) = 5 within=1%'")
        v = trials.population.draw(draws, seed)
        outputs = _outputs(trials, v, Path(journal) if journal is not None else None, executor)
        result = _result(trials, v, outputs)
        worst = worst_cases(trials, v, outputs)
        if against == "ngspice":
            from netlearn.ngspice.solver import NgspiceSolver

            with NgspiceSolver() as ngspice:
                worst = confirmed(trials, worst, trials.with_solver(ngspice))
        tighter = None if for_yield is None else tightening(trials, v, for_yield, classes, _hardest(trials, outputs))
    return ToleranceResult(**result, worst=tuple(worst), tighter=tighter, seed=seed)


def _outputs(trials: Trials, v: Array, path: Path | None, executor: Executor | None = None) -> Array:
    """Outputs (D, S, o) of draws ``v`` (D, n), as far as they are not in a journal already."""
    if path is None and executor is None:
        return trials.outputs(v)
    shape, of = (len(trials.inputs), len(trials.names)), _fingerprint(trials, v)
    write, read = partial(_line, of=of), partial(_entry, of=of, shape=shape)
    journal: Journal[tuple[int, Array]] | None = None
    if path is not None:
        journal = Journal(path, "a part of these draws", '{"draws": ', write, read)
    firsts = range(0, len(v), DRAWS_AT_ONCE)
    with journal.opened() if journal is not None else nullcontext():
        known = {} if journal is None else dict(journal.entries())
        left = [(first, v[first : first + DRAWS_AT_ONCE]) for first in firsts if first not in known]
        for entry in _solved(trials, left, executor):
            known[entry[0]] = entry[1]
            if journal is not None:
                journal.add(entry)
    return np.concatenate([known[first] for first in firsts])


def _solved(
    trials: Trials, left: Sequence[tuple[int, Array]], executor: Executor | None
) -> Iterator[tuple[int, Array]]:
    """The outputs of parts of the draws, each with the number of its first."""
    sent = for_workers(trials, executor)
    found = in_order(_part_outputs, [(sent, draws) for _, draws in left], executor)
    yield from zip((first for first, _ in left), found, strict=True)


def _part_outputs(item: tuple[Trials | Sent[Trials], Array]) -> Array:
    given, draws = item
    return received(given).outputs(draws)


def _fingerprint(trials: Trials, v: Array) -> str:
    """The same for the same draws of the same circuit in the same samples."""
    found = hashlib.sha256(json.dumps([trials.names, trials.population.names]).encode())
    for values in (v, trials.inputs, trials.nominal):
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:16]


def _line(entry: tuple[int, Array], of: str) -> str:
    first, outputs = entry
    values = [value if isfinite(value) else None for value in outputs.ravel().tolist()]
    return json.dumps({"draws": first, "of": of, "outputs": values})


def _entry(found: Any, of: str, shape: tuple[int, int]) -> tuple[int, Array]:
    if found["of"] != of:
        raise ValueError("of other draws")
    return int(found["draws"]), np.array(found["outputs"], dtype=float).reshape(-1, *shape)


def _result(trials: Trials, v: Array, outputs: Array) -> dict[str, Any]:
    lost = np.isnan(outputs).any(axis=(1, 2))
    if lost.all():
        raise OptionError("none of the draws has an operating point that could be found", hint="smaller tolerances")
    passing, interval = None, None
    goals: tuple[GoalYield, ...] = ()
    if trials.loss is not None:
        passed = int(trials.passing(outputs).sum())
        passing, interval = passed / len(v), interval_of(passed, len(v))
        goals = tuple(_goal_yields(trials, outputs))
    return {
        "names": trials.population.names,
        "spreads": tuple(_spreads(trials, outputs[~lost])),
        "goals": goals,
        "passing": passing,
        "interval": interval,
        "outputs": outputs,
        "deviations": v,
        "probes": trials.names,
        "samples": trials.labels,
        "unsolved": int(lost.sum()),
    }


def _goal_yields(trials: Trials, outputs: Array) -> list[GoalYield]:
    assert trials.loss is not None
    missed = trials.missed(outputs)
    found = []
    for g, aim in enumerate(trials.aims):
        passed = int((np.nan_to_num(missed[:, :, g]) == 0).all(axis=1).sum())
        finite = missed[:, :, g][np.isfinite(missed[:, :, g])]
        worst = float(finite[np.argmax(np.abs(finite))]) if len(finite) else 0.0
        unit = trials.units[trials.loss.outputs[g]]
        found.append(GoalYield(aim.goal.text, unit, passed / len(outputs), interval_of(passed, len(outputs)), worst))
    return found


def _hardest(trials: Trials, outputs: Array) -> Place | None:
    """Where the goal stands that is missed most often."""
    failing = (np.nan_to_num(trials.missed(outputs)) != 0).any(axis=1).mean(axis=0)
    return trials.aims[int(np.argmax(failing))].goal.place


def _spreads(trials: Trials, outputs: Array) -> list[OutputSpread]:
    slopes = slopes_at_nominal(trials) * trials.population.deviations
    variances = slopes**2
    parts = [variable.part for variable in trials.population.variables]
    found = []
    for s, sample in enumerate(trials.labels):
        for j, name in enumerate(trials.names):
            y, whole = outputs[:, s, j], float(variances[s, j].sum())
            shares: dict[str, float] = {}
            for part, variance in zip(parts, variances[s, j].tolist(), strict=True):
                shares[part] = shares.get(part, 0.0) + (variance / whole if whole > 0 else 0.0)
            found.append(
                OutputSpread(
                    name,
                    trials.units[j],
                    sample,
                    float(trials.nominal[s, j]),
                    float(y.mean()),
                    float(y.std(ddof=1)),
                    float(np.sqrt(whole)),
                    float(y.min()),
                    float(y.max()),
                    tuple(float(q) for q in np.quantile(y, QUANTILES)),
                    dict(sorted(shares.items(), key=lambda item: -item[1])),
                )
            )
    return found


__all__ = ["GoalYield", "OutputSpread", "Tightening", "ToleranceResult", "WorstCase", "tolerance"]
