"""Products of drops between layers against the same sums written out, resistor by resistor."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.solve.contraction import resistor_products
from netlearn.solve.resistor_blocks import ResistorBlocks
from netlearn.solve.threads import set_threads

INPUTS, HIDDEN, OUTPUTS, SAMPLES = 30, 20, 8, 5
NODES = INPUTS + HIDDEN + OUTPUTS


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def layers(rng: np.random.Generator, kind: str) -> Array:
    """Ends (k, 2) of resistors between three layers."""
    x, h, y = np.split(np.arange(NODES), np.cumsum([INPUTS, HIDDEN]))
    index = np.concatenate([np.stack(np.meshgrid(a, b, indexing="ij"), -1).reshape(-1, 2) for a, b in ((x, h), (h, y))])
    if kind == "pruned":
        index = index[rng.uniform(size=len(index)) < 0.6]
    if kind == "shuffled, some twice and turned":
        index = rng.permutation(np.concatenate([index, index[:40, ::-1]]))
    if kind == "with leaks and neighbours":
        leaks, beside = np.stack([h, np.full(len(h), GROUND)], 1), np.stack([h[:-1], h[1:]], 1)
        index = np.concatenate([leaks, index, beside])
    return index


def circuit_of(index: Array) -> Circuit:
    sources = np.stack([np.arange(INPUTS), np.full(INPUTS, GROUND), NODES + np.arange(INPUTS)], 1)
    groups = (
        Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": np.ones(len(index))}),
        Group(VOLTAGE_SOURCE, [f"v{k}" for k in range(INPUTS)], sources, {"dc": np.zeros(INPUTS)}),
    )
    return Circuit([f"n{k}" for k in range(NODES)], [f"v{k}" for k in range(INPUTS)], groups)


def written_out(index: Array, left: Array, right: Array) -> Array:
    a, b = (np.concatenate([x, np.zeros((len(x), 1))], axis=1) for x in (left[:, :NODES], right[:, :NODES]))
    drops = (x[:, index[:, 0]] - x[:, index[:, 1]] for x in (a, b))
    return np.prod(list(drops), axis=0).sum(axis=0)


@pytest.mark.parametrize("kind", ["full", "pruned", "shuffled, some twice and turned", "with leaks and neighbours"])
@pytest.mark.parametrize("complex_", [False, True])
def test_products_of_drops(kind: str, complex_: bool, rng: np.random.Generator) -> None:
    index = layers(rng, kind)
    circuit = circuit_of(index)
    left, right = rng.normal(size=(2, SAMPLES, circuit.size))
    if complex_:
        left = left + 1j * rng.normal(size=left.shape)
    wanted = written_out(index, left, right)
    found = resistor_products(circuit, 0, left, right)
    assert np.abs(found - wanted).max() < 1e-13 * np.abs(wanted).max()


def test_layers_are_found(rng: np.random.Generator) -> None:
    index = layers(rng, "with leaks and neighbours")
    blocks = ResistorBlocks.build(index, np.arange(INPUTS))
    assert [(len(b.first), len(b.second)) for b in blocks.blocks] == [(INPUTS, HIDDEN), (HIDDEN, OUTPUTS)]
    assert all(b.places is None and isinstance(b.elements, slice) for b in blocks.blocks)
    assert len(blocks.rest) == HIDDEN + HIDDEN - 1


def test_a_lattice_has_no_blocks() -> None:
    number = np.arange(20 * 20).reshape(20, 20)
    across, down = (
        np.stack([a.ravel(), b.ravel()], 1) for a, b in ((number[:, 1:], number[:, :-1]), (number[1:], number[:-1]))
    )
    index = np.concatenate([across, down])
    blocks = ResistorBlocks.build(index, np.array([0]))
    assert not blocks.blocks
    assert len(blocks.rest) == len(index)


def test_small_drops_between_large_voltages_keep_their_digits(rng: np.random.Generator) -> None:
    """1e-9 V across resistors at 8 V: products of node voltages would lose nearly all of it."""
    index = layers(rng, "full")
    circuit = circuit_of(index)
    drops = rng.normal(size=(2, SAMPLES, circuit.size)) * 2.0**-30
    found = resistor_products(circuit, 0, 8.0 + drops[0], 8.0 + drops[1])
    exact = written_out(index, (8.0 + drops[0]) - 8.0, (8.0 + drops[1]) - 8.0)
    assert np.abs(found - exact).max() < 1e-12 * np.abs(exact).max()


def test_the_same_bytes_for_any_number_of_threads(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.solve.resistor_blocks.ROWS", 7)
    circuit = circuit_of(layers(rng, "full"))
    left, right = rng.normal(size=(2, 40, circuit.size))
    found = set()
    for count in (1, 3):
        set_threads(count)
        found.add(resistor_products(circuit, 0, left, right).tobytes())
    set_threads(None)
    assert len(found) == 1
