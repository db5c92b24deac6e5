"""The order of a matrix's entries, against numpy's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from netlearn.solve.compiled.load import kernels
from netlearn.solve.equations import assembly
from netlearn.solve.equations.assembly import WORTH_LOOPING, sorted_unique

RESISTORS = r"""
import sys
import netlearn
from netlearn.solve.internal import InternalSolver

lines = [f"R{i}_{j} n{i}_{j} {f'n{i + 1}_{j}' if i < 19 else '0'} 1k" for i in range(20) for j in range(20)]
lines += [f"S{i}_{j} n{i}_{j} n{i}_{j + 1} 1k" for i in range(20) for j in range(19)]
text = "\n".join(["resistors", "I1 0 n0_0 1m", *(line.replace("S", "RS", 1) for line in lines)])
InternalSolver().solve(netlearn.elaborate(netlearn.parse(text)).circuit)
assert "numba" not in sys.modules
"""


def test_resistors_alone_load_no_loops_for_their_order() -> None:
    subprocess.run([sys.executable, "-c", RESISTORS], check=True)


@pytest.mark.parametrize("looped", [True, False])
@pytest.mark.parametrize("least", [-1, 0, 7, -(2**40)])
@pytest.mark.parametrize("spread", [1, 2, 2**12, 2**13, 2**13 + 1, 2**30, 2**41])
def test_different_keys_and_which_of_them_each_is(
    spread: int, least: int, looped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels()
    if not looped:
        monkeypatch.setattr(assembly, "at_hand", lambda: False)
    rng = np.random.default_rng(spread)
    for count in (WORTH_LOOPING - 1, WORTH_LOOPING, 2000):
        keys = least + rng.integers(0, spread, count)
        keys[rng.integers(0, count, count // 2)] = keys[0]
        expected, number = np.unique(keys, return_inverse=True)
        found, place = sorted_unique(keys)
        assert np.array_equal(found, expected)
        assert np.array_equal(place, number.ravel())
