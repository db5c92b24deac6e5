"""Dissipated power against what sources give, and its derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import RULES, make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.power import dissipated
from netlearn.project import open_project

RNG = np.random.default_rng
CIRCUITS = {
    "resistors": "R1 in a 1k\nR2 a 0 2k\nR3 a out 3k\nR4 out 0 1k\nR5 in out 4k\n",
    "diodes": "R1 in a 1k\nD1 a 0 m\nR3 a out 3k\nD2 out b n\nR4 b 0 1k\nI1 0 out 10u\n.model m d(is=1e-9)\n"
    ".model n d(is=1e-9 rs=30)\n",
    "amplifiers": "R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\nR3 a out 2k\nR4 out 0 5k\n",
    "transistors": "R1 in g 10k\nM1 out g 0 0 m\nVd d 0 2\nR2 d out 2k\nR3 g 0 20k\n.model m nmos(vto=0.3 kp=1m)\n",
}
LOCAL = ("ep", "cl", "al", "contrastive", "frequency", "finite-ep", "adjoint-circuit")


def lab(name: str, samples: int = 3) -> tuple[Model, Array, Batch]:
    volts = np.linspace(0.5, 1.2, samples)
    netlist = netlearn.parse(f"* test\n*@output V(out)\n*@train R*\nV1 in 0 0\n{CIRCUITS[name]}.end\n")
    project = open_project(netlist, {"V1": volts, "V(out)": 0.3 - 0.2 * volts})
    data = project.samples()
    return project.model, project.parameters.initial, Batch(data.inputs, data.targets)


@pytest.mark.parametrize("name", CIRCUITS)
def test_is_what_the_sources_give(name: str) -> None:
    """Tellegen's theorem: -v i of every source, controlled ones included."""
    model, theta, batch = lab(name)
    point = model.forward(theta, batch.inputs)
    x = np.concatenate([point.x, np.zeros((len(point.x), 1))], axis=1)
    given = np.zeros(len(x))
    for group in point.circuit.groups:
        index = np.asarray(group.index)
        if "source" in group.device.name or group.device.name in {"vcvs", "cccs"}:
            drops = x[:, index[:, 0]] - x[:, index[:, 1]]
            kind = group.device.name
            if kind in {"voltage source", "vcvs"}:
                currents = x[:, index[:, -1]]
            elif kind == "cccs":
                currents = group.values["gain"] * x[:, index[:, 2]]
            else:
                currents = np.broadcast_to(group.values["dc"], drops.shape)
            given -= np.sum(drops * currents, axis=1)
    assert np.all(given > 0)
    assert dissipated(point) == pytest.approx(given, rel=1e-9)


def total(model: Model, theta: Array, batch: Batch, weight: float) -> float:
    point = model.forward(theta, batch.inputs)
    return float(np.mean(Mse().value(model.outputs(point), batch.targets) + weight * dissipated(point)))


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("rule", ["analytic", "in-the-loop", "differences", "homodyne"])
def test_gradient_of_loss_and_power(name: str, rule: str) -> None:
    model, theta, batch = lab(name)
    weight = 5000.0
    steps = np.diag(1e-5 * theta)
    wanted = np.array([total(model, theta + h, batch, weight) - total(model, theta - h, batch, weight) for h in steps])
    wanted /= 2e-5 * theta
    found = make_rule(rule).estimate(model, Mse(power=weight), theta, batch, RNG(0))
    assert found.loss == pytest.approx(total(model, theta, batch, weight), rel=1e-12)
    assert found.gradient == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())
    # The power has a say in it.
    plain = make_rule(rule).estimate(model, Mse(), theta, batch, RNG(0)).gradient
    assert np.linalg.norm(found.gradient - plain) > 0.2 * np.linalg.norm(plain)


@pytest.mark.parametrize("rule", [*LOCAL, "projector", "holomorphic"])
def test_local_rules_take_each_resistors_own_power(rule: str) -> None:
    """-Δv²/R², which is all of the derivative where there are resistors and voltage sources only."""
    model, theta, batch = lab("resistors")
    gradients = [
        make_rule(rule).estimate(model, Mse(power=weight), theta, batch, RNG(0)).gradient for weight in (0.0, 7.0)
    ]
    steps = np.diag(1e-5 * theta)
    power = [
        np.mean(dissipated(model.forward(theta + h, batch.inputs)) - dissipated(model.forward(theta - h, batch.inputs)))
        for h in steps
    ]
    assert gradients[1] - gradients[0] == pytest.approx(7 * np.array(power) / (2e-5 * theta), rel=1e-5)
    x = model.forward(theta, batch.inputs).x
    names = list(model.parameters.circuit.nodes)
    drop = x[:, names.index("a")] - x[:, names.index("out")]
    assert (gradients[1] - gradients[0])[2] == pytest.approx(-7 * np.mean(drop**2) / theta[2] ** 2)


def test_training_trades_error_for_power() -> None:
    """Stern and others, 2024: the more power counts the less is used, and the larger the error becomes."""
    netlist = netlearn.parse(
        "* divider\n*@output V(out)\n*@train R* min=100 max=100k\n"
        "V1 in 0 1\nR1 in out 1k\nR2 out 0 1k\nR3 in out 3k\n.end\n"
    )
    data, weights = {"V1": [1.0, 0.5], "V(out)": [0.25, 0.125]}, (0.0, 30.0, 3e4)
    found = [
        netlearn.train(netlist, data, loss=f"mse power={weight}", optimizer="adam lr=0.1", epochs=200).train
        for weight in weights
    ]
    watts = [result.power for result in found]
    errors = [result.loss - weight * result.power for result, weight in zip(found, weights, strict=True)]
    assert watts[0] > 2 * watts[1] > 4 * watts[2]
    assert errors[0] < 1e-6
    assert errors[0] < errors[1] < 1e-3
    assert errors[2] > 1e-3


def test_chosen_scales_keep_the_weight() -> None:
    assert CrossEntropy(power=3.0).chosen(np.array([[0.1, 0.2]])).power == 3.0


def test_every_rule_knows_of_it() -> None:
    model, theta, batch = lab("resistors")
    for name in RULES:
        without, with_it = (
            make_rule(name).estimate(model, Mse(power=weight), theta, batch, RNG(0)) for weight in (0.0, 30.0)
        )
        watts = float(np.mean(dissipated(model.forward(theta, batch.inputs))))
        assert with_it.loss - without.loss == pytest.approx(30 * watts)
        assert not np.allclose(with_it.gradient, without.gradient, rtol=1e-3)
