"""What parameters compare between the free states of a plan and nudged ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.rules.nudges import ConductanceNudge, CurrentNudge, Nudge
from netlearn.learn.rules.planned import PlannedStep

PLANNED = (ConductanceNudge, CurrentNudge)
"""Nudges that are elements at the outputs, as strong as β is."""


def planned_contrast(
    step: PlannedStep, nudge: Nudge, scheme: Sequence[tuple[float, float]], outputs: Array, wanted: tuple[Loss, Array]
) -> Array | None:
    """Σ shares (∂Φ/∂θ(x_β) - ∂Φ/∂θ(x_0)) over the β and shares of a ``scheme``, (P,).

    x_0 are the free states, whose ``outputs`` (S, o) were read, ``wanted`` the loss and the targets. None where the
    general way is to say it.
    """
    if not step.nudgeable:
        return None
    loss, targets = wanted
    one = nudge.circuitry(1.0, outputs, targets, loss)
    betas, shares = np.array(scheme, dtype=float).T
    current = np.zeros(outputs.shape) if one.current is None else one.current
    conductance = np.zeros(outputs.shape[1]) if one.conductance is None else one.conductance
    if current.shape != outputs.shape or conductance.shape != outputs.shape[1:]:
        return None
    if current.dtype != float or conductance.dtype != float:
        return None
    if len(betas) == 2 and shares[0] == -shares[1]:
        # The free states drop out of the difference of the two.
        pairs, shares = np.array([[2, 1]]), shares[:1]
    else:
        pairs, shares = np.array([(0, 1 + k) for k in range(len(betas))]), np.ascontiguousarray(shares)
    strengths, currents = betas[:, None] * conductance, betas[:, None, None] * current
    # Products lie in memory as their factors do, which may be targets that somebody turned around.
    strengths, currents = np.ascontiguousarray(strengths), np.ascontiguousarray(currents)
    return step.contrast(strengths, currents, pairs, shares, definite=bool((strengths < 0).any()))
