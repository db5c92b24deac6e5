"""The samples of a bordered system that are solved at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.bordered.matrix import BorderedFactors, BorderedMatrix
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import ROUNDING

if TYPE_CHECKING:
    from netlearn.solve.bordered.plan import Compared
    from netlearn.solve.bordered.system import BorderedSystem

FEW = 3
"""Where no more than this part of the samples have diodes to move further, they go on alone: a third; with a half or a
sixth nudged states take as long within a twentieth (benchmarks/block_sizes.py)."""
STEPS = 12
"""After so many steps without all diodes being on their lines others are to try: 1000 samples of a layer of 300 diodes
take as long within a fiftieth with half or twice as many (benchmarks/part_sizes.py)."""
BALANCED = 1e-3
"""Currents out of balance by this part of what is allowed, 1e-9 of their magnitudes then, are more than rounding of
sums of any length in float64."""
NOTHING = np.zeros((0, 0))
UNKNOWN = (NOTHING, NOTHING, NOTHING, NOTHING)


class Nudges(NamedTuple):
    """What is put at the outputs, and which states are compared then, see ``PlannedStates.contrast``.

    ``ends`` (2, o) are their nodes' numbers in the border, negative for ground, ``conductance`` (o,) and ``current``
    (S, o) are multiplied by ``strength``.
    """

    ends: Array
    conductance: Array
    current: Array
    strength: float
    compared: Compared


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

    @classmethod
    def of(cls, system: BorderedSystem, first: int, last: int) -> BorderedPart:
        inner, border = system.layout.sizes
        drive, at_border, held = (columns_of(each, first, last) for each in (*system.drives, system.held))
        return cls(system, drive, at_border, held, np.empty((inner + border, last - first)))

    def settle(
        self,
        before: Array | None,
        known: BorderedFactors | None,
        *,
        most: int,
        abstol: float,
        keep: bool,
        steps: Array,
        excess: Array,
    ) -> BorderedFactors:
        """The elimination at the states, and these as ``y``.

        From inner voltages ``before`` (h, S), whose elimination may be ``known`` but for the corner, or from a first
        guess. ``steps`` and ``excess`` (S,) become the number of steps, ``most`` at the most, and how far the samples
        are from Kirchhoff's laws. If the elimination is not to be kept, only its signs are those of all samples.
        """
        matrix, (inner, border), samples = self.system.matrix, self.system.layout.sizes, self.y.shape[1]
        inverse, alone, back = np.empty((inner, samples)), np.empty((inner, samples)), np.empty((border, samples))
        taken, lower = np.empty((2, len(matrix.corner), samples))
        wrong, first = np.empty(samples), _known(matrix, None if before is None else known)
        same = kernels().settle_many(
            matrix.diodes, self.held, matrix.diagonal, matrix.beside, matrix.columns, matrix.products, matrix.corner,
            matrix.square, *matrix.sums, self.drive, self.border, NOTHING if before is None else before, first, most,
            FEW, ROUNDING, abstol, keep, inverse, alone, taken, back, lower, wrong, self.y[:inner], self.y[inner:],
            self.y, steps, excess,
        )  # fmt: skip
        if same and known is not None:
            return BorderedFactors(known.inverse, known.taken, lower, wrong, known.alone, known.added)
        return BorderedFactors(inverse, taken, lower, wrong, alone, [back])

    def compare_nudged(
        self,
        free: Array,
        known: BorderedFactors | None,
        nudges: Nudges,
        tolerances: Tolerances,
        *,
        left: Array,
        right: Array,
    ) -> float:
        """Nudged states from the ``free`` ones (r, S), whose elimination may be known, and pairs of all these.

        ``left`` and ``right`` (n, r, S) become the differences of n pairs times their shares, and their means. Returns
        0.0 if all states were found, as ``PlannedStates.contrast`` wants them.
        """
        matrix, inner = self.system.matrix, self.system.layout.sizes[0]
        bad = kernels().nudged_many(
            matrix.diodes, self.held, matrix.diagonal, matrix.beside, matrix.columns, matrix.products, matrix.square,
            *matrix.sums, self.drive, self.border, *nudges, free, free[:inner], _known(matrix, known),
            min(STEPS, tolerances.iterations), FEW, ROUNDING, tolerances.abstol, BALANCED, left, right,
        )  # fmt: skip
        return float(bad)

    def factors(self, at: Array) -> BorderedFactors:
        """The elimination with the diodes on the lines of inner voltages (h, S)."""
        matrix, loops, samples = self.system.matrix, kernels(), at.shape[1]
        inverse, alone = np.empty(at.shape), np.empty(at.shape)
        loops.take_lines(matrix.diodes, self.held, matrix.diagonal, self.drive, at, inverse, alone)
        taken = matrix.products @ inverse
        lower, wrong = np.empty(taken.shape), np.empty(samples)
        loops.factor_border(matrix.corner, taken, lower, wrong)
        return BorderedFactors(inverse, taken, lower, wrong, alone)

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


def _known(matrix: BorderedMatrix, known: BorderedFactors | None) -> tuple[Array, Array, Array, Array]:
    """What is known of an elimination with such a matrix but for the corner, without columns for nothing."""
    return UNKNOWN if known is None else (known.inverse, known.alone, known.taken, known.back(matrix.columns))
