"""The internal solver: linear circuits directly, all others by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass

from netlearn.circuit.circuit import Circuit
from netlearn.circuit.samples import by_setting
from netlearn.solve.linear import LinearSolver
from netlearn.solve.nonlinear import NonlinearSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import solve_parts

LEAST_SHARED = 4
"""Samples to a setting, on average, from which each setting is solved as a circuit of its own."""


@dataclass(frozen=True)
class InternalSolver:
    """The Solver that needs no other program.

    A ``careful`` one takes its time for digits that rounding would take off, also of numbers that are negligible
    beside the largest voltage or current.
    """

    careful: bool = False

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample. Raises CircuitError and ConvergenceError.

        Samples that differ in nothing but their independent sources share what is made ready for them.
        """
        if circuit.linear:
            return LinearSolver(self.careful).solve(circuit)
        parts = by_setting(circuit)
        if len(parts) > 1 and len(parts) * LEAST_SHARED <= (circuit.samples or 1):
            return solve_parts(circuit, parts, NonlinearSolver(self.careful).solve, start)
        return NonlinearSolver(self.careful).solve(circuit, start)
