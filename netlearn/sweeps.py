"""Sweeps: one training for each combination of settings and each seed, and a record of each."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netlearn.api import train
from netlearn.argument_types import checked
from netlearn.arguments import netlist_of, with_targets
from netlearn.bars import run_callback
from netlearn.chip_training import one_at_a_time
from netlearn.digests import bytes_of, digest, identity, pickles, same_data, texts_of
from netlearn.errors import NetlearnError, OptionError
from netlearn.journal import Journal
from netlearn.json_text import json_text
from netlearn.learn.settings import DIRECTIVES
from netlearn.learn.settings_columns import settings_columns
from netlearn.netlist.netlist import Netlist
from netlearn.notebook import InNotebooks
from netlearn.overrides import DataLike, NetlistLike
from netlearn.project import Project, open_project
from netlearn.records import QUANTITIES, check_form, frame_of, is_parquet, write_parquet
from netlearn.results import TrainResult
from netlearn.variations import Variant, Vary, variants
from netlearn.workers import Lost, results_of

if TYPE_CHECKING:
    import pandas as pd

CURVES = ("epoch", "loss", "accuracy", "validation_loss", "solves", "measurements")

Record = Mapping[str, Any]
"""What is known of one training, by flat names: what it was told, and what came of it."""


@dataclass(frozen=True)
class Sweep(InNotebooks):
    """The records of a sweep, in the order in which its trainings were asked for.

    ``varied`` are the names of what was varied. Each record holds the digests of the netlist and of the data,
    netlearn's ``version``, every setting by its name (``rule``, ``optimizer.lr``, ``epochs``, ...), the
    ``train_loss``, ``train_accuracy``, ``test_loss`` and so on of the trained netlist, and the curves by epoch as
    ``curve.loss`` and the like. Where training failed, ``error`` says why, and the numbers are NaN.
    """

    varied: tuple[str, ...]
    records: Sequence[Record]
    variants: Sequence[Mapping[str, Any]] = field(repr=False, default=())
    """What each record was given of what is varied."""

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        failed = sum(bool(record["error"]) for record in self.records)
        return f"<sweep of {', '.join(self.varied) or 'seeds'}: {len(self)} trainings, {failed} of them failed>"

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with a row for each training. Raises NetlearnError without pandas."""
        return frame_of(self.records)

    def summary(self) -> list[dict[str, Any]]:
        """One row for each combination of what is varied, over the ``seeds`` of which none ``failed``.

        Of each quantity the mean, and as ``..._std`` the standard deviation of the sample (n - 1), NaN for one seed.
        """
        groups: dict[str, list[int]] = {}
        for number, given in enumerate(self.variants):
            groups.setdefault(repr(sorted(given.items())), []).append(number)
        rows = []
        for numbers in groups.values():
            good = [self.records[k] for k in numbers if not self.records[k]["error"]]
            row: dict[str, Any] = {name: shown(self.variants[numbers[0]].get(name)) for name in self.varied}
            row |= {"seeds": len(numbers), "failed": len(numbers) - len(good)}
            for name in QUANTITIES:
                values = np.array([record[name] for record in good], dtype=float)
                row[name] = float(np.mean(values)) if len(values) else nan
                row[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else nan
            rows.append(row)
        return rows

    def as_json(self) -> str:
        """All records, NaN as null."""
        return json_text(list(self.records), indent=1)


@checked
def sweep(
    netlist: NetlistLike,
    data: DataLike | None = None,
    targets: object = None,
    *,
    vary: Vary = (),
    seeds: int | Iterable[int] = 1,
    scatter: float = 2.0,
    results: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[Record, int, int], None] | bool | None = None,
    **settings: Any,
) -> Sweep:
    """Train with every combination of settings and every seed.

    Parameters
    ----------
    netlist, data, targets : as for :func:`netlearn.train`.
    vary : values by the names of settings: whole ones (``{"rule": ["analytic", "cl beta=0.01"]}``, also ``data``
        and ``test``), options of them (``{"optimizer.lr": [0.01, 0.1]}``), objects of classes of one's own
        (``{"rule": [MyRule()]}``), or texts as the command takes them (``["optimizer.lr=0.01,0.1"]``).
        Combinations in which an option has no place, such as ``rule.beta`` with analytic, are trained once.
    seeds : how many trainings of each combination, or which seeds. Seed 0 starts from the netlist's own values;
        the others from positive parameters multiplied by log-uniform numbers between 1/``scatter`` and ``scatter``.
    results : a ``.jsonl`` file to which every record is added as it comes, and from which those of the same
        training that did not fail are taken instead of training again; or a ``.parquet`` file, written at the
        end, with the records beside it as FILE.parquet.jsonl. pandas reads either in one line:
        ``pandas.read_json(path, lines=True)``, ``pandas.read_parquet(path)``.
    processes : how many trainings run at a time; all processors if None.
    executor : where they run instead: anything with the interface of ``concurrent.futures.Executor``.
    progress : called with each record, how many there are, and how many there will be; True draws a bar.
    settings : as for :func:`netlearn.train`, the same for all.

    Raises OptionError for a setting or a value that cannot be. An error of one training is kept in its record.
    """
    path = None if results is None else Path(results)
    if path is not None:
        check_form(path)
    journal = path if path is None or not is_parquet(path) else path.with_name(f"{path.name}.jsonl")
    plan = Plan.of(netlist, with_targets(data, targets), vary=vary, seeds=seeds, scatter=scatter, settings=settings)
    if executor is None and processes is None and any(not pickles(each.overrides) for each in plan.variants):
        # What no other process can be given, such as an object of a class inside a function, is done in this one.
        processes = 1
    with run_callback(progress) as told:
        found = carried_out(plan, journal, processes, executor, told)
    if path is not None and is_parquet(path):
        write_parquet(path, found.records)
    return found


