"""The compiled loops of the equations at given states: what is left of them, and their solutions, linear around these.

Every number of the equations is a row here, with one number for each sample (``rows``), so that a
step of the innermost loops is the same operation on all of them. What nonlinear elements do to the rows
is machine code of its own (``codegen``), called by its address.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.listed_loops import eliminate_listed
from netlearn.solve.compiled.lu_loops import eliminate, substitute, substitute_transposed
from netlearn.solve.compiled.rows import add, add_multiples, call, clear, copy, multiply_add, rows_of, spread
from netlearn.solve.compiled.stopping_rows import add_drive, take_largest, take_size, take_worst

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Balance, Fill, Laws, Linear, ListedElimination, Problem

STEP, BALANCE, CURVE, COUNT, TERMINALS, SLOTS, VALUES, KEEPS, KEPT, CROWD = range(10)
"""The columns of the laws' table."""
FREE, COLD, WARM = 0.0, 1.0, 2.0
"""Each stands for what ``codegen.laws`` has it for."""


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
            laws.crowds.ctypes.data + 8 * entry[CROWD],
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
    for i in range(len(linear.starts) - 1):
        add_multiples(total, i, y, linear.beside, linear.starts[i], linear.starts[i + 1], linear.factors)


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
def load(problem: Problem, m: int, w: int, drive: Array, offset: Array) -> None:
    """The drive and the offset of sample ``m`` of those to solve, into lane ``w``."""
    sample = problem.samples[m]
    row = sample if len(problem.drive) > 1 else 0
    for k in range(len(problem.driven)):
        drive[problem.driven[k], w] = problem.drive[row, k]
    row = sample if len(problem.volts) > 1 else 0
    for k in range(len(problem.lifted)):
        offset[k, w] = problem.volts[row, problem.at[k]]


@compiled
def load_start(problem: Problem, m: int, w: int, y: Array) -> None:
    """Where sample ``m`` starts, into lane ``w``."""
    start, least, most = problem.start, problem.least, problem.most
    row = m if len(start) > 1 else 0
    for i in range(len(least)):
        y[i, w] = min(max(start[row, i], least[i]), most[i])


@compiled
def store_solution(problem: Problem, m: int, w: int, y: Array, nodes: Array) -> float:
    """Write lane ``w`` down as where sample ``m`` is.

    Returns how far those of its unknowns that are ``nodes`` are from where it starts, at the most.
    """
    start, least, most, sample = problem.start, problem.least, problem.most, problem.samples[m]
    row, farthest = m if len(start) > 1 else 0, 0.0
    for i in range(len(least)):
        here = y[i, w]
        problem.y[sample, problem.places[i]] = here
        if nodes[i]:
            farthest = max(farthest, abs(here - min(max(start[row, i], least[i]), most[i])))
    return farthest


@compiled
def load_solution(problem: Problem, m: int, w: int, y: Array) -> None:
    """Where sample ``m`` is, into lane ``w``."""
    sample = problem.samples[m]
    for i in range(len(problem.places)):
        y[i, w] = problem.y[sample, problem.places[i]]


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
    """How far the problem's samples are from Kirchhoff's laws, ``excess`` (S,) as ``balanced`` has it, 1 the limit.

    ``into`` (S, t) is what the elements write to t rows beyond the equations, of which each is part of the one
    ``under`` (t,) it, n for none.
    """
    n, lifted, further = len(problem.places), len(problem.lifted), into.shape[1]
    y, drive = rows_of(n + 1 + lifted, lanes), rows_of(n + 1, lanes)
    total, size = rows_of(n + 1 + further, lanes), rows_of(n + 1 + further, lanes)
    offset = rows_of(max(lifted, 1), lanes)
    rounding = rows_of(1, lanes)
    for first in range(first_sample, last_sample, lanes):
        width = min(lanes, last_sample - first)
        for w in range(width):
            load(problem, first + w, w, drive, offset)
            load_solution(problem, first + w, w, y)
        clear(rounding, 0)
        for i in range(n):
            clear(total, i)
            take_largest(rounding, 0, y, i, balance.rounding)
        lift(problem, offset, y)
        multiply_linear(linear, y, total)
        for i in range(n):
            add_drive(size, i, total, i, drive, i, rounding, 0, balance.row_sums[i])
        for k in range(further):
            clear(total, n + 1 + k)
            clear(size, n + 1 + k)
        evaluate(laws, BALANCE, y, rounding, total, size, size, size)
        for w in range(width):
            for k in range(further):
                into[problem.samples[first + w], k] = total[n + 1 + k, w]
        for k in range(further):
            if under[k] < n:
                add(total, under[k], total, n + 1 + k, 1.0)
                add(size, under[k], size, n + 1 + k, 1.0)
        clear(rounding, 0)
        for i in range(n):
            take_worst(rounding, 0, total, i, size, i, balance.floor[i])
        for w in range(width):
            excess[problem.samples[first + w]] = rounding[0, w]


