"""What constants of drawings are worth: the measurement behind what ``netlearn/report/placement`` says of them.

    python benchmarks/constants_of_drawings.py [--only NAME]

Each on five networks, with half of the constant, with itself and with twice as much: how many pairs of lines cross in
layered networks after PASSES; how far nodes without a place lie from the mean of their neighbours after SETTLING, in
parts of the drawing; and how far the distances in drawings are from the numbers of elements between nodes with so many
LANDMARKS: the stress of J. B. Kruskal (1964), of distances to the power of a half that fits best.
"""

from __future__ import annotations

import numpy as np
from results_with_constants import HALF, Constant, Result, report
from scipy.sparse import csgraph

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.report import placement


def circuit(pairs: Array, driven: int = 0) -> Circuit:
    """Resistors between pairs of nodes, the first of which are driven."""
    lines = [f"R{k} n{a} n{b} 1k" for k, (a, b) in enumerate(pairs.tolist())]
    sources = [f"V{k} n{k} 0 1" for k in range(driven)]
    return netlearn.elaborate(netlearn.parse("\n".join(["* drawn", *lines, *sources, ".end", ""]))).circuit


def layers(rng: np.random.Generator) -> Array:
    """Three layers of ten nodes with resistors between two fifths of the pairs of neighbouring layers."""
    pairs = np.array([(a, b) for a in range(30) for b in range(10 * (a // 10 + 1), min(10 * (a // 10 + 2), 30))])
    return pairs[rng.uniform(size=len(pairs)) < 0.4]


def graph(rng: np.random.Generator, nodes: int) -> Array:
    """A tree, and half as many further resistors between near nodes: a network with holes and ends."""
    tree = [(int(rng.integers(max(0, k - 12), k)), k) for k in range(1, nodes)]
    near = [(k, k + int(rng.integers(2, 12))) for k in rng.integers(0, nodes - 12, nodes // 2).tolist()]
    return np.array(tree + near)


def crossings(seed: int) -> Result:
    """Pairs of lines that cross each other."""
    pairs = layers(np.random.default_rng(seed))
    drawn = circuit(pairs, 10)
    places = placement.layout(drawn)
    at = np.array([places[drawn.nodes.index(f"n{k}")] for k in range(30)])
    count = 0
    for first in (0, 10):
        ends = pairs[(pairs[:, 0] >= first) & (pairs[:, 0] < first + 10)]
        left, right = at[ends[:, 0], 1], at[ends[:, 1], 1]
        count += int(np.sum(((left[:, None] - left) * (right[:, None] - right)) < 0)) // 2
    return {"crossings": count}


def settled(seed: int) -> Result:
    """How far nodes are from the mean of their neighbours, at most, where one in five has a place."""
    rng = np.random.default_rng(seed)
    drawn = circuit(graph(rng, 150), 1)
    given = {name: tuple(rng.uniform(size=2)) for name in drawn.nodes[::5]}
    places = placement.layout(drawn, given)
    links = placement._links(drawn)
    degree = np.asarray(links.sum(axis=1)).ravel()
    means = (links @ np.nan_to_num(places)) / np.maximum(degree, 1)[:, None]
    free = [k for k, name in enumerate(drawn.nodes) if name not in given and degree[k]]
    far = np.max(np.linalg.norm(places[free] - means[free], axis=1))
    return {"from the mean of neighbours": float(far / np.ptp(places[:-1], axis=0).max())}


def stress(seed: int) -> Result:
    """How far distances are from the numbers of elements between nodes."""
    drawn = circuit(graph(np.random.default_rng(seed), 600), 1)
    places = placement.layout(drawn)[:-1]
    hops = csgraph.shortest_path(placement._links(drawn)[:-1, :-1], unweighted=True)
    near = np.linalg.norm(places[:, None] - places, axis=2)
    some = np.triu(np.isfinite(hops) & np.isfinite(near), 1)
    distance, wanted = near[some], hops[some]
    scale = np.sum(distance * wanted) / np.sum(distance**2)
    return {"stress": float(np.sqrt(np.sum((scale * distance - wanted) ** 2) / np.sum(wanted**2)))}


CONSTANTS = (
    Constant(placement, "PASSES", "layered networks", crossings, HALF, 5, False),
    Constant(placement, "SETTLING", "a place for one node in five", settled, HALF, 5, False),
    Constant(placement, "LANDMARKS", "graphs of 600 nodes", stress, HALF, 5, False),
)

if __name__ == "__main__":
    report(CONSTANTS, __doc__)
