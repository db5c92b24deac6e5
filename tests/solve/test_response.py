"""The gradient without a loop over samples against the one with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.errors import CircuitError
from netlearn.solve.internal import InternalSolver
from netlearn.solve.response import LinearResponse
from netlearn.solve.sensitivity import linearize, pull_back


def task(make, seed, active, samples=9):
    """A network with two inputs, another source that stays, and probes of voltages and a current."""
    circuit = make.random_network(seed, samples=samples, active=active)
    drive = circuit.groups[1].values["dc"].copy()
    drive[:, 1] = 0.7
    probes = np.zeros((3, circuit.size))
    probes[0, 5], probes[1, [6, 4]], probes[2, circuit.branch("v1_0")] = 1.0, [1.0, -1.0], 1.0
    return circuit.with_values({(1, "dc"): drive}), [(1, 2), (1, 0)], sparse.csr_array(probes), drive[:, [2, 0]]


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=25)
def test_agrees_with_the_sum_over_samples(make, seed, active):
    circuit, inputs, probes, x = task(make, seed, active)
    response = LinearResponse(circuit, inputs, probes)
    op = InternalSolver().solve(circuit)
    expected = (probes @ op.x.T).T
    np.testing.assert_allclose(response.outputs(x), expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max())
    np.testing.assert_allclose(response.operating_points(x), op.x, rtol=1e-8, atol=1e-10 * np.abs(op.x).max())
    errors = np.random.default_rng(seed).normal(size=expected.shape)
    columns = [(g, name) for g, group in enumerate(circuit.groups) for name in group.values]
    adjoint = linearize(op).solve((probes.T @ errors.T).T, transpose=True)
    summed = pull_back(op, adjoint, columns)
    found = response.gradient(x, errors, columns)
    for column in columns:
        scale = 1e-9 * np.abs(summed[column]).max() + 1e-12
        np.testing.assert_allclose(found[column], summed[column], rtol=1e-7, atol=scale)


def test_agrees_with_central_differences(make):
    circuit, inputs, probes, x = task(make, 4, False)
    targets = np.random.default_rng(0).normal(size=(len(x), 3))
    resistance = circuit.groups[0].values["resistance"]

    def loss(values):
        moved = circuit.with_values({(0, "resistance"): values})
        return 0.5 * ((LinearResponse(moved, inputs, probes).outputs(x) - targets) ** 2).sum()

    response = LinearResponse(circuit, inputs, probes)
    found = response.gradient(x, response.outputs(x) - targets, [(0, "resistance")])[0, "resistance"]
    steps = 1e-5 * resistance * np.eye(len(resistance))
    expected = [(loss(resistance + h) - loss(resistance - h)) / (2 * h.sum()) for h in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def test_what_cannot_be_a_linear_response_is_refused(make):
    circuit, inputs, probes, _ = task(make, 1, False)
    with pytest.raises(CircuitError, match="'v1_0' differs by sample"):
        LinearResponse(circuit, inputs[:1], probes)
    with pytest.raises(CircuitError, match="'r0_0' is not an independent source"):
        LinearResponse(circuit, [*inputs, (0, 0)], probes)
    kind = MODEL_TYPES["d"]
    values = {name: np.array([float(value)]) for name, value in kind.complete({}, {}).items()}
    kinds = [
        (RESISTOR, [[0, -1]], {"resistance": np.ones(1)}),
        (VOLTAGE_SOURCE, [[0, -1]], {"dc": np.ones(1)}),
        (kind.plain, [[0, -1]], values),
    ]
    with pytest.raises(CircuitError, match="only a linear circuit"):
        LinearResponse(make.circuit(1, kinds), [(1, 0)], np.ones((1, 2)))
