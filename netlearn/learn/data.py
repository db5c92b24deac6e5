"""From a table of samples to what a circuit is driven with and compared to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import isfinite, prod

import numpy as np

from netlearn import memory
from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError, Place, did_you_mean
from netlearn.learn.goals import MET_HIGH, MET_LOW, Aim, Goal
from netlearn.learn.table import Table, asked_by, is_number, plain_name


@dataclass(frozen=True)
class Layout:
    """What columns of a table mean: what a sample sets, and what is wanted.

    ``corners`` are further names that samples set, each with its values: every row of the table is
    taken at all their combinations. ``classes`` are the labels in the order of the outputs, empty
    where targets are values. Classes are in the order of their numbers where all are numbers, else in
    alphabetical order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] = ()
    corners: Mapping[str, Sequence[float]] = field(default_factory=dict)
    aims: tuple[Aim, ...] = ()
    """What is wanted of the outputs where that is said by goals."""

    @property
    def driven(self) -> tuple[str, ...]:
        """The names of the p inputs, those of the corners last."""
        return (*self.inputs, *self.corners)


@dataclass(frozen=True)
class Dataset:
    """S samples: ``inputs`` (S, p), and ``targets`` (S, o) values or (S,) class numbers.

    Where nothing is asked, a value is NaN and a class number -1. Targets of goals are as ``Goals`` has them.
    ``rows`` (S,) are the rows of the table that the samples come from; several samples do where there are
    corners.
    """

    inputs: Array
    targets: Array
    path: str = "<data>"
    rows: Array | None = None
    corners: tuple[str, ...] = ()
    """The names of the last inputs, which tell the samples of one row apart."""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def asked(self) -> Array:
        """(S,) whether anything is asked of the outputs in each sample."""
        missing = self.targets < 0 if self.targets.dtype.kind == "i" else np.isnan(self.targets)
        return np.asarray(~missing.reshape(len(missing), -1).all(axis=1))

    def part(self, samples: Array) -> Dataset:
        """Some of the samples."""
        rows = None if self.rows is None else self.rows[samples]
        inputs = self.inputs[samples]
        # So that who keeps them needs no copy.
        inputs.flags.writeable = False
        return replace(self, inputs=inputs, targets=self.targets[samples], rows=rows)

    def label(self, sample: int) -> str:
        """How a sample, counted from 0, is called: by its number, and by the corner that it is taken at."""
        if not self.corners or self.rows is None:
            return f"sample {sample + 1}"
        values = self.inputs[sample, len(self.inputs[sample]) - len(self.corners) :]
        at = " ".join(f"{name}={value:g}" for name, value in zip(self.corners, values, strict=True))
        return f"sample {sample + 1} (row {self.rows[sample] + 1} at {at})"


def check_sample(sample: int, count: int | None) -> None:
    """Raise OptionError for a sample that there is not among so many, or without data but the netlist's own values.

    Samples are counted from 0, and by what they are called from 1.
    """
    if sample < 0:
        raise OptionError(f"'sample' cannot be {sample}", hint="samples are counted from 0, which is the first")
    if sample >= (1 if count is None else count):
        among = "as there are no data" if count is None else f"only 1 to {count}" if count > 1 else "only one"
        raise OptionError(f"there is no sample {sample + 1}, {among}")


def layout_of(
    table: Table,
    outputs: Sequence[str] = (),
    places: Mapping[str, Place] | None = None,
    classes: Sequence[str] = (),
    corners: Mapping[str, Sequence[float]] | None = None,
    *,
    goals: Sequence[Goal] = (),
) -> Layout:
    """What the columns of training data mean: those named like a probe are targets, all others are set.

    ``classes`` are the labels in the order of the outputs, if they are not to be those that
    the table has. Raises DataError where outputs and columns or classes do not fit.
    """
    (inputs, targets), corners = _columns(table), dict(corners or {})
    _check_corners(table, inputs, corners)
    if not inputs and len(table) > 1:
        hint = "name a column after a source, such as V1, or keep one row"
        raise DataError("no column drives a source, so that all rows are one sample", Place(table.path, 1), hint)
    place = next(iter((places or {}).values()), None)
    bounds = any(_asks(name)[1] != "value" for name in targets)
    if table.labels is not None:
        if goals or bounds:
            where = goals[0].place if goals else Place(table.path, 1)
            raise DataError(
                "goals are about values, and the data have a column 'class'", where, "leave one of them out"
            )
        if targets:
            raise DataError(f"there is a column 'class' and also the target '{targets[0]}'", Place(table.path, 1))
        if not outputs:
            raise DataError("classes need outputs", Place(table.path, 1), "add '*@output' with one probe per class")
        if not classes:
            classes = classes_in(table)
            check_classes(outputs, classes, f"in '{table.path}'", place)
        return Layout(inputs, tuple(outputs), tuple(classes), corners)
    if goals or bounds:
        aims = _aims(table, targets, outputs, goals)
        named = (*outputs, *(aim.goal.probe for aim in aims))
        return Layout(inputs, tuple({plain_name(name): name for name in named[::-1]}.values())[::-1], (), corners, aims)
    columns = {plain_name(name): name for name in targets}
    if not targets:
        raise DataError("there is no target", Place(table.path, 1), "add a column such as V(out), or 'class'")
    for name in outputs:
        if plain_name(name) not in columns:
            hint = did_you_mean(name, targets)
            raise DataError(f"the output '{name}' has no column in '{table.path}'", (places or {}).get(name), hint)
    return Layout(inputs, tuple(outputs or targets), (), corners)


