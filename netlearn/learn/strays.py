"""Values that training has led far away, which are named where a circuit has no operating point with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import ConvergenceError

FAR = 1e6
"""A value that is so many times as large or as small as it began is told of: by convention, three decades beyond what
resistors in one circuit differ by."""


@contextmanager
def naming_strays(parameters: Parameters, theta: Array) -> Iterator[None]:
    """Add to the remedies of a ConvergenceError what values ``theta`` (P,) have to do with it."""
    try:
        yield
    except ConvergenceError as error:
        first = np.asarray(parameters.initial, dtype=float)
        with np.errstate(all="ignore"):
            gone = np.where(np.asarray(parameters.positive, dtype=bool), np.abs(np.log(theta / first)), 0.0)
        far = np.flatnonzero(gone > np.log(FAR))
        if len(far):
            k = int(np.argmax(gone))
            others = f", and {len(far) - 1} more as far," if len(far) > 1 else ""
            began, now = (f"{value:.3g}" for value in (first[k], theta[k]))
            stray = (
                f"'{parameters.names[k]}' has gone from {began} to {now}{others} in training: bounds "
                "(*@train min= max=) or a smaller learning rate keep it near"
            )
            error.hint = "; ".join(filter(None, [stray, error.hint]))
        raise
