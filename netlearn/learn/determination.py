"""What data determine of values: each by itself, up to a common factor, in combination only, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array

UNDETERMINED = 1e-8
"""Singular values of the Jacobian below this part of the largest are zero but for rounding: about the square root of
float64's."""
INVOLVED = 1e-6
"""A value takes part in a direction that data do not determine from this component on: a hundred times what float64's
rounding makes of directions whose singular values are 1e-8 of the largest."""


@dataclass(frozen=True)
class Determination:
    """What is known of P values, whose places the sets hold.

    Values of one of the sets ``relative`` are known relative to each other, all of the set up to one common factor: in
    networks of resistors whose voltages alone are read that is so of all. Those of a set of ``together`` are told in
    combination only, such as two resistors in series; ``silent`` ones change nothing that was read.
    """

    count: int
    relative: tuple[tuple[int, ...], ...] = ()
    together: tuple[tuple[int, ...], ...] = ()
    silent: tuple[int, ...] = ()

    @property
    def known(self) -> Array:
        """(P,) which values are determined, those up to a common factor among them."""
        found = np.ones(self.count, dtype=bool)
        found[[*self.silent, *(p for group in self.together for p in group)]] = False
        return found

    def first(self, count: int) -> Determination:
        """The same of the first values alone."""
        sets = (tuple(p for p in group if p < count) for group in self.together)
        silent = tuple(p for p in self.silent if p < count)
        return Determination(count, self.relative, tuple(group for group in sets if group), silent)

    def without(self, values: Sequence[int] | Array) -> Determination:
        """The same where of some more values the data tell nothing."""
        lost = {int(p) for p in values} | set(self.silent)

        def rest(sets: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
            left = (tuple(p for p in group if p not in lost) for group in sets)
            return tuple(group for group in left if group)

        return Determination(self.count, rest(self.relative), rest(self.together), tuple(sorted(lost)))

    @classmethod
    def of(cls, vectors: Array, logarithmic: Array) -> Determination:
        """From orthonormal directions (k, P) that data do not determine.

        ``logarithmic`` (P,) says which values are meant by their logarithms, so that a factor is a shift of them.
        """
        null = vectors.T @ vectors
        size = np.diag(null).copy()
        silent = size > 1.0 - INVOLVED
        relative = []
        for group in _connected(null, (size > INVOLVED**2) & ~silent):
            ones = np.zeros(len(size))
            ones[group] = 1.0
            if len(group) > 1 and logarithmic[group].all() and np.allclose(null @ ones, ones, atol=INVOLVED):
                # Without the common factor, held in the mean, the rest of what is not told is what is left.
                null = null - np.outer(ones, ones) / len(group)
                relative.append(group)
        size = np.diag(null)
        together = _connected(null, (np.sqrt(np.maximum(size, 0.0)) > INVOLVED) & ~silent)
        loose = {p for group in together for p in group}
        known = (tuple(p for p in group if p not in loose) for group in relative)
        return cls(
            len(size),
            tuple(group for group in known if group),
            tuple(map(tuple, together)),
            tuple(np.flatnonzero(silent).tolist()),
        )


def _connected(null: Array, among: Array) -> list[list[int]]:
    """The sets of values ``among`` (P,) that share a direction."""
    places = np.flatnonzero(among)
    first, second = np.nonzero(np.abs(null[np.ix_(places, places)]) > INVOLVED**2)
    linked = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(len(places), len(places)))
    count, label = connected_components(linked, directed=False)
    return [places[label == k].tolist() for k in range(count)]
