"""Operating points block by block: Gauss-Seidel and Jacobi iterations whose steps are exact.

Y. Song, C. Meng, R. Liao, S. Ermon, "Accelerating Feedforward Computation via Parallel Nonlinear Equation
Solving", arXiv 2002.03629 (2020), for the equations of a circuit: the blocks are layers or colours, all
unknowns of a block are updated at once, and all samples by one matrix product. Where every element is passive
and its current rises with its voltage, each update takes the co-content to its least value over the block, so
that the co-content falls to its minimum, which is the operating point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.solve.blocks.held import with_held_sources
from netlearn.solve.blocks.linearized import LinearizedBlocks
from netlearn.solve.blocks.plan import BlockPlan
from netlearn.solve.blocks.sweeper import PART, BlockMethod, Sweeper
from netlearn.solve.newton.iteration import Tolerances, balanced
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel, System
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import moving_of
from netlearn.solve.threads import in_parts, one_thread

PASSIVE = (Resistor, VoltageSource, CurrentSource, Diode, IdealDiode)
"""Whose equations can be solved for one unknown with one solution."""
EXACT = 1e-14
"""What is known to be left of the way to the operating point, beside the largest voltage, ends the sweeps: some dozens
of units of float64's rounding."""
NEAR = 1e-2
"""Within this part of the largest voltage Newton's method takes few steps: a hybrid goes over to it there; with half as
much layers of junctions take 1.1 times as long, with twice as much 0.97 (benchmarks/part_sizes.py)."""
NEAR_SWEEPS = 30
"""Sweeps after which a hybrid goes over to Newton's method, wherever it is: layers of junctions, which are near before,
take as long within a fiftieth with half or twice as many (benchmarks/part_sizes.py)."""


@dataclass(frozen=True)
class BlockSolver:
    """The Solver that goes from block to block (``gauss-seidel``), or updates all blocks at once (``jacobi``).

    ``sweeps`` over all blocks are made at the most.
    """

    method: BlockMethod = "gauss-seidel"
    sweeps: int = 1000

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples.

        Raises CircuitError for a circuit that has no blocks, which says what is in the way, and ConvergenceError
        where the sweeps are not enough.
        """
        problem = _Problem.of(circuit)
        if isinstance(problem, str):
            raise CircuitError(
                f"solver={self.method} goes from block to block, and here {problem}",
                hint="use solver=newton, or solver=hybrid, which takes Newton's method where there are no blocks",
            )
        y, done, count, left = problem.swept(start, self.method, EXACT, self.sweeps)
        done, left = problem.judged(y, done, left)
        lost = np.flatnonzero(~done)
        if len(lost):
            raise self._failure(problem, lost, left)
        return problem.point(y, count)

    def _failure(self, problem: _Problem, lost: Array, left: Array) -> ConvergenceError:
        first = int(lost[0])
        others = f" ({len(lost)} samples failed in all)" if len(lost) > 1 else ""
        node = problem.circuit.nodes[int(problem.model.reduction.members[int(left[0, first])])]
        return ConvergenceError(
            f"no operating point found{others}: after {self.sweeps} sweeps of solver={self.method} node '{node}' still "
            f"moves by {left[1, first]:.2g} V",
            hint="use solver=hybrid or solver=newton, or allow more sweeps, as in *@options sweeps=10000",
            sample=first,
        )


def near(circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint | str:
    """A start for Newton's method near the operating points; in words why there is none where there are no blocks."""
    problem = _Problem.of(circuit)
    if isinstance(problem, str):
        return problem
    y, _, count, _ = problem.swept(start, "gauss-seidel", NEAR, NEAR_SWEEPS)
    return problem.point(y, count)


def attempt(circuit: Circuit, start: OperatingPoint | None, sweeps: int) -> tuple[OperatingPoint, bool] | None:
    """Where ``sweeps`` lead, and whether to the operating points; None where there are no blocks."""
    problem = _Problem.of(circuit)
    if isinstance(problem, str):
        return None
    y, done, count, left = problem.swept(start, "gauss-seidel", EXACT, sweeps)
    done, _ = problem.judged(y, done, left)
    return problem.point(y, count), bool(done.all())


@dataclass(frozen=True)
class _Problem:
    """A circuit with its blocks; ``plan`` is what depends on its graph alone."""

    circuit: Circuit
    model: NonlinearModel
    plan: BlockPlan
    diagonal: Array
    """(r, 1) or (r, S): the linear conductance that each unknown sees, in the blocks' order."""

    @classmethod
    def of(cls, circuit: Circuit) -> _Problem | str:
        """In words what is in the way where there are no blocks."""
        simpler = with_held_sources(circuit)
        for group in simpler.groups:
            if len(group) and not isinstance(group.device, PASSIVE):
                return f"'{group.names[0]}' is a {group.device.name}, which does not let it solve for one node alone"
        model = NonlinearModel.of(simpler)
        if model.dtype.kind == "c":
            return "values are complex"
        if not model.reduction.is_node.all():
            return "the current of a voltage source is an unknown on which other elements depend"
        plan = BlockPlan.of(model)
        diagonal = plan.diagonal(model)
        lost = np.argwhere(diagonal < 0 if model.nonlinear else diagonal <= 0)
        if len(lost):
            node = simpler.nodes[int(model.reduction.members[plan.order[int(lost[0, 0])]])]
            return f"the resistances at node '{node}' add up to a conductance that is not above zero"
        return cls(circuit, model, plan, diagonal)

    def swept(
        self, start: OperatingPoint | None, method: BlockMethod, exact: float, most: int
    ) -> tuple[Array, Array, Array, Array]:
        """Sweeps for all samples until what is left is ``exact``.

        Returns the reduced unknowns (r, S), which samples are done (S,), how many sweeps they took, and the unknown
        that moved most, and how far, (2, S).
        """
        model, count = self.model, self.circuit.samples or 1
        y, done = np.zeros((model.reduction.size, count)), np.zeros(count, bool)
        sweeps, left = np.zeros(count, int), np.zeros((2, count))
        guess = None if start is None else moving_of(start.states, model.reduction)
        if guess is not None and len(guess) in (1, count) and np.isfinite(guess).all():
            y[:] = guess.T

        def work(first: int, last: int) -> None:
            part = np.arange(first, last)
            sweeper = Sweeper.of(self.model, self.plan, self.diagonal, part)
            y[:, part], done[part], sweeps[part], left[:, part] = sweeper.run(y[:, part], method, exact, most)

        with one_thread(), np.errstate(all="ignore"):
            in_parts(work, count, PART)
        return y, done, sweeps, left

    def judged(self, y: Array, done: Array, left: Array) -> tuple[Array, Array]:
        """Which samples are done, and what is left, with what Kirchhoff's laws say of it."""
        tolerances = Tolerances.of(self.circuit)
        good, worst = balanced(System.of(self.model, np.arange(len(done))), y, tolerances)
        wrong = done & ~good
        left = np.where(wrong, np.stack([worst, 0.0 * worst]), left)
        return done & good, left

    def point(self, y: Array, sweeps: Array) -> OperatingPoint:
        """The operating points from the reduced unknowns ``y`` (r, S)."""
        x = System.of(self.model, np.arange(y.shape[1])).unknowns(y).T
        linearization = None
        if self.model.circuit is self.circuit and self.model.nonlinear:
            together = LinearizedBlocks.of(self.model, self.plan)
            linearization = None if together is None else NonlinearLinearization(self.model, x, together)
        return OperatingPoint(self.circuit, x, int(sweeps.max(initial=0)), linearization)
