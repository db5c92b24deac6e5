"""Least processor times of alternating runs with some values of a constant, for ``thresholds`` and ``block_sizes``."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np

from netlearn.solve.threads import set_threads

Work = Callable[[], object]


def least_times(
    module: ModuleType, name: str, values: Sequence[float], made: Callable[[], Work], rounds: int
) -> list[float]:
    """For each value of a constant the least processor time of what is made and done with it, in alternating runs."""
    own, works, least = getattr(module, name), [], [np.inf] * len(values)
    try:
        for value in values:
            setattr(module, name, value)
            # Each has a circuit of its own, as circuits keep what was chosen for them.
            works.append(made())
            works[-1]()
        for _ in range(rounds):
            for k, (value, work) in enumerate(zip(values, works, strict=True)):
                setattr(module, name, value)
                begun = time.process_time()
                work()
                least[k] = min(least[k], time.process_time() - begun)
    finally:
        setattr(module, name, own)
    return least


def title(module: ModuleType, name: str) -> str:
    """What a constant is called."""
    return f"{module.__name__.removeprefix('netlearn.').removeprefix('solve.')}.{name}"


def asked(description: str | None, given: Sequence[str] | None = None, rounds: int = 7) -> tuple[str, int]:
    """What names of constants are to hold, and how many rounds are run, on one thread and with compiled loops."""
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    set_threads(1)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    parser.add_argument("--rounds", type=int, default=rounds)
    chosen = parser.parse_args(given)
    return chosen.only, chosen.rounds
