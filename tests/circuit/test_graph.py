"""Incidence and cycle matrices against networkx and their own orthogonality."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.graph import (
    Branches,
    branches,
    cycle_matrix,
    forest,
    incidence,
    spanning_tree,
    voltage_loop,
)
from netlearn.errors import CircuitError


def edges_of(nodes, plus, minus):
    numbers = np.arange(len(plus))
    return Branches(nodes, np.asarray(plus), np.asarray(minus), 0 * numbers, numbers)


@st.composite
def graphs(draw):
    """Connected multigraphs with ground, parallel edges and edges from a node to itself."""
    nodes = draw(st.integers(1, 12))
    parents = [draw(st.integers(-1, i - 1)) for i in range(nodes)]
    ends = st.integers(-1, nodes - 1)
    chords = draw(st.lists(st.tuples(ends, ends), max_size=12))
    pairs = [*enumerate(parents), *chords]
    pairs = draw(st.permutations(pairs))
    flips = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    turned = [(b, a) if flip else (a, b) for (a, b), flip in zip(pairs, flips, strict=True)]
    return edges_of(nodes, [a for a, _ in turned], [b for _, b in turned])


@given(graphs())
@settings(deadline=None)
def test_cycles_are_orthogonal_to_cuts_and_complete(edges):
    cycles, cuts = cycle_matrix(edges).toarray(), edges.incidence.toarray()
    assert cycles.shape == (len(edges) - edges.nodes, len(edges))
    np.testing.assert_array_equal(cycles @ cuts.T, 0)
    assert np.linalg.matrix_rank(cycles) == len(cycles) if len(cycles) else True
    assert np.linalg.matrix_rank(cuts) == edges.nodes
    assert set(np.unique(cycles)) <= {-1.0, 0.0, 1.0}


@given(graphs())
@settings(deadline=None)
def test_tree_holds_shortest_paths(edges):
    tree = spanning_tree(edges)
    graph = nx.MultiGraph(zip(edges.plus.tolist(), edges.minus.tolist(), strict=True))
    lengths = nx.single_source_shortest_path_length(graph, GROUND)
    assert tree.depth.tolist() == [lengths[i] for i in range(edges.nodes)]
    far = np.where(edges.plus[tree.edge] == np.arange(edges.nodes), edges.minus[tree.edge], edges.plus[tree.edge])
    np.testing.assert_array_equal(far, tree.parent)
    place = {GROUND: -1} | {int(node): at for at, node in enumerate(tree.order)}
    assert all(place[int(tree.parent[i])] < place[i] for i in range(edges.nodes))


@given(graphs())
@settings(deadline=None)
def test_forest_agrees_with_networkx(edges):
    graph = nx.MultiGraph(zip(edges.plus.tolist(), edges.minus.tolist(), strict=True))
    inside = forest(edges)
    held = nx.MultiGraph(list(zip(edges.plus[inside].tolist(), edges.minus[inside].tolist(), strict=True)))
    assert inside.sum() == graph.number_of_nodes() - nx.number_connected_components(graph)
    assert not len(held) or nx.is_forest(held)


def test_unconnected_nodes_have_no_tree():
    with pytest.raises(CircuitError, match="1 of 3 nodes are not connected to ground"):
        spanning_tree(edges_of(3, [0, 1, 2], [-1, 0, 2]))


def circuit_with(sources):
    index = np.array([[*pair, 4 + k] for k, pair in enumerate(sources)])
    names = [f"v{k}" for k in range(len(sources))]
    resistors = Group(RESISTOR, ["r0", "r1"], np.array([[0, 1], [2, -1]]), {"resistance": np.ones(2)})
    voltages = Group(VOLTAGE_SOURCE, names, index, {"dc": np.zeros(len(sources))})
    return Circuit(["a", "b", "c", "d"], names, (resistors, voltages))


def test_branches_keep_the_order_of_the_groups():
    circuit = circuit_with([(3, 2)])
    assert branches(circuit).names(circuit) == ["r0", "r1", "v0"]
    expected = [[1, 0, 0], [-1, 0, 0], [0, 1, -1], [0, 0, 1]]
    np.testing.assert_array_equal(incidence(circuit).toarray(), expected)


def test_a_voltage_loop_is_found_without_its_bystanders():
    circuit = circuit_with([(0, 1), (1, -1), (3, 2), (2, 0), (2, -1)])
    assert sorted(voltage_loop(circuit)) == ["v0", "v1", "v3", "v4"]
    assert voltage_loop(circuit_with([(0, 1), (1, -1), (3, 2)])) == []
    assert sorted(voltage_loop(circuit_with([(0, 1), (3, 2), (1, 0)]))) == ["v0", "v2"]


def test_a_million_branches_are_walked():
    side = 700
    number = np.arange(side * side).reshape(side, side)
    plus = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel(), [0]])
    minus = np.concatenate([number[:, 1:].ravel(), number[1:].ravel(), [-1]])
    edges = edges_of(side * side, plus, minus)
    tree = spanning_tree(edges)
    assert edges.incidence.nnz == 2 * len(edges) - 1
    assert tree.depth.max() == 2 * side - 1
