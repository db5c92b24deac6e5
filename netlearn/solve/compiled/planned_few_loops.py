"""The compiled loops of ``bordered.plan`` for few samples: free, adjoint and nudged states in a call each.

What one call leaves for the next stands in one array, ``work``, whose parts ``matrix_parts`` and ``state_parts`` tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled import planned_layout
from netlearn.solve.compiled.few_border_loops import begin_few, resolve_few, run_few, weigh_few
from netlearn.solve.compiled.jit import compiled_sums
from netlearn.solve.compiled.planned_loops import complete, gather

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes
    from netlearn.solve.bordered.plan import Compared


class MatrixParts(NamedTuple):
    """The parts of ``work`` that are the matrix, as ``BorderedMatrix`` has them, but ``diagonal`` (r,) of all."""

    diagonal: Array
    beside: Array
    square: Array
    columns: Array
    corner: Array
    products: Array
    inner: Array
    border: Array
    end: int
    """Where the next parts begin."""


class StateParts(NamedTuple):
    """The parts of ``work`` for S states: ``y`` (r, S), and what makes them, with the samples in columns, too.

    ``drive`` (h, S), ``at_border`` (m, S), and of the elimination ``inverse`` and ``alone`` (h, S), ``taken`` and
    ``lower`` (p, S).
    """

    y: Array
    drive: Array
    at_border: Array
    inverse: Array
    alone: Array
    taken: Array
    lower: Array


matrix_ends = compiled_sums(planned_layout.matrix_ends)
state_ends = compiled_sums(planned_layout.state_ends)


@compiled_sums
def matrix_parts(work: Array, h: int, m: int) -> MatrixParts:
    """Those for h inner unknowns and m of the border."""
    a, b, c, d, e, f, g, end = matrix_ends(h, m)
    square, columns = work[b:c].reshape((m, m)), work[c:d].reshape((m, h))
    corner, products = work[d:e], work[e:f].reshape((e - d, h))
    return MatrixParts(
        work[:a], work[a:b].reshape((h, m)), square, columns, corner, products, work[f:g], work[g:end], end
    )


@compiled_sums
def state_parts(work: Array, at: int, h: int, m: int, n: int) -> StateParts:
    """Those for n samples, from ``at`` on."""
    a, b, c, d, e, f, end = state_ends(at, h, m, n)
    p = m * (m + 1) // 2
    y, drive, at_border = work[at:a].reshape((h + m, n)), work[a:b].reshape((h, n)), work[b:c].reshape((m, n))
    inverse, alone = work[c:d].reshape((h, n)), work[d:e].reshape((h, n))
    return StateParts(y, drive, at_border, inverse, alone, work[e:f].reshape((p, n)), work[f:end].reshape((p, n)))


@compiled_sums
def hold(tree: Array, volts: Array) -> Array:
    """(t + 1, S) volts at diodes' other ends, ground first."""
    held = np.zeros((len(tree) + 1, len(volts)))
    for i in range(len(tree)):
        for s in range(len(volts)):
            held[i + 1, s] = volts[s, tree[i]]
    return held


