"""What parameters compare between the free states of a plan and nudged ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.rules.nudges import ConductanceNudge, CurrentNudge, Nudge
from netlearn.learn.rules.planned import PlannedStep
from netlearn.solve.compiled.load import in_rows

PLANNED = (ConductanceNudge, CurrentNudge)
"""Nudges that are elements at the outputs, as strong as β is."""


class Compared(NamedTuple):
    """Pairs (n, 2) of states and what each counts, ``shares`` (n,): 0 for the free ones, 1 and so on for nudged ones.

    Of these each is under a nudge so many times as strong, ``strengths`` (K,).
    """

    strengths: Array
    pairs: Array
    shares: Array

    @classmethod
    def of(cls, scheme: Sequence[tuple[float, float]]) -> Compared:
        """For the contrasts of states under nudges of some strength with the free ones, and what each counts."""
        strengths, shares = np.array(np.array(scheme, dtype=float).T, order="C")
        if len(strengths) == 2 and shares[0] == -shares[1]:
            # The free states drop out of the difference of the two.
            return cls(strengths, np.array([[2, 1]]), shares[:1])
        return cls(strengths, np.array([(0, 1 + k) for k in range(len(strengths))]), shares)


def planned_contrast(
    step: PlannedStep, nudge: Nudge, compared: Compared, outputs: Array, wanted: tuple[Loss, Array]
) -> Array | None:
    """Σ shares (∂Φ/∂θ of the second state - ∂Φ/∂θ of the first) over the pairs of states that are ``compared``, (P,).

    The ``nudge`` is one of ``PLANNED``. The free states' ``outputs`` (S, o) were read, ``wanted`` are the loss and the
    targets. None where the general way is to say it.
    """
    assert isinstance(nudge, PLANNED)
    if not step.nudgeable:
        return None
    loss, targets = wanted
    conductance, current = nudge.elements(outputs, targets, loss)
    if conductance is None:
        conductance = np.zeros(outputs.shape[1])
    if current.shape != outputs.shape or conductance.shape != outputs.shape[1:]:
        return None
    if current.dtype != float or conductance.dtype != float:
        return None
    # Currents lie in memory as targets do, which somebody may have turned around.
    return step.contrast(in_rows(conductance), in_rows(current), *compared)
