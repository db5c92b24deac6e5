"""Elaborated circuits have the operating points that ngspice finds for the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.netlist.netlist import parse
from netlearn.solve.internal import InternalSolver

# Decks separated by blank lines, each with the rule that it is about as its title.
TEXT = (Path(__file__).parent / "elaboration_rules.txt").read_text(encoding="utf-8")
DECKS = {deck.partition("\n")[0][2:]: deck for deck in TEXT.strip().split("\n\n")}


@pytest.mark.ngspice
@pytest.mark.parametrize("name", DECKS)
def test_operating_point_is_ngspices(name, ngspice):
    deck = f"{DECKS[name]}\n.end\n"
    circuit = elaborate(parse(deck)).circuit
    found = InternalSolver().solve(circuit)
    wanted = ngspice.run(deck)
    compared = 0
    for node, value in zip(circuit.nodes, found.x[0], strict=False):
        if "#" not in node:
            assert value == pytest.approx(wanted[f"v({node})"], rel=2e-7, abs=1e-10), node
            compared += 1
    for k, branch in enumerate(circuit.branches):
        if branch.rpartition(".")[2][0] in "vl":
            current = found.x[0, len(circuit.nodes) + k]
            assert current == pytest.approx(wanted[f"i({branch})"], rel=2e-7, abs=1e-10), branch
    assert compared


INNER = """* devices with resistances in series
v1 in 0 2
r1 in c 1k
r2 in b 100k
d1 in k dm
r3 k 0 1k
q1 c b 0 qm
m1 in b 0 0 mm
j1 in 0 0 jm
.model dm d(rs=5)
.model qm npn(rc=10 rb=20 re=1)
.model mm nmos(vto=0.3 kp=1m rd=10 rs=5)
.model jm njf(rd=4 rs=3)
.end
"""
INNER_NODES = ["d1#internal", "q1#base", "q1#emitter", "m1#drain", "m1#source", "j1#drain", "j1#source"]


@pytest.mark.ngspice
def test_nodes_inside_elements_have_ngspices_names(ngspice):
    circuit = elaborate(parse(INNER)).circuit
    # Control lines are put into lower case, where q1#collCX cannot be asked for.
    assert sorted(name for name in circuit.nodes if "#" in name) == sorted([*INNER_NODES, "q1#collcx"])
    found = InternalSolver().solve(circuit)
    wanted = ngspice.run(INNER, probes=INNER_NODES)
    for node in INNER_NODES:
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-6), node
