"""Operating points of linear circuits against dense linear algebra, ngspice and Kirchhoff's laws."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import CCCS, CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.errors import CircuitError
from netlearn.solve import shared
from netlearn.solve.equations.assembly import Equations, MatrixTopology
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import linearize
from tests.helpers import circuit_of, deck, lattice_circuit, random_circuit

SEEDS = st.integers(0, 10_000)


def dense(circuit):
    """The modified nodal equations as a plain matrix, by the definition of the Jacobian."""
    equations, n = Equations.of(circuit), circuit.size
    origin = equations.residual(np.zeros((circuit.samples or 1, n)))
    columns = [equations.residual(np.broadcast_to(np.eye(n)[j], origin.shape).copy())[0] - origin[0] for j in range(n)]
    return np.stack(columns, axis=1), -origin


@given(SEEDS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_agrees_with_dense_algebra(seed, active):
    circuit = random_circuit(seed, active=active)
    matrix, rhs = dense(circuit)
    x = InternalSolver().solve(circuit).x
    expected = np.linalg.solve(matrix, rhs.T).T
    np.testing.assert_allclose(x, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


@given(SEEDS, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_linearization_solves_any_right_hand_side(seed, active, use_complex):
    circuit = random_circuit(seed, active=active)
    matrix, _ = dense(circuit)
    rng = np.random.default_rng(seed)
    rhs = rng.normal(size=(5, circuit.size)) + (1j * rng.normal(size=(5, circuit.size)) if use_complex else 0)
    linearization = linearize(InternalSolver().solve(circuit))
    scale = np.abs(np.linalg.inv(matrix)).max() * 1e-10
    np.testing.assert_allclose(linearization.solve(rhs), np.linalg.solve(matrix, rhs.T).T, rtol=1e-8, atol=scale)
    transposed = linearization.solve(rhs, transpose=True)
    np.testing.assert_allclose(transposed, np.linalg.solve(matrix.T, rhs.T).T, rtol=1e-8, atol=scale)


@pytest.mark.ngspice
def test_fifty_random_networks_against_ngspice(ngspice):
    circuits = [random_circuit(seed, nodes=8 + seed % 23, active=seed % 2 == 1) for seed in range(50)]
    results = ngspice.run_many([deck(circuit) for circuit in circuits])
    for circuit, vectors in zip(circuits, results, strict=True):
        ours = InternalSolver().solve(circuit)
        voltages = np.array([ours.voltage(name)[0] for name in circuit.nodes])
        judged = np.array([vectors[f"v({name})"] for name in circuit.nodes])
        np.testing.assert_allclose(voltages, judged, rtol=1e-9, atol=1e-9 * np.abs(judged).max())
        currents = np.array([ours.current(name)[0] for name in circuit.branches])
        judged = np.array([vectors[f"i({name})"] for name in circuit.branches])
        np.testing.assert_allclose(currents, judged, rtol=1e-9, atol=1e-9 * np.abs(judged).max())


def test_a_large_lattice_obeys_kirchhoff():
    circuit = lattice_circuit(60, samples=7)
    op = InternalSolver().solve(circuit)
    assert np.abs(Equations.of(circuit).residual(op.x)).max() < 1e-14
    inside = op.x[:, : len(circuit.nodes)]
    corner = circuit.groups[1].values["dc"]
    assert (inside <= np.maximum(corner.max(axis=1), 0)[:, None] + 1e-12).all()
    assert (inside >= np.minimum(corner.min(axis=1), 0)[:, None] - 1e-12).all()


@given(SEEDS, st.booleans())
@settings(deadline=None, max_examples=15)
def test_many_samples_of_few_sources_are_superposed(seed, active):
    circuit = random_circuit(seed, samples=40, active=active)
    matrix, rhs = dense(circuit)
    expected = np.linalg.solve(matrix, rhs.T).T
    x = InternalSolver().solve(circuit).x
    np.testing.assert_allclose(x, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


def driven_lattice(side, samples):
    """A lattice whose upper side sources hold, and whose lower side is grounded through resistors."""
    rng = np.random.default_rng(samples)
    number = np.arange(side * side).reshape(side, side)
    grounded = np.stack([number[-1], np.full(side, GROUND)], axis=1)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    edges = np.concatenate([*(np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs), grounded])
    sources = np.stack([number[0], np.full(side, GROUND)], axis=1)
    return circuit_of(
        side * side,
        [
            (RESISTOR, edges, {"resistance": rng.uniform(100, 1000, len(edges))}),
            (VOLTAGE_SOURCE, sources, {"dc": rng.normal(size=(samples, side))}),
        ],
    )


@pytest.mark.parametrize("samples", [2, 40, 70])
@pytest.mark.parametrize("refined", [False, True])
def test_large_circuits_with_many_sources_against_scipy(samples, refined, monkeypatch):
    if refined:
        # Every few samples are improved by themselves.
        monkeypatch.setattr(shared, "REFINED_ABOVE", 0.0)
        monkeypatch.setattr(shared, "REFINED_NUMBERS", 30_000)
    side = 72
    circuit = driven_lattice(side, samples)
    resistors, sources = circuit.groups
    volts, conductance = sources.values["dc"], 1.0 / resistors.values["resistance"]
    ends = np.where(resistors.index == GROUND, side * side, resistors.index)
    incidence = sparse.coo_array(
        (np.repeat([1.0, -1.0], len(ends)), (ends.T.ravel(), np.tile(np.arange(len(ends)), 2))),
        shape=(side * side + 1, len(ends)),
    ).tocsr()
    laplacian = (incidence @ sparse.diags_array(conductance) @ incidence.T).tocsc()
    free = slice(side, side * side)
    expected = splu(laplacian[free, free]).solve(-(laplacian[free, :side] @ volts.T)).T
    point = InternalSolver().solve(circuit)
    np.testing.assert_allclose(point.x[:, free], expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(point.x[:, :side], volts)
    at_sources = volts @ laplacian[:side, :side].T + expected @ laplacian[:side, free].T
    np.testing.assert_allclose(point.x[:, side * side :], -at_sources, rtol=1e-9, atol=1e-12)
    rng = np.random.default_rng(1)
    equations = Equations.of(circuit)
    for share in (0.01, 1.0):
        rhs = rng.normal(size=(samples, circuit.size)) * (rng.uniform(size=circuit.size) < share)
        for transpose in (False, True):
            # The equations of resistors and sources are symmetric.
            solution = linearize(point).solve(rhs, transpose=transpose)
            left = equations.residual(solution) - equations.residual(0.0 * solution) - rhs
            assert np.abs(left).max() < 1e-11 * np.abs(solution).max()


def test_solutions_take_little_more_memory_than_they_are():
    point = InternalSolver().solve(driven_lattice(72, 40))
    rhs = np.zeros((200, point.circuit.size))
    rhs[:, :72] = np.random.default_rng(2).normal(size=(200, 72))
    solve = linearize(point).solve
    solve(rhs)
    tracemalloc.start()
    try:
        x = solve(rhs)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 64 samples at a time, in the order of elimination, are a third.
    assert most < 1.7 * x.nbytes


def test_reduced_matrix_of_a_resistor_network_is_positive_definite():
    circuit = random_circuit(3)
    matrix = SourceReduction.of(circuit).matrix(Equations.of(circuit).jacobian()).toarray()
    assert matrix.shape[0] == len(circuit.nodes) - 3
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_other_values_keep_the_symbolic_work():
    circuit = lattice_circuit(5)
    other = circuit.with_values({(0, "resistance"): 2 * circuit.groups[0].values["resistance"]})
    assert MatrixTopology.of(other) is MatrixTopology.of(circuit)
    assert SourceReduction.of(other) is SourceReduction.of(circuit)


def test_resistances_that_differ_by_sample():
    circuit = random_circuit(1)
    resistance = circuit.groups[0].values["resistance"]
    each = np.stack([resistance, 3 * resistance, resistance[::-1]])
    together = InternalSolver().solve(circuit.with_values({(0, "resistance"): each})).x
    for s in range(3):
        alone = InternalSolver().solve(circuit.with_values({(0, "resistance"): each[s]})).x[s]
        np.testing.assert_allclose(together[s], alone, rtol=1e-11, atol=1e-13)


def test_a_current_that_controls_another_stays_in_the_equations():
    nodes = np.array([[0, GROUND]])
    circuit = circuit_of(
        2,
        [
            (VOLTAGE_SOURCE, nodes, {"dc": np.array([2.0])}),
            (RESISTOR, np.array([[0, GROUND], [1, GROUND]]), {"resistance": np.array([1e3, 500.0])}),
            (CCCS, np.array([[1, GROUND, 2]]), {"gain": np.array([3.0])}),
        ],
    )
    op = InternalSolver().solve(circuit)
    assert op.current("v0_0") == pytest.approx(-2e-3)
    assert op.voltage("n1") == pytest.approx(3.0)


def resistors(*edges):
    return (RESISTOR, np.array(edges), {"resistance": np.full(len(edges), 1e3)})


def voltages(*edges):
    return (VOLTAGE_SOURCE, np.array(edges), {"dc": np.ones(len(edges))})


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ([resistors((0, -1), (1, 2))], "nodes 'n1' and 'n2' have no DC path to ground"),
        ([resistors((0, -1), (1, -1)), (CURRENT_SOURCE, np.array([[2, 0]]), {"dc": np.ones(1)})], "node 'n2' has no"),
        ([resistors((0, -1), (1, 2), (2, -1)), voltages((0, 1), (1, -1), (0, -1))], "'v1_.' form a loop"),
        ([resistors((0, -1), (1, 2), (2, -1)), voltages((1, 1))], "'v1_0' is short-circuited"),
        (
            [resistors((0, -1), (1, 2)), (VCVS, np.array([[0, -1, 1, 2]]), {"gain": np.ones(1)})],
            "nodes 'n1' and 'n2' have no DC path",
        ),
        (
            [resistors((0, -1), (1, -1), (2, -1)), voltages((0, 1)), (VCVS, [[0, 1, 2, -1]], {"gain": np.ones(1)})],
            "'e2_0' and 'v1_0' form a loop|'v1_0' and 'e2_0' form a loop",
        ),
        (
            [resistors((0, -1), (1, -1), (2, -1)), (VCCS, [[0, -1, 0, -1]], {"gain": np.array([-1e-3])})],
            "no unique solution",
        ),
        ([(RESISTOR, [[0, 1], [1, 2], [2, -1]], {"resistance": np.array([1.0, 0.0, 1.0])})], "'r0_1' has the resist"),
        ([(RESISTOR, [[0, 1], [1, 2], [2, -1]], {"resistance": np.array([1.0, np.nan, 1])})], "'r0_1' has the resist"),
    ],
)
def test_circuits_without_a_unique_operating_point_are_refused_by_name(kinds, words):
    with pytest.raises(CircuitError, match=words):
        InternalSolver().solve(circuit_of(3, kinds))


@pytest.mark.parametrize("samples", [1, 9])
def test_a_source_that_is_not_finite_is_named(samples):
    drive = np.ones((samples, 1))
    drive[-1] = np.inf
    with pytest.raises(CircuitError, match="'v1_0' has the dc inf"):
        InternalSolver().solve(circuit_of(1, [resistors((0, -1)), (VOLTAGE_SOURCE, [[0, -1]], {"dc": drive})]))


def test_the_same_input_gives_the_same_bytes():
    first, second = (InternalSolver().solve(lattice_circuit(20, seed=5)).x for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_real_circuits_stay_real_after_complex_ones():
    circuit = random_circuit(3)
    complex_one = circuit.with_values({(1, "dc"): np.asarray(circuit.groups[1].values["dc"]) + 0j})
    assert np.iscomplexobj(InternalSolver().solve(complex_one).x)
    resistance = np.asarray(circuit.groups[0].values["resistance"])
    InternalSolver().solve(circuit.with_values({(0, "resistance"): resistance + 0j}))
    assert not np.iscomplexobj(InternalSolver().solve(circuit).x)
