"""The internal solver: linear circuits directly, all others by Newton's method."""

from __future__ import annotations

from netlearn.circuit.circuit import Circuit
from netlearn.solve.linear import LinearSolver
from netlearn.solve.nonlinear import NonlinearSolver
from netlearn.solve.operating_point import OperatingPoint


class InternalSolver:
    """The Solver that needs no other program."""

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample. Raises CircuitError and ConvergenceError."""
        return LinearSolver().solve(circuit) if circuit.linear else NonlinearSolver().solve(circuit, start)
