"""Learning-rate schedules: a factor for each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi
from typing import Protocol

from netlearn.options import Declared, option


class Schedule(Protocol):
    """What the learning rate is multiplied by."""

    def factor(self, epoch: int, epochs: int) -> float:
        """The factor in ``epoch``, counted from 0, of ``epochs``."""
        ...


@dataclass(frozen=True)
class Constant:
    """The learning rate as it is."""

    def factor(self, epoch: int, epochs: int) -> float:
        return 1.0


@dataclass(frozen=True)
class StepDecay(Declared):
    """Multiplied by ``gamma`` after every ``every`` epochs."""

    every: int = option(50, "epochs between the steps", least=1)
    gamma: float = option(0.5, "factor of each step", above=0.0, most=1.0)

    def factor(self, epoch: int, epochs: int) -> float:
        return float(self.gamma ** (epoch // self.every))


@dataclass(frozen=True)
class Cosine(Declared):
    """Half a cosine from 1 in the first epoch to ``end`` in the last."""

    end: float = option(0.0, "factor in the last epoch", least=0.0, most=1.0)

    def factor(self, epoch: int, epochs: int) -> float:
        done = epoch / max(1, epochs - 1)
        return self.end + (1.0 - self.end) * 0.5 * (1.0 + cos(pi * done))


@dataclass(frozen=True)
class Exponential(Declared):
    """Multiplied by ``gamma`` after every epoch."""

    gamma: float = option(0.99, "factor of each epoch", above=0.0, most=1.0)

    def factor(self, epoch: int, epochs: int) -> float:
        return float(self.gamma**epoch)


SCHEDULES: Mapping[str, type] = {"constant": Constant, "step": StepDecay, "cosine": Cosine, "exponential": Exponential}