@compiled_sums
def free_few(
    runs: Array,
    diodes: StraightDiodes,
    tree: Array,
    ends: Array,
    resistance: Array,
    volts: Array,
    drives: Array,
    start: Array,
    border: int,
    most: int,
    part: float,
    floor: float,
    allowed: float,
    conductance: Array,
    copy: Array,
    work: Array,
    read: Array,
) -> tuple[float, float]:
    """The free states from the resistances, from inner voltages ``start`` (S, h), or (0, h) for no diode conducting.

    ``drives`` (S, r) are what current sources add to the equations, (0, r) for none. ``ends`` (2, o) are the ends of
    the outputs ``read`` (S, o): unknowns, -1 for ground and -2 - t for held nodes. ``conductance`` (k,) and ``copy``
    are filled as ``gather`` does. Returns 0.0 if the values are such as are solved here, all samples are on their lines
    and within what is ``allowed`` beside Kirchhoff's laws, and the number of steps.
    """
    samples, inner = len(volts), len(diodes.starts) - 1
    matrix = matrix_parts(work, inner, border)
    state = state_parts(work, matrix.end, inner, border, samples)
    rows = np.zeros((samples, inner + border))
    for s in range(len(drives)):
        for i in range(inner + border):
            rows[s, i] = drives[s, i]
    bad = gather(runs, resistance, volts, matrix.diagonal, matrix.beside, matrix.square, rows, conductance, copy)
    total = 0.0
    for s in range(samples):
        own = volts[s]
        for i in range(len(own)):
            total += own[i]
    bad += 0.0 * total
    if bad != 0.0:
        return 1.0, 0.0
    complete(
        matrix.diagonal, matrix.beside, matrix.square, matrix.columns, matrix.corner, matrix.products, matrix.inner,
        matrix.border,
    )  # fmt: skip
    for s in range(samples):
        for j in range(inner):
            state.drive[j, s] = rows[s, j]
        for i in range(border):
            state.at_border[i, s] = rows[s, inner + i]
    held, own_diagonal = hold(tree, volts), matrix.diagonal[:inner]
    before, pull = np.empty((inner, samples)), np.empty((inner, samples))
    wrong, steps, excess = np.empty(samples), np.zeros(samples, np.int64), np.zeros(samples)
    if len(start):
        for s in range(samples):
            for j in range(inner):
                before[j, s] = start[s, j]
    else:
        begin_few(
            diodes, held, own_diagonal, matrix.beside, matrix.columns, matrix.products, matrix.corner, state.drive,
            state.at_border, before,
        )  # fmt: skip
    nothing = np.empty((0, 0)), np.empty((0, 0)), np.empty((0, 0))
    own, outside = state.y[:inner], state.y[inner:]
    run_few(
        diodes, held, own_diagonal, matrix.beside, matrix.columns, matrix.products, matrix.corner, state.drive,
        state.at_border, before, nothing, most, state.inverse, state.alone, state.taken, state.lower, wrong, own,
        outside, pull, steps,
    )  # fmt: skip
    weigh_few(
        diodes, held, own_diagonal, matrix.columns, matrix.square, matrix.inner, matrix.border, state.drive,
        state.at_border, pull, own, outside, steps, most, part, floor, excess,
    )  # fmt: skip
    longest = 0.0
    for s in range(samples):
        bad += 0.0 if excess[s] <= allowed else 1.0
        longest = max(longest, float(steps[s]))
    for o in range(read.shape[1]):
        for s in range(samples):
            read[s, o] = 0.0
        for side in range(2):
            end, sign = ends[side, o], 1.0 - 2.0 * side
            for s in range(samples):
                if end >= 0:
                    read[s, o] += sign * state.y[end, s]
                elif end < -1:
                    read[s, o] += sign * volts[s, -2 - end]
    return bad, longest


@compiled_sums
def adjoint_few(ends: Array, errors: Array, inner: int, border: int, work: Array, left: Array, right: Array) -> float:
    """The adjoint states (S, r) for ``errors`` (S, o) of the outputs into ``left``, and the free ones into ``right``.

    Returns the most that is left of the equations, relative.
    """
    samples = len(errors)
    matrix = matrix_parts(work, inner, border)
    state = state_parts(work, matrix.end, inner, border, samples)
    both = np.zeros((inner + border, samples))
    for o in range(errors.shape[1]):
        for side in range(2):
            end, sign = ends[side, o], 1.0 - 2.0 * side
            if end >= 0:
                for s in range(samples):
                    both[end, s] += sign * errors[s, o]
    found, outside, error = np.empty((inner, samples)), np.empty((border, samples)), np.empty(samples)
    resolve_few(
        matrix.beside, matrix.columns, matrix.square, state.inverse, state.lower, both[:inner], both[inner:], found,
        outside, error,
    )  # fmt: skip
    worst = 0.0
    for s in range(samples):
        # NaN if any is.
        worst = worst if error[s] <= worst else error[s] + 0.0 * worst
        for j in range(inner):
            left[s, j] = found[j, s]
        for i in range(border):
            left[s, inner + i] = outside[i, s]
        for i in range(inner + border):
            right[s, i] = state.y[i, s]
    return worst


@compiled_sums
def push_corner(
    ends: Array,
    first: int,
    conductance: Array,
    current: Array,
    beta: float,
    square: Array,
    sums: Array,
    at_border: Array,
    full: Array,
    all_sums: Array,
    corner: Array,
    outside: Array,
) -> float:
    """The border's equations with ``beta`` times the ``conductance`` (o,) and ``current`` (S, o) of outputs.

    ``square`` and ``sums`` become ``full`` and ``all_sums``, ``at_border`` (m, S) becomes ``outside``, and ``corner``
    the lower triangle; ``ends`` (2, o) count from ``first`` on. Returns how many conductances are below zero.
    """
    border, samples, negative, p = len(square), len(current), 0.0, 0
    full[:] = square
    outside[:] = at_border
    for o in range(len(conductance)):
        a, b, g = ends[0, o] - first, ends[1, o] - first, beta * conductance[o]
        negative += 1.0 if g < 0.0 else 0.0
        if a >= 0:
            full[a, a] += g
            for s in range(samples):
                outside[a, s] += beta * current[s, o]
        if b >= 0:
            full[b, b] += g
            for s in range(samples):
                outside[b, s] -= beta * current[s, o]
        if a >= 0 and b >= 0:
            full[a, b] -= g
            full[b, a] -= g
    for i in range(border):
        all_sums[i] = sums[i]
        for j in range(border):
            all_sums[i] += abs(full[i, j]) - abs(square[i, j])
        for j in range(i + 1):
            corner[p] = full[i, j]
            p += 1
    return negative


