"""Learning rules side by side: every rule, nudge, subset and seed on the same task."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.api import train
from netlearn.errors import NetlearnError, OptionError
from netlearn.journal import Journal
from netlearn.json_text import json_text
from netlearn.learn.rules import RULES
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive
from netlearn.netlist.netlist import Netlist
from netlearn.options import options_of
from netlearn.overrides import DataLike, NetlistLike
from netlearn.project import netlist_of, open_project
from netlearn.results import TrainResult
from netlearn.workers import Lost, results_of

QUANTITIES = ("loss", "accuracy", "test_loss", "test_accuracy", "solves", "measurements", "seconds")
CURVES = ("epoch", "loss", "accuracy", "solves", "measurements")


@dataclass(frozen=True)
class Run:
    """One training: ``rule`` is what would follow ``*@rule``; ``beta`` is None where the rule has none."""

    rule: str
    beta: float | None
    fraction: float
    seed: int

    @property
    def text(self) -> str:
        """The rule with its nudge."""
        return self.rule if self.beta is None else f"{self.rule} beta={self.beta!r}"


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the losses and accuracies are those of its best epoch, as training keeps it.

    Where training failed, ``error`` says why and the numbers are NaN.

    ``curves`` holds, by the names of CURVES, one number per epoch; ``task`` is a digest of
    everything else that the numbers depend on.
    """

    run: Run
    task: str
    loss: float = nan
    accuracy: float = nan
    test_loss: float = nan
    test_accuracy: float = nan
    solves: float = nan
    measurements: float = nan
    seconds: float = nan
    curves: Mapping[str, Sequence[float]] | None = None
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """Outcomes of all runs, in the order in which they were asked for."""

    outcomes: Sequence[Outcome]

    def __repr__(self) -> str:
        failed = sum(bool(outcome.error) for outcome in self.outcomes)
        return f"<comparison: {len(self.outcomes)} runs, {failed} of them failed>"

    def rows(self) -> list[dict[str, Any]]:
        """One row per run, without the curves."""
        return [
            {**asdict(o.run), **{name: getattr(o, name) for name in QUANTITIES}, "error": o.error}
            for o in self.outcomes
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One row per rule, nudge and fraction: mean and standard deviation over the seeds that did not fail."""
        groups: dict[tuple[str, float | None, float], list[Outcome]] = {}
        for outcome in self.outcomes:
            run = outcome.run
            groups.setdefault((run.rule, run.beta, run.fraction), []).append(outcome)
        result = []
        for (rule, beta, fraction), members in groups.items():
            good = [o for o in members if not o.error]
            row: dict[str, Any] = {"rule": rule, "beta": beta, "fraction": fraction, "seeds": len(members)}
            row["failed"] = len(members) - len(good)
            for name in QUANTITIES:
                values = np.array([getattr(o, name) for o in good])
                row[name] = float(np.mean(values)) if good else nan
                row[f"{name}_std"] = float(np.std(values)) if good else nan
            result.append(row)
        return result

    def as_json(self) -> str:
        """All outcomes with their curves, NaN as null."""
        return json_text(self.outcomes, indent=1)


def compare(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    rules: Iterable[str] = ("analytic", "ep", "cl"),
    seeds: int = 1,
    fractions: Iterable[float] = (1.0,),
    betas: Iterable[float] = (),
    scatter: float = 2.0,
    results: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: Callable[[Outcome, int, int], None] | None = None,
    **settings: Any,
) -> Comparison:
    """Train with each rule, fraction of parameters updated, nudge and seed.

    Parameters
    ----------
    rules : what would follow ``*@rule``, such as "ep states=positive".
    seeds : how many runs of each. The first starts from the netlist's own values; the others
        from positive parameters multiplied by log-uniform numbers up to ``scatter``.
    fractions : parts of the parameters that a step updates.
    betas : nudges, for the rules that have one; others are trained once.
    results : a file of JSON lines to which every outcome is added as it comes, and from
        which outcomes of the same task that did not fail are taken instead of training again.
    processes : how many trainings run at a time; all processors if None.
    progress : called with each outcome, how many there are, and how many there will be.
    settings : as for :func:`netlearn.train`.

    Raises OptionError for a rule, fraction or nudge that cannot be. An error of one run is
    kept as its outcome.
    """
    source = netlist_of(netlist)
    runs = runs_of(rules, seeds, fractions, betas)
    if not 1.0 <= scatter < inf:
        raise OptionError(f"'scatter' must be a number at least 1, not {scatter!r}")
    task = _task(source, data, settings, scatter)
    path = Path(results) if results is not None else None
    # What failed may have failed for a reason that is gone, such as a simulator that was not there.
    done = {o.run: o for o in (load(path) if path else ()) if o.task == task and not o.error}
    done = {run: done[run] for run in runs if run in done}
    left = [run for run in runs if run not in done]
    work = _Work(source, data, settings, scatter, task)
    journal = _journal(path) if path else None
    with journal.opened() if journal else nullcontext():
        for number, result in results_of(work, left, processes):
            run = left[number]
            outcome = Outcome(run, task, error=str(result)) if isinstance(result, Lost) else result
            done[run] = outcome
            if journal:
                journal.add(outcome)
            if progress:
                progress(outcome, len(done), len(runs))
    return Comparison([done[run] for run in runs])


def runs_of(rules: Iterable[str], seeds: int, fractions: Iterable[float], betas: Iterable[float]) -> list[Run]:
    """All the runs. Raises OptionError where there is none, or one that cannot be."""
    strengths = tuple(betas)
    for strength in strengths:
        if not 0 < strength < inf:
            raise OptionError(f"beta must be a number above 0, not {strength:g}")
    runs: list[Run] = []
    for text in rules:
        given = read_directive(f"rule {text}", DIRECTIVES)
        name = given.words[0]
        has_beta = any(entry.name == "beta" for entry in options_of(RULES[name])) and "beta" not in given.values
        for beta in strengths if has_beta and strengths else (None,):
            for fraction in fractions:
                if not 0 < fraction <= 1:
                    raise OptionError(f"a fraction must be above 0 and at most 1, not {fraction:g}")
                runs += [Run(text, beta, fraction, seed) for seed in range(seeds)]
    if not runs:
        raise OptionError("there is nothing to compare", hint="give at least one rule, one seed and one fraction")
    return list(dict.fromkeys(runs))


def load(path: Path) -> list[Outcome]:
    """The outcomes in a file of results; none if there is no such file.

    A last line that an interruption has cut off is left out. Raises OptionError for a file
    that holds something else.
    """
    return _journal(path).entries()


def _journal(path: Path) -> Journal[Outcome]:
    return Journal(path, "a result of a comparison", '{"run": ', lambda outcome: json_text(outcome, indent=None), _read)


def _read(entry: dict[str, Any]) -> Outcome:
    """The outcome of a JSON object, in which null is NaN."""
    numbers = {name: nan if entry[name] is None else float(entry[name]) for name in QUANTITIES}
    curves = entry["curves"]
    if curves is not None:
        curves = {name: [nan if v is None else float(v) for v in curves[name]] for name in CURVES}
    return Outcome(Run(**entry["run"]), str(entry["task"]), curves=curves, error=str(entry["error"]), **numbers)


@dataclass(frozen=True)
class _Work:
    netlist: Netlist
    data: DataLike | None
    settings: Mapping[str, Any]
    scatter: float
    task: str

    def __call__(self, run: Run) -> Outcome:
        settings = {**self.settings, "rule": run.text, "seed": run.seed}
        if run.fraction < 1.0:
            settings["subset"] = f"fraction={run.fraction!r}"
        try:
            result = train(self._scattered(run.seed), self.data, **settings)
        except NetlearnError as error:
            return Outcome(run, self.task, error=error.message)
        if result.interrupted:
            # What it came to until then is no outcome.
            raise KeyboardInterrupt
        return _outcome(run, self.task, result)

    def _scattered(self, seed: int) -> Netlist:
        if seed == 0 or self.scatter == 1.0:
            return self.netlist
        settings = {k: v for k, v in self.settings.items() if k not in ("forward", "progress")}
        whole = open_project(self.netlist, self.data, overrides=settings)
        parameters, reach = whole.parameters, np.log(self.scatter)
        factors = np.exp(np.random.default_rng([seed, 2]).uniform(-reach, reach, len(parameters)))
        moved = np.clip(parameters.initial * factors, parameters.lower, parameters.upper)
        return whole.design.write(parameters, np.where(parameters.positive, moved, parameters.initial))


def _outcome(run: Run, task: str, result: TrainResult) -> Outcome:
    last = result.history[-1]
    curves = {name: [float(getattr(record, name)) for record in result.history] for name in CURVES}
    return Outcome(
        run,
        task,
        loss=result.loss,
        accuracy=nan if result.accuracy is None else result.accuracy,
        test_loss=nan if result.test is None else result.test.loss,
        test_accuracy=nan if result.test is None or result.test.accuracy is None else result.test.accuracy,
        solves=last.solves,
        measurements=last.measurements,
        seconds=result.seconds,
        curves=curves,
    )


def _task(netlist: Netlist, data: DataLike | None, settings: Mapping[str, Any], scatter: float) -> str:
    """A digest of the netlist, the data and the settings."""
    kept = {k: v for k, v in settings.items() if k not in ("forward", "progress")}
    whole = open_project(netlist, data, overrides=kept)
    digest = hashlib.sha256()
    for text in _texts(netlist):
        digest.update(text.encode("utf-8", "surrogateescape"))
    for table in filter(None, (whole.table, whole.test_table)):
        samples = whole.dataset(table)
        digest.update(np.ascontiguousarray(samples.inputs).tobytes() + np.ascontiguousarray(samples.targets).tobytes())
    digest.update(repr((sorted((k, repr(v)) for k, v in settings.items()), scatter)).encode())
    return digest.hexdigest()[:16]


def _texts(netlist: Netlist) -> Iterable[str]:
    """The netlist and all that it includes."""
    yield str(netlist)
    for included in netlist.includes.values():
        yield from _texts(included)
