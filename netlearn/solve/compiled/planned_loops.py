"""The compiled loops of ``bordered.plan``: from resistances to the equations' parts, and back to their derivatives.

Resistors stand in runs, rows of ``runs`` (n, 5): what its ends are, its first resistor, how many there are, the end
that all of them have, and the other end of the first, whose neighbours the others have. States are (samples, unknowns)
here, so that these neighbours lie along memory.
"""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled_sums
from netlearn.solve.compiled.planned_layout import AT_BORDER, FROM_BORDER, FROM_HELD, FROM_INNER, NOWHERE, TO_HELD


@compiled_sums
def invert(resistance: Array, conductance: Array, copy: Array) -> float:
    """The conductances, and copies of the resistances where there is room. Returns how many are not above zero."""
    wrong, kept = 0.0, len(copy) == len(resistance)
    for j in range(len(resistance)):
        conductance[j] = 1.0 / resistance[j]
        wrong += 0.0 if resistance[j] > 0.0 else 1.0
    if kept:
        for j in range(len(resistance)):
            copy[j] = resistance[j]
    return wrong


@compiled_sums
def add_four(g: Array, held: Array, count: int, volts: Array, at: Array, drive: Array, other: int) -> None:
    """Conductances ``g`` (4 * count,) from four nodes that sources hold to the same unknowns, ``at`` (count,)."""
    one, two, three, four = g[:count], g[count : 2 * count], g[2 * count : 3 * count], g[3 * count :]
    for j in range(count):
        at[j] += (one[j] + two[j]) + (three[j] + four[j])
    for s in range(len(drive)):
        row = drive[s, other : other + count]
        a, b, c, d = volts[s, held[0]], volts[s, held[1]], volts[s, held[2]], volts[s, held[3]]
        for j in range(count):
            row[j] -= (a * one[j] + b * two[j]) + (c * three[j] + d * four[j])


@compiled_sums
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


@compiled_sums
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
    bad, n, kept = 0.0, 0, len(copy) == len(resistance)
    while n < len(runs):
        # Four runs to the same unknowns, as in layers, are added in one pass.
        kind, count, other, several = runs[n, 0], runs[n, 2], runs[n, 4], 1
        if kind == FROM_HELD and n + 3 < len(runs):
            several = 4
            for k in range(n, n + 4):
                same = runs[k, 0] == kind and runs[k, 2] == count and runs[k, 4] == other and runs[k, 3] >= 0
                several = several if same else 1
        # Runs follow each other.
        first, last = runs[n, 1], runs[n, 1] + several * count
        g = conductance[first:last]
        bad += invert(resistance[first:last], g, copy[first:last] if kept else copy)
        if several == 4:
            add_four(g, runs[n : n + 4, 3], count, volts, diagonal[other : other + count], drive, other)
        else:
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
    samples = len(volts)
    for n in range(first_run, last_run):
        kind, first, count, common, other = runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3], runs[n, 4]
        into, own = result[first : first + count], conductance[first : first + count]
        if kind == FROM_HELD and common >= 0 and len(left) == 4:
            # All in one pass. Of places that are never negative compilers know where they are.
            at, into_at, many = np.uint64(other), np.uint64(first), np.uint64(count)
            v, w = volts[0, common], volts[1 % samples, common]
            x, y = volts[2 % samples, common], volts[3 % samples, common]
            for j in range(many):
                found = (left[0, at + j] * (right[0, at + j] - v) + left[1, at + j] * (right[1, at + j] - w)) + (
                    left[2, at + j] * (right[2, at + j] - x) + left[3, at + j] * (right[3, at + j] - y)
                )
                result[into_at + j] = scale * found * (-conductance[into_at + j] * conductance[into_at + j])
            continue
        for j in range(count):
            into[j] = 0.0
        if kind == NOWHERE:
            continue
        if kind == FROM_HELD:
            for t in range(0, len(left), 2):
                a, b = left[t, other : other + count], right[t, other : other + count]
                v = volts[t % samples, common] if common >= 0 else 0.0
                if t + 1 < len(left):
                    c, d = left[t + 1, other : other + count], right[t + 1, other : other + count]
                    w = volts[(t + 1) % samples, common] if common >= 0 else 0.0
                    for j in range(count):
                        into[j] += a[j] * (b[j] - v) + c[j] * (d[j] - w)
                else:
                    for j in range(count):
                        into[j] += a[j] * (b[j] - v)
        elif kind == TO_HELD:
            for t in range(len(left)):
                b, p, q = volts[t % samples, other : other + count], left[t, common], right[t, common]
                for j in range(count):
                    into[j] += p * (q - b[j])
        else:
            one = common if kind == FROM_INNER else inner + common
            others = other if kind == FROM_BORDER else inner + other
            for t in range(len(left)):
                a, b = left[t, others : others + count], right[t, others : others + count]
                p, q = left[t, one], right[t, one]
                for j in range(count):
                    into[j] += (a[j] - p) * (b[j] - q)
        for j in range(count):
            into[j] = scale * into[j] * (-own[j] * own[j])


@compiled_sums
def contract_products(
    runs: Array,
    inner: int,
    conductance: Array,
    own: Array,
    at_held: Array,
    at_border: Array,
    scale: float,
    result: Array,
) -> None:
    """The same as ``contract_runs`` from products of states that are summed over samples.

    ``own`` (r,) are Σ left_q right_q, ``at_held`` (t, r) or (t, h) Σ left_q volts_p for held nodes p, and ``at_border``
    (r, m) Σ left_p right_q + left_q right_p for q of the border. ``at_held`` may be where ``result`` is, if each
    product stands where its resistor does.
    """
    for n in range(len(runs)):
        kind, first, count, common, other = runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3], runs[n, 4]
        into, g = result[first : first + count], conductance[first : first + count]
        if kind == FROM_HELD:
            mine = own[other : other + count]
            if common >= 0:
                cross = at_held[common, other : other + count]
                for j in range(count):
                    into[j] = mine[j] - cross[j]
            else:
                for j in range(count):
                    into[j] = mine[j]
        elif kind == TO_HELD:
            for j in range(count):
                into[j] = own[common] - at_held[other + j, common]
        elif kind == FROM_INNER:
            for j in range(count):
                into[j] = own[common] + own[inner + other + j] - at_border[common, other + j]
        elif kind == FROM_BORDER:
            for j in range(count):
                into[j] = own[inner + common] + own[other + j] - at_border[other + j, common]
        elif kind == AT_BORDER:
            for j in range(count):
                into[j] = own[inner + common] + own[inner + other + j] - at_border[inner + other + j, common]
        else:
            for j in range(count):
                into[j] = 0.0
        if kind != NOWHERE:
            for j in range(count):
                into[j] *= -scale * g[j] * g[j]


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
