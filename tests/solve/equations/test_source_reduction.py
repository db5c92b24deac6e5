"""Sources are eliminated and recovered: what comes out solves the full equations, which numpy solves as they are."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.graph import floating_nodes
from netlearn.solve.equations.assembly import MatrixTopology
from netlearn.solve.equations.diagnosis import floating
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from tests.helpers import circuit_of as numbered

NETWORKS = {
    "one source at ground": "V1 a 0 1\nR1 a b 1k\nR2 b 0 2k\n",
    "a floating source": "V1 a 0 1\nR1 a b 1k\nV2 b c 1\nR2 c 0 2k\nR3 b 0 3k\n",
    "a chain of sources": "V1 a 0 1\nV2 b a 1\nV3 b c 1\nR1 c d 1k\nR2 d 0 1k\nR3 d a 2k\n",
    "a source with its ends exchanged": "V1 0 a 1\nR1 a b 1k\nV2 c b 2\nR2 c 0 1k\n",
    "controlled sources": "V1 a 0 1\nR1 a b 1k\nE1 c 0 b a 2\nR2 c b 1k\nG1 b 0 c a 1m\nV2 d c 1\nR3 d 0 1k\n",
    "a source whose current controls another": "V1 a 0 1\nR1 a b 1k\nF1 0 b V1 0.5\nV2 b c 1\nR2 c 0 1k\n",
    "no source": "I1 0 a 1\nR1 a b 1k\nR2 b 0 2k\n",
    "sources only": "V1 a 0 1\nV2 b a 1\n",
}


def circuit_of(body: str) -> Circuit:
    return netlearn.elaborate(netlearn.parse(f"* sources\n{body}.end\n")).circuit


def dense(topology: MatrixTopology, data: Array) -> Array:
    """The full matrices (S, N, N) from entries (nnz, S)."""
    result = np.zeros((data.shape[1], topology.size, topology.size), data.dtype)
    result[:, topology.rows, topology.columns] = data.T
    return result


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("shared", [True, False])
def test_what_is_recovered_solves_the_full_equations(name: str, transpose: bool, kind: type, shared: bool) -> None:
    circuit = circuit_of(NETWORKS[name])
    reduction, rng, samples = SourceReduction.of(circuit), np.random.default_rng(0), 5
    topology = reduction.topology
    values: Array = np.ones((len(topology.rows), samples), kind)
    # Any numbers at all, but for the sources' own ones, which the reduction takes for granted.
    values[reduction.inner] = _entries(reduction, rng, samples, kind)
    values[~reduction.inner] = _incidence(circuit, reduction)[:, None]
    if shared:
        values[:] = values[:, :1]
    data = values[:, 0] if shared else values
    # Elements whose derivatives are not among the entries stand beside them, as nonlinear ones do.
    beside = rng.normal(size=(topology.size, topology.size)) * _inside(reduction)
    beside = beside if not reduction.symmetric else beside + beside.T
    full = dense(topology, values) + beside
    rhs: Array = rng.normal(size=(samples, topology.size)).astype(kind)
    turned = full.swapaxes(1, 2) if transpose else full

    def others(x: Array) -> Array:
        product: Array = x @ (beside if transpose else beside.T)
        return product

    right, dictated = reduction.reduce(data, rhs, transpose=transpose, others=others)
    gather = reduction.gather.toarray()
    reduced = gather @ turned @ gather.T
    y = np.linalg.solve(reduced, right[..., None])[..., 0]
    x = reduction.recover(data, y, dictated, transpose=transpose, others=lambda x: others(x)[:, reduction.tree])
    expected = np.linalg.solve(turned, rhs[..., None])[..., 0]
    np.testing.assert_allclose(x, expected, rtol=1e-9, atol=1e-9)
    entries = reduction.pattern.adder @ data
    product = reduction.product(entries, y.T, transpose=transpose)
    inner = (gather @ dense(topology, values) @ gather.T).swapaxes(1, 2 if transpose else 1)
    np.testing.assert_allclose(product.T, np.einsum("sij,sj->si", inner, y), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_few_driven_unknowns_are_reduced_as_all_are(name: str) -> None:
    circuit = circuit_of(NETWORKS[name])
    reduction, rng = SourceReduction.of(circuit), np.random.default_rng(0)
    data = rng.normal(size=len(reduction.topology.rows))
    given = np.flatnonzero(rng.random(circuit.size) < 0.5)
    rhs = np.zeros((4, circuit.size))
    rhs[:, given] = rng.normal(size=(4, len(given)))
    right, dictated = reduction.reduce(data, rhs)
    equations, few, same = reduction.reduce_at(data, RightSides(given, rhs[:, given], circuit.size))
    spread = np.zeros_like(right)
    spread[:, equations] = few
    np.testing.assert_allclose(spread, right, rtol=1e-12, atol=1e-12)
    for part, other in zip(dictated, same, strict=True):
        np.testing.assert_array_equal(part, other)


def test_unknowns_in_another_order_are_recovered_as_in_theirs() -> None:
    reduction, rng = SourceReduction.of(circuit_of(NETWORKS["controlled sources"])), np.random.default_rng(0)
    data = rng.normal(size=len(reduction.topology.rows))
    right, dictated = reduction.reduce(data, rng.normal(size=(3, reduction.topology.size)))
    order = rng.permutation(reduction.size)
    moved = np.zeros_like(right)
    moved[:, order] = right
    np.testing.assert_array_equal(
        reduction.recover(data, moved, dictated, order=order), reduction.recover(data, right, dictated)
    )


def _inside(reduction: SourceReduction) -> Array:
    """Ones where neither the row nor the column belongs to an eliminated source."""
    kept = np.ones(reduction.topology.size)
    kept[reduction.sources] = 0.0
    return np.outer(kept, kept)


def _entries(reduction: SourceReduction, rng: np.random.Generator, samples: int, kind: type) -> Array:
    """Numbers for the entries that are not the sources' own, symmetric where the reduction takes them to be."""
    topology = reduction.topology
    numbers: Array = rng.normal(size=(topology.size, topology.size, samples)).astype(kind)
    if kind is complex:
        numbers += 1j * rng.normal(size=numbers.shape)
    if reduction.symmetric:
        numbers = numbers + numbers.swapaxes(0, 1)
    return numbers[topology.rows[reduction.inner], topology.columns[reduction.inner]]


