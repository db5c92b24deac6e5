"""From what a chip gave at known settings to a netlist with the values that it really has."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arguments import netlist_of
from netlearn.arrays import Array
from netlearn.atomic import Destination
from netlearn.elaboration.design import Design
from netlearn.errors import CircuitError, ConvergenceError, DataError, NetlistWarning, OptionError, Place, warn
from netlearn.learn.calibration import Calibrated, calibrated, determines_offsets, true_slope, true_values
from netlearn.learn.data import Layout, inputs_of
from netlearn.learn.files import read_table
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.learn.per_sample import PerSample
from netlearn.learn.samples import Unnamed, table_of
from netlearn.learn.settings import DataFiles
from netlearn.learn.table import Table, asked_by, plain_name
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.output_check import check_netlist_output
from netlearn.overrides import DataLike, NetlistLike, Overrides, settings_for
from netlearn.probes.names import probes_of
from netlearn.project import Project
from netlearn.solve.internal import InternalSolver

Offsets = Literal["auto", "yes", "no"]
SHOWN = 8
"""So many names are listed in a message: by convention, about a line."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A netlist with the values that a chip was measured to have.

    ``programmed`` and ``values`` (P,) are those of ``names`` as the netlist had them, and what a chip that is
    programmed so really has; ``deviations`` (P,) by what part they are off, or by how much where a value may pass zero.
    ``standard_errors`` (P,) and those of the deviations are infinite for what the data do not determine, and NaN
    where no reading is left to tell the noise. ``determined`` (P,) says which values are known: of those that a set of
    ``relative`` names, relative to each other only, and their geometric mean was kept. Sets of ``together`` are
    told in combination only, and of what is ``silent`` the data tell nothing.

    ``offsets`` (o,) are those of ``outputs``, zero where none were fitted, with their errors; ``sigma`` (o,) is
    the noise of one reading. ``residuals`` (n, o) are readings less the calibrated model's, NaN where nothing was read,
    and ``before`` (n, o) the same of the model as it was. ``freedom`` is how many readings there are more than values.
    """

    netlist: Netlist
    names: tuple[str, ...]
    units: tuple[str, ...]
    programmed: Array
    values: Array
    standard_errors: Array
    deviations: Array
    deviation_errors: Array
    relative_deviation: Array
    correlation: Array
    determined: Array
    relative: tuple[tuple[str, ...], ...]
    together: tuple[tuple[str, ...], ...]
    silent: tuple[str, ...]
    outputs: tuple[str, ...]
    output_units: tuple[str, ...]
    offsets: Array
    offset_errors: Array
    with_offsets: bool
    sigma: Array
    freedom: float
    residuals: Array
    before: Array
    written: tuple[Path, ...] = ()

    @property
    def readings(self) -> int:
        """How many numbers were read."""
        return int(np.sum(~np.isnan(self.residuals)))

    def __repr__(self) -> str:
        known = int(self.determined.sum())
        return f"<calibration: {known} of {len(self.names)} values from {self.readings} readings>"


@checked
def calibrate(
    netlist: NetlistLike,
    measured: DataLike,
    *,
    offsets: Offsets = "auto",
    prior: float | None = None,
    out: Destination | str | os.PathLike[str] | None = None,
    **settings: Unpack[Overrides],
) -> Calibration:
    """The values that a chip really has, from what it gave at known settings.

    A chip has θ·exp(c) where θ was programmed, or θ + c where a value may pass zero, and its outputs are read with
    offsets. c and the offsets are fitted by least squares with the exact Jacobian. The covariance is σ² (JᵀJ)⁻¹ with σ²
    the residuals' squares over n less the number of values (G. A. F. Seber, C. J. Wild, "Nonlinear Regression", Wiley,
    1989, chapter 2); each unit of outputs has a σ of its own.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    measured : a path or columns. Those named after trained values hold what was programmed (the netlist's, where
        there is none); those named after probes what was read, an empty cell or NaN where nothing was; all others what
        was driven, as in data.
    offsets : whether outputs have offsets: "auto" where the data tell them from the values.
    prior : by what part, one standard deviation, values are known to be off at most; then what the data tell too little
        of stays near what was programmed.
    out : a file that the calibrated netlist is written to.
    settings : as for :func:`netlearn.train`; ``train`` and ``fix`` say which values are meant.

    Raises DataError for measurements that do not fit the netlist, and OptionError where there are fewer of them than
    values, or none is determined.
    """
    target = Destination.of(out)
    if prior is not None and not 0 < prior < 10:
        raise OptionError(f"a prior is a part of the values, above 0, not {prior:g}", hint="such as 0.2 for 20 %")
    opened = netlist_of(netlist)
    given = settings_for(opened, {name: value for name, value in settings.items() if name != "test"})
    given = replace(given, data=DataFiles(), corner={}, output=(), goal=(), classes=(), loss=None)
    project = Project(opened, given, InternalSolver())
    table = read_measured(measured)
    task = _task(project, table)
    if target is not None:
        paths = [measured] if isinstance(measured, str | os.PathLike) else []
        check_netlist_output(target, task.design.changed(task.model.parameters), paths)
    with_offsets = offsets == "yes" or (offsets == "auto" and determines_offsets(task.model, task.pairs))
    found = _fitted(task, with_offsets, prior)
    parameters = task.model.parameters
    result = _result(project.netlist, task, found, with_offsets)
    edited = task.design.write(parameters, np.where(found.deviation != 0, result.values, parameters.initial))
    _tell(task, result)
    written = () if target is None else tuple(edited.save(target.path, force=target.force, follow=target.named))
    return replace(result, netlist=edited, written=written)


def read_measured(measured: DataLike) -> Table:
    """The table of what was measured. Raises DataError for what is not a table, or has "nan" for a number."""
    if not isinstance(measured, str | os.PathLike):
        return table_of(measured, Unnamed())
    table = read_table(Path(measured))
    lost = {name: np.flatnonzero(np.isnan(column)).tolist() for name, column in table.columns.items()}
    if table.lines is None or not any(lost.values()):
        return table
    lines = Path(measured).read_text(encoding="utf-8", errors="replace").splitlines()
    for name, rows in lost.items():
        for row in rows:
            place = table.place(row)
            text = lines[place.line - 1] if place.line <= len(lines) else ""
            # An empty cell was not read. A word is what an instrument says that has failed.
            field = next((cell.strip() for cell in next(csv.reader([text]), []) if cell.strip().lower() == "nan"), "")
            if field:
                place = replace(place, column=text.find(field) + 1, length=len(field), text=text)
                hint = "leave the cell empty where nothing was read"
                raise DataError(f"row {row + 1}, column '{name}': '{field}' is not a number", place, hint)
    return table


@dataclass(frozen=True)
class _Task:
    design: Design
    model: Model
    pairs: MeasuredPairs
    table: Table
    rows: Array
    """Which rows of the table the pairs come from."""


def _task(project: Project, table: Table) -> _Task:
    """What is to be fitted to what. Raises DataError and OptionError."""
    trained = {plain_name(name): name for name in project.parameters.names}
    if table.labels is not None:
        raise DataError("there is a column 'class'", Place(table.path, 1), "what a chip gave is measured in values")
    for name in table.columns:
        asked = asked_by(name)
        if asked is not None and asked[1] != "value":
            raise DataError(f"'{name}' is a bound, and nothing that was read", table.heading(name))
    programmed = {plain_name(name): name for name in table.columns if plain_name(name) in trained}
    outputs = tuple(name for name in table.columns if asked_by(name))
    inputs = tuple(n for n in table.columns if not asked_by(n) and plain_name(n) not in programmed)
    if not outputs:
        hint = "name a column after a probe, such as V(out)"
        raise DataError("nothing was read: no column is a probe's", Place(table.path, 1), hint)
    layout = Layout(inputs, outputs)
    design = project.design_for(layout, table)
    parameters = design.parameters(project.selections, project.settings.fix)
    measured = probes_of(parameters.circuit, outputs, {name: table.heading(name) for name in outputs})
    model = Model(parameters, design.inputs, measured, InternalSolver())
    theta = np.tile(np.asarray(parameters.initial, dtype=float), (len(table), 1))
    for k, name in enumerate(parameters.names):
        column = programmed.get(plain_name(name))
        if column is not None:
            theta[:, k] = table.columns[column]
            wrong = parameters.positive[k] & ~(theta[:, k] > 0)
            if np.any(wrong):
                row = int(np.argmax(wrong))
                message = f"{table.row(row)}: {theta[row, k]:g} is programmed for '{column}', which is above 0"
                raise DataError(message, table.place(row))
    read = np.stack([table.columns[name] for name in outputs], axis=1)
    rows = np.flatnonzero(~np.isnan(read).all(axis=1))
    if not len(rows):
        raise DataError("nothing was read: all cells of the outputs' columns are empty", table.place(0))
    pairs = MeasuredPairs(theta[rows], inputs_of(table, layout)[rows], read[rows])
    return _Task(design, model, pairs, table, rows)


def _fitted(task: _Task, offsets: bool, prior: float | None) -> Calibrated:
    """The fit. Raises DataError where a row has no operating point, and OptionError for too few readings."""
    try:
        found = calibrated(task.model, task.pairs, offsets=offsets, prior=prior)
    except (CircuitError, ConvergenceError) as error:
        if error.sample is None:
            raise
        row = int(task.rows[error.sample])
        raise DataError(f"{task.table.row(row)}: {error.message}", task.table.place(row), error.hint) from None
    names, determination = task.model.parameters.names, found.determination
    readings = int(np.sum(~np.isnan(task.pairs.outputs)))
    wanted = len(names) + (int((~np.isnan(task.pairs.outputs)).any(axis=0).sum()) if offsets else 0)
    lost = [names[p] for p in np.flatnonzero(~determination.known).tolist()]
    shared = [names[p] for group in determination.relative for p in group]
    hint = "measure at more settings, keep some by --fix, or say by --prior what they are known to be within"
    if prior is None and readings < wanted:
        also = " and offsets" if offsets else ""
        said = f"; not determined: {_listed(lost)}" if lost else ""
        said += f"; only relative to each other: {_listed(shared)}" if shared else ""
        message = f"{_counted(readings, 'reading')} for {_counted(wanted, 'value')}{also}{said}"
        raise DataError(message, Place(task.table.path, 1), hint)
    if not determination.known.any() and prior is None:
        message = f"what was read does not determine any value: {_listed(lost)}"
        raise DataError(message, Place(task.table.path, 1), hint)
    return found


def _result(netlist: Netlist, task: _Task, found: Calibrated, with_offsets: bool) -> Calibration:
    parameters, measured = task.model.parameters, task.model.measured
    names, initial = tuple(parameters.names), np.asarray(parameters.initial, dtype=float)
    values = true_values(parameters, found.deviation, initial)
    positive = np.asarray(parameters.positive, dtype=bool)
    # A deviation is a part of a positive value, and else as much as it is off.
    slope = np.where(positive, true_slope(parameters, found.deviation), parameters.sizes)
    before = task.pairs.outputs - _outputs(task)
    determination = found.determination
    return Calibration(
        netlist=netlist,
        names=names,
        units=tuple(parameters.units),
        programmed=initial,
        values=values,
        standard_errors=np.where(positive, initial, 1.0) * slope * found.errors,
        deviations=np.where(positive, np.expm1(found.deviation), parameters.sizes * found.deviation),
        deviation_errors=slope * found.errors,
        relative_deviation=positive,
        correlation=found.correlation,
        determined=determination.known,
        relative=tuple(tuple(names[p] for p in group) for group in determination.relative),
        together=tuple(tuple(names[p] for p in group) for group in determination.together),
        silent=tuple(names[p] for p in determination.silent),
        outputs=tuple(measured.names),
        output_units=tuple(getattr(measured, "units", ("",) * len(measured))),
        offsets=found.offsets,
        offset_errors=found.offset_errors,
        with_offsets=with_offsets,
        sigma=found.sigma,
        freedom=found.freedom,
        residuals=found.residuals,
        before=before,
    )


def _outputs(task: _Task) -> Array:
    """The outputs (n, o) of the model as it was."""
    plain = PerSample(task.model)
    return plain.outputs(plain.forward(task.pairs.theta, task.pairs.inputs))


def _tell(task: _Task, result: Calibration) -> None:
    """Warn of values that are not determined, where they stand."""
    for name in result.silent:
        message = f"what was read tells nothing of '{name}', which stays as it was"
        warn(NetlistWarning(message, task.design.parameter_place(name)))
    for group in result.together:
        message = f"what was read tells {_listed(group)} in combination only, and not each"
        warn(NetlistWarning(message, task.design.parameter_place(group[0])))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
