"""Gauss-Newton and natural gradient against dense matrices, and a chip in the loop."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.rules.second_order import GaussNewton, NaturalGradient, OutputJacobian

RNG = np.random.default_rng


def dense_jacobian(lab: SimpleNamespace, model: Model, theta: Array, batch: Batch) -> Array:
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


def test_products_with_the_jacobian(lab: SimpleNamespace) -> None:
    model, theta, batch = lab.random_network(0)
    wanted = dense_jacobian(lab, model, theta, batch)
    jacobian = OutputJacobian(model, theta, model.forward(theta, batch.inputs))
    direction, weights = RNG(0).normal(size=len(theta)), RNG(1).normal(size=(5, 2))
    assert jacobian.forward(direction) == pytest.approx(wanted @ direction, abs=1e-8)
    assert jacobian.backward(weights) == pytest.approx(np.einsum("so,sop->p", weights, wanted), abs=1e-8)


@pytest.mark.parametrize("loss", [Mse(), CrossEntropy(scale=4.0)])
@pytest.mark.parametrize("rule", [GaussNewton(damping=1e-2), NaturalGradient(damping=1e-2)])
def test_solves_the_damped_system(lab: SimpleNamespace, loss: Loss, rule: NaturalGradient) -> None:
    model, theta, batch = lab.random_network(1)
    if isinstance(loss, CrossEntropy):
        batch = Batch(batch.inputs, np.array([0, 1, 1, 0, 1]))
    slopes = dense_jacobian(lab, model, theta, batch)
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


def test_gauss_newton_reaches_a_solution_in_a_few_steps(lab: SimpleNamespace) -> None:
    model, theta, batch = lab.divider()
    for _ in range(6):
        step = theta * GaussNewton().estimate(model, Mse(), theta, batch, RNG(0)).gradient
        theta = theta * np.exp(-step)
    assert model.outputs(model.forward(theta, batch.inputs)) == pytest.approx(0.25, abs=1e-9)


class TestInTheLoop:
    def test_without_a_chip_it_is_the_analytic_rule(self, lab: SimpleNamespace) -> None:
        model, theta, batch = lab.random_network(0)
        assert lab.estimate(InTheLoop(), model, theta, batch) == pytest.approx(
            lab.estimate(Analytic(), model, theta, batch), rel=1e-12
        )

    def test_takes_loss_and_error_from_the_chip(self, lab: SimpleNamespace) -> None:
        """A chip with resistors 10 % off: dℓ/dy is the chip's, dy/dR the model's."""
        model, theta, batch = lab.divider()

        class Chip:
            def solve(self, circuit: object, start: object = None) -> object:
                return model.forward(theta * np.array([1.0, 1.1]), batch.inputs)

        found = InTheLoop(chip=Chip()).estimate(model, Mse(), theta, batch, RNG(0))  # type: ignore[arg-type]
        output = 1.1 / 2.1
        assert found.outputs == pytest.approx(output)
        assert found.loss == pytest.approx((output - 0.25) ** 2)
        # ∂y/∂R of the model is ∓ 0.25/kΩ.
        assert found.gradient == pytest.approx(2 * (output - 0.25) * 0.25e-3 * np.array([-1.0, 1.0]))

    def test_noise_leaves_it_right_in_the_mean(self, lab: SimpleNamespace) -> None:
        model, theta, batch = lab.random_network(0)
        rule = InTheLoop(noise=0.01)
        found = [rule.estimate(model, Mse(), theta, batch, RNG(i)).gradient for i in range(400)]
        exact = lab.estimate(Analytic(), model, theta, batch)
        error = np.abs(np.mean(found, axis=0) - exact)
        assert np.all(error <= 5 * np.std(found, axis=0) / 20 + 1e-15)