@dataclass(frozen=True)
class Plan:
    """What is to be trained: the runs are all pairs of a variant's number and a seed, with their keys."""

    netlist: Netlist
    data: DataLike | None
    settings: Mapping[str, Any]
    scatter: float
    variants: Sequence[Variant]
    runs: Sequence[tuple[int, int]]
    about: Sequence[Record]
    """What is known of each run before it was made, with its ``key``, the digest of all that its numbers depend on."""

    @classmethod
    def of(
        cls,
        netlist: NetlistLike,
        data: DataLike | None,
        *,
        vary: Vary,
        seeds: int | Iterable[int],
        scatter: float,
        settings: Mapping[str, Any],
    ) -> Plan:
        """Raises OptionError, and NetlearnError for a netlist or data that cannot be read."""
        source = netlist_of(netlist)
        if not 1.0 <= scatter < inf:
            raise OptionError(f"'scatter' must be a number at least 1, not {scatter!r}")
        numbers = list(range(seeds)) if isinstance(seeds, int) else list(dict.fromkeys(seeds))
        if not numbers or min(numbers) < 0:
            raise OptionError("there are no seeds to train with", hint="give at least one, which is at least 0")
        if settings.get("seed") is not None:
            raise OptionError("a sweep has seeds of its own", hint="seeds=[3] trains with the seed 3")
        rest = {name: value for name, value in settings.items() if name not in ("forward", "progress")}
        found = variants(source, vary, rest)
        runs = [(number, seed) for number in range(len(found)) for seed in numbers]
        read: list[tuple[list[object], str, Record]] = []
        told: dict[str, Any] = {"scatter": scatter, "seeds": numbers, "settings": settings, "read": read}
        about = [record for variant in found for record in _about(source, data, variant, **told)]
        return cls(source, data, settings, scatter, found, runs, about)


def carried_out(
    plan: Plan,
    path: Path | None,
    processes: int | None,
    executor: Executor | None,
    progress: Callable[[Record, int, int], None] | None,
) -> Sweep:
    """The records of a plan, those taken that are in the journal ``path``, which the others are added to."""
    journal = _journal(path) if path else None
    # What failed may have failed for a reason that is gone, such as a simulator that was not there.
    known = {record["key"]: record for record in (journal.entries() if journal else ()) if not record["error"]}
    keys = [record["key"] for record in plan.about]
    done = {key: known[key] for key in keys if key in known}
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    left = [number for number, key in enumerate(keys) if key not in done and first[key] == number]
    with (
        one_at_a_time(plan.settings, processes, executor) as (settings, at_a_time),
        journal.opened() if journal else nullcontext(),
    ):
        work = Training(plan.netlist, plan.data, settings, plan.scatter)
        items = [(plan.variants[plan.runs[k][0]], plan.runs[k][1]) for k in left]
        for number, result in results_of(work, items, at_a_time, executor):
            found = {"error": str(result)} if isinstance(result, Lost) else result
            record = {**plan.about[left[number]], **found}
            record = {**record, **{name: record.get(name, nan) for name in QUANTITIES}}
            done[record["key"]] = record
            if journal:
                journal.add(record)
            if progress:
                progress(record, len(done), len(first))
    varied = tuple(dict.fromkeys(name for variant in plan.variants for name in variant.given))
    return Sweep(varied, [done[key] for key in keys], [plan.variants[number].given for number, _ in plan.runs])


def load(path: Path) -> list[Record]:
    """The records in a journal; none if there is no such file.

    A last line that an interruption has cut off is left out. Raises OptionError for a file
    that holds something else.
    """
    return _journal(path).entries()


