"""Adjoint gradients against the complex step, central differences and ngspice's .sens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import linearize, pullback
from tests.helpers import deck, random_circuit


def columns_of(circuit):
    return [(g, name) for g, group in enumerate(circuit.groups) for name in group.values]


def gradients(circuit, weights):
    """The gradients of sum(weights * x) by every value."""
    op = InternalSolver().solve(circuit)
    adjoint = linearize(op).solve(weights, transpose=True)
    return pullback(op, adjoint, columns_of(circuit))


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=15)
def test_agrees_with_the_complex_step(seed, active):
    circuit = random_circuit(seed, active=active)
    weights = np.random.default_rng(seed).normal(size=(3, circuit.size))
    found = gradients(circuit, weights)
    for column in columns_of(circuit):
        value = circuit.groups[column[0]].values[column[1]]
        expected = []
        for k in range(value.shape[-1]):
            stepped = value.astype(complex)
            stepped[..., k] += 1e-30j
            x = InternalSolver().solve(circuit.with_values({column: stepped})).x
            expected.append((weights * x).sum().imag / 1e-30)
        np.testing.assert_allclose(found[column], expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


def test_agrees_with_central_differences():
    circuit = random_circuit(11)
    weights = np.random.default_rng(0).normal(size=(3, circuit.size))
    resistance = circuit.groups[0].values["resistance"]
    found = gradients(circuit, weights)[0, "resistance"]

    def total(k, step):
        moved = resistance.copy()
        moved[k] += step
        return (weights * InternalSolver().solve(circuit.with_values({(0, "resistance"): moved})).x).sum()

    steps = 1e-4 * resistance
    expected = [(total(k, h) - total(k, -h)) / (2 * h) for k, h in enumerate(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


def test_complex_weights_pass():
    circuit = random_circuit(5)
    rng = np.random.default_rng(1)
    real, imaginary = rng.normal(size=(2, 3, circuit.size))
    both = gradients(circuit, real + 1j * imaginary)
    for column, value in both.items():
        expected = gradients(circuit, real)[column] + 1j * gradients(circuit, imaginary)[column]
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())


@pytest.mark.ngspice
@pytest.mark.parametrize("output", ["n0", "n5", "n7"])
def test_agrees_with_ngspice_sens(ngspice, output):
    # ngspice's .sens perturbs each value by a millionth, so its own numbers hold to about 1e-5.
    circuits = [random_circuit(seed, samples=1, active=seed % 2 == 1) for seed in range(12)]
    results = ngspice.run_many([deck(circuit) for circuit in circuits], analysis=f"sens v({output})")
    for circuit, vectors in zip(circuits, results, strict=True):
        weights = np.zeros((1, circuit.size))
        weights[0, circuit.node(output)] = 1.0
        for (g, name), found in gradients(circuit, weights).items():
            if name == "resistance":
                judged = np.array([vectors[f"v({element})"] for element in circuit.groups[g].names])
                np.testing.assert_allclose(found, judged, rtol=1e-4, atol=1e-5 * np.abs(judged).max())
            elif name == "dc":
                judged = np.array([vectors[f"v({element})"] for element in circuit.groups[g].names])
                np.testing.assert_allclose(found, judged, rtol=1e-4, atol=1e-6 * np.abs(judged).max())
