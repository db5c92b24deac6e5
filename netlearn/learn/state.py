"""Where a training run stands, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.history import Record
from netlearn.learn.kept_states import KeptStates
from netlearn.learn.model import Model
from netlearn.learn.optimizers import State
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Step:
    """What a step saw of the samples ``rows`` (B,) before it changed the parameters.

    ``loss`` is their mean loss, ``gradient`` (P,) what the rule says of its derivatives, in the
    parameters' units, and ``outputs`` (B, o) what the probes read.
    """

    rows: Array
    loss: float
    gradient: Array
    outputs: Array

    def __repr__(self) -> str:
        return f"<step on {len(self.rows)} samples: loss {self.loss:.6g}, gradient of {len(self.gradient)} values>"


@dataclass(frozen=True)
class TrainingState:
    """Where training stands between two steps. A step makes a new one and changes none.

    ``u`` and ``theta`` (P,) are the parameters in the coordinates of the transform and in
    their units, as devices hold them where there are any; ``aimed`` (P,) is what was to be written into these,
    ``slopes`` (P,) derivatives of one by the other, and ``best_held`` is what they held when ``best`` was aimed at,
    where they are the memory. ``order`` (S,) is the order of the samples in this epoch, of which the first
    ``position`` have been used; ``generator`` is the state of the random generator.
    ``points`` (S + S', n) are what ``KeptStates`` keeps of the last operating points of the samples, those for
    validation at the end, and NaN where there is none yet; None for linear circuits, which need no place
    to start from. ``pending`` are the rows that the last step has not yet put there: put
    again after an interruption they are the same, so that no interruption can do harm.
    ``rule`` is what the rule remembers, if it does.
    """

    u: Array
    theta: Array
    optimizer: State
    generator: Mapping[str, Any]
    epoch: int = 0
    position: int = 0
    order: Array = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    mask: Array | None = None
    draws: int = 0
    solves: int = 0
    measurements: int = 0
    best: Array | None = None
    best_score: float = inf
    best_epoch: int = 0
    aimed: Array | None = None
    slopes: Array | None = None
    best_held: Array | None = None
    history: tuple[Record, ...] = ()
    points: Array | None = None
    pending: tuple[Array, Array] | None = None
    rule: Mapping[str, Array] = field(default_factory=dict)
    finished: bool = False
    stopped: str = ""
    """Why it is finished."""
    last: Step | None = field(default=None, compare=False)
    """What the last step saw."""

    def __repr__(self) -> str:
        return f"<training state: {len(self.theta)} parameters, epoch {self.epoch}>"

    def settle(self) -> None:
        """Put the pending operating points where they belong."""
        if self.points is not None and self.pending is not None:
            rows, kept = self.pending
            self.points[rows] = kept

    @property
    def aim(self) -> Array:
        """(P,) what the netlist has: the values that are aimed at, which are the values without devices."""
        return self.theta if self.aimed is None else self.aimed

    @property
    def measured(self) -> bool:
        """Whether the record of this epoch has been made."""
        return len(self.history) > self.epoch

    def start(self, rows: Array, model: Model) -> OperatingPoint | None:
        """Where to start the solver for these samples, if all of them were solved before."""
        if self.points is None:
            return None
        kept = self.points[rows]
        return None if np.isnan(kept).any() else KeptStates.of(model).start(kept)

    def with_points(self, rows: Array, point: OperatingPoint | None, model: Model) -> TrainingState:
        """The state with further operating points pending."""
        if self.points is None or point is None:
            return self
        kept = KeptStates.of(model).of_point(point)
        if self.pending is None:
            return replace(self, pending=(rows, kept))
        before, others = self.pending
        return replace(self, pending=(np.concatenate([before, rows]), np.concatenate([others, kept])))


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each step: how many epochs are done, and steps of the next.

    ``theta`` (P,) are the parameters after the step, in their units; ``last`` is what the step
    saw before, None where the record of an epoch was made without one.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    record: Record
    best: float
    theta: Array | None = None
    last: Step | None = None

    @property
    def gradient(self) -> Array | None:
        """(P,) the derivatives of the loss by the parameters before the step, as the rule says."""
        return None if self.last is None else self.last.gradient

    @property
    def outputs(self) -> Array | None:
        """(B, o) what the probes read before the step, for the samples ``last.rows``."""
        return None if self.last is None else self.last.outputs


Callback = Callable[[Progress], None]
"""Told of every step; it may raise StopIteration to end the training in good order."""