def _incidence(circuit: Circuit, reduction: SourceReduction) -> Array:
    """What the sources' own entries are: the incidence matrix."""
    topology = reduction.topology
    equal = np.zeros((topology.size, topology.size))
    for group in circuit.groups:
        for row in np.asarray(group.index):
            if row[-1] in reduction.sources:
                for node, sign in zip(row[:2], (1.0, -1.0), strict=True):
                    if node >= 0:
                        equal[row[-1], node] = equal[node, row[-1]] = sign
    return equal[topology.rows[~reduction.inner], topology.columns[~reduction.inner]]


@pytest.mark.parametrize("seed", range(40))
def test_floating_nodes_are_those_that_the_walk_through_all_terminals_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(1, 12))
    kinds = ((RESISTOR, "resistance"), (VOLTAGE_SOURCE, "dc"), (CURRENT_SOURCE, "dc"))
    # Both ends of an element may be the same node, or ground.
    parts = [(device, rng.integers(GROUND, nodes, (rng.integers(0, 7), 2)), name) for device, name in kinds]
    circuit = numbered(nodes, [(device, ends, {name: np.ones(len(ends))}) for device, ends, name in parts])
    topology = MatrixTopology.of(circuit)
    np.testing.assert_array_equal(floating(circuit, topology), floating_nodes(circuit, topology.masks))


def test_a_circuit_without_unknowns_has_no_floating_nodes() -> None:
    circuit = numbered(0, [(RESISTOR, np.array([[GROUND, GROUND]]), {"resistance": np.ones(1)})])
    assert len(floating(circuit, MatrixTopology.of(circuit))) == 0
    assert InternalSolver().solve(circuit).x.shape == (1, 0)
