"""Trained values with no more digits than are wanted, or than are needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError, Place
from netlearn.learn.goals import Goals
from netlearn.learn.loss import Loss

MOST = 17
"""Significant digits of a float64, beyond which there are none."""

WORSE = 0.01
"""The part of itself by which the loss may rise where as few digits are written as do: a convention, which the
option's help states."""
NEGLIGIBLE = 1e-6
"""The loss, in what it is large or small against, that may be added to that: by convention, outputs that are off by a
thousandth."""


def check_digits(digits: int | None, hardware: object | None, place: Place | None = None) -> None:
    """Raise OptionError where hardware decides on the values, which digits would change."""
    if digits is not None and hardware is not None:
        message = "hardware says which values there are, and 'digits' would write others"
        raise OptionError(message, place, "leave one of them out")


def rounded(parameters: Parameters, theta: Array, digits: int) -> Array:
    """θ (P,) with so many significant digits, within the bounds; what has not been moved stays as it was."""
    near = np.array([float(f"{value:.{digits - 1}e}") for value in theta.tolist()])
    # A bound is a number of the user's own, however many digits it has.
    near = np.clip(near, parameters.lower, parameters.upper)
    return np.where(theta == parameters.initial, theta, near)


def as_few_as_do(
    parameters: Parameters, theta: Array, judge: Callable[[Array], tuple[float, Array]], unit: float
) -> Array:
    """θ (P,) with the fewest digits that are as good.

    ``judge`` gives the loss at some θ and whether each of the goals (S, G) is met there. No goal that is met with
    all digits may be missed, and the loss may rise by WORSE of itself and NEGLIGIBLE of its ``unit``.
    """
    loss, met = judge(theta)
    most = loss + WORSE * abs(loss) + NEGLIGIBLE * unit
    for digits in range(1, MOST):
        fewer = rounded(parameters, theta, digits)
        found, still = judge(fewer)
        if found <= most and bool(np.all(still | ~met)):
            return fewer
    return theta


def goals_met(loss: Loss, outputs: Array, targets: Array) -> Array:
    """Whether each goal is met in each sample, (S, G); nothing (S, 0) where the loss is not made of goals."""
    if not isinstance(loss, Goals):
        return np.zeros((len(outputs), 0), dtype=bool)
    missed = loss.missed(outputs, targets)
    return np.asarray(~(np.abs(np.nan_to_num(missed)) > 0))
