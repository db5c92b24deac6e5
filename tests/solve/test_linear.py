"""Operating points of linear circuits against dense linear algebra, ngspice and Kirchhoff's laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import CCCS, CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.errors import CircuitError
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
