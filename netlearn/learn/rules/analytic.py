"""The exact gradient, from the adjoint network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.superposition import superpose, superposes
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize, pullback


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

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and one adjoint solve per sample, or fewer by superposition; no randomness."""
        free: OperatingPoint | None = None
        if self.superpose and superposes(model, len(batch)):
            sums = superpose(model, theta, batch.inputs)
            outputs, point = sums.outputs(model), sums.point
            errors = sums.gathered(loss.gradient(outputs, batch.targets) / len(batch))
        else:
            point = free = model.forward(theta, batch.inputs, batch.start)
            outputs = model.outputs(point)
            errors = loss.gradient(outputs, batch.targets) / len(batch)
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=adjoint_gradient(model, theta, point, errors),
            outputs=outputs,
            point=free,
            solves=len(batch),
            measurements=outputs.size,
        )


def adjoint_gradient(model: Model, theta: Array, point: OperatingPoint, errors: Array) -> Array:
    """The derivative (P,) by the parameters of what has the derivatives ``errors`` (S, o) by the outputs."""
    adjoint = linearize(point).solve(np.asarray(errors @ model.probe_matrix), transpose=True)
    columns = pullback(point, adjoint, model.parameters.columns)
    return model.pullback(theta, columns)
