"""The states of few samples by a plan: a compiled call for the free ones, and one for each thing that follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.compiled.planned_layout import matrix_ends, state_ends
from netlearn.solve.newton.linearization import EXACT
from netlearn.solve.newton.system import ROUNDING
from netlearn.solve.threads import in_parts

if TYPE_CHECKING:
    from netlearn.solve.bordered.plan import BorderedPlan, Compared

RUNS = 4096
"""So many runs of resistors a thread takes at a time, by convention, a choice that no measurement supports: of fewer,
one thread."""
NOTHING, NONE = np.zeros((0, 0)), np.zeros(0)


@dataclass(frozen=True, eq=False)
class FewStates:
    """As ``plan.PlannedStates`` has it; ``work`` is what the compiled calls leave to each other."""

    plan: BorderedPlan
    conductance: Array
    volts: Array
    work: Array
    read: Array
    steps: int

    @classmethod
    def settled(
        cls,
        plan: BorderedPlan,
        resistance: Array,
        volts: Array,
        drives: Array | None,
        start: Array | None,
        *,
        copy: Array | None,
    ) -> FewStates | None:
        """See ``BorderedPlan.settled``."""
        (inner, border), samples, volts = plan.layout.sizes, len(volts), in_rows(volts)
        work, read = np.empty(_room(inner, border, samples)), np.empty((samples, plan.outputs.shape[1]))
        conductance = np.empty(len(resistance))
        bad, steps = kernels().free_few(
            plan.runs, plan.diodes, plan.layout.tree, plan.outputs, resistance, volts,
            NOTHING if drives is None else drives, NOTHING if start is None else start, border, plan.most, ROUNDING,
            plan.tolerances.abstol, plan.allowed, conductance, NONE if copy is None else copy, work, read,
        )  # fmt: skip
        return cls(plan, conductance, volts, work, read, int(steps)) if bad == 0.0 else None

    @cached_property
    def moving(self) -> Array:
        """(S, r) the reduced unknowns."""
        layout, (inner, border), samples = self.plan.layout, self.plan.layout.sizes, len(self.volts)
        first = matrix_ends(inner, border)[-1]
        y = self.work[first : first + (inner + border) * samples].reshape(inner + border, samples)
        result = np.empty(y.shape)
        result[layout.inner], result[layout.border] = y[:inner], y[inner:]
        return result.T

    @property
    def factors(self) -> None:
        """See ``plan.PlannedStates``: compiled calls leave each other inverses of another form."""

    def by_resistance(self, errors: Array) -> Array | None:
        """See ``plan.PlannedStates``."""
        inner, border = self.plan.layout.sizes
        left, right = np.empty((2, len(errors), inner + border))
        error = kernels().adjoint_few(self.plan.outputs, errors, inner, border, self.work, left, right)
        return self._contracted(left, right, -1.0) if error <= EXACT else None

    def contrast(
        self, conductance: Array, current: Array, strength: float, compared: Compared, scale: float
    ) -> Array | None:
        """See ``plan.PlannedStates``."""
        plan, (inner, border) = self.plan, self.plan.layout.sizes
        left, right = np.empty((2, len(compared.pairs) * len(self.volts), inner + border))
        bad = kernels().nudged_few(
            plan.diodes, plan.layout.tree, plan.outputs, self.volts, conductance, current, strength, compared, border,
            plan.most, ROUNDING, plan.tolerances.abstol, plan.allowed, self.work, left, right,
        )  # fmt: skip
        return self._contracted(left, right, scale) if bad == 0.0 else None

    def transfer(self, samples: Array) -> Array | None:
        """See ``plan.PlannedStates``."""
        plan, (inner, border), outputs = self.plan, self.plan.layout.sizes, self.read.shape[1]
        result = np.empty((len(samples), outputs, outputs))
        error = kernels().seen_few(plan.at_border, len(self.volts), samples, inner, border, self.work, result)
        return result if error <= EXACT else None

    def _contracted(self, left: Array, right: Array, scale: float) -> Array:
        runs, result, loop = self.plan.runs, np.empty(len(self.conductance)), kernels().contract_runs
        inner, volts, conductance = self.plan.layout.sizes[0], self.volts, self.conductance

        def work(first: int, last: int) -> None:
            loop(first, last, runs, inner, conductance, left, right, volts, scale, result)

        in_parts(work, len(runs), RUNS)
        return result


@cache
def _room(inner: int, border: int, samples: int) -> int:
    """How many numbers ``work`` has."""
    return state_ends(matrix_ends(inner, border)[-1], inner, border, samples)[-1]
