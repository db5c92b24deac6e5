"""Full-batch training by scipy's L-BFGS-B, resumable to the same result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
from scipy.optimize import Bounds, OptimizeResult, minimize

from netlearn.arrays import Array
from netlearn.errors import CircuitError, OptionError
from netlearn.interrupts import interruptible
from netlearn.learn.loop import estimated, measure, recorded, told
from netlearn.learn.not_finite import NotFiniteError
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.rules.base import remembers
from netlearn.learn.state import Callback, Step, TrainingState
from netlearn.learn.task import Task
from netlearn.memory import in_words, most

OTHER = "take an optimizer of single steps: --optimizer adam"
"""What works where this does not."""
WALL = 10.0
"""What the loss is taken for where there is none, in the largest that was seen: with 1 to 10 diodes that are fitted
past an overflow come to the same loss, with 20 and 100 one of six does not come down
(benchmarks/constants_of_learning.py)."""


def run_lbfgs(
    task: Task,
    state: TrainingState,
    progress: Callback | None = None,
    keep: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train from ``state`` as ``netlearn.learn.loop.run`` does.

    scipy cannot be stopped and started in the middle. Therefore the state remembers the loss
    and gradient of every evaluation; to resume, scipy begins anew, is given what it was given
    before, and so arrives where it was at no cost.
    """
    search = _Search(task, state, progress, keep)
    with suppress(KeyboardInterrupt, StopIteration), interruptible():
        search.run()
    return search.state


