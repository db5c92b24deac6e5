"""Large linear circuits of which only outputs are read, against all of their unknowns."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

import netlearn
from netlearn import memory
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.errors import CircuitError, TooLargeError
from netlearn.solve import shared
from netlearn.solve.internal import InternalSolver
from netlearn.solve.matrices import one
from netlearn.solve.matrices.cholmod import has_cholmod
from netlearn.solve.matrices.one import Factorization
from tests.helpers import circuit_of

pytestmark = pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")

SIDE = 40


def lattice(samples: int) -> Circuit:
    """Sources to ground, between nodes that move, in a chain and of currents."""
    rng, number = np.random.default_rng(samples), np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    edges = np.concatenate([*(np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs), [[SIDE * SIDE - 1, GROUND]]])
    held = np.array([*([n, GROUND] for n in range(5)), [100, 800], [GROUND, 333], [100, 1400]])
    return circuit_of(
        SIDE * SIDE,
        [
            (RESISTOR, edges, {"resistance": rng.uniform(100, 1000, len(edges))}),
            (VOLTAGE_SOURCE, held, {"dc": rng.normal(size=(samples, len(held)))}),
            (CURRENT_SOURCE, np.array([[50, 900], [GROUND, 77]]), {"dc": rng.normal(size=(samples, 2)) * 1e-3}),
        ],
    )


@pytest.mark.parametrize("samples", [1, 4, 10, 200])
@pytest.mark.parametrize("refined", [False, True])
def test_what_is_read_is_what_is_in_all_unknowns(samples: int, refined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = lattice(samples)
    x = InternalSolver().solve(circuit).x
    if refined:
        monkeypatch.setattr(shared, "REFINED_ABOVE", 0.0)
        monkeypatch.setattr(shared, "REFINED_NUMBERS", 4000)
    rng = np.random.default_rng(0)
    for unknowns in (
        rng.integers(0, len(circuit.nodes), 30),
        len(circuit.nodes) + np.arange(8),
        np.concatenate([rng.permutation(circuit.size)[:50], [0, 100, 800, 333, 1400]]),
        np.zeros(0, np.int64),
    ):
        point = InternalSolver().solve_to_read(circuit)
        found = point.drops(unknowns, np.full(len(unknowns), GROUND))
        assert found is not None
        np.testing.assert_allclose(found, x[:, unknowns], rtol=1e-9, atol=1e-12)
        assert "x" not in point.__dict__


def test_factors_are_made_for_as_many_right_hand_sides_as_are_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many samples that few sources drive these are sums of few solutions, whether all is wanted or not."""
    asked: list[int] = []

    def factorize(matrix: sparse.csc_array, definite: bool, columns: int) -> Factorization:
        asked.append(columns)
        return one.factorize(matrix, definite, columns)

    monkeypatch.setattr(shared, "factorize", factorize)
    for solve in (InternalSolver().solve, InternalSolver().solve_to_read):
        solve(lattice(200)).measure("V(n7)")
    # Eight voltages, three ends of current sources, and what all samples have in common.
    assert asked == [12, 12]


