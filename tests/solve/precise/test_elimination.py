"""Elimination with many digits against exact rational arithmetic."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from netlearn.solve.precise.elimination import Elimination, Singular, TooMuchWork, digits


def matrix(size, seed, density=0.3):
    rng = random.Random(seed)
    rows = {
        i: {j: Decimal(rng.uniform(-1, 1)).scaleb(rng.randint(-20, 20)) for j in range(size) if rng.random() < density}
        for i in range(size)
    }
    for i in range(size):
        rows[i][(i + 3) % size] = Decimal(rng.uniform(0.5, 1))
    return rows


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("transpose", [False, True])
def test_solutions_satisfy_the_equations(seed, transpose):
    size = 12
    with digits(120):
        rows = matrix(size, seed)
        right = {i: Decimal(i + 1) for i in range(0, size, 2)}
        elimination = Elimination.of(rows, 120, 10**6)
        x = (elimination.solve_transposed if transpose else elimination.solve)(right)
    for i in range(size):
        pairs = [(rows[j].get(i), j) for j in rows] if transpose else [(value, j) for j, value in rows[i].items()]
        terms = [Fraction(value) * Fraction(x[j]) for value, j in pairs if value is not None and j in x]
        wanted = Fraction(right.get(i, Decimal(0)))
        assert abs(sum(terms) - wanted) <= Fraction(1, 10**40) * max([*map(abs, terms), abs(wanted), Fraction(1)])


def test_what_is_singular_but_for_rounding_is_singular():
    with digits(80):
        third = Decimal(1) / 3
        rows = {0: {0: third, 1: Decimal(1)}, 1: {0: Decimal(1), 1: Decimal(3)}}
        with pytest.raises(Singular):
            Elimination.of(rows, 80, 100)
        # What is not, is not: a difference in the 30th digit counts.
        rows[1][1] += Decimal("1e-30")
        assert Elimination.of(rows, 80, 100).solve({0: Decimal(1)})


def test_work_has_a_limit():
    with digits(50), pytest.raises(TooMuchWork):
        Elimination.of(matrix(30, 0, density=1.0), 50, 1000)
