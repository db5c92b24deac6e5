"""Values that a device cannot have, told with the name of the element that has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.errors import CircuitError


class RefusedValues(CircuitError):
    """Values that no equations are for. ``wrong``, (k,) or (samples, k), says of which elements of a group."""

    wrong: Array | None = None

    def of(self, names: Sequence[str]) -> CircuitError:
        """The same with the first of these elements that it is about, and in which sample where they differ."""
        if self.wrong is None or self.wrong.shape[-1:] != (len(names),):
            return self
        sample, k = np.argwhere(np.atleast_2d(self.wrong))[0].tolist()
        several = self.wrong.ndim > 1 and len(self.wrong) > 1 and not self.wrong[:, k].all()
        return CircuitError(f"'{names[k]}': {self.message}", self.place, self.hint, sample if several else None)


def refuse(wrong: Array, message: str, hint: str) -> None:
    """Raise RefusedValues where anything is wrong."""
    if np.any(wrong):
        error = RefusedValues(message, hint=hint)
        error.wrong = np.asarray(wrong)
        raise error


def prepared(device: Device, names: Sequence[str], values: Values, environment: Environment) -> Values:
    """What a device makes of the values of elements. Raises CircuitError that names one that no equations are for.

    What is not finite is told of where it is met, and may be in no equation.
    """
    try:
        with np.errstate(all="ignore"):
            return device.prepare(values, environment)
    except RefusedValues as error:
        raise error.of(names) from None
