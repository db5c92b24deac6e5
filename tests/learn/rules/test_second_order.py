"""Gauss-Newton and natural gradient against dense matrices, and a chip in the loop."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Adam, Sgd
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.rules.second_order import GaussNewton, NaturalGradient, OutputJacobian
from netlearn.overrides import settings_for
from netlearn.project import open_project
from netlearn.solve import contraction
from tests.helpers import divider, estimate, random_task

RNG = np.random.default_rng


def dense_jacobian(model: Model, theta: Array, batch: Batch) -> Array:
    """∂y/∂log θ, (S, o, P), by central differences."""
    columns = []
    for p in range(len(theta)):
        moved = []
        for way in (1, -1):
            changed = theta.copy()
            changed[p] *= np.exp(way * 1e-5)
            moved.append(model.outputs(model.forward(changed, batch.inputs)))
        columns.append((moved[0] - moved[1]) / 2e-5)
    return np.stack(columns, axis=-1)


def test_products_with_the_jacobian() -> None:
    model, theta, batch = random_task(0)
    wanted = dense_jacobian(model, theta, batch)
    jacobian = OutputJacobian(model, theta, model.forward(theta, batch.inputs))
    direction, weights = RNG(0).normal(size=len(theta)), RNG(1).normal(size=(5, 2))
    assert jacobian.forward(direction) == pytest.approx(wanted @ direction, abs=1e-8)
    assert jacobian.backward(weights) == pytest.approx(np.einsum("so,sop->p", weights, wanted), abs=1e-8)


@pytest.mark.parametrize("text", ["V2 b 0 0.5", "V2 b 0 0.5\nD1 c 0 dm\n.model dm d\n.options temp=50"])
def test_products_are_the_same_however_few_samples_are_held_at_a_time(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that an input sets for each sample, and temperatures, belong to the samples of each part."""
    source = f"t\n*@train R1 R2 V2\n*@output V(c) I(R2)\nV1 a 0 1\nR1 a c 1k tc1=1m\nR2 b c 2k\nR3 c 0 3k\n{text}\n"
    inputs = {"V1": [0.5, 1.0, 2.0, -1.0, 0.2], "R3": [1e3, 2e3, 3e3, 4e3, 5e3], "temp": [0.0, 20.0, 40.0, 60.0, 80.0]}
    project = open_project(netlearn.parse(source), inputs | {"V(c)": [0.0] * 5, "I(R2)": [0.0] * 5})
    model, theta, given = project.model, project.parameters.initial, project.samples()
    jacobian = OutputJacobian(model, theta, model.forward(theta, given.inputs), given.inputs)
    direction = RNG(0).normal(size=len(theta))
    whole = jacobian.forward(direction)
    assert np.abs(whole).min() > 0
    monkeypatch.setattr(contraction, "HELD", 1)
    np.testing.assert_array_equal(jacobian.forward(direction), whole)


@pytest.mark.parametrize("loss", [Mse(), CrossEntropy(scale=4.0)])
@pytest.mark.parametrize("rule", [GaussNewton(damping=1e-2), NaturalGradient(damping=1e-2)])
def test_solves_the_damped_system(loss: Loss, rule: NaturalGradient) -> None:
    model, theta, batch = random_task(1)
    if isinstance(loss, CrossEntropy):
        batch = Batch(batch.inputs, np.array([0, 1, 1, 0, 1]))
    slopes = dense_jacobian(model, theta, batch)
    outputs = model.outputs(model.forward(theta, batch.inputs))
    if isinstance(rule, GaussNewton):
        # The Hessians by hand: 2/o for the mean square, scale² (diag p - p pᵀ) for the cross-entropy.
        chances = np.exp(4.0 * outputs) / np.exp(4.0 * outputs).sum(axis=1, keepdims=True)
        entropy = 16.0 * (np.einsum("so,oq->soq", chances, np.eye(2)) - np.einsum("so,sq->soq", chances, chances))
        hessian = entropy if isinstance(loss, CrossEntropy) else np.broadcast_to(np.eye(2), (5, 2, 2))
    else:
        hessian = np.broadcast_to(np.eye(2), (5, 2, 2))
    metric = np.einsum("sop,soq,sqr->pr", slopes, hessian, slopes) / 5
    gradient = theta * Analytic().estimate(model, loss, theta, batch, RNG(0)).gradient
    damping = 1e-2 * (gradient @ metric @ gradient) / (gradient @ gradient)
    wanted = np.linalg.solve(metric + damping * np.eye(len(theta)), gradient)
    found = theta * rule.estimate(model, loss, theta, batch, RNG(0)).gradient
    assert found == pytest.approx(wanted, abs=1e-5 * np.abs(wanted).max())


