"""What a training is asked to do: the model, the data, the rule, the steps and what devices make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.data import Dataset
from netlearn.learn.kept_parameters import ParameterStore
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.optimizers import OPTIMIZERS
from netlearn.learn.realisation import HeldValues
from netlearn.learn.rules.base import Rule
from netlearn.learn.schedule import SCHEDULES, Schedule
from netlearn.learn.settings import LoopOptions
from netlearn.learn.solved_start import SolvedStart
from netlearn.learn.subset import Subset
from netlearn.learn.transforms import Transform


class Writing(Protocol):
    """What happens between the value that is wanted and the one that a device holds.

    ``memory`` is "digital" where exact values are kept beside what was written, and "device"
    where the next step starts from that. ``varied`` says whether the same values can be held otherwise.
    """

    @property
    def memory(self) -> str: ...

    @property
    def varied(self) -> bool: ...

    def write(self, wanted: Array, present: HeldValues, rng: np.random.Generator) -> HeldValues:
        """What is aimed at and held after writing ``wanted`` (P,) over ``present``, in the parameters' units."""
        ...

    def read(self, held: Array, rng: np.random.Generator) -> Array:
        """θ (P,) as a step reads what is held."""
        ...


@dataclass(frozen=True)
class Task:
    """Everything that training needs: what is trained, on what, and how."""

    model: Model
    loss: Loss
    rule: Rule
    data: Dataset
    optimizer: Any
    schedule: Schedule
    transform: Transform
    subset: Subset = field(default_factory=Subset)
    options: LoopOptions = field(default_factory=LoopOptions)
    validation: Dataset | None = None
    writing: Writing | None = None
    store: ParameterStore | None = None
    solved: SolvedStart | None = None
    """What the values were solved for that training starts from, if they were."""
    unit: float = 1.0
    """What the loss is measured in for the optimizer; see ``netlearn.learn.loss.unit_of``."""

    @property
    def batch(self) -> int:
        """Samples of each step."""
        return min(self.options.batch or len(self.data), len(self.data))

    @property
    def whole(self) -> bool:
        """Whether every step uses all samples."""
        return self.batch == len(self.data)

    @property
    def steady(self) -> bool:
        """Whether equal states are followed by equal steps, or by smaller ones of a falling learning rate."""
        ours = type(self.optimizer) in OPTIMIZERS.values() and type(self.schedule) in SCHEDULES.values()
        return ours and self.whole and self.subset.everything and self.writing is None and self.model.chip is None

    @property
    def start(self) -> Array:
        """(P,) the coordinates that training starts from."""
        transform = self.transform
        return transform.project(transform.start if self.solved is None else transform.inward(self.solved.theta))

    @cached_property
    def candidates(self) -> Array:
        """(P,) whether each parameter may be chosen by the subset."""
        return self.subset.candidates(self.model.parameters)

    @property
    def steps(self) -> int:
        """Steps of each epoch."""
        return -(-len(self.data) // self.batch)
