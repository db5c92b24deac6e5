"""The emulator against finite differences and exact gradients, on circuits with a model and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.emulator import Emulator
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from tests.helpers import RNG, random_task

STAGE = Path(__file__).parents[3] / "netlists" / "differential_stage.cir"


@pytest.mark.parametrize("outputs", [1, 2])
def test_its_derivatives_are_those_of_differences(outputs: int) -> None:
    rng = RNG(0)
    values, inputs = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    wanted = np.stack([np.sin(values[:, 0]) * inputs[:, 0] + values[:, 1], np.tanh(values[:, 2] * inputs[:, 1])], 1)
    network = Emulator.trained(values, inputs, wanted[:, :outputs], (8,), seed=1)
    assert np.sqrt(np.mean((network.outputs(values, inputs) - wanted[:, :outputs]) ** 2)) < 0.1
    errors, step = rng.normal(size=(60, outputs)), 1e-5
    by_values = network.pullback(values, inputs, errors)
    for k in range(4):
        moved = step * np.eye(4)[k]
        change = network.outputs(values + moved, inputs) - network.outputs(values - moved, inputs)
        np.testing.assert_allclose(by_values[:, k], np.sum(errors * change, axis=1) / (2 * step), atol=1e-7)
    for part in ("scale", "size"):
        with pytest.raises(ValueError, match="a scale of the emulator is not above zero"):
            Emulator.of({**network.memory("n"), f"n.{part}": -getattr(network, part)}, "n", (4, 2, outputs))
    again = Emulator.of(network.memory("n"), "n", (4, 2, outputs))
    assert again is not None
    np.testing.assert_array_equal(again.outputs(values, inputs), network.outputs(values, inputs))


def test_its_gradient_is_near_the_exact_one_once_it_has_seen_more_settings_than_values() -> None:
    model, theta, batch = random_task(3)
    exact = Analytic().estimate(model, Mse(), theta, batch, RNG(0)).gradient * theta
    cosines = []
    for begin in (4, 40):
        rule = make_rule("emulator", begin=begin, explore=0, noise=1e-5, spread=0.05)
        found = rule.estimate(model, Mse(), theta, batch, RNG(1))
        assert found.measurements == (1 + begin) * batch.targets.size
        gradient = found.gradient * theta
        cosines.append(gradient @ exact / np.linalg.norm(gradient) / np.linalg.norm(exact))
    assert cosines[1] > 0.98
    assert cosines[1] > cosines[0]


def test_settings_stay_within_their_bounds() -> None:
    model, theta, batch = random_task(3)
    model = replace(model, parameters=replace(model.parameters, lower=0.98 * theta, upper=1.02 * theta))
    found = make_rule("emulator", begin=30).estimate(model, Mse(), theta, batch, RNG(1))
    assert found.memory is not None
    seen = np.exp(found.memory["pairs.theta"])
    assert np.all(seen > 0.979 * theta)
    assert np.all(seen < 1.021 * theta)


def test_it_trains_what_only_ngspice_can_solve(ngspice: None) -> None:
    result = netlearn.train(STAGE, forward="ngspice", rule="emulator", epochs=40, schedule="cosine")
    assert result.loss < 0.1 * result.history[0].loss
    # At every step the present setting and two others, and three before the first.
    assert result.history[-1].measurements == 9 * (3 * 40 + 3)


def test_it_trains_a_chip() -> None:
    model, theta, batch = random_task(3)

    def chip(values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        return model.outputs(model.forward(1.3 * values[[0, 1, 2, *range(3, 13)]], inputs))

    ends = [*((k, k + 1) for k in range(7)), (0, None), (3, 7), (1, 5), (2, 6), (4, None), (7, 2)]
    lines = [
        f"R{k + 1} n{a} {0 if b is None else f'n{b}'} {float(v)!r}"
        for k, ((a, b), v) in enumerate(zip(ends, theta, strict=True))
    ]
    text = "\n".join(["* a chip", *lines, "V1 n0 0 0", "V2 n7 0 0", ".end"])
    data = {
        "V1": batch.inputs[:, 0],
        "V2": batch.inputs[:, 1],
        "V(n3)": batch.targets[:, 0],
        "V(n5,n2)": batch.targets[:, 1],
    }
    result = netlearn.train(netlearn.parse(text), data, forward=chip, rule="emulator", epochs=30)
    assert result.loss < 0.7 * result.history[0].loss


def test_more_than_fits_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.learn.emulator.most", lambda: 1000)
    model, theta, batch = random_task(3)
    with pytest.raises(OptionError, match="an emulator of 13 values and 2 inputs takes"):
        make_rule("emulator").estimate(model, Mse(), theta, batch, RNG(1))


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "* a divider\n*@train R*\n*@rule emulator\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n"
    data = {"V1": np.array([1.0, 2.0]), "V(out)": np.array([0.3, 0.6])}
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(NetlearnError, match="needs scikit-learn") as caught:
        netlearn.train(netlearn.parse(text), data)
    assert "netlearn[sklearn]" in caught.value.hint
