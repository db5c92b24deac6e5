"""Netlists as people and programs write them have the operating points that ngspice finds for the same text."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlistWarning
from netlearn.netlist.netlist import parse
from netlearn.solve.internal import InternalSolver

# Decks separated by blank lines. A line "*! ngbehavior ltpsa" says how ngspice has to read the deck, and a line
# "*! warns word" that netlearn warns of that word.
FOLDER = Path(__file__).parent / "as_written"
DECKS = {
    f"{path.stem}: {deck.partition(chr(10))[0][2:]}": deck
    for path in sorted(FOLDER.glob("*.txt"))
    for deck in path.read_text(encoding="utf-8").strip().split("\n\n")
}
_NOTE = re.compile(r"^\*! (\w+) (.*)$", re.MULTILINE)


@pytest.mark.ngspice
@pytest.mark.parametrize("name", DECKS)
def test_operating_point_is_ngspices(name, ngspice):
    deck = f"{DECKS[name]}\n.end\n"
    notes = _NOTE.findall(deck)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        circuit = elaborate(parse(deck)).circuit
    said = [str(w.message) for w in caught if isinstance(w.message, NetlistWarning)]
    expected = [word for kind, word in notes if kind == "warns"]
    assert len(said) == len(expected), said
    for word in expected:
        assert any(word in message for message in said), said
    found = InternalSolver().solve(circuit)
    wanted = ngspice.run(deck, behaviour=next((text for kind, text in notes if kind == "ngbehavior"), ""))
    compared = [node for node in circuit.nodes if "#" not in node]
    assert compared
    for node in compared:
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-6, abs=1e-9), node
    for branch in circuit.branches:
        if f"i({branch})" in wanted:
            assert found.current(branch)[0] == pytest.approx(wanted[f"i({branch})"], rel=1e-6, abs=1e-9), branch
