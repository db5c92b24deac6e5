"""How sums of products over samples are taken fastest: the measurement behind constants of ``resistor_blocks``.

    python benchmarks/contractions.py [--only NAME] [--rounds 30]

Lines as those of ``thresholds``: processor time with the way that a constant chooses from there on, beside that with
the other one, at the states of a training step, which are those of layers of ideal diodes. Then what loading compiled
loops takes, and how many sums repay it in a process that has no other use for them.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
from alternating_runs import Work, asked
from thresholds import RESISTORS, Threshold, ideal_diodes

from netlearn.solve import contraction, resistor_blocks
from netlearn.solve.compiled.load import kernels
from netlearn.solve.internal import InternalSolver


def between_layers(inputs: int, hidden: int, samples: int, share: float = 1.0) -> Work:
    """The derivative of all resistances between two layers, of which ``share`` are there, and 10 outputs."""
    circuit = ideal_diodes(inputs, hidden, 10, samples, first_share=share)
    solver = InternalSolver(method="newton")
    left, right = solver.solve(circuit).states, solver.solve(circuit).states
    return lambda: contraction.contract(circuit, (RESISTORS, "resistance"), left, right)


def pairs_of_nodes(share: float) -> Work:
    """Layers of 100 nodes with resistors between so many of all pairs, 64 samples."""
    return between_layers(100, 100, 64, share)


def resistors_of_a_block(count: int) -> Work:
    """Layers with so many resistors between all their nodes, 16 samples."""
    return between_layers(round(count**0.5), round(count / round(count**0.5)), 16)


def samples_of_a_pass(count: int) -> Work:
    """Layers of 150 nodes with resistors between all pairs, so many samples."""
    return between_layers(150, 150, count)


def resistors_of_few_samples(count: int) -> Work:
    """Layers with so many resistors between all their nodes, 4 samples."""
    return between_layers(round(count**0.5), round(count / round(count**0.5)), 4)


def products(count: int) -> Work:
    """So many products of 100 samples at random pairs of nodes."""
    rng, size = np.random.default_rng(1), count // 100
    index = rng.integers(0, size, (size, 2))
    left, right = rng.normal(size=(2, 100, size))
    return lambda: contraction.drop_products(index, left, right)


THRESHOLDS = (
    Threshold(resistor_blocks, "DENSE", "of the pairs", pairs_of_nodes),
    Threshold(resistor_blocks, "FEWEST", "resistors", resistors_of_a_block),
    Threshold(resistor_blocks, "FEW", "samples", samples_of_a_pass),
    Threshold(contraction, "COMPILED", "resistors", resistors_of_few_samples),
    Threshold(contraction, "WORTH_LOADING", "products", products),
)


def repaid(products: int) -> tuple[float, float]:
    """Seconds that loading takes a process, and after how many sums of so many products it is repaid."""
    run = subprocess.run(
        [sys.executable, __file__, "--alone", str(products)], capture_output=True, text=True, check=True
    )
    loading, count = map(float, run.stdout.split())
    return loading, count


def alone(count: int) -> None:
    """Print both for a process that has loaded nothing, as arrays take longer in one than once loops are loaded."""
    work = products(count)
    contraction.WORTH_LOADING = 10**15
    by_arrays = _least(work)
    begun = time.process_time()
    kernels()
    contraction.WORTH_LOADING = 0
    work()
    loading = time.process_time() - begun
    print(loading, loading / (by_arrays - _least(work)))


def _least(work: Work) -> float:
    least = np.inf
    for _ in range(50):
        begun = time.process_time()
        work()
        least = min(least, time.process_time() - begun)
    return least


def main() -> None:
    only, rounds = asked(__doc__, rounds=30)
    for threshold in THRESHOLDS:
        threshold.show(only, rounds)
    if only in "loading":
        for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
            count = round(factor * contraction.WORTH_LOADING)
            loading, sums = repaid(count)
            mark = "  <- the constant" if factor == 1.0 else ""
            print(f"loading takes {loading:.2f} s, repaid by {sums:>5.0f} sums of {count} products{mark}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        asked(None, [])
        alone(int(sys.argv[2]))
    else:
        main()
