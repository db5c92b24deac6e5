"""Transistors in drawings: channels are lines between their ends, symbols name their kinds, gates stand beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import netlearn
from netlearn.report.network import draw_network
from netlearn.report.placement import driven_nodes, layout, satellites
from netlearn.report.transistors import placed_transistors

NETLISTS = Path(__file__).parents[2] / "netlists"
STAGES = """* an npn stage, and two channels side by side with gates of their own
Vcc vcc 0 9
R1 vcc b 47k
R2 b 0 10k
Rc vcc c 3k
Re e 0 500
Q1 c b e qn
Mn c gn f 0 nm
Mp c gp f vcc pm
J1 f b 0 jn
Rf f 0 1k
Vgn gn 0 3
Vgp gp 0 1
.model qn npn
.model nm nmos
.model pm pmos
.model jn njf
.end
"""


def drawn(circuit: Any) -> Any:
    figure = Figure()
    axes = figure.subplots()
    draw_network(axes, circuit, outputs=())
    figure.draw_without_rendering()
    return axes


def test_channels_join_their_ends_through_symbols_that_stand_apart() -> None:
    circuit = netlearn.elaborate(netlearn.parse(STAGES)).circuit
    found, places = placed_transistors(circuit, layout(circuit))
    at = {name: places[circuit.node(name)] for name in circuit.nodes if "#" not in name} | {"0": places[-1]}
    by_name = dict(zip(found.names, range(len(found.names)), strict=True))
    assert {name: found.kinds[k][0] for name, k in by_name.items()} == {
        "mn": "n-channel", "mp": "p-channel", "q1": "npn", "j1": "n-JFET",
    }  # fmt: skip
    nodes = [*circuit.nodes, "0"]
    ends = {name: {nodes[k] for k in found.ends[row]} for name, row in by_name.items()}
    assert ends == {"q1": {"c", "e"}, "mn": {"c", "f"}, "mp": {"c", "f"}, "j1": {"f", "0"}}
    # Gates of their own stand beside their symbols, on either side of the pair; a base is a node of the network.
    apart = found.middles[by_name["mn"]] - found.middles[by_name["mp"]]
    assert np.hypot(*apart) > 0
    assert sorted(circuit.nodes[k] for k in satellites(circuit)) == ["gn", "gp"]
    for name, gate in (("mn", "gn"), ("mp", "gp")):
        own, other = (found.middles[by_name[each]] for each in (name, "mp" if name == "mn" else "mn"))
        assert np.hypot(*(at[gate] - own)) < np.hypot(*(at[gate] - other))
    axes = drawn(circuit)
    texts = {text.get_text() for text in axes.texts}
    assert texts >= {"q1", "mn", "mp", "j1", "b", "c", "e", "f", "gn", "gp"}
    assert {text.get_text() for text in axes.get_legend().get_texts()} >= {"npn", "n-channel", "p-channel", "n-JFET"}
    channels, controls = [each for each in axes.collections if isinstance(each, LineCollection)][-2:]
    assert len(channels.get_paths()) == len(controls.get_paths()) == 4


def test_a_network_of_transmission_gates_is_drawn_in_its_layers() -> None:
    netlist = netlearn.read(NETLISTS / "transistor_xor.cir")
    circuit = netlearn.elaborate(netlist).circuit
    places = layout(circuit)
    at = {name: tuple(places[circuit.node(name)]) for name in circuit.nodes if "#" not in name}
    layers = [["x1", "x2", "bias"], [f"h{k}" for k in range(1, 7)], ["yp", "yn"]]
    for depth, layer in enumerate(layers):
        assert {at[name][0] for name in layer} == {depth}
        assert len({at[name][1] for name in layer}) == len(layer)
    # 76 voltages of single gates and the supplies of the bulks join nothing.
    assert len(satellites(circuit)) == 76
    assert np.isnan([at["sub"][0], at["sup"][0]]).all()
    axes = drawn(circuit)
    assert {text.get_text() for text in axes.texts} == {name for layer in layers for name in layer}
    assert "gate voltage" in {text.get_text() for text in axes.get_legend().get_texts()}


def test_an_input_that_controls_two_transistors_is_a_node_of_the_network() -> None:
    text = "* inverter\nVin in 0 1\nVdd vdd 0 3\nMn out in 0 0 nm\nMp out in vdd vdd pm\nR1 out 0 1meg\n"
    circuit = netlearn.elaborate(netlearn.parse(f"{text}.model nm nmos\n.model pm pmos\n.end\n")).circuit
    assert len(satellites(circuit)) == 0
    assert circuit.node("in") in driven_nodes(circuit)
    names = {text.get_text() for text in drawn(circuit).texts}
    assert names == {"in", "vdd", "out", "ground", "mn", "mp"}
