"""Inputs with both signs: which nodes they are, and that halves give the products of the whole."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
from netlearn.solve.bordered.mirrored import Mirrored
from tests.helpers import differences, mean_loss

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")

SAMPLES, PAIRS, HIDDEN, OUTPUTS = 40, 4, 5, 2
HALVES = {
    "halves": [1, 2, 3, 4, -1, -2, -3, -4],
    "neighbours": [1, -1, 2, -2, 3, -3, 4, -4],
    "halves, one first": [0, 1, 2, 3, 4, -1, -2, -3, -4],
    "halves, one last": [1, 2, 3, 4, -1, -2, -3, -4, 0],
    "neighbours, one first": [0, 1, -1, 2, -2, 3, -3, 4, -4],
    "neighbours, one last": [1, -1, 2, -2, 3, -3, 4, -4, 0],
    "one pair": [1, -1],
}
OTHERS = {
    "one sign": [1, 2, 3, 4],
    "one node": [1],
    "no node": [],
    "another order": [1, 2, 3, 4, -2, -1, -3, -4],
    "two more": [0, 1, 2, -1, -2, 0],
}


def volts_of(order: list[int], rng: np.random.Generator) -> Array:
    """(S, t): x_k for k, -x_k for -k, and something of its own for 0."""
    x = rng.uniform(-1, 1, (SAMPLES, PAIRS))
    columns = [np.sign(k) * x[:, abs(k) - 1] if k else rng.uniform(-1, 1, SAMPLES) for k in order]
    return np.stack(columns, axis=1) if columns else np.zeros((SAMPLES, 0))


@pytest.mark.parametrize("order", HALVES.values(), ids=HALVES)
def test_halves_give_the_products_of_the_whole(order: list[int]) -> None:
    rng = np.random.default_rng(len(order))
    volts = volts_of(order, rng)
    found = Mirrored.of(volts)
    assert found is not None
    np.testing.assert_array_equal(volts[:, found.second], -volts[:, found.first])
    matrix, driving = rng.normal(size=(len(order), HIDDEN)), rng.normal(size=(HIDDEN, SAMPLES))
    driven, products = np.empty((HIDDEN, SAMPLES)), np.empty(matrix.shape)
    found.driven(matrix, driven, 16)
    found.products(driving, products)
    np.testing.assert_allclose(driven, matrix.T @ volts.T, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(products, volts.T @ driving.T, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("order", OTHERS.values(), ids=OTHERS)
def test_others_have_none(order: list[int]) -> None:
    assert Mirrored.of(volts_of(order, np.random.default_rng(0))) is None


@pytest.mark.parametrize("sample", [0, SAMPLES - 1])
@pytest.mark.parametrize("value", [0.25, np.nan])
def test_one_voltage_of_another_kind_is_enough(value: float, sample: int) -> None:
    volts = volts_of(HALVES["halves"], np.random.default_rng(1))
    volts[sample, -1] = value
    assert Mirrored.of(volts) is None


@pytest.mark.parametrize("rule", ["analytic", "ep"])
@pytest.mark.parametrize("order", [HALVES["halves"], HALVES["neighbours, one first"], OTHERS["one sign"]])
def test_gradients_of_a_step_are_differences_of_losses(order: list[int], rule: str) -> None:
    rng = np.random.default_rng(2)
    ohms = 10 ** rng.uniform(3, 5, (len(order) + OUTPUTS, HIDDEN))
    lines = [*(f"V{i} x{i} 0 0" for i in range(len(order))), ".model dm d(ron=1m roff=1g vfwd=0)"]
    lines += [f"Ra{i}_{j} x{i} h{j} {float(ohms[i, j])!r}" for i in range(len(order)) for j in range(HIDDEN)]
    lines += [f"Rb{j}_{k} h{j} y{k} {float(ohms[len(order) + k, j])!r}" for j in range(HIDDEN) for k in range(OUTPUTS)]
    lines += [f"D{j} h{j} 0 dm" if j % 2 else f"D{j} 0 h{j} dm" for j in range(HIDDEN)]
    text = "\n".join(["layers", *lines, "*@train R*", "*@output V(y0) V(y1)", ".end"])
    x, y = volts_of(order, rng), rng.uniform(-0.2, 0.2, (SAMPLES, OUTPUTS))
    columns = {f"V{i}": x[:, i] for i in range(len(order))} | {f"V(y{k})": y[:, k] for k in range(OUTPUTS)}
    project = open_project(netlearn.parse(text), columns)
    model, theta, batch = project.model, project.parameters.initial, Batch(x, y)
    options = {} if rule == "analytic" else {"beta": 1e-8, "unit": "siemens"}
    found = make_rule(rule, **options).estimate(model, Mse(), theta, batch, np.random.default_rng(0)).gradient
    expected = differences(lambda at: mean_loss(model, at, batch), theta)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
