"""Linear systems with a positive matrix, and the minimum of a quadratic function in a box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from netlearn.arrays import Array
from netlearn.errors import ConvergenceError

ROUNDS = 30
"""How often the values that are at bounds may change: 60 values in boxes take up to 8 rounds, and after 3 what is found
is up to 0.7 of itself above the minimum (n = 5) (benchmarks/constants_of_learning.py)."""
EXACT, ENOUGH = 1e-10, 1e-9
"""The residual of conjugate gradients, and what a round must gain for another one, relative: from 1e-14 to 1e-6, and
from 1e-13 to 1e-5, the minimum is that of scipy to rounding, and takes 655 to 522 products (n = 5)
(benchmarks/constants_of_learning.py)."""


@dataclass(frozen=True, eq=False)
class Positive:
    """A positive matrix A (P, P), held, or known by its products with vectors (P,) alone.

    What is solved for without the matrix takes at most so many ``iterations`` of conjugate gradients.
    """

    matrix: Array | None
    product: Callable[[Array], Array]
    iterations: int = 300

    @classmethod
    def held(cls, matrix: Array) -> Positive:
        """Of a matrix that is held. What it does not see is not moved by rounding."""
        floor = len(matrix) * np.finfo(float).eps * float(np.trace(matrix))
        firm = matrix + (floor or 1.0) * np.eye(len(matrix))
        return cls(firm, lambda v: np.asarray(firm @ v))

    def solve(self, right: Array, free: Array | None = None) -> Array:
        """A⁻¹ right (P,) or, (P, k) with the matrix; of what is ``free`` (P,) alone, and zero else.

        Raises ConvergenceError where A is not positive.
        """
        chosen = np.ones(len(right), dtype=bool) if free is None else free
        found = np.zeros(right.shape)
        if not np.any(right[chosen]):
            return found
        if self.matrix is not None:
            try:
                factor = cho_factor(self.matrix[np.ix_(chosen, chosen)])
            except np.linalg.LinAlgError:
                raise ConvergenceError("the curvature is not positive", hint="make damping larger") from None
            found[chosen] = cho_solve(factor, right[chosen])
            return found
        mask = chosen.astype(float)
        operator = LinearOperator(
            (len(right), len(right)), matvec=lambda v: mask * self.product(mask * np.ravel(v)), dtype=float
        )
        solution, failed = cg(operator, mask * right, rtol=EXACT, maxiter=self.iterations)
        if failed < 0 or not np.isfinite(solution).all():
            raise ConvergenceError("the conjugate gradients broke down", hint="make damping larger")
        return np.asarray(solution)

    def minimum(self, gradient: Array, low: Array, high: Array) -> Array:
        """The d (P,) between ``low`` <= 0 and ``high`` >= 0 that makes ½ dᵀAd + gᵀd least.

        An active-set method (J. J. Moré, G. Toraldo, SIAM J. Optim. 1, 93, 1991): the values that are free are solved
        for; where that leads out of the box, those that leave it are held at their bounds, or those that leave it
        first if all of them are too many.
        """
        step, slope = np.zeros(len(gradient)), np.array(gradient)
        free = _free(step, slope, low, high)
        for _ in range(ROUNDS):
            move = self.solve(-slope, free)
            clipped = np.clip(step + move, low, high)
            if not np.array_equal(clipped, step + move):
                ahead = gradient + self.product(clipped)
                before, after = step @ (slope + gradient), clipped @ (ahead + gradient)
                if after < before:
                    step, slope = clipped, ahead
                    free = _free(step, slope, low, high)
                    if before - after > -ENOUGH * after:
                        continue
                    break
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(move > 0, (high - step) / move, np.where(move < 0, (low - step) / move, np.inf))
            part = min(1.0, float(room.min(initial=np.inf)))
            hit = room <= part
            step = np.where(hit & (part < 1.0), np.where(move > 0, high, low), np.clip(step + part * move, low, high))
            slope = gradient + self.product(step)
            if part < 1.0:
                free &= ~hit
                continue
            released = _free(step, slope, low, high)
            if not np.any(released & ~free & (np.abs(slope) > 1e-9 * np.abs(gradient).max())):
                break
            free = released
        return step


def _free(step: Array, slope: Array, low: Array, high: Array) -> Array:
    """(P,) what is not held at a bound that the slope presses it against."""
    return np.asarray(~(((step <= low) & (slope >= 0)) | ((step >= high) & (slope <= 0))))