class _Search:
    """One run of scipy's optimizer, and the state that it has led to."""

    def __init__(
        self,
        task: Task,
        state: TrainingState,
        progress: Callback | None,
        keep: Callable[[TrainingState], None] | None,
    ) -> None:
        if not task.whole:
            raise OptionError("lbfgs trains on full batches", hint=f"set --batch 0, or {OTHER}")
        if hasattr(task.rule, "suits"):
            raise OptionError("lbfgs makes steps of gradients, and this rule gives steps", hint="use rule analytic")
        if remembers(task.rule):
            raise OptionError(
                "lbfgs takes one function, and what this rule says changes with what it measures",
                hint=OTHER,
            )
        if task.writing is not None:
            message = "lbfgs cannot train through the limits of hardware, which are no smooth function of a value"
            raise OptionError(message, hint=OTHER)
        if task.subset.fraction < 1:
            raise OptionError(
                "lbfgs cannot train a changing part of the parameters",
                hint="use only=, without fraction=, or another optimizer, such as adam",
            )
        self.task, self.progress, self.keep = task, progress, keep
        self.start = task.start
        self.free = np.flatnonzero(task.candidates)
        self.rows = np.arange(len(task.data))
        self.evaluations = self.iterations = 0
        self.outputs: Array | None = None
        self.base = self.start[self.free]
        if not state.optimizer:
            empty = {"losses": np.zeros(0), "gradients": np.zeros((0, len(self.free)))}
            state = replace(state, optimizer=empty, order=self.rows)
        self.state = state

    def run(self) -> None:
        optimizer, transform = self.task.optimizer, self.task.transform
        assert isinstance(optimizer, Lbfgsb)
        if self.state.finished:
            return
        if not self.task.options.epochs:
            self._answer(self.start[self.free])
            return
        result = minimize(
            self._answer,
            self.start[self.free],
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(transform.lower[self.free], transform.upper[self.free]),
            callback=self._iterated,
            options={
                "maxiter": self.task.options.epochs,
                "maxfun": 20 * self.task.options.epochs + 20,
                "maxcor": _corrections(optimizer, self.task.options.epochs, len(self.free)),
                "ftol": optimizer.ftol,
                "gtol": optimizer.gtol,
            },
        )
        stopped = self.state.stopped or _reason(str(result.message), optimizer)
        self.state = replace(self.state, finished=True, stopped=stopped)

    def _full(self, u: Array) -> Array:
        full = self.start.copy()
        full[self.free] = u
        return full

    def _answer(self, u: Array) -> tuple[float, Array]:
        """The loss and its derivatives (free,) at ``u`` (free,); the first answer begins the record."""
        if self.evaluations == len(self.state.optimizer["losses"]):
            self._evaluate(u)
        memory, number = self.state.optimizer, self.evaluations
        self.evaluations += 1
        loss = float(memory["losses"][number])
        if number == 0:
            self._record(u, loss)
            if self.state.finished:
                raise StopIteration
        return loss / self.task.unit, memory["gradients"][number] / self.task.unit

    def _evaluate(self, u: Array) -> None:
        """Add what the rule says at ``u`` to the memory."""
        memory = self.state.optimizer
        task = self.task
        self.state.settle()
        rng = np.random.default_rng()
        rng.bit_generator.state = self.state.generator
        full = self._full(u)
        theta = task.transform.outward(full)
        trial = replace(self.state, u=full, theta=theta, pending=None)
        try:
            estimate = estimated(task, trial, self.rows, rng)
        except (CircuitError, NotFiniteError):
            if not len(memory["losses"]):
                raise
            # The line search has gone too far: what it meets there is a wall, and it turns back.
            step = u - self.base
            loss = WALL * float(np.max(memory["losses"]))
            slope = 2.0 * loss * step / max(float(step @ step), np.finfo(float).tiny)
            self.outputs = None
            self._remember(self.state, rng, loss, slope)
            return
        gradient = task.transform.gradient(theta, estimate.gradient)[self.free]
        self.outputs = estimate.outputs
        self._remember(trial, rng, estimate.loss, gradient)
        self.state = replace(
            self.state,
            solves=trial.solves + estimate.solves,
            measurements=trial.measurements + task.model.counted(estimate.measurements),
            last=Step(self.rows, estimate.loss, estimate.gradient, estimate.outputs),
        ).with_points(self.rows, estimate.point, task.model)

    def _remember(self, state: TrainingState, rng: np.random.Generator, loss: float, gradient: Array) -> None:
        """Add an evaluation to the memory of ``state``, and go on from there."""
        memory = self.state.optimizer
        self.state = replace(
            state,
            generator=rng.bit_generator.state,
            optimizer={
                "losses": np.append(memory["losses"], loss),
                "gradients": np.vstack([memory["gradients"], gradient]),
            },
        )

    def _iterated(self, intermediate_result: OptimizeResult) -> None:
        self.base = np.array(intermediate_result.x)
        # The number that was noted, not what is left of it by dividing and multiplying.
        losses = self.state.optimizer["losses"]
        noted = np.flatnonzero(losses / self.task.unit == float(intermediate_result.fun))
        self._record(intermediate_result.x, float(losses[noted[-1]]))
        if self.state.finished:
            raise StopIteration

    def _record(self, u: Array, loss: float) -> None:
        """Note where an iteration has led, unless that was noted before an interruption."""
        self.iterations += 1
        if self.iterations <= len(self.state.history):
            return
        full = self._full(u)
        here = np.array_equal(full, self.state.u)
        state = replace(self.state, u=full, theta=self.task.transform.outward(full), epoch=self.iterations - 1)
        outputs = (
            self.outputs if here and self.outputs is not None else measure(self.task, self.task.data, state).outputs
        )
        self.state = recorded(self.task, state, loss, outputs)
        if self.keep:
            self.keep(self.state)
        self.state = told(self.progress, self.task, self.state)


def _corrections(optimizer: Lbfgsb, iterations: int, size: int) -> int:
    """How many corrections are kept, which are never more than iterations. Raises OptionError where they do not fit."""
    count = min(optimizer.memory, iterations)
    needed = 8 * (2 * count * size + 5 * size + 11 * count**2 + 8 * count)
    if needed > most():
        raise OptionError(
            f"lbfgs memory={optimizer.memory} takes {in_words(needed)}, and at most "
            f"{in_words(most())} are taken on this machine",
            hint="10 to 50 corrections are usual",
        )
    return count


def _reason(message: str, optimizer: Lbfgsb) -> str:
    """Why scipy's optimizer stopped, in words of the settings."""
    if "GRADIENT" in message:
        return f"no derivative is above gtol={optimizer.gtol:g}"
    if "REDUCTION" in message:
        return f"the loss falls by no more than ftol={optimizer.ftol:g}"
    if "EVALUATIONS" in message:
        return "as many values were tried as the epochs allow"
    if "ABNORMAL" in message:
        return "the line search found no lower loss, as close to the minimum as numbers can tell"
    return message.lower()
