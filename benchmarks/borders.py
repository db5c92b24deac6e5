"""How many unknowns the border of a layer of ideal diodes may have: the measurement behind constants of ``bordered``.

    python benchmarks/borders.py [--only INNER] [--rounds 5]

Processor time of a training step, the operating points at new resistances and adjoint states, by sparse elimination,
beside that by products of matrices over the layer; least of some alternating runs each. Above one the latter is faster.
"""

from __future__ import annotations

import numpy as np
from alternating_runs import NEVER, Work, compare, least_times
from thresholds import RESISTORS, ideal_diodes

from netlearn.solve.bordered import layout
from netlearn.solve.internal import InternalSolver

SIZES = {
    10: (4, 8, 16, 24),
    40: (12, 24, 30, 48),
    100: (12, 24, 48, 75, 96),
    300: (24, 48, 96, 128),
    1000: (24, 120),
}
"""Unknowns of borders for layers of so many diodes."""
SAMPLES = 4, 64


def step(hidden: int, outputs: int, samples: int) -> Work:
    """A training step of a layer of ideal diodes between 64 inputs and some outputs."""
    circuit = ideal_diodes(64, hidden, outputs, samples)
    resistances, solver = np.asarray(circuit.groups[RESISTORS].values["resistance"]), InternalSolver(method="newton")
    rng = np.random.default_rng(1)

    def work() -> object:
        changed = circuit.with_values({(RESISTORS, "resistance"): resistances * rng.uniform(0.9, 1.1)})
        point = solver.solve(changed)
        assert point.linearization is not None
        return point.linearization.reduced(np.full(point.states.moving.shape, 1e-3), transpose=True)

    return work


def _ratio(inner: int, border: int, samples: int, rounds: int) -> float:
    sparse, own = least_times(layout, "MOST_BORDER", (0, NEVER), lambda: step(inner, border, samples), rounds)
    return sparse / own


def main() -> None:
    only, rounds = compare([], __doc__, rounds=5)
    print(f"{'diodes':>7}{'border':>7}" + "".join(f"{f'{samples} samples':>12}" for samples in SAMPLES))
    for inner, borders in SIZES.items():
        if only not in str(inner):
            continue
        for border in borders:
            ratios = [_ratio(inner, border, samples, rounds) for samples in SAMPLES]
            print(f"{inner:>7}{border:>7}" + "".join(f"{ratio:>12.2f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    layout.SMALL_BORDER, layout.BORDER_SHARE = 10**6, 1.0
    main()
