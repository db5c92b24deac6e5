"""Which parameters a step changes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import numpy as np

from netlearn.circuit.devices.base import Array
from netlearn.errors import OptionError, did_you_mean
from netlearn.options import option

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Subset:
    """A part of the parameters: of those that match ``only``, the fraction ``fraction``.

    It is drawn at random, or holds the parameters whose derivative is largest, and is drawn
    again each step, each epoch, or never. ``turns`` goes through random blocks one after
    another, so that 1/fraction draws touch every parameter once.
    """

    fraction: float = option(1.0, "fraction of the parameters that a step changes", above=0.0, most=1.0)
    by: Literal["random", "largest", "turns"] = option("random", "how they are chosen: largest is by the gradient")
    redraw: Literal["step", "epoch", "never"] = option("step", "how often they are chosen anew")
    only: str = option("*", "pattern of the names that may be chosen")

    @property
    def everything(self) -> bool:
        """Whether all parameters change at all steps."""
        return self.fraction == 1.0 and self.only == "*"

    def candidates(self, names: Sequence[str]) -> Array:
        """(P,) whether each parameter may be chosen. Raises OptionError where none may."""
        pattern = self.only.lower()
        chosen = np.fromiter((fnmatchcase(name.lower(), pattern) for name in names), bool, len(names))
        if not chosen.any():
            raise OptionError(f"no trained parameter matches '{self.only}'", hint=did_you_mean(self.only, names))
        return chosen

    def draw(self, candidates: Array, gradient: Array, block: int, seed: int, rng: np.random.Generator) -> Array:
        """(P,) whether each parameter changes, at the ``block``-th draw.

        At least one parameter is chosen however small the fraction is. ``seed`` fixes the
        blocks of ``turns``.
        """
        places = np.flatnonzero(candidates)
        count = max(1, round(self.fraction * len(places)))
        if self.by == "largest":
            # A stable order lets equal derivatives fall the same way on every machine.
            chosen = places[np.argsort(-np.abs(gradient[places]), kind="stable")[:count]]
        elif self.by == "turns":
            order = np.random.default_rng(seed).permutation(places)
            chosen = order[np.arange(block * count, (block + 1) * count) % len(order)]
        else:
            chosen = rng.choice(places, count, replace=False)
        mask = np.zeros(len(candidates), dtype=bool)
        mask[chosen] = True
        return mask
