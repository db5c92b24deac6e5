"""Goals: what is wanted of probes, as values and bands, and how far it is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError, Place
from netlearn.netlist.numbers import milli_for_mega
from netlearn.options import Declared, Given, Percent, option

LOW, HIGH, MET_LOW, MET_HIGH, SCALE = range(5)
"""What the last axis of the targets (S, G, 5) of goals holds: the band that costs nothing, the band in which the goal
is met, and what a miss is measured in. NaN where nothing is asked."""

ROUNDING = 1e-6
"""What a miss may be, in its scale, for the goal to be met, as an optimizer comes to the edge of a band from outside:
by convention, a millionth."""


@dataclass(frozen=True)
class Goal(Declared):
    """What is wanted of a probe: a value, a band around it, bounds, or several of these.

    ``within`` and bounds make a band that costs nothing inside. With bounds alone beside the value, the value
    is aimed at, and the goal is met between the bounds.
    """

    probe: str
    value: float | None = option(None, "wanted value, also as PROBE = value")
    within: float | None = option(None, "distance from the value that is near enough", above=0.0, percent=True)
    min: float | None = option(None, "lower bound")
    max: float | None = option(None, "upper bound")
    weight: float = option(1.0, "how much it counts among the goals", above=0.0)
    scale: float | None = option(
        None, "what a miss is measured in: by default half the band, else the spread of the values", above=0.0
    )
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.probe, str):
            raise OptionError(f"a probe is a text, not {self.probe!r:.80}", self.place, "such as 'V(out)'")
        if self.min is not None and self.max is not None and self.min > self.max:
            said = f"the lower bound {self.min:g} is above the upper bound {self.max:g}"
            raise OptionError(said, self.place, milli_for_mega(self.min, self.max))
        for bound, wrong in ((self.min, -1), (self.max, 1)):
            if self.value is not None and bound is not None and wrong * (self.value - bound) > 0:
                raise OptionError(f"the value {self.value:g} is outside of its bounds", self.place)
        if self.value == 0 and isinstance(self.within, Percent):
            raise OptionError("a part of zero is zero", self.place, "give 'within' in the probe's own unit")

    @property
    def text(self) -> str:
        """The goal as a directive says it."""
        parts = [self.probe, *([] if self.value is None else [f"= {self.value!r}"])]
        for name in ("within", "min", "max"):
            if (number := getattr(self, name)) is not None:
                parts.append(f"{name}={number!r}")
        return " ".join(parts)


def goal_of(entry: Given) -> Goal:
    """The goal that a ``*@goal`` line says. Raises OptionError."""
    if not entry.words:
        hint = "such as '*@goal V(out) = 5 within=1%'"
        raise OptionError("'*@goal' needs a probe", entry.places.get(""), hint)
    probe = entry.words[0]
    place = entry.places.get("min", entry.places.get(probe))
    values: dict[str, Any] = {**entry.values}
    return Goal(probe, **values, place=place)


@dataclass(frozen=True)
class Aim:
    """A goal with the columns of the data that say what it does not say itself, by "value", "min" and "max"."""

    goal: Goal
    columns: Mapping[str, str] = field(default_factory=dict)
    spread: float = 1.0
    """What a miss is measured in where there is no band."""

    @property
    def text(self) -> str:
        """The goal as a directive says it, and the columns that say more."""
        columns = ", ".join(f"'{name}'" for name in self.columns.values())
        return f"{self.goal.text} by {columns}" if columns else self.goal.text

    def asked(self, columns: Mapping[str, Array], rows: int) -> tuple[Array, Array, Array]:
        """The wanted value, the lower and the upper bound (rows,) of each row of a table, NaN where there is none."""
        found = []
        for name in ("value", "min", "max"):
            given = getattr(self.goal, name)
            column = columns[self.columns[name]] if name in self.columns else np.nan if given is None else given
            found.append(np.broadcast_to(np.asarray(column, dtype=float), (rows,)))
        value, low, high = found
        return value, low, high

    def targets(self, columns: Mapping[str, Array], rows: int) -> Array:
        """(rows, 5), as the targets of :class:`Goals`."""
        value, low, high = self.asked(columns, rows)
        within = self.goal.within
        nothing = np.isnan(value) & np.isnan(low) & np.isnan(high)
        if within is not None:
            width = np.abs(value) * within if isinstance(within, Percent) else within + 0 * value
            low, high = np.fmax(low, value - width), np.fmin(high, value + width)
        exact = np.isnan(low) & np.isnan(high)
        met_low = np.where(exact, value, np.where(np.isnan(low), -np.inf, low))
        met_high = np.where(exact, value, np.where(np.isnan(high), np.inf, high))
        aimed = ~np.isnan(value) & (within is None)
        half = (met_high - met_low) / 2
        scale = np.where(np.isfinite(half) & (half > 0), half, self.spread)
        if self.goal.scale is not None:
            scale = np.full(rows, self.goal.scale)
        result = np.stack(
            [np.where(aimed, value, met_low), np.where(aimed, value, met_high), met_low, met_high, scale], axis=-1
        )
        result[nothing] = np.nan
        return result

    def spread_of(self, columns: Mapping[str, Array], rows: int) -> float:
        """The spread of what is wanted over the rows of a table; its size where there is none; else 1 V, 1 mA, 1 mW."""
        value, low, high = self.asked(columns, rows)
        wanted = np.where(np.isnan(value), np.where(np.isnan(low), high, low), value)
        wanted = wanted[~np.isnan(wanted)]
        if not wanted.size:
            return 1.0
        size = float(np.mean(np.abs(wanted)))
        spread = float(np.std(wanted))
        if spread > ROUNDING * size:
            return spread
        return size if size > 0 else 1e-3 if self.goal.probe.strip()[0].lower() in "ip@" else 1.0


@dataclass(frozen=True)
class Goals:
    """The weighted mean over a sample's goals of (miss / scale)², zero inside of a band.

    ``outputs`` says which output each of the G goals is about. Targets are (S, G, 5).
    """

    outputs: tuple[int, ...]
    weights: tuple[float, ...]
    least_unit: ClassVar[float] = 1.0
    """Misses by one scale, which is near enough for a step of any size to be a small one."""

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        miss, share = self._misses(outputs, targets)
        return np.asarray(np.sum(share * miss * miss, axis=-1))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        miss, share = self._misses(outputs, targets)
        slopes = 2.0 * share * miss / np.where(np.isnan(targets[..., SCALE]), 1.0, targets[..., SCALE])
        return self._by_output(slopes, outputs.shape[-1])

    def metric(self, outputs: Array, targets: Array) -> Array:
        """What a squared move of each output (S, o) counts, whether its goals are met or not."""
        asked = ~np.isnan(targets[..., SCALE])
        share = asked * np.array(self.weights)
        share = share / np.maximum(share.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
        return self._by_output(share / np.where(asked, targets[..., SCALE], 1.0) ** 2, outputs.shape[-1])

    def wanted(self, outputs: Array, targets: Array) -> Array:
        """Where the outputs (S, o) should be: the nearest place that costs nothing, NaN where they are there."""
        found = np.full(outputs.shape, np.nan)
        for g, j in enumerate(self.outputs):
            low, high = targets[:, g, LOW], targets[:, g, HIGH]
            now = np.where(np.isnan(found[:, j]), outputs[:, j].real, found[:, j])
            found[:, j] = np.where(now < low, low, np.where(now > high, high, found[:, j]))
        return found

    def missed(self, outputs: Array, targets: Array) -> Array:
        """Misses (S, G) of the goals, below zero where an output is too low; NaN where nothing is asked."""
        y, low, high = outputs[:, list(self.outputs)], targets[..., MET_LOW], targets[..., MET_HIGH]
        miss = np.where(y < low, y - low, np.where(y > high, y - high, 0.0))
        return np.where(np.isnan(low), np.nan, np.where(np.abs(miss) <= ROUNDING * targets[..., SCALE], 0.0, miss))

    def _by_output(self, values: Array, count: int) -> Array:
        """Values (S, G) of goals, summed by the outputs (S, o) that they are about."""
        choice = np.zeros((len(self.outputs), count))
        choice[np.arange(len(self.outputs)), list(self.outputs)] = 1.0
        return np.asarray(values @ choice)

    def _misses(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        """Misses (S, G) in their scales, and the share (S, G) of each goal in the loss."""
        y, low, high = outputs[:, list(self.outputs)], targets[..., LOW], targets[..., HIGH]
        asked = ~np.isnan(targets[..., SCALE])
        edge = np.where(y.real < low, low, np.where(y.real > high, high, 0.0))
        outside = (y.real < low) | (y.real > high)
        miss = np.where(outside, y - edge, 0.0) / np.where(asked, targets[..., SCALE], 1.0)
        share = asked * np.array(self.weights)
        return miss, share / np.maximum(share.sum(axis=-1, keepdims=True), np.finfo(float).tiny)


@dataclass(frozen=True)
class GoalResult:
    """How far a goal is met: in the sample where it is missed by most, by ``missed`` in the probe's unit.

    ``low`` and ``high`` are the band there and ``reached`` the output; ``failing`` of ``asked`` samples miss it.
    """

    goal: str
    unit: str
    missed: float
    reached: float
    low: float
    high: float
    sample: str
    failing: int
    asked: int

    @property
    def met(self) -> bool:
        """Whether it is met in all samples."""
        return self.failing == 0


def judged(
    aims: Sequence[Aim], loss: Goals, outputs: Array, targets: Array, *, units: Sequence[str], labels: Sequence[str]
) -> tuple[GoalResult, ...]:
    """How far each goal is met by outputs (S, o) in samples that are called ``labels``."""
    found = []
    missed = loss.missed(outputs, targets)
    for g, aim in enumerate(aims):
        asked = ~np.isnan(missed[:, g])
        if not asked.any():
            continue
        worst = int(np.argmax(np.where(asked, np.abs(missed[:, g]) / targets[:, g, SCALE], -1.0)))
        j = loss.outputs[g]
        found.append(
            GoalResult(
                goal=aim.goal.text,
                unit=units[j],
                missed=float(missed[worst, g]),
                reached=float(outputs[worst, j]),
                low=float(targets[worst, g, MET_LOW]),
                high=float(targets[worst, g, MET_HIGH]),
                sample=labels[worst],
                failing=int(np.sum(missed[asked, g] != 0)),
                asked=int(asked.sum()),
            )
        )
    return tuple(found)