def test_gauss_newton_reaches_a_solution_in_a_few_steps() -> None:
    model, theta, batch = divider()
    for _ in range(6):
        step = theta * GaussNewton().estimate(model, Mse(), theta, batch, RNG(0)).gradient
        theta = theta * np.exp(-step)
    assert model.outputs(model.forward(theta, batch.inputs)) == pytest.approx(0.25, abs=1e-9)


class TestInTheLoop:
    def test_without_a_chip_it_is_the_analytic_rule(self) -> None:
        model, theta, batch = random_task(0)
        assert estimate(InTheLoop(), model, theta, batch) == pytest.approx(
            estimate(Analytic(), model, theta, batch), rel=1e-12
        )

    def test_takes_loss_and_error_from_the_chip(self) -> None:
        """A chip with resistors 10 % off: dℓ/dy is the chip's, dy/dR the model's."""
        model, theta, batch = divider()

        class Chip:
            def solve(self, circuit: object, start: object = None) -> object:
                return model.forward(theta * np.array([1.0, 1.1]), batch.inputs)

        found = InTheLoop(chip=Chip()).estimate(model, Mse(), theta, batch, RNG(0))  # type: ignore[arg-type]
        output = 1.1 / 2.1
        assert found.outputs == pytest.approx(output)
        assert found.loss == pytest.approx((output - 0.25) ** 2)
        # ∂y/∂R of the model is ∓ 0.25/kΩ.
        assert found.gradient == pytest.approx(2 * (output - 0.25) * 0.25e-3 * np.array([-1.0, 1.0]))

    def test_noise_leaves_it_right_in_the_mean(self) -> None:
        model, theta, batch = random_task(0)
        rule = InTheLoop(noise=0.01)
        found = [rule.estimate(model, Mse(), theta, batch, RNG(i)).gradient for i in range(400)]
        exact = estimate(Analytic(), model, theta, batch)
        error = np.abs(np.mean(found, axis=0) - exact)
        assert np.all(error <= 5 * np.std(found, axis=0) / 20 + 1e-15)


class TestOptimizer:
    """What trains with a rule whose steps have their size already."""

    NETLIST = Path(__file__).parents[3] / "netlists" / "iris.cir"

    def train(self, **settings: object) -> netlearn.TrainResult:
        return netlearn.train(self.NETLIST, epochs=20, batch=0, **settings)  # type: ignore[arg-type]

    def test_the_one_that_suits_the_rule_is_taken_and_told(self) -> None:
        """Adam knows directions only, and throws the curvature's sizes away."""
        result, adam = self.train(rule="gauss-newton"), self.train(rule="gauss-newton", optimizer="adam lr=0.05")
        assert result.settings.optimizer == Sgd(lr=0.3)
        assert result.notes == ("optimizer sgd lr=0.3, which suits rule gauss-newton",)
        assert adam.settings.optimizer == Adam(lr=0.05)
        assert not adam.notes
        assert result.loss < 0.1
        assert adam.loss > 0.5

    def test_an_optimizer_in_the_netlist_is_meant_for_the_rule_in_the_netlist(self) -> None:
        text = self.NETLIST.read_text(encoding="utf-8")
        beside = netlearn.parse(text.replace("*@optimizer", "*@rule gauss-newton\n*@optimizer"))
        alone = netlearn.parse(re.sub(r"\*@optimizer.*", "*@rule natural damping=0.01", text))
        assert settings_for(beside, {}).optimizer == Adam(lr=0.05)
        assert settings_for(alone, {}).optimizer == Sgd(lr=0.3)
        assert settings_for(alone, {"rule": "analytic"}).optimizer == Adam()
        assert settings_for(alone, {}).notes == ("optimizer sgd lr=0.3, which suits rule natural damping=0.01",)

    def test_steps_have_no_unit(self) -> None:
        """A circuit whose outputs are a thousand times as large trains alike."""
        netlist = "*\n*@output V(out)\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\nR3 out 0 2k\n.end\n"
        losses = []
        for scale in (1.0, 1e3):
            data = {"V1": scale * np.array([1.0, 0.5]), "V(out)": scale * np.array([0.3, 0.15])}
            found = netlearn.train(netlearn.parse(netlist), data, rule="gauss-newton", epochs=10)
            losses.append([record.loss / scale**2 for record in found.history])
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
        # Each step takes three tenths of the error away, and more where the outputs bend.
        assert losses[0][-1] / losses[0][0] < 0.7 ** (2 * 9)

    def test_lbfgs_makes_its_own_steps(self) -> None:
        with pytest.raises(OptionError, match="lbfgs makes steps of gradients, and this rule gives steps"):
            self.train(rule="gauss-newton", optimizer="lbfgs")
