"""Elaborated circuits have the operating points that ngspice finds for the same text."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlearn.netlist.elaborate import elaborate
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
