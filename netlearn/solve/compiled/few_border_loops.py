"""The compiled loops of ``bordered`` for few samples: all steps in one call, which costs more than they do.

Arrays are (unknowns, samples), as in ``bordered_loops``. Sums over inner nodes run along memory, which for few samples
is along the rows of the matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.border_start_loops import begin_lines, guess_border
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
from netlearn.solve.compiled.jit import compiled_sums

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes


WIDE = 8
"""From so many samples on sums run along them, as many as an instruction takes of float64."""


@compiled_sums
def multiply_wide(rows: Array, values: Array, result: Array) -> None:
    """As ``multiply``, along the samples."""
    height, samples = values.shape
    whole = height - height % 4
    for i in range(len(rows)):
        into = result[i]
        for s in range(samples):
            into[s] = 0.0
        for j in range(0, whole, 4):
            one, two, three, four = values[j], values[j + 1], values[j + 2], values[j + 3]
            a, b, c, d = rows[i, j], rows[i, j + 1], rows[i, j + 2], rows[i, j + 3]
            for s in range(samples):
                into[s] += (a * one[s] + b * two[s]) + (c * three[s] + d * four[s])
        for j in range(whole, height):
            row, a = values[j], rows[i, j]
            for s in range(samples):
                into[s] += a * row[s]


@compiled_sums
def multiply(rows: Array, values: Array, result: Array) -> None:
    """``rows`` (n, h) times ``values`` (h, S) into ``result`` (n, S)."""
    height, samples = values.shape
    if samples >= WIDE:
        multiply_wide(rows, values, result)
        return
    own = np.empty(height)
    for s in range(samples):
        for j in range(height):
            own[j] = values[j, s]
        for i in range(len(rows)):
            total = 0.0
            for j in range(height):
                total += rows[i, j] * own[j]
            result[i, s] = total


@compiled_sums
def settle_border(
    beside: Array, columns: Array, lower: Array, alone: Array, at_border: Array, border: Array, pull: Array
) -> None:
    """The ``border`` (m, S) with these factors, where inner nodes are ``alone`` (h, S), and its ``pull`` (h, S)."""
    multiply(columns, alone, border)
    for i in range(len(border)):
        for s in range(border.shape[1]):
            border[i, s] = -(border[i, s] + at_border[i, s])
    solve_border(lower, border)
    multiply(beside, border, pull)


@compiled_sums
def begin_few(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    products: Array,
    corner: Array,
    drive: Array,
    at_border: Array,
    y: Array,
) -> None:
    """The inner voltages y (h, S) to start from, see ``border_start_loops``."""
    alone, inverse, pull = np.empty(y.shape), np.empty(y.shape), np.empty(y.shape)
    mean, taken = np.empty((len(diagonal), 1)), np.empty((len(corner), 1))
    begin_lines(diodes, held, diagonal, drive, inverse, alone, mean[:, 0])
    border = np.empty(at_border.shape)
    multiply(columns, alone, border)
    multiply(products, mean, taken)
    guess_border(corner, taken, at_border, border)
    multiply(beside, border, pull)
    for j in range(len(y)):
        for s in range(y.shape[1]):
            y[j, s] = alone[j, s] - inverse[j, s] * pull[j, s]


@compiled_sums
def run_few(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    products: Array,
    corner: Array,
    drive: Array,
    at_border: Array,
    before: Array,
    known: tuple[Array, Array, Array],
    most: int,
    inverse: Array,
    alone: Array,
    taken: Array,
    lower: Array,
    wrong: Array,
    y: Array,
    border: Array,
    pull: Array,
    steps: Array,
) -> bool:
    """``most`` steps at the most from inner voltages ``before`` (h, S), which are overwritten, to y (h, S).

    What is ``known`` of the first one's elimination, inverse, alone and taken, has no columns where nothing is. The
    elimination of the last one is left in ``inverse``, ``alone``, ``taken`` and ``lower``, but where the known one is
    also the last: then True is returned.
    """
    samples = y.shape[1]
    left = np.empty(samples)
    first = known[0].shape[1] == samples
    for step in range(1, most + 1):
        own = not (first and step == 1)
        if own:
            take_lines(diodes, held, diagonal, drive, before, inverse, alone)
            multiply(products, inverse, taken)
        one, other, off = (inverse, alone, taken) if own else known
        factor_border(corner, off, lower, wrong)
        settle_border(beside, columns, lower, other, at_border, border, pull)
        # Which samples still move is known from the step before.
        for s in range(samples):
            steps[s] = step if step == 1 or left[s] > 0.0 else steps[s]
        move(diodes, held, one, other, pull, before, y, left)
        total = 0.0
        for s in range(samples):
            total += left[s]
        if total == 0.0:
            return not own
        for j in range(len(y)):
            for s in range(samples):
                before[j, s] = y[j, s]
    return first and most == 1


@compiled_sums
def lines_of_one(
    diodes: StraightDiodes, held: Array, diagonal: Array, drive: Array, y: Array, inverse: Array, alone: Array
) -> None:
    """As ``take_lines``, for one sample: (h,) each, and ``held`` (t + 1,)."""
    for j in range(len(diagonal)):
        slopes, total = diagonal[j], drive[j]
        for k in range(diodes.starts[j], diodes.starts[j + 1]):
            sign, other = diodes.signs[k], held[diodes.held[k]]
            on, off, reverse = diodes.on[k], diodes.off[k], diodes.reverse[k]
            forward, backward = diodes.forward[k], diodes.backward[k]
            v, slope = sign * (y[j] - other), off
            if v >= forward:
                slope = on
                total -= sign * (on - off) * forward
            elif v <= -backward:
                slope = reverse
                total += sign * (reverse - off) * backward if reverse != off else 0.0
            slopes += slope
            total -= slope * other
        inverse[j] = 1.0 / slopes
        alone[j] = -total * inverse[j]


@compiled_sums
def move_one(
    diodes: StraightDiodes, held: Array, columns: Array, inverse: Array, alone: Array, border: Array, y: Array
) -> float:
    """As ``move``, for one sample, with the ``border`` (m,). Returns how many diodes have left their lines."""
    pull, left = np.zeros(len(y)), 0.0
    for i in range(len(columns)):
        row, volts = columns[i], border[i]
        for j in range(len(pull)):
            pull[j] += row[j] * volts
    for j in range(len(pull)):
        before, y[j] = y[j], alone[j] - inverse[j] * pull[j]
        for k in range(diodes.starts[j], diodes.starts[j + 1]):
            sign, other = diodes.signs[k], held[diodes.held[k]]
            forward, backward = diodes.forward[k], diodes.backward[k]
            was, now = sign * (before - other), sign * (y[j] - other)
            same = ((was >= forward) == (now >= forward)) & ((was <= -backward) == (now <= -backward))
            left += 0.0 if same & (abs(now) >= 0.0) else 1.0
    return left


@compiled_sums
def run_some(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    columns: Array,
    products: Array,
    corner: Array,
    drive: Array,
    at_border: Array,
    lost: Array,
    most: int,
    keep: bool,
    inverse: Array,
    alone: Array,
    taken: Array,
    back: Array,
    lower: Array,
    wrong: Array,
    y: Array,
    steps: Array,
) -> int:
    """``most`` further steps at the most for the samples ``lost`` (n,), from where they are in y (r, S).

    The elimination is left only where it is to be kept, but for ``wrong``. Returns the most steps of a sample, or one
    more than ``most`` where one has not arrived.
    """
    inner, width, longest = len(diagonal), len(at_border), 0
    # One sample after another, so that the unknowns lie along memory.
    one_held, one_drive, found = np.empty(len(held)), np.empty(inner), np.empty(inner)
    line, rest, added, border = np.empty(inner), np.empty(inner), np.empty(width), np.empty((width, 1))
    off, triangle, bad = np.empty((len(corner), 1)), np.empty((len(corner), 1)), np.empty(1)
    for s in lost:
        for j in range(inner):
            one_drive[j], found[j] = drive[j, s], y[j, s]
        for k in range(len(held)):
            one_held[k] = held[k, s]
        taking, arrived = 0, False
        while taking < most and not arrived:
            taking += 1
            lines_of_one(diodes, one_held, diagonal, one_drive, found, line, rest)
            for p in range(len(corner)):
                row, total = products[p], 0.0
                for j in range(inner):
                    total += row[j] * line[j]
                off[p, 0] = total
            for i in range(width):
                row, total = columns[i], 0.0
                for j in range(inner):
                    total += row[j] * rest[j]
                added[i], border[i, 0] = total, -(total + at_border[i, s])
            factor_border(corner, off, triangle, bad)
            solve_border(triangle, border)
            arrived = move_one(diodes, one_held, columns, line, rest, border[:, 0], found) == 0.0
        longest = max(longest, taking if arrived else most + 1)
        wrong[s], steps[s] = bad[0], steps[s] + taking
        for j in range(inner):
            y[j, s] = found[j]
        for i in range(width):
            y[inner + i, s] = border[i, 0]
        if keep:
            for j in range(inner):
                inverse[j, s], alone[j, s] = line[j], rest[j]
            back[:, s] = added
            for p in range(len(corner)):
                taken[p, s], lower[p, s] = off[p, 0], triangle[p, 0]
    return longest


@compiled_sums
def weigh_few(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    columns: Array,
    square: Array,
    inner: Array,
    sums: Array,
    drive: Array,
    at_border: Array,
    pull: Array,
    y: Array,
    border: Array,
    steps: Array,
    most: int,
    part: float,
    floor: float,
    excess: Array,
) -> None:
    """How far the samples (S,) are from Kirchhoff's laws; ``part`` of the most volts counts as rounding.

    Where no sample took the ``most`` of all ``steps``, diodes have arrived on the lines that they were taken on, and
    the inner nodes' equations hold by construction, see ``weigh_many``.
    """
    rounding, linear, own = np.zeros(len(excess)), np.empty(border.shape), np.empty(border.shape)
    most_of(y, rounding)
    most_of(border, rounding)
    arrived = True
    for s in range(len(rounding)):
        rounding[s] *= part
        # Not a number where a voltage is not finite.
        excess[s] += 0.0 * rounding[s]
        arrived &= steps[s] < most
    if not arrived:
        weigh_inner(diodes, held, diagonal, inner, drive, pull, y, rounding, floor, excess)
    multiply(square, border, linear)
    multiply(columns, y, own)
    for i in range(len(border)):
        for s in range(border.shape[1]):
            linear[i, s] += own[i, s]
    weigh_border(linear, at_border, sums, rounding, floor, excess)


@compiled_sums
def resolve_few(
    beside: Array,
    columns: Array,
    square: Array,
    inverse: Array,
    lower: Array,
    inside: Array,
    at_border: Array,
    y: Array,
    border: Array,
    error: Array,
) -> None:
    """Solutions y (h, S) and ``border`` (m, S) for right-hand sides ``inside`` and ``at_border`` of an elimination.

    ``error`` (S,) is what is left of the equations, relative.
    """
    samples = y.shape[1]
    most, back, pull = np.zeros(samples), np.empty(border.shape), np.empty(y.shape)
    most_of(inside, most)
    for j in range(len(y)):
        for s in range(samples):
            y[j, s] = inverse[j, s] * inside[j, s]
    multiply(columns, y, border)
    for i in range(len(border)):
        for s in range(samples):
            border[i, s] = at_border[i, s] - border[i, s]
    solve_border(lower, border)
    multiply(beside, border, pull)
    for j in range(len(y)):
        for s in range(samples):
            y[j, s] = (inside[j, s] - pull[j, s]) * inverse[j, s]
    multiply(columns, y, back)
    left_over(square, at_border, border, back, most, error)
