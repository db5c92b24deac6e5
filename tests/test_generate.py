"""Generated netlists against graphs made elsewhere, and as netlists that train."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

import netlearn
from netlearn.errors import OptionError
from netlearn.generate import NewNetlist, new_netlist
from netlearn.netlist.numbers import parse_number
from netlearn.topologies.kinds import TOPOLOGIES


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
        ("triangular", {"rows": 5, "columns": 6}, None),
    ],
)
def test_graphs(kind: str, options: dict[str, Any], like: nx.Graph) -> None:
    """A crossbar with ground as one more row is the complete bipartite graph."""
    if like is None:
        # networkx has triangular lattices by rows and halved columns.
        like = nx.triangular_lattice_graph(4, 10)
    assert nx.is_isomorphic(graph(new_netlist(kind, **options)), like)


def test_layered_graph() -> None:
    found = graph(new_netlist("layered", layers="3-4-2"))
    assert found.number_of_edges() == 3 * 4 + 4 * 2 + 4 + 2
    assert found.degree["0"] == 6
    assert all(found.degree[f"l0_{i}"] == 4 for i in range(3))


@pytest.mark.parametrize("options", [{}, {"diodes": True, "amplifiers": True}])
def test_layers_are_driven_and_read_whole(options: dict[str, Any]) -> None:
    """Their numbers say how many classes there are."""
    made = new_netlist("layered", layers="5-4-3", **options)
    header = made.data.splitlines()[0]
    assert (header.count("V("), len([name for name in header.split(",") if name[1:].isdecimal()])) == (3, 5)
    assert new_netlist("layered", layers="5-4-3", outputs=1, **options).data.splitlines()[0].count("V(") == 1


@pytest.mark.parametrize("kind", ["layered", "crossbar"])
def test_the_loss_is_left_to_what_is_asked(kind: str) -> None:
    """Goals have their own, and classes cross-entropy."""
    made = new_netlist(kind)
    probe = made.data.splitlines()[0].split(",")[-1]
    result = netlearn.train(netlearn.parse(made.netlist), _inputs_alone(made.data), goal=f"{probe} max=0", epochs=0)
    assert [goal.high for goal in result.train.goals] == [0.0]


def _inputs_alone(text: str) -> dict[str, list[float]]:
    return {name: column for name, column in _columns(text).items() if "(" not in name}


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
def test_refuses(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        new_netlist(kind, **options)


@pytest.mark.parametrize("seed", range(3))
def test_planar_networks_are_planar_and_joined_to_neighbours(seed: int) -> None:
    for kind in ("delaunay", "packing", "triangular"):
        found = graph(new_netlist(kind, seed=seed))
        assert nx.is_connected(found)
        assert nx.check_planarity(found)[0]
    made = new_netlist("delaunay", nodes=40, seed=seed).network
    assert made.positions is not None
    lengths = pdist(made.positions)
    # Each is joined to its nearest neighbour, as in every Delaunay triangulation.
    near = squareform(lengths) + 9 * np.eye(40)
    ends = {tuple(sorted(pair)) for pair in made.ends.tolist()}
    assert all(tuple(sorted((i, int(near[i].argmin())))) in ends for i in range(40))
    assert lengths.min() >= 0.59 / np.sqrt(40)


@pytest.mark.parametrize("seed", range(3))
def test_geometric_networks_are_networkxs(seed: int) -> None:
    made = new_netlist("geometric", nodes=30, radius=0.5, seed=seed).network
    places = {i: tuple(place) for i, place in enumerate(made.positions.tolist())}  # type: ignore[union-attr]
    like = nx.random_geometric_graph(30, 0.5, pos=places)
    assert {tuple(sorted(pair)) for pair in made.ends.tolist()} == {tuple(sorted(edge)) for edge in like.edges}
    # Without a radius it just hangs together: without its longest edge it would not.
    made = new_netlist("geometric", nodes=30, seed=seed).network
    found = nx.Graph(made.ends.tolist())
    assert nx.is_connected(found)
    at = made.positions
    assert at is not None
    found.remove_edge(*max(found.edges, key=lambda edge: float(np.linalg.norm(at[edge[0]] - at[edge[1]]))))
    assert not nx.is_connected(found)
    with pytest.raises(OptionError, match="falls apart"):
        new_netlist("geometric", nodes=30, radius=0.01, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_packings_are_stiff_and_touch(seed: int) -> None:
    """Every disk has three contacts or more, those with the walls among them, so that there are about two per disk."""
    made = new_netlist("packing", disks=80, seed=seed).network
    degrees = [degree for _, degree in nx.Graph(made.ends.tolist()).degree]
    assert 70 <= len(made.nodes) <= 80
    assert 3.6 < np.mean(degrees) < 4.8
    lengths = np.linalg.norm(np.diff(made.positions[made.ends], axis=1)[:, 0], axis=1)  # type: ignore[index]
    radius = np.sqrt(0.9 / (np.pi * 40 * (1 + 1.4**2)))
    assert lengths.max() < 2 * 1.4 * radius + 1e-3
    assert lengths.min() > 1.6 * radius


def test_positions_stand_in_the_netlist() -> None:
    made = new_netlist("triangular", rows=2, columns=2)
    assert "*@position n0_0=0.0,0.0 n0_1=1.0,0.0 n1_0=0.5,-0.866 0=1.5,-0.866" in made.netlist


@pytest.mark.parametrize(
    ("options", "elements"),
    [
        ({}, {"diode": 0, "amplifier": 0}),
        ({"diodes": True}, {"diode": 12, "amplifier": 0}),
        ({"diodes": True, "clamp": "single"}, {"diode": 6, "amplifier": 0}),
        ({"amplifiers": True}, {"diode": 0, "amplifier": 6}),
        ({"diodes": True, "amplifiers": True, "ideal": True}, {"diode": 12, "amplifier": 6}),
    ],
)
def test_deep_networks_have_a_co_content_and_gradients_that_energy_based_rules_find(
    options: dict[str, Any], elements: dict[str, int]
) -> None:
    made = new_netlist("layered", layers="2-3-3-1", samples=4, **options)
    netlist, data = netlearn.parse(made.netlist), _columns(made.data)
    found = netlearn.elaborate(netlist).circuit
    counts = {group.device.name: len(group) for group in found.groups}
    assert sum(count for name, count in counts.items() if "diode" in name) == elements["diode"]
    assert counts.get("cccs", 0) == elements["amplifier"]
    assert netlearn.describe(netlist, data).breaking == ()
    exact, nudged = (netlearn.Trainer(netlist, rule=rule) for rule in ("analytic", "ep beta=1e-4"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, b = (trainer.step(*_arrays(made.data)).gradient for trainer in (exact, nudged))
    assert np.linalg.norm(a - b) < 1e-2 * np.linalg.norm(a)


def _columns(text: str) -> dict[str, list[float]]:
    header, *rows = list(csv.reader(text.splitlines()))
    return {name: [float(row[k]) for row in rows] for k, name in enumerate(header)}


def _arrays(text: str) -> tuple[np.ndarray, np.ndarray]:
    columns = _columns(text)
    split = [np.array([v for k, v in columns.items() if k.startswith("V(") is outputs]).T for outputs in (False, True)]
    return split[0], split[1]


def test_deep_networks_need_a_hidden_layer() -> None:
    with pytest.raises(OptionError, match="no hidden layer"):
        new_netlist("layered", layers="3-2", diodes=True)


@pytest.mark.parametrize("kind", ["complete", "random", "smallworld"])
def test_any_node_but_ground_may_be_driven_or_read(kind: str) -> None:
    """Thirteen measurements of three wines take 17 nodes, not 27."""
    made = netlearn.new(kind, nodes=17, inputs=13, outputs=3)
    netlist = netlearn.parse(made.netlist)
    driven = {source.nodes[0] for source in netlist.find("V*")}
    read = set(re.findall(r"V\((\w+)\)", made.data.splitlines()[0]))
    assert (len(driven), len(read), driven & read) == (13, 3, set())
    with pytest.raises(OptionError, match="has room for 2 outputs, not 3"):
        netlearn.new(kind, nodes=16, inputs=13, outputs=3)


@pytest.mark.parametrize("kind", ["lattice", "crossbar"])
def test_the_data_are_named_whatever_their_name_is(kind: str, tmp_path: Path) -> None:
    for name in ("a b.csv", "x;y.csv", 'say "a".csv'):
        made = new_netlist(kind, name)
        (tmp_path / name).write_text(made.data)
        (tmp_path / "x.cir").write_text(made.netlist)
        assert netlearn.describe(tmp_path / "x.cir").samples > 0
    for name in ("a\rR9 a 0 1", "a\nR9 a 0 1", "a'b\"c.csv"):
        with pytest.raises(OptionError, match="no line of a netlist can name the data"):
            new_netlist(kind, name)
