"""The internal solver: linear circuits directly, all others by Newton's method or block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from netlearn import memory
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.samples import by_setting
from netlearn.errors import OptionError, did_you_mean, warn
from netlearn.options import Option
from netlearn.solve.blocks.choice import sweeps_worth_trying
from netlearn.solve.blocks.solver import BlockSolver, attempt, near
from netlearn.solve.linear import LinearSolver
from netlearn.solve.linear_states import require_room
from netlearn.solve.nonlinear import NonlinearSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import solve_parts

LEAST_SHARED = 500
"""Unknowns in all samples of a setting, on average, from which each setting is solved as a circuit of its own: with
compiled loops lattices of diodes take 1.1 times as long for 250 and 0.55 for 500, array operations take longer for each
setting (benchmarks/thresholds.py)."""

Method = Literal["auto", "newton", "gauss-seidel", "jacobi", "hybrid"]
_SWEEPS = Option("sweeps", int, 1000, least=1)
METHODS: tuple[Method, ...] = ("auto", "newton", "gauss-seidel", "jacobi", "hybrid")
"""Newton's method; block by block, or all blocks at once; block by block at first and then Newton's; what suits."""


@dataclass(frozen=True)
class InternalSolver:
    """The Solver that needs no other program.

    A ``careful`` one takes its time for digits that rounding would take off, also of numbers that are negligible
    beside the largest voltage or current. ``method`` is one of METHODS; ``sweeps`` are what gauss-seidel and
    jacobi may take. Raises OptionError for others.
    """

    careful: bool = False
    method: Method = "auto"
    sweeps: int = 1000

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            hint = did_you_mean(str(self.method), METHODS) or f"known: {', '.join(METHODS)}"
            raise OptionError(f"there is no solver '{self.method}'", hint=hint)
        _SWEEPS.check(self.sweeps)

    @property
    def by_blocks(self) -> bool:
        """Whether circuits that are linear, too, are solved block by block."""
        return self.method in ("gauss-seidel", "jacobi")

    def chosen(self, method: Method, sweeps: int) -> InternalSolver:
        """The same with the method that a netlist asks for, where this one leaves it open."""
        return replace(self, method=method, sweeps=sweeps) if self.method == "auto" else self

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample. Raises CircuitError, ConvergenceError and TooLargeError.

        Samples that differ in nothing but their independent sources share what is made ready for them. Where there
        may be several operating points, a sample's own is the one that is found from ``.nodeset``, or else from zero.
        Without ``.nodeset``, of 256 samples or more one near a fold may take another, if those beside it do
        (docs/benchmarks.md).
        """
        with memory.asked_for_by(circuit.place):
            return self._solve_any(circuit, start, lazy=False)

    def solve_to_read(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """The same, where only some unknowns will be read.

        Those of a large linear circuit are worked out when they are asked for, and no others are kept.
        """
        with memory.asked_for_by(circuit.place):
            return self._solve_any(circuit, start, lazy=True)

    def _solve_any(self, circuit: Circuit, start: OperatingPoint | None, *, lazy: bool) -> OperatingPoint:
        if circuit.linear and not self.by_blocks:
            return LinearSolver(self.careful, lazy).solve(circuit)
        require_room(circuit)
        parts = by_setting(circuit)
        if len(parts) > 1 and len(parts) * LEAST_SHARED <= (circuit.samples or 1) * circuit.size:
            return solve_parts(circuit, parts, self._solve, start)
        return self._solve(circuit, start)

    def _solve(self, circuit: Circuit, start: OperatingPoint | None) -> OperatingPoint:
        newton = NonlinearSolver(self.careful)
        if self.method == "gauss-seidel":
            return BlockSolver("gauss-seidel", self.sweeps).solve(circuit, start)
        if self.method == "jacobi":
            return BlockSolver("jacobi", self.sweeps).solve(circuit, start)
        if self.method == "auto" and not self.careful and (sweeps := sweeps_worth_trying(circuit)):
            found = attempt(circuit, start, sweeps)
            if found is not None:
                start, arrived = found
                if arrived:
                    return start
        if self.method == "hybrid":
            begin = near(circuit, start)
            if isinstance(begin, str):
                circuit.wiring.once(("no blocks", begin), lambda: _tell(begin))
            else:
                point = newton.solve(circuit, begin)
                return replace(point, iterations=begin.iterations + point.iterations)
        return newton.solve(circuit, start)


def _tell(why: str) -> None:
    warn(f"solver=hybrid takes Newton's method alone: {why}")
