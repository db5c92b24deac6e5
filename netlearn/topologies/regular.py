"""Networks without chance: lattices and complete graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlearn.options import Declared, option
from netlearn.topologies.network import Network, on_a_circle, pairs, scattered, spread


@dataclass(frozen=True)
class Lattice(Declared):
    """A square lattice, driven along its left edge, read along its right, grounded at the bottom right."""

    rows: int = option(8, "rows of nodes", least=2)
    columns: int = option(8, "columns of nodes", least=2)
    wrap: Literal["none", "rows"] = option("none", "rows: the last row is joined to the first")

    def network(self, rng: np.random.Generator) -> Network:
        number = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)
        along = pairs(number[:, :-1], number[:, 1:])
        down = pairs(number[:-1], number[1:])
        around = pairs(number[-1], number[0]) if self.wrap == "rows" and self.rows > 2 else np.zeros((0, 2), np.intp)
        nodes = [f"n{r}_{c}" for r in range(self.rows) for c in range(self.columns)]
        return Network(
            nodes,
            np.concatenate([along, down, around]),
            spread(number[:, 0]),
            spread(number[:-1, -1]),
            int(number[-1, -1]),
            np.array([(c, -r) for r in range(self.rows) for c in range(self.columns)], dtype=float) + 0.0,
        )


@dataclass(frozen=True)
class Triangular(Declared):
    """A triangular lattice: rows of nodes, every other one moved by half a step, each node with up to six neighbours.

    Driven along its left edge, read along its right, grounded at the bottom right.
    """

    rows: int = option(8, "rows of nodes", least=2)
    columns: int = option(8, "nodes in each row", least=2)

    def network(self, rng: np.random.Generator) -> Network:
        number = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)
        along, down = pairs(number[:, :-1], number[:, 1:]), pairs(number[:-1], number[1:])
        # Odd rows lie half a step to the right: their second neighbours are there, and those of even rows to the left.
        odd = pairs(number[1:-1:2, :-1], number[2::2, 1:])
        even = pairs(number[:-1:2, 1:], number[1::2, :-1])
        places = [(c + 0.5 * (r % 2), -r * np.sqrt(0.75)) for r in range(self.rows) for c in range(self.columns)]
        return Network(
            [f"n{r}_{c}" for r in range(self.rows) for c in range(self.columns)],
            np.concatenate([along, down, odd, even]),
            spread(number[:, 0]),
            spread(number[:-1, -1]),
            int(number[-1, -1]),
            np.array(places).round(4) + 0.0,
        )


@dataclass(frozen=True)
class Complete(Declared):
    """Every node joined to every other."""

    nodes: int = option(10, "number of nodes", least=3)

    def network(self, rng: np.random.Generator) -> Network:
        first, second = np.triu_indices(self.nodes, 1)
        return scattered(self.nodes, np.stack([first, second], axis=1), rng, on_a_circle(self.nodes))
