"""Random graphs without a place in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.errors import OptionError
from netlearn.options import Declared, option
from netlearn.topologies.network import Network, key, on_a_circle, scattered


@dataclass(frozen=True)
class RandomGraph(Declared):
    """A connected random graph: a random tree, and random pairs up to the mean ``degree``."""

    nodes: int = option(30, "number of nodes", least=3)
    degree: float = option(4.0, "resistors per node, on average", least=1.0)

    def network(self, rng: np.random.Generator) -> Network:
        n = self.nodes
        if self.degree > n - 1:
            raise OptionError(f"'degree' must be at most {n - 1} with {n} nodes, not {self.degree:g}")
        tree = np.stack([np.arange(1, n), (rng.random(n - 1) * np.arange(1, n)).astype(np.intp)], axis=1)
        wanted = max(n - 1, min(round(self.degree * n / 2), n * (n - 1) // 2))
        keys = np.unique(key(tree, n))
        while len(keys) < wanted:
            more = rng.integers(n, size=(2 * (wanted - len(keys)) + 8, 2))
            fresh = np.setdiff1d(key(more[more[:, 0] != more[:, 1]], n), keys)
            keys = np.concatenate([keys, rng.permutation(fresh)[: wanted - len(keys)]])
        keys = np.sort(keys)
        return scattered(n, np.stack([keys // n, keys % n], axis=1), rng)


@dataclass(frozen=True)
class SmallWorld(Declared):
    """A ring in which each node is joined to its neighbours, with some of the ends moved at random.

    D. J. Watts, S. H. Strogatz, Nature 393, 440 (1998).
    """

    nodes: int = option(30, "number of nodes", least=4)
    neighbours: int = option(4, "neighbours of each node on the ring, an even number", least=2)
    rewired: float = option(0.1, "part of the resistors with an end moved", least=0.0, most=1.0)

    def network(self, rng: np.random.Generator) -> Network:
        n, half = self.nodes, self.neighbours // 2
        if self.neighbours % 2 or self.neighbours >= n:
            raise OptionError(f"'neighbours' must be even and below the {n} nodes, not {self.neighbours}")
        first = np.tile(np.arange(n), half)
        ends = np.stack([first, (first + np.repeat(np.arange(1, half + 1), n)) % n], axis=1)
        taken = set(key(ends, n).tolist())
        # The nearest neighbours stay joined, so that the ring holds together.
        for row in np.flatnonzero((np.arange(len(ends)) >= n) & (rng.random(len(ends)) < self.rewired)):
            end = int(rng.integers(n))
            wanted = int(key(np.array([[ends[row, 0], end]]), n)[0])
            if end != ends[row, 0] and wanted not in taken:
                taken.remove(int(key(ends[row : row + 1], n)[0]))
                taken.add(wanted)
                ends[row, 1] = end
        return scattered(n, ends, rng, on_a_circle(n))
