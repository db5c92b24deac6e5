"""What a kind of network makes: nodes, the resistors between them, and which of them are driven and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netlearn.arrays import Array


@dataclass(frozen=True)
class Network:
    """Resistors between named nodes: ``ends`` (b, 2) are numbers of ``nodes``.

    ``inputs`` are nodes that sources may drive and ``outputs`` nodes that may be read, in
    the order in which they are to be taken; ``ground`` is the node that is tied to 0.
    ``positions`` (n, 2) are where they lie, if that means anything. ``lines`` are further lines of the
    netlist. Where outputs are read between pairs of nodes, ``returns`` are the second ones.
    """

    nodes: Sequence[str]
    ends: Array
    inputs: Array
    outputs: Array
    ground: int
    positions: Array | None = None
    lines: Sequence[str] = ()
    returns: Array | None = None
    whole: bool = False
    """Whether all inputs are to be driven and all outputs read unless fewer are asked for, as layers have them."""

    def __repr__(self) -> str:
        return f"<network: {len(self.nodes)} nodes, {len(self.ends)} resistors>"


@dataclass(frozen=True)
class EdgeLines:
    """What stands between a network's nodes where these are no resistors.

    ``title`` says how many of what, ``train`` are the ``*@train`` directives, ``lines`` those of the elements.
    """

    title: str
    train: Sequence[str]
    lines: Sequence[str]


class Topology(Protocol):
    """A kind of network, its options being its fields."""

    def network(self, rng: np.random.Generator) -> Network:
        """A network of this kind. Raises OptionError for sizes that make none."""
        ...


def scattered(n: int, ends: Array, rng: np.random.Generator, positions: Array | None = None) -> Network:
    """Inputs, outputs and ground anywhere: any node but ground may be driven, and any that is not driven read."""
    order = rng.permutation(n)
    half = max(1, (n - 1) // 2)
    names = [f"n{i}" for i in range(n)]
    inputs, outputs = order[1:], np.concatenate([order[half + 1 :], order[1 : half + 1]])
    return Network(names, ends, inputs, outputs, int(order[0]), positions)


def on_a_circle(n: int) -> Array:
    """Positions (n, 2)."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)]).round(4) + 0.0


def spread(nodes: Array) -> Array:
    """The nodes of an edge in an order whose beginnings are spread along it: its ends, its middle, ..."""
    count = len(nodes)
    places = [0, count - 1, *(count * k // 2**level for level in range(1, 20) for k in range(1, 2**level, 2))]
    return np.asarray(nodes)[list(dict.fromkeys([place for place in places if place < count] + list(range(count))))]


def pairs(a: Array, b: Array) -> Array:
    return np.stack([np.ravel(a), np.ravel(b)], axis=1)


def all_pairs(a: Array, b: Array) -> Array:
    return pairs(np.repeat(a, len(b)), np.tile(b, len(a)))


def key(ends: Array, n: int) -> Array:
    """One number for each unordered pair."""
    return np.asarray(ends.min(axis=1) * n + ends.max(axis=1))
