"""The compiled loops of ``Lockstep``: Newton's method for junction networks, a few dozen samples in step.

Every number of the equations is a row here, with one number for each sample (``lanes``), so that a
step of the innermost loops is the same operation on all of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.junction import EXPONENT_LIMIT
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.lu_loops import eliminate, substitute, substitute_back
from netlearn.solve.compiled.rows import add, copy

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Balance, Fill, Junctions, Linear, Problem, Settling

CUBE = (3.0 / math.e) ** 3
LOG2_E = 1.0 / math.log(2.0)
LN_2_HIGH, LN_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 in two parts, the first one short enough that its products with exponents are exact."""
TO_INTEGER = 1.5 * 2.0**52
"""Added to a small number it leaves the nearest integer in the last bits."""
NEAR = 0.5
"""Steps of a junction up to this part of its thermal voltage are corrected for its curvature."""
POWERS = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))


@compiled
def exponential(x: Array, result: Array, scale: Array, bits: Array) -> None:
    """exp(x) for -700 < x < 700, all arrays flat; ``bits`` are those of ``scale``, both overwritten.

    A Taylor polynomial of what is left after taking powers of 2 out, good to 1 in the last place or
    two. libm's exponential takes one number at a time, and would take half of the time of all.
    """
    for w in range(len(x)):
        shifted = x[w] * LOG2_E + TO_INTEGER
        power = shifted - TO_INTEGER
        rest = (x[w] - power * LN_2_HIGH) - power * LN_2_LOW
        value = POWERS[0]
        for coefficient in POWERS[1:]:
            value = value * rest + coefficient
        scale[w] = shifted
        result[w] = value
    for w in range(len(x)):
        bits[w] = (bits[w] + 1023) << 52
    for w in range(len(x)):
        result[w] *= scale[w]


@compiled
def limited(v: float, previous: float, vt: float, critical: float) -> float:
    """``limit_junction`` of one junction."""
    step = (v - previous) / vt
    result = v
    if v > critical and abs(step) > 2.0:
        if previous > 0.0:
            result = previous + math.copysign(vt, step) * (math.log(max(abs(step) - 2.0, 1e-12)) + 2.0)
        else:
            result = max(vt * math.log(max(v / vt, 1e-12)), critical)
    if v < 0.0:
        result = max(result, -1.0 - previous if previous > 0.0 else 2.0 * previous - 1.0)
    return result


@compiled
def limit(junctions: Junctions, volts: Array, previous: Array, place: Array) -> None:
    """The ``place`` (m, lanes) at which junctions are taken that are to move to ``volts``.

    ``previous`` is NaN where any place will do.
    """
    m, lanes = volts.shape
    for j in range(m):
        vt, critical = junctions.vte[j], junctions.critical[j]
        broken = min(0.0, 10.0 * junctions.breakdown_vte[j] - junctions.breakdown[j])
        far = False
        for w in range(lanes):
            v, before = volts[j, w], previous[j, w]
            far |= (abs(v - before) > 2.0 * vt) & ((v > critical) | (v < 0.0))
            far |= v < broken
        copy(place, j, volts, j)
        if not far:
            continue
        for w in range(lanes):
            v, before, at = volts[j, w], previous[j, w], junctions.breakdown[j]
            if math.isnan(before):
                continue
            if v < broken:
                place[j, w] = -at - limited(-at - v, -at - before, junctions.breakdown_vte[j], critical)
            else:
                place[j, w] = limited(v, before, vt, critical)


@compiled
def law(junctions: Junctions, v: Array, current: Array, slope: Array, scale: Array, bits: Array) -> None:
    """Currents and conductances (m, lanes) of junctions at ``v``: what Diode states for arrays."""
    m, lanes = v.shape
    for j in range(m):
        part = 1.0 / junctions.vte[j]
        for w in range(lanes):
            current[j, w] = min(max(v[j, w] * part, -3.0), EXPONENT_LIMIT)
    exponential(current.ravel(), slope.ravel(), scale, bits)
    for j in range(m):
        part, saturation, gmin = 1.0 / junctions.vte[j], junctions.saturation[j], junctions.gmin[j]
        for w in range(lanes):
            exponent, power = v[j, w] * part, slope[j, w]
            # Beyond the limit the exponential goes on as its tangent.
            forward = power * (1.0 + max(exponent - EXPONENT_LIMIT, 0.0)) - 1.0
            inverse = 1.0 / min(exponent, -3.0)
            cube = CUBE * inverse * inverse * inverse
            reverse = exponent < -3.0
            total = -1.0 - cube if reverse else forward
            steep = 3.0 * cube * inverse if reverse else power
            current[j, w] = saturation * total + gmin * v[j, w]
            slope[j, w] = saturation * part * steep + gmin
        if junctions.breakdown[j] < np.inf:
            for w in range(lanes):
                exponent = beyond_breakdown(junctions, j, v[j, w])
                if exponent >= 0.0:
                    power = math.exp(min(exponent, EXPONENT_LIMIT))
                    broken = power * (1.0 + max(exponent - EXPONENT_LIMIT, 0.0))
                    current[j, w] = gmin * v[j, w] - saturation * broken
                    slope[j, w] = saturation * power / junctions.breakdown_vte[j] + gmin


