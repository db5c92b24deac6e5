"""What a learning rule is given and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Batch:
    """S samples: ``inputs`` (S, p) volts or amperes, and what the outputs should be.

    In training ``inputs`` cannot be written to: who wants others changes a copy. ``targets`` is (S, o) wanted outputs,
    or (S,) integer class numbers. ``start`` is an operating point of the same samples from before, to start the solver
    from; in training with the internal solver it has those unknowns that this one begins at, and NaN for the voltages
    and currents of independent sources. ``step`` counts the steps that training has taken before this one. ``memory``
    is what the rule's last estimate left to be remembered, empty at first.
    """

    inputs: Array
    targets: Array
    start: OperatingPoint | None = None
    step: int = 0
    memory: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Estimate:
    """What a rule says about one batch.

    ``gradient`` (P,) estimates the derivative of the mean loss by each parameter. ``solves``
    counts operating points (samples times states), ``measurements`` the physical readings
    that hardware would have had to make. ``point`` is the free state. ``memory`` is what the rule is to be given
    with its next batch, None where it remembers nothing.
    """

    loss: float
    gradient: Array
    outputs: Array
    point: OperatingPoint | None = None
    solves: int = 0
    measurements: int = 0
    memory: Mapping[str, Array] | None = None


Reads = Literal["outputs", "nudges", "voltages"]
"""What a rule reads of a circuit: its outputs alone, those and nudged states, or every voltage of a model."""


@runtime_checkable
class Remembering(Protocol):
    """A rule whose estimates depend on what it has measured before."""

    @property
    def remembers(self) -> bool:
        """Whether it does with these options."""
        ...

    def check_memory(self, model: Model, memory: Mapping[str, Array]) -> None:
        """Raise ValueError or KeyError for a memory that cannot be the rule's."""
        ...


def remembers(rule: object) -> bool:
    """Whether a rule's estimates depend on what it has measured before."""
    return isinstance(rule, Remembering) and rule.remembers


class Rule(Protocol):
    """A way to estimate the gradient of a loss by the parameters of a circuit."""

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """The estimate for one batch; all randomness comes from ``rng``."""
        ...
