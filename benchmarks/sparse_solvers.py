"""Which sparse solver factorizes a resistor network fastest: the measurement behind ``netlearn/solve/matrices/one.py``.

    python benchmarks/sparse_solvers.py [--quick] [--budget SECONDS]

Each line is one solver on one network: milliseconds to factorize its nodal matrix, and to solve for
16 right-hand sides. A solver that took long on one size is not tried on the next. Solvers that are not installed are
named at the end; scikit-sparse needs SuiteSparse and a compiler, as it has no binary wheels.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from netlearn.solve.compiled.load import compile_here
from netlearn.solve.threads import one_thread

Array = np.ndarray
RIGHT_HAND_SIDES = 16
GROWTH = 20.0
"""A size ten times larger takes about this many times longer."""


def laplacian(nodes: int, edges: Array, rng: np.random.Generator) -> sparse.csc_array:
    """The nodal matrix of a resistor network whose node 0 is held at a voltage."""
    conductance = 10 ** rng.uniform(-5, -3, len(edges))
    p, n = edges.T
    rows, columns = np.concatenate([p, n, p, n]), np.concatenate([p, n, n, p])
    data = np.concatenate([conductance, conductance, -conductance, -conductance])
    matrix = sparse.coo_array((data, (rows, columns)), shape=(nodes, nodes)).tocsc()[1:, 1:].tocsc()
    numbers = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csc_array(numbers, shape=matrix.shape)


def lattice(nodes: int, rng: np.random.Generator) -> sparse.csc_array:
    """A square lattice."""
    side = round(nodes**0.5)
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    down = np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)
    return laplacian(side * side, np.concatenate([across, down]), rng)


def random_graph(nodes: int, rng: np.random.Generator) -> sparse.csc_array:
    """A random tree with as many chords as it has edges."""
    children = np.arange(1, nodes)
    tree = np.stack([children, (rng.uniform(size=nodes - 1) * children).astype(int)], axis=1)
    chords = rng.integers(0, nodes, size=(nodes, 2))
    return laplacian(nodes, np.concatenate([tree, chords[chords[:, 0] != chords[:, 1]]]), rng)


def crossbar(nodes: int, rng: np.random.Generator) -> sparse.csc_array:
    """Rows over columns with a resistor at every crossing, and resistance in every piece of wire."""
    side = round((nodes / 2) ** 0.5)
    row = np.arange(side * side).reshape(side, side)
    column = row + side * side
    pieces = [(row, column), (row[:, :-1], row[:, 1:]), (column[:-1], column[1:])]
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pieces])
    return laplacian(2 * side * side, edges, rng)


def layered(nodes: int, rng: np.random.Generator) -> sparse.csc_array:
    """Three fully connected layers: few nodes, many resistors."""
    parts = np.array_split(np.arange(nodes), 3)
    pairs = [(parts[0], parts[1]), (parts[1], parts[2])]
    edges = [np.stack([np.repeat(a, len(b)), np.tile(b, len(a))], axis=1) for a, b in pairs]
    return laplacian(nodes, np.concatenate(edges), rng)


def superlu(**options: Any) -> Callable[[sparse.csc_array], Callable[[Array], Array]]:
    """scipy's splu with the given options."""
    return lambda matrix: splu(matrix, **options).solve


def dense_lu(matrix: sparse.csc_array) -> Callable[[Array], Array]:
    """LAPACK getrf."""
    factors = linalg.lu_factor(matrix.toarray())
    return lambda rhs: linalg.lu_solve(factors, rhs)


def dense_cholesky(matrix: sparse.csc_array) -> Callable[[Array], Array]:
    """LAPACK potrf."""
    factors = linalg.cho_factor(matrix.toarray())
    return lambda rhs: linalg.cho_solve(factors, rhs)


