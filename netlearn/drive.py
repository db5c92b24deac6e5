"""The circuit of a project with a sample axis, whatever its data has of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.parameters import Input
from netlearn.errors import OptionError
from netlearn.learn.data import unasked
from netlearn.learn.table import Table
from netlearn.project import Project
from netlearn.sample_values import check_values
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Drive:
    """A circuit and what drives it: ``inputs`` (S, p) of what ``names`` call, each a source's place or a setting."""

    circuit: Circuit
    names: tuple[str, ...] = ()
    places: Sequence[Input] = ()
    inputs: Array = field(default_factory=lambda: np.zeros((1, 0)))
    rows: Array = field(default_factory=lambda: np.zeros(1, dtype=np.intp))
    """(S,) which of the samples of all tables, one after the other, they are."""


def driven(project: Project, samples: int | None = None, outputs: Sequence[str] = ()) -> Drive:
    """The circuit with a sample axis over the project's training and test data and corners, if it has any.

    Targets need not be there. The numbers that ``outputs`` read are in the circuit. Raises OptionError for less than
    one sample.
    """
    if samples is not None and samples < 1:
        raise OptionError(f"at least one sample is taken, not {samples}")
    if not project.has_samples:
        return Drive(project.circuit_for(outputs))
    layout = project.input_layout(project.table)
    tables = all_tables(project)
    parts = [unasked(table, layout) for table in tables]
    inputs = np.concatenate([part.inputs for part in parts])
    rows = np.arange(len(inputs))
    if samples is not None and samples < len(inputs):
        rows = np.linspace(0, len(inputs) - 1, samples).astype(int)
    inputs = inputs[rows]
    model = project.model_of(replace(layout, outputs=tuple(outputs)))
    for table, part in zip(tables, parts, strict=True):
        check_values(model, part.inputs, table, part)
    return Drive(model.circuit(model.parameters.initial, inputs), layout.driven, model.inputs, inputs, rows)


def solved(project: Project, drive: Drive, *, whole: bool = True) -> OperatingPoint:
    """The operating points of what is driven, from the project's solver. Raises what that does.

    Unless they are wanted as a ``whole``, the internal solver leaves unknowns of a large linear circuit to be worked
    out where they are asked for.
    """
    text = project.text(drive.names, drive.places)
    if not whole and isinstance(project.solver, InternalSolver):
        return project.solver.solve_to_read(drive.circuit)
    return project.solver.solve(drive.circuit) if text is None else text.solve(drive.circuit, drive.inputs)


def all_tables(project: Project) -> list[Table]:
    """The data that are given, or else all that the netlist names."""
    tables = [project.table] if project.data is not None else [project.table, project.test_table]
    return [table for table in tables if table is not None]


def driven_circuit(project: Project, samples: int | None = None, outputs: Sequence[str] = ()) -> Circuit:
    """The circuit of :func:`driven`."""
    return driven(project, samples, outputs).circuit
