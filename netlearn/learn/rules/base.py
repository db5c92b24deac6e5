"""What a learning rule is given and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Batch:
    """S samples: ``inputs`` (S, p) volts or amperes, and what the outputs should be.

    ``targets`` is (S, o) wanted outputs, or (S,) integer class numbers. ``start`` is an
    operating point of the same samples from before, to start the solver from. ``step`` counts
    the steps that training has taken before this one.
    """

    inputs: Array
    targets: Array
    start: OperatingPoint | None = None
    step: int = 0

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Estimate:
    """What a rule says about one batch.

    ``gradient`` (P,) estimates the derivative of the mean loss by each parameter. ``solves``
    counts operating points (samples times states), ``measurements`` the physical readings
    that hardware would have had to make. ``point`` is the free state.
    """

    loss: float
    gradient: Array
    outputs: Array
    point: OperatingPoint | None = None
    solves: int = 0
    measurements: int = 0


Reads = Literal["outputs", "nudges", "voltages"]
"""What a rule reads of a circuit: its outputs alone, those and nudged states, or every voltage of a model."""


class Rule(Protocol):
    """A way to estimate the gradient of a loss by the parameters of a circuit."""

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """The estimate for one batch; all randomness comes from ``rng``."""
        ...
