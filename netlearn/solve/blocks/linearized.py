"""The equations of a circuit, linear around its operating points, solved block by block.

Adjoint states come at the cost of operating points then: no matrix is eliminated sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.blocks.nodes import NodeUpdate
from netlearn.solve.blocks.plan import BlockPlan
from netlearn.solve.blocks.sweeper import PART, Sweeper
from netlearn.solve.equations.assembly import with_ground
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.threads import in_parts

EXACT, MOST = 1e-15, 1000
"""What may be left of the way to the solution, some units of float64's rounding, and how many sweeps are tried: as many
as operating points have by default."""


@dataclass(frozen=True)
class LinearizedBlocks:
    """A circuit all of whose nonlinear elements touch one unknown each, so that they only add to the diagonal."""

    model: NonlinearModel
    plan: BlockPlan

    @classmethod
    def of(cls, model: NonlinearModel, plan: BlockPlan) -> LinearizedBlocks | None:
        """None for a circuit with other elements, or of resistances that differ by sample."""
        if model.reduced_data.ndim > 1 or not plan.single:
            return None
        return cls(model, plan)

    def linearized(self, states: ReducedStates, right: Array, *, transpose: bool) -> tuple[Array, Array]:
        """As a Lockstep's. The matrix is symmetric, so that it is its own transpose."""
        model, plan = self.model, self.plan
        samples, each, size = right.shape
        a = plan.diagonal(model) + self._slopes(states.x)
        matrices = plan.matrices(model.reduced_data)
        linear = replace(plan, updates=(NodeUpdate(()),) * len(plan.blocks))
        drive = -right.reshape(samples * each, size).T[plan.order]
        solved, error = np.empty((size, samples * each)), np.empty(samples * each)
        of_sample = np.repeat(np.arange(samples), each)

        def work(first: int, last: int) -> None:
            part = np.arange(first, last)
            own = a[:, of_sample[part]]
            sweeper = Sweeper(linear, matrices, own, drive[:, part], np.zeros((1, len(part))), {})
            y, done, _, _ = sweeper.run(np.zeros((size, len(part))), "gauss-seidel", EXACT, MOST)
            solved[:, part] = y
            error[part] = np.where(done, sweeper.lacking(y[plan.order]), np.inf)

        with np.errstate(all="ignore"):
            in_parts(work, samples * each, PART)
        return solved.T.reshape(right.shape), error.reshape(samples, each).max(axis=1, initial=0.0)

    def _slopes(self, x: Array) -> Array:
        """What nonlinear elements add to the diagonal (r, S), in the blocks' order, at x (S, N)."""
        model, plan, padded = self.model, self.plan, with_ground(x)
        result = np.zeros((model.reduction.size, len(x)))
        everyone = np.arange(len(x))
        for block, update in zip(plan.blocks, plan.updates, strict=True):
            for part in update.elements:
                prepared = part.values(model.take(part.group, everyone))
                slope = part.device.jacobian(padded[:, part.index], prepared)
                own = (slope * part.own).sum(axis=-1)
                result[block] += part.adder @ own.reshape(len(own), -1).T
        return result
