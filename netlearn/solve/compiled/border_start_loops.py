"""The compiled loops of ``bordered`` for where its steps begin, if nothing is known.

Diodes are taken on the lines where they would be if the diodes on the lines of no border and no conducting diode had
the border where it is for the average of all samples: one sweep over both layers, which leaves few diodes to move.
Arrays are (unknowns, samples), as in ``bordered_loops``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.bordered_loops import factor_border, on_lines, solve_border
from netlearn.solve.compiled.jit import compiled_sums

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes


@compiled_sums
def begin_lines(
    diodes: StraightDiodes, held: Array, diagonal: Array, drive: Array, inverse: Array, alone: Array, mean: Array
) -> None:
    """As ``take_lines``, for where the inner nodes are with no diode conducting and the border at zero volts.

    ``mean`` (h,) becomes what ``inverse`` is on average over the samples.
    """
    samples = drive.shape[1]
    at = np.empty(samples)
    for j in range(len(diagonal)):
        slope = diagonal[j]
        for s in range(samples):
            at[s] = drive[j, s]
        for k in range(diodes.starts[j], diodes.starts[j + 1]):
            off, other = diodes.off[k], held[diodes.held[k]]
            slope += off
            for s in range(samples):
                at[s] -= off * other[s]
        part, total = -1.0 / slope, 0.0
        for s in range(samples):
            at[s] *= part
        on_lines(diodes, held, j, diagonal[j], drive[j], at, inverse[j], alone[j])
        for s in range(samples):
            total += inverse[j, s]
        mean[j] = total / samples


@compiled_sums
def follow_lines(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    drive: Array,
    pull: Array,
    inverse: Array,
    alone: Array,
    at: Array,
) -> None:
    """As ``take_lines``, for where the border's ``pull`` (h, S) moves the inner nodes from lines that are known.

    ``inverse`` and ``alone`` are overwritten, ``at`` (h, S) becomes where that is.
    """
    for j in range(len(diagonal)):
        own, line, rest, by = at[j], inverse[j], alone[j], pull[j]
        for s in range(len(own)):
            own[s] = rest[s] - line[s] * by[s]
        on_lines(diodes, held, j, diagonal[j], drive[j], own, line, rest)


@compiled_sums
def guess_border(corner: Array, taken: Array, at_border: Array, border: Array) -> None:
    """The ``border`` (m, S) where the elimination takes the same off the corner in all samples, ``taken`` (p, 1).

    It is overwritten, and has been what inner nodes add to its equations without it.
    """
    samples, one = border.shape[1], np.empty((len(corner), 1))
    factor_border(corner, taken, one, np.zeros(1))
    lower = np.empty((len(corner), samples))
    for p in range(len(corner)):
        for s in range(samples):
            lower[p, s] = one[p, 0]
    for i in range(len(border)):
        for s in range(samples):
            border[i, s] = -(border[i, s] + at_border[i, s])
    solve_border(lower, border)
