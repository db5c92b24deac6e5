"""Where the nodes of a network are drawn, and how its resistors are."""

from __future__ import annotations

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import netlearn
from netlearn.report.network import draw_network, paths
from netlearn.report.placement import layout

LAYERED = """\
* two inputs, three hidden nodes, one output
V1 a 0 1
V2 b 0 1
R1 a h1 1k
R2 a h2 10k
R3 b h2 1k
R4 b h3 100k
R5 h1 o 1k
R6 h2 o 1k
R7 h3 o 1k
R8 o 0 1k
.end
"""


def _positions(text: str) -> dict[str, tuple[float, float]]:
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    return dict(zip([*circuit.nodes, "0"], map(tuple, layout(circuit)), strict=True))


def test_layers_follow_the_distance_from_the_sources() -> None:
    at = {name: x for name, (x, _) in _positions(LAYERED).items()}
    assert at == {"a": 0, "b": 0, "h1": 1, "h2": 1, "h3": 1, "o": 2, "0": 3}


def test_nodes_of_a_layer_stand_near_their_neighbours() -> None:
    swapped = LAYERED.replace("R1 a h1", "R1 b h1").replace("R4 b h3", "R4 a h3")
    for text, order in ((LAYERED, ["h1", "h2", "h3"]), (swapped, ["h3", "h2", "h1"])):
        height = {name: y for name, (_, y) in _positions(text).items()}
        assert height["a"] > height["b"]
        assert sorted(order, key=lambda name: -height[name]) == order


def test_amplifiers_join_layers_but_ground_does_not() -> None:
    text = "* stages\nV1 a 0 1\nR1 a h 1k\nD1 h 0 d\n.model d d\nE1 x 0 h 0 4\nR2 x o 1k\nR3 o 0 1k\n.end\n"
    at = {name: x for name, (x, _) in _positions(text).items()}
    assert [at[name] for name in ("a", "h", "x", "o", "0")] == [0, 1, 2, 3, 4]


def test_wider_and_darker_where_more_is_conducted() -> None:
    circuit = netlearn.elaborate(netlearn.parse(LAYERED)).circuit
    axes = Figure().subplots()
    draw_network(axes, circuit)
    (lines,) = [drawn for drawn in axes.collections if isinstance(drawn, LineCollection)]
    conductance = np.asarray(lines.get_array())
    assert sorted(conductance) == sorted(1 / np.array([1e3, 1e4, 1e3, 1e5, 1e3, 1e3, 1e3, 1e3]))
    widths = np.asarray(lines.get_linewidth())
    assert np.all(np.diff(widths[np.argsort(conductance)]) >= 0)
    assert widths[np.argmax(conductance)] > 10 * widths[np.argmin(conductance)]
    assert {text.get_text() for text in axes.texts} == {"a", "b", "h1", "h2", "h3", "o", "ground"}


def test_equal_resistors_and_none_at_all() -> None:
    for text in ("* one\nV1 a 0 1\nR1 a 0 1k\n.end\n", "* none\nV1 a 0 1\n.end\n"):
        figure = Figure()
        draw_network(figure.subplots(), netlearn.elaborate(netlearn.parse(text)).circuit)
        figure.draw_without_rendering()


def test_edges_around_a_lattice_are_bent_around_the_nodes_between_their_ends():
    graph = nx.grid_2d_graph(3, 4, periodic=True)
    nodes = list(graph)
    places, ends = np.array(nodes, dtype=float), np.array([[nodes.index(a), nodes.index(b)] for a, b in graph.edges])
    for (a, b), line in zip(ends, paths(places, ends), strict=True):
        np.testing.assert_allclose(line[[0, -1]], places[[a, b]])
        around = np.abs(places[a] - places[b]).sum() > 1
        assert (len(line) > 2) == around
        others = np.delete(places, [a, b], axis=0)
        assert np.linalg.norm(line[:, None] - others, axis=2).min() > 0.1
    # What no node is on stays straight, however long.
    places = np.array([[0, 0], [1, 0], [0.5, 0.1], [0, 9], [1, 9]], dtype=float)
    assert {len(line) for line in paths(places, np.array([[0, 1], [3, 4], [0, 4], [1, 3]]))} == {2}
