"""A netlist that solves a least-squares problem at its operating point."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import DataError
from netlearn.learn.files import read_table
from netlearn.learn.samples import Unnamed, named_columns, table_of
from netlearn.netlist.lines import one_line
from netlearn.onestep.arrays import Scaled, Written, written
from netlearn.onestep.circuit import OneStepCircuit
from netlearn.onestep.options import OneStep
from netlearn.onestep.problem import LeastSquares, least_squares
from netlearn.options import build
from netlearn.topologies.tables import csv_text

ACCURATE = 100.0
"""Loop gain from which amplifiers' gains change coefficients by less than 1 %, derived from the 1/(1 + L) that a loop
gain L leaves."""


@dataclass(frozen=True)
class OneStepNetlist:
    """A netlist whose operating point is a vector of least-squares coefficients.

    ``outputs`` are the probes of the m coefficients. Where there are K > 1 targets, ``data`` are K samples of the
    currents that stand for them, as CSV, to be given to :func:`netlearn.operating_point`; else it is empty.
    """

    netlist: str
    data: str
    outputs: Sequence[str]
    problem: LeastSquares
    written: Written

    def __repr__(self) -> str:
        rows, count = self.problem.design.shape
        return f"<one-step regression: {rows} rows, {count} coefficients, {len(self.problem.wanted)} targets>"

    @property
    def solution(self) -> Array:
        """(m, K) what ideal amplifiers and devices would come to, by numpy."""
        return self.problem.solution

    @property
    def loop_gain(self) -> float:
        """The least of all loops: a part 1/(1 + loop gain) of a coefficient may be missing."""
        return min(self.written.rows, self.written.columns)

    def predict(self, coefficients: Array, inputs: Array) -> Array:
        """What coefficients (m, K) or (m,) say of inputs (S, p): values (S, K), or for classes their labels (S,).

        ``inputs`` are the table's columns without its target, also where there is a hidden layer. Raises DataError.
        """
        found = np.asarray(coefficients, dtype=float)
        return self.problem.predicted(found.reshape(len(self.outputs), -1), inputs)


@checked
def new_onestep(data: object, targets: object = None, **options: object) -> OneStepNetlist:
    """The feedback circuit of crosspoint arrays whose operating point is the least-squares fit of a table of data.

    Parameters
    ----------
    data : a path of CSV, Parquet or .npz; a DataFrame, or arrays (S,) by column name; or inputs (S, p).
    targets : values (S,), values (S, K), or class labels (S,), where they are no columns of ``data``.
    options : those of ``netlearn new onestep``: ridge=, gain=, wire=, levels=, noise=, hidden= and others.

    Raises DataError for data without one best vector of coefficients (more coefficients than rows, collinear columns),
    for text and for what is missing, and OptionError for options that do not fit, among them a gain too low to
    close the loop.

    >>> import netlearn
    >>> made = netlearn.new_onestep({"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.0]}, gain=1e9)
    >>> point = netlearn.operating_point(netlearn.parse(made.netlist))
    >>> [round(float(volts), 6) for volts in point.measure(*made.outputs)[0]]
    [2.0, 1.0]
    """
    chosen = build(OneStep, options, "'onestep'")
    path = isinstance(data, str | os.PathLike)
    if path and targets is not None:
        raise DataError("targets by themselves need inputs in Python", hint="leave them out, or give arrays")
    try:
        table = read_table(Path(data)) if path else table_of(_named(data, targets), Unnamed())  # type: ignore[arg-type]
    except DataError as error:
        if error.message.endswith(("is not a number", "not numbers")):
            error.hint = error.hint or "leave columns of text out, or make numbers of them; classes stand in 'class'"
        raise
    problem = least_squares(table, chosen)
    scaled = Scaled.of(problem)
    circuit = OneStepCircuit(problem, scaled, written(problem, scaled))
    head = _head(problem, circuit, Path(data).name if path else "")  # type: ignore[arg-type]
    text = "\n".join([*head, *circuit.lines(), "", ".end", ""])
    return OneStepNetlist(text, _targets(circuit, scaled), circuit.outputs, problem, circuit.written)


def _named(data: object, targets: object) -> object:
    """Columns with names, arrays' by numbers, and targets as the last ones or as ``class``."""
    columns = named_columns(data)
    if columns is None:
        inputs = np.asarray(data)
        if inputs.ndim != 2:
            raise DataError(f"inputs have the shape {inputs.shape}, not (samples, inputs)")
        columns = {f"x{j + 1}": inputs[:, j] for j in range(inputs.shape[1])}
    if targets is None:
        return columns
    wanted = named_columns(targets)
    if wanted is not None:
        return {**columns, **wanted}
    values = np.asarray(targets)
    if values.dtype.kind not in "buif":
        return {**columns, "class": values}
    values = values[:, None] if values.ndim == 1 else values
    return {**columns, **{f"y{k + 1}" if values.shape[1] > 1 else "y": values[:, k] for k in range(values.shape[1])}}


def _head(problem: LeastSquares, circuit: OneStepCircuit, data_name: str) -> list[str]:
    rows, count = problem.design.shape
    of_what = f" of {one_line(data_name)}" if data_name else ""
    hidden = "" if problem.layer is None else f" behind {problem.columns.shape[1]} hidden units"
    wanted = one_line(", ".join(problem.wanted))
    lines = [f"* one-step regression{of_what}: {rows} rows, {count} coefficients{hidden}", "*"]
    lines.append(f"* The operating point is the least-squares fit of {wanted[:60]}{'...' if len(wanted) > 60 else ''}")
    if len(problem.wanted) > 1:
        lines.append(
            "* One target is a sample of the data that 'netlearn new onestep' wrote beside this; here is the first"
        )
    outputs = circuit.outputs
    return [*lines, "*", *(f"*@output  {' '.join(outputs[k : k + 8])}" for k in range(0, len(outputs), 8))]


def _targets(circuit: OneStepCircuit, scaled: Scaled) -> str:
    """The samples of several targets as CSV, and nothing for one."""
    currents = circuit.currents
    if currents.shape[1] == 1:
        return ""
    header = [f"Iy{i + 1}" for i in range(len(currents))]
    columns = currents.T
    if circuit.problem.options.center:
        header, columns = [*header, "Vmean"], np.column_stack([columns, scaled.target_means])
    return csv_text(header, columns)
