"""The compiled loops of ``Lockstep``: Newton's method, a few dozen samples in step.

Every number of the equations is a row here, with one number for each sample (``rows``), so that a
step of the innermost loops is the same operation on all of them. What nonlinear elements do to the rows
is machine code of its own (``codegen``), called by its address.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve import stopping
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.lu_loops import eliminate, substitute, substitute_back, substitute_transposed
from netlearn.solve.compiled.rows import add, call, clear, copy, multiply_add, spread
from netlearn.solve.stopping import SETTLED

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Balance, Fill, InSeries, Laws, Linear, Problem, Settling

STEP, BALANCE, CURVE, COUNT, TERMINALS, SLOTS, VALUES, KEEPS, KEPT = range(9)
"""The columns of the laws' table."""
FREE, COLD, WARM = 0.0, 1.0, 2.0
"""``codegen.laws`` has what they mean."""
SWEEPS = 12
"""So often the unknowns between elements in series are settled by themselves before a step of all."""
HEAVY, LEAST_WORK = 12, 300_000
"""Factors are used again where making them takes so many times what solving with them does, and so much at all."""
CHORDS, NEAR, CONTRACTION = 2, 100.0, 0.2
"""So many steps are taken with the same factors after one that was this small, while they shrink to this part.

Crossbars of 128x64 with diodes take 15 ms a sample with two or six of them and 25 ms without; six of them cost lattices
of 56x56 diodes a third (benchmarks/crossbar.py and samples_per_second.py).
"""

# The statements that array code evaluates, compiled.
relative_step = compiled(stopping.relative_step)
small = compiled(stopping.small)
stalled = compiled(stopping.stalled)
imbalance = compiled(stopping.imbalance)


@compiled
def evaluate(laws: Laws, what: int, y: Array, a: Array, b: Array, c: Array, d: Array, e: Array) -> None:
    """Call the function ``what`` of all groups with these rows; ``a`` are those that groups keep, but of BALANCE."""
    lanes = y.shape[1]
    for g in range(len(laws.table)):
        entry = laws.table[g]
        if entry[what] == 0:
            continue
        first = entry[KEPT] * lanes * 8 if what != BALANCE else 0
        terminals, slots, values = 8 * entry[TERMINALS], 8 * entry[SLOTS], 8 * entry[VALUES]
        call(
            entry[what],
            entry[COUNT],
            lanes,
            laws.reads.ctypes.data + terminals,
            laws.moves.ctypes.data + terminals,
            laws.writes.ctypes.data + terminals,
            laws.slots.ctypes.data + slots,
            laws.values.ctypes.data + values,
            y.ctypes.data,
            a.ctypes.data + first,
            b.ctypes.data,
            c.ctypes.data,
            d.ctypes.data,
            e.ctypes.data,
        )


@compiled
def lift(problem: Problem, offset: Array, y: Array) -> None:
    """The rows of ``y`` that sources lift above unknowns; the row of ground is zero."""
    first = len(y) - len(problem.lifted)
    for k in range(len(problem.lifted)):
        copy(y, first + k, offset, k)
        add(y, first + k, y, problem.lifted[k], 1.0)


@compiled
def multiply_linear(linear: Linear, y: Array, total: Array) -> None:
    """Add the linear part's matrix times ``y`` to ``total``."""
    for p in range(len(linear.data)):
        add(total, linear.rows[p], y, linear.columns[p], linear.data[p])


@compiled
def restore(data: Array, linear: Linear, laws: Laws) -> None:
    """The linear part in those rows of ``data`` (nnz + 1, lanes) that nonlinear elements add to."""
    nnz = len(linear.data)
    if len(laws.slots) >= nnz:
        for p in range(nnz):
            spread(data, p, linear.data[p])
        return
    for k in range(len(laws.slots)):
        if laws.slots[k] < nnz:
            spread(data, laws.slots[k], linear.data[laws.slots[k]])


@compiled
def load(problem: Problem, sample: int, w: int, drive: Array, offset: Array) -> None:
    """A sample's drive and offset, into lane ``w``."""
    for k in range(len(problem.driven)):
        drive[problem.driven[k], w] = problem.drive[sample, k]
    for k in range(len(problem.lifted)):
        offset[k, w] = problem.offset[sample, k]


@compiled
def load_unknowns(problem: Problem, sample: int, w: int, y: Array) -> None:
    """A sample's start, into lane ``w``."""
    for i in range(problem.y.shape[1]):
        y[i, w] = problem.y[sample, i]


@compiled
def settled(between: InSeries, settling: Settling, sample: Array, y: Array, change: Array, data: Array) -> bool:
    """Whether what is ``between`` elements in series would hardly move by itself, or is not to be."""
    for k in range(len(between.unknowns)):
        i, p = between.unknowns[k], between.entries[k]
        for w in range(len(sample)):
            alone = change[i, w] / data[p, w]
            if sample[w] >= 0 and relative_step(alone, abs(y[i, w]), settling.reltol, settling.floor[i]) > 1.0:
                return False
    return True


