"""The parts of the equations from runs of resistors, against sums over resistors one by one."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.solve.bordered.runs import runs
from netlearn.solve.compiled.load import kernels

INNER, BORDER, HELD = 6, 4, 5
NODES = INNER + BORDER + HELD


def ends(rng: np.random.Generator, *, layered: bool) -> Array:
    """Resistors between nodes of which the unknowns come first here, with no two inner ones beside each other."""
    every = [(a, b) for a in range(-1, NODES) for b in range(-1, NODES)]
    allowed = np.array([(a, b) for a, b in every if a == b or not (0 <= a < INNER and 0 <= b < INNER)])
    if not layered:
        return allowed[rng.integers(len(allowed), size=60)]
    inputs, middle = np.arange(INNER + BORDER, NODES), np.arange(INNER)
    blocks = [
        (inputs, middle),
        (middle, inputs),
        (middle, INNER + np.arange(BORDER)),
        (np.arange(INNER, NODES), middle),
    ]
    dense = [np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2) for a, b in blocks]
    return np.concatenate([*dense, np.stack([np.full(INNER, -1), middle], axis=1), allowed[rng.integers(200, size=9)]])


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("samples", [3, 4])
def test_runs_are_all_resistors_and_give_the_sums_over_them(samples: int, seed: int, layered: bool) -> None:
    rng = np.random.default_rng(seed)
    # The numbers that nodes have in the circuit do not follow any order, unless layers are to be found in it.
    index = ends(rng, layered=layered)
    unknown = np.where(np.arange(NODES) < INNER + BORDER, np.arange(NODES), -1)
    held = np.append(np.where(np.arange(NODES) >= INNER + BORDER, np.arange(NODES) - INNER - BORDER, -1), -1)
    if not layered:
        order = rng.permutation(NODES)
        unknown, held = unknown[order], np.append(held[order], -1)
        index = np.append(np.argsort(order), -1)[index]
    found = runs(index, unknown, held, INNER)
    np.testing.assert_array_equal(np.concatenate([f + np.arange(n) for _, f, n, *_ in found]), np.arange(len(index)))
    if layered:
        assert len(found) < len(index) / 2
    ohms, volts = rng.uniform(1, 10, len(index)), rng.normal(size=(samples, HELD))
    states = rng.normal(size=(2, samples, INNER + BORDER))
    full, whole = np.zeros((NODES + 1, NODES + 1)), np.zeros((2, samples, NODES + 1))
    for (a, b), r in zip(index, ohms, strict=True):
        full[np.ix_([a, b], [a, b])] += np.array([[1, -1], [-1, 1]]) / r if a != b else 0.0
    at, place = np.flatnonzero(unknown >= 0), np.flatnonzero(held[:-1] >= 0)
    whole[:, :, at] = states[:, :, unknown[at]]
    whole[1][:, place] = volts[:, held[place]]
    drops = whole[:, :, index[:, 0]] - whole[:, :, index[:, 1]]
    order = at[np.argsort(unknown[at])]
    matrix, driven = full[np.ix_(order, order)], full[np.ix_(order, place[np.argsort(held[place])])]
    diagonal, beside, square = np.empty(INNER + BORDER), np.empty((INNER, BORDER)), np.empty((BORDER, BORDER))
    drive, (conductance, copy) = np.zeros((samples, INNER + BORDER)), np.empty((2, len(index)))
    loops = kernels()
    assert loops.gather(found, ohms, volts, diagonal, beside, square, drive, conductance, copy) == 0.0
    np.testing.assert_allclose(diagonal, np.diag(matrix), rtol=1e-13)
    np.testing.assert_allclose(beside, matrix[:INNER, INNER:], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(square, matrix[INNER:, INNER:], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(drive, volts @ driven.T, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(conductance, 1 / ohms, rtol=1e-15)
    np.testing.assert_array_equal(copy, ohms)
    result = np.empty(len(index))
    loops.contract_runs(0, len(found), found, INNER, conductance, *states, volts, -2.0, result)
    # What sources hold does not move, and neither does what joins one unknown to itself.
    np.testing.assert_allclose(result, 2.0 * (drops[0] * drops[1]).sum(axis=0) / ohms**2, rtol=1e-12, atol=1e-14)
    left, right = (each.reshape(samples, -1).T for each in states)
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    again, at_held, outside = np.empty(len(index)), volts.T @ left.T, (left[INNER:], right[INNER:])
    loops.contract_products(found, INNER, conductance, left, right, outside, at_held, -2.0, again)
    np.testing.assert_allclose(again, result, rtol=1e-12, atol=1e-12)
    for wrong in (0.0, -1.0, np.nan):
        ohms[rng.integers(len(ohms))] = wrong
        assert loops.gather(found, ohms, volts, diagonal, beside, square, drive, conductance, np.empty(0)) != 0.0
