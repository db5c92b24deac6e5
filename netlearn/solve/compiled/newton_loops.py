"""The compiled loops of ``Lockstep``: Newton's method, a few dozen samples in step.

Samples stand in lanes, as ``equation_loops`` has them, whose functions say what the equations are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve import stopping
from netlearn.solve.compiled.equation_loops import (
    BALANCE,
    COLD,
    CURVE,
    FREE,
    STEP,
    WARM,
    evaluate,
    lift,
    load,
    load_start,
    multiply_linear,
    restore,
    store_solution,
)
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.listed_loops import eliminate_listed
from netlearn.solve.compiled.lu_loops import eliminate, substitute, substitute_back
from netlearn.solve.compiled.rows import clear, copy, rows_of, spread
from netlearn.solve.compiled.stopping_rows import advance
from netlearn.solve.stopping import SETTLED

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Fill, InSeries, Laws, Linear, ListedElimination, Problem, Settling

SWEEPS = 12
"""So often the unknowns between elements in series are settled by themselves before a step of all: crossbars of 32x16
selectors take 1.1 times as long with half as often and 1.2 times with twice (benchmarks/recompiled.py)."""
HEAVY, LEAST_WORK = 12, 300_000
"""Factors are used again where making them takes so many times what solving with them does, and so much at all: with 64
samples crossbars of 64x32 selectors or junctions take 0.82 to 0.86 of the time then, 32x16, which are below, 1.0 to
1.1, and lattices of 40x40 and 56x56 diodes, whose lanes come near one by one, 1.06 to 1.08 (benchmarks/recompiled.py).
"""
CHORDS, NEAR, CONTRACTION = 2, 1.0, 0.2
"""So many steps are taken with the same factors after one that was this small, while they shrink to this part:
crossbars of 64x32 selectors take as long within a twenty-fifth with half and with twice as much of each
(benchmarks/recompiled.py).

Behind interpolated starts lanes are out of step, and a fifth of them gains by it at a time: there it is not done, as
lattices of 56x56 diodes take 1.2 times as long with it.
"""

DOUBT = 100.0
"""So many times as much may be left after a step as the square of what it shrank by says, by convention: two digits, as
steps that go another way than the last one shrink by less. With a tenth of it some solutions of transistors' lattices
need a step more in the end, and with the whole none."""

# The statements that array code evaluates, compiled.
relative_step = compiled(stopping.relative_step)
small = compiled(stopping.small)
stalled = compiled(stopping.stalled)


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
    listed: ListedElimination,
    linear: Linear,
    laws: Laws,
    problem: Problem,
    settling: Settling,
    between: InSeries,
    lanes: int,
    first_sample: int,
    last_sample: int,
    nodes: Array,
    converged: Array,
    steps: Array,
    negative: Array,
    away: Array,
) -> None:
    """Newton's method for some of the problem's samples, as ``iterate`` has it: from ``start`` into ``y``.

    A lane takes the next sample when its own one has converged or failed. Before a step, what is ``between`` elements
    in series is settled with all else held (nonlinear elimination; Lanzkron, Rose and Wilkes, SIAM J. Sci. Comput. 17,
    538, 1996). Behind a small step the factors of large matrices serve for a few more (Shamanskii, Ukr. Math. J. 19,
    1967). Where all laws are straight lines, a step that leaves each on its own one has arrived: slopes are equal, and
    the same factors have no further step. ``negative`` (S,) are how many pivots of a symmetric matrix were not above
    zero in the last factors, ``away`` (S,) is how far those unknowns that are ``nodes`` (n,) are from their starts at
    the most.
    """
    n, lifted = len(problem.places), len(problem.lifted)
    nnz, filled = len(linear.data), len(fill.upper)
    numbers, work = rows_of(n + 2 * filled + 1, lanes), rows_of(n, lanes)
    inverse, upper, lower = numbers[:n], numbers[n : n + filled], numbers[n + filled : n + 2 * filled]
    y, change, drive = rows_of(n + 1 + lifted, lanes), rows_of(n + 1, lanes), rows_of(n + 1, lanes)
    second, offset, data = rows_of(n + 1, lanes), rows_of(max(lifted, 1), lanes), rows_of(nnz + 1, lanes)
    kept = rows_of(max(laws.kept, 1), lanes)
    mode, held = rows_of(1, lanes), rows_of(1, lanes)
    sample, step = np.full(lanes, -1), np.zeros(lanes, np.int64)
    moves, before = rows_of(1, lanes), np.ones(lanes)
    move = moves[0]
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
    heavy = problem.chords and work_of_factors > max(HEAVY * filled, LEAST_WORK)
    size, none = rows_of(n + 1 if heavy or laws.straight else 1, lanes), rows_of(1, lanes)
    done, near, lost = np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_), np.zeros(lanes, np.bool_)
    latest = np.zeros(lanes)
    ahead, aside = rows_of(nnz + 1 if laws.straight else 1, lanes), rows_of(n + 1, lanes)
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
                for k in range(laws.kept if begin == FREE else 0):
                    kept[k, w] = 0.0
                load_start(problem, sample[w], w, y)
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
        if len(listed.steps) > 0:
            eliminate_listed(listed, data, numbers, change)
        else:
            eliminate(fill, data, lower, upper, inverse, work, change)
        substitute_back(fill, upper, inverse, change)
        if curved:
            clear(change, n)
            for i in range(n):
                clear(second, i)
            evaluate(laws, CURVE, y, kept, change, second, data, held)
            substitute(fill, lower, upper, inverse, second)
        clear(moves, 0)
        for i in range(n):
            advance(y, i, change, i, second, i, moves, 0, settling.reltol, settling.floor[i])
        for w in range(lanes):
            done[w] = near[w] = lost[w] = False
            if sample[w] < 0:
                continue
            step[w] += 1
            free = held[0, w] == 0.0
            finite = move[w] < np.inf
            # Steps shrink by the square of what the last one shrank by or, with a correction for curvature, by more.
            shrunk = move[w] / before[w]
            rest = (1.0 if curved else DOUBT) * shrunk * shrunk * move[w]
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
            s = problem.samples[sample[w]]
            away[s] = store_solution(problem, sample[w], w, y, nodes)
            converged[s], steps[s], negative[s] = done[w], step[w], 0
            # Of other matrices the number says nothing.
            for i in range(n if fill.symmetric else 0):
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