@compiled
def further(
    linear: Linear,
    laws: Laws,
    fill: Fill,
    lower: Array,
    upper: Array,
    inverse: Array,
    settling: Settling,
    y: Array,
    drive: Array,
    none: Array,
    size: Array,
    change: Array,
    latest: Array,
) -> None:
    """The next step from y (n, lanes) with the same factors, ``change``, and how large it is beside tolerances."""
    n = len(settling.floor)
    for i in range(n):
        copy(change, i, drive, i)
    multiply_linear(linear, y, change)
    evaluate(laws, BALANCE, y, none, change, size, size, size)
    substitute(fill, lower, upper, inverse, change)
    for w in range(len(latest)):
        latest[w] = 0.0
    for i in range(n):
        for w in range(len(latest)):
            now = y[i, w]
            largest = max(abs(now), abs(now - change[i, w]))
            ratio = relative_step(change[i, w], largest, settling.reltol, settling.floor[i])
            latest[w] = latest[w] if (ratio <= latest[w]) | math.isnan(latest[w]) else ratio


@compiled
def newton(
    fill: Fill,
    linear: Linear,
    laws: Laws,
    problem: Problem,
    settling: Settling,
    between: InSeries,
    lanes: int,
    first_sample: int,
    last_sample: int,
    converged: Array,
    steps: Array,
    negative: Array,
) -> None:
    """Newton's method for some samples, as ``iterate`` has it: from ``problem.y`` (S, n), which it overwrites.

    A lane takes the next sample when its own one has converged or failed. Before a step, what is ``between`` elements
    in series is settled with all else held (nonlinear elimination; Lanzkron, Rose and Wilkes, SIAM J. Sci. Comput. 17,
    538, 1996). Behind a small step the factors of large matrices serve for a few more (Shamanskii, Ukr. Math. J. 19,
    1967). Where all laws are straight lines, a step that leaves each on its own one has arrived: slopes are equal, and
    the same factors have no further step. ``negative`` (S,) are how many pivots were not above zero in the last
    factors.
    """
    n, lifted = problem.y.shape[1], len(problem.lifted)
    nnz, filled = len(linear.data), len(fill.upper)
    lower, upper = np.empty((filled, lanes)), np.empty((filled, lanes))
    inverse, work = np.empty((n, lanes)), np.empty((n, lanes))
    y, change, drive = np.zeros((n + 1 + lifted, lanes)), np.zeros((n + 1, lanes)), np.zeros((n + 1, lanes))
    second, offset, data = np.zeros((n + 1, lanes)), np.zeros((max(lifted, 1), lanes)), np.empty((nnz + 1, lanes))
    kept = np.zeros((max(laws.kept, 1), lanes))
    mode, held = np.zeros((1, lanes)), np.zeros((1, lanes))
    sample, step = np.full(lanes, -1), np.zeros(lanes, np.int64)
    move, before = np.zeros(lanes), np.ones(lanes)
    begin = WARM
    if problem.cold:
        begin = FREE if problem.at_rest else COLD
    start = np.zeros(lanes, np.bool_)
    curved = False
    for g in range(len(laws.table)):
        curved |= laws.table[g, CURVE] != 0
    work_of_factors = 0
    for i in range(n):
        beside = fill.upper_starts[i + 1] - fill.upper_starts[i]
        work_of_factors += beside * beside
    heavy = work_of_factors > max(HEAVY * filled, LEAST_WORK)
    size, none = np.zeros((n + 1 if heavy or laws.straight else 1, lanes)), np.zeros((1, lanes))
    done, near, lost = np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_)
    latest = np.zeros(lanes)
    ahead, aside = np.empty((nnz + 1 if laws.straight else 1, lanes)), np.zeros((n + 1, lanes))
    active = min(lanes, last_sample - first_sample)
    next_sample = first_sample + active
    for w in range(active):
        sample[w], start[w] = first_sample + w, True
        load(problem, sample[w], w, drive, offset)
    for p in range(nnz):
        spread(data, p, linear.data[p])
    while active > 0:
        for w in range(lanes):
            mode[0, w] = FREE
            if start[w]:
                mode[0, w] = begin
                for k in range(laws.kept):
                    kept[k, w] = 0.0
                load_unknowns(problem, sample[w], w, y)
                start[w] = False
        for sweep in range(SWEEPS + 1):
            lift(problem, offset, y)
            restore(data, linear, laws)
            for i in range(n):
                copy(change, i, drive, i)
            multiply_linear(linear, y, change)
            clear(held, 0)
            evaluate(laws, STEP, y, kept, mode, change, data, held)
            if sweep == SWEEPS or settled(between, settling, sample, y, change, data):
                break
            for k in range(len(between.unknowns)):
                i, p = between.unknowns[k], between.entries[k]
                for w in range(lanes):
                    y[i, w] -= change[i, w] / data[p, w]
            clear(mode, 0)
        eliminate(fill, data, lower, upper, inverse, work, change)
        substitute_back(fill, upper, inverse, change)
        if curved:
            clear(change, n)
            for i in range(n):
                clear(second, i)
            evaluate(laws, CURVE, y, kept, change, second, data, held)
            substitute(fill, lower, upper, inverse, second)
        for w in range(lanes):
            move[w] = 0.0
        for i in range(n):
            for w in range(lanes):
                now = y[i, w]
                after = now - (change[i, w] + second[i, w])
                ratio = relative_step(change[i, w], max(abs(now), abs(after)), settling.reltol, settling.floor[i])
                # NaN counts as the largest of all.
                move[w] = move[w] if (ratio <= move[w]) | math.isnan(move[w]) else ratio
                y[i, w] = after
        for w in range(lanes):
            done[w] = near[w] = lost[w] = False
            if sample[w] < 0:
                continue
            step[w] += 1
            free = held[0, w] == 0.0
            finite = move[w] < np.inf
            # Steps shrink at least by the square of what the last one shrank by, with a correction for curvature;
            # without one they do so by what it shrank by.
            shrunk = move[w] / before[w]
            rest = (shrunk * shrunk if curved else shrunk) * move[w]
            resting = move[w] <= SETTLED and stalled(move[w], before[w])
            done[w] = finite and free and (small(move[w], rest) or resting)
            near[w] = laws.straight and finite and free and not done[w]
            before[w] = min(move[w], 1.0) if free else 1.0
            lost[w] = not finite or step[w] >= settling.iterations
        if near.any():
            lift(problem, offset, y)
            restore(ahead, linear, laws)
            clear(mode, 0)
            evaluate(laws, STEP, y, kept, mode, aside, ahead, none)
            for k in range(len(laws.slots)):
                p = laws.slots[k]
                if p < nnz:
                    for w in range(lanes):
                        near[w] = near[w] and ahead[p, w] == data[p, w]
        if laws.straight and near.any():
            # Lines of the same slope may still be other ones.
            further(linear, laws, fill, lower, upper, inverse, settling, y, drive, none, size, change, latest)
            for w in range(lanes):
                near[w] = near[w] and latest[w] <= SETTLED
            for i in range(n):
                for w in range(lanes):
                    y[i, w] = y[i, w] - change[i, w] if near[w] else y[i, w]
            for w in range(lanes):
                done[w] = done[w] or near[w]
                lost[w] = lost[w] and not near[w]
        for w in range(lanes):
            free = held[0, w] == 0.0
            finite = move[w] < np.inf and sample[w] >= 0
            near[w] = heavy and finite and free and not done[w] and not lost[w] and move[w] < NEAR
        for chord in range(CHORDS):
            if not near.any():
                break
            lift(problem, offset, y)
            further(linear, laws, fill, lower, upper, inverse, settling, y, drive, none, size, change, latest)
            for w in range(lanes):
                near[w] = near[w] and latest[w] < CONTRACTION * move[w]
            for i in range(n):
                for w in range(lanes):
                    y[i, w] = y[i, w] - change[i, w] if near[w] else y[i, w]
            for w in range(lanes):
                if near[w]:
                    # What the first of them shrinks by is the doing of the step before, with its own derivatives.
                    rest = latest[w] / move[w] * latest[w] if chord > 0 else latest[w]
                    done[w] = small(latest[w], rest)
                    move[w], before[w] = latest[w], min(latest[w], 1.0)
                    near[w] = not done[w]
        for w in range(lanes):
            if sample[w] < 0 or not (done[w] or lost[w]):
                continue
            s = sample[w]
            for i in range(n):
                problem.y[s, i] = y[i, w]
            converged[s], steps[s], negative[s] = done[w], step[w], 0
            for i in range(n):
                if not inverse[i, w] > 0.0:
                    negative[s] += 1
            step[w], before[w] = 0, 1.0
            if next_sample < last_sample:
                sample[w] = next_sample
                load(problem, next_sample, w, drive, offset)
                # Where there is one operating point only, the last sample's is as good a start as zero, or better.
                start[w] = not (problem.chained and done[w])
                next_sample += 1
            else:
                sample[w] = -1
                active -= 1


