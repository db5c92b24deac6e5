"""Solving for numbers that are looked at one by one, with a warning where few of their digits hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import taken
from netlearn.errors import CircuitError, warn
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs
from netlearn.solve.accuracy import digits_of, digits_read, doubts, doubts_read
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.solve.sensitivity import linearize
from netlearn.solve.shared import SharedLinearization

DOUBTED = 16
"""So many of the samples are asked how many digits hold: by convention, as samples of a linear circuit share their
matrix, and those of another one are spread evenly over the data."""


def doubted(count: int) -> Array:
    """Which of so many samples are asked how many digits hold."""
    return np.linspace(0, count - 1, min(DOUBTED, count)).astype(int)


def careful(solver: Solver) -> Solver:
    """The same for numbers that are looked at, one by one."""
    return replace(solver, careful=True) if isinstance(solver, InternalSolver) else solver


def tell_doubts(point: OperatingPoint, outputs: Outputs | Probes | None = None) -> None:
    """Warn of voltages and currents that hold few digits, or else of what is read that does."""
    point = _looked_at(point)
    try:
        linearization = linearize(point)
        said = doubts(point, digits_of(point, linearization))
        if not said and outputs is not None and len(outputs):
            said = doubts_read(outputs.names, digits_read(point, outputs, linearization))
    except CircuitError:
        # Where something jumps, as at a fold, there is nothing to go by.
        return
    if said:
        warn(said)


def _looked_at(point: OperatingPoint) -> OperatingPoint:
    """Some of the samples with all of their unknowns, where those of all samples have not been worked out."""
    linearization = point.linearization
    if point.whole or not isinstance(linearization, SharedLinearization):
        return point
    circuit = taken(point.circuit, doubted(point.circuit.samples or 1))
    drives = Equations.of(circuit).drives(circuit.samples or 1)
    return OperatingPoint(circuit, linearization.solve_drives(drives), 1, linearization)
