"""The compiled loops of ``bordered.plan``: from resistances to the equations' parts, and back to their derivatives.

Resistors stand in runs, rows of ``runs`` (n, 5): what its ends are, its first resistor, how many there are, the end
that all of them have, and the other end of the first, whose neighbours the others have. States are (samples, unknowns)
here, so that these neighbours lie along memory.
"""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled_sums, inlined_sums
from netlearn.solve.compiled.planned_layout import AT_BORDER, FROM_BORDER, FROM_HELD, FROM_INNER, NOWHERE, TO_HELD


@compiled_sums
def invert(resistance: Array, first: int, last: int, conductance: Array, copy: Array) -> float:
    """Conductances, and copies of the resistances where there is room. Returns how many are not above zero."""
    # Of places that are never negative compilers know where they are.
    at, count, wrong = np.uint64(first), np.uint64(last - first), 0.0
    if len(copy) != len(resistance):
        for j in range(count):
            conductance[at + j] = 1.0 / resistance[at + j]
            wrong += 0.0 if resistance[at + j] > 0.0 else 1.0
        return wrong
    for j in range(count):
        # While it divides, the machine has time to write.
        conductance[at + j], copy[at + j] = 1.0 / resistance[at + j], resistance[at + j]
        wrong += 0.0 if resistance[at + j] > 0.0 else 1.0
    return wrong


@compiled_sums
def same_unknowns(runs: Array, first: int, last: int) -> bool:
    """Whether there are such runs, which lead from nodes that sources hold to the same unknowns."""
    if last > len(runs):
        return False
    for n in range(first, last):
        if runs[n, 0] != FROM_HELD or runs[n, 3] < 0 or runs[n, 2] != runs[first, 2] or runs[n, 4] != runs[first, 4]:
            return False
    return True


@inlined_sums
def add_four(runs: Array, n: int, g: Array, volts: Array, diagonal: Array, drive: Array) -> None:
    """The conductances ``g`` (k,) of four runs, the n-th and the next ones, from held nodes to the same unknowns."""
    count, at = np.uint64(runs[n, 2]), np.uint64(runs[n, 4])
    one, two, three, four = (
        np.uint64(runs[n, 1]), np.uint64(runs[n + 1, 1]), np.uint64(runs[n + 2, 1]), np.uint64(runs[n + 3, 1]),
    )  # fmt: skip
    for j in range(count):
        diagonal[at + j] += (g[one + j] + g[two + j]) + (g[three + j] + g[four + j])
    for s in range(len(drive)):
        a, b, c, d = volts[s, runs[n, 3]], volts[s, runs[n + 1, 3]], volts[s, runs[n + 2, 3]], volts[s, runs[n + 3, 3]]
        for j in range(count):
            drive[s, at + j] -= (a * g[one + j] + b * g[two + j]) + (c * g[three + j] + d * g[four + j])


@inlined_sums
def add_one(
    g: Array,
    kind: int,
    count: int,
    common: int,
    other: int,
    volts: Array,
    diagonal: Array,
    beside: Array,
    square: Array,
    drive: Array,
) -> float:
    """The conductances ``g`` (count,) of a run; not a number where one leads nowhere that is infinite, or else zero."""
    inner, total = len(beside), 0.0
    for j in range(count):
        total += g[j]
    if kind == FROM_HELD:
        at = diagonal[other : other + count]
        for j in range(count):
            at[j] += g[j]
        for s in range(len(drive) if common >= 0 else 0):
            row, v = drive[s, other : other + count], volts[s, common]
            for j in range(count):
                row[j] -= v * g[j]
    elif kind == TO_HELD:
        diagonal[common] += total
        for s in range(len(drive)):
            row, part = volts[s, other : other + count], 0.0
            for j in range(count):
                part += row[j] * g[j]
            drive[s, common] -= part
    elif kind == FROM_INNER:
        diagonal[common] += total
        for j in range(count):
            diagonal[inner + other + j] += g[j]
            beside[common, other + j] -= g[j]
    elif kind == FROM_BORDER:
        diagonal[inner + common] += total
        for j in range(count):
            diagonal[other + j] += g[j]
            beside[other + j, common] -= g[j]
    elif kind == AT_BORDER:
        diagonal[inner + common] += total
        for j in range(count):
            diagonal[inner + other + j] += g[j]
            square[common, other + j] -= g[j]
            square[other + j, common] -= g[j]
    else:
        return 0.0 * total
    return 0.0


