"""Random circuits for the solver tests, and their text for ngspice."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE

LETTERS = {"resistor": "r", "voltage source": "v", "current source": "i", "vccs": "g", "vcvs": "e"}


def circuit_of(nodes, kinds, **options):
    """A circuit of groups (device, terminals (k, t), values); branch currents are numbered here."""
    groups, branches = [], []
    for g, (device, terminals, values) in enumerate(kinds):
        index = np.asarray(terminals)
        names = [f"{LETTERS.get(device.name, 'x')}{g}_{k}" for k in range(len(index))]
        if device.unknowns[-1] == "i":
            numbers = nodes + len(branches) + np.arange(len(index))
            index = np.concatenate([index, numbers[:, None]], axis=1)
            branches += names
        groups.append(Group(device, names, index, values))
    return Circuit([f"n{i}" for i in range(nodes)], branches, tuple(groups), **options)


def random_network(seed, nodes=8, samples=3, active=False):
    """A connected network of resistors, floating and grounded voltage sources and current sources.

    ``active`` adds controlled sources, which break the symmetry.
    """
    rng = np.random.default_rng(seed)
    path = np.stack([np.arange(nodes), np.arange(nodes) - 1], axis=1)
    chords = np.sort(rng.integers(-1, nodes, size=(nodes, 2)), axis=1)
    resistors = np.concatenate([path, chords[chords[:, 0] != chords[:, 1]]])
    order = rng.permutation(nodes)
    sources = np.array([[order[0], GROUND], [order[1], order[2]], [order[2], order[3]]])
    kinds = [
        (RESISTOR, resistors, {"resistance": 10 ** rng.uniform(1, 4, len(resistors))}),
        (VOLTAGE_SOURCE, sources, {"dc": rng.normal(size=(samples, len(sources)))}),
        (CURRENT_SOURCE, np.array([[order[5], GROUND], [order[6], order[0]]]), {"dc": 1e-3 * rng.normal(size=2)}),
    ]
    if active:
        # The outputs are nodes that no voltage source fixes, so that no loop arises.
        kinds.append((VCVS, np.array([[order[4], GROUND, order[5], order[6]]]), {"gain": rng.normal(size=1)}))
        kinds.append((VCCS, np.array([[order[7], order[0], order[5], order[1]]]), {"gain": 1e-3 * rng.normal(size=1)}))
    return circuit_of(nodes, kinds)


def lattice(side, seed=0, samples=2):
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


def deck(circuit, sample=0):
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


@pytest.fixture(scope="session")
def make():
    """Builders of circuits."""
    return SimpleNamespace(circuit=circuit_of, random_network=random_network, lattice=lattice, deck=deck)
