"""The compiled loops of ``bordered.plan``: from resistances to the equations' parts, and back to their derivatives.

Resistors stand in runs, rows of ``runs`` (n, 5): what its ends are, its first resistor, how many there are, the end
that all of them have, and the other end of the first, whose neighbours the others have. States are (samples, unknowns)
here, so that these neighbours lie along memory.
"""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled_sums

FROM_HELD, TO_HELD, FROM_INNER, FROM_BORDER, AT_BORDER, NOWHERE = range(6)
"""What the ends of runs are: of the one that all have, and the others. ``FROM_HELD`` runs lead from a node that sources
hold, or from ground, number -1, to unknowns, ``TO_HELD`` ones from an unknown to held nodes, ``FROM_INNER`` and
``FROM_BORDER`` ones from there to the other, ``AT_BORDER`` ones join the border's unknowns, and ``NOWHERE`` no two
unlike potentials."""


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
) -> float:
    """The linear part of the equations from the resistances.

    ``diagonal`` (r,) of all unknowns, inner ones first, ``beside`` (h, m) and ``square`` (m, m); and what ``volts``
    (S, t) at held nodes add to the equations, ``drive`` (S, r), which has to have a beginning. ``conductance`` (k,)
    becomes that of each resistor if it has room for all of them. Returns 0.0 if all resistances are above zero, and no
    less than what can be divided by.
    """
    inner, width = beside.shape
    diagonal[:] = 0.0
    beside[:] = 0.0
    square[:] = 0.0
    longest = 0
    for n in range(len(runs)):
        longest = max(longest, runs[n, 2])
    whole = len(conductance) == len(resistance)
    scratch = conductance if whole else np.empty(longest)
    bad = 0.0
    for n in range(len(runs)):
        kind, first, count, common, other = runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3], runs[n, 4]
        own = resistance[first : first + count]
        g = scratch[first : first + count] if whole else scratch[:count]
        total, wrong = 0.0, 0.0
        for j in range(count):
            g[j] = 1.0 / own[j]
            total += g[j]
            wrong += 0.0 if own[j] > 0.0 else 1.0
        bad += wrong
        if kind == FROM_HELD:
            at = diagonal[other : other + count]
            for j in range(count):
                at[j] += g[j]
            if common >= 0:
                for s in range(len(drive)):
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
            # Not a number where one is infinite.
            bad += 0.0 * total
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
    resistance: Array,
    left: Array,
    right: Array,
    volts: Array,
    scale: float,
    result: Array,
) -> None:
    """``scale`` Σ_t (left_p - left_n)(right_p - right_n) over the negative square of the resistance, into (k,).

    ``left`` and ``right`` (T, r) are unknowns; held nodes are at no volts in the one, and in the other at ``volts``
    (S, t), sample after sample for states of S samples one after another.
    """
    samples = len(volts)
    for n in range(first_run, last_run):
        kind, first, count, common, other = runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3], runs[n, 4]
        into, own = result[first : first + count], resistance[first : first + count]
        for j in range(count):
            into[j] = 0.0
        if kind == NOWHERE:
            continue
        if kind == FROM_HELD:
            for t in range(len(left)):
                a, b = left[t, other : other + count], right[t, other : other + count]
                v = volts[t % samples, common] if common >= 0 else 0.0
                for j in range(count):
                    into[j] += a[j] * (b[j] - v)
        elif kind == TO_HELD:
            for t in range(len(left)):
                b, p, q = volts[t % samples, other : other + count], left[t, common], right[t, common]
                for j in range(count):
                    into[j] += p * (q - b[j])
        else:
            one = common if kind == FROM_INNER else inner + common
            many = other if kind == FROM_BORDER else inner + other
            for t in range(len(left)):
                a, b = left[t, many : many + count], right[t, many : many + count]
                p, q = left[t, one], right[t, one]
                for j in range(count):
                    into[j] += (a[j] - p) * (b[j] - q)
        for j in range(count):
            into[j] = scale * into[j] / (-own[j] * own[j])