def klu(matrix: sparse.csc_array) -> Callable[[Array], Array]:
    """SuiteSparse's KLU."""
    factors = importlib.import_module("PyKLU").Klu(sparse.csc_matrix(matrix))
    return lambda rhs: factors.solve(np.asfortranarray(rhs))


def sksparse(matrix: sparse.csc_array) -> Callable[[Array], Array]:
    """SuiteSparse's CHOLMOD through scikit-sparse."""
    return importlib.import_module("sksparse.cholmod").cholesky(sparse.csc_matrix(matrix))


def cvxopt(matrix: sparse.csc_array) -> Callable[[Array], Array]:
    """SuiteSparse's CHOLMOD through cvxopt."""
    base, cholmod = importlib.import_module("cvxopt"), importlib.import_module("cvxopt.cholmod")
    entries = matrix.tocoo()
    lower = entries.row >= entries.col
    a = base.spmatrix(
        entries.data[lower].tolist(), entries.row[lower].tolist(), entries.col[lower].tolist(), matrix.shape
    )
    factor = cholmod.symbolic(a)
    cholmod.numeric(a, factor)

    def solve(rhs: Array) -> Array:
        b = base.matrix(rhs)
        cholmod.solve(factor, b)
        return np.array(b)

    return solve


SYMMETRIC = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
SOLVERS: dict[str, tuple[Callable[[sparse.csc_array], Callable[[Array], Array]], int]] = {
    "splu COLAMD": (superlu(permc_spec="COLAMD"), 10**6),
    "splu MMD_AT_PLUS_A": (superlu(permc_spec="MMD_AT_PLUS_A", **SYMMETRIC), 10**6),
    "splu MMD_ATA": (superlu(permc_spec="MMD_ATA"), 10**6),
    "splu NATURAL": (superlu(permc_spec="NATURAL", **SYMMETRIC), 1000),
    "LAPACK LU": (dense_lu, 3000),
    "LAPACK Cholesky": (dense_cholesky, 3000),
    "PyKLU": (klu, 10**6),
    "scikit-sparse CHOLMOD": (sksparse, 10**6),
    "cvxopt CHOLMOD": (cvxopt, 10**6),
}


def best(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The shortest of several times in seconds, and the last result."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begun)
    return min(times), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only up to 1,000 nodes")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds that one factorization may take")
    arguments = parser.parse_args()
    # What is timed are the loops, not what serves until they are compiled.
    compile_here()
    sizes = (30, 100, 300, 1000) if arguments.quick else (30, 100, 300, 1000, 10_000, 100_000)
    missing: set[str] = set()
    print(f"{'network':<10}{'nodes':>8}{'entries':>9}  {'solver':<24}{'factorize ms':>13}{'solve ms':>10}{'error':>9}")
    for kind in (lattice, random_graph, crossbar, layered):
        spent: dict[str, float] = {}
        for size in sizes:
            if kind is layered and size > 3000:
                continue
            rng = np.random.default_rng(0)
            matrix = kind(size, rng)
            rhs = rng.normal(size=(matrix.shape[0], RIGHT_HAND_SIDES))
            for name, (factorize, largest) in SOLVERS.items():
                if name in missing or size > largest or spent.get(name, 0.0) * GROWTH > arguments.budget:
                    continue
                repeats = 5 if size <= 1000 else 1
                try:
                    with one_thread():
                        factor_time, solve = best(lambda: factorize(matrix), repeats)  # noqa: B023
                        solve_time, x = best(lambda: solve(rhs), repeats)  # noqa: B023
                except ImportError:
                    missing.add(name)
                    continue
                spent[name] = factor_time
                error = np.abs(matrix @ x - rhs).max() / np.abs(rhs).max()
                print(
                    f"{kind.__name__[:9]:<10}{matrix.shape[0]:>8}{matrix.nnz:>9}  {name:<24}"
                    f"{factor_time * 1e3:>13.3f}{solve_time * 1e3:>10.3f}{error:>9.0e}",
                    flush=True,
                )
    if missing:
        print(f"not installed: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
