"""What holds for arrays wherever they are from."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from netlearn.arrays import all_finite, lasting


def _held() -> np.ndarray:
    result = np.arange(6.0).reshape(2, 3).copy()
    result.flags.writeable = False
    return result


def test_what_nobody_can_write_to_is_not_copied() -> None:
    held = _held()
    assert lasting(held, float) is held
    assert np.shares_memory(lasting(held[:, 1:], float), held)


def test_what_somebody_can_write_to_is_copied() -> None:
    numbers = np.arange(6.0)
    numbers_seen = numbers[:]
    numbers_seen.flags.writeable = False
    for given in (numbers, numbers_seen):
        kept = lasting(given, float)
        numbers[0] += 1.0
        assert kept[0] == numbers[0] - 1.0
    bytes_of = bytearray(np.arange(3.0).tobytes())
    seen = np.frombuffer(bytes_of)
    seen.flags.writeable = False
    kept = lasting(seen, float)
    bytes_of[:8] = np.array([7.0]).tobytes()
    assert kept[0] == 0.0


def test_other_kinds_of_numbers_become_those_that_are_asked_for() -> None:
    assert lasting(np.arange(3), complex).dtype == complex
    assert lasting([1, 2], float).dtype == float


def test_numbers_of_another_kind_are_copied_but_once() -> None:
    numbers = np.zeros(100_000, dtype=np.float32)
    tracemalloc.start()
    kept = lasting(numbers, float)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.nbytes <= peak < 1.5 * kept.nbytes


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_one_number_that_is_not_finite_is_seen(wrong: float) -> None:
    numbers = np.full((3, 4), 1e308)
    assert all_finite(numbers)
    numbers[1, 2] = wrong
    assert not all_finite(numbers)
