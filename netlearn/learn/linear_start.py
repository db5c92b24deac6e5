"""First values by least squares where outputs are linear in the trained values themselves, and none is a resistance.

Transconductances and sources that drive a linear network are such: f(θ + δ) = f(θ) + J δ, exactly, so that
differences give J, and bounded linear least squares the best δ.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from netlearn.arrays import Array
from netlearn.learn.model import Model
from netlearn.learn.superposition import outputs_of

LINEAR = 1e-9
"""By which part of the outputs' change a second step of the same size may change them otherwise: transconductances pass
from 1e-13 on, and with one of them in a loop with a gain of 1e-3 they pass with 1e-2, not with 1e-5 (n = 5)
(benchmarks/constants_of_learning.py)."""


def linear_start(
    model: Model,
    theta: Array,
    inputs: Array,
    bounds: tuple[Array, Array],
    *,
    outputs: Array,
    weights: Array,
    errors: Array,
) -> tuple[Array, Array] | None:
    """The best values (P,) within ``bounds``, and the numbers of those that have any room.

    ``outputs`` (S, o) at ``theta`` (P,) are to change by ``errors`` (S, o), each with its part ``weights`` (S, o). None
    where a trained value is a resistance, or the outputs are not linear in all of them together.
    """
    sizes = np.asarray(model.parameters.sizes, dtype=float)
    if not model.circuit(theta, inputs).linear or np.any(model.parameters.resistive):
        return None

    def change(step: Array) -> Array:
        return outputs_of(model, theta + step, inputs)[0] - outputs

    slopes = np.stack([change(step) for step in np.diag(sizes)], axis=-1)
    together, doubled = change(sizes), change(2.0 * sizes)
    bent = max(
        np.abs(slopes.sum(axis=-1) - together).max(initial=0.0), np.abs(doubled - 2.0 * together).max(initial=0.0)
    )
    moved = max(np.abs(slopes).max(initial=0.0), np.abs(together).max(initial=0.0))
    if not moved or bent > LINEAR * max(moved, np.abs(outputs).max(initial=0.0)):
        return None
    matrix = (slopes * weights[..., None]).reshape(-1, len(theta))
    low, high = ((np.asarray(bound, dtype=float) - theta) / sizes for bound in bounds)
    free = high > low
    step = np.where(free, 0.0, low)
    left = (errors * weights).ravel() - matrix @ step
    scale = float(np.linalg.norm(matrix, axis=0).max())
    within = (low[free], high[free])
    if free.any():
        step[free] = lsq_linear(matrix[:, free] / scale, left / scale, within, method="bvls", tol=1e-14).x
    return np.clip(theta + step * sizes, *bounds), np.flatnonzero(free)
