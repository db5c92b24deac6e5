"""Small circuits to try rules on, and finite differences to judge them by."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.probes.ends import Probes
from netlearn.solve.internal import InternalSolver

RNG = np.random.default_rng


def network(
    nodes: int,
    ends: list[tuple[int, int]],
    resistances: Array,
    inputs: list[int],
    outputs: list[tuple[int, int]],
    *others: Group,
) -> Model:
    """A model of resistors between ``ends``, voltage sources at ``inputs``, and voltage probes."""
    p = len(inputs)
    names = [f"n{i}" for i in range(nodes)]
    sources = Group(
        VOLTAGE_SOURCE,
        [f"v{i + 1}" for i in range(p)],
        np.array([(node, GROUND, nodes + i) for i, node in enumerate(inputs)]),
        {"dc": np.zeros(p)},
    )
    k = len(ends)
    resistors = Group(
        RESISTOR, [f"r{i + 1}" for i in range(k)], np.array(ends), {"resistance": np.asarray(resistances)}
    )
    circuit = Circuit(names, list(sources.names), (resistors, sources, *others))
    everything = np.arange(k)
    binding = Direct((0, "resistance"), everything, everything, np.ones(k))
    infinite = np.full(k, np.inf)
    parameters = Parameters(
        circuit,
        list(resistors.names),
        np.asarray(resistances),
        0 * infinite.clip(0, 1),
        infinite,
        infinite > 0,
        (binding,),
    )
    plus, minus = np.array(outputs).T
    probes = Probes([f"V(n{a})" for a in plus], plus, minus)
    return Model(parameters, [(1, i) for i in range(p)], probes, InternalSolver())


def random_network(seed: int, *others: Group) -> tuple[Model, Array, Batch]:
    """A connected random network of 8 nodes with two inputs, one plain and one differential output."""
    rng = RNG(seed)
    ends = [(i, i + 1) for i in range(7)] + [(0, GROUND), (3, 7), (1, 5), (2, 6), (4, GROUND), (7, 2)]
    model = network(8, ends, np.exp(rng.normal(7, 0.7, len(ends))), [0, 7], [(3, GROUND), (5, 2)], *others)
    batch = Batch(rng.normal(size=(5, 2)), rng.normal(scale=0.3, size=(5, 2)))
    return model, model.parameters.initial, batch


def estimate(rule: object, model: Model, theta: Array, batch: Batch, loss: Loss | None = None) -> Array:
    return rule.estimate(model, loss or Mse(), theta, batch, RNG(0)).gradient  # type: ignore[attr-defined,no-any-return]


def differences(function: object, theta: Array, relative: float = 1e-5) -> Array:
    """Central differences of a scalar function of theta."""
    steps = np.diag(relative * theta)
    return np.array([(function(theta + h) - function(theta - h)) for h in steps]) / (2 * relative * theta)  # type: ignore[operator]


def mean_loss(model: Model, theta: Array, batch: Batch, loss: Loss | None = None) -> float:
    """The loss that the rules are said to descend."""
    outputs = model.outputs(model.forward(theta, batch.inputs))
    return float(np.mean((loss or Mse()).value(outputs, batch.targets)))


def divider() -> tuple[Model, Array, Batch]:
    """One volt over r1 = 1 kΩ to the output and r2 = 1 kΩ to ground; 0.25 V wanted where there are 0.5 V."""
    model = network(2, [(0, 1), (1, GROUND)], np.array([1e3, 1e3]), [0], [(1, GROUND)])
    return model, model.parameters.initial, Batch(np.array([[1.0]]), np.array([[0.25]]))


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """The functions above, for tests."""
    functions = (network, random_network, estimate, differences, divider, mean_loss)
    return SimpleNamespace(**{function.__name__: function for function in functions})
