"""CHOLMOD through cvxopt against scipy's SuperLU."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.solve.matrices import cholmod, one, triangle
from netlearn.solve.matrices.cholmod import (
    LOOPED_FROM,
    CholmodFactorization,
    NotDefinite,
    has_cholmod,
)
from netlearn.solve.matrices.one import SingularMatrix, SparseFactorization, factorize
from netlearn.solve.matrices.triangle import MOST_IN_STEP

pytestmark = pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")


def lattice(side: int, rng: np.random.Generator) -> sparse.csc_array:
    number = np.arange(side * side).reshape(side, side)
    p = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    n = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    g = rng.uniform(0.1, 10.0, len(p))
    rows, columns = np.concatenate([p, n, p, n]), np.concatenate([p, n, n, p])
    matrix = sparse.coo_array((np.concatenate([g, g, -g, -g]), (rows, columns)), shape=(side * side, side * side))
    return (matrix + sparse.diags_array(np.eye(1, side * side)[0])).tocsc()


def close(found: Array, expected: Array) -> None:
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 3, LOOPED_FROM, 3 * LOOPED_FROM + 1])
def test_solutions(count: int, rng: np.random.Generator) -> None:
    matrix = lattice(40, rng)
    rhs = rng.normal(size=(matrix.shape[0], count))
    factors = factorize(matrix, definite=True)
    assert isinstance(factors, CholmodFactorization)
    expected = splu(matrix).solve(rhs)
    for _ in range(2):
        close(factors.solve(rhs), expected)
        close(factors.solve(rhs, transpose=True), expected)
    close(factors.solve(rhs[:, :1] * 1j), expected[:, :1] * 1j)


def test_factorizations_of_one_pattern_do_not_disturb_each_other(rng: np.random.Generator) -> None:
    first, second = lattice(40, rng), lattice(40, rng)
    rhs = rng.normal(size=(first.shape[0], 2))
    a, b = factorize(first, definite=True), factorize(second, definite=True)
    for factors, matrix in ((a, first), (b, second), (a, first)):
        close(factors.solve(rhs), splu(matrix).solve(rhs))
    many: Array = rng.normal(size=(first.shape[0], LOOPED_FROM))
    close(a.solve(many), splu(first).solve(many))
    close(b.solve(rhs), splu(second).solve(rhs))


@pytest.mark.parametrize("looped", [True, False])
@pytest.mark.parametrize("count", [0, 1, LOOPED_FROM, 2 * MOST_IN_STEP + 3])
def test_what_is_wanted_of_the_solutions_of_few_sources(
    count: int, looped: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not looped:
        monkeypatch.setattr(cholmod, "available", lambda: False)
    monkeypatch.setattr(triangle, "TURNED", 700)
    matrix = lattice(40, rng)
    equations, wanted = np.array([7, 1500, 3]), rng.integers(0, matrix.shape[0], 2000)
    right = rng.normal(size=(count, 3))
    rhs = np.zeros((matrix.shape[0], count))
    rhs[equations] = right.T
    factors = CholmodFactorization(matrix)
    expected = splu(matrix).solve(rhs)[wanted].T if count else np.zeros((0, 2000))
    for _ in range(2):
        found = factors.solve_at(equations, right, wanted)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max(initial=0) <= 1e-11 * np.abs(expected).max(initial=0)


def test_no_right_hand_sides_have_no_solutions(rng: np.random.Generator) -> None:
    matrix, every = lattice(40, rng), np.arange(1600)
    for columns in (1, LOOPED_FROM):
        factors = CholmodFactorization(matrix, columns)
        assert factors.solve(np.zeros((1600, 0))).shape == (1600, 0)
        assert factors.solve_at(every[:3], np.zeros((0, 3)), every[:5]).shape == (0, 5)


def test_the_order_that_was_found_last_serves_its_own_pattern_alone(rng: np.random.Generator) -> None:
    first, second = lattice(41, rng), lattice(42, rng)
    order = cholmod.minimum_degree(first.indices.astype(np.int64), first.indptr.astype(np.int64))
    analysis = cholmod.Analysis(first.indices, first.indptr)
    analysis.factorize(first.data, None)
    taken = analysis.take()
    # The analysis goes on to put subtrees in a row, which leaves its entries as many, but for zeros.
    permuted = first[order][:, order]
    symmetric = splu(permuted.tocsc(), permc_spec="NATURAL", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
    assert np.count_nonzero(taken.values) == symmetric.L.nnz
    for matrix in (second, first):
        rhs = rng.normal(size=(matrix.shape[0], 2))
        close(CholmodFactorization(matrix).solve(rhs), splu(matrix).solve(rhs))


def test_what_is_not_definite_is_told(rng: np.random.Generator) -> None:
    matrix = lattice(40, rng)
    matrix.data = -matrix.data
    with pytest.raises(NotDefinite):
        CholmodFactorization(matrix)
    with pytest.raises(SingularMatrix):
        factorize(matrix, definite=True)


def test_superlu_stands_in_where_cvxopt_does_not_load(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one, "has_cholmod", lambda: False)
    matrix = lattice(40, rng)
    factors = factorize(matrix, definite=True)
    assert isinstance(factors, SparseFactorization)
    rhs = rng.normal(size=(matrix.shape[0], 2))
    close(factors.solve(rhs), splu(matrix).solve(rhs))
