"""Operating points whose unknowns are worked out where somebody asks for them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.solve.internal import InternalSolver
from netlearn.solve.nonlinear import NonlinearSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import ReducedStates, at_nodes, between, difference

LINES = [
    *(f"V{i} x{i} 0 {i + 1}" for i in range(3)),
    "V9 h2 g 0.25",
    *(f"R{i}{j} x{i} h{j} {(i + 1) * (j + 2)}k" for i in range(3) for j in range(3)),
    "D1 h0 0 dm", "D2 x1 h1 dm", "D3 g 0 dm",
    ".model dm d(is=1e-14)",
]  # fmt: skip


def sampled(scale: float = 1.0) -> Circuit:
    circuit = netlearn.elaborate(netlearn.parse("\n".join(["a circuit", *LINES, ".end"]))).circuit
    g = circuit.group("voltage source")
    assert g is not None
    volts = scale * np.random.default_rng(0).normal(size=(5, len(circuit.groups[g])))
    return circuit.with_values({(g, "dc"): volts})


@pytest.fixture
def point() -> OperatingPoint:
    return InternalSolver().solve(sampled())


def test_all_unknowns_are_those_of_samples_alone(point: OperatingPoint) -> None:
    assert isinstance(point.states, ReducedStates)
    each = [NonlinearSolver().solve(sampled().with_values(one)).x[0] for one in _samples(point.circuit)]
    assert np.allclose(point.x, each, rtol=1e-9, atol=1e-12)
    assert np.abs(point.residual().values).max() < 1e-12


def _samples(circuit: Circuit) -> list[dict[tuple[int, str], np.ndarray]]:
    g = circuit.group("voltage source")
    assert g is not None
    return [{(g, "dc"): row[None]} for row in circuit.groups[g].values["dc"]]


def test_voltages_at_nodes_are_those_of_all_unknowns(point: OperatingPoint) -> None:
    states, nodes = point.states, np.arange(len(point.circuit.nodes))
    for some in (nodes, nodes[:3], nodes[::-1], nodes[3:5]):
        found = at_nodes(states, some)
        assert found is not None
        assert np.array_equal(found, point.x[:, some])
    assert isinstance(states, ReducedStates)
    again = ReducedStates.of(states.reduction, point.x)
    found = again.at(nodes)
    assert found is not None
    assert np.allclose(found, point.x[:, nodes], rtol=1e-15, atol=0)


def test_differences_and_places_between(point: OperatingPoint) -> None:
    other = InternalSolver().solve(sampled(0.5))
    nodes = np.arange(len(point.circuit.nodes))
    change, middle = difference(point.states, other.states), between(other.states, point.states, 0.25)
    for states, wanted in ((change, point.x - other.x), (middle, 0.75 * other.x + 0.25 * point.x)):
        assert isinstance(states, ReducedStates)
        assert np.allclose(states.x, wanted, rtol=1e-13, atol=1e-15)
        found = states.at(nodes)
        assert found is not None
        assert np.allclose(found, wanted[:, nodes], rtol=1e-13, atol=1e-15)
    same = difference(point.states, point.states)
    assert isinstance(same, ReducedStates)
    assert same.held is None


def test_points_are_replaced_and_pickled_with_their_unknowns(point: OperatingPoint) -> None:
    assert replace(point, x=point.x + 1.0).states is not point.states
    for each in (point, InternalSolver().solve(sampled())):
        again = pickle.loads(pickle.dumps(each))
        assert np.array_equal(again.x, point.x)
        assert again.linearization is None
        assert np.array_equal(copy.deepcopy(each).x, point.x)
