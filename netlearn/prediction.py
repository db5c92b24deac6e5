"""Outputs of a netlist for new inputs, of which no more is held at a time than is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.chip_training import one_chip
from netlearn.errors import CheckFailed, ChipError, OptionError, warn
from netlearn.executors import Sent, for_workers, in_order, received
from netlearn.learn.data import Layout, inputs_of
from netlearn.learn.files import table_chunks
from netlearn.learn.loss import CrossEntropy, Loss
from netlearn.learn.model import Model
from netlearn.learn.output_files import check_ending, output_file
from netlearn.learn.superposition import read_of
from netlearn.learn.table import Table
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.sample_values import check_values
from netlearn.solve.parts import numbered
from netlearn.solvers import Forward, solver_of

HELD = 250_000
"""About how many node voltages are held at a time: lattices of 20x20 with diodes take 0.9 times as long with half and
1.01 with twice as many (benchmarks/rows_at_a_time.py)."""


@dataclass(frozen=True)
class Prediction:
    """What the probes ``names`` read for S samples: ``outputs`` (S, o), in volts or amperes.

    With classes, the outputs are their scores, in the order of ``classes``. ``probabilities``
    (S, o) are given where the loss is one of probabilities, as the cross-entropy is.
    """

    names: tuple[str, ...]
    outputs: Array
    classes: tuple[str, ...] = ()
    probabilities: Array | None = None

    def __len__(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        return (
            f"<prediction: {len(self)} samples of {', '.join(self.names[:4])}{', ...' if len(self.names) > 4 else ''}>"
        )

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> Array:
        """The labels where there are classes, else the outputs."""
        return np.array(self.labels if self.classes else self.outputs, dtype)

    @property
    def scores(self) -> Array:
        """(S, o) the outputs, the largest of which decides on the class."""
        return self.outputs

    @property
    def predictions(self) -> Array:
        """(S,) the number of the class with the largest output."""
        return np.asarray(np.argmax(self.outputs, axis=1))

    @cached_property
    def labels(self) -> Array:
        """(S,) the class with the largest output; whole numbers or truth values where all classes are.

        Without classes it is the name of the probe that reads the most.
        """
        return _labels(self.classes or self.names)[self.predictions]

    def columns(self) -> dict[str, Array]:
        """All as columns (S,) by name, as they stand in files."""
        columns = dict(zip(self.names, self.outputs.T, strict=True))
        if self.classes:
            columns["class"] = self.labels
        if self.probabilities is not None:
            names = (f"probability {label}" for label in self.classes or self.names)
            columns |= dict(zip(names, self.probabilities.T, strict=True))
        return columns


@checked
def predict(
    netlist: NetlistLike,
    data: DataLike,
    *,
    forward: Forward = "internal",
    executor: Executor | None = None,
    **settings: Unpack[Overrides],
) -> Prediction:
    """What a netlist's outputs are for new inputs.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : inputs: a path, a DataFrame, arrays (S,) by column name, or an array (S, p) whose
        columns drive what ``*@input`` says, or else what the training data drive in their
        order. Targets in it are not looked at.
    forward : what finds operating points: ``internal``, ``ngspice``, a solver, or a chip as for ``train``.
    executor : where this is done, part by part: anything with the interface of ``concurrent.futures.Executor``.
    settings : as for ``train``; of use here are ``input``, ``output``, ``classes`` and ``loss``.

    Classes are those of ``*@classes``, or of the training data that the netlist names, if it is
    there. Raises NetlearnError for what the user can mend.
    """
    with solver_of(forward) as solver:
        one_chip(solver, executor)
        project = open_project(netlist, data, solver, settings)
        parts = list(_parts(project, [project.table], executor))
    first = parts[0]
    together = [part.probabilities for part in parts if part.probabilities is not None]
    return Prediction(
        first.names,
        np.concatenate([part.outputs for part in parts]),
        first.classes,
        np.concatenate(together) if together else None,
    )


@checked
def predictions(
    netlist: NetlistLike,
    data: str | os.PathLike[str],
    *,
    forward: Forward = "internal",
    executor: Executor | None = None,
    **settings: Unpack[Overrides],
) -> Iterator[Prediction]:
    """The same for a file of any length, part by part; the memory that it takes does not grow with the file."""
    with solver_of(forward) as solver:
        one_chip(solver, executor)
        project = open_project(netlist, None, solver, settings)
        yield from _parts(project, table_chunks(Path(data), rows_at_a_time(project), project.unnamed), executor)


@checked
def predict_file(
    netlist: NetlistLike,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    forward: Forward = "internal",
    executor: Executor | None = None,
    **settings: Unpack[Overrides],
) -> int:
    """The same into a file, ``.csv``, ``.npz`` or ``.parquet``; how many samples there were.

    The file takes its place when it is whole, or when a chip fails that has given some of it. Raises NetlearnError for
    what the user can mend.
    """
    check_ending(Path(out))
    count = 0
    failed: ChipError | None = None
    with output_file(Path(out)) as write:
        try:
            for part in predictions(netlist, data, forward=forward, executor=executor, **settings):
                write(part.columns())
                count += len(part)
        except ChipError as error:
            if not count:
                raise
            failed = error
    if failed is not None:
        failed.hint = "; ".join(filter(None, (failed.hint, f"the first {count} samples are in '{out}'")))
        failed.exit_code = CheckFailed.exit_code
        raise failed
    return count


def rows_at_a_time(project: Project) -> int:
    """How many samples are solved at a time."""
    return int(np.clip(HELD // max(1, project.circuit.size), 64, 65536))


def _parts(
    project: Project, tables: Iterator[Table] | list[Table], executor: Executor | None = None
) -> Iterator[Prediction]:
    loss = _loss(project)
    if executor is None:
        answers: Iterator[_Answer] = _one_by_one(_questions(project, tables, None))
    else:
        answers = in_order(_answered, _questions(project, tables, executor), executor)
    told = False
    for layout, outputs in answers:
        if not told:
            told = True
            _tell_missing_classes(project, layout)
        yield Prediction(layout.outputs, outputs, layout.classes, _probabilities(loss, outputs))


def _tell_missing_classes(project: Project, layout: Layout) -> None:
    """Warn where a classifier's answers have no labels, as the data that tell them are not there, or do not fit."""
    named = project.settings.data.train
    if named is not None and isinstance(project.settings.loss, CrossEntropy) and not layout.classes:
        there = (project.netlist.files.origin / named).exists()
        wrong = "does not fit the outputs" if there else "is not there"
        warn(
            f"'{named}' {wrong}, which tells the classes of the outputs: no labels are predicted; "
            "'*@classes' in the netlist, or the option classes, would tell"
        )


