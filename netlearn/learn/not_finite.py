"""What a training comes to that is no number, told by its name and the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NetlearnError
from netlearn.learn.data import Dataset
from netlearn.learn.loss import Loss
from netlearn.learn.state import TrainingState


class NotFiniteError(NetlearnError):
    """A loss, an output or a derivative is not finite."""


SQUARED = "look at the outputs with 'netlearn op': the square of what is above 1e154 is beyond a float64"
"""What to look for where a loss is not finite."""
STEEP = "a root has an infinite slope at zero, and so has what follows it: begin elsewhere, or write sqrt(x+1u)"
"""What to look for where a derivative is not finite."""


def check_finite(
    what: str, values: Array, names: Sequence[str], state: TrainingState | None = None, cause: str = SQUARED
) -> None:
    """Raise NotFiniteError where a value is not finite, with its name and the step, if training has taken any.

    Where it has not, ``cause`` is what may be the reason.
    """
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        name, others = names[int(bad[0])], f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        if state is None:
            raise NotFiniteError(f"{what} of {name}{others} is {values[bad[0]]} at the values as they are", hint=cause)
        raise NotFiniteError(
            f"{what} of {name}{others} became {values[bad[0]]} "
            f"in epoch {state.epoch + 1}, after {state.position} samples",
            hint="a smaller learning rate or closer bounds (*@train min= max=) may help",
        )


def finite_losses(loss: Loss, outputs: Array, data: Dataset) -> Array:
    """Losses (S,) of outputs (S, o) at the values as they are. Raises NotFiniteError for one that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        losses = loss.value(outputs, data.targets)
    if not np.isfinite(losses).all():
        check_finite("the loss", losses, [data.label(row) for row in range(len(losses))])
    return losses
