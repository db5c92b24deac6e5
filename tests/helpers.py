"""Circuits to test on, made by hand or at random, and finite differences to judge by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Rule
from netlearn.probes.ends import Probes
from netlearn.solve.internal import InternalSolver

LETTERS = {"resistor": "r", "voltage source": "v", "current source": "i", "vccs": "g", "vcvs": "e"}
RNG = np.random.default_rng


def circuit_of(nodes: int, kinds: Sequence[tuple[Device, Any, Mapping[str, Any]]], **options: Any) -> Circuit:
    """A circuit of groups (device, terminals (k, t), values); branch currents are numbered here."""
    groups: list[Group] = []
    branches: list[str] = []
    for g, (device, terminals, values) in enumerate(kinds):
        index = np.asarray(terminals)
        names = [f"{LETTERS.get(device.name, 'x')}{g}_{k}" for k in range(len(index))]
        if device.unknowns[-1] == "i":
            numbers = nodes + len(branches) + np.arange(len(index))
            index = np.concatenate([index, numbers[:, None]], axis=1)
            branches += names
        groups.append(Group(device, names, index, values))
    return Circuit([f"n{i}" for i in range(nodes)], branches, tuple(groups), **options)


def random_circuit(seed: int, nodes: int = 8, samples: int = 3, active: bool = False) -> Circuit:
    """A connected network of resistors, floating and grounded voltage sources and current sources.

    ``active`` adds controlled sources, which break the symmetry.
    """
    rng = np.random.default_rng(seed)
    path = np.stack([np.arange(nodes), np.arange(nodes) - 1], axis=1)
    chords = np.sort(rng.integers(-1, nodes, size=(nodes, 2)), axis=1)
    resistors = np.concatenate([path, chords[chords[:, 0] != chords[:, 1]]])
    order = rng.permutation(nodes)
    sources = np.array([[order[0], GROUND], [order[1], order[2]], [order[2], order[3]]])
    kinds: list[tuple[Device, Any, dict[str, Any]]] = [
        (RESISTOR, resistors, {"resistance": 10 ** rng.uniform(1, 4, len(resistors))}),
        (VOLTAGE_SOURCE, sources, {"dc": rng.normal(size=(samples, len(sources)))}),
        (CURRENT_SOURCE, np.array([[order[5], GROUND], [order[6], order[0]]]), {"dc": 1e-3 * rng.normal(size=2)}),
    ]
    if active:
        # The outputs are nodes that no voltage source fixes, so that no loop arises.
        kinds.append((VCVS, np.array([[order[4], GROUND, order[5], order[6]]]), {"gain": rng.normal(size=1)}))
        kinds.append((VCCS, np.array([[order[7], order[0], order[5], order[1]]]), {"gain": 1e-3 * rng.normal(size=1)}))
    return circuit_of(nodes, kinds)


def lattice_circuit(side: int, seed: int = 0, samples: int = 2) -> Circuit:
    """A square lattice of resistors with voltage sources at two opposite corners."""
    rng = np.random.default_rng(seed)
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    down = np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)
    edges = np.concatenate([across, down])
    sources = np.array([[0, GROUND], [side * side - 1, GROUND]])
    return circuit_of(
        side * side,
        [
            (RESISTOR, edges, {"resistance": rng.uniform(100, 1000, len(edges))}),
            (VOLTAGE_SOURCE, sources, {"dc": rng.normal(size=(samples, 2))}),
        ],
    )


def deck(circuit: Circuit, sample: int = 0) -> str:
    """A linear circuit as SPICE text, with every number in full precision."""
    names = [*circuit.nodes, "0"]
    lines = ["generated"]
    for group in circuit.groups:
        width = 4 if group.device in (VCVS, VCCS) else 2
        value = next(iter(group.values.values()))
        row = value[sample] if value.ndim == 2 else value
        for k, name in enumerate(group.names):
            terminals = " ".join(names[i] for i in group.index[k][:width])
            lines.append(f"{name} {terminals} {float(row[k])!r}")
    return "\n".join([*lines, ".end", ""])


def model_of(
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


def random_task(seed: int, *others: Group) -> tuple[Model, Array, Batch]:
    """A connected random network of 8 nodes with two inputs, one plain and one differential output."""
    rng = RNG(seed)
    ends = [(i, i + 1) for i in range(7)] + [(0, GROUND), (3, 7), (1, 5), (2, 6), (4, GROUND), (7, 2)]
    model = model_of(8, ends, np.exp(rng.normal(7, 0.7, len(ends))), [0, 7], [(3, GROUND), (5, 2)], *others)
    batch = Batch(rng.normal(size=(5, 2)), rng.normal(scale=0.3, size=(5, 2)))
    return model, model.parameters.initial, batch


def estimate(rule: Rule, model: Model, theta: Array, batch: Batch, loss: Loss | None = None) -> Array:
    return rule.estimate(model, loss or Mse(), theta, batch, RNG(0)).gradient


def differences(function: Callable[[Array], float], theta: Array, relative: float = 1e-5) -> Array:
    """Central differences of a scalar function of theta."""
    steps = np.diag(relative * theta)
    return np.array([(function(theta + h) - function(theta - h)) for h in steps]) / (2 * relative * theta)


def mean_loss(model: Model, theta: Array, batch: Batch, loss: Loss | None = None) -> float:
    """The loss that the rules are said to descend."""
    outputs = model.outputs(model.forward(theta, batch.inputs))
    return float(np.mean((loss or Mse()).value(outputs, batch.targets)))


def divider() -> tuple[Model, Array, Batch]:
    """One volt over r1 = 1 kΩ to the output and r2 = 1 kΩ to ground; 0.25 V wanted where there are 0.5 V."""
    model = model_of(2, [(0, 1), (1, GROUND)], np.array([1e3, 1e3]), [0], [(1, GROUND)])
    return model, model.parameters.initial, Batch(np.array([[1.0]]), np.array([[0.25]]))
