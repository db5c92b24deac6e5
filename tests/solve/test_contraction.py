"""Sums over samples against the same sums written out, element by element."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import Device, Environment
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES
from netlearn.circuit.devices.linear import CCVS, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.solve import contraction
from netlearn.solve.contraction import contract


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


UNKNOWNS, ELEMENTS, SAMPLES = 9, 12, 7
NODES = [f"n{k}" for k in range(UNKNOWNS)]
CASES = [
    (RESISTOR, "resistance"),
    (VCVS, "gain"),
    (VCCS, "gain"),
    (CCVS, "gain"),
    (VOLTAGE_SOURCE, "dc"),
    (DIODE_WITHOUT_SERIES, "is"),
]


def written_out(group: Group, left: Array, right: Array, name: str) -> Array:
    result = np.zeros(len(group), np.result_type(left, right))
    for a, b in zip(left, right, strict=True):
        ends = np.append(a, 0.0)[group.index], np.append(b, 0.0)[group.index]
        slope = group.device.value_jacobian(ends[1], group.values, Environment(), name)
        result = result + (ends[0] * slope).sum(axis=-1)
    return result


def group_of(device: Device, rng: np.random.Generator) -> Group:
    index = rng.integers(-1, UNKNOWNS, (ELEMENTS, len(device.unknowns)))
    values = {name: np.full(ELEMENTS, float(value)) for name, value in device.parameters.items()}
    first = next(iter(values))
    values[first] = rng.uniform(0.5, 2.0, ELEMENTS) * (1e-14 if first == "is" else 1.0)
    return Group(device, [f"x{k}" for k in range(ELEMENTS)], index, values)


@pytest.mark.parametrize(("device", "name"), CASES, ids=lambda case: getattr(case, "name", case))
@pytest.mark.parametrize("looped", [False, True])
@pytest.mark.parametrize("kind", ["real", "complex change", "complex state"])
def test_sums_over_samples(
    device: Device, name: str, looped: bool, kind: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0 if looped else 10**9)
    monkeypatch.setattr(contraction, "HELD", 30)
    group = group_of(device, rng)
    left, right = rng.normal(size=(2, SAMPLES, UNKNOWNS)) * 0.3
    if kind == "complex change":
        left = left + 1j * rng.normal(size=left.shape)
    if kind == "complex state":
        left, right = left + 0j, right + 1e-2j * rng.normal(size=right.shape)
    found = contract(Circuit(NODES, (), (group,)), (0, name), left, right)
    wanted = written_out(group, left, right, name)
    # Derivatives at complex states are differences.
    assert np.abs(found - wanted).max() < (1e-7 if kind == "complex state" else 1e-13) * np.abs(wanted).max()


def test_small_drops_between_large_voltages_keep_their_digits(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """1e-9 V across a resistor at 10 V: products of node voltages would have lost all of it."""
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    drops = rng.normal(size=(2, SAMPLES, ELEMENTS)) * 2.0**-30
    left, right = (np.concatenate([8.0 + drop, 8.0 + 0.0 * drop], axis=1) for drop in drops)
    index = np.stack([np.arange(ELEMENTS), ELEMENTS + np.arange(ELEMENTS)], axis=1)
    found = contraction.drop_products(index, left, right)
    exact = ((left[:, :ELEMENTS] - 8.0) * (right[:, :ELEMENTS] - 8.0)).sum(axis=0)
    assert np.allclose(found, exact, rtol=1e-12, atol=0)


def test_values_that_differ_by_sample(rng: np.random.Generator) -> None:
    index = rng.integers(-1, UNKNOWNS, (ELEMENTS, 2))
    resistance = rng.uniform(1.0, 2.0, (SAMPLES, ELEMENTS))
    group = Group(RESISTOR, [f"r{k}" for k in range(ELEMENTS)], index, {"resistance": resistance})
    left, right = rng.normal(size=(2, SAMPLES, UNKNOWNS))
    column, groups = (0, "resistance"), [Group(RESISTOR, group.names, index, {"resistance": row}) for row in resistance]
    parts = [
        contract(Circuit(NODES, (), (own,)), column, a[None], b[None])
        for own, a, b in zip(groups, left, right, strict=True)
    ]
    found = contract(Circuit(NODES, (), (group,)), column, left, right)
    assert np.allclose(found, np.sum(parts, axis=0), rtol=1e-13)
