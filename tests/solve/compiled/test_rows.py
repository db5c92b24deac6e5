"""Operations on rows, held against numpy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import add_multiples, rows_of, subtract_products


@compiled
def multiply(total: Array, y: Array, starts: Array, columns: Array, factors: Array) -> None:
    for i in range(len(starts) - 1):
        add_multiples(total, i, y, columns, starts[i], starts[i + 1], factors)


@pytest.mark.parametrize("lanes", [8, 16, 24, 40, 64, 88])
def test_multiples_of_rows_are_added_to_others_in_all_lanes(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    columns, starts = np.array([2, 0, 1, 2, 1]), np.array([0, 2, 2, 5])
    factors, y, total = rng.normal(size=5), rng.normal(size=(3, lanes)), rng.normal(size=(4, lanes))
    expected = total.copy()
    for i, column, factor in zip([0, 0, 2, 2, 2], columns, factors, strict=True):
        expected[i] += factor * y[column]
    multiply(total, y, starts, columns, factors)
    np.testing.assert_allclose(total, expected, rtol=1e-13, atol=1e-13)


@compiled
def take_off(y: Array, starts: Array, columns: Array, factors: Array) -> None:
    for i in range(len(starts) - 1):
        subtract_products(y, i, columns, starts[i], starts[i + 1], factors)


@pytest.mark.parametrize("lanes", [8, 16, 32, 40, 56, 88])
def test_products_with_other_rows_are_taken_off_in_all_lanes(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    columns, starts = np.array([2, 3, 1, 0, 1]), np.array([0, 3, 3, 5])
    factors, y = rng.normal(size=(5, lanes)), rng.normal(size=(4, lanes))
    expected = y.copy()
    for i, p in zip([0, 0, 0, 2, 2], range(5), strict=True):
        expected[i] -= factors[p] * expected[columns[p]]
    take_off(y, starts, columns, factors)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("count", "lanes"), [(1, 8), (3, 40), (17, 24), (0, 8)])
def test_rows_begin_where_vectors_do(count: int, lanes: int) -> None:
    for rows in [rows_of(count, lanes) for _ in range(8)]:
        assert rows.shape == (count, lanes)
        assert not rows.any()
        assert rows.ctypes.data % 64 == 0
        # All of them are there to be written to.
        rows[:] = 1.0
