"""Generated networks of transistors: their graphs, their bounds, and ngspice's opinion of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import OptionError
from netlearn.generate import new_netlist

EDGES = ["nmos", "pair", "transmission"]
FORMS = ["lattice", "layered"]
SMALL: dict[str, dict[str, Any]] = {"lattice": {"rows": 3, "columns": 3}, "layered": {"layers": "2-3-2"}}


def graph(text: str) -> nx.MultiGraph:
    """The channels between drains and sources, with joints of pairs passed over."""
    result = nx.MultiGraph()
    joints: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("M"):
            _, drain, _, source, *_ = line.split()
            if source.startswith("m"):
                joints.setdefault(source, []).append(drain)
            else:
                result.add_edge(drain, source)
    result.add_edges_from(tuple(ends) for ends in joints.values())
    return result


@pytest.mark.parametrize("edge", EDGES)
def test_edges_are_those_of_the_form(edge: str) -> None:
    lattice = graph(new_netlist("transistors", edge=edge, rows=3, columns=4).netlist)
    assert nx.is_isomorphic(nx.Graph(lattice), nx.grid_2d_graph(3, 4))
    layered = graph(new_netlist("transistors", edge=edge, form="layered", layers="3-4-2").netlist)
    simple = nx.Graph(layered)
    assert simple.number_of_edges() == 3 * 4 + 4 * 2 + 4 + 2
    assert layered.number_of_edges() == simple.number_of_edges() * (2 if edge == "transmission" else 1)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("form", FORMS)
def test_all_gates_train_within_their_bounds(tmp_path: Path, form: str, edge: str) -> None:
    new = new_netlist("transistors", "net.csv", form=form, edge=edge, seed=1, **SMALL[form])
    (tmp_path / "net.cir").write_text(new.netlist)
    (tmp_path / "net.csv").write_text(new.data)
    result = netlearn.train(tmp_path / "net.cir", epochs=20)
    gates = [line.split()[0].lower() for line in new.netlist.splitlines() if line.startswith(("Vg", "Vp"))]
    assert sorted(result.names) == sorted(gates)
    assert result.loss < 0.8 * result.history[0].loss
    assert np.all((result.theta >= result.lower) & (result.theta <= result.upper))
    assert np.all(np.abs(new_volts(new.data)) <= 0.5)


def new_volts(data: str) -> Any:
    header, *rows = data.splitlines()
    return np.array([[float(cell) for cell in row.split(",")] for row in rows])[:, : header.count("V") // 2]


@pytest.mark.ngspice
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("form", FORMS)
def test_ngspice_agrees(tmp_path: Path, libngspice: str, form: str, edge: str) -> None:
    new = new_netlist("transistors", "net.csv", form=form, edge=edge, samples=3, **SMALL[form])
    (tmp_path / "net.cir").write_text(new.netlist)
    (tmp_path / "net.csv").write_text(new.data)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "net.cir")])
    assert result.exit_code == 0, result.output
    assert "largest relative   none" in result.output


@pytest.mark.filterwarnings("error")
def test_pairs_have_a_co_content() -> None:
    """Their gate stands against their joint, so that rules by nudging say the gradient, and squared drops theirs."""
    text = new_netlist("transistors", edge="pair", rows=3, columns=3, gamma=0.0).netlist
    rng = np.random.default_rng(0)
    names = ["V1", "V2", "V3", "V(n0_2)", "V(n1_2)"]
    data = dict(zip(names, rng.uniform(-0.5, 0.5, (5, 3)), strict=True))
    exact, found = (
        netlearn.train(netlearn.parse(text), data, rule=rule, optimizer="sgd lr=0.1", epochs=1).theta
        for rule in ("analytic", "ep beta=1e-5")
    )
    start = netlearn.train(netlearn.parse(text), data, epochs=0).theta
    assert found - start == pytest.approx(exact - start, rel=1e-3, abs=1e-3 * np.abs(exact - start).max())
    drops = netlearn.train(netlearn.parse(text), data, rule="ep contrast=drops", optimizer="sgd lr=0.1", epochs=1)
    assert (drops.theta - start) @ (exact - start) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min": 3.0}, "first gate voltages of 3 V ± 0.5 V are not within the bounds of training, 3 V to 6 V"),
        ({"max": 3.0}, "are not within the bounds of training, 0 V to 3 V"),
        ({"edge": "pair", "min": 0.5}, "the joint of a pair floats where its gate is at the threshold of 0.7 V"),
        ({"edge": "relay"}, "'edge' cannot be 'relay'"),
        ({"form": "layered", "layers": "4"}, "'layers' must be at least two numbers"),
        ({"layers": "3-2"}, "'layers' is of the form layered, and this is lattice"),
        ({"form": "layered", "rows": 3}, "'rows' is of the form lattice, and this is layered"),
        ({"resistance": 1e3}, "resistance"),
        ({"inputs": 9}, "this transistors has room for 4 inputs, not 9"),
    ],
)
def test_what_cannot_be_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        new_netlist("transistors", **options)


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "net.cir"
    result = CliRunner().invoke(main, ["new", "transistors", str(out), "--edge", "pair", "--rows", "3", "--gate", "2"])
    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert "* transistors: 17 pairs of transistors between 12 nodes" in text
    assert "*@train   Vg* min=0.8 max=6" in text
    result = CliRunner().invoke(main, ["new", "transistors", str(out), "--gate", "9", "--force"])
    assert result.exit_code == 2
    assert "first gate voltages of 9 V" in result.output
    assert out.read_text() == text
