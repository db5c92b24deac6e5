"""The samples of a bordered system that are solved at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.bordered.matrix import BorderedFactors
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import ROUNDING

if TYPE_CHECKING:
    from netlearn.solve.bordered.system import BorderedSystem

FEW = 3
"""Where no more than this part of the samples have diodes to move further, they go on alone: a third; with a half or a
sixth nudged states take as long within a twentieth (benchmarks/block_sizes.py)."""
LITTLE = 0.25
"""Where the border has no more than this part of the conductance at each inner node, it is left out of the first guess,
by convention: a layer of 100 diodes with 10 outputs takes as many steps then, with 128 inputs and with 1568."""


def columns_of(values: Array, first: int, last: int) -> Array:
    """Some of the columns as an array of its own, or all of them."""
    return in_rows(values if first == 0 and last == values.shape[1] else values[:, first:last])


@dataclass(eq=False)
class BorderedPart:
    """Some of the samples; ``y`` (r, S) are the inner voltages and then the border's."""

    system: BorderedSystem
    drive: Array
    border: Array
    held: Array
    y: Array
    pull: Array

    @classmethod
    def of(cls, system: BorderedSystem, first: int, last: int) -> BorderedPart:
        inner, border = system.layout.sizes
        drive, at_border, held = (columns_of(each, first, last) for each in (*system.drives, system.held))
        y, pull = np.empty((inner + border, last - first)), np.empty((inner, last - first))
        return cls(system, drive, at_border, held, y, pull)

    def without_diodes(self) -> Array:
        """The inner voltages (h, S) if no diode conducts; without the border where it has little to say."""
        matrix, inner = self.system.matrix, self.system.layout.sizes[0]
        slopes, held = matrix.diodes.off_at(inner, self.held)
        inverse = (1.0 / (matrix.diagonal + slopes))[:, None]
        alone = self.drive * -inverse if held is None else (self.drive + held) * -inverse
        if (matrix.sums[0] <= (1.0 + LITTLE) * matrix.diagonal).all():
            return alone
        scaled = matrix.beside * inverse
        try:
            left = np.linalg.solve(matrix.square - matrix.beside.T @ scaled, self.border + matrix.beside.T @ alone)
        except np.linalg.LinAlgError:
            # Nodes that hang on conducting diodes alone, or on nothing: this is but where the iteration starts.
            return alone
        alone += scaled @ left
        return alone

    def factors(self, at: Array) -> BorderedFactors:
        """The elimination with the diodes on the lines of inner voltages (h, S)."""
        matrix, loops, samples = self.system.matrix, kernels(), at.shape[1]
        inverse, alone = np.empty(at.shape), np.empty(at.shape)
        loops.take_lines(matrix.diodes, self.held, matrix.diagonal, self.drive, at, inverse, alone)
        taken = matrix.products @ inverse
        lower, wrong = np.empty(taken.shape), np.empty(samples)
        loops.factor_border(matrix.corner, taken, lower, wrong)
        return BorderedFactors(inverse, taken, lower, wrong, alone)

    def run(
        self, before: Array, known: BorderedFactors | None, most: int, steps: Array, *, keep: bool = True
    ) -> BorderedFactors:
        """Solve from inner voltages (h, S), whose elimination may be known but for the corner.

        Returns the elimination at the end; if that is not to be kept, only its signs are those of all samples.
        """
        matrix, loops, inner = self.system.matrix, kernels(), self.system.layout.sizes[0]
        left, moved, given = np.empty(len(steps)), np.ones(len(steps), bool), known is not None
        for step in range(1, most + 1):
            if known is None:
                factors = self.factors(before)
            else:
                lower, wrong = np.empty(known.taken.shape), np.empty(len(steps))
                loops.factor_border(matrix.corner, known.taken, lower, wrong)
                factors, known = BorderedFactors(known.inverse, known.taken, lower, wrong, known.alone), None
            shared = step == 1 and given
            border = matrix.beside.T @ factors.alone
            border += self.border
            np.negative(border, out=border)
            loops.solve_border(factors.lower, border)
            np.matmul(matrix.beside, border, out=self.pull)
            loops.move(
                matrix.diodes, self.held, factors.inverse, factors.alone, self.pull, before, self.y[:inner], left
            )
            self.y[inner:] = border
            steps[:] = step if step == 1 else np.maximum(steps, step * moved)
            moved = left > 0.0
            if not moved.any():
                break
            lost = np.flatnonzero(moved)
            if FEW * len(lost) < len(moved) and step < most:
                # The others have arrived.
                if keep and shared:
                    kept = (factors.inverse.copy(), factors.taken.copy(), factors.lower, factors.wrong)
                    factors = BorderedFactors(*kept, factors.alone.copy())
                loops.run_some(
                    matrix.diodes, self.held, matrix.diagonal, matrix.beside, matrix.columns, matrix.products,
                    matrix.corner, self.drive, self.border, lost, most - step, keep, factors.inverse, factors.alone,
                    factors.taken, factors.lower, factors.wrong, self.y, self.pull, steps,
                )  # fmt: skip
                break
            before = self.y[:inner].copy()
        return factors

    def weigh(self, tolerances: Tolerances, excess: Array) -> None:
        """How far the samples (S,) are from Kirchhoff's laws."""
        matrix, loops, inner = self.system.matrix, kernels(), self.system.layout.sizes[0]
        rounding, y = np.zeros(len(excess)), self.y[:inner]
        loops.most_of(self.y, rounding)
        rounding *= ROUNDING
        loops.weigh_inner(
            matrix.diodes, self.held, matrix.diagonal, matrix.sums[0], self.drive, self.pull, y, rounding,
            tolerances.abstol, excess,
        )  # fmt: skip
        linear = matrix.square @ self.y[inner:]
        linear += matrix.beside.T @ y
        loops.weigh_border(linear, self.border, matrix.sums[1], rounding, tolerances.abstol, excess)

    def solved(self, factors: BorderedFactors, inside: Array, border: Array) -> tuple[Array, Array, Array]:
        """Solutions (h, S) and (m, S) for such right-hand sides, and what is left of the equations, relative (S,)."""
        matrix, loops, samples = self.system.matrix, kernels(), border.shape[1]
        error, most = np.empty(samples), np.zeros(samples)
        found = border.copy()
        if inside.any():
            found -= matrix.beside.T @ (factors.inverse * inside)
            np.abs(inside).max(axis=0, out=most)
        loops.solve_border(factors.lower, found)
        y = matrix.beside @ found
        np.subtract(inside, y, out=y)
        y *= factors.inverse
        loops.left_over(matrix.square, border, found, matrix.beside.T @ y, most, error)
        return y, found, error