@compiled
def unbalanced(
    linear: Linear,
    laws: Laws,
    problem: Problem,
    balance: Balance,
    under: Array,
    lanes: int,
    first_sample: int,
    last_sample: int,
    excess: Array,
    into: Array,
) -> None:
    """How far samples (S,) are from Kirchhoff's laws at ``problem.y``, as ``balanced`` has it, 1 the limit.

    ``into`` (S, t) is what the elements write to t rows beyond the equations, of which each is part of the one
    ``under`` (t,) it, n for none.
    """
    n, lifted, further = problem.y.shape[1], len(problem.lifted), into.shape[1]
    y, drive = np.zeros((n + 1 + lifted, lanes)), np.zeros((n + 1, lanes))
    total, size = np.zeros((n + 1 + further, lanes)), np.zeros((n + 1 + further, lanes))
    offset = np.zeros((max(lifted, 1), lanes))
    rounding = np.zeros((1, lanes))
    for first in range(first_sample, last_sample, lanes):
        width = min(lanes, last_sample - first)
        for w in range(width):
            load(problem, first + w, w, drive, offset)
            load_unknowns(problem, first + w, w, y)
        clear(rounding, 0)
        for i in range(n):
            clear(total, i)
            for w in range(lanes):
                rounding[0, w] = max(rounding[0, w], balance.rounding * abs(y[i, w]))
        lift(problem, offset, y)
        multiply_linear(linear, y, total)
        for i in range(n):
            for w in range(lanes):
                size[i, w] = abs(total[i, w]) + abs(drive[i, w]) + balance.row_sums[i] * rounding[0, w]
                total[i, w] += drive[i, w]
        for k in range(further):
            clear(total, n + 1 + k)
            clear(size, n + 1 + k)
        evaluate(laws, BALANCE, y, rounding, total, size, size, size)
        for w in range(width):
            for k in range(further):
                into[first + w, k] = total[n + 1 + k, w]
        for k in range(further):
            if under[k] < n:
                add(total, under[k], total, n + 1 + k, 1.0)
                add(size, under[k], size, n + 1 + k, 1.0)
        clear(rounding, 0)
        for i in range(n):
            for w in range(lanes):
                part = imbalance(total[i, w], size[i, w], balance.floor[i])
                most = rounding[0, w]
                rounding[0, w] = most if (part <= most) | math.isnan(most) else part
        for w in range(width):
            excess[first + w] = rounding[0, w]