def input_layout_of(
    table: Table,
    outputs: Sequence[str] = (),
    classes: Sequence[str] = (),
    corners: Mapping[str, Sequence[float]] | None = None,
) -> Layout:
    """What the columns of a table set, where nothing is wanted of the outputs.

    Targets that the table has are not looked at, but are the outputs where none are given.
    Raises DataError for a column that is a corner, too.
    """
    inputs, targets = _columns(table)
    _check_corners(table, inputs, corners or {})
    measured = tuple({plain_name(_asks(name)[0]): _asks(name)[0] for name in targets}.values())
    return Layout(inputs, tuple(outputs or measured), tuple(classes), dict(corners or {}))


def _aims(table: Table, targets: Sequence[str], outputs: Sequence[str], goals: Sequence[Goal]) -> tuple[Aim, ...]:
    """What goals and the columns that ask something come to. Raises DataError and OptionError for what contradicts."""
    wanted = {plain_name(name) for name in (*outputs, *(goal.probe for goal in goals))}
    asked: dict[str, dict[str, str]] = {}
    for name in targets:
        probe, what = _asks(name)
        if what != "value" or not outputs or plain_name(probe) in wanted:
            asked.setdefault(plain_name(probe), {})[what] = name
    known = {plain_name(goal.probe) for goal in goals}
    every = [*goals, *(Goal(_asks(next(iter(each.values())))[0]) for key, each in asked.items() if key not in known)]
    aims = []
    for goal in every:
        columns = asked.get(plain_name(goal.probe), {})
        for what, name in columns.items():
            if getattr(goal, what) is not None:
                said = "value" if what == "value" else f"{what} bound"
                hint = "leave one of them out"
                raise OptionError(f"the {said} of '{goal.probe}' is in the data, too, as '{name}'", goal.place, hint)
        has_value = goal.value is not None or "value" in columns
        if goal.within is not None and not has_value:
            raise OptionError(f"'within' needs a value of '{goal.probe}'", goal.place, f"write {goal.probe} = value")
        if not has_value and goal.min is None and goal.max is None and not columns:
            quoted = "leave the quotes out: PROBE = value" if "=" in goal.probe else ""
            raise OptionError(
                f"nothing is wanted of '{goal.probe}'", goal.place, quoted or "write = value, min= or max="
            )
        aim = Aim(goal, columns)
        aims.append(replace(aim, spread=aim.spread_of(table.columns, len(table))))
    _check_aims(table, aims)
    return tuple(aims)


def _check_aims(table: Table, aims: Sequence[Aim]) -> None:
    """Raise OptionError for goals that contradict each other, DataError for rows that do."""
    bands: dict[str, tuple[Array, Array]] = {}
    for aim in aims:
        value, low, high = aim.asked(table.columns, len(table))
        for wrong, said in (
            (low > high, "the lower bound of '{}' is above the upper bound"),
            ((value < low) | (value > high), "the value of '{}' is outside of its bounds"),
        ):
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(f"{table.row(row)}: {said.format(aim.goal.probe)}", table.place(row))
        targets = aim.targets(table.columns, len(table))
        key = plain_name(aim.goal.probe)
        below, above = bands.get(key, (np.full(len(table), -np.inf), np.full(len(table), np.inf)))
        below, above = np.fmax(below, targets[:, MET_LOW]), np.fmin(above, targets[:, MET_HIGH])
        if np.any(below > above):
            first = next(each for each in aims if plain_name(each.goal.probe) == key)
            row = int(np.argmax(below > above))
            at = f" in {table.row(row)}" if len(table) > 1 else ""
            hint = f"the other is '{first.goal.text}'" + (f" at {first.goal.place}" if first.goal.place else "")
            raise OptionError(f"the goal '{aim.goal.text}' contradicts another{at}", aim.goal.place, hint)
        bands[key] = below, above


def _asks(name: str) -> tuple[str, str]:
    """The probe that a column asks something of, and what."""
    found = asked_by(name)
    assert found is not None
    return found


def check_classes(outputs: Sequence[str], classes: Sequence[str], found: str, place: Place | None) -> None:
    """Raise DataError unless there is one output for each class."""
    if len(classes) != len(outputs):
        shown = ", ".join(classes[:6]) + (", ..." if len(classes) > 6 else "")
        raise DataError(
            f"{len(outputs)} outputs for {len(classes)} classes ({shown}) {found}",
            place,
            "'*@output' lists one probe per class, in the order of the classes; "
            "'*@classes' names classes that the data do not have",
        )


