"""Where one way of solving becomes faster than another: the measurement behind constants of ``netlearn/solve``.

    python benchmarks/thresholds.py [--only NAME] [--rounds 7]

One line for each size around a constant: processor time with the way that it chooses from there on, beside that with
the way that it chooses below, least of some alternating runs each. The constant is where the ratio falls to one, or
beyond. OPENBLAS_NUM_THREADS=1 keeps LAPACK's threads, which wait for each other, out of the processor time.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from samples_per_second import Network, lattice
from scipy import sparse
from sparse_solvers import laplacian

from netlearn.circuit.circuit import Circuit
from netlearn.solve import internal, linear
from netlearn.solve.equations import extract
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep
from netlearn.solve.matrices import cholmod, many, one
from netlearn.solve.threads import set_threads

RESISTORS, SOURCES = 0, 1
"""The numbers of groups in ``Network.circuit``."""

Work = Callable[[], object]


@dataclass(frozen=True)
class Threshold:
    """A constant of a module, and what to do at a size, which it is compared with."""

    module: ModuleType
    name: str
    what: str
    work: Callable[[Any], Work]

    @property
    def value(self) -> float:
        value: float = getattr(self.module, self.name)
        return value

    def ratio(self, size: float, rounds: int) -> float:
        """Least time with the way from the constant on, beside that with the other one."""
        own, work, least = self.value, self.work(size), [np.inf, np.inf]
        try:
            for _ in range(rounds):
                for k, value in enumerate((0, 10**15)):
                    setattr(self.module, self.name, value)
                    begun = time.process_time()
                    work()
                    least[k] = min(least[k], time.process_time() - begun)
        finally:
            setattr(self.module, self.name, own)
        return float(least[0] / least[1])


def interpolated_starts(unknowns: int) -> Work:
    """A lattice of diodes with so many unknowns, 1000 samples that are new ones each time."""
    network, rng = lattice(np.random.default_rng(0), round((unknowns + 2) ** 0.5)), np.random.default_rng(1)
    circuit = network.circuit(network.samples(rng, 1000))

    def work() -> object:
        drive = network.samples(rng, 1000)
        return InternalSolver().solve(circuit.with_values({(SOURCES, "dc"): drive})).x

    return work


def right_hand_sides(count: int) -> Work:
    """So many right-hand sides of a lattice of 60x60 resistors, its factors made anew as in training."""
    matrix = _resistors(60)
    rhs = np.random.default_rng(1).normal(size=(matrix.shape[0], count))
    return lambda: cholmod.CholmodFactorization(matrix).solve(rhs)


def unsymmetric_unknowns(count: int) -> Work:
    """A lattice of resistors with about so many unknowns, as a matrix that needs row interchanges, and one solve."""
    return _factorized(_resistors(round((count + 1) ** 0.5)), definite=False)


def definite_unknowns(count: int) -> Work:
    """A lattice of resistors with about so many unknowns, its factors made anew as in training, and one solve."""
    return _factorized(_resistors(round((count + 1) ** 0.5)), definite=True)


def entries(share: float) -> Work:
    """500 unknowns, and so many of all entries at random places."""
    return _factorized(_random_matrix(500, share), definite=False)


def entries_to_multiply(share: float) -> Work:
    """500 unknowns, so many of all entries at random places, times 1000 samples."""
    matrix = _random_matrix(500, share).tocoo()
    data, x = matrix.data, np.random.default_rng(1).normal(size=(500, 1000))
    made = extract.Extract.of(np.arange(len(data)), matrix.row, matrix.col, 500)
    return lambda: replace(made, last=[]).product(data, x)


def jacobians(unknowns: int) -> Work:
    """100 different matrices with the pattern of a lattice of diodes of about so many unknowns, and a solve of each."""
    network = lattice(np.random.default_rng(0), round((unknowns + 2) ** 0.5))
    reduction = SourceReduction.of(network.circuit(network.samples(np.random.default_rng(1), 100)))
    rows, pointers, _ = reduction.pattern
    data = np.random.default_rng(2).uniform(0.1, 1.0, (len(rows), 100))
    data[rows == np.repeat(np.arange(reduction.size), np.diff(pointers))] += 6.0
    rhs = np.ones((reduction.size, 100))
    return lambda: many.one_by_one(reduction).factorize(data).solve(rhs)


def _factorized(matrix: sparse.csc_array, definite: bool) -> Work:
    rhs = np.random.default_rng(1).normal(size=(matrix.shape[0], 1))
    return _repeated(lambda: one.factorize(matrix, definite).solve(rhs))


def _repeated(work: Work) -> Work:
    """The work 20 times, where once is too short to be measured."""

    def repeated() -> None:
        for _ in range(20):
            work()

    return repeated


def _random_matrix(size: int, share: float) -> sparse.csc_array:
    found = sparse.random_array((size, size), density=share, rng=np.random.default_rng(0), format="csc")
    return sparse.csc_array(found + sparse.eye_array(size) * size)


def _resistors(side: int) -> sparse.csc_array:
    number = np.arange(side * side).reshape(side, side)
    pairs = ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs])
    return laplacian(side * side, edges, np.random.default_rng(0))


def factorizations(count: int) -> Work:
    """A lattice of 20x20 resistors at so many settings of its resistances, 8 samples each."""
    network = replace(lattice(np.random.default_rng(0), 20), diodes=np.zeros((0, 2), dtype=int))
    circuit = _at_settings(network, count, 8)
    return lambda: InternalSolver().solve(circuit).x


def samples_of_a_setting(count: int) -> Work:
    """A lattice of 10x10 diodes at 32 settings of its resistances, so many samples each."""
    circuit = _at_settings(lattice(np.random.default_rng(0), 10), 32, count)
    return lambda: InternalSolver().solve(circuit).x


def _at_settings(network: Network, count: int, each: int) -> Circuit:
    rng = np.random.default_rng(1)
    factors = np.repeat(rng.uniform(0.5, 2.0, (count, len(network.resistances))), each, axis=0)
    circuit = network.circuit(network.samples(rng, count * each))
    return circuit.with_values({(RESISTORS, "resistance"): factors * network.resistances})


THRESHOLDS = (
    Threshold(linear, "MOST_FACTORIZATIONS", "settings", factorizations),
    Threshold(internal, "LEAST_SHARED", "samples each", samples_of_a_setting),
    Threshold(lockstep, "INTERPOLATED_FROM", "unknowns", interpolated_starts),
    Threshold(cholmod, "LOOPED_FROM", "right-hand sides", right_hand_sides),
    Threshold(one, "DENSE_LIMIT", "unknowns", unsymmetric_unknowns),
    Threshold(many, "DENSE_BELOW", "unknowns", jacobians),
    Threshold(one, "CHOLMOD_FROM", "unknowns", definite_unknowns),
    Threshold(one, "DENSE_SHARE", "of the entries", entries),
    Threshold(extract, "DENSE_SHARE", "of the entries", entries_to_multiply),
)


def main() -> None:
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    set_threads(1)
    for threshold in THRESHOLDS:
        if chosen.only not in threshold.name:
            continue
        for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
            size = factor * threshold.value if threshold.value < 1 else round(factor * threshold.value)
            ratio = threshold.ratio(size, chosen.rounds)
            mark = "  <- the constant" if factor == 1.0 else ""
            print(f"{threshold.name:<20}{size:>9.6g} {threshold.what:<18}{ratio:>6.2f}{mark}", flush=True)


if __name__ == "__main__":
    main()
