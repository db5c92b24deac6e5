from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VCVS, VOLTAGE_SOURCE
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.superposition import superpose, superposes
from netlearn.probes.names import probes_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint


def model(seed: int) -> Model:
    """A random network with a fixed source, two driven ones and an amplifier; every value trains."""
    rng = np.random.default_rng(seed)
    size = 6
    ends = np.array([(a, b) for a in range(size) for b in range(-1, a) if b < 0 or rng.random() < 0.6])
    k = len(ends)
    circuit = Circuit(
        [f"n{i}" for i in range(size)],
        ["v1", "v2", "e1"],
        (
            Group(RESISTOR, [f"r{i}" for i in range(k)], ends, {"resistance": rng.uniform(100.0, 1e4, k)}),
            Group(VOLTAGE_SOURCE, ["v1", "v2"], np.array([[0, GROUND, 6], [1, 2, 7]]), {"dc": np.array([0.0, 2.0])}),
            Group(CURRENT_SOURCE, ["i1"], np.array([[3, 4]]), {"dc": np.array([1e-3])}),
            Group(VCVS, ["e1"], np.array([[5, GROUND, 2, 3, 8]]), {"gain": np.array([-1.5])}),
        ),
    )
    places, count = [((0, "resistance"), k), ((1, "dc"), 2), ((3, "gain"), 1)], k + 3
    bindings, initial, first = [], [], 0
    for (g, name), number in places:
        there = np.arange(number)
        bindings.append(Direct((g, name), there, first + there, np.ones(number)))
        initial.append(circuit.groups[g].values[name])
        first += number
    wide = np.full(count, np.inf)
    names = [f"p{i}" for i in range(count)]
    parameters = Parameters(circuit, names, np.concatenate(initial), -wide, wide, np.arange(count) < k, tuple(bindings))
    return Model(parameters, ((1, 0), (2, 0)), probes_of(circuit, ("V(n4)", "V(n5,n3)", "I(v1)")), InternalSolver())


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=25, deadline=None)
def test_superposed_gradients_are_those_of_sample_by_sample(seed: int, scale: float) -> None:
    made = model(seed)
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(40, 2)) * [scale, 1e-3 * scale]
    batch = Batch(inputs, rng.normal(size=(40, 3)))
    theta = np.asarray(made.parameters.initial)
    one = Analytic().estimate(made, Mse(), theta, batch, rng)
    each = Analytic(superpose=False).estimate(made, Mse(), theta, batch, rng)
    assert one.point is None
    assert each.point is not None
    assert one.loss == pytest.approx(each.loss, rel=1e-9)
    np.testing.assert_allclose(one.outputs, each.outputs, rtol=1e-9, atol=1e-11 * np.abs(each.outputs).max())
    large = np.abs(each.gradient * theta).max()
    np.testing.assert_allclose(one.gradient * theta, each.gradient * theta, rtol=1e-8, atol=1e-10 * large)


def test_superposed_gradients_agree_with_central_differences() -> None:
    made = model(4)
    rng = np.random.default_rng(4)
    batch = Batch(rng.normal(size=(40, 2)) * [1.0, 1e-3], rng.normal(size=(40, 3)))
    theta = np.asarray(made.parameters.initial)
    found = Analytic().estimate(made, Mse(), theta, batch, rng).gradient

    def loss(values: np.ndarray) -> float:
        return Analytic(superpose=False).estimate(made, Mse(), values, batch, rng).loss

    steps = 1e-5 * np.maximum(np.abs(theta), 1.0) * np.eye(len(theta))
    expected = np.array([(loss(theta + h) - loss(theta - h)) / (2 * h.sum()) for h in steps])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected * theta).max() / theta.max())


class NotAModel:
    """A solver that measures."""

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        raise AssertionError


def test_the_sums_are_used_only_where_they_save_work() -> None:
    made = model(0)
    assert superposes(made, np.zeros((7, 2)))
    assert not superposes(made, np.zeros((6, 2)))
    assert not superposes(replace(made, solver=NotAModel()), np.zeros((100, 2)))


def test_samples_without_input_are_all_the_same() -> None:
    made = model(1)
    sums = superpose(made, np.asarray(made.parameters.initial), np.zeros((20, 2)))
    outputs = sums.outputs(made)
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[0], outputs.shape))
