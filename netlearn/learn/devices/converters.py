"""What stands between a circuit and whoever drives and reads it: DACs and ADCs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError


@dataclass(frozen=True)
class Converter:
    """A uniform quantiser with 2^``bits`` codes, the first at ``low`` and the last at ``high``.

    A value takes the nearest code (of two as near, the even one), and what is outside the first or the last.
    """

    bits: int
    low: float
    high: float

    @property
    def step(self) -> float:
        """What lies between two codes."""
        return (self.high - self.low) / float(2**self.bits - 1)

    def codes(self, values: Array) -> Array:
        """The codes of values, whole numbers from 0; NaN stays NaN. Raises OptionError for complex values."""
        if np.iscomplexobj(values):
            raise OptionError("complex outputs pass through no converter", hint="take another rule, or leave adc= out")
        return np.clip(np.rint((np.asarray(values) - self.low) / self.step), 0, 2**self.bits - 1)

    def convert(self, values: Array) -> Array:
        """What the codes of values stand for."""
        return np.asarray(self.low + self.codes(values) * self.step)
