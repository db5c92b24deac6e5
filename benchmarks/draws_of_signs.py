"""How many random signs of rounding errors tell how many digits hold: the measurement behind DRAWS of ``accuracy``.

    python benchmarks/draws_of_signs.py [--circuits 100]

Random networks of resistors from 0.1 ohm to 1 gigaohm and amplifiers, solved in float64 and with 80 decimal digits.
One line for each number of draws: of voltages, and of differences of two voltages, the part of which digits are said to
hold that do not, and how many digits fewer are said to hold than do, on average.
"""

from __future__ import annotations

import argparse

import numpy as np

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.solve.accuracy import DRAWS, DRAWS_OF_DIFFERENCES, UNIT_ROUNDOFF, _linearization, _moved, _terms
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.linear import SharedLinearization
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.precise.equations import PreciseLinearization

COUNTS = 1, DRAWS, 2 * DRAWS, DRAWS_OF_DIFFERENCES, 2 * DRAWS_OF_DIFFERENCES


def network(seed: int) -> Circuit:
    """Nodes in a random tree of resistors, as many resistors besides, and three amplifiers."""
    rng, size = np.random.default_rng(seed), 20
    lines = [f"network {seed}", "v1 n0 0 1"]
    lines += [f"r{k} n{k} {f'n{rng.integers(0, k)}'} {10 ** rng.uniform(-1, 9):.6g}" for k in range(1, size)]
    ends = [["0", *(f"n{k}" for k in range(size))][j] for j in rng.integers(0, size + 1, 2 * size)]
    lines += [f"ra{k} {ends[2 * k]} {ends[2 * k + 1]} {10 ** rng.uniform(-1, 9):.6g}" for k in range(size)]
    for k in range(3):
        a, b, c = rng.integers(1, size, 3)
        lines += [f"e{k} e{k} 0 n{a} n{b} {rng.uniform(-20, 20):.4g}", f"re{k} e{k} n{c} {10 ** rng.uniform(2, 5):.6g}"]
    return netlearn.elaborate(netlearn.parse("\n".join([*lines, ".end"]))).circuit


def errors(circuit: Circuit) -> list[tuple[Array, Array]]:
    """For voltages and for differences: what is wrong (n,), and what signs say of it (draws, n), beside the numbers."""
    equations = Equations.of(circuit)
    shared = SharedLinearization(circuit, SourceReduction.of(circuit), equations.jacobian(), False)
    point = OperatingPoint(circuit, shared.solve(-np.atleast_2d(equations.constant().T)), 1, shared)
    exact, rest = PreciseLinearization.of(circuit, equations).operating_points(equations, [0])
    wrong, nodes = (point.x - exact - rest)[0], len(circuit.nodes)
    # The first one has equal signs.
    moved = np.concatenate(list(_moved(_terms(point), _linearization(point, None), max(COUNTS))))
    pairs = np.stack(np.triu_indices(nodes, 1))[:, :: nodes // 2]
    found = []
    for take in (lambda x: x[..., :nodes], lambda x: x[..., pairs[0]] - x[..., pairs[1]]):
        size = np.abs(take(exact[0]))
        kept = size > 1e-12
        found.append((np.abs(take(wrong))[kept] / size[kept], np.abs(take(moved))[:, kept] / size[kept]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--circuits", type=int, default=100)
    chosen = parser.parse_args()
    every = [errors(network(seed)) for seed in range(chosen.circuits)]
    for kind, name in enumerate(("voltages", "differences")):
        for draws in COUNTS:
            true = np.concatenate([each[kind][0] for each in every])
            said = np.concatenate([each[kind][1][: draws + 1].max(axis=0) for each in every])
            with np.errstate(divide="ignore"):
                spare = np.log10(np.maximum(said, UNIT_ROUNDOFF) / np.maximum(true, UNIT_ROUNDOFF))
            print(
                f"{name}, {draws} draws: of {len(true)} {np.mean(spare < 0):.2%} worse, spare {spare.mean():.2f} digits"
            )


if __name__ == "__main__":
    main()
