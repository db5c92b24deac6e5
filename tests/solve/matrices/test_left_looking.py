"""Cholesky factorizations on a kept pattern, against scipy's SuperLU and the matrices themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.solve.matrices import cholmod, left_looking
from netlearn.solve.matrices.cholmod import LOOPED_FROM, CholmodFactorization, NotDefinite, has_cholmod
from netlearn.solve.matrices.left_looking import LeftLooking


def random_matrix(rng: np.random.Generator, size: int, density: float) -> sparse.csc_array:
    """Diagonally dominant, with some blocks that are full, whose columns are alike."""
    some = sparse.random_array((size, size), density=density, rng=rng).tolil()
    for first in rng.integers(0, size, 3):
        some[first : first + 7, first : first + 7] = rng.normal(size=some[first : first + 7, first : first + 7].shape)
    both = (some + some.T).tocsc()
    return (both + sparse.diags_array(1.0 + abs(both).sum(axis=0))).tocsc()


@pytest.mark.parametrize("seed", range(6))
def test_its_triangle_times_its_transpose_is_the_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 80))
    matrix, order = random_matrix(rng, size, min(1.0, 2 / size)), rng.permutation(size)
    plan = LeftLooking.of(matrix.indices, matrix.indptr, order)
    assert plan is not None
    for _ in range(2):
        matrix.data *= rng.uniform(0.5, 2.0)
        triangle = plan.factorize(matrix.data)
        assert triangle is not None
        assert sorted(triangle.order.tolist()) == list(range(size))
        assert np.array_equal(triangle.order[triangle.position], np.arange(size))
        lower = sparse.csc_array((triangle.values, triangle.rows, triangle.pointers), shape=matrix.shape)
        assert (np.diff(lower.indptr) > 0).all()
        assert (lower.indices[lower.indptr[:-1]] == np.arange(size)).all()
        permuted = matrix[triangle.order][:, triangle.order]
        assert abs(lower @ lower.T - permuted).max() <= 1e-14 * abs(permuted).max()
        right, wanted = rng.normal(size=(5, size)), rng.integers(0, size, 9)
        found = triangle.solve_at(np.arange(size), right, wanted)
        np.testing.assert_allclose(found, splu(matrix).solve(right.T)[wanted].T, rtol=1e-10, atol=1e-14)


def test_a_pivot_that_is_not_positive_is_told() -> None:
    matrix = sparse.csc_array(np.array([[4.0, 1.0, 0.0], [1.0, -2.0, 1.0], [0.0, 1.0, 4.0]]))
    plan = LeftLooking.of(matrix.indices, matrix.indptr, np.arange(3))
    assert plan is not None
    assert plan.factorize(matrix.data) is None
    assert plan.factorize(np.full(len(matrix.data), np.nan)) is None


def test_only_what_is_light_is_factorized_so(monkeypatch: pytest.MonkeyPatch) -> None:
    full = sparse.csc_array(np.ones((40, 40)) + 50 * np.eye(40))
    plan = LeftLooking.of(full.indices, full.indptr, np.arange(40))
    assert plan is not None
    assert len(plan.numbers) == 40 * 41 // 2
    each = (np.arange(1, 41) ** 2).sum() / len(plan.numbers)
    for limit, light in ((each * 1.01, True), (each * 0.99, False)):
        monkeypatch.setattr(left_looking, "LIGHT", limit)
        assert (LeftLooking.of(full.indices, full.indptr, np.arange(40)) is not None) == light


@pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")
def test_it_is_what_many_right_hand_sides_of_a_light_matrix_are_solved_with(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    matrix = random_matrix(rng, 1200, 0.0005)
    rhs = rng.normal(size=(1200, LOOPED_FROM))
    expected = splu(matrix).solve(rhs)
    # Nothing is asked of CHOLMOD.
    with monkeypatch.context() as patch:
        patch.setattr(cholmod.Analysis, "factorize", None)
        light = CholmodFactorization(matrix, LOOPED_FROM)
        np.testing.assert_allclose(light.solve(rhs), expected, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(light.solve(rhs[:, :1]), expected[:, :1], rtol=1e-9, atol=1e-14)
    few = CholmodFactorization(matrix)
    np.testing.assert_allclose(few.solve(rhs[:, :2]), expected[:, :2], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(few.solve(rhs), expected, rtol=1e-9, atol=1e-14)
    monkeypatch.setattr(left_looking, "MOST_UNKNOWNS", 1199)
    monkeypatch.setattr(LeftLooking, "of", None)
    other = random_matrix(rng, 1200, 0.0005)
    found = CholmodFactorization(other, LOOPED_FROM).solve(rhs)
    np.testing.assert_allclose(found, splu(other).solve(rhs), rtol=1e-9, atol=1e-14)


@pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")
def test_what_is_not_definite_is_told_for_many_right_hand_sides() -> None:
    matrix = random_matrix(np.random.default_rng(0), 1200, 0.0005)
    matrix.data = -matrix.data
    with pytest.raises(NotDefinite):
        CholmodFactorization(matrix, LOOPED_FROM)
