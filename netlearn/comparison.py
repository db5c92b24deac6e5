"""Learning rules side by side: every rule, nudge, subset and seed on the same task."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.argument_types import checked
from netlearn.bars import run_callback
from netlearn.errors import OptionError
from netlearn.json_text import json_text
from netlearn.overrides import DataLike, NetlistLike
from netlearn.sweeps import Plan, Record, carried_out, shown
from netlearn.variations import Vary, varied_in

QUANTITIES = ("loss", "accuracy", "test_loss", "test_accuracy", "solves", "measurements", "seconds")
CURVES = ("epoch", "loss", "accuracy", "solves", "measurements")


@dataclass(frozen=True)
class Run:
    """One training: ``rule`` is what would follow ``*@rule``; ``beta`` is None where it is not varied.

    ``varied`` says what else is, such as "optimizer.lr=0.1".
    """

    rule: str
    beta: float | None
    fraction: float
    seed: int
    varied: str = ""

    @property
    def text(self) -> str:
        """The rule with its nudge and what else is varied."""
        nudged = self.rule if self.beta is None else f"{self.rule} beta={self.beta!r}"
        return f"{nudged}, {self.varied}" if self.varied else nudged


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the losses and accuracies are those of its best epoch, as training keeps it.

    Where training failed, ``error`` says why and the numbers are NaN.

    ``curves`` holds, by the names of CURVES, one number per epoch; ``record`` all that is known of the run: its
    settings, the digests of netlist and data, and the version of netlearn.
    """

    run: Run
    record: Record
    loss: float = nan
    accuracy: float = nan
    test_loss: float = nan
    test_accuracy: float = nan
    solves: float = nan
    measurements: float = nan
    seconds: float = nan
    curves: Mapping[str, Sequence[float]] | None = None
    error: str = ""

    def __repr__(self) -> str:
        came = self.error or f"loss {self.loss:.6g}"
        return f"<{self.run.rule}, seed {self.run.seed}: {came[:200]}>"


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
        groups: dict[tuple[str, float | None, float, str], list[Outcome]] = {}
        for outcome in self.outcomes:
            run = outcome.run
            groups.setdefault((run.rule, run.beta, run.fraction, run.varied), []).append(outcome)
        result = []
        for (rule, beta, fraction, varied), members in groups.items():
            good = [o for o in members if not o.error]
            row: dict[str, Any] = {"rule": rule, "beta": beta, "fraction": fraction, "varied": varied}
            row["seeds"] = len(members)
            row["failed"] = len(members) - len(good)
            for name in QUANTITIES:
                values = np.array([getattr(o, name) for o in good])
                row[name] = float(np.mean(values)) if good else nan
                row[f"{name}_std"] = float(np.std(values)) if good else nan
            result.append(row)
        return result

    def as_json(self) -> str:
        """All outcomes with their curves, settings and digests, NaN as null."""
        return json_text(self.outcomes, indent=1)


@checked
def compare(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    rules: Iterable[Any] = ("analytic", "ep", "cl"),
    seeds: int = 1,
    fractions: Iterable[float] = (1.0,),
    betas: Iterable[float] = (),
    vary: Vary = (),
    scatter: float = 2.0,
    results: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[Outcome, int, int], None] | bool | None = None,
    **settings: Any,
) -> Comparison:
    """Train with each rule, fraction of parameters updated, nudge and seed: a sweep with a figure.

    Parameters
    ----------
    rules : what would follow ``*@rule``, such as "ep states=positive", or rules of one's own.
    seeds : how many runs of each. The first starts from the netlist's own values; the others
        from positive parameters multiplied by log-uniform numbers up to ``scatter``.
    fractions : parts of the parameters that a step updates.
    betas : nudges, for the rules that have one; others are trained once.
    vary : what else is varied, as in :func:`netlearn.sweep`.
    results : a file of JSON lines to which the record of every run is added as it comes, and from
        which those of the same runs that did not fail are taken instead of training again.
    processes : how many trainings run at a time; all processors if None.
    executor : where they run instead, as in :func:`netlearn.sweep`.
    progress : called with each outcome, how many there are, and how many there will be; True draws a bar.
    settings : as for :func:`netlearn.train`.

    Raises OptionError for a rule, fraction or nudge that cannot be. An error of one run is
    kept as its outcome.
    """
    varied = varied_by(rules, fractions, betas, vary)
    plan = Plan.of(netlist, data, vary=varied, seeds=seeds, scatter=scatter, settings=settings)
    runs = {record["key"]: _run(plan, number) for number, record in enumerate(plan.about)}

    path = None if results is None else Path(results)
    with run_callback(progress) as told:

        def tell(record: Record, done: int, total: int) -> None:
            if told is not None:
                told(_outcome(runs[record["key"]], record), done, total)

        found = carried_out(plan, path, processes, executor, tell)
    return Comparison([_outcome(_run(plan, number), record) for number, record in enumerate(found.records)])


def varied_by(
    rules: Iterable[Any], fractions: Iterable[float], betas: Iterable[float], vary: Vary
) -> dict[str, list[Any]]:
    """What is varied, by name. Raises OptionError where there is nothing, or a number cannot be."""
    named = {"rules": list(rules), "fractions": list(fractions), "betas": list(betas)}
    for strength in named["betas"]:
        if not 0 < strength < inf:
            raise OptionError(f"beta must be a number above 0, not {strength:g}")
    for fraction in named["fractions"]:
        if not 0 < fraction <= 1:
            raise OptionError(f"a fraction must be above 0 and at most 1, not {fraction:g}")
    if not named["rules"] or not named["fractions"]:
        raise OptionError("there is nothing to compare", hint="give at least one rule, one seed and one fraction")
    varied = {"rule": named["rules"]}
    if named["betas"]:
        varied["rule.beta"] = named["betas"]
    if named["fractions"] != [1.0]:
        varied["subset.fraction"] = named["fractions"]
    more = varied_in(vary)
    for name in more:
        if name in ("rule", *varied):
            raise OptionError(f"'{name}' is compared already", hint="rules, fractions and nudges have options")
    return varied | more


def _run(plan: Plan, number: int) -> Run:
    which, seed = plan.runs[number]
    variant = plan.variants[which]
    rest = {name: value for name, value in variant.given.items() if name not in _OWN and value is not None}
    return Run(
        str(shown(variant.given["rule"])),
        variant.given.get("rule.beta"),
        variant.settings.subset.fraction,
        seed,
        " ".join(f"{name}={shown(value)}" for name, value in rest.items()),
    )


_OWN = ("rule", "rule.beta", "subset.fraction")
"""What has columns of its own."""


def _outcome(run: Run, record: Record) -> Outcome:
    curves = {name: record[f"curve.{name}"] for name in CURVES} if "curve.loss" in record else None
    return Outcome(
        run,
        {name: value for name, value in record.items() if not name.startswith("curve.")},
        loss=record["train_loss"],
        accuracy=record["train_accuracy"],
        **{name: record[name] for name in QUANTITIES if name not in ("loss", "accuracy")},
        curves=curves,
        error=record["error"],
    )
