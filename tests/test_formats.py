"""Exports, each read back by a program that is not netlearn."""

import csv
import io
import json
import subprocess
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Environment
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VCVS, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NgspiceError
from netlearn.formats import export_csv, export_graphml, export_json
from netlearn.ngspice.export import export_ngspice, flatten
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.probes.ends import Probes
from netlearn.solve.internal import InternalSolver


def mixed(node="x1.mid"):
    """Three samples of v1 - r1 - mid - r2 - ground with a transistor, a diode and a controlled source."""
    bjt, diode = MODEL_TYPES["npn"], MODEL_TYPES["d"]
    transistor = {k: np.array([v]) for k, v in bjt.complete({"bf": 50.0}, {}).items()}
    clamp = {k: np.array([v]) for k, v in diode.complete({"is": 1e-12}, {"area": 2.0}).items()}
    groups = (
        Group(
            RESISTOR,
            ["r1", "r.x1.r2", "r3"],
            np.array([[0, 1], [1, GROUND], [2, 0]]),
            {"resistance": np.array([1e3, 2e3, 5e3])},
        ),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 4]]), {"dc": np.array([[1.0], [2.0], [-0.1]])}),
        Group(CURRENT_SOURCE, ["i1"], np.array([[GROUND, 1]]), {"dc": np.array([1e-4])}),
        Group(VCVS, ["e1"], np.array([[3, GROUND, 1, 2, 5]]), {"gain": np.array([-2.0])}),
        Group(bjt.device, ["q1"], np.array([[2, 1, GROUND, GROUND, 2, 1, GROUND]]), transistor),
        Group(diode.device, ["d1"], np.array([[1, GROUND, 1]]), clamp),
    )
    return Circuit(["in", node, "col", "7"], ["v1", "e1"], groups, Environment(310.0))


OUTPUTS = Probes(["V(1)", "V(3,2)", "I", "V(0,1)"], np.array([1, 3, 4, GROUND]), np.array([GROUND, 2, GROUND, 1]))


