"""The size of factors before they are made, against SuperLU's; circuits that are too large are refused beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse
from scipy.sparse.linalg import splu

import netlearn
from netlearn import memory
from netlearn.circuit.circuit import one_sample
from netlearn.cli import main
from netlearn.errors import TooLargeError
from netlearn.solve import linear_states
from netlearn.solve.compiled.load import kernels
from netlearn.solve.internal import InternalSolver
from netlearn.solve.matrices import fill, one
from netlearn.solve.matrices.cholmod import has_cholmod, minimum_degree
from tests.helpers import lattice_circuit

SIDE = 75
"""More than 5,000 equations."""

needs_cholmod = pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")


def entries(matrix: sparse.csc_array, order: np.ndarray, most: int = 10**9) -> int:
    place = np.argsort(order)
    rows, pointers = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    counts, parent = np.empty((2, len(order)), np.int64)
    return int(kernels().count_columns(pointers, rows, order, place, most, counts, parent))


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_in_a_factor_are_those_that_superlu_makes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 60))
    some = sparse.random_array((size, size), density=2 / size, rng=rng)
    matrix = (some + some.T + 10 * size * sparse.eye_array(size)).tocsc()
    order = rng.permutation(size)
    permuted = matrix[order][:, order].tocsc()
    options = {"SymmetricMode": True}
    factor = splu(permuted, permc_spec="NATURAL", diag_pivot_thresh=0.0, relax=1, options=options)
    assert entries(matrix, order) == factor.L.nnz
    assert entries(matrix, order, most=size) in range(size, factor.L.nnz + 1)


@needs_cholmod
def test_an_order_of_minimum_degree_fills_a_lattice_little() -> None:
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    p = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    n = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    both = sparse.coo_array((np.ones(2 * len(p)), (np.concatenate([p, n]), np.concatenate([n, p]))))
    matrix = (both + sparse.eye_array(SIDE * SIDE)).tocsc()
    order = minimum_degree(matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64))
    assert sorted(order.tolist()) == list(range(SIDE * SIDE))
    assert 2 * entries(matrix, order) < entries(matrix, np.arange(SIDE * SIDE))


@needs_cholmod
def test_factors_that_do_not_fit_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = one_sample(lattice_circuit(SIDE), 0)
    monkeypatch.setattr(memory, "available", lambda: 300_000)
    with pytest.raises(TooLargeError, match=r"the factors of 5,623 equations with .* would take .* 300 kB can be had"):
        InternalSolver().solve(circuit)
    # The lattice's factors have about a hundred thousand numbers, a tenth of what all might be.
    monkeypatch.setattr(memory, "available", lambda: 4_000_000)
    assert np.isfinite(InternalSolver().solve(circuit).x).all()


def test_factors_that_turn_out_too_large_are_told_so_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(one, "SparseFactorization", full)
    matrix = sparse.diags_array(np.arange(1.0, 300.0)).tocsc()
    with pytest.raises(TooLargeError, match="the factors of 299 equations do not fit into the memory"):
        one.factorize(matrix)


def test_states_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    said = "500,000 samples of 11 voltages and currents would take 132 MB of memory, and 100 MB can be had"
    with pytest.raises(TooLargeError, match=said):
        InternalSolver().solve(lattice_circuit(3, samples=500_000))


@needs_cholmod
@pytest.mark.parametrize("command", ["op", "train", "eval"])
def test_commands_refuse_them_and_write_nothing(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    edges = [*zip(number[:, :-1].flat, number[:, 1:].flat), *zip(number[:-1].flat, number[1:].flat)]  # noqa: B905
    lines = [f"R{k} n{p} n{q} 1k" for k, (p, q) in enumerate(edges)]
    ends = ["*@data data.csv", "*@output V(n7)", "*@train R*", ".end"]
    path = tmp_path / "lattice.cir"
    path.write_text("\n".join(["lattice", "V1 n0 0 1", f"R0a n{SIDE * SIDE - 1} 0 1k", *lines, *ends]))
    (tmp_path / "data.csv").write_text("V1,V(n7)\n1,0.5\n")
    monkeypatch.setattr(memory, "available", lambda: 300_000)
    result = CliRunner().invoke(main, [command, str(path), *(["-o", str(tmp_path / "o.cir")] * (command == "train"))])
    assert result.exit_code == 2
    assert f"{path}:1:1: error: the factors of 5," in result.stderr
    assert "300 kB can be had" in result.stderr
    assert "help: make the circuit smaller" in result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data.csv", "lattice.cir"]


def test_dense_factors_that_do_not_fit_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    matrix = sparse.csc_array(rng.normal(size=(1500, 1500)))
    factors = one.factorize(matrix)
    rhs = rng.normal(size=1500)
    np.testing.assert_allclose(matrix @ factors.solve(rhs), rhs, atol=1e-9)
    monkeypatch.setattr(memory, "available", lambda: 50_000_000)
    monkeypatch.setattr(one, "DenseFactorization", None)
    said = "the dense factors of 1,500 equations would take 54 MB of memory, and 50 MB can be had"
    with pytest.raises(TooLargeError, match=said):
        one.factorize(matrix)


@pytest.mark.parametrize(
    ("kind", "said"), [("dense", "3 dense matrices' factors of"), ("sparse", "factors of 3 times")]
)
def test_factors_that_are_kept_for_some_samples_are_counted_together(
    kind: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "dense":
        pairs = [(p, n) for n in range(120) for p in range(n)]
    else:
        pairs = [(p, p + 1) for p in range(499)]
        monkeypatch.setattr(fill, "LOOKED_AT_FROM", 0)
    lines = [f"R{p}_{n} n{p} n{n} 1k" for p, n in pairs]
    text = "\n".join(["t", "V1 n0 0 1", "Rload n9 0 1k", *lines, ".end"])
    circuit = netlearn.elaborate(netlearn.parse(text, "three.cir")).circuit
    (g,) = (g for g, group in enumerate(circuit.groups) if "rload" in list(group.names))
    values = np.repeat(np.asarray(circuit.groups[g].values["resistance"], float)[None], 3, axis=0)
    values[:, list(circuit.groups[g].names).index("rload")] = [1e3, 2e3, 3e3]
    circuit = circuit.with_values({(g, "resistance"): values})
    expected = InternalSolver().solve(circuit).x
    monkeypatch.setattr(fill, "DENSE_FROM", 0)
    monkeypatch.setattr(linear_states, "LOOKED_AT", 10**9)
    # One at a time would fit, and so it does where no other is kept.
    monkeypatch.setattr(memory, "available", lambda: 4 * 8 * 120**2 if kind == "dense" else 2 * 16 * 1500)
    with pytest.raises(TooLargeError, match=said) as caught:
        InternalSolver().solve(circuit)
    assert str(caught.value).startswith("three.cir:1:1: error: ")
    np.testing.assert_allclose(InternalSolver().solve(one_sample(circuit, 1)).x, expected[1:2])