@compiled
def beyond_breakdown(junctions: Junctions, j: int, v: float) -> float:
    """The exponent of a junction's breakdown, -1 where it does not break down."""
    at = junctions.breakdown[j]
    return -(at + v) / junctions.breakdown_vte[j] if v < -at and v < -3.0 * junctions.vte[j] else -1.0


@compiled
def across(junctions: Junctions, y: Array, offset: Array, volts: Array) -> None:
    """The volts (m, lanes) across junctions; the last row of ``y`` (n + 1, lanes) is zero."""
    for j in range(len(volts)):
        copy(volts, j, offset, j)
        add(volts, j, y, junctions.anode[j], 1.0)
        add(volts, j, y, junctions.cathode[j], -1.0)


@compiled
def inject(junctions: Junctions, current: Array, total: Array) -> None:
    """Add the currents (m, lanes) that leave the nodes into junctions to ``total`` (n + 1, lanes)."""
    for j in range(len(current)):
        add(total, junctions.anode[j], current, j, 1.0)
        add(total, junctions.cathode[j], current, j, -1.0)


@compiled
def multiply_linear(linear: Linear, y: Array, total: Array) -> None:
    """Add the linear part's matrix times ``y`` to ``total``, (n + 1, lanes) each."""
    for p in range(len(linear.data)):
        add(total, linear.rows[p], y, linear.columns[p], linear.data[p])


@compiled
def curve(junctions: Junctions, volts: Array, place: Array, change: Array, slope: Array, current: Array) -> None:
    """The currents (m, lanes) by which junctions miss their tangents where ``change`` is taken off the unknowns.

    To second order, for Chebyshev's method (Traub, Iterative Methods for the Solution of Equations,
    1964), and only where that is near: none for steps beyond NEAR or junctions that were limited.
    """
    change[-1, :] = 0.0
    for j in range(len(volts)):
        a, c = junctions.anode[j], junctions.cathode[j]
        gmin, at, vt, vtb = junctions.gmin[j], junctions.breakdown[j], junctions.vte[j], junctions.breakdown_vte[j]
        for w in range(volts.shape[1]):
            step = change[a, w] - change[c, w]
            scale = -vtb if volts[j, w] < -at else vt
            near = (abs(step) < NEAR * vt) & (volts[j, w] == place[j, w])
            current[j, w] = 0.5 * (slope[j, w] - gmin) * step * step / scale if near else 0.0


@compiled
def load(problem: Problem, sample: int, w: int, drive: Array, offset: Array) -> None:
    """A sample's drive and offset, into lane ``w``."""
    for k in range(len(problem.driven)):
        drive[problem.driven[k], w] = problem.drive[sample, k]
    for k in range(len(problem.lifted)):
        offset[problem.lifted[k], w] = problem.offset[sample, k]


