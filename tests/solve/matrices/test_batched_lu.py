"""The factorization of many matrices against one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netlearn.solve.compiled.load import available, kernels
from netlearn.solve.matrices.batched_lu import BatchedLu


def dominant(rng, n, edges, samples, symmetric):
    """Diagonally dominant matrices (S, n, n) with a random, structurally symmetric pattern."""
    i, j = rng.integers(0, n, size=(2, edges))
    edge = sparse.coo_array((np.ones(2 * edges), (np.append(i, j), np.append(j, i))), shape=(n, n))
    pattern = (edge + sparse.eye_array(n)).tocsc()
    pattern.sort_indices()
    columns = np.repeat(np.arange(n), np.diff(pattern.indptr))
    matrices = rng.normal(size=(samples, n, n))
    if symmetric:
        matrices = matrices + matrices.swapaxes(1, 2)
    data = np.ascontiguousarray(matrices[:, pattern.indices, columns].T)
    data[pattern.indices == columns] += 8 * np.diff(pattern.indptr).max()
    matrices = np.zeros((samples, n, n))
    matrices[:, pattern.indices, columns] = data.T
    return pattern.indices, pattern.indptr, data, matrices


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(0, 120),
    st.sampled_from([1, 3, 8, 150]),
    st.booleans(),
    st.sampled_from([float, complex]),
)
@settings(deadline=None, max_examples=80)
def test_random_patterns(seed, n, edges, samples, symmetric, dtype):
    rng = np.random.default_rng(seed)
    rows, pointers, data, matrices = dominant(rng, n, edges, samples, symmetric)
    rhs = rng.normal(size=(n, samples)).astype(dtype)
    if dtype is complex:
        rhs += 1j * rng.normal(size=rhs.shape)
    factors = BatchedLu(rows, pointers, symmetric=symmetric).factorize(data)
    for transpose, these in ((False, matrices), (True, matrices.swapaxes(1, 2))):
        expected = np.linalg.solve(these, rhs.T[..., None])[..., 0].T
        np.testing.assert_allclose(factors.solve(rhs, transpose), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_singular_sample_leaves_the_others_alone(symmetric):
    rows, pointers, data, matrices = dominant(np.random.default_rng(1), 12, 30, 5, symmetric)
    data[:, 2] = 0.0
    rhs = np.ones((12, 5))
    x = BatchedLu(rows, pointers, symmetric=symmetric).factorize(data).solve(rhs)
    assert not np.isfinite(x[:, 2]).any()
    for s in (0, 1, 3, 4):
        np.testing.assert_allclose(matrices[s] @ x[:, s], rhs[:, s], atol=1e-12)


def test_large_factors_are_kept_for_fewer_samples_in_step():
    side = 60
    lattice = sparse.diags_array(
        [-1.0, -1.0, 4.1, -1.0, -1.0], offsets=[-side, -1, 0, 1, side], shape=(side**2, side**2)
    )
    matrix = sparse.csc_array(lattice)
    matrix.sort_indices()
    data = np.repeat(matrix.data[:, None], 70, axis=1)
    rhs = np.random.default_rng(0).normal(size=(side**2, 70))
    for symmetric in (True, False):
        plan = BatchedLu(matrix.indices, matrix.indptr, symmetric=symmetric)
        np.testing.assert_allclose(matrix @ plan.factorize(data).solve(rhs), rhs, atol=1e-11)


@pytest.mark.skipif(not available(), reason="numba is not installed")
@pytest.mark.parametrize("lanes", [8, 16, 32, 40, 56])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_listed_elimination_gives_the_same_factors(symmetric: bool, lanes: int) -> None:
    rng, size = np.random.default_rng(lanes), 30
    rows, pointers, data, _ = dominant(rng, size, 45, lanes, symmetric)
    plan = BatchedLu(rows, pointers, symmetric=symmetric)
    filled = len(plan.fill.upper)
    lower, upper = np.zeros((2, filled, lanes))
    inverse, right = np.zeros((size, lanes)), rng.normal(size=(size, lanes))
    other = np.array(right)
    kernels().eliminate(plan.fill, data, lower, upper, inverse, np.zeros((size, lanes)), right)
    numbers = np.full((size + 2 * filled + 1, lanes), np.nan)
    assert len(plan.listed.steps)
    kernels().eliminate_listed(plan.listed, data, numbers, other)
    np.testing.assert_allclose(numbers[:-1], np.concatenate([inverse, upper, lower]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(other, right, rtol=1e-12)