_Answer = tuple[Layout, Array]


@dataclass(frozen=True)
class _Question:
    """Inputs (S, p) of samples of which the first has a number, for a model, which may have been sent."""

    model: Model | Sent[Model]
    layout: Layout
    inputs: Array
    first: int


def _questions(
    project: Project, tables: Iterator[Table] | list[Table], executor: Executor | None
) -> Iterator[_Question]:
    rows, done = rows_at_a_time(project), 0
    model: Model | Sent[Model] | None = None
    for table in tables:
        # An output for every row: corners are for data with targets.
        layout = replace(project.input_layout(table), corners={})
        if not layout.outputs:
            raise OptionError("there is nothing to measure", hint="say what: --output 'V(out)', or *@output V(out)")
        if model is None:
            plain = project.model_of(layout)
            model = for_workers(plain, executor)
        inputs = inputs_of(table, layout)
        check_values(plain, inputs, table)
        for start in range(0, len(inputs), rows):
            part = inputs[start : start + rows]
            yield _Question(model, layout, part, done)
            done += len(part)


def _answered(question: _Question) -> _Answer:
    model = received(question.model)
    with numbered(question.first + np.arange(len(question.inputs))):
        outputs = read_of(model, model.parameters.initial, question.inputs)
    return question.layout, outputs


def _one_by_one(questions: Iterator[_Question]) -> Iterator[_Answer]:
    """The answers, and of a chip that fails what it has given of the last one."""
    for question in questions:
        try:
            yield _answered(question)
        except ChipError as error:
            if error.measured is not None and len(error.measured):
                yield question.layout, error.measured
            raise


def _loss(project: Project) -> Loss | None:
    """The loss, with its scale if that can be told without looking at the samples that are predicted."""
    named = replace(project, data=None)
    if project.named_layout is not None and named.chooses_scale:
        return named.loss
    loss = project.settings.loss
    return None if isinstance(loss, CrossEntropy) and loss.scale is None else loss


def _probabilities(loss: Loss | None, outputs: Array) -> Array | None:
    return loss.probabilities(outputs) if isinstance(loss, CrossEntropy) else None


def _labels(names: tuple[str, ...]) -> Array:
    # Longer ones are more than an integer of 64 bits.
    if all(name.removeprefix("-").isdecimal() and len(name) <= 18 for name in names):
        return np.array([int(name) for name in names])
    return np.array([name == "True" for name in names] if {*names} == {"True", "False"} else names)
