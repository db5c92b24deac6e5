"""The stopping rule is one statement, on which arrays and compiled loops agree."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.solve import stopping
from netlearn.solve.compiled import load

MOVES = np.concatenate([10.0 ** np.linspace(-9, 2, 200), [0.0, 1e-6, 1e-2, np.inf, np.nan]])


@pytest.mark.skipif(not load.available(), reason="numba is not installed")
def test_arrays_and_compiled_loops_agree() -> None:
    from netlearn.solve.compiled import newton_loops
    from netlearn.solve.compiled.jit import compiled
    from netlearn.solve.compiled.stopping_rows import advance, take_worst

    @compiled
    def stepped(y: np.ndarray, change: np.ndarray, second: np.ndarray, move: np.ndarray, floor: float) -> None:
        advance(y, 0, change, 0, second, 0, move, 0, 1e-3, floor)

    @compiled
    def weighed(worst: np.ndarray, total: np.ndarray, size: np.ndarray, floor: float) -> None:
        take_worst(worst, 0, total, 0, size, 0, floor)

    rng = np.random.default_rng(0)
    a, b, c = (rng.permutation(np.append(MOVES, MOVES[:3])).reshape(1, -1) for _ in range(3))
    with np.errstate(all="ignore"):
        for loop in (newton_loops.small, newton_loops.stalled):
            array = getattr(stopping, loop.__name__)(a[0], b[0])
            single = [loop(*numbers) for numbers in zip(a[0], b[0], strict=True)]
            np.testing.assert_array_equal(array, single)
        for floor in (1e-12, 1e-6, 1e-3):
            # Compiled code may round a product and a sum in one; NaN is the largest of all.
            worst = np.array(c)
            weighed(worst, a, np.abs(b), floor)
            found = stopping.imbalance(a, np.abs(b), floor)
            np.testing.assert_allclose(worst, np.where((found <= c) | np.isnan(c), c, found), rtol=1e-15)
            y, move = np.array(b), np.zeros(b.shape)
            stepped(y, a, 0.5 * a, move, floor)
            np.testing.assert_array_equal(y, b - 1.5 * a)
            sizes = np.abs(b), np.abs(y)
            largest = np.where(sizes[1] > sizes[0], sizes[1], sizes[0])
            np.testing.assert_allclose(move, stopping.relative_step(a, largest, 1e-3, floor), rtol=1e-15)


def test_the_rule_ends_where_it_should() -> None:
    assert stopping.small(0.9e-6, 1.0)
    assert stopping.small(0.9e-2, 0.9e-6)
    assert not stopping.small(0.9e-2, 1.1e-6)
    assert not stopping.small(1.1e-2, 0.0)
    assert not stopping.small(np.nan, np.nan)
    assert stopping.stalled(0.4, 1.0)
    assert not stopping.stalled(0.2, 1.0)
    assert stopping.imbalance(1e-6, 1.0, 0.0) == 1.0