@compiled_sums
def nudged_few(
    diodes: StraightDiodes,
    tree: Array,
    ends: Array,
    volts: Array,
    conductance: Array,
    current: Array,
    strength: float,
    compared: Compared,
    border: int,
    most: int,
    part: float,
    floor: float,
    allowed: float,
    work: Array,
    left: Array,
    right: Array,
) -> float:
    """States with nudges at the outputs, from the free ones on, and what elements compare between two of them.

    See ``PlannedStates.contrast``; the ends of outputs are of the border or ground. ``left`` and ``right`` (n S, r)
    become the differences of n pairs of states times their shares, and their means. Returns 0.0 if all are within what
    is ``allowed``, and no pivot of a corner with a negative conductance is below zero or zero.
    """
    factors, pairs, shares = compared
    samples, inner, kinds = len(volts), len(diodes.starts) - 1, len(factors)
    matrix = matrix_parts(work, inner, border)
    state = state_parts(work, matrix.end, inner, border, samples)
    held, own_diagonal = hold(tree, volts), matrix.diagonal[:inner]
    states = np.empty((kinds + 1, inner + border, samples))
    states[0] = state.y
    before, pull = np.empty((inner, samples)), np.empty((inner, samples))
    wrong, steps, excess = np.empty(samples), np.zeros(samples, np.int64), np.empty(samples)
    full, outside, sums = np.empty((border, border)), np.empty((border, samples)), np.empty(border)
    pushed, triangle = np.empty(len(matrix.corner)), np.empty(state.lower.shape)
    other, further, off = np.empty(state.inverse.shape), np.empty(state.inverse.shape), np.empty(state.taken.shape)
    bad = 0.0
    for k in range(kinds):
        negative = push_corner(
            ends, inner, conductance, current, factors[k] * strength, matrix.square, matrix.border, state.at_border,
            full, sums, pushed, outside,
        )  # fmt: skip
        before[:] = state.y[:inner]
        excess[:] = 0.0
        own, at_outputs = states[k + 1, :inner], states[k + 1, inner:]
        run_few(
            diodes, held, own_diagonal, matrix.beside, matrix.columns, matrix.products, pushed, state.drive, outside,
            before, (state.inverse, state.alone, state.taken), most, other, further, off, triangle, wrong, own,
            at_outputs, pull, steps,
        )  # fmt: skip
        weigh_few(
            diodes, held, own_diagonal, matrix.columns, full, matrix.inner, sums, state.drive, outside, pull, own,
            at_outputs, steps, most, part, floor, excess,
        )  # fmt: skip
        for s in range(samples):
            bad += 0.0 if excess[s] <= allowed else 1.0
            bad += wrong[s] if negative > 0.0 else 0.0
    for n in range(len(pairs)):
        one, another = states[pairs[n, 0]], states[pairs[n, 1]]
        for s in range(samples):
            for i in range(inner + border):
                left[n * samples + s, i] = shares[n] * (another[i, s] - one[i, s])
                right[n * samples + s, i] = one[i, s] + 0.5 * (another[i, s] - one[i, s])
    return bad


@compiled_sums
def seen_at_border(
    ends: Array, beside: Array, columns: Array, square: Array, inverse: Array, lower: Array, result: Array
) -> float:
    """What outputs of the border see of one ampere through each other, ``result`` (S, o, o), from an elimination.

    ``ends`` (2, o) are numbers in the border, negative for ground. Returns the most that is left of the equations.
    """
    (border, inner), samples = columns.shape, inverse.shape[1]
    none, drive = np.zeros((inner, samples)), np.empty((border, samples))
    y, found, error = np.empty((inner, samples)), np.empty((border, samples)), np.empty(samples)
    worst = 0.0
    for o in range(ends.shape[1]):
        drive[:] = 0.0
        for side in range(2):
            if ends[side, o] >= 0:
                drive[ends[side, o]] += 1.0 - 2.0 * side
        resolve_few(beside, columns, square, inverse, lower, none, drive, y, found, error)
        for s in range(samples):
            worst = worst if error[s] <= worst else error[s] + 0.0 * worst
            for q in range(ends.shape[1]):
                a, b = ends[0, q], ends[1, q]
                result[s, o, q] = (found[a, s] if a >= 0 else 0.0) - (found[b, s] if b >= 0 else 0.0)
    return worst


@compiled_sums
def seen_few(ends: Array, samples: int, rows: Array, inner: int, border: int, work: Array, result: Array) -> float:
    """The same at some of the samples of free states, ``rows`` (S',)."""
    matrix = matrix_parts(work, inner, border)
    state = state_parts(work, matrix.end, inner, border, samples)
    inverse, lower = np.empty((inner, len(rows))), np.empty((len(matrix.corner), len(rows)))
    for k in range(len(rows)):
        for j in range(inner):
            inverse[j, k] = state.inverse[j, rows[k]]
        for p in range(len(lower)):
            lower[p, k] = state.lower[p, rows[k]]
    worst: float = seen_at_border(ends, matrix.beside, matrix.columns, matrix.square, inverse, lower, result)
    return worst
