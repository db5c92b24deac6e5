"""Where one way of solving becomes faster than another: the measurement behind constants of ``netlearn/solve``.

    python benchmarks/thresholds.py [--only NAME] [--rounds 7]

One line for each size around a constant, as ``Threshold`` in ``alternating_runs`` says. OPENBLAS_NUM_THREADS=1
keeps LAPACK's threads, which wait for each other, out of the processor time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from alternating_runs import Threshold, Work, below, compare
from samples_per_second import Network, lattice, layered
from scipy import sparse
from sparse_solvers import laplacian, random_graph
from written_networks import Written, edges, transistor_lattice

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE, IDEAL_DIODE_MODEL
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR
from netlearn.solve import contraction, internal, linear, resistor_blocks, shared
from netlearn.solve.blocks import plan
from netlearn.solve.bordered import few
from netlearn.solve.bordered import layout as bordered_layout
from netlearn.solve.equations import assembly, extract, source_reduction
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import layout as lockstep_layout
from netlearn.solve.lockstep import lockstep
from netlearn.solve.matrices import batched_lu, cholmod, left_looking, many, one
from netlearn.solve.matrices.batched_lu import BatchedLu

RESISTORS, SOURCES = 0, 1
"""The numbers of groups in ``Network.circuit``."""


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
    return lambda: cholmod.CholmodFactorization(matrix, count).solve(rhs)


def multiplications_each(count: int) -> Work:
    """A random graph of resistors with about so many for each number in its factor, and 16 right-hand sides."""
    matrix = random_graph(round(8.2 * count), np.random.default_rng(0))
    return _solved_anew(matrix, 16)


def unknowns_of_a_lattice(count: int) -> Work:
    """A lattice of so many nodes, its factors made anew as in training, and 16 right-hand sides."""
    return _solved_anew(_resistors(round((count + 1) ** 0.5)), 16)


def _solved_anew(matrix: sparse.csc_array, count: int) -> Work:
    """So many right-hand sides, the factors made anew each time by an analysis that is kept."""
    analysis, every = cholmod.Analysis(matrix.indices, matrix.indptr), np.arange(matrix.shape[0])
    right = np.random.default_rng(1).normal(size=(count, matrix.shape[0]))
    return lambda: analysis.triangle(matrix.data, object()).solve_at(every, right, every)


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


def unknowns_of_a_setting(count: int) -> Work:
    """A lattice of 10x10 diodes at 32 settings of its resistances, about so many unknowns in all samples of each."""
    network = lattice(np.random.default_rng(0), 10)
    circuit = _at_settings(network, 32, max(round(count / _size(network)), 2))
    return lambda: InternalSolver().solve(circuit).x


def unknowns_at_a_temperature(count: int) -> Work:
    """A lattice of 4x4 bipolar transistors at 32 temperatures, with about so many unknowns in all samples at each."""
    network, rng = transistor_lattice(np.random.default_rng(0), "BJT", 4), _rng()
    each = max(round(count / _size(network)), 2)
    circuit = network.circuit(network.samples(rng, 32 * each))
    kelvin = np.repeat(rng.uniform(250.0, 400.0, 32), each)[:, None]
    circuit = replace(circuit, environment=replace(circuit.environment, temperature=kelvin))
    return lambda: InternalSolver().solve(circuit).x


def _size(network: Network | Written) -> int:
    return network.circuit(network.samples(_rng(), 1)).size


def _at_settings(network: Network, count: int, each: int) -> Circuit:
    rng = np.random.default_rng(1)
    factors = np.repeat(rng.uniform(0.5, 2.0, (count, len(network.resistances))), each, axis=0)
    circuit = network.circuit(network.samples(rng, count * each))
    return circuit.with_values({(RESISTORS, "resistance"): factors * network.resistances})


def ideal_diodes(
    inputs: int, hidden: int, outputs: int, samples: int, share: float = 1.0, *, first_share: float = 1.0
) -> Circuit:
    """A layered network with ideal diodes.

    ``share`` is that of the resistors to outputs that are there, ``first_share`` that of those from inputs.
    """
    rng = np.random.default_rng(0)
    network = layered(rng, "layers", inputs, hidden, outputs)
    shares = np.where(network.resistors[:, 1] < inputs + hidden, first_share, share)
    there = (shares == 1.0) | (rng.uniform(size=len(network.resistors)) < shares)
    network = replace(network, resistors=network.resistors[there], resistances=network.resistances[there])
    circuit = network.circuit(network.samples(rng, samples))
    values = IDEAL_DIODE_MODEL.complete({"ron": 1.0, "roff": 1e6, "vfwd": 0.3}, {})
    columns = {name: np.full(hidden, float(value)) for name, value in values.items()}
    diodes = Group(IDEAL_DIODE, circuit.groups[-1].names, network.diodes, columns)
    return Circuit(network.nodes, network.inputs, (*circuit.groups[:-1], diodes))


def _by_newton(circuit: Circuit) -> Work:
    return lambda: InternalSolver(method="newton").solve(circuit).x


def samples_of_ideal_diodes(count: int) -> Work:
    """A layer of 100 ideal diodes between 129 inputs and 10 outputs."""
    return _repeated(_by_newton(ideal_diodes(129, 100, 10, count)))


def pairs_with_border(share: float) -> Work:
    """A layer of 100 ideal diodes between 129 inputs and 16 outputs, with some resistors to these, 500 samples."""
    return _by_newton(ideal_diodes(129, 100, 16, 500, share))


def entries_at_sources(count: int) -> Work:
    """All unknowns of 1000 samples of a layer of diodes, to which about so many resistors lead from all sources."""
    rng, width = _rng(), round(count**0.5)
    network = layered(rng, "", width, width, 1)
    circuit = network.circuit(network.samples(rng, 1000))
    return lambda: InternalSolver().solve(circuit).x


def entries_between_blocks(share: float) -> Work:
    """Blocks of 200 unknowns with so many of all entries at random places, times 512 samples in 10 sweeps."""
    pattern, rng = sparse.random_array((200, 200), density=share, rng=np.random.default_rng(0)).tocoo(), _rng()
    every, block = np.arange(pattern.nnz), slice(0, 200)
    coupling = plan.Coupling.of(block, block, pattern.row, pattern.col, every)
    x = rng.normal(size=(200, 512))

    def work() -> None:
        matrix = coupling.matrix(pattern.data)
        for _ in range(10):
            matrix @ x

    return work


def elements_to_keep(count: int) -> Work:
    """So many resistors of a lattice, the same ones again."""
    network = lattice(np.random.default_rng(0), round((count / 2) ** 0.5))
    topology = assembly.MatrixTopology.of(network.circuit(network.samples(_rng(), 1)))
    slopes = np.array([[1.0, -1.0], [-1.0, 1.0]])
    return _repeated(lambda: topology.add_scaled_again(RESISTORS, 1.0 / network.resistances, slopes))


def nodes_with_sources(share: float) -> Work:
    """A lattice of 60x60 resistors with current sources at so many of its nodes, 64 samples."""
    rng = _rng()
    network = replace(lattice(rng, 60), diodes=np.zeros((0, 2), dtype=int))
    nodes = rng.permutation(network.size)[: round(share * network.size)]
    ends = np.stack([nodes, np.full_like(nodes, GROUND)], axis=1)
    driven = Group(CURRENT_SOURCE, [f"i{k}" for k in nodes.tolist()], ends, {"dc": rng.normal(size=(64, len(nodes)))})
    grounded = np.array([[0, GROUND]])
    load = Group(RESISTOR, ["rl"], grounded, {"resistance": np.array([1e3])})
    resistors = Group(RESISTOR, [f"r{k}" for k in range(len(network.resistors))], network.resistors,
                      {"resistance": network.resistances})  # fmt: skip
    circuit = Circuit(network.nodes, [], (resistors, load, driven))

    def work() -> object:
        fresh = rng.normal(size=(64, len(nodes)))
        return InternalSolver().solve(circuit.with_values({(2, "dc"): fresh})).x

    return work


def amplified(pairs: Array, diodes: int, samples: int) -> Circuit:
    """Resistors between pairs of nodes, an amplifier that makes the matrix unsymmetric, and diodes at some nodes."""
    rng, count = _rng(), int(pairs.max()) + 1
    lines = ["amplified network", "v0 in0 0 0", "rs in0 n0 100", f"g0 n0 0 n{count - 1} 0 1m"]
    ohms = rng.uniform(100, 1000, len(pairs)).tolist()
    lines += [f"r{k} n{a} n{b} {r!r}" for k, ((a, b), r) in enumerate(zip(pairs.tolist(), ohms, strict=True))]
    lines += [f"d{k} n{k} 0 dd" for k in rng.permutation(count)[:diodes].tolist()]
    network = Written("amplified network", "\n".join([*lines, ".model dd d(is=1e-14)", ".end\n"]), ["v0"], 0.0, 2.0, 0)
    return network.circuit(network.samples(rng, samples))


def _condensed(side: int, diodes: int, samples: int) -> Work:
    """Jacobians that differ where there are diodes, and a solve of each."""
    circuit = amplified(edges(side), diodes, samples)
    reduction = SourceReduction.of(circuit)
    rows, columns = reduction.pattern.rows, reduction.columns
    data = np.repeat(_rng().uniform(0.1, 1.0, (len(rows), 1)), samples, axis=1)
    nonlinear = np.isin(rows, many.nonlinear_unknowns(circuit, reduction))
    data[rows == columns] += 6.0
    data[(rows == columns) & nonlinear] += _rng().uniform(0.0, 1.0, (np.sum((rows == columns) & nonlinear), samples))
    rhs = np.ones((reduction.size, samples))
    return lambda: many.pattern_for(circuit, reduction).factorize(data).solve(rhs)


def nonlinear_share(share: float) -> Work:
    """14x14 unknowns with diodes at this part of them, 100 samples."""
    return _condensed(14, round(share * 14 * 14), 100)


def nonlinear_unknowns(count: int) -> Work:
    """So many diodes at a third of the nodes of a lattice, 8 samples."""
    return _condensed(round((3 * count) ** 0.5), count, 8)


def remainder(count: int) -> Work:
    """So many diodes at a fifth of the nodes of a random graph, which fills up when it is eliminated; 8 samples."""
    return _by_newton(amplified(_random_graph(5 * count), count, 8))


def _random_graph(nodes: int) -> Array:
    """Pairs of nodes: a path, and twice as many chords as there are nodes."""
    path = np.stack([np.arange(nodes - 1), np.arange(1, nodes)], axis=1)
    chords = np.stack([np.tile(np.arange(nodes), 2), _rng().integers(0, nodes, 2 * nodes)], axis=1)
    return np.concatenate([path, np.unique(np.sort(chords[chords[:, 0] != chords[:, 1]], axis=1), axis=0)])


def multiplications(count: float) -> Work:
    """16 different matrices with the pattern of a random graph whose elimination takes so many, and a solve of each."""

    def plan_of(nodes: int) -> tuple[SourceReduction, float]:
        pairs, none = _random_graph(nodes), np.zeros((0, 2), dtype=int)
        network = Network("random", nodes, pairs, np.ones(len(pairs)), none, np.array([0]), 0)
        reduction = SourceReduction.of(network.circuit(network.samples(_rng(), 2)))
        rows, pointers, _ = reduction.pattern
        return reduction, BatchedLu(rows, pointers, symmetric=True).work

    # About the third power of the number of nodes.
    reduction, _ = plan_of(round(500 * (count / plan_of(500)[1]) ** (1 / 3)))
    rows = reduction.pattern.rows
    data = _rng().uniform(0.1, 1.0, (len(rows), 16))
    data[rows == reduction.columns] += 12.0
    rhs = np.ones((reduction.size, 16))
    return lambda: many.on_diagonal(reduction).factorize(data).solve(rhs)


def listed_multiplications(count: int) -> Work:
    """Operating points of a lattice of diodes whose elimination takes about so many, 500 samples."""

    def work_of(side: int) -> float:
        network = lattice(np.random.default_rng(0), side)
        reduction = SourceReduction.of(network.circuit(network.samples(_rng(), 2)))
        rows, pointers, _ = reduction.pattern
        return BatchedLu(rows, pointers, symmetric=True).work

    side = min(range(6, 60), key=lambda side: abs(work_of(side) - count))
    network = lattice(np.random.default_rng(0), side)
    return _by_newton(network.circuit(network.samples(_rng(), 500)))


def checked_samples(count: int) -> Work:
    """A lattice of 6x6 bipolar transistors, so many samples that are new ones each time."""
    network, rng = transistor_lattice(np.random.default_rng(0), "BJT", 6), _rng()
    return lambda: InternalSolver().solve(network.circuit(network.samples(rng, count))).x


def integers(count: int) -> Work:
    """So many numbers of entries of a matrix of a quarter as many rows, some of them several times."""
    size = max(1, count // 4)
    keys = _rng().integers(0, size, count)
    keys = keys * size + np.minimum(size - 1, keys + _rng().integers(0, 5, count))
    return _repeated(lambda: assembly.sorted_unique(keys))


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


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


THRESHOLDS = (
    Threshold(linear, "MOST_FACTORIZATIONS", "settings", factorizations),
    Threshold(internal, "LEAST_SHARED", "unknowns of diodes", unknowns_of_a_setting),
    Threshold(internal, "LEAST_SHARED", "unknowns of transistors", unknowns_at_a_temperature),
    Threshold(lockstep, "INTERPOLATED_FROM", "unknowns", interpolated_starts),
    Threshold(left_looking, "LIGHT", "each", multiplications_each),
    Threshold(left_looking, "MOST_UNKNOWNS", "unknowns", unknowns_of_a_lattice),
    Threshold(cholmod, "LOOPED_FROM", "right-hand sides", right_hand_sides),
    Threshold(one, "DENSE_LIMIT", "unknowns", unsymmetric_unknowns),
    Threshold(many, "DENSE_BELOW", "unknowns", jacobians),
    Threshold(one, "CHOLMOD_FROM", "unknowns", definite_unknowns),
    Threshold(one, "DENSE_SHARE", "of the entries", entries),
    Threshold(extract, "DENSE_SHARE", "of the entries", entries_to_multiply),
    Threshold(source_reduction, "MOST_LOOPED", "entries", entries_at_sources, below),
    Threshold(plan, "DENSE", "of the entries", entries_between_blocks),
    Threshold(few, "MOST", "samples", samples_of_ideal_diodes),
    Threshold(bordered_layout, "DENSE", "of the pairs", pairs_with_border),
    Threshold(assembly, "WORTH_LOOPING", "integers", integers),
    Threshold(assembly, "WORTH_KEEPING", "resistors", elements_to_keep),
    Threshold(shared, "SPARSE_SHARE", "of the nodes", nodes_with_sources),
    Threshold(many, "CONDENSED_SHARE", "of the unknowns", nonlinear_share),
    Threshold(many, "CONDENSED_MOST", "unknowns", nonlinear_unknowns),
    Threshold(lockstep_layout, "LARGEST_DENSE", "unknowns", remainder),
    Threshold(many, "MOST_WORK", "multiplications", multiplications),
    Threshold(batched_lu, "MOST_LISTED", "multiplications", listed_multiplications),
    Threshold(lockstep, "CHECKED_FROM", "samples", checked_samples),
    Threshold(resistor_blocks, "DENSE", "of the pairs", pairs_of_nodes),
    Threshold(resistor_blocks, "FEWEST", "resistors", resistors_of_a_block),
    Threshold(resistor_blocks, "FEW", "samples", samples_of_a_pass),
    Threshold(contraction, "COMPILED", "resistors", resistors_of_few_samples),
)


if __name__ == "__main__":
    compare(THRESHOLDS, __doc__)
