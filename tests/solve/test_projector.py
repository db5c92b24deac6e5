"""The projector form against the adjoint form, and against the paper's own statements."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.circuit.devices.linear import RESISTOR, VCCS
from netlearn.errors import CircuitError
from netlearn.solve.internal import InternalSolver
from netlearn.solve.projector import CutSetProjector, NetworkProjector
from netlearn.solve.sensitivity import linearize, pullback
from tests.helpers import circuit_of, random_circuit

SEEDS = st.integers(0, 10_000)


def split(projector, circuit):
    """Which branches are resistors, and which are voltage sources."""
    kinds = np.array([circuit.groups[g].device is RESISTOR for g in projector.branches.group])
    return kinds, ~kinds


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_currents_and_voltages_are_those_of_the_nodal_equations(seed):
    circuit = random_circuit(seed)
    projector, op = NetworkProjector(circuit), InternalSolver().solve(circuit)
    n = len(circuit.nodes)
    scale = np.abs(op.x[:, n:]).max()
    np.testing.assert_allclose(projector.voltages, op.x[:, :n], rtol=1e-8, atol=1e-10 * np.abs(op.x[:, :n]).max())
    _, sources = split(projector, circuit)
    np.testing.assert_allclose(projector.currents[:, sources], op.x[:, n:], rtol=1e-8, atol=1e-10 * scale)


@given(SEEDS)
@settings(deadline=None, max_examples=100)
def test_gradients_agree_with_the_adjoint_form(seed):
    circuit = random_circuit(seed)
    projector, op = NetworkProjector(circuit), InternalSolver().solve(circuit)
    n = len(circuit.nodes)
    weights = np.random.default_rng(seed).normal(size=op.x.shape)
    adjoint = linearize(op).solve(weights, transpose=True)
    expected = pullback(op, adjoint, [(0, "resistance")])[0, "resistance"]
    resistors, sources = split(projector, circuit)
    current_weights = np.zeros((len(op.x), len(projector.branches)))
    current_weights[:, sources] = weights[:, n:]
    found = projector.pullback(current_weights, weights[:, :n])[resistors]
    # Relative to the largest: a resistor between nodes that a source joins has no influence at all.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@given(SEEDS)
@settings(deadline=None, max_examples=10)
def test_omega_is_symmetric_and_projects(seed):
    projector = NetworkProjector(random_circuit(seed))
    omega = projector.omega()
    np.testing.assert_allclose(omega, omega.T, rtol=1e-8, atol=1e-10 * np.abs(omega).max())
    product = omega * projector.resistances
    np.testing.assert_allclose(product @ product, product, atol=1e-8 * max(1.0, np.abs(product).max()))
    np.testing.assert_allclose(projector.branches.incidence @ omega, 0, atol=1e-9 * np.abs(omega).max())


def test_current_jacobian_against_central_differences():
    circuit = random_circuit(8)
    projector = NetworkProjector(circuit)
    resistors, _ = split(projector, circuit)
    found = projector.current_jacobian(1)[:, resistors]
    resistance = circuit.groups[0].values["resistance"]
    for k in range(len(resistance)):
        step = np.zeros_like(resistance)
        step[k] = 1e-4 * resistance[k]
        up, down = (NetworkProjector(circuit.with_values({(0, "resistance"): resistance + s})) for s in (step, -step))
        expected = (up.currents[1] - down.currents[1]) / (2 * step[k])
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-5, atol=1e-6 * np.abs(found).max() + 1e-14)


def test_two_resistors_by_hand():
    # i = V / (R1 + R2) through both, so di/dR = -V / (R1 + R2)^2 for either.
    circuit = random_circuit(0)
    voltage, one, two = 6.0, 1e3, 2e3
    circuit = circuit_of(
        2,
        [
            (RESISTOR, [[0, 1], [1, -1]], {"resistance": np.array([one, two])}),
            (circuit.groups[1].device, [[0, -1]], {"dc": np.array([voltage])}),
        ],
    )
    projector = NetworkProjector(circuit)
    np.testing.assert_allclose(projector.currents, [[2e-3, 2e-3, -2e-3]], rtol=1e-12)
    slope = -voltage / (one + two) ** 2
    expected = [[slope, slope], [slope, slope], [-slope, -slope]]
    np.testing.assert_allclose(projector.current_jacobian()[:, :2], expected, rtol=1e-12)


def test_other_elements_are_refused():
    kinds = [(RESISTOR, [[0, -1]], {"resistance": np.ones(1)}), (VCCS, [[0, -1, 0, -1]], {"gain": np.ones(1)})]
    with pytest.raises(CircuitError, match="'g1_0' is a vccs"):
        NetworkProjector(circuit_of(1, kinds))


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_branch_voltages_of_the_cut_set_form_are_those_of_the_nodal_equations(seed):
    circuit = random_circuit(seed)
    projector, op = CutSetProjector(circuit), InternalSolver().solve(circuit)
    n = len(circuit.nodes)
    expected = (projector.branches.incidence.T @ op.x[:, :n].T).T
    np.testing.assert_allclose(projector.voltages, expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_both_projectors_say_the_same(seed):
    circuit = random_circuit(seed)
    cycles, cut_sets = NetworkProjector(circuit), CutSetProjector(circuit)
    resistors, _ = split(cycles, circuit)
    g = np.diag(cut_sets.conductances)
    expected = g - g @ cut_sets.omega() @ g
    found = cycles.omega()[np.ix_(resistors, resistors)]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(g).max())
    product = cut_sets.omega() * cut_sets.conductances
    np.testing.assert_allclose(product @ product, product, atol=1e-8 * max(1.0, np.abs(product).max()))


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_gradients_of_the_cut_set_form_agree_with_the_adjoint_form(seed):
    circuit = random_circuit(seed)
    projector, op = CutSetProjector(circuit), InternalSolver().solve(circuit)
    weights = np.random.default_rng(seed).normal(size=projector.voltages.shape)
    at_unknowns = np.zeros(op.x.shape)
    at_unknowns[:, : len(circuit.nodes)] = (projector.branches.incidence @ weights.T).T
    adjoint = linearize(op).solve(at_unknowns, transpose=True)
    by_resistance = pullback(op, adjoint, [(0, "resistance")])[0, "resistance"]
    # dR = -dg / g².
    expected = -by_resistance / projector.conductances**2
    np.testing.assert_allclose(projector.pullback(weights), expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_voltage_jacobian_against_central_differences():
    circuit = random_circuit(8)
    projector = CutSetProjector(circuit)
    conductance = projector.conductances
    found = projector.voltage_jacobian(1)
    for k in range(len(conductance)):
        step = np.zeros_like(conductance)
        step[k] = 1e-4 * conductance[k]
        up, down = (
            CutSetProjector(circuit.with_values({(0, "resistance"): 1.0 / (conductance + s)})) for s in (step, -step)
        )
        expected = (up.voltages[1] - down.voltages[1]) / (2 * step[k])
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-5, atol=1e-6 * np.abs(found).max() + 1e-14)