def test_probes_read_voltages_and_currents_alone_and_other_things_of_all_unknowns() -> None:
    circuit = lattice(30)
    every, lazy = InternalSolver().solve(circuit), InternalSolver().solve_to_read(circuit)
    assert repr(lazy) == repr(every)
    probes = ("V(n7)", "V(n100,n1400)", "I(v1_0)", "I(v1_5)")
    for _ in range(2):
        np.testing.assert_allclose(lazy.measure(*probes), every.measure(*probes), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(lazy.voltage("n9", "n12"), every.voltage("n9", "n12"), rtol=1e-9, atol=1e-12)
    assert "x" not in lazy.__dict__
    np.testing.assert_allclose(lazy.measure("P()"), every.measure("P()"), rtol=1e-9)
    np.testing.assert_array_equal(lazy.x, every.x)
    np.testing.assert_array_equal(lazy.measure(*probes), every.measure(*probes))


def test_memory_grows_with_what_is_read_and_not_with_the_unknowns() -> None:
    circuit = lattice(2000)
    tracemalloc.start()
    try:
        point = InternalSolver().solve_to_read(circuit)
        point.measure("V(n7)", "I(v1_0)")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All unknowns of all samples are 26 MB, of 64 at a time 0.8 MB.
    assert 8 * 2000 * circuit.size > 4 * most


def test_what_does_not_fit_is_refused_where_all_of_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = lattice(3000)
    monkeypatch.setattr(memory, "available", lambda: 110_000_000)
    with pytest.raises(TooLargeError, match=r"3,000 samples of 1,608 voltages and currents"):
        InternalSolver().solve(circuit)
    point = InternalSolver().solve_to_read(circuit)
    assert point.measure("V(n7)").shape == (3000, 1)
    with pytest.raises(TooLargeError, match=r"3,000 samples of 1,608 voltages and currents"):
        _ = point.x


def test_numbers_beyond_those_that_there_are_are_refused() -> None:
    circuit = lattice(1)
    huge = circuit.with_values({(2, "dc"): np.full((1, 2), 1e308)})
    point = InternalSolver().solve_to_read(huge)
    with pytest.raises(CircuitError):
        point.measure("V(n100)", "V(n800)", "V(n1400)")


def test_predictions_of_a_large_crossbar_are_its_voltages() -> None:
    made = netlearn.new("crossbar", weights=np.random.default_rng(0).uniform(size=(40, 30)), pairs=False, wire=1)
    netlist = netlearn.parse(made.netlist)
    names = [line.split()[0] for line in made.netlist.splitlines() if line.startswith("V")]
    assert names
    data = {name: np.random.default_rng(1).uniform(size=70) for name in names}
    found = netlearn.predict(netlist, data)
    point = netlearn.operating_point(netlist, data=data)
    np.testing.assert_allclose(found.outputs, point.measure(*found.names), rtol=1e-9, atol=1e-12)


def test_samples_in_parts_share_one_factorization(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    own = one.factorize

    def counted(matrix: sparse.csc_array, definite: bool, columns: int) -> Factorization:
        made.append(columns)
        return own(matrix, definite, columns)

    monkeypatch.setattr(shared, "factorize", counted)
    circuit, other = lattice(30), lattice(31)
    first = InternalSolver().solve_to_read(circuit).measure("V(n7)")
    again = circuit.with_values({(1, "dc"): 2.0 * circuit.groups[1].values["dc"], (2, "dc"): np.zeros((30, 2))})
    for solve in (InternalSolver().solve_to_read, InternalSolver().solve):
        solve(again).measure("V(n8)")
    assert len(made) == 1
    np.testing.assert_array_equal(InternalSolver().solve_to_read(circuit).measure("V(n7)"), first)
    changed = circuit.with_values({(0, "resistance"): 2.0 * circuit.groups[0].values["resistance"]})
    InternalSolver().solve(changed)
    InternalSolver().solve(other)
    assert len(made) == 3


def test_another_thread_that_keeps_its_own_factors_meanwhile_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = lattice(2), lattice(2)
    edges = first.group("resistor") or 0
    other = other.with_values({(edges, "resistance"): 3.0 * np.asarray(first.groups[edges].values["resistance"])})
    first = other.with_values({(edges, "resistance"): np.asarray(first.groups[edges].values["resistance"])})
    expected = InternalSolver().solve(first).x
    same = shared.same_numbers
    meanwhile: list[int] = []

    def compared(one: Array, another: Array) -> bool:
        result = same(one, another)
        if not meanwhile:
            meanwhile.append(1)
            InternalSolver().solve(other)
        return result

    monkeypatch.setattr(shared, "same_numbers", compared)
    assert np.array_equal(InternalSolver().solve(first).x, expected)
    assert meanwhile
