"""Constants of modules, and least processor times of alternating runs with other values of them.

What a ``Size`` and a ``Threshold`` print, one line for each value that is tried, is what their docstrings say.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from netlearn.solve.threads import set_threads

Work = Callable[[], object]
Setting = Callable[[], AbstractContextManager[object]]
NEVER = 10**15
"""No size comes near it."""


def alternated(settings: Sequence[Setting], works: Sequence[Work], rounds: int) -> list[float]:
    """The least processor time of each work in its setting, in alternating runs."""
    least = [np.inf] * len(works)
    for _ in range(rounds):
        for k, (setting, work) in enumerate(zip(settings, works, strict=True)):
            with setting():
                begun = time.process_time()
                work()
                least[k] = min(least[k], time.process_time() - begun)
    return least


def least_times(
    module: ModuleType, name: str, values: Sequence[float], made: Callable[[], Work], rounds: int
) -> list[float]:
    """For each value of a constant the least processor time of what is made and done with it, in alternating runs."""
    settings, works = [partial(patch.object, module, name, value) for value in values], []
    for setting in settings:
        with setting():
            # Each has a circuit of its own, as circuits keep what was chosen for them.
            works.append(made())
            works[-1]()
    return alternated(settings, works, rounds)


@dataclass(frozen=True)
class ModuleConstant:
    """A constant of a module, and what it is measured with."""

    module: ModuleType
    name: str
    what: str

    @property
    def title(self) -> str:
        """What it is called."""
        return f"{self.module.__name__.removeprefix('netlearn.').removeprefix('solve.')}.{self.name}"

    @property
    def own(self) -> Any:
        """Its value."""
        return getattr(self.module, self.name)

    def changed(self, value: Any) -> AbstractContextManager[object]:
        """It has another value meanwhile."""
        return patch.object(self.module, self.name, value)

    def lines(self, rounds: int) -> Iterator[str]:
        """What is printed behind its title."""
        raise NotImplementedError


@dataclass(frozen=True)
class Size(ModuleConstant):
    """A constant that is a size, and work that others are tried on.

    Its line has processor time with half of it and with twice as much, beside that with the constant itself. A ratio
    above one says that the constant is better.
    """

    made: Callable[[], Work]
    multiple: int = 1
    """Lanes come in vectors of eight."""

    def lines(self, rounds: int) -> Iterator[str]:
        own = self.own
        half = own / 2 if isinstance(own, float) else -(-own // (2 * self.multiple)) * self.multiple
        itself, *others = least_times(self.module, self.name, (own, half, own * 2), self.made, rounds)
        ratios = [other / itself for other in others]
        yield size_line(own, ratios, self.what)


def size_line(own: float, ratios: Sequence[float], what: str) -> str:
    """A constant with the ratios of half of it and of twice as much."""
    return f"{own:>9.6g}  half {ratios[0]:.2f}, twice {ratios[1]:.2f}  {what}"


def from_there_on(_: float) -> tuple[float, float]:
    """Values with which a size is above the threshold, and below it."""
    return 0, NEVER


def below(_: float) -> tuple[float, float]:
    """The other way round."""
    return NEVER, 0


def just_from(size: int) -> tuple[int, int]:
    """The same as ``from_there_on`` for thresholds that are sizes of something themselves."""
    return size, size + 1


def just_up_to(size: int) -> tuple[int, int]:
    """The same for a threshold that is the largest of the sizes that a way is for."""
    return size, size - 1


@dataclass(frozen=True)
class Threshold(ModuleConstant):
    """A constant from which on another way is taken, and work of a size that is compared with it.

    It has a line for each size: processor time with the first of two ``ways``, those of two values of the constant,
    beside that with the second. The constant is where the ratio falls to one, or beyond.
    """

    work: Callable[[Any], Work]
    ways: Callable[[Any], tuple[float, float]] = from_there_on
    sizes: Sequence[float] = ()
    """Those that are tried; without them a quarter of the constant to four times as much."""

    def lines(self, rounds: int) -> Iterator[str]:
        own = self.own
        part = isinstance(own, float) and own < 1
        sizes = self.sizes or [own * factor if part else round(own * factor) for factor in (0.25, 0.5, 1, 2, 4)]
        for size in sizes:
            if part and size >= 1:
                continue
            first, second = least_times(self.module, self.name, self.ways(size), partial(self.work, size), rounds)
            mark = "  <- the constant" if size == own else ""
            yield f"{size:>9.6g}  {first / second:.2f} of the time  {self.what}{mark}"


def show(title: str, lines: Iterable[str]) -> None:
    """Print lines behind what a constant is called, each as soon as it is there."""
    for line in lines:
        print(f"{title:<40}{line}", flush=True)


def compare(
    constants: Iterable[ModuleConstant], description: str | None, given: Sequence[str] | None = None, rounds: int = 7
) -> tuple[str, int]:
    """Print the lines of the constants whose title holds what ``--only`` says; it and ``--rounds`` are returned.

    All is done on one thread and with compiled loops.
    """
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    set_threads(1)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    parser.add_argument("--rounds", type=int, default=rounds)
    chosen = parser.parse_args(given)
    for constant in constants:
        if chosen.only in constant.title:
            show(constant.title, constant.lines(chosen.rounds))
    return chosen.only, chosen.rounds
