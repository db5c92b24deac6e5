"""The compiled loops of ``bordered``: ideal diodes at inner nodes, and the equations that are left at the border.

Arrays are (unknowns, samples), so that the innermost loops run along memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.ideal_diode import NEVER
from netlearn.solve import stopping
from netlearn.solve.compiled.jit import compiled, compiled_sums, inlined_sums

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes

imbalance = compiled(stopping.imbalance)


@compiled_sums
def take_entries(
    entries: Array,
    at_diagonal: Array,
    at_beside: Array,
    at_square: Array,
    diagonal: Array,
    beside: Array,
    square: Array,
    columns: Array,
    inner: Array,
    border: Array,
) -> None:
    """The parts of a matrix with ``entries`` (nnz,) from where they are, nnz or beyond for zeros.

    ``columns`` (m, h) becomes the transpose of ``beside`` (h, m), ``inner`` (h,) and ``border`` (m,) the sums of the
    magnitudes in all rows.
    """
    count, (height, width) = len(entries), beside.shape
    for i in range(width):
        border[i] = 0.0
        for k in range(width):
            at = at_square[i, k]
            square[i, k] = entries[at] if at < count else 0.0
            border[i] += abs(square[i, k])
    for j in range(height):
        at = at_diagonal[j]
        diagonal[j] = entries[at] if at < count else 0.0
        inner[j] = abs(diagonal[j])
        for k in range(width):
            at = at_beside[j, k]
            value = entries[at] if at < count else 0.0
            beside[j, k] = value
            columns[k, j] = value
            inner[j] += abs(value)
            border[k] += abs(value)


@compiled_sums
def multiply_columns(columns: Array, first: Array, second: Array, products: Array) -> None:
    """Products (p, h) of the rows ``first`` and ``second`` (p,) of ``columns`` (m, h)."""
    for p in range(len(first)):
        i, k = first[p], second[p]
        for j in range(products.shape[1]):
            products[p, j] = columns[i, j] * columns[k, j]


@inlined_sums
def on_lines(
    diodes: StraightDiodes, held: Array, j: int, diagonal: float, drive: Array, at: Array, inverse: Array, alone: Array
) -> None:
    """The j-th inner equation with each of its diodes on the straight line that it is on ``at`` some volts, (S,) each.

    ``inverse`` becomes one over the slope, ``alone`` where the node is with the border at zero volts.
    """
    samples = len(at)
    for s in range(samples):
        inverse[s], alone[s] = diagonal, drive[s]
    for k in range(diodes.starts[j], diodes.starts[j + 1]):
        sign, there = diodes.signs[k], held[diodes.held[k]]
        on, off, reverse = diodes.on[k], diodes.off[k], diodes.reverse[k]
        forward, backward = diodes.forward[k], diodes.backward[k]
        shift, back = sign * (on - off) * forward, sign * (reverse - off) * backward if reverse != off else 0.0
        if backward == NEVER:
            for s in range(samples):
                other = there[s]
                conducts = sign * (at[s] - other) >= forward
                slope = on if conducts else off
                inverse[s] += slope
                alone[s] += (-shift if conducts else 0.0) - slope * other
        else:
            for s in range(samples):
                other = there[s]
                v = sign * (at[s] - other)
                slope = on if v >= forward else (reverse if v <= -backward else off)
                constant = -shift if v >= forward else (back if v <= -backward else 0.0)
                inverse[s] += slope
                alone[s] += constant - slope * other
    for s in range(samples):
        inverse[s] = 1.0 / inverse[s]
        alone[s] *= -inverse[s]


@compiled_sums
def take_lines(
    diodes: StraightDiodes, held: Array, diagonal: Array, drive: Array, y: Array, inverse: Array, alone: Array
) -> None:
    """The inner equations with each diode on the straight line that it is on at y (h, S).

    ``inverse`` (h, S) becomes one over the slope of each, ``alone`` (h, S) where it is with the border at zero volts.
    """
    for j in range(len(diagonal)):
        on_lines(diodes, held, j, diagonal[j], drive[j], y[j], inverse[j], alone[j])


@compiled_sums
def move(
    diodes: StraightDiodes, held: Array, inverse: Array, alone: Array, pull: Array, before: Array, y: Array, left: Array
) -> None:
    """The inner voltages y (h, S) that follow from the ``pull`` (h, S) of the border, in amperes.

    ``left`` (S,) counts the diodes that are on another line than they are on at ``before``.
    """
    samples = y.shape[1]
    for s in range(samples):
        left[s] = 0.0
    for j in range(y.shape[0]):
        for s in range(samples):
            y[j, s] = alone[j, s] - inverse[j, s] * pull[j, s]
        for k in range(diodes.starts[j], diodes.starts[j + 1]):
            sign, row = diodes.signs[k], diodes.held[k]
            forward, backward = diodes.forward[k], diodes.backward[k]
            # NaN is on no line, and never on the one that it was on.
            if backward == NEVER:
                for s in range(samples):
                    other = held[row, s]
                    was, now = sign * (before[j, s] - other), sign * (y[j, s] - other)
                    left[s] += 0.0 if ((was >= forward) == (now >= forward)) & (abs(now) >= 0.0) else 1.0
            else:
                for s in range(samples):
                    other = held[row, s]
                    was, now = sign * (before[j, s] - other), sign * (y[j, s] - other)
                    same = ((was >= forward) == (now >= forward)) & ((was <= -backward) == (now <= -backward))
                    left[s] += 0.0 if same & (abs(now) >= 0.0) else 1.0


@compiled_sums
def factor_border(corner: Array, taken: Array, lower: Array, wrong: Array) -> None:
    """L (p, S) with L D Lᵀ = ``corner`` (p,) - ``taken`` (p, S), rows of lower triangles one after another.

    One over D is on the diagonal, ``wrong`` (S,) counts entries of D that are not above zero.
    """
    samples, p, size = taken.shape[1], 0, 0
    while p < len(corner):
        p, size = p + size + 1, size + 1
    for s in range(samples):
        wrong[s] = 0.0
    for p in range(len(corner)):
        for s in range(samples):
            lower[p, s] = corner[p] - taken[p, s]
    for j in range(size):
        at = j * (j + 1) // 2 + j
        for s in range(samples):
            wrong[s] += 0.0 if lower[at, s] > 0.0 else 1.0
            lower[at, s] = 1.0 / lower[at, s]
        for i in range(size - 1, j, -1):
            # Of the column only the rows above i are still what they were before it was scaled.
            row, first = i * (i + 1) // 2, i * (i + 1) // 2 + j
            for s in range(samples):
                lower[first, s] *= lower[at, s]
            for k in range(j + 1, i):
                other = k * (k + 1) // 2 + j
                for s in range(samples):
                    lower[row + k, s] -= lower[first, s] * lower[other, s]
            for s in range(samples):
                lower[row + i, s] -= lower[first, s] * lower[first, s] / lower[at, s]


@compiled_sums
def solve_border(lower: Array, y: Array) -> None:
    """Solve with the factors of ``factor_border`` for y (m, S), which is overwritten."""
    size, samples = y.shape
    for i in range(size):
        row = i * (i + 1) // 2
        for k in range(i):
            for s in range(samples):
                y[i, s] -= lower[row + k, s] * y[k, s]
    for i in range(size):
        at = i * (i + 1) // 2 + i
        for s in range(samples):
            y[i, s] *= lower[at, s]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            at = k * (k + 1) // 2 + i
            for s in range(samples):
                y[i, s] -= lower[at, s] * y[k, s]


@compiled_sums
def weigh_inner(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    sums: Array,
    drive: Array,
    pull: Array,
    y: Array,
    rounding: Array,
    floor: float,
    excess: Array,
) -> None:
    """How far the inner nodes are from Kirchhoff's law at y (h, S), as ``unbalanced`` has it: the most of each sample.

    ``sums`` (h,) are those of the magnitudes of each equation's entries, ``rounding`` (S,) volts that count as it.
    """
    samples = y.shape[1]
    total, size, unknown = np.empty(samples), np.empty(samples), np.zeros(samples)
    for j in range(len(diagonal)):
        for s in range(samples):
            linear = diagonal[j] * y[j, s] + pull[j, s]
            total[s] = linear + drive[j, s]
            size[s] = abs(linear) + abs(drive[j, s]) + sums[j] * rounding[s]
        for k in range(diodes.starts[j], diodes.starts[j + 1]):
            sign, row = diodes.signs[k], diodes.held[k]
            on, off, reverse = diodes.on[k], diodes.off[k], diodes.reverse[k]
            forward, backward = diodes.forward[k], diodes.backward[k]
            for s in range(samples):
                v = sign * (y[j, s] - held[row, s])
                slope = on if v >= forward else (reverse if v <= -backward else off)
                corner = forward if v >= forward else (-backward if v <= -backward else 0.0)
                current = off * v + (slope - off) * (v - corner)
                total[s] += sign * current
                size[s] += abs(current) + slope * rounding[s]
        for s in range(samples):
            part = imbalance(total[s], size[s], floor)
            unknown[s] += part
            excess[s] = part if part > excess[s] else excess[s]
    for s in range(samples):
        # Not a number where one part was none.
        excess[s] += 0.0 * unknown[s]


@compiled_sums
def weigh_border(linear: Array, drive: Array, sums: Array, rounding: Array, floor: float, excess: Array) -> None:
    """The same for the border, of which the ``linear`` part of the equations is known, (m, S)."""
    for i in range(linear.shape[0]):
        for s in range(linear.shape[1]):
            size = abs(linear[i, s]) + abs(drive[i, s]) + sums[i] * rounding[s]
            part = imbalance(linear[i, s] + drive[i, s], size, floor)
            excess[s] = excess[s] if part <= excess[s] else part + 0.0 * excess[s]


@compiled_sums
def most_of(y: Array, result: Array) -> None:
    """The largest magnitude (S,) in y (r, S) or what it was before; NaN counts as none."""
    for i in range(y.shape[0]):
        for s in range(y.shape[1]):
            result[s] = max(result[s], abs(y[i, s]))


@compiled_sums
def left_over(square: Array, border: Array, found: Array, back: Array, most: Array, error: Array) -> None:
    """What is left (S,) of the border's linear equations beside the largest right-hand side.

    ``border`` (m, S) are its right-hand sides, ``most`` (S,) the largest of the others, ``found`` (m, S) the solutions
    and ``back`` (m, S), which is overwritten, what inner ones add to the equations.
    """
    samples = found.shape[1]
    for s in range(samples):
        error[s] = 0.0
    for i in range(found.shape[0]):
        for s in range(samples):
            back[i, s] -= border[i, s]
            most[s] = max(most[s], abs(border[i, s]))
        for k in range(found.shape[0]):
            for s in range(samples):
                back[i, s] += square[i, k] * found[k, s]
        for s in range(samples):
            error[s] += abs(back[i, s])
    for s in range(samples):
        error[s] = error[s] / most[s] if most[s] > 0.0 else error[s]