@dataclass(frozen=True)
class Training:
    """Trains a variant with a seed, and says what came of it. It can be sent to other processes."""

    netlist: Netlist
    data: DataLike | None
    settings: Mapping[str, Any]
    scatter: float

    def __call__(self, item: tuple[Variant, int]) -> Record:
        variant, seed = item
        files = variant.files
        data = files.get("data", self.data)
        settings = {**self.settings, **variant.overrides, "seed": seed}
        if "test" in files:
            settings["test"] = files["test"]
        said: list[warnings.WarningMessage] = []
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always", UserWarning)
                result = train(self._scattered(data, variant, seed), data, **settings)
        except NetlearnError as error:
            return {"error": error.message, "notes": _notes(said)}
        if result.interrupted:
            # What it came to until then is no result.
            raise KeyboardInterrupt
        return _outcome(result, said)

    def _scattered(self, data: DataLike | None, variant: Variant, seed: int) -> Netlist:
        if seed == 0 or self.scatter == 1.0:
            return self.netlist
        whole = open_project(self.netlist, data, overrides=dict(variant.overrides))
        parameters, reach = whole.parameters, np.log(self.scatter)
        factors = np.exp(np.random.default_rng([seed, 2]).uniform(-reach, reach, len(parameters)))
        moved = np.clip(parameters.initial * factors, parameters.lower, parameters.upper)
        return whole.design.write(parameters, np.where(parameters.positive, moved, parameters.initial))


def _outcome(result: TrainResult, said: Sequence[warnings.WarningMessage]) -> Record:
    last, test = result.history[-1], result.test
    return {
        # As the loss that was chosen is known only now.
        **{name: cell for name, cell in settings_columns(result.settings).items() if name.startswith("loss")},
        "train_loss": result.loss,
        "train_accuracy": nan if result.accuracy is None else result.accuracy,
        "test_loss": nan if test is None else test.loss,
        "test_accuracy": nan if test is None or test.accuracy is None else test.accuracy,
        "best_epoch": result.best_epoch,
        "solves": last.solves,
        "measurements": last.measurements,
        "seconds": result.seconds,
        "stopped": result.stopped,
        "notes": "; ".join(filter(None, [*result.notes, _notes(said)])),
        "error": "",
        **{f"curve.{name}": [float(getattr(each, name)) for each in result.history] for name in CURVES},
    }


def _notes(said: Sequence[warnings.WarningMessage]) -> str:
    return "; ".join(dict.fromkeys(str(each.message) for each in said))


def _about(
    netlist: Netlist,
    data: DataLike | None,
    variant: Variant,
    *,
    scatter: float,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    read: list[tuple[list[object], str, Record]],
) -> Iterable[Record]:
    """What is known of a variant's runs; ``read`` holds what is known of data that were read before."""
    files = {"data": data, "test": settings.get("test"), **variant.files}
    told = variant.settings
    given, which = [*files.values()], repr([told.data, told.input, told.output, told.classes, told.loss])
    found = next(
        (record for before, said, record in read if said == which and all(map(same_data, before, given))), None
    )
    if found is None:
        overrides = {**variant.overrides, "test": files["test"]}
        found = _tables(open_project(netlist, files["data"], overrides=overrides))
        read.append((given, which, found))
    forward = settings.get("forward", "internal")
    about: dict[str, Any] = {
        "netlist": netlist.source.path,
        "netlist_digest": digest(text.encode("utf-8", "surrogateescape") for text in texts_of(netlist)),
        **found,
        "version": version("netlearn"),
        "forward": forward if isinstance(forward, str) else repr(forward),
        "scatter": scatter,
        **settings_columns(variant.settings),
    }
    own = "".join(identity(getattr(variant.settings, name)) for name in DIRECTIVES)
    for seed in seeds:
        said = {**about, "seed": seed}
        # Where a file lies is not what is in it.
        kept = {name: value for name, value in said.items() if name not in ("netlist", "data", "test")}
        yield {"key": digest([json_text(kept).encode("utf-8", "surrogatepass"), own.encode()])[:16], **said}


def _tables(project: Project) -> Record:
    """The names and the digests of a project's data. Raises DataError."""
    tables = {"data": project.table, "test": project.test_table}
    there = {name: table for name, table in tables.items() if table is not None}
    names = {name: table.path for name, table in there.items()}
    return names | {f"{name}_digest": digest(bytes_of(table)) for name, table in there.items()}


def shown(value: object) -> object:
    """A varied value as a table shows it."""
    if value is None or isinstance(value, str | int | float):
        return value
    return repr(value) if "repr" in type(value).__dict__ or " at 0x" not in repr(value) else type(value).__name__


def _journal(path: Path) -> Journal[Record]:
    return Journal(path, "a record of a training", '{"key": ', lambda record: json_text(record, indent=None), _read)


def _read(entry: Any) -> Record:
    """The record of a JSON object, in which null is NaN. Raises what Journal wants for anything else."""
    numbers = {name: nan if entry[name] is None else float(entry[name]) for name in QUANTITIES}
    if not isinstance(entry["key"], str) or not isinstance(entry["error"], str):
        raise ValueError(json.dumps(entry)[:80])
    curves = {
        name: [nan if v is None else float(v) for v in values]
        for name, values in entry.items()
        if name.startswith("curve.")
    }
    return {**entry, **numbers, **curves}