def _columns(table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that samples set, and those that are targets."""
    inputs = tuple(name for name in table.columns if not asked_by(name))
    return inputs, tuple(name for name in table.columns if asked_by(name))


def _check_corners(table: Table, inputs: Sequence[str], corners: Mapping[str, Sequence[float]]) -> None:
    for name in inputs:
        if plain_name(name) in {plain_name(corner) for corner in corners}:
            raise DataError(f"'{name}' is a column and a corner as well", table.heading(name), "leave one of them out")


def dataset_of(table: Table, layout: Layout) -> Dataset:
    """The samples of a table in a layout. Raises DataError for a missing column or an unseen class."""
    inputs = _taken(table, layout.inputs)
    if layout.aims:
        names = [name for aim in layout.aims for name in aim.columns.values()]
        columns = dict(zip(names, _taken(table, names).T, strict=True))
        targets = np.stack([aim.targets(columns, len(table)) for aim in layout.aims], axis=1)
        return _cornered(layout, inputs, targets, table.path)
    if not layout.classes:
        return _cornered(layout, inputs, _taken(table, layout.outputs), table.path)
    if table.labels is None:
        raise DataError("there is no column 'class', which the training data has", Place(table.path, 1))
    numbers = {label: i for i, label in enumerate(layout.classes)}
    targets = np.array([numbers.get(label, -1) for label in table.labels], dtype=np.intp)
    unseen = np.flatnonzero((targets < 0) & (table.labels != ""))
    if len(unseen):
        row = int(unseen[0])
        label = str(table.labels[row])
        other = next((each for each in layout.classes if each.lower() == label.lower()), None)
        hint = did_you_mean(label, layout.classes)
        if other is not None:
            hint = f"did you mean '{other}'? capitals and small letters make two classes"
        raise DataError(f"{table.row(row)}: the class '{label}' is not among the training data", table.place(row), hint)
    return _cornered(layout, inputs, targets, table.path)


def _cornered(layout: Layout, inputs: Array, targets: Array, path: str) -> Dataset:
    """The samples of a table's rows, each at all corners."""
    inputs, rows = _at_corners(layout, inputs)
    return Dataset(inputs, targets[rows], path, rows, tuple(layout.corners))


def _at_corners(layout: Layout, inputs: Array) -> tuple[Array, Array]:
    """Inputs (S, p), each row of the table (rows, columns) at all corners, and the rows (S,) that they come from."""
    rows = np.arange(len(inputs))
    if not layout.corners:
        return inputs, rows
    # Beyond this no memory is enough, however many they are.
    count = min(prod(len(values) for values in layout.corners.values()), 10**15)
    numbers = len(inputs) * (inputs.shape[1] + len(layout.corners)) * count
    # Python's own numbers take about four times as much on the way.
    memory.require(32 * numbers, "samples at all combinations of the corners", "give *@corner fewer values or names")
    combinations = np.array(list(product(*layout.corners.values())), dtype=float)
    rows = np.repeat(rows, len(combinations))
    return np.hstack([inputs[rows], np.tile(combinations, (len(inputs), 1))]), rows


def inputs_of(table: Table, layout: Layout) -> Array:
    """What the samples set (S, p), by columns and corners of the layout. Raises DataError for a missing column."""
    return _at_corners(layout, _taken(table, layout.inputs))[0]


def unasked(table: Table, layout: Layout) -> Dataset:
    """The samples of a table of whose outputs nothing is asked. Raises DataError for a missing column."""
    return _cornered(layout, _taken(table, layout.inputs), np.zeros((len(table), 0)), table.path)


def _taken(table: Table, names: Sequence[str]) -> Array:
    """Columns (S, n) by name. Raises DataError for a missing one."""
    if not names:
        return np.zeros((len(table), 0))
    columns = {plain_name(name): column for name, column in table.columns.items()}
    for name in names:
        if plain_name(name) not in columns:
            hint = did_you_mean(name, table.columns)
            raise DataError(f"there is no column '{name}', which the training data has", Place(table.path, 1), hint)
    return np.stack([columns[plain_name(name)] for name in names], axis=1)


def split(data: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
    """Training and validation parts; the second is None at fraction 0. Raises DataError for an empty part.

    The samples of one row of the table, which differ by their corners, stay together.
    """
    if not fraction:
        return data, None
    rows, row = (np.arange(len(data)),) * 2 if data.rows is None else np.unique(data.rows, return_inverse=True)
    aside = round(fraction * len(rows))
    if not 0 < aside < len(rows):
        raise DataError(f"a validation part of {fraction:g} of {len(rows)} samples leaves one part empty")
    kept_aside = np.zeros(len(rows), dtype=bool)
    kept_aside[rng.permutation(len(rows))[:aside]] = True
    return data.part(np.flatnonzero(~kept_aside[row])), data.part(np.flatnonzero(kept_aside[row]))


def classes_in(*tables: Table) -> tuple[str, ...]:
    """The labels of tables: in the order of their numbers where all are finite numbers, else in alphabetical order.

    Labels of one number are in alphabetical order, too.
    """
    labels = {label for table in tables if table.labels is not None for label in table.labels.tolist() if label}
    if all(is_number(label) and isfinite(float(label)) for label in labels):
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    return tuple(sorted(labels))
