"""One row of the table: how long both sides take, and how far apart their answers are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` is how many times as long the peer takes, ``goal`` what it is meant to be at least."""

    work: str
    peer: str
    ratio: float
    agreement: str
    goal: float | None = None

    def __str__(self) -> str:
        ratio = f"{self.ratio:.2g}" if self.ratio < 10 else f"{self.ratio:.0f}"
        goal = "" if self.goal is None else f"{self.goal:g}"
        return f"| {self.work} | {self.peer} | {ratio} | {goal} | {self.agreement} |"


TURN = 0.01
"""Seconds of a turn, by convention. A step of training follows another one, and not what empties the caches."""


def beside(ours: Callable[[], Any], theirs: Callable[[], Any], least: float) -> float:
    """The processor time of the second as a multiple of the first's, taken in turns for ``least`` seconds each.

    A turn is one call, or as many calls as take ``TURN``.
    """
    ours(), theirs()
    calls = [max(1, round(TURN / _taken(work, 1))) for work in (ours, theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    while min(map(sum, times)) < least or min(map(len, times)) < 3:
        for work, count, taken in zip((ours, theirs), calls, times, strict=True):
            taken.append(_taken(work, count))
    # Whatever disturbs a run only makes it longer.
    return min(times[1]) / calls[1] / (min(times[0]) / calls[0])


def _taken(work: Callable[[], Any], calls: int) -> float:
    """The processor time of so many calls."""
    begun = time.process_time()
    for _ in range(calls):
        work()
    return time.process_time() - begun


def agree(name: str, difference: float, most: float) -> str:
    """What a row says of its answers. Ends with an error where they do not agree."""
    if not difference <= most:
        raise SystemExit(f"{name}: the answers differ by {difference:.2g}, more than {most:.0e}")
    return f"{difference:.0e}"
