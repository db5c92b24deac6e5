"""Generated netlists against graphs made elsewhere, and as netlists that train."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.generate import TOPOLOGIES, NewNetlist, new_netlist
from netlearn.netlist.numbers import parse_number


def graph(new: NewNetlist) -> nx.Graph:
    """The network as its text has it."""
    result = nx.Graph()
    for line in new.netlist.splitlines():
        if line.startswith("R"):
            name, a, b, value = line.split()
            assert not result.has_edge(a, b), f"{name} doubles another"
            assert a != b
            result.add_edge(a, b, value=parse_number(value))
    return result


@pytest.mark.parametrize(
    ("kind", "options", "like"),
    [
        ("lattice", {"rows": 4, "columns": 6}, nx.grid_2d_graph(4, 6)),
        ("lattice", {"rows": 4, "columns": 6, "wrap": "rows"}, nx.grid_2d_graph(4, 6, periodic=(True, False))),
        ("complete", {"nodes": 7}, nx.complete_graph(7)),
        ("smallworld", {"nodes": 12, "neighbours": 4, "rewired": 0.0}, nx.watts_strogatz_graph(12, 4, 0.0)),
        ("crossbar", {"rows": 3, "columns": 2}, nx.complete_multipartite_graph(4, 2)),
    ],
)
def test_graphs(kind: str, options: dict[str, object], like: nx.Graph) -> None:
    """A crossbar with ground as one more row is the complete bipartite graph."""
    assert nx.is_isomorphic(graph(new_netlist(kind, **options)), like)


def test_layered_graph() -> None:
    found = graph(new_netlist("layered", layers="3-4-2"))
    assert found.number_of_edges() == 3 * 4 + 4 * 2 + 4 + 2
    assert found.degree["0"] == 6
    assert all(found.degree[f"l0_{i}"] == 4 for i in range(3))


@pytest.mark.parametrize("seed", range(4))
def test_random_graphs(seed: int) -> None:
    found = graph(new_netlist("random", nodes=40, degree=5, seed=seed))
    assert (found.number_of_nodes(), found.number_of_edges()) == (40, 100)
    assert nx.is_connected(found)
    rewired = graph(new_netlist("smallworld", nodes=40, neighbours=6, rewired=1.0, seed=seed))
    assert rewired.number_of_edges() == 120
    assert nx.is_connected(rewired)
    assert nx.average_shortest_path_length(rewired) < nx.average_shortest_path_length(
        nx.watts_strogatz_graph(40, 6, 0.0)
    )


def test_first_resistances_and_data() -> None:
    new = new_netlist("complete", nodes=40, resistance=5e3, spread=3, samples=7, inputs=4, outputs=3)
    values = np.array([value for _, _, value in graph(new).edges(data="value")])
    assert np.all((values > 5e3 / 3.01) & (values < 15.1e3))
    assert np.exp(np.mean(np.log(values))) == pytest.approx(5e3, rel=0.1)
    header, *rows = new.data.splitlines()
    assert len(header.split(",")) == 7
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert table.shape == (7, 7)
    # Outputs are means of the inputs and 0, so that they lie between them.
    bounds = np.c_[table[:, :4], np.zeros(7)]
    assert np.all(table[:, 4:] <= bounds.max(axis=1, keepdims=True) + 1e-6)
    assert np.all(table[:, 4:] >= bounds.min(axis=1, keepdims=True) - 1e-6)


@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_trains_as_it_is(kind: str, tmp_path: Path) -> None:
    new = new_netlist(kind, data="mine.csv")
    (tmp_path / "net.cir").write_text(new.netlist)
    (tmp_path / "mine.csv").write_text(new.data)
    result = netlearn.train(tmp_path / "net.cir", epochs=20)
    assert result.loss < 0.7 * result.history[0].loss


def test_the_seed_makes_the_text() -> None:
    one, same, other = (new_netlist("random", seed=seed) for seed in (1, 1, 2))
    assert (one.netlist, one.data) == (same.netlist, same.data)
    assert one.netlist != other.netlist


def test_a_large_one() -> None:
    assert new_netlist("lattice", rows=200, columns=200).netlist.count("\nR") == 2 * 200 * 199


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("latice", {}, "did you mean 'lattice'"),
        ("lattice", {"row": 3}, "did you mean 'rows'"),
        ("lattice", {"rows": 1}, "at least 2"),
        ("lattice", {"rows": 3, "inputs": 4}, "room for 3 inputs, not 4"),
        ("random", {"nodes": 5, "degree": 4.5}, "at most 4 with 5 nodes"),
        ("layered", {"layers": "4-x"}, "such as 4-8-2"),
        ("smallworld", {"neighbours": 3}, "even"),
        ("complete", {"min": 1e3, "max": 1e3}, "not above the lower bound"),
    ],
)
def test_refuses(kind: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        new_netlist(kind, **options)
