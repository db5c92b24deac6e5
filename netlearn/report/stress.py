"""The element of each kind that takes the most power, and what it is rated for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.elaboration.names import plain_notation
from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.tolerances import Rating
from netlearn.probes.readings import Power, Readings
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Stress:
    """The most stressed element of a kind: its power in watts, in which sample, and its rating, NaN without one.

    ``over`` counts elements of the kind beyond their ratings.
    """

    kind: str
    element: str
    watts: float
    sample: str
    rating: float = float("nan")
    over: int = 0

    @property
    def part(self) -> float:
        """Of the rating, NaN without one."""
        return self.watts / self.rating


def stresses(point: OperatingPoint, ratings: Sequence[Rating], samples: Sequence[str]) -> tuple[Stress, ...]:
    """One for each kind of element that takes power: by its part of the rating, else by its power.

    Raises OptionError for a rating of nothing.
    """
    circuit = point.circuit
    limits = _limits(circuit, ratings)
    found = []
    for g, group in enumerate(circuit.groups):
        if not len(group):
            continue
        watts = _watts(point, g)
        worst = watts.max(axis=0)
        rated = np.isfinite(limits[g])
        order = np.where(rated, worst / limits[g], -1.0) if rated.any() else worst
        k = int(np.argmax(order))
        if worst[k] <= 0:
            continue
        sample = samples[int(np.argmax(watts[:, k]))] if samples else ""
        over = int(np.sum(worst[rated] > limits[g][rated] * (1 + 1e-9)))
        name = plain_notation(group.names[k])
        found.append(Stress(group.device.name, name, float(worst[k]), sample, float(limits[g][k]), over))
    return tuple(found)


def _watts(point: OperatingPoint, g: int) -> Array:
    """The power (S, k) that each element of a group takes in."""
    count = len(point.circuit.groups[g])
    readings = [Power(((g, (k,)),)) for k in range(count)]
    return np.asarray(Readings(point.circuit, point.x, readings, point.rest).values())


def _limits(circuit: Circuit, ratings: Sequence[Rating]) -> list[Array]:
    """The rating (k,) of each element by group, NaN where there is none; of the same element the last counts."""
    limits = [np.full(len(group), np.nan) for group in circuit.groups]
    for rating in ratings:
        for pattern in rating.patterns:
            match = re.compile(translate(pattern.lower())).match
            matched = False
            for group, of in zip(circuit.groups, limits, strict=True):
                for k, name in enumerate(group.names):
                    if match(name) or match(plain_notation(name)):
                        of[k] = rating.watts
                        matched = True
            if not matched:
                known = [plain_notation(name) for group in circuit.groups for name in group.names[:2000]]
                place = rating.places.get(pattern, rating.place)
                raise OptionError(f"'{pattern}' matches no element", place, did_you_mean(pattern, known))
    return limits
