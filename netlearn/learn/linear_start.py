"""First values by least squares where outputs are linear in the trained values themselves, and none is a resistance.

Transconductances and sources that drive a linear network are such: f(θ + δ) = f(θ) + J δ, exactly, so that
differences give J, and bounded linear least squares the best δ.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from netlearn.arrays import Array
from netlearn.learn.data import Dataset
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.superposition import outputs_of

LINEAR = 1e-9
"""By which part of the outputs' change a second step of the same size may change them otherwise."""


def linear_start(
    model: Model, loss: Loss, data: Dataset, theta: Array, bounds: tuple[Array, Array]
) -> tuple[Array, Array, float, float] | None:
    """The best values (P,) within ``bounds``, their numbers (P,), and the loss before and with them.

    None where a trained value is a resistance, or the outputs are not linear in all of them together.
    """
    assert isinstance(loss, Mse)
    sizes = np.asarray(model.parameters.sizes, dtype=float)
    if not model.circuit(theta, data.inputs).linear or np.any(model.parameters.resistive):
        return None
    outputs, _ = outputs_of(model, theta, data.inputs)

    def change(step: Array) -> Array:
        return outputs_of(model, theta + step, data.inputs)[0] - outputs

    steps = np.diag(sizes)
    slopes = np.stack([change(step) for step in steps], axis=-1)
    together = change(sizes)
    largest = max(float(np.abs(slopes).max(initial=0.0)), float(np.abs(together).max(initial=0.0)))
    apart = max(
        float(np.abs(slopes.sum(axis=-1) - together).max(initial=0.0)),
        float(np.abs(change(2.0 * sizes) - 2.0 * together).max(initial=0.0)),
    )
    if not largest or apart > LINEAR * max(largest, float(np.abs(outputs).max(initial=0.0))):
        return None
    wanted = loss.wanted(outputs, data.targets)
    asked = ~np.isnan(wanted)
    # The readings' own weights: where something is asked of few outputs each counts more.
    weights = np.where(asked, 1.0, 0.0) / np.sqrt(np.maximum(asked.sum(axis=1, keepdims=True), 1))
    errors = (np.where(asked, wanted - outputs, 0.0) * weights).ravel()
    matrix = (slopes * weights[..., None]).reshape(-1, len(theta))
    low, high = ((np.asarray(bound, dtype=float) - theta) / sizes for bound in bounds)
    scale = float(np.linalg.norm(matrix, axis=0).max())
    fixed = high <= low
    high = np.where(fixed, low + 1.0, high)
    found = lsq_linear(matrix / scale, errors / scale, (low, high), method="bvls", tol=1e-14, lsq_solver="exact").x
    low_theta, high_theta = bounds
    result = np.clip(theta + np.where(fixed, 0.0, found) * sizes, low_theta, high_theta)
    reached, _ = outputs_of(model, result, data.inputs)
    before, after = (float(np.mean(loss.value(each, data.targets))) for each in (outputs, reached))
    return result, np.flatnonzero(~fixed), before, after
