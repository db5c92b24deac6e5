"""The exact gradient, from the adjoint network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.loss import Loss, mean_loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.planned import planned_step
from netlearn.learn.rules.power import with_power
from netlearn.learn.superposition import superpose, superposes
from netlearn.options import Option
from netlearn.solve.operating_point import OperatingPoint

_SUPERPOSE = Option("superpose", bool, True)


@dataclass(frozen=True)
class Analytic:
    """The exact gradient of the loss at the operating point.

    Solves Jᵀ λ = Mᵀ ∂ℓ/∂y for the adjoint state λ, and contracts it with the derivatives of
    the equations by the values: for a resistor ∂ℓ/∂g_k = -Δv_k Δλ_k (Director and Rohrer,
    IEEE Trans. Circuit Theory 16, 1969). Of the circuit's state, only the output error
    enters from outside; the rest is the model. For a linear circuit the free state is not
    computed sample by sample, and not given, unless ``superpose`` is false.
    """

    superpose: bool = True

    def __post_init__(self) -> None:
        _SUPERPOSE.check(self.superpose)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and one adjoint solve per sample, or fewer by superposition; no randomness."""
        free: OperatingPoint | None = None
        gradient: Array | None = None
        step = planned_step(model, theta, batch)
        if step is not None:
            point = free = step.point
            inputs, outputs = batch.inputs, model.converted(step.read)
            errors = loss.gradient(outputs, batch.targets) / len(batch)
            gradient = step.gradient(errors)
        elif self.superpose and superposes(model, batch.inputs):
            sums = superpose(model, theta, batch.inputs)
            outputs, point, inputs = sums.outputs(model), sums.point, sums.inputs
            errors = sums.gathered(loss.gradient(outputs, batch.targets) / len(batch))
        else:
            point = free = model.forward(theta, batch.inputs, batch.start)
            inputs = batch.inputs
            outputs = model.outputs(point)
            errors = loss.gradient(outputs, batch.targets) / len(batch)
        if gradient is None:
            gradient = Adjoint(model, theta, inputs, point, errors).by_parameters()
        estimate = Estimate(
            loss=mean_loss(loss, outputs, batch.targets),
            gradient=gradient,
            outputs=outputs,
            point=free,
            solves=len(batch),
            measurements=outputs.size,
        )
        return with_power(estimate, model, loss, theta, batch)
