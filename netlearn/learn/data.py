"""From a table of samples to what a circuit is driven with and compared to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import DataError, Place, did_you_mean
from netlearn.learn.probes import is_probe, sources_of
from netlearn.learn.table import CLASS, IN_MEMORY, Table


@dataclass(frozen=True)
class Layout:
    """How columns of a table map to a circuit: what is driven, what is wanted.

    ``classes`` are the labels in the order of the outputs, empty where targets are values.
    Classes are in the order of their numbers where all are numbers, else in alphabetical order.
    """

    inputs: tuple[str, ...]
    sources: tuple[tuple[int, int], ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """S samples: ``inputs`` (S, p), and ``targets`` (S, o) values or (S,) class numbers."""

    inputs: Array
    targets: Array
    path: str = "<data>"

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, rows: Array) -> Dataset:
        """Some of the samples."""
        return Dataset(self.inputs[rows], self.targets[rows], self.path)


def layout_of(
    table: Table,
    circuit: Circuit,
    outputs: Sequence[str] = (),
    places: Mapping[str, Place] | None = None,
    classes: Sequence[str] = (),
) -> Layout:
    """What the columns of training data mean for a circuit.

    ``classes`` are the labels in the order of the outputs, if they are not to be those that
    the table has. Raises DataError for a column that names no source or probe, or where outputs
    and columns or classes do not fit.
    """
    driven, targets = _columns(table, circuit)
    if not driven and len(table) > 1:
        hint = "name a column after a source, such as V1, or keep one row"
        raise DataError("no column drives a source, so that all rows are one sample", Place(table.path, 1), hint)
    inputs, sources = tuple(driven), tuple(driven.values())
    place = next(iter((places or {}).values()), None)
    if table.labels is not None:
        if targets:
            raise DataError(f"there is a column 'class' and also the target '{targets[0]}'", Place(table.path, 1))
        if not outputs:
            raise DataError("classes need outputs", Place(table.path, 1), "add '*@output' with one probe per class")
        if not classes:
            classes = classes_in(table)
            check_classes(outputs, classes, f"in '{table.path}'", place)
        return Layout(inputs, sources, tuple(outputs), tuple(classes))
    columns = {_plain(name): name for name in targets}
    if not targets:
        raise DataError("there is no target", Place(table.path, 1), "add a column such as V(out), or 'class'")
    for name in outputs:
        if _plain(name) not in columns:
            hint = did_you_mean(name, targets)
            raise DataError(f"the output '{name}' has no column in '{table.path}'", (places or {}).get(name), hint)
    return Layout(inputs, sources, tuple(outputs or targets))


def input_layout_of(table: Table, circuit: Circuit, outputs: Sequence[str] = (), classes: Sequence[str] = ()) -> Layout:
    """What the columns of a table drive, where nothing is wanted of the outputs.

    Targets that the table has are not looked at, but are the outputs where none are given.
    Raises DataError for a column that names no source or probe.
    """
    driven, targets = _columns(table, circuit)
    return Layout(tuple(driven), tuple(driven.values()), tuple(outputs or targets), tuple(classes))


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


def _columns(table: Table, circuit: Circuit) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Group and place of the source that each column drives, and the columns that are targets."""
    sources = sources_of(circuit)
    driven: dict[str, tuple[int, int]] = {}
    targets: list[str] = []
    for name in table.columns:
        if is_probe(name):
            targets.append(name)
        elif name.lower() in sources:
            driven[name] = sources[name.lower()]
        else:
            known = [*table.columns, CLASS] if not sources else [*sources, CLASS]
            hint = did_you_mean(name, known) + "; V(node) and I(source) name targets, 'class' a class"
            if table.path == IN_MEMORY:
                hint += "; or give arrays, whose columns drive what input=['V1', ...] says"
            raise DataError(f"the column '{name}' names no source or probe", Place(table.path, 1), hint)
    return driven, targets


def dataset_of(table: Table, layout: Layout) -> Dataset:
    """The samples of a table in a layout. Raises DataError for a missing column or an unseen class."""
    inputs = inputs_of(table, layout)
    if not layout.classes:
        return Dataset(inputs, _taken(table, layout.outputs), table.path)
    if table.labels is None:
        raise DataError("there is no column 'class', which the training data has", Place(table.path, 1))
    numbers = {label: i for i, label in enumerate(layout.classes)}
    targets = np.array([numbers.get(label, -1) for label in table.labels], dtype=np.intp)
    unseen = np.flatnonzero(targets < 0)
    if len(unseen):
        row = int(unseen[0])
        label = str(table.labels[row])
        if not label:
            raise DataError(f"{table.row(row)}: there is no class", table.place(row))
        hint = did_you_mean(label, layout.classes)
        raise DataError(f"{table.row(row)}: the class '{label}' is not among the training data", table.place(row), hint)
    return Dataset(inputs, targets, table.path)


def inputs_of(table: Table, layout: Layout) -> Array:
    """What drives the circuit (S, p), column by column of the layout. Raises DataError for a missing one."""
    return _taken(table, layout.inputs)


def _taken(table: Table, names: Sequence[str]) -> Array:
    """Columns (S, n) by name. Raises DataError for a missing one."""
    if not names:
        return np.zeros((len(table), 0))
    columns = {_plain(name): column for name, column in table.columns.items()}
    for name in names:
        if _plain(name) not in columns:
            hint = did_you_mean(name, table.columns)
            raise DataError(f"there is no column '{name}', which the training data has", Place(table.path, 1), hint)
    return np.stack([columns[_plain(name)] for name in names], axis=1)


def split(data: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
    """Training and validation parts; the second is None at fraction 0. Raises DataError for an empty part."""
    if not fraction:
        return data, None
    aside = round(fraction * len(data))
    if not 0 < aside < len(data):
        raise DataError(f"a validation part of {fraction:g} of {len(data)} samples leaves one part empty")
    order = rng.permutation(len(data))
    return data.part(np.sort(order[aside:])), data.part(np.sort(order[:aside]))


def classes_in(*tables: Table) -> tuple[str, ...]:
    """The labels of tables: in the order of their numbers where all are numbers, else in alphabetical order."""
    labels = {label for table in tables if table.labels is not None for label in table.labels.tolist() if label}
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def _plain(name: str) -> str:
    return "".join(name.lower().split())
