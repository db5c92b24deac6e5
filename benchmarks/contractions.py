"""What compiled loops are worth for sums of products over samples: the measurement behind ``WORTH_LOADING``.

    python benchmarks/contractions.py [--only NAME] [--rounds 30]

Its lines are as ``Threshold`` in ``alternating_runs`` says. Then what loading compiled loops takes, and how many sums
repay it in a process that has no other use for them. Other constants of ``contraction`` are in ``thresholds``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import nullcontext

import numpy as np
from alternating_runs import Threshold, Work, alternated, compare

from netlearn.solve import contraction
from netlearn.solve.compiled.load import kernels


def products(count: int) -> Work:
    """So many products of 100 samples at random pairs of nodes."""
    rng, size = np.random.default_rng(1), count // 100
    index = rng.integers(0, size, (size, 2))
    left, right = rng.normal(size=(2, 100, size))
    return lambda: contraction.drop_products(index, left, right)


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
    return alternated([nullcontext], [work], 50)[0]


def main() -> None:
    worth = Threshold(contraction, "WORTH_LOADING", "products", products)
    only, _ = compare([worth], __doc__, rounds=30)
    if only in "loading":
        for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
            count = round(factor * contraction.WORTH_LOADING)
            loading, sums = repaid(count)
            mark = "  <- the constant" if factor == 1.0 else ""
            print(f"loading takes {loading:.2f} s, repaid by {sums:>5.0f} sums of {count} products{mark}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        compare([], None, [])
        alone(int(sys.argv[2]))
    else:
        main()
