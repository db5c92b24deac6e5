"""Graphs to netlists and back, against networkx's own algorithms and its isomorphism test."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive
from netlearn.overrides import settings_for


def conductances(graph):
    """Of all parallel edges together, by pairs of nodes."""
    simple = nx.Graph()
    for a, b, values in graph.edges(data=True):
        if values.get("device", "resistor") == "resistor":
            before = simple.get_edge_data(a, b, {"g": 0.0})["g"]
            simple.add_edge(a, b, g=before + values["conductance"])
    return simple


def _keyed(graph):
    return {(frozenset(pair), key) for *pair, key in graph.edges(keys=True)}


def random_graph(seed):
    rng = np.random.default_rng(seed)
    graph = nx.MultiGraph(nx.connected_watts_strogatz_graph(12, 4, 0.3, seed=seed))
    graph.add_edge(0, 1)
    graph.add_edge(3, 0)
    for _, _, values in graph.edges(data=True):
        values["conductance"] = float(10 ** rng.uniform(-4, -2))
    return graph


@pytest.mark.parametrize("seed", range(3))
def test_voltages_are_those_of_the_graphs_laplacian(seed):
    graph = random_graph(seed)
    netlist = netlearn.from_networkx(graph, inputs=[3, (4, 5)], outputs=[6], ground=0, conductance="conductance")
    point = netlearn.operating_point(netlist, data={"V1": [1.0, 0.2], "V2": [0.5, -1.0]})
    laplacian = nx.laplacian_matrix(graph, nodelist=range(12), weight="conductance").toarray()
    for sample, (v1, v2) in enumerate([(1.0, 0.5), (0.2, -1.0)]):
        # Kirchhoff's laws as a system: node 0 is at 0, 3 at v1, and 4 at v2 above 5, which share their current.
        a, b = np.array(laplacian), np.zeros(12)
        a[4] += a[5]
        for row, (p, n, volts) in {0: (0, None, 0.0), 3: (3, None, v1), 5: (4, 5, v2)}.items():
            a[row], b[row] = 0.0, volts
            a[row, p] = 1.0
            if n is not None:
                a[row, n] = -1.0
        wanted = np.linalg.solve(a, b)
        found = [0.0, *(point.voltage(f"n{k}")[sample] for k in range(1, 12))]
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_the_resistance_between_two_nodes_is_networkxs():
    graph = nx.MultiGraph(nx.petersen_graph())
    graph.add_edge(0, 1)
    for number, (_, _, values) in enumerate(graph.edges(data=True)):
        values["resistance"] = 100.0 * (1 + number)
    netlist = netlearn.from_networkx(graph, inputs=[7], ground=2)
    current = -netlearn.operating_point(netlist, data={"V1": [1.0]}).measure("I(V1)")[0]
    assert 1 / current == pytest.approx(nx.resistance_distance(graph, 2, 7, "resistance"), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back_is_the_same_graph(seed):
    graph = nx.relabel_nodes(random_graph(seed), {k: "gnd" if k == 0 else f"N{k}" for k in range(12)})
    nx.set_node_attributes(graph, nx.circular_layout(graph), "pos")
    netlist = netlearn.from_networkx(graph, inputs=["N3"], outputs=["N6"], conductance="conductance")
    back = netlearn.to_networkx(netlist)
    assert {"gnd" if name == "0" else name.upper() for name in back} == set(graph)
    assert sorted(c for *_, c in back.edges(data="device")) == ["resistor"] * graph.number_of_edges() + [
        "voltage source"
    ]
    for name, place in back.nodes(data="pos"):
        assert place == pytest.approx(graph.nodes["gnd" if name == "0" else name.upper()]["pos"])
    same = nx.is_isomorphic(
        conductances(graph), conductances(back), edge_match=lambda a, b: a["g"] == pytest.approx(b["g"], rel=1e-12)
    )
    assert same
    again = netlearn.from_networkx(back)
    assert netlearn.operating_point(again).x == pytest.approx(netlearn.operating_point(netlist).x)
    ends = [
        {(frozenset(pair), key) for *pair, key in each.edges(keys=True)} for each in (netlearn.to_networkx(again), back)
    ]
    assert ends[0] == ends[1]


def test_shipped_netlists_become_graphs(tmp_path):
    graph = netlearn.to_networkx("netlists/xor.cir")
    kinds = nx.get_node_attributes(graph, "kind")
    assert set(kinds.values()) == {"node"}
    assert graph.edges["h1", "0", "f.x1.f1"]["device"] == "cccs"
    transistor = netlearn.parse("* t\nV1 c 0 5\nR1 c b 1meg\nQ1 c b 0 m\n.model m npn\n.end\n")
    graph = netlearn.to_networkx(netlearn.elaborate(transistor).circuit)
    assert graph.nodes["q1"]["kind"] == "element"
    assert dict(graph["c"]["q1"])["c"]["terminal"] == "c"


MODELS = """* models of every kind, and two of one name
V1 a 0 1.3
R1 a b 1k
R2 b c 500
D1 b 0 dm
D2 b c dm 2
D3 c 0 plain
X1 b 0 sub
.subckt sub p n
.model dm d is=1e-8
D1 p n dm m=3
.ends
.model dm d is=1e-9 n=1.5 rs=2
.model plain d
"""
TRANSISTORS = """Q1 a b 0 qn
Q2 a b 0 qp area=2
M1 a b 0 0 mn l=1u w=2u
M2 a b 0 0 m3
M3 a b 0 power
J1 a b 0 jp
S1 a c b 0 switch
.model qn npn bf=150 is=1e-15
.model QP pnp (bf=50 rb=10)
.model mn nmos vto=0.7 kp=1e-4 rd=3
.model m3 pmos level=3 vto=-0.8 theta=0.1
.model power vdmos pchan vto=-2 kp=3
.model jp pjf
.model switch sw vt=0.5
"""


def test_diodes_go_into_a_graph_and_come_back_with_their_models():
    netlist = netlearn.parse(MODELS)
    graph = netlearn.to_networkx(netlist)
    assert set(graph) == {"0", "a", "b", "c"}, "nodes inside of diodes are none of the graph's"
    used = {values["name"]: (values.get("model"), values.get("type")) for *_, values in graph.edges(data=True)}
    assert used["d1"] == used["d2"] == ("dm", "d")
    assert used["d3"] == ("plain", "d")
    assert used["d.x1.d1"] == ("dm_2", "d")
    assert graph.graph["models"] == {"dm": "d (is=1e-09 n=1.5 rs=2)", "plain": "d", "dm_2": "d (is=1e-08)"}
    for there in (graph, netlearn.to_networkx(netlearn.elaborate(netlist).circuit)):
        back = netlearn.operating_point(netlearn.from_networkx(there))
        before = netlearn.operating_point(netlist)
        for node in "abc":
            assert back.voltage(node)[0] == pytest.approx(before.voltage(node)[0], rel=1e-9)
    # What is said in the call wins over what the graph has.
    other = netlearn.from_networkx(graph, models={"DM": "d is=1e-12"})
    assert {name.lower() for name in other.models} == {"dm", "plain", "dm_2"}
    assert other.models["dm"].type == "d"
    assert other.models["dm"]["is"] == 1e-12


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
def test_ngspice_solves_what_comes_back_as_it_solves_the_netlist():
    netlist = netlearn.parse(MODELS)
    back = netlearn.from_networkx(netlearn.to_networkx(netlist))
    one, other = (netlearn.operating_point(each, "ngspice") for each in (netlist, back))
    for node in "abc":
        assert other.voltage(node)[0] == pytest.approx(one.voltage(node)[0], rel=1e-6)


def test_numbers_of_models_of_one_name_are_none_that_another_model_has():
    text = "t\nV1 a 0 1\nD1 a 0 dm\nX1 a s\nD2 a 0 dm_2\n.model dm d is=1n\n.model dm_2 d is=2n rs=1\n"
    netlist = netlearn.parse(text + ".subckt s p\n.model dm d n=2\nD1 p 0 dm\n.ends\n.end\n")
    models = netlearn.to_networkx(netlist).graph["models"]
    assert models == {"dm": "d (is=1e-09)", "dm_3": "d (n=2)", "dm_2": "d (is=2e-09 rs=1)"}


def test_models_of_a_graph_are_those_of_the_netlist():
    netlist = netlearn.parse(MODELS + TRANSISTORS)
    graph = netlearn.to_networkx(netlist)
    kinds = nx.get_node_attributes(graph, "type")
    assert kinds == {"q1": "npn", "q2": "pnp", "m1": "nmos", "m2": "pmos", "m3": "vdmos pchan", "j1": "pjf"}
    assert nx.get_node_attributes(graph, "model")["q2"] == "qp"
    assert graph.edges["a", "c", "s1"]["model"] == "switch"
    cards = "".join(f".model {name} {text}\n" for name, text in graph.graph["models"].items())
    lines = "".join(line for line in TRANSISTORS.splitlines(True) if not line.startswith(".model"))
    again = netlearn.parse(MODELS.partition(".subckt")[0].replace("X1 b 0 sub\n", "D9 b 0 dm_2 m=3\n") + lines + cards)
    before, after = netlearn.elaborate(netlist).circuit, netlearn.elaborate(again).circuit
    for group in before.groups:
        for k, name in enumerate(group.names):
            g, there = after.element(name.replace("d.x1.d1", "d9"))
            assert after.groups[g].device is group.device
            for value, column in group.values.items():
                np.testing.assert_equal(
                    np.broadcast_to(after.groups[g].values[value], len(after.groups[g]))[there],
                    np.broadcast_to(column, len(group))[k],
                )


def test_models_that_are_none_are_refused():
    graph = netlearn.to_networkx(netlearn.parse(MODELS))
    graph.edges["0", "c", "d3"]["area"] = "big"
    with pytest.raises(OptionError, match=r"'area' of the edge .* is 'big', not a number"):
        netlearn.from_networkx(graph)
    graph.edges["0", "c", "d3"]["area"] = 2
    assert "d3 c 0 plain area=2" in str(netlearn.from_networkx(graph))
    graph.graph["models"]["plain"] = 3
    with pytest.raises(OptionError, match="'plain': 3 among the graph's models is none"):
        netlearn.from_networkx(graph)


def test_diodes_keep_their_temperatures():
    text = "t\nV1 a 0 1\nR1 a b 1k\nD1 b 0 dm temp=80\nR2 a c 1k\nD2 c 0 dm dtemp=20\n.model dm d is=1e-12\n"
    netlist = netlearn.parse(text)
    back = netlearn.operating_point(netlearn.from_networkx(netlearn.to_networkx(netlist)))
    before = netlearn.operating_point(netlist)
    assert before.voltage("b")[0] != before.voltage("c")[0]
    for node in "bc":
        assert back.voltage(node)[0] == pytest.approx(before.voltage(node)[0], rel=1e-9)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_no_text_of_a_graph_adds_a_line(end):
    more = f"{end}R9 a 0 1"
    graph = nx.Graph([("a", "0"), ("a", "b")])
    graph.add_edge("b", "0", device="diode", ends=("b", "0"), model="dm")
    assert "R9" not in netlearn.from_networkx(graph, title=f"x{more}").elements
    graph.graph["models"] = {"dm": f"d is=1e-9{more}"}
    for given in ({}, {"models": {"dm": f"d{more}"}}, {"train": f"R*{more}"}, {"data": f"x.csv{more}"}):
        with pytest.raises(OptionError, match=r"is more than one line|is no model|models is none"):
            netlearn.from_networkx(graph, **given)


def test_a_graph_of_any_labels_trains():
    graph = nx.grid_2d_graph(3, 3)
    netlist = netlearn.from_networkx(
        graph,
        inputs=[(0, 0), (2, 0)],
        outputs=[(0, 2)],
        ground=(2, 2),
        train="R* min=10 max=1meg",
        options="epochs=150",
    )
    assert "n0_1" in str(netlist)
    x = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    result = netlearn.train(netlist, x, 0.5 * x[:, 0] + 0.2 * x[:, 1])
    assert result.loss < 1e-2 * result.history[0].loss


def test_labels_that_spice_would_take_for_one_are_told_apart():
    graph = nx.Graph([("a", "A"), ("A", "x y"), ("x y", "x-y!"), ("x-y!", "0"), (1.5, "a"), (1.5, "0")])
    netlist = netlearn.from_networkx(graph, inputs=["a"])
    assert len(netlearn.elaborate(netlist).circuit.nodes) == 5


def test_positions_stand_in_the_netlist_by_name():
    graph = nx.path_graph(3)
    netlist = netlearn.from_networkx(graph, inputs=[0], ground=2, positions={0: (0, 0.5), 1: (-1e-3, 2), 2: (3, 4)})
    assert settings_for(netlist, {}).position == {"n0": (0.0, 0.5), "n1": (-1e-3, 2.0), "0": (3.0, 4.0)}
    grid = netlearn.from_networkx(nx.grid_2d_graph(2, 3), inputs=[(0, 0)], ground=(1, 2))
    assert set(settings_for(grid, {}).position.values()) == set(nx.grid_2d_graph(2, 3))
    assert settings_for(grid, {}).position["0"] == (1.0, 2.0)
    netlist = netlearn.parse("* t\n*@position a=1,2 7=3,4\n*@position x1:b=5,-6\nR1 a 0 1\n.end\n")
    assert settings_for(netlist, {}).position == {"a": (1.0, 2.0), "7": (3.0, 4.0), "x1:b": (5.0, -6.0)}
    # However they are written: the plain way has a shorter path.
    texts = ("a=1,2 7=3,4 X1:b=5,-6e0", "'a'=1,2 7=3,4 'X1:b'=5,-6")
    read = [read_directive(f"position {text}", DIRECTIVES).values for text in texts]
    assert read[0] == read[1] == {"a": (1.0, 2.0), "7": (3.0, 4.0), "x1:b": (5.0, -6.0)}
    assert read_directive("position a=1k,2", DIRECTIVES).values == {"a": (1000.0, 2.0)}
    for wrong in ("a=1,2 A=3,4", "a=1e999,2"):
        with pytest.raises(OptionError):
            read_directive(f"position {wrong}", DIRECTIVES)
    with pytest.raises(OptionError, match="'a' is given twice") as caught:
        settings_for(netlearn.parse("* t\n*@position a=1,2\n*@position a=3,4\nR1 a 0 1\n.end\n"), {})
    assert "<string>:3" in str(caught.value)
    with pytest.raises(OptionError, match="position of 'a' is not two numbers"):
        settings_for(netlearn.parse("* t\n*@position a=1,2,3\nR1 a 0 1\n.end\n"), {})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, {"ground": None}, r"the graph has no ground\n.*ground=0"),
        (None, {"ground": 9}, "no node 9 to be ground"),
        (None, {"inputs": ["far"]}, "no node 'far' for an input"),
        (None, {"inputs": [0]}, "the input 0 is ground"),
        (None, {"outputs": [(1, "far")]}, "for an output"),
        (lambda g: g.add_node("alone"), {}, "no path leads from ground to 'alone'"),
        (lambda g: g.add_edge("p", "q"), {}, "no path leads from ground to 'p', 'q'"),
        (lambda g: g.add_edge(1, 1), {}, "leads back to where it comes from"),
        (lambda g: g.add_edge(1, 3, resistance=-5), {}, "no 'resistance', which other edges have"),
        (lambda g: nx.set_edge_attributes(g, -5, "resistance"), {}, "is -5, not above 0"),
        (lambda g: nx.set_edge_attributes(g, "much", "resistance"), {}, "is 'much', not above 0"),
        (lambda g: nx.set_edge_attributes(g, "vcvs", "device"), {}, r"is a vcvs, and only resistors, diodes"),
        (
            lambda g: nx.set_edge_attributes(g, {(0, 1): {"device": "diode", "ends": (0, 1), "model": "a b"}}),
            {},
            "'a b', not a name",
        ),
        (
            lambda g: nx.set_edge_attributes(g, "diode", "device"),
            {},
            r"0 - 1 does not say which way its diode conducts\n.*ends=\(anode",
        ),
        (lambda g: g.add_edge(1, 1, device="diode"), {}, "leads back to where it comes from"),
        (None, {"models": {"diode": "d\n.end"}}, "is no model"),
        (lambda g: nx.set_edge_attributes(g, "voltage source", "device"), {}, "'dc' of the edge 0 - 1 is None, not a"),
        (None, {"conductance": "g"}, "no edge has the attribute 'g'"),
        (None, {"conductance": "resistance"}, "no edge has the attribute 'resistance'"),
        (
            lambda g: nx.set_edge_attributes(g, 2.0, "weight"),
            {"resistance": "wieght"},
            r"no edge has the attribute 'wieght'\n.*did you mean 'weight'",
        ),
        (None, {"positions": {1: (1, 2, 3)}}, "two numbers for each node"),
        (None, {"optimizer": "adamm"}, "did you mean 'adam'"),
        (None, {"colour": "red"}, "unknown directive 'colour'"),
    ],
)
def test_refuses(change, options, message):
    graph = nx.cycle_graph(4)
    if change:
        change(graph)
    with pytest.raises(OptionError, match=message):
        netlearn.from_networkx(graph, **{"inputs": [1], "ground": 0, **options})


def test_edges_may_be_diodes(libngspice):
    graph = nx.MultiGraph(nx.cycle_graph(4))
    graph.add_edge(1, 2, device="diode", ends=(2, 1))
    graph.add_edge(3, 0, device="diode", ends=(3, 0), model="dm")
    graph.add_edge(1, 3, device="diode", ends=(1, 3))
    models = {"dm": "d is=1e-9 n=1.5"}
    netlist = netlearn.from_networkx(graph, inputs=[1], outputs=[2, 3], ground=0, models=models)
    assert [netlist[name].nodes for name in ("D1", "D2", "D3")] == [("n3", "0"), ("n2", "n1"), ("n1", "n3")]
    assert [netlist[f"R{k}"].value for k in range(1, 5)] == [1000.0] * 4
    point = netlearn.operating_point(netlist, data={"V1": [-2.0, 0.7, 2.0]})
    ngspice = netlearn.operating_point(netlist, "ngspice", data={"V1": [-2.0, 0.7, 2.0]})
    np.testing.assert_allclose(point.x, ngspice.x, rtol=1e-6, atol=1e-12)
    # The one from n2 conducts where n1 is below it alone.
    assert point.voltage("n2")[0] - point.voltage("n1")[0] < 0.8
    assert point.voltage("n1")[2] - point.voltage("n2")[2] > 0.3
    assert dict(netlist.models["diode"]) == {}
    directed = nx.MultiDiGraph([(k, (k + 1) % 4) for k in range(4)])
    directed.add_edge(3, 0, device="diode")
    assert netlearn.from_networkx(directed, inputs=[1], ground=0)["D1"].nodes == ("n3", "0")


def test_what_is_no_graph_or_no_netlist_is_told():
    with pytest.raises(OptionError, match="a list is not a graph"):
        netlearn.from_networkx([(1, 2)])
    with pytest.raises(OptionError, match="a Graph is not a netlist") as caught:
        netlearn.train(nx.path_graph(3), [[1.0]])
    assert "from_networkx" in caught.value.hint


def test_data_are_named_by_a_path(tmp_path) -> None:
    graph = nx.path_graph(3)
    assert "*@data d.csv" in str(netlearn.from_networkx(graph, [2], [1], ground=0, data=Path("d.csv")))
