"""The compiled loops of ``bordered`` for many samples: products of matrices by BLAS, and a pass for what is between.

Arrays are (unknowns, samples), as in ``bordered_loops``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.border_start_loops import begin_lines, follow_lines, guess_border
from netlearn.solve.compiled.bordered_loops import (
    factor_border,
    left_over,
    most_of,
    move,
    solve_border,
    take_lines,
    weigh_border,
    weigh_inner,
)
from netlearn.solve.compiled.few_border_loops import run_some
from netlearn.solve.compiled.jit import compiled_sums

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes


@compiled_sums
def begin_many(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    products: Array,
    corner: Array,
    drive: Array,
    at_border: Array,
    inverse: Array,
    alone: Array,
    at: Array,
    border: Array,
    pull: Array,
) -> None:
    """The lines to start with, ``inverse`` and ``alone``, and inner voltages ``at`` (h, S) that are on them.

    See ``border_start_loops``. ``border`` (m, S) and ``pull`` (h, S) are overwritten.
    """
    mean, taken = np.empty((len(diagonal), 1)), np.empty((len(corner), 1))
    begin_lines(diodes, held, diagonal, drive, inverse, alone, mean[:, 0])
    np.dot(columns, alone, border)
    np.dot(products, mean, taken)
    guess_border(corner, taken, at_border, border)
    np.dot(beside, border, pull)
    follow_lines(diodes, held, diagonal, drive, pull, inverse, alone, at)


@compiled_sums
def settle_many(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    products: Array,
    corner: Array,
    square: Array,
    inner: Array,
    sums: Array,
    drive: Array,
    at_border: Array,
    before: Array,
    known: tuple[Array, Array, Array, Array],
    most: int,
    few: int,
    part: float,
    floor: float,
    keep: bool,
    inverse: Array,
    alone: Array,
    taken: Array,
    back: Array,
    lower: Array,
    wrong: Array,
    y: Array,
    border: Array,
    whole: Array,
    steps: Array,
    excess: Array,
) -> bool:
    """Inner voltages y (h, S) and those of the ``border`` (m, S), both of them in ``whole`` (r, S), by Newton's method.

    From inner voltages ``before`` (h, S), whose elimination may be ``known`` but for the corner: ``inverse``,
    ``alone``, ``taken``, and ``back``, what inner nodes add to the border's equations with it at zero volts. What is
    not known has no columns. ``most`` steps are taken at the most, and where no more than one of ``few`` samples has
    diodes to move further, these go on alone. ``steps`` and ``excess`` (S,) become their number, and how far samples
    are from Kirchhoff's laws, of which ``part`` of the most volts is rounding. ``inner`` and ``sums`` are the
    magnitudes' in all rows.

    The last elimination is left in ``inverse``, ``alone``, ``taken``, ``back``, ``lower`` and ``wrong``; if it is not
    to be kept, only in ``wrong`` for all samples. True if it is the known one but for the corner: then the first four
    are not written.
    """
    samples = y.shape[1]
    left, pull, own = np.empty(samples), np.empty(y.shape), np.empty(y.shape)
    at = before if before.shape[1] == samples else own
    given, arrived, shared = known[0].shape[1] == samples, False, False
    for step in range(1, most + 1):
        shared = given and step == 1
        if not shared:
            if step == 1 and before.shape[1] != samples:
                begin_many(
                    diodes, held, diagonal, beside, columns, products, corner, drive, at_border, inverse, alone, at,
                    border, pull,
                )  # fmt: skip
            else:
                take_lines(diodes, held, diagonal, drive, at, inverse, alone)
            np.dot(products, inverse, taken)
            np.dot(columns, alone, back)
        one, other, off, rest = known if shared else (inverse, alone, taken, back)
        factor_border(corner, off, lower, wrong)
        for i in range(len(border)):
            for s in range(samples):
                border[i, s] = -(rest[i, s] + at_border[i, s])
        solve_border(lower, border)
        np.dot(beside, border, pull)
        for s in range(samples):
            # Which samples still move is known from the step before.
            steps[s] = step if step == 1 or left[s] > 0.0 else steps[s]
        move(diodes, held, one, other, pull, at, y, left)
        count = 0
        for s in range(samples):
            count += 1 if left[s] > 0.0 else 0
        arrived = count == 0
        if arrived:
            break
        if few * count < samples and step < most:
            # The others have arrived.
            if keep and shared:
                inverse[:], alone[:], taken[:], back[:] = one, other, off, rest
            shared = False
            taking = run_some(
                diodes, held, diagonal, columns, products, corner, drive, at_border, np.flatnonzero(left), most - step,
                keep, inverse, alone, taken, back, lower, wrong, whole, steps,
            )  # fmt: skip
            arrived = taking <= most - step
            break
        at = own
        at[:] = y
    weigh_many(
        diodes, held, diagonal, beside, columns, square, inner, sums, drive, at_border, y, border, whole, arrived, part,
        floor, excess,
    )  # fmt: skip
    return shared


@compiled_sums
def weigh_many(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    square: Array,
    inner: Array,
    sums: Array,
    drive: Array,
    at_border: Array,
    y: Array,
    border: Array,
    whole: Array,
    arrived: bool,
    part: float,
    floor: float,
    excess: Array,
) -> None:
    """How far the samples (S,) are from Kirchhoff's laws, see ``settle_many``.

    Where all diodes have ``arrived`` on the lines that they were taken on, the inner nodes' equations were solved with
    these: they hold but for the rounding of a few operations, whatever their numbers are.
    """
    samples, linear = y.shape[1], np.empty(border.shape)
    rounding = np.zeros(samples)
    most_of(whole, rounding)
    for s in range(samples):
        rounding[s] *= part
        # Not a number where a voltage is not finite.
        excess[s] += 0.0 * rounding[s]
    if not arrived:
        pull = np.empty(y.shape)
        np.dot(beside, border, pull)
        weigh_inner(diodes, held, diagonal, inner, drive, pull, y, rounding, floor, excess)
    np.dot(columns, y, linear)
    for i in range(len(border)):
        row = linear[i]
        for k in range(len(border)):
            g, other = square[i, k], border[k]
            if g != 0.0:
                for s in range(samples):
                    row[s] += g * other[s]
    weigh_border(linear, at_border, sums, rounding, floor, excess)


@compiled_sums
def resolve_border(
    beside: Array,
    columns: Array,
    square: Array,
    inverse: Array,
    lower: Array,
    right: Array,
    y: Array,
    border: Array,
    error: Array,
) -> None:
    """Solutions y (h, S) and ``border`` (m, S) of equations with an elimination, and right-hand sides at the border.

    These are ``right`` (m, S); ``error`` (S,) becomes what is left of the equations, relative.
    """
    samples = y.shape[1]
    border[:] = right
    solve_border(lower, border)
    np.dot(beside, border, y)
    for j in range(len(y)):
        row, line = y[j], inverse[j]
        for s in range(samples):
            row[s] *= -line[s]
    back = np.empty(border.shape)
    np.dot(columns, y, back)
    left_over(square, right, border, back, np.zeros(samples), error)
