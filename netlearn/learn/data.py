"""From a table of samples to what a circuit is driven with and compared to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import DataError, Place, did_you_mean
from netlearn.learn.probes import is_probe, sources_of
from netlearn.learn.table import CLASS, Table


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
    table: Table, circuit: Circuit, outputs: Sequence[str] = (), places: Mapping[str, Place] | None = None
) -> Layout:
    """What the columns of training data mean for a circuit.

    Raises DataError for a column that names no source or probe, or where outputs and columns
    or classes do not fit.
    """
    sources = sources_of(circuit)
    inputs, targets = [], []
    for name in table.columns:
        if is_probe(name):
            targets.append(name)
        elif name.lower() in sources:
            inputs.append(name)
        else:
            known = [*table.columns, CLASS] if not sources else [*sources, CLASS]
            raise DataError(
                f"the column '{name}' names no source or probe",
                Place(table.path, 1),
                did_you_mean(name, known) + "; V(node) and I(source) name targets, 'class' a class",
            )
    if not inputs and len(table) > 1:
        hint = "name a column after a source, such as V1, or keep one row"
        raise DataError("no column drives a source, so that all rows are one sample", Place(table.path, 1), hint)
    classes: tuple[str, ...] = ()
    place = next(iter((places or {}).values()), None)
    if table.labels is not None:
        if targets:
            raise DataError(f"there is a column 'class' and also the target '{targets[0]}'", Place(table.path, 1))
        if not outputs:
            raise DataError("classes need outputs", Place(table.path, 1), "add '*@output' with one probe per class")
        classes = _in_order(set(table.labels.tolist()))
        if len(classes) != len(outputs):
            shown = ", ".join(classes[:6]) + (", ..." if len(classes) > 6 else "")
            raise DataError(
                f"{len(outputs)} outputs for {len(classes)} classes ({shown}) in '{table.path}'",
                place,
                "'*@output' lists one probe per class, in the order of the classes",
            )
        return Layout(tuple(inputs), tuple(sources[n.lower()] for n in inputs), tuple(outputs), classes)
    columns = {_plain(name): name for name in targets}
    if not targets:
        raise DataError("there is no target", Place(table.path, 1), "add a column such as V(out), or 'class'")
    for name in outputs:
        if _plain(name) not in columns:
            hint = did_you_mean(name, targets)
            raise DataError(f"the output '{name}' has no column in '{table.path}'", (places or {}).get(name), hint)
    return Layout(tuple(inputs), tuple(sources[n.lower()] for n in inputs), tuple(outputs or targets))


def dataset_of(table: Table, layout: Layout) -> Dataset:
    """The samples of a table in a layout. Raises DataError for a missing column or an unseen class."""
    columns = {_plain(name): column for name, column in table.columns.items()}

    def column(name: str) -> Array:
        if _plain(name) not in columns:
            hint = did_you_mean(name, table.columns)
            raise DataError(f"there is no column '{name}', which the training data has", Place(table.path, 1), hint)
        return columns[_plain(name)]

    inputs = np.stack([column(name) for name in layout.inputs], axis=1) if layout.inputs else np.zeros((len(table), 0))
    if not layout.classes:
        return Dataset(inputs, np.stack([column(name) for name in layout.outputs], axis=1), table.path)
    if table.labels is None:
        raise DataError("there is no column 'class', which the training data has", Place(table.path, 1))
    numbers = {label: i for i, label in enumerate(layout.classes)}
    targets = np.array([numbers.get(label, -1) for label in table.labels], dtype=np.intp)
    unseen = np.flatnonzero(targets < 0)
    if len(unseen):
        row = int(unseen[0])
        label = str(table.labels[row])
        hint = did_you_mean(label, layout.classes)
        raise DataError(f"row {row + 1}: the class '{label}' is not among the training data", table.place(row), hint)
    return Dataset(inputs, targets, table.path)


def split(data: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
    """Training and validation parts; the second is None at fraction 0. Raises DataError for an empty part."""
    if not fraction:
        return data, None
    aside = round(fraction * len(data))
    if not 0 < aside < len(data):
        raise DataError(f"a validation part of {fraction:g} of {len(data)} samples leaves one part empty")
    order = rng.permutation(len(data))
    return data.part(np.sort(order[aside:])), data.part(np.sort(order[:aside]))


def _in_order(labels: set[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def _plain(name: str) -> str:
    return "".join(name.lower().split())