@compiled
def newton(
    fill: Fill,
    linear: Linear,
    junctions: Junctions,
    problem: Problem,
    settling: Settling,
    lanes: int,
    converged: Array,
    steps: Array,
) -> None:
    """Newton's method for all samples, ``iterate`` for junctions: from ``problem.y`` (S, n), which it overwrites.

    A lane takes the next sample when its own one has converged or failed.
    """
    samples, n = problem.y.shape
    m, nnz, filled = len(junctions.vte), len(linear.data), len(fill.upper)
    lower, upper, inverse, work = (
        np.empty((filled, lanes)),
        np.empty((filled, lanes)),
        np.empty((n, lanes)),
        np.empty((n, lanes)),
    )
    y, change, drive = np.zeros((n + 1, lanes)), np.zeros((n + 1, lanes)), np.zeros((n + 1, lanes))
    second = np.zeros((n + 1, lanes))
    offset, volts, place, previous = (
        np.zeros((m, lanes)),
        np.empty((m, lanes)),
        np.empty((m, lanes)),
        np.zeros((m, lanes)),
    )
    current, slope, data = np.empty((m, lanes)), np.empty((m, lanes)), np.empty((nnz, lanes))
    scale = np.empty(m * lanes)
    bits = scale.view(np.int64)
    sample, step, held = np.full(lanes, -1), np.zeros(lanes, np.int64), np.zeros(lanes, np.bool_)
    move, before = np.zeros(lanes), np.ones(lanes)
    begin = 0.0 if problem.cold else np.nan
    start = np.zeros(lanes, np.bool_)
    active = next_sample = min(lanes, samples)
    sample[:active] = np.arange(active)
    start[:active] = True
    for w in range(active):
        load(problem, w, w, drive, offset)
    while active > 0:
        for w in range(lanes):
            if start[w]:
                previous[:, w] = begin
                y[:n, w] = problem.y[sample[w]]
                start[w] = False
        across(junctions, y, offset, volts)
        limit(junctions, volts, previous, place)
        law(junctions, place, current, slope, scale, bits)
        held[:] = False
        for j in range(m):
            for w in range(lanes):
                # The device is linear from where it was evaluated to where the unknowns are.
                moved = volts[j, w] - place[j, w]
                current[j, w] += slope[j, w] * moved
                held[w] |= abs(moved) > 1e-12 + 1e-9 * abs(volts[j, w])
        for p in range(nnz):
            data[p, :] = linear.data[p]
        change[:] = drive
        multiply_linear(linear, y, change)
        inject(junctions, current, change)
        for j in range(m):
            for k in range(4):
                if junctions.slots[j, k] >= 0:
                    add(data, junctions.slots[j, k], slope, j, 1.0 if k < 2 else -1.0)
        eliminate(fill, data, lower, upper, inverse, work, change)
        substitute_back(fill, upper, inverse, change)
        curve(junctions, volts, place, change, slope, current)
        second[:] = 0.0
        inject(junctions, current, second)
        substitute(fill, lower, upper, inverse, second)
        move[:] = 0.0
        for i in range(n):
            for w in range(lanes):
                now = y[i, w]
                after = now - (change[i, w] + second[i, w])
                ratio = abs(change[i, w]) / (settling.reltol * max(abs(now), abs(after)) + settling.floor[i])
                # NaN counts as the largest of all.
                move[w] = move[w] if (ratio <= move[w]) | math.isnan(move[w]) else ratio
                y[i, w] = after
        previous, place = place, previous
        for w in range(lanes):
            if sample[w] < 0:
                continue
            step[w] += 1
            finite = move[w] < np.inf
            # With their correction steps shrink by the square of what the last one shrank by.
            rest = (move[w] / before[w]) ** 2 * move[w]
            small = move[w] <= settling.exact or (move[w] <= settling.settled and rest <= settling.exact)
            stalled = move[w] <= settling.settled and move[w] > 0.3 * before[w]
            done = finite and not held[w] and (small or stalled)
            before[w] = 1.0 if held[w] else min(move[w], 1.0)
            if not done and finite and step[w] < settling.iterations:
                continue
            s = sample[w]
            for i in range(n):
                problem.y[s, i] = y[i, w]
            converged[s], steps[s] = done, step[w]
            step[w], before[w] = 0, 1.0
            if next_sample < samples:
                sample[w] = next_sample
                load(problem, next_sample, w, drive, offset)
                # Where there is one operating point only, the last sample's is as good a start as zero, or better.
                start[w] = not (problem.chained and done)
                next_sample += 1
            else:
                sample[w] = -1
                active -= 1


@compiled
def unbalanced(
    linear: Linear, junctions: Junctions, problem: Problem, balance: Balance, lanes: int, excess: Array
) -> None:
    """How far samples (S,) are from Kirchhoff's laws at ``problem.y``: ``balanced`` for junctions, 1 the limit."""
    samples, n = problem.y.shape
    m = len(junctions.vte)
    y, total, drive, size = (
        np.zeros((n + 1, lanes)),
        np.zeros((n + 1, lanes)),
        np.zeros((n + 1, lanes)),
        np.zeros((n + 1, lanes)),
    )
    offset, volts, current, slope = (
        np.zeros((m, lanes)),
        np.empty((m, lanes)),
        np.empty((m, lanes)),
        np.empty((m, lanes)),
    )
    scale = np.empty(m * lanes)
    bits = scale.view(np.int64)
    rounding = np.zeros((1, lanes))
    for first in range(0, samples, lanes):
        width = min(lanes, samples - first)
        for w in range(width):
            load(problem, first + w, w, drive, offset)
            y[:n, w] = problem.y[first + w]
        rounding[:] = 0.0
        for i in range(n):
            for w in range(lanes):
                rounding[0, w] = max(rounding[0, w], balance.rounding * abs(y[i, w]))
        across(junctions, y, offset, volts)
        law(junctions, volts, current, slope, scale, bits)
        total[:] = 0.0
        multiply_linear(linear, y, total)
        for i in range(n):
            for w in range(lanes):
                size[i, w] = abs(total[i, w]) + abs(drive[i, w]) + balance.row_sums[i] * rounding[0, w]
                total[i, w] += drive[i, w]
        inject(junctions, current, total)
        for j in range(m):
            a, c = junctions.anode[j], junctions.cathode[j]
            for w in range(lanes):
                around = abs(current[j, w]) + 2.0 * slope[j, w] * rounding[0, w]
                size[a, w] += around
                size[c, w] += around
        rounding[:] = 0.0
        for i in range(n):
            for w in range(lanes):
                part = abs(total[i, w]) / (balance.floor[i] + balance.share * size[i, w])
                most = rounding[0, w]
                rounding[0, w] = most if (part <= most) | math.isnan(most) else part
        for w in range(width):
            excess[first + w] = rounding[0, w]
