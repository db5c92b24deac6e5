"""Netlists as people and programs write them have the operating points that ngspice finds for the same text."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlistWarning
from netlearn.netlist.netlist import parse
from netlearn.ngspice.text import text_deck
from netlearn.ngspice.text_solution import settings
from netlearn.solve.internal import InternalSolver

# Decks separated by blank lines. A line "*! ngbehavior ltpsa" says how ngspice has to read the deck, and a line
# "*! warns word" that netlearn warns of that word. "*! tolerance x" is for circuits that ngspice settles in a short
# transient, to that difference at best.
FOLDER = Path(__file__).parent / "as_written"
DECKS = {
    f"{path.stem}: {deck.partition(chr(10))[0][2:]}": deck
    for path in sorted(FOLDER.glob("*.txt"))
    for deck in path.read_text(encoding="utf-8").strip().split("\n\n")
}
_NOTE = re.compile(r"^\*! (\w+) (.*)$", re.MULTILINE)


def _text_deck_says_the_same(netlist, circuit, wanted, ngspice):
    """What netlearn gives ngspice of the text has the operating point of the text itself."""
    made = text_deck(netlist, settings(circuit, {}))
    found = ngspice.run("\n".join(made.lines), behaviour=made.behaviour)
    for name, value in wanted.items():
        kind, own = name[:2], name[2:-1]
        if kind == "i(" and own not in circuit.branches:
            # Other currents are there for cards that save them.
            continue
        if kind == "v(" and ("#" in own or own not in circuit.nodes):
            # So are what ngspice calls all nodes in one word, and nodes inside of its own elements.
            continue
        told = made.names.path(own, element=kind == "i(")
        assert found[f"{kind}{told})"] == pytest.approx(value, rel=1e-9, abs=1e-12), name


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
    _text_deck_says_the_same(parse(deck), circuit, wanted, ngspice)
    tolerance = next((float(text) for kind, text in notes if kind == "tolerance"), 1e-9)
    compared = [node for node in circuit.nodes if "#" not in node]
    assert compared
    for node in compared:
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-6, abs=tolerance), node
    for branch in circuit.branches:
        if f"i({branch})" in wanted:
            assert found.current(branch)[0] == pytest.approx(wanted[f"i({branch})"], rel=1e-6, abs=tolerance), branch


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("V1 a 0 2 Rser=50\nR1 a 0 100", "V1 b 0 2\nRs a b 50\nR1 a 0 100"),
        ("I1 0 a 1m\nR1 a b 1k\nL1 b 0 1m Rser=20", "I1 0 a 1m\nR1 a b 1k\nL1 b c 1m\nRs c 0 20"),
        ("I1 0 a 1m\nR1 a b 1k\nL1 b 0 1m Rser=20 Rpar=20 Cpar=1n", "I1 0 a 1m\nR1 a b 1k\nRs b 0 10"),
        ("I1 0 a 1m\nR1 a 0 1k noiseless\nC1 a 0 1n Rpar=1k Rser=1", "I1 0 a 1m\nR1 a 0 1k\nRs a 0 1k"),
        ("X1 a s\nR1 a 0 1k\n.subckt s p\nV1 p 0 3 Rser=1k\n.ends", "R1 a 0 1k\nV1 b 0 3\nRs a b 1k"),
        ("X1 a s m=2\nR1 a 0 1k\n.subckt s p\nV1 p 0 3 Rser=1k\n.ends", "R1 a 0 1k\nV1 b 0 3\nRs a b 500"),
        (
            "I1 0 a 1m\nR1 a b 1k\nX1 b s m=2\n.subckt s p\nL1 p q 1m Rser=20 Rpar=80\nC1 q 0 1n Rpar=24\n.ends",
            "I1 0 a 1m\nR1 a b 1k\nRs b 0 20",
        ),
        ("I1 0 a 1m\nR1 a b 1k\nL1 b 0 1m Rser=20\n.options rseries=30", "I1 0 a 1m\nR1 a b 1k\nRs b 0 50"),
    ],
)
def test_resistances_that_ltspice_puts_into_other_elements(written, same, ngspice):
    circuit = elaborate(parse(f"written\n{written}\n.end\n")).circuit
    wanted = ngspice.run(f"the same\n{same}\n.end\n")
    found = InternalSolver().solve(circuit)
    for node in ("a", "b"):
        if node in circuit.nodes:
            assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-9)
    if "i(v1)" in wanted and "v1" in circuit.branches:
        assert found.current("v1")[0] == pytest.approx(wanted["i(v1)"], rel=1e-9)


@pytest.mark.parametrize(
    ("card", "voltage"),
    [
        (".step param r list 1k 2k", 0.5),
        (".step param r 3k 5k 1k", 0.75),
        (".step dec param r 4k 50k 1", 0.8),
        (".step lin param r {2*k} 50k 1", 2 / 3),
        (".param r=7k\n.step param r 1k 10k 1k", 0.5),
        (".step param r 1k 10k 1k\n.param r=7k", 0.5),
        (".param r=3k\n.step temp -55 125 10", 0.75),
    ],
)
def test_a_step_is_taken_at_its_first_value_with_a_warning(card, voltage):
    with pytest.warns(NetlistWarning, match="of what .step gives|without .step"):
        circuit = elaborate(parse(f"step\n.param k=1k\nV1 a 0 1\nR1 a b 1k\nR2 b 0 {{r}}\n{card}\n.end\n")).circuit
    assert InternalSolver().solve(circuit).voltage("b")[0] == pytest.approx(voltage)


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ("temp -40 125 5", "temp"),
        ("dec V1 1 10 3", "V1"),
        ("V1 list 1 2", "V1"),
        ("param r 1k 2k 1k", "r"),
        ("NPN qn (bf) 50 100 25", "qn.bf"),
    ],
)
def test_a_step_is_told_the_corners_that_stand_for_it(card, name):
    text = f"step\nV1 a 0 1\nR1 a b {{r}}\nQ1 b b 0 qn\n.model qn npn(bf=10)\n.param r=1k\n.step {card}\n.end\n"
    with pytest.warns(NetlistWarning) as told:
        elaborate(parse(text))
    assert [warning.message.hint for warning in told if isinstance(warning.message, NetlistWarning)] == [
        f"*@corner {name}=value,value,... takes a circuit at several values"
    ]
    values = "27,50" if name == "temp" else "1,2"
    with pytest.warns(NetlistWarning):
        points = netlearn.operating_point(parse(text), corner=f"{name}={values}")
    assert len(points.voltage("b")) == 2


LAPLACE = ("LAPLACE {V(a)} = {1/(1+s)}", "LAPLACE a 0 1 / 1 1", "FREQ {V(a)} = (0,0,0) (1k,-3,-45)", "POLE a 0 2 / 1 2")


@pytest.mark.parametrize("kind", LAPLACE)
def test_sources_of_frequency_are_refused_by_their_kind(kind):
    with pytest.raises(NetlearnError, match=f"{kind.split()[0]} sources are not supported") as caught:
        elaborate(parse(f"laplace\nV1 a 0 1\nE1 b 0 {kind}\nR1 b 0 1k\n.end\n"))
    assert "the gain at zero frequency" in caught.value.hint


def test_a_node_may_be_called_like_a_source_of_frequency():
    text = "a node\nV1 laplace 0 1\nE1 b 0 laplace 0 3\nR1 b 0 1k\n.end\n"
    assert netlearn.operating_point(parse(text)).voltage("b") == pytest.approx(3)


@pytest.mark.parametrize(("control", "resistance"), [(-1.0, 1e6), (0.0, 1e6), (0.5, 1e3), (1.0, 1.0), (2.0, 1.0)])
def test_pspices_switches_have_its_defaults(control, resistance):
    text = f"switch\nV1 c 0 {control}\nI1 0 a 1u\nS1 a 0 c 0 sm\n.model sm VSWITCH\n.end\n"
    found = InternalSolver().solve(elaborate(parse(text)).circuit)
    assert found.voltage("a")[0] == pytest.approx(1e-6 * resistance, rel=1e-9)


@pytest.mark.ngspice
@pytest.mark.parametrize(("r", "length", "steep"), [(15.99, 2, False), (16.01, 2, True), (100, 5, True)])
def test_lines_that_ngspice_has_another_equation_for_are_warned_of(r, length, steep, ngspice):
    text = f"t\nI1 0 a 1m\nY1 a 0 b 0 ym\n.model ym txl(r={r} l=1n c=1p g=0 length={length})\nR1 b 0 1k\n.end\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        circuit = elaborate(parse(text)).circuit
    assert sum("9/(r*len) in ngspice" in str(w.message) for w in caught) == steep
    across = InternalSolver().solve(circuit).voltage("a")[0] - 1.0
    assert across == pytest.approx(1e-3 * r * length, rel=1e-9)
    wanted = ngspice.run(text)
    theirs = 1e-3 * (9 / (r * length) if steep else r * length)
    assert wanted["v(a)"] - wanted["v(b)"] == pytest.approx(theirs, rel=1e-6)
