"""The stopping rule is one statement, on which arrays and compiled loops agree."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.solve import stopping
from netlearn.solve.compiled import load

MOVES = np.concatenate([10.0 ** np.linspace(-9, 2, 200), [0.0, 1e-6, 1e-2, np.inf, np.nan]])


@pytest.mark.skipif(not load.available(), reason="numba is not installed")
def test_arrays_and_compiled_loops_agree() -> None:
    from netlearn.solve.compiled import equation_loops, newton_loops

    rng = np.random.default_rng(0)
    a, b = (rng.permutation(MOVES) for _ in range(2))
    floor = 10.0 ** rng.uniform(-12, -3, len(MOVES))
    cases = {
        newton_loops.small: (a, b),
        newton_loops.stalled: (a, b),
        equation_loops.imbalance: (a, np.abs(b), floor),
    }
    with np.errstate(all="ignore"):
        for loop, arguments in cases.items():
            array = getattr(stopping, loop.__name__)(*arguments)
            single = [loop(*numbers) for numbers in zip(*arguments, strict=True)]
            # Compiled code may round a product and a sum in one.
            np.testing.assert_allclose(np.asarray(array, float), np.asarray(single, float), rtol=1e-15)
        array = stopping.relative_step(a, np.abs(b), 1e-3, floor)
        single = [newton_loops.relative_step(x, abs(y), 1e-3, f) for x, y, f in zip(a, b, floor, strict=True)]
        np.testing.assert_allclose(array, single, rtol=1e-15)


def test_the_rule_ends_where_it_should() -> None:
    assert stopping.small(0.9e-6, 1.0)
    assert stopping.small(0.9e-2, 0.9e-6)
    assert not stopping.small(0.9e-2, 1.1e-6)
    assert not stopping.small(1.1e-2, 0.0)
    assert not stopping.small(np.nan, np.nan)
    assert stopping.stalled(0.4, 1.0)
    assert not stopping.stalled(0.2, 1.0)
    assert stopping.imbalance(1e-6, 1.0, 0.0) == 1.0
