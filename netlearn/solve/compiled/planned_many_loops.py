"""The compiled loops of ``bordered.plan`` for many samples: nudged states, and what resistors compare between two.

Arrays are (unknowns, samples), as in ``bordered_loops``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled_sums
from netlearn.solve.compiled.many_border_loops import settle_many
from netlearn.solve.compiled.planned_few_loops import push_corner
from netlearn.solve.compiled.planned_layout import AT_BORDER, FROM_BORDER, FROM_HELD, FROM_INNER, NOWHERE, TO_HELD

if TYPE_CHECKING:
    from netlearn.solve.bordered.diodes import StraightDiodes
    from netlearn.solve.bordered.plan import Compared


@compiled_sums
def nudged_many(
    diodes: StraightDiodes,
    held: Array,
    diagonal: Array,
    beside: Array,
    columns: Array,
    products: Array,
    square: Array,
    inner: Array,
    sums: Array,
    drive: Array,
    at_border: Array,
    ends: Array,
    conductance: Array,
    current: Array,
    strength: float,
    compared: Compared,
    free: Array,
    start: Array,
    known: tuple[Array, Array, Array, Array],
    most: int,
    few: int,
    part: float,
    floor: float,
    allowed: float,
    left: Array,
    right: Array,
) -> float:
    """As ``nudged_few``, from ``free`` states (r, S), ``start`` (h, S) of them, whose elimination may be ``known``.

    ``ends`` (2, o) are numbers in the border. ``left`` and ``right`` (n, r, S) become the differences of n pairs of
    states times their shares, and their means.
    """
    factors, pairs, shares = compared
    count, samples, border = len(diagonal), free.shape[1], len(square)
    states = np.empty((len(factors), len(free), samples))
    full, all_sums, outside = np.empty((border, border)), np.empty(border), np.empty((border, samples))
    corner = np.empty(border * (border + 1) // 2)
    inverse, alone = np.empty((count, samples)), np.empty((count, samples))
    taken, lower = np.empty((len(corner), samples)), np.empty((len(corner), samples))
    back = np.empty((border, samples))
    wrong, steps, excess, bad = np.empty(samples), np.empty(samples, np.int64), np.empty(samples), 0.0
    for k in range(len(factors)):
        negative = push_corner(
            ends, 0, conductance, current, factors[k] * strength, square, sums, at_border, full, all_sums, corner,
            outside,
        )  # fmt: skip
        excess[:] = 0.0
        whole = states[k]
        settle_many(
            diodes, held, diagonal, beside, columns, products, corner, full, inner, all_sums, drive, outside, start,
            known, most, few, part, floor, False, inverse, alone, taken, back, lower, wrong, whole[:count],
            whole[count:], whole, steps, excess,
        )  # fmt: skip
        for s in range(samples):
            bad += 0.0 if excess[s] <= allowed else 1.0
            bad += wrong[s] if negative > 0.0 else 0.0
    for n in range(len(pairs)):
        first = free if pairs[n, 0] == 0 else states[pairs[n, 0] - 1]
        second, share = states[pairs[n, 1] - 1], shares[n]
        for i in range(len(free)):
            one, other, change, mean = first[i], second[i], left[n, i], right[n, i]
            for s in range(samples):
                apart = other[s] - one[s]
                change[s], mean[s] = share * apart, one[s] + 0.5 * apart
    return bad


@compiled_sums
def contract_products(
    runs: Array,
    inner: int,
    conductance: Array,
    left: Array,
    right: Array,
    outside: tuple[Array, Array],
    at_held: Array,
    scale: float,
    result: Array,
) -> None:
    """The same as ``contract_runs`` from products of states ``left`` and ``right`` (r, S) that are summed over samples.

    ``at_held`` (t, r) or (t, h) are Σ left_q volts_p for held nodes p, and may be where ``result`` is, if each product
    stands where its resistor does. ``outside`` are the border's part of both states, (m, S) each.
    """
    own, at_border = np.empty(len(left)), np.empty((len(left), len(left) - inner))
    for i in range(len(left)):
        one, other, total = left[i], right[i], 0.0
        for s in range(len(one)):
            total += one[s] * other[s]
        own[i] = total
    more = np.empty(at_border.shape)
    np.dot(left, outside[1].T, at_border)
    np.dot(right, outside[0].T, more)
    at_border += more
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
