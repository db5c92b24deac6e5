"""Circuits as arrays: look-up by name, values by column and by sample."""

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.errors import CircuitError


@pytest.fixture
def divider():
    sources = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([1.0])})
    resistors = Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, GROUND]]), {"resistance": np.array([1e3, 2e3])})
    return Circuit(["in", "out"], ["v1"], (sources, resistors))


def test_names(divider):
    assert divider.size == 3
    assert divider.node("OUT") == 1
    assert divider.node("gnd") == divider.node("0") == GROUND
    assert divider.branch("V1") == 2
    assert divider.element("R2") == (1, 1)
    assert divider.group("resistor") == 1
    assert divider.group("diode") is None


@pytest.mark.parametrize(
    ("look_up", "name", "hint"), [("node", "outt", "'out'"), ("element", "r3", "r"), ("branch", "v2", "v1")]
)
def test_unknown_names_come_with_a_suggestion(divider, look_up, name, hint):
    with pytest.raises(CircuitError) as caught:
        getattr(divider, look_up)(name)
    assert name in caught.value.message
    assert hint in caught.value.hint


def test_with_values_leaves_the_original_alone(divider):
    driven = divider.with_values({(0, "dc"): np.array([[1.0], [2.0], [3.0]])})
    assert divider.samples is None
    assert driven.samples == 3
    assert driven.groups[1] is divider.groups[1]


def test_columns_that_disagree_on_the_samples_are_refused(divider):
    driven = divider.with_values({(0, "dc"): np.ones((3, 1)), (1, "resistance"): np.ones((2, 2))})
    with pytest.raises(CircuitError, match="number of samples"):
        _ = driven.samples


def test_parameters_reach_every_instance_and_gradients_sum_over_them(divider):
    shared = Direct((1, "resistance"), np.array([0, 1]), np.array([0, 0]), np.array([1.0, 0.5]))
    parameters = Parameters(
        divider, ["r"], np.array([1e3]), np.zeros(1), np.full(1, np.inf), np.ones(1, bool), (shared,)
    )
    circuit = parameters.apply(np.array([4e3]))
    np.testing.assert_array_equal(circuit.groups[1].values["resistance"], [4e3, 2e3])
    gradient = parameters.pullback(np.array([4e3]), {(1, "resistance"): np.array([3.0, 10.0])})
    np.testing.assert_array_equal(gradient, [3.0 + 0.5 * 10.0])