@compiled
def linearized(
    fill: Fill,
    linear: Linear,
    laws: Laws,
    problem: Problem,
    right: Array,
    transpose: bool,
    lanes: int,
    first_sample: int,
    last_sample: int,
    error: Array,
) -> None:
    """Solve the equations linear around ``problem.y``, or the transposed ones, for ``right`` (S, m, n), overwritten.

    ``error`` (S,) is what is left of the equations, beside the largest of ``right``.
    """
    n, lifted = problem.y.shape[1], len(problem.lifted)
    nnz, filled = len(linear.data), len(fill.upper)
    lower, upper = np.empty((filled, lanes)), np.empty((filled, lanes))
    inverse, work, none = np.empty((n, lanes)), np.empty((n, lanes)), np.empty((0, lanes))
    y, drive = np.zeros((n + 1 + lifted, lanes)), np.zeros((n + 1, lanes))
    offset, data = np.zeros((max(lifted, 1), lanes)), np.empty((nnz + 1, lanes))
    kept, rest = np.zeros((max(laws.kept, 1), lanes)), np.zeros((n + 1, lanes))
    x, mode, held = np.zeros((n, lanes)), np.zeros((1, lanes)), np.zeros((1, lanes))
    spread(mode, 0, WARM)
    rows, columns = (linear.columns, linear.rows) if transpose else (linear.rows, linear.columns)
    for p in range(nnz):
        spread(data, p, linear.data[p])
    for first in range(first_sample, last_sample, lanes):
        width = min(lanes, last_sample - first)
        for w in range(width):
            load(problem, first + w, w, drive, offset)
            load_unknowns(problem, first + w, w, y)
            error[first + w] = 0.0
        lift(problem, offset, y)
        restore(data, linear, laws)
        evaluate(laws, STEP, y, kept, mode, rest, data, held)
        eliminate(fill, data, lower, upper, inverse, work, none)
        for m in range(right.shape[1]):
            for w in range(width):
                for i in range(n):
                    x[i, w] = right[first + w, m, i]
            if transpose:
                substitute_transposed(fill, lower, upper, inverse, x)
            else:
                substitute(fill, lower, upper, inverse, x)
            for i in range(n):
                clear(rest, i)
            for p in range(nnz):
                multiply_add(rest, rows[p], data, p, x, columns[p])
            for w in range(width):
                left, most = 0.0, 0.0
                for i in range(n):
                    given = right[first + w, m, i]
                    left = max(left, abs(rest[i, w] - given))
                    most = max(most, abs(given))
                    if not abs(x[i, w]) < np.inf:
                        left = np.inf
                    right[first + w, m, i] = x[i, w]
                error[first + w] = max(error[first + w], left / most if most > 0.0 else left)
