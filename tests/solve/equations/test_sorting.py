"""The order of a matrix's entries, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.solve.equations import assembly
from netlearn.solve.equations.assembly import WORTH_LOOPING, sorted_unique


@pytest.mark.parametrize("looped", [True, False])
@pytest.mark.parametrize("least", [-1, 0, 7, -(2**40)])
@pytest.mark.parametrize("spread", [1, 2, 2**12, 2**13, 2**13 + 1, 2**30, 2**41])
def test_different_keys_and_which_of_them_each_is(
    spread: int, least: int, looped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not looped:
        monkeypatch.setattr(assembly, "available", lambda: False)
    rng = np.random.default_rng(spread)
    for count in (WORTH_LOOPING - 1, WORTH_LOOPING, 2000):
        keys = least + rng.integers(0, spread, count)
        keys[rng.integers(0, count, count // 2)] = keys[0]
        expected, number = np.unique(keys, return_inverse=True)
        found, place = sorted_unique(keys)
        assert np.array_equal(found, expected)
        assert np.array_equal(place, number.ravel())