@inlined_sums
def gather(
    runs: Array,
    resistance: Array,
    volts: Array,
    diagonal: Array,
    beside: Array,
    square: Array,
    drive: Array,
    conductance: Array,
    copy: Array,
) -> float:
    """The linear part of the equations from the resistances.

    ``diagonal`` (r,) of all unknowns, inner ones first, ``beside`` (h, m) and ``square`` (m, m); and what ``volts``
    (S, t) at held nodes add to the equations, ``drive`` (S, r), which has to have a beginning. ``conductance`` (k,)
    becomes that of each resistor, ``copy`` its resistance if it has room for all of them: each is read but once, for
    there may be more of them than of anything else. Returns 0.0 if all resistances are above zero, and no less than
    what can be divided by.
    """
    inner, width = beside.shape
    diagonal[:] = 0.0
    beside[:] = 0.0
    square[:] = 0.0
    bad, n = 0.0, 0
    while n < len(runs):
        # Four runs to the same unknowns, as in layers, are added in one pass.
        kind, count, other = runs[n, 0], runs[n, 2], runs[n, 4]
        several = 4 if same_unknowns(runs, n, n + 4) else 1
        # Runs follow each other.
        first, last = runs[n, 1], runs[n, 1] + several * count
        bad += invert(resistance, first, last, conductance, copy)
        if several == 4:
            add_four(runs, n, conductance, volts, diagonal, drive)
        else:
            g = conductance[first:last]
            bad += add_one(g, kind, count, runs[n, 3], other, volts, diagonal, beside, square, drive)
        n += several
    for i in range(width):
        square[i, i] = diagonal[inner + i]
    return bad


@compiled_sums
def complete(
    diagonal: Array,
    beside: Array,
    square: Array,
    columns: Array,
    corner: Array,
    products: Array,
    inner: Array,
    border: Array,
) -> None:
    """What else a ``BorderedMatrix`` has: ``columns`` (m, h), ``corner`` (p,), ``products`` (p, h) and its sums."""
    height, width = beside.shape
    for j in range(height):
        inner[j] = abs(diagonal[j])
        for i in range(width):
            inner[j] += abs(beside[j, i])
            columns[i, j] = beside[j, i]
    p = 0
    for i in range(width):
        row, total = columns[i], 0.0
        for j in range(height):
            total += abs(row[j])
        for k in range(width):
            total += abs(square[i, k])
        border[i] = total
        for k in range(i + 1):
            corner[p] = square[i, k]
            one, another, into = columns[i], columns[k], products[p]
            for j in range(height):
                into[j] = one[j] * another[j]
            p += 1


@compiled_sums
def contract_two(
    runs: Array, n: int, conductance: Array, left: Array, right: Array, volts: Array, scale: float, result: Array
) -> None:
    """What ``contract_runs`` does for four states of two runs, the n-th and the next, from held nodes to the same."""
    samples, one, two = len(volts), runs[n, 3], runs[n + 1, 3]
    a, b, c, d = volts[0, one], volts[1 % samples, one], volts[2 % samples, one], volts[3 % samples, one]
    e, f, g, h = volts[0, two], volts[1 % samples, two], volts[2 % samples, two], volts[3 % samples, two]
    at, first, second = np.uint64(runs[n, 4]), np.uint64(runs[n, 1]), np.uint64(runs[n + 1, 1])
    for j in range(np.uint64(runs[n, 2])):
        p, q, r, s = left[0, at + j], left[1, at + j], left[2, at + j], left[3, at + j]
        v, w, x, y = right[0, at + j], right[1, at + j], right[2, at + j], right[3, at + j]
        above = (p * (v - a) + q * (w - b)) + (r * (x - c) + s * (y - d))
        below = (p * (v - e) + q * (w - f)) + (r * (x - g) + s * (y - h))
        result[first + j] = scale * above * (-conductance[first + j] * conductance[first + j])
        result[second + j] = scale * below * (-conductance[second + j] * conductance[second + j])