@compiled
def linearized(
    fill: Fill,
    listed: ListedElimination,
    linear: Linear,
    laws: Laws,
    problem: Problem,
    right: Array,
    given: Array,
    solved: Array,
    taken: Array,
    transpose: bool,
    lanes: int,
    first_sample: int,
    last_sample: int,
    error: Array,
) -> None:
    """Solve the equations linear around ``problem.y``, or the transposed ones, for ``right`` (S, m, n).

    Equation i of n has the right-hand side at ``given[i]``, and unknown i goes to ``taken[i]`` of ``solved`` (S, m, n).
    ``error`` (S,) is what is left of the equations, beside the largest of ``right``; NaN where nothing came of it.
    """
    n, lifted = len(problem.places), len(problem.lifted)
    nnz, filled = len(linear.data), len(fill.upper)
    numbers, work, none = rows_of(n + 2 * filled + 1, lanes), rows_of(n, lanes), np.empty((0, lanes))
    inverse, upper, lower = numbers[:n], numbers[n : n + filled], numbers[n + filled : n + 2 * filled]
    y, drive = rows_of(n + 1 + lifted, lanes), rows_of(n + 1, lanes)
    offset, data = rows_of(max(lifted, 1), lanes), rows_of(nnz + 1, lanes)
    kept, rest = rows_of(max(laws.kept, 1), lanes), rows_of(n + 1, lanes)
    x, b, mode, held = rows_of(n, lanes), rows_of(n, lanes), rows_of(1, lanes), rows_of(1, lanes)
    left, most = rows_of(1, lanes), rows_of(1, lanes)
    spread(mode, 0, WARM)
    rows, columns = (linear.columns, linear.rows) if transpose else (linear.rows, linear.columns)
    for p in range(nnz):
        spread(data, p, linear.data[p])
    for first in range(first_sample, last_sample, lanes):
        width = min(lanes, last_sample - first)
        for w in range(width):
            load(problem, first + w, w, drive, offset)
            load_solution(problem, first + w, w, y)
            error[first + w] = 0.0
        lift(problem, offset, y)
        restore(data, linear, laws)
        evaluate(laws, STEP, y, kept, mode, rest, data, held)
        if len(listed.steps) > 0:
            eliminate_listed(listed, data, numbers, none)
        else:
            eliminate(fill, data, lower, upper, inverse, work, none)
        for m in range(right.shape[1]):
            for i in range(n):
                for w in range(width):
                    b[i, w] = right[first + w, m, given[i]]
                copy(x, i, b, i)
                clear(rest, i)
            if transpose:
                substitute_transposed(fill, lower, upper, inverse, x)
            else:
                substitute(fill, lower, upper, inverse, x)
            for p in range(nnz):
                multiply_add(rest, rows[p], data, p, x, columns[p])
            clear(left, 0)
            clear(most, 0)
            for i in range(n):
                add(rest, i, b, i, -1.0)
                take_size(left, 0, rest, i)
                take_size(most, 0, b, i)
                for w in range(width):
                    solved[first + w, m, taken[i]] = x[i, w]
            for w in range(width):
                part = left[0, w] / most[0, w] if most[0, w] > 0.0 else left[0, w]
                known = part <= error[first + w] or math.isnan(error[first + w])
                error[first + w] = error[first + w] if known else part
