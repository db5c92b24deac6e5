"""What it costs to have ngspice solve a sample: loading the deck anew against altering it.

    python benchmarks/ngspice_alter.py [--samples 200]

For lattices of several sizes, in one run and through the same worker process: milliseconds a sample
where the deck is loaded for each, where only the source is altered, where every resistor is altered
(a step of training with --forward ngspice), and one run of ``ngspice -b`` over all samples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit, Group, one_sample
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.ngspice.batch import run_batch
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.compiled.load import compile_here


def lattice(side: int, samples: int, rng: np.random.Generator) -> Circuit:
    """side x side nodes with a resistor between neighbours, a corner driven, the opposite one at ground."""
    number = np.arange(side * side).reshape(side, side)
    index = np.concatenate(
        [
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1),
            np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1),
            [[side * side - 1, GROUND]],
        ]
    )
    groups = (
        Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": rng.uniform(1e3, 1e4, len(index))}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, side * side]]), {"dc": rng.normal(size=(samples, 1))}),
    )
    return Circuit([f"n{k}" for k in range(side * side)], ["v1"], groups)


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Time of ``work`` divided by ``count``."""
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began) / count


def measure(circuit: Circuit, rng: np.random.Generator) -> tuple[float, ...]:
    """Milliseconds a sample: reload, alter the source, alter every resistor, batch mode."""
    samples = circuit.samples or 1
    few = range(max(3, samples // 20))
    with NgspiceSolver(processes=1) as solver:
        solver.solve(circuit)

        def reload() -> None:
            for k in few:
                solver.workers[0].deck = None
                solver.solve(one_sample(circuit, k))

        def alter_resistors() -> None:
            for k in few:
                values = circuit.groups[0].values["resistance"] * rng.uniform(0.9, 1.1)
                solver.solve(one_sample(circuit, k).with_values({(0, "resistance"): values}))

        return (
            milliseconds(reload, len(few)),
            milliseconds(lambda: solver.solve(circuit), samples),
            milliseconds(alter_resistors, len(few)),
            milliseconds(lambda: run_batch(circuit, solver.tolerances, solver.timeout, 0), samples),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200, help="for the smallest lattice; fewer for larger ones")
    most = parser.parse_args().samples
    # What is timed are the loops, not what serves until they are compiled.
    compile_here()
    rng = np.random.default_rng(0)
    print(f"{'nodes':>6} {'reload':>10} {'alter V':>10} {'alter R':>10} {'batch':>10}   ms a sample")
    for side, share in ((3, 1), (10, 1), (32, 10), (60, 40)):
        times = measure(lattice(side, max(3, most // share), rng), rng)
        print(f"{side * side:6d} " + " ".join(f"{value:10.3f}" for value in times), flush=True)


if __name__ == "__main__":
    main()
