"""Interpolated starts."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.starts import Drives, InterpolatedStarts, Starts
from tests.helpers import circuit_of


def lattice(drive: np.ndarray, side: int = 9) -> Circuit:
    """A square lattice with a diode at each node, in either direction, and a source at each of two corners."""
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    edges = np.concatenate([across, np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)])
    pairs = np.array([(n, GROUND) if n % 3 else (GROUND, n) for n in range(1, side * side - 1)])
    kind = MODEL_TYPES["d"]
    values = kind.complete({"is": 1e-14}, {})
    columns = {name: np.full(len(pairs), float(value)) for name, value in values.items()}
    resistance = np.random.default_rng(1).uniform(100, 1000, len(edges))
    kinds = [
        (RESISTOR, edges, {"resistance": resistance}),
        (VOLTAGE_SOURCE, np.array([[0, GROUND], [side * side - 1, GROUND]]), {"dc": drive}),
        (kind.device_for(values), pairs, columns),
    ]
    return circuit_of(side * side, kinds)


@pytest.mark.parametrize("kind", ["scattered", "sweep", "together", "few values", "one value"])
def test_many_samples_find_what_each_finds_alone(kind):
    rng = np.random.default_rng(0)
    drive = rng.uniform(-3, 3, (600, 2))
    if kind == "sweep":
        drive = np.stack([np.linspace(-3, 3, 600), np.full(600, 1.0)], axis=1)
    if kind == "together":
        drive[:, 1] = 1.0 - drive[:, 0]
    if kind == "one value":
        drive[:] = [1.0, -2.0]
    if kind == "few values":
        drive = rng.integers(-1, 2, (600, 2)).astype(float)
    circuit = lattice(drive)
    op = InternalSolver().solve(circuit)
    for s in (0, 17, 311, 599):
        alone = InternalSolver().solve(lattice(drive[s : s + 1]))
        np.testing.assert_allclose(op.x[s], alone.x[0], rtol=1e-8, atol=1e-12)
    assert np.abs(Equations.of(circuit).residual(op.x)).max() < 1e-11


def test_a_smooth_surface_is_met_and_known_samples_exactly():
    rng = np.random.default_rng(2)
    points = rng.uniform(-1, 1, (400, 2))
    values = np.stack([np.sin(points @ [1.0, 2.0]), points @ [3.0, -1.0]], axis=1)
    drives = Drives.of(points.T)
    order = drives.spread_out(16)
    assert sorted(order.tolist()) == list(range(400))
    known, others = np.split(order, [200])
    met, between = (Starts.interpolated(drives.weights(known, part), values[known]) for part in (known, others))
    np.testing.assert_allclose(met.values, values[known], atol=1e-6)
    assert np.median(np.abs(between.values - values[others])) < 1e-3
    np.testing.assert_array_equal([between.least, between.most], [values[known].min(axis=0), values[known].max(axis=0)])


def test_inputs_that_are_changed_in_place_are_other_inputs():
    driven = np.random.default_rng(3).uniform(-1, 1, (2, 300))
    wiring = lattice(driven.T).wiring
    starts = InterpolatedStarts.of(driven, 16, 8, wiring)
    assert starts is not None
    assert sorted([*starts.known, *starts.others]) == list(range(300))
    assert InterpolatedStarts.of(np.array(driven), 16, 8, wiring) is starts
    driven[0, 17] += 1e-3
    assert InterpolatedStarts.of(driven, 16, 8, wiring) is not starts
    assert InterpolatedStarts.of(driven, 16, 1, wiring) is None