@pytest.mark.ngspice
@pytest.mark.parametrize("node", ["x1.mid", "a+b-1", "1e3", "x<1>", "b`id`", "all", "Ünder"])
def test_exported_deck_runs_by_itself_and_prints_what_netlearn_finds(node, ngspice, libngspice, tmp_path):
    circuit = mixed(node)
    (tmp_path / "deck.cir").write_text(export_ngspice(circuit, OUTPUTS))
    done = subprocess.run(
        [ngspice.executable, "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    lines = [line.split(" = ") for line in done.stdout.splitlines() if " = " in line and not line.startswith("Doing")]
    assert [line[1].strip() for line in lines if line[0] == "sample"] == ["1", "2", "3"], done.stdout + done.stderr
    printed = np.array([float(line[1]) for line in lines if line[0] != "sample"]).reshape(3, len(OUTPUTS))
    with NgspiceSolver() as solver:
        x = solver.solve(circuit).x
    expected = np.stack([x[:, 1], x[:, 3] - x[:, 2], x[:, 4], -x[:, 1]], axis=1)
    np.testing.assert_allclose(printed, expected, rtol=1e-12)


@pytest.mark.ngspice
def test_flat_netlist_says_the_same_to_ngspice(ngspice, libngspice):
    circuit = mixed()
    text = flatten(circuit, ["train R* min=1"], "two\nlines")
    assert text.splitlines()[:2] == ["* two\\nlines", "*@train R* min=1"]
    assert "r.x1.r2 x1.mid 0 2000\n" in text
    vectors = ngspice.run(text)
    with NgspiceSolver() as solver:
        op = solver.solve(circuit)
    for node in circuit.nodes:
        assert vectors[f"v({node})"] == pytest.approx(op.voltage(node)[0], rel=1e-9)


SHIPPED = [
    path
    for path in sorted((Path(__file__).parents[1] / "netlists").glob("*.cir"))
    # Which only ngspice can solve.
    if path.stem != "differential_stage"
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_flat_netlist_is_the_same_circuit_to_netlearn(path):
    circuit = elaborate(netlearn.read(path)).circuit
    text = flatten(circuit)
    again = elaborate(netlearn.parse(text)).circuit
    assert sorted(flatten(again).splitlines()) == sorted(text.splitlines())
    assert set(again.nodes) == set(circuit.nodes)
    before, after = InternalSolver().solve(circuit), InternalSolver().solve(again)
    for node in circuit.nodes:
        assert after.voltage(node)[0] == pytest.approx(before.voltage(node)[0], rel=1e-9, abs=1e-12)


HIERARCHY = """two levels
.subckt low a b w=2
R1 a m {1k*w}
D1 m b clamp
B1 b 0 I=v(a,m)*1m
.ends
.subckt high a b
X1 a c low
X2 c b low w=3
M1 c a b 0 sw l=2u w=20u
.ends
.model clamp d(is=1e-12 rs=3)
.model sw nmos(vto=0.4 kp=1e-4 rd=5)
V1 in 0 1.5
X9 in out high
R9 out 0 {1k+100}
.temp 50
.end
"""


def test_hierarchy_and_inner_nodes_survive():
    circuit = elaborate(netlearn.parse(HIERARCHY)).circuit
    text = flatten(circuit)
    again = elaborate(netlearn.parse(text)).circuit
    before, after = InternalSolver().solve(circuit), InternalSolver().solve(again)
    assert again.environment.temperature == circuit.environment.temperature
    names = [name for name in circuit.nodes if "#" not in name]
    assert "x9.x1.m" in names
    assert "stands for" not in text
    for node in names:
        assert after.voltage(node)[0] == pytest.approx(before.voltage(node)[0], rel=1e-9)


@pytest.mark.parametrize(("node", "kept"), [("x<1>[2]", True), ("a/b:c", True), ("a`b`", False), ("gnd", False)])
def test_node_names_are_kept_where_no_harm_can_come_of_it(node, kept):
    lines = flatten(mixed(node)).splitlines()
    assert (f"r.x1.r2 {node} 0 2000" in lines) == kept
    assert (f"* n_0 stands for {node!a}" in lines) != kept


def test_no_line_of_an_export_starts_with_the_users_words():
    hostile = mixed("x\n.control\nshell touch mark\n.endc")
    for text in (
        export_ngspice(hostile, OUTPUTS, "#!/bin/sh\n*# shell touch mark"),
        flatten(hostile, ["a\n*# shell touch mark"]),
    ):
        lines = text.splitlines()
        assert lines[0].startswith("* ")
        assert not [line for line in lines if line.startswith(("shell", "*#", "#"))]
        assert lines.count(".control") == ("sample" in text)


def test_values_that_alter_cannot_change_are_refused():
    circuit = mixed().with_values({(4, "bf"): np.array([[50.0], [60.0], [70.0]])})
    with pytest.raises(NgspiceError, match="'bf' of the bjt 'q1' differs by sample"):
        export_ngspice(circuit, OUTPUTS)


def test_json():
    content = json.loads(export_json(mixed()))
    assert content["nodes"] == ["in", "x1.mid", "col", "7"]
    elements = {e["name"]: e for e in content["elements"]}
    assert len(elements) == 8
    assert elements["r.x1.r2"] == {
        "name": "r.x1.r2",
        "device": "resistor",
        "terminals": {"p": "x1.mid", "n": "0"},
        "values": {"resistance": 2e3},
    }
    assert elements["d1"]["values"] == {"is": 1e-12, "area": 2.0}
    assert elements["q1"]["terminals"] == {"c": "col", "b": "x1.mid", "e": "0", "s": "0"}
    assert elements["v1"]["values"] == {"dc": 1.0}
    assert content["temperature"] == pytest.approx(36.85)


def test_csv():
    rows = {row["element"]: row for row in csv.DictReader(io.StringIO(export_csv(mixed('a,b"c'))))}
    assert rows["r1"]["connections"] == 'in a,b"c'
    assert float(rows["r3"]["value"]) == 5e3
    assert rows["d1"]["parameters"] == "is=1e-12 area=2.0"
    assert rows["e1"]["connections"].split() == ["7", "0", 'a,b"c', "col"]


def test_models_have_their_names_and_types_in_every_form():
    netlist = netlearn.parse("""t
V1 a 0 1
R1 a b 1k
D1 b 0 Clamp
Q1 a b 0 qp
.model clamp d(is=1e-12 rs=3)
.model qp pnp
""")
    content = json.loads(netlearn.export(netlist, "json"))
    said = {e["name"]: (e["model"], e["type"]) for e in content["elements"] if "model" in e}
    assert said == {"d1": ("clamp", "d"), "q1": ("qp", "pnp")}
    assert content["nodes"] == ["a", "b"]
    assert content["models"] == [
        {"name": "clamp", "type": "d", "values": {"is": 1e-12, "rs": 3.0}},
        {"name": "qp", "type": "pnp", "values": {}},
    ]
    rows = {row["element"]: row for row in csv.DictReader(io.StringIO(netlearn.export(netlist, "csv")))}
    assert {name: (row["model"], row["type"]) for name, row in rows.items() if row["model"]} == said
    graph = nx.parse_graphml(netlearn.export(netlist, "graphml"), force_multigraph=True)
    assert set(nx.get_node_attributes(graph, "name").values()) == {"0", "a", "b", "q1"}
    every = [*(values for _, values in graph.nodes(data=True)), *(values for *_, values in graph.edges(data=True))]
    assert {v["name"]: (v["model"], v["type"]) for v in every if "model" in v} == said


@pytest.mark.parametrize("node", ["x1.mid", '<a>&"b"'])
def test_graphml_is_read_by_networkx(node):
    graph = nx.parse_graphml(export_graphml(mixed(node)), force_multigraph=True)
    names = nx.get_node_attributes(graph, "name")
    ids = {name: key for key, name in names.items()}
    assert set(names.values()) == {"0", "in", node, "col", "7", "q1"}
    edge = next(data for data in graph.get_edge_data(ids["in"], ids[node]).values())
    assert edge["device"] == "resistor"
    assert edge["resistance"] == 1e3
    assert graph.number_of_edges(ids[node], ids["0"]) == 3
    assert sorted(d["terminal"] for _, _, d in graph.edges(ids["q1"], data=True)) == ["b", "c", "e", "s"]
    assert next(d for _, _, d in graph.edges(ids["7"], data=True))["controls"] == f"{node} col"


@pytest.mark.parametrize("character", ["\x01", "\x1b", "\ufffe", "\udc80"])
def test_names_that_xml_cannot_hold_are_refused_in_words(character):
    circuit = netlearn.elaborate(netlearn.parse(f"t\nV1 a{character}b 0 1\nR1 a{character}b 0 1k\n.end\n")).circuit
    with pytest.raises(NetlearnError, match=rf"XML has no character U\+{ord(character):04X}"):
        export_graphml(circuit)
    assert json.loads(export_json(circuit))
