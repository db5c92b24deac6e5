"""Which parameters a step changes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError, did_you_mean
from netlearn.options import Declared, option

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Subset(Declared):
    """A part of the parameters: of those that match ``only`` and ``nodes``, the fraction ``fraction``.

    It is drawn at random, or holds the parameters whose derivative is largest, and is drawn
    again each step, each epoch, or never. ``turns`` goes through random blocks one after
    another, so that 1/fraction draws touch every parameter once.
    """

    fraction: float = option(1.0, "fraction of the parameters that a step changes", above=0.0, most=1.0)
    by: Literal["random", "largest", "turns"] = option("random", "choice of the subset; largest: by the gradient")
    redraw: Literal["step", "epoch", "never"] = option("step", "when a new subset is drawn")
    only: str = option("*", "patterns of the names that may be chosen, such as R1* or (R1*,R2*)")
    nodes: str = option("*", "patterns of nodes: only what touches one of them may be chosen")

    @property
    def everything(self) -> bool:
        """Whether all parameters change at all steps."""
        return self.fraction == 1.0 and self.only == "*" and self.nodes == "*"

    def candidates(self, parameters: Parameters) -> Array:
        """(P,) whether each parameter may be chosen. Raises OptionError where none may or would be."""
        chosen = self._allowed(parameters)
        count = int(np.count_nonzero(chosen))
        if self._count(count) == 0:
            raise OptionError(
                f"a fraction of {self.fraction:g} selects nothing of {count} parameters",
                hint=f"a fraction of {1 / count:.2g} selects one of them",
            )
        return chosen

    def _count(self, candidates: int) -> int:
        return round(self.fraction * candidates)

    def _allowed(self, parameters: Parameters) -> Array:
        named = matching_names(self.only, parameters.names)
        if self.nodes == "*":
            return named
        nodes = parameters.circuit.nodes
        near = _matches(self.nodes, nodes)
        if not near.any():
            raise OptionError(f"no node matches '{self.nodes}'", hint=did_you_mean(self.nodes, nodes))
        chosen = named & touching(parameters, near)
        if not chosen.any():
            raise OptionError(f"no trained parameter that matches '{self.only}' touches a node '{self.nodes}'")
        return np.asarray(chosen)

    def draw(self, candidates: Array, gradient: Array, block: int, seed: int, rng: np.random.Generator) -> Array:
        """(P,) whether each parameter changes, at the ``block``-th draw.

        ``seed`` fixes the blocks of ``turns``.
        """
        places = np.flatnonzero(candidates)
        count = self._count(len(places))
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


def touching(parameters: Parameters, nodes: Array) -> Array:
    """(P,) whether each parameter gives a value to an element at one of ``nodes`` (n,) of bools."""
    circuit = parameters.circuit
    # Ground is number -1, and so finds the entry after all the others.
    near = np.concatenate([nodes, np.zeros(circuit.size + 1 - len(nodes), dtype=bool)])
    theta = np.asarray(parameters.initial, dtype=float)
    found = np.zeros(len(parameters), dtype=bool)
    for binding in parameters.bindings:
        ends = circuit.groups[binding.column[0]].index[binding.elements]
        touches = np.asarray(near[ends].any(axis=-1))
        # Weights without a pattern, so that no two elements' derivatives cancel.
        weights = touches * np.random.default_rng(0).uniform(1.0, 2.0, len(touches))
        found |= binding.pullback(theta, weights) != 0
    return found


def matching_names(patterns: str, names: Sequence[str]) -> Array:
    """(P,) which trained parameters match patterns. Raises OptionError where none does."""
    named = _matches(patterns, names)
    if not named.any():
        raise OptionError(f"no trained parameter matches '{patterns}'", hint=did_you_mean(patterns, names))
    return named


def _matches(patterns: str, names: Sequence[str]) -> Array:
    """(k,) whether each name matches one of the patterns, written as ``a*`` or ``(a*,b*)``."""
    wanted = [pattern for pattern in patterns.lower().strip("()").split(",") if pattern]
    lower = (name.lower() for name in names)
    return np.fromiter((any(fnmatchcase(name, pattern) for pattern in wanted) for name in lower), bool, len(names))
