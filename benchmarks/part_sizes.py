"""Into how large parts work is cut, and when iterations go over to others: measurements behind ``netlearn/solve``.

    python benchmarks/part_sizes.py [--only NAME] [--rounds 7]

One line for each constant, as ``Size`` in ``alternating_runs`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
from alternating_runs import Size, Work, compare
from block_sizes import diodes
from recompiled import crossbar, solved
from samples_per_second import Network, lattice, layered
from thresholds import RESISTORS, ideal_diodes, right_hand_sides

from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.solve import contraction, resistor_blocks
from netlearn.solve.blocks import nodes, partition, solver
from netlearn.solve.bordered import system as bordered
from netlearn.solve.compiled.load import compiled_by
from netlearn.solve.equations import prepared
from netlearn.solve.internal import InternalSolver, Method
from netlearn.solve.lockstep import lockstep, run
from netlearn.solve.matrices import triangle
from netlearn.solve.newton import system


class Never:
    """No compiled loops."""

    going_on = False

    def ready(self) -> bool:
        return False


def by_arrays(made: Callable[[], Work]) -> Work:
    """Work that array operations do."""
    with compiled_by(Never()):
        work = made()

    def done() -> object:
        with compiled_by(Never()):
            return work()

    return done


def junctions(samples: int, method: Method) -> Work:
    """A layer of 64 junctions between 32 inputs and 16 outputs."""
    network = layered(np.random.default_rng(0), "layers", 32, 64, 16)
    circuit = network.circuit(network.samples(np.random.default_rng(1), samples))
    return lambda: InternalSolver(method=method).solve(circuit).x


def deep(layers: int, width: int, samples: int) -> Work:
    """So many layers of resistors, all nodes of each with those of the next and ground, by sweeps."""
    rng, number = np.random.default_rng(0), np.arange(layers * width).reshape(layers, width)
    ends = [np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2) for a, b in pairwise(number)]
    leaks = np.stack([number.ravel(), np.full(number.size, GROUND)], axis=1)
    pairs, none = np.concatenate([*ends, leaks]), np.zeros((0, 2), dtype=int)
    network = Network("deep", number.size, pairs, rng.uniform(1e3, 1e4, len(pairs)), none, number[0], 0)
    circuit = network.circuit(network.samples(rng, samples))
    return lambda: InternalSolver(method="gauss-seidel").solve(circuit).x


def wide(nodes: int, samples: int) -> Work:
    """The sums of products of all resistors between two layers."""
    rng = np.random.default_rng(0)
    circuit = ideal_diodes(nodes, nodes, 1, 2)
    left, right = (rng.normal(size=(samples, circuit.size)) for _ in range(2))
    return lambda: contraction.contract(circuit, (RESISTORS, "resistance"), left, right)


def saturations(samples: int) -> Work:
    """The derivatives of 1000 junctions' saturation currents."""
    network, rng = lattice(np.random.default_rng(0), 24), np.random.default_rng(1)
    circuit = network.circuit(network.samples(rng, samples))
    left, right = (rng.normal(0.0, 0.1, (samples, circuit.size)) for _ in range(2))
    return lambda: contraction.contract(circuit, (2, "is"), left, right)


def again(resistors: int) -> Work:
    """A layer of ideal diodes with so many values, solved again with the same ones for 4 other samples."""
    circuit, rng = ideal_diodes(round(resistors / 100) - 10, 100, 10, 4), np.random.default_rng(1)

    def work() -> object:
        drive = {(1, "dc"): rng.uniform(0, 2, np.shape(circuit.groups[1].values["dc"]))}
        return InternalSolver(method="newton").solve(circuit.with_values(drive)).states

    return work


def lattice_of_sources(count: int, samples: int) -> Work:
    """A lattice of 18x18 diodes with so many sources that samples set, which are new ones each time."""
    network, rng = lattice(np.random.default_rng(0), 18), np.random.default_rng(1)
    network = replace(network, sources=np.linspace(0, 18 * 18 - 1, count).astype(int))
    circuit: Circuit = network.circuit(network.samples(rng, samples))
    return lambda: InternalSolver().solve(circuit.with_values({(1, "dc"): network.samples(rng, samples)})).x


def of_selectors(rows: int, columns: int, samples: int) -> Work:
    """A crossbar with wires and a diode in series with each cell, one source for each row."""
    return solved(crossbar(rows, columns, samples, selector="diode"))


def newton_steps(samples: int) -> Work:
    """A layer of 300 ideal diodes between 64 inputs and 24 outputs."""
    circuit = ideal_diodes(64, 300, 24, samples)
    return lambda: InternalSolver(method="newton").solve(circuit).states


SIZES = (
    Size(triangle, "MOST_IN_STEP", "512 right-hand sides of 60x60 resistors", lambda: right_hand_sides(512), 8),
    Size(triangle, "TURNED", "512 right-hand sides of 60x60 resistors", lambda: right_hand_sides(512)),
    Size(run, "CHAINED_ROUNDS", "lattice of 5x5 diodes, 4000 samples", lambda: diodes(5, 4000)),
    Size(system, "CACHED_NUMBERS", "18x18 diodes by arrays, 1000 samples", lambda: by_arrays(lambda: diodes(18, 1000))),
    Size(system, "SMALL_CHUNK", "40x40 diodes by arrays, 200 samples", lambda: by_arrays(lambda: diodes(40, 200))),
    Size(system, "LARGEST_CHUNK", "4x4 diodes by arrays, 10000 samples", lambda: by_arrays(lambda: diodes(4, 10_000))),
    Size(resistor_blocks, "ROWS", "2000x2000 nodes, 64 samples", lambda: wide(2000, 64)),
    Size(contraction, "HELD", "1104 junctions, 8192 samples", lambda: saturations(8192)),
    Size(partition, "MOST_LAYERS", "24 layers of 20 nodes, 200 samples", lambda: deep(24, 20, 200)),
    Size(partition, "MOST_LAYERS", "24 layers of 4 nodes, 200 samples", lambda: deep(24, 4, 200)),
    Size(solver, "NEAR", "500 samples of a layer of junctions", lambda: junctions(500, "hybrid")),
    Size(solver, "NEAR_SWEEPS", "500 samples of a layer of junctions", lambda: junctions(500, "hybrid")),
    Size(nodes, "HALVED_FROM", "500 samples of a layer of junctions", lambda: junctions(500, "gauss-seidel")),
    Size(bordered, "STEPS", "1000 samples of a layer of 300 ideal diodes", lambda: newton_steps(1000)),
    Size(prepared, "MOST_NUMBERS", "150000 resistors, 4 samples", lambda: again(150_000)),
    Size(
        lockstep,
        "MOST_SOURCES",
        "lattice of 18x18 diodes, 12 sources, 1000 samples",
        lambda: lattice_of_sources(12, 1000),
    ),
    Size(lockstep, "MOST_SOURCES", "crossbar of 32x16 selectors, 300 samples", lambda: of_selectors(32, 16, 300)),
)


if __name__ == "__main__":
    compare(SIZES, __doc__)
