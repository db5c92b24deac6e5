"""The factorization of many matrices against one at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netlearn.solve.batched import Elimination


def dominant(rng, n, edges, samples, dtype=float):
    """Diagonally dominant matrices (S, n, n) with a random, structurally symmetric pattern."""
    i, j = rng.integers(0, n, size=(2, edges))
    pattern = sparse.coo_array((np.ones(2 * edges), (np.append(i, j), np.append(j, i))), shape=(n, n))
    pattern = (pattern + sparse.eye_array(n)).tocsc()
    pattern.sort_indices()
    data = rng.normal(size=(pattern.nnz, samples)).astype(dtype)
    if dtype is complex:
        data += 1j * rng.normal(size=data.shape)
    columns = np.repeat(np.arange(n), np.diff(pattern.indptr))
    data[pattern.indices == columns] += 4 * np.diff(pattern.indptr).max()
    matrices = np.zeros((samples, n, n), dtype)
    matrices[:, pattern.indices, columns] = data.T
    return pattern.indices, pattern.indptr, data, matrices


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 120), st.sampled_from([float, complex]))
@settings(deadline=None, max_examples=60)
def test_random_patterns(seed, n, edges, dtype):
    rng = np.random.default_rng(seed)
    rows, pointers, data, matrices = dominant(rng, n, edges, 3, dtype)
    rhs = rng.normal(size=(n, 3))
    factors = Elimination(rows, pointers).factorize(data)
    for transpose, these in ((False, matrices), (True, matrices.swapaxes(1, 2))):
        expected = np.linalg.solve(these, rhs.T[..., None])[..., 0].T
        np.testing.assert_allclose(factors.solve(rhs.astype(dtype), transpose), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("leaves", "hubs"), [(50, 6), (7, 40), (90, 1)])
def test_layers_whose_nodes_touch_only_the_next_one(leaves, hubs):
    rng = np.random.default_rng(0)
    n = leaves + hubs
    full = np.zeros((n, n))
    full[:leaves, leaves:], full[leaves:, :leaves] = 1.0, 1.0
    np.fill_diagonal(full, 1.0)
    pattern = sparse.csc_array(full)
    data = rng.uniform(-1, 0, size=(pattern.nnz, 4))
    columns = np.repeat(np.arange(n), np.diff(pattern.indptr))
    data[pattern.indices == columns] += 2 * n
    plan = Elimination(pattern.indices, pattern.indptr)
    assert len(plan.bundles) + len(plan.stacks) <= 3
    rhs = rng.normal(size=(n, 4))
    x = plan.factorize(data).solve(rhs)
    for s in range(4):
        matrix = sparse.csc_array((data[:, s], pattern.indices, pattern.indptr))
        np.testing.assert_allclose(matrix @ x[:, s], rhs[:, s], atol=1e-12)
