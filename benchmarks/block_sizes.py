"""What sizes of blocks are worth: the measurement behind constants of ``netlearn/solve`` that are no thresholds.

    python benchmarks/block_sizes.py [--only NAME] [--rounds 7]

One line for each constant: processor time with half of it and with twice as much, beside that with the constant itself,
least of some alternating runs each. A ratio above one says that the constant is better. The last line is how
many products of a matrix take as long as the closed form at a node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from alternating_runs import Work, asked, least_times, title
from samples_per_second import lattice
from thresholds import ideal_diodes
from written_networks import transistor_lattice

from netlearn.circuit.circuit import GROUND
from netlearn.solve import contraction
from netlearn.solve.blocks import choice, sweeper
from netlearn.solve.blocks import solver as block_solver
from netlearn.solve.blocks.held import with_held_sources
from netlearn.solve.blocks.plan import BlockPlan
from netlearn.solve.bordered import system
from netlearn.solve.codegen import laws, vector_code
from netlearn.solve.compiled import load
from netlearn.solve.equations import linear_stamps
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep, run
from netlearn.solve.matrices import batched_lu
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel


@dataclass(frozen=True)
class Size:
    """A constant of a module, and what it is compared with others in."""

    module: ModuleType
    name: str
    what: str
    made: Callable[[], Work]
    multiple: int = 1
    """Lanes come in vectors of eight."""

    @property
    def title(self) -> str:
        return title(self.module, self.name)

    def ratios(self, rounds: int) -> tuple[float, float]:
        """Least time with half the constant, and with twice as much, beside that with itself."""
        own = getattr(self.module, self.name)
        half = own / 2 if isinstance(own, float) else -(-own // (2 * self.multiple)) * self.multiple
        values = own, half, own * 2
        itself, *others = least_times(self.module, self.name, values, self.made, rounds)
        return others[0] / itself, others[1] / itself

    def show(self, only: str, rounds: int) -> None:
        """Print both, if the constant's name holds the text ``only``."""
        if only in self.title:
            half, twice = self.ratios(rounds)
            own = getattr(self.module, self.name)
            print(f"{self.title:<34}{own:>9.6g}{half:>7.2f}{twice:>7.2f}  {self.what}", flush=True)


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
    rows, times = [], []
    for width in (12, 256):
        circuit = with_held_sources(ideal_diodes(width, width, width, 512))
        model = NonlinearModel.of(circuit)
        plan = BlockPlan.of(model)
        one = sweeper.Sweeper.of(model, plan, plan.diagonal(model), np.arange(512))
        y, least = np.zeros((model.reduction.size + 1, 512)), np.inf
        for _ in range(10 * rounds):
            begun = time.process_time()
            one.swept(y, "gauss-seidel")
            least = min(least, time.process_time() - begun)
        rows.append([sum(len(each.entries) for row in plan.couplings for each in row), model.reduction.size])
        times.append(least)
    product, node = np.linalg.solve(np.array(rows, dtype=float), np.array(times))
    return float(node / product)


SIZES = (
    Size(block_solver, "PART", "2000 samples of a layer of ideal diodes", lambda: sweeps(2000)),
    Size(sweeper, "FEWER", "2000 samples of a layer of ideal diodes", lambda: sweeps(2000)),
    Size(system, "PART", "2048 samples of a layer of ideal diodes", lambda: bordered(2048)),
    Size(system, "FEW", "2048 samples of a layer of ideal diodes, nudged", lambda: moved(2048)),
    Size(contraction, "ELEMENTS", "200000 elements, 64 samples", products),
    Size(linear_stamps, "SAMPLES", "129 sources, 8192 samples", drives),
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
    only, rounds = asked(__doc__)
    print(f"{'constant':<34}{'itself':>9}{'half':>7}{'twice':>7}")
    for size in SIZES:
        size.show(only, rounds)
    name = "blocks.choice.NODE"
    if only in name:
        print(f"{name:<34}{choice.NODE:>9}  measured: {products_of_a_node(rounds):.0f} products", flush=True)


if __name__ == "__main__":
    main()
