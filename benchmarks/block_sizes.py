"""What sizes of blocks are worth: the measurement behind constants of ``netlearn/solve`` that are no thresholds.

    python benchmarks/block_sizes.py [--only NAME] [--rounds 7]

One line for each constant, as ``Size`` in ``alternating_runs`` says. The last is how many products of a matrix take as
long as the closed form at a node.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np
from alternating_runs import Size, Work, alternated, compare, show
from samples_per_second import lattice
from thresholds import ideal_diodes
from written_networks import transistor_lattice

from netlearn.circuit.circuit import GROUND
from netlearn.solve import contraction
from netlearn.solve.blocks import choice, sweeper
from netlearn.solve.blocks import solver as block_solver
from netlearn.solve.blocks.held import with_held_sources
from netlearn.solve.blocks.plan import BlockPlan
from netlearn.solve.bordered import part, system
from netlearn.solve.codegen import laws, vector_code
from netlearn.solve.compiled import load
from netlearn.solve.equations import linear_part
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep, run
from netlearn.solve.matrices import batched_lu
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel


def diodes(side: int, samples: int) -> Work:
    """A lattice of diodes, samples that are new ones each time."""
    network, rng = lattice(np.random.default_rng(0), side), np.random.default_rng(1)
    circuit = network.circuit(network.samples(rng, samples))
    return lambda: InternalSolver().solve(circuit.with_values({(1, "dc"): network.samples(rng, samples)})).x


def transistors(kind: str, side: int, samples: int) -> Work:
    """A lattice of transistors."""
    network, rng = transistor_lattice(np.random.default_rng(0), kind, side), np.random.default_rng(1)
    circuit = network.circuit(network.samples(rng, samples))
    return lambda: InternalSolver().solve(circuit).x


def newly_compiled(made: Callable[[], Work]) -> Callable[[], Work]:
    """Work whose laws are compiled with what constants are now, as a process keeps those that it has."""

    def fresh() -> Work:
        laws._laws.clear()
        return made()

    return fresh


def sweeps(samples: int) -> Work:
    """Sweeps over a layer of 128 ideal diodes between 64 inputs and 64 outputs."""
    circuit = ideal_diodes(64, 128, 64, samples)
    return lambda: InternalSolver(method="gauss-seidel").solve(circuit).x


def bordered(samples: int) -> Work:
    """A layer of 100 ideal diodes between 129 inputs and 10 outputs."""
    circuit = ideal_diodes(129, 100, 10, samples)
    return lambda: InternalSolver(method="newton").solve(circuit).x


def moved(samples: int) -> Work:
    """The same as a nudge of its outputs leaves it, whose first diodes it moves."""
    circuit = ideal_diodes(129, 100, 10, samples)
    newton = InternalSolver(method="newton")
    point = newton.solve(circuit, start=newton.solve(circuit))
    known, states = point.linearization, point.states
    assert isinstance(known, NonlinearLinearization)
    assert isinstance(known.together, system.BorderedSystem)
    together, outputs = known.together, np.arange(229, 239)
    push = outputs, np.full_like(outputs, GROUND)
    current = np.random.default_rng(2).normal(0.0, 1e-5, (samples, 10))

    def work() -> object:
        found = together.pushed(states, push, 1e-5, current)
        assert found is not None
        return found

    return work


def products() -> Work:
    """Products of two states of 200 000 elements, 64 samples."""
    rng = np.random.default_rng(1)
    index, (left, right) = rng.integers(0, 5000, (200_000, 2)), rng.normal(size=(2, 64, 5000))
    return lambda: contraction.drop_products(index, left, right)


def drives() -> Work:
    """What 129 sources that samples set add to the equations of 100 nodes, 8192 samples."""
    circuit, rng = ideal_diodes(129, 100, 10, 8192), np.random.default_rng(1)

    def work() -> object:
        drive = rng.uniform(0, 2, (8192, 129))
        part = NonlinearModel.of(circuit.with_values({(1, "dc"): drive})).linear_part
        assert part is not None
        return part.drive

    return work


def products_of_a_node(rounds: int) -> float:
    """How many products of a matrix take as long as the closed form at a node, from layers of 12 and of 256 nodes."""
    rows, works = [], []
    for width in (12, 256):
        circuit = with_held_sources(ideal_diodes(width, width, width, 512))
        model = NonlinearModel.of(circuit)
        plan = BlockPlan.of(model)
        one = sweeper.Sweeper.of(model, plan, plan.diagonal(model), np.arange(512))
        works.append(partial(one.swept, np.zeros((model.reduction.size + 1, 512)), "gauss-seidel"))
        rows.append([sum(len(each.entries) for row in plan.couplings for each in row), model.reduction.size])
    times = alternated([nullcontext, nullcontext], works, 10 * rounds)
    product, node = np.linalg.solve(np.array(rows, dtype=float), np.array(times))
    return float(node / product)


SIZES = (
    Size(block_solver, "PART", "2000 samples of a layer of ideal diodes", lambda: sweeps(2000)),
    Size(sweeper, "FEWER", "2000 samples of a layer of ideal diodes", lambda: sweeps(2000)),
    Size(system, "PART", "2048 samples of a layer of ideal diodes", lambda: bordered(2048)),
    Size(part, "FEW", "2048 samples of a layer of ideal diodes, nudged", lambda: moved(2048)),
    Size(contraction, "ELEMENTS", "200000 elements, 64 samples", products),
    Size(linear_part, "SAMPLES", "129 sources, 8192 samples", drives),
    Size(load, "MOST_LANES", "lattice of 32x32 diodes, 500 samples", lambda: diodes(32, 500), 8),
    Size(load, "KEPT_NUMBERS", "lattice of 72x72 diodes, 128 samples", lambda: diodes(72, 128)),
    Size(batched_lu, "LISTED_LANES", "lattice of 10x10 diodes, 2000 samples", lambda: diodes(10, 2000), 8),
    Size(lockstep, "FIRST", "lattice of 18x18 diodes, 500 samples", lambda: diodes(18, 500)),
    Size(run, "LEAST_LANES", "lattice of 5x5 diodes, 200 samples", lambda: diodes(5, 200), 8),
    Size(run, "SAMPLES_OF_A_LANE", "lattice of 5x5 diodes, 512 samples", lambda: diodes(5, 512)),
    Size(run, "ALONE", "lattice of 6x6 bipolar transistors, 200 samples", lambda: transistors("BJT", 6, 200), 8),
    Size(laws, "NEAR", "lattice of 18x18 diodes, 500 samples", newly_compiled(lambda: diodes(18, 500))),
    Size(
        vector_code,
        "SKIPPED_FROM",
        "lattice of 6x6 MOSFETs, 500 samples",
        newly_compiled(lambda: transistors("MOSFET", 6, 500)),
    ),
)


def main() -> None:
    only, rounds = compare(SIZES, __doc__)
    if only in (name := "blocks.choice.NODE"):
        show(name, [f"{choice.NODE:>9}  measured: {products_of_a_node(rounds):.0f} products"])


if __name__ == "__main__":
    main()
