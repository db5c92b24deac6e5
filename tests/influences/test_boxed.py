"""Minima of quadratic functions in boxes, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from netlearn.errors import ConvergenceError
from netlearn.influences.boxed import Positive


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("held", [True, False])
def test_minimum_in_a_box(seed: int, held: bool) -> None:
    rng = np.random.default_rng(seed)
    rows, right = rng.normal(size=(20, 9)), rng.normal(size=20)
    low, high = -rng.uniform(0, 0.2, 9), rng.uniform(0, 0.2, 9)
    low[0] = high[0] = 0.0
    matrix = rows.T @ rows
    system = Positive.held(matrix) if held else Positive(None, lambda v: matrix @ v)
    found = system.minimum(-rows.T @ right, low, high)
    wanted = lsq_linear(rows[:, 1:], right, (low[1:], high[1:]), method="bvls", tol=1e-14).x
    assert found[0] == 0.0
    assert found[1:] == pytest.approx(wanted, abs=1e-8)
    assert np.any((found == low) | (found == high))


def test_solves_for_a_part_and_says_where_it_cannot() -> None:
    matrix = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
    right, free = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    for system in (Positive.held(matrix), Positive(None, lambda v: matrix @ v)):
        assert system.solve(right) == pytest.approx(np.linalg.solve(matrix, right))
        assert system.solve(right, free) == pytest.approx([0.5, 0.0, 0.75])
        assert not system.solve(np.zeros(3)).any()
    with pytest.raises(ConvergenceError, match="not positive"):
        Positive.held(-matrix).solve(right)
