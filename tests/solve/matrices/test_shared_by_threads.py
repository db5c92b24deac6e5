"""Factorizations that several threads solve with at once."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from netlearn.solve.matrices.cholmod import CholmodFactorization, has_cholmod
from netlearn.solve.matrices.one import DenseFactorization, Factorization

TIMES, THREADS = 100, 6


@pytest.fixture(autouse=True)
def often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def solved_right(factors: Factorization, right: np.ndarray, wanted: np.ndarray) -> bool:
    return all(np.allclose(factors.solve(right), wanted, rtol=1e-10) for _ in range(TIMES))


def test_pivots_are_not_counted_up_by_two_threads() -> None:
    rng = np.random.default_rng(0)
    matrix, right = rng.normal(size=(60, 60)), rng.normal(size=(60, 40))
    factors, wanted = DenseFactorization(matrix), np.linalg.solve(matrix, right)
    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(lambda _: solved_right(factors, right, wanted), range(THREADS)))


@pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")
@pytest.mark.parametrize("columns", [1, 20])
def test_matrices_of_one_pattern_do_not_mix(columns: int) -> None:
    rng, size = np.random.default_rng(1), 300
    right = rng.normal(size=(size, columns))
    work = []
    for scale in (1.0, 3.0):
        ladder = scale * (2.5 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1))
        work.append((CholmodFactorization(sparse.csc_array(ladder)), np.linalg.solve(ladder, right)))
    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(lambda each: solved_right(each[0], right, each[1]), work))
    again = pickle.loads(pickle.dumps(work[0][0]))
    assert np.allclose(again.solve(right), work[0][1], rtol=1e-10)
