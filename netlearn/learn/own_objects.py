"""Losses, rules and optimizers of the user's own, held to what they are to give."""

from __future__ import annotations

from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.rules.base import Estimate

PACKAGE = __name__.partition(".")[0]


def check_loss(loss: Loss, outputs: int, targets: Array) -> None:
    """Raise OptionError for one whose losses and slopes are not a number for each sample and output, by two samples.

    A mean over the samples in place of their losses would train, by another gradient than the one of the mean.
    """
    if _is_ours(loss) or not len(targets):
        return
    two = targets[[0, -1]]
    try:
        with np.errstate(all="ignore"):
            given = {
                "value": (np.shape(loss.value(np.zeros((2, outputs)), two)), (2,)),
                "gradient": (np.shape(loss.gradient(np.zeros((2, outputs)), two)), (2, outputs)),
            }
    except Exception:
        # It may weigh each sample of a training, or have no value at zero volts: that is not for this to tell.
        return
    for name, (found, wanted) in given.items():
        if found != wanted:
            meant = "the loss of each, (samples,)" if name == "value" else "its slopes, (samples, outputs)"
            raise OptionError(
                f"{name}() of the loss {_called(loss)} has the shape {found} for 2 samples of {outputs} outputs, "
                f"not {wanted}",
                hint=f"it is to give {meant}",
            )


def check_estimate(rule: object, estimate: object, count: int) -> None:
    """Raise OptionError for what is no estimate of the derivatives by ``count`` parameters."""
    if _is_ours(rule):
        return
    if not isinstance(estimate, Estimate):
        raise OptionError(
            f"estimate() of the rule {_called(rule)} gives a {type(estimate).__name__}, not an Estimate",
            hint="return netlearn.learn.rules.Estimate(loss, gradient, outputs)",
        )
    if np.shape(estimate.gradient) != (count,):
        raise OptionError(
            f"the gradient of the rule {_called(rule)} has the shape {np.shape(estimate.gradient)}, not ({count},)",
            hint="it is to have a derivative by each trained parameter, as theta has its values",
        )


def check_change(optimizer: object, found: Any, count: int) -> None:
    """Raise OptionError for what is no step of ``count`` parameters and a memory."""
    if _is_ours(optimizer):
        return
    if not isinstance(found, tuple) or len(found) != 2 or np.shape(found[0]) != (count,):
        said = f"a {type(found).__name__}"
        if isinstance(found, tuple) and len(found) == 2:
            said = f"a change of the shape {np.shape(found[0])}"
        raise OptionError(
            f"step() of the optimizer {_called(optimizer)} gives {said}, not a change ({count},) and a memory",
            hint="return change, memory: an array (parameters,), and a dict of arrays to be given to the next step",
        )
    if not np.isfinite(found[0]).all():
        raise OptionError(
            f"step() of the optimizer {_called(optimizer)} gives a change with numbers that are not finite",
            hint="what it was given is finite: look at its divisions, and at its memory",
        )


def _is_ours(given: object) -> bool:
    return type(given).__module__.partition(".")[0] == PACKAGE


def _called(given: object) -> str:
    return type(given).__name__
