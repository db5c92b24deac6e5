"""Gauss-Seidel and Jacobi sweeps over the blocks of a circuit, all samples at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Values
from netlearn.solve.blocks.nodes import Surroundings
from netlearn.solve.blocks.plan import BlockPlan, BySample
from netlearn.solve.newton.system import NonlinearModel, System

BlockMethod = Literal["gauss-seidel", "jacobi"]

ROUNDING = 4e-16
"""Changes of such a part of the largest voltage are rounding: two units of float64's last digit."""
PART = 512
"""Samples, or right-hand sides, that are solved at a time: with half and with twice as many sweeps take up to a tenth
longer (benchmarks/block_sizes.py)."""
FEWER = 0.5
"""Once so many of the samples are done the others go on without them, or more: where a quarter may be left it takes as
long within a fiftieth, and where each one leaves at once 1.4 to 1.5 times as long (benchmarks/block_sizes.py)."""


@dataclass
class Sweeper:
    """The equations of some samples, in the blocks' order."""

    plan: BlockPlan
    matrices: list[list[tuple[slice, Any]]]
    diagonal: Array
    drive: Array
    offset: Array
    prepared: Mapping[int, Values]

    @classmethod
    def of(cls, model: NonlinearModel, plan: BlockPlan, diagonal: Array, samples: Array) -> Sweeper:
        """For some samples; ``diagonal`` (r, 1) or (r, S) is what each unknown sees, of all samples."""
        system = System.of(model, samples)
        matrices = plan.matrices(system.linear)
        a = diagonal if diagonal.shape[1] == 1 else diagonal[:, samples]
        offset = np.concatenate([system.offset, np.zeros((1, len(samples)))])
        prepared = {g: model.take(g, samples) for g in model.nonlinear}
        return cls(plan, matrices, a, system.drive[plan.order], offset, prepared)

    def taken(self, kept: Array) -> Sweeper:
        """For some of the samples."""
        count = self.drive.shape[1]
        matrices = [
            [(beside, m.taken(kept) if isinstance(m, BySample) else m) for beside, m in row] for row in self.matrices
        ]
        a = self.diagonal if self.diagonal.shape[1] == 1 else self.diagonal[:, kept]
        prepared = {
            g: {n: v[kept] if np.ndim(v) >= 2 and len(v) == count and count > 1 else v for n, v in values.items()}
            for g, values in self.prepared.items()
        }
        return Sweeper(self.plan, matrices, a, self.drive[:, kept], self.offset[:, kept], prepared)

    def run(self, y: Array, method: BlockMethod, exact: float, most: int) -> tuple[Array, Array, Array, Array]:
        """Sweeps from ``y`` (r, S) until what is left is ``exact`` of the largest voltage, ``most`` of them.

        Returns y, which samples are done (S,), how many sweeps they took, and the unknown that moved most in the last
        one, and how far, (2, S)."""
        plan, count = self.plan, y.shape[1]
        result, done, sweeps = np.array(y), np.zeros(count, bool), np.full(count, most)
        left = np.zeros((2, count))
        here, active = self, np.arange(count)
        now = np.zeros((len(y) + 1, count))
        now[:-1] = y[plan.order]
        before, last = np.full(count, np.inf), np.full(count, np.inf)
        for sweep in range(1, most + 1):
            change = here.swept(now, method)
            move = change.max(axis=0, initial=0.0)
            # Sweeps come nearer by about the same factor each: what is left is a geometric series.
            factor = np.maximum(move / last, last / before)
            size = np.abs(now).max(axis=0) + np.abs(here.offset).max(axis=0)
            rest = np.where(factor < 1.0, move * factor / (1.0 - factor), np.inf)
            over = (rest <= exact * size) | (move <= ROUNDING * size)
            finished = over if sweep > 1 else move <= ROUNDING * size
            new = finished & ~done[active]
            if new.any():
                places = active[new]
                result[plan.order[:, None], places], done[places] = now[:-1][:, new], True
                sweeps[places] = sweep
            if done[active].all():
                break
            before, last = last, move
            going = np.flatnonzero(~done[active])
            if len(going) <= FEWER * len(active):
                here, active, now = here.taken(going), active[going], np.ascontiguousarray(now[:, going])
                change, before, last = change[:, going], before[going], last[going]
        rest_of = np.flatnonzero(~done[active])
        places = active[rest_of]
        result[plan.order[:, None], places] = now[:-1][:, rest_of]
        if len(rest_of):
            left[0, places] = plan.order[change[:, rest_of].argmax(axis=0)]
            left[1, places] = change[:, rest_of].max(axis=0)
        return result, done, sweeps, left

    def swept(self, y: Array, method: BlockMethod) -> Array:
        """One sweep over ``y`` (r + 1, S), which it changes; by how much, (r, S)."""
        plan = self.plan
        from_ = y if method == "gauss-seidel" else y.copy()
        around = Surroundings(from_, self.offset, self.prepared)
        change = np.empty((len(y) - 1, y.shape[1]))
        for block, update, row in zip(plan.blocks, plan.updates, self.matrices, strict=True):
            flow = self.drive[block].copy()
            for beside, matrix in row:
                flow += matrix @ from_[beside]
            after = update(self.diagonal[block], flow, y[block], around)
            change[block] = np.abs(after - y[block])
            y[block] = after
        return change

    def lacking(self, y: Array) -> Array:
        """What linear equations lack at ``y`` (r, S), in the blocks' order, beside the largest of what drives them."""
        left = np.zeros(y.shape[1])
        for block, row in zip(self.plan.blocks, self.matrices, strict=True):
            total = self.diagonal[block] * y[block] + self.drive[block]
            for beside, matrix in row:
                total += matrix @ y[beside]
            np.maximum(left, np.abs(total).max(axis=0, initial=0.0), out=left)
        most = np.abs(self.drive).max(axis=0, initial=0.0)
        return np.asarray(left / np.where(most > 0, most, 1.0))