@compiled_sums
def contract_one(
    runs: Array,
    n: int,
    inner: int,
    conductance: Array,
    left: Array,
    right: Array,
    volts: Array,
    scale: float,
    result: Array,
) -> None:
    """What ``contract_runs`` does for the n-th of the runs."""
    kind, common, other, samples = runs[n, 0], runs[n, 3], runs[n, 4], len(volts)
    first, count = np.uint64(runs[n, 1]), np.uint64(runs[n, 2])
    for j in range(count):
        result[first + j] = 0.0
    if kind == NOWHERE:
        return
    if kind == FROM_HELD:
        at = np.uint64(other)
        for t in range(0, len(left), 2):
            v = volts[t % samples, common] if common >= 0 else 0.0
            if t + 1 < len(left):
                w = volts[(t + 1) % samples, common] if common >= 0 else 0.0
                for j in range(count):
                    part = left[t, at + j] * (right[t, at + j] - v)
                    result[first + j] += part + left[t + 1, at + j] * (right[t + 1, at + j] - w)
            else:
                for j in range(count):
                    result[first + j] += left[t, at + j] * (right[t, at + j] - v)
    elif kind == TO_HELD:
        at = np.uint64(other)
        for t in range(len(left)):
            p, q = left[t, common], right[t, common]
            for j in range(count):
                result[first + j] += p * (q - volts[t % samples, at + j])
    else:
        end = common if kind == FROM_INNER else inner + common
        at = np.uint64(other if kind == FROM_BORDER else inner + other)
        for t in range(len(left)):
            p, q = left[t, end], right[t, end]
            for j in range(count):
                result[first + j] += (left[t, at + j] - p) * (right[t, at + j] - q)
    for j in range(count):
        result[first + j] *= scale * (-conductance[first + j] * conductance[first + j])


@compiled_sums
def contract_runs(
    first_run: int,
    last_run: int,
    runs: Array,
    inner: int,
    conductance: Array,
    left: Array,
    right: Array,
    volts: Array,
    scale: float,
    result: Array,
) -> None:
    """``-scale`` Σ_t (left_p - left_n)(right_p - right_n) times the square of the conductance, into (k,).

    ``left`` and ``right`` (T, r) are unknowns; held nodes are at no volts in the one, and in the other at ``volts``
    (S, t), sample after sample for states of S samples one after another.
    """
    n = first_run
    while n < last_run:
        # Layers have many runs to the same unknowns.
        two = len(left) == 4 and n + 1 < last_run and same_unknowns(runs, n, n + 2)
        if two:
            contract_two(runs, n, conductance, left, right, volts, scale, result)
        else:
            contract_one(runs, n, inner, conductance, left, right, volts, scale, result)
        n += 2 if two else 1


@compiled_sums
def alike(one: Array, other: Array, most: float) -> float:
    """Of how many samples the first voltages of ``one`` (n, S) and ``other`` (m, S) may be ``most`` of a spread.

    That is, may be so many times as large as they differ; all other voltages are less than twice as large as these, or
    differ from them by half of themselves and more.
    """
    count = 0.0
    for s in range(one.shape[1]):
        high, low = one[0, s], one[0, s]
        for k in range(min(2, len(one))):
            high, low = max(high, one[k, s]), min(low, one[k, s])
        for k in range(min(2, len(other))):
            high, low = max(high, other[k, s]), min(low, other[k, s])
        count += 0.0 if 2.0 * max(high, -low) <= most * (high - low) else 1.0
    return count


@compiled_sums
def opposite(volts: Array, first: int, apart: int, step: int, count: int) -> bool:
    """Whether ``count`` columns of ``volts`` (S, t) are the negatives of those that stand so far ``apart``.

    They begin at ``first``, and the next one is a ``step`` further.
    """
    for s in range(len(volts)):
        row, wrong = volts[s], 0.0
        if step == 1:
            # What lies side by side is compared several at a time.
            one, other = row[first : first + count], row[first + apart : first + apart + count]
            for k in range(count):
                wrong += 0.0 if one[k] == -other[k] else 1.0
        else:
            for k in range(count):
                at = first + step * k
                wrong += 0.0 if row[at] == -row[at + apart] else 1.0
        if wrong > 0.0:
            return False
    return True
