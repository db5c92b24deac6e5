"""Expressions that ngspice reads otherwise than the program that a netlist was written for, or not at all."""

from __future__ import annotations

import math

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlistError, NetlistWarning
from netlearn.netlist.netlist import parse
from netlearn.ngspice.text import text_deck
from netlearn.ngspice.text_solution import settings
from netlearn.solve.internal import InternalSolver

POWERS = """\
powers
V1 a 0 -0.7
B1 1 0 V=pwr(V(a),3)
B2 2 0 V=pwrs(V(a),3)
V3 3 0 {pwr(-0.7,3)}
V4 4 0 {pwrs(-0.7,3)}
"""


def solved(text):
    circuit = elaborate(parse(text)).circuit
    return circuit, InternalSolver().solve(circuit)


def told_to_ngspice(text, ngspice):
    """What ngspice finds for the deck that netlearn makes of the text."""
    netlist = parse(text)
    made = text_deck(netlist, settings(elaborate(netlist).circuit, {}))
    return ngspice.run("\n".join(made.lines), behaviour=made.behaviour)


@pytest.mark.ngspice
@pytest.mark.parametrize("mark", [".backanno", ".probe64 V(a)"])
def test_powers_are_those_that_ltspice_and_pspice_document(mark, ngspice):
    """``pwr(x,y)`` is |x|^y and ``pwrs(x,y)`` has the sign of x; ngspice's modes have them the other way round."""
    _, found = solved(f"{POWERS}{mark}\n.end\n")
    told = told_to_ngspice(f"{POWERS}{mark}\n.end\n", ngspice)
    for node, value in {"1": 0.343, "2": -0.343, "3": 0.343, "4": -0.343}.items():
        assert found.voltage(node)[0] == pytest.approx(value, rel=1e-12)
        assert told[f"v({node})"] == pytest.approx(value, rel=1e-9)


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("V2 x 0 {2*pi}", 2 * math.pi),
        (".param w=2*pi\nV2 x 0 {w}", 2 * math.pi),
        ("V2 x 0 {sin(pi/6)}", 0.5),
        ("V2 x 0 {s*2}\n.param s='pi'", 2 * math.pi),
    ],
)
def test_pi_is_known_in_parameters_and_told_to_ngspice(line, value, ngspice):
    with pytest.warns(NetlistWarning, match="'pi' is 3.14159"):
        _, found = solved(f"pi\n{line}\n.end\n")
    assert found.voltage("x")[0] == pytest.approx(value, rel=1e-12)
    with pytest.warns(NetlistWarning, match="'pi' is 3.14159"):
        assert told_to_ngspice(f"pi\n{line}\n.end\n", ngspice)["v(x)"] == pytest.approx(value, rel=1e-9)


CLAMPS = "clamps\nV1 x 0 {{limit(3,1,2)}}\nB1 y 0 v={{limit(V(x)+3,1,2)}}\n{mark}\n.end\n"


@pytest.mark.ngspice
@pytest.mark.parametrize(("mark", "warned"), [("", 2), (".func limit(x,a,b) {min(max(x,a),b)}", 0), (".probe64", 0)])
def test_limit_is_warned_of_where_ngspice_reads_something_else(mark, warned, ngspice, recwarn):
    """``told_to_ngspice`` defines it; ngspice alone ends with other numbers in silence."""
    text = CLAMPS.format(mark=mark)
    _, found = solved(text)
    messages = [str(w.message) for w in recwarn if issubclass(w.category, NetlistWarning)]
    assert len([m for m in messages if "keeps x between a and b" in m]) == warned, messages
    told = told_to_ngspice(text, ngspice)
    for node in "xy":
        assert found.voltage(node)[0] == pytest.approx(2.0, rel=1e-12)
        assert told[f"v({node})"] == pytest.approx(2.0, rel=1e-9)
    if warned:
        alone = ngspice.run(text)
        assert abs(alone["v(x)"] - 2.0) > 0.1
        assert abs(alone["v(y)"] - 2.0) > 0.1


@pytest.mark.ngspice
def test_ltspices_constants_in_parameters_need_no_warning(ngspice, recwarn):
    text = "constants\nV1 x 0 {e*pi}\n.backanno\n.end\n"
    _, found = solved(text)
    assert found.voltage("x")[0] == pytest.approx(math.e * math.pi, rel=1e-12)
    assert told_to_ngspice(text, ngspice)["v(x)"] == pytest.approx(math.e * math.pi, rel=1e-9)
    assert not [w for w in recwarn if issubclass(w.category, NetlistWarning)]


@pytest.mark.parametrize("name", ["c", "e", "kelvin", "echarge", "boltz", "planck", "yes", "true", "i"])
def test_other_constants_are_none_of_a_netlist(name):
    """ngspice knows them after the run, not in a netlist: a ``c`` that was never defined is not the speed of light."""
    with pytest.raises(NetlistError, match=f"unknown parameter '{name}'"):
        elaborate(parse(f"constants\nV1 a 0 {{{name}}}\nR1 a 0 1\n.end\n"))


def test_a_parameter_of_the_users_named_pi_is_the_users(recwarn):
    _, found = solved("pi\n.param pi=3\nV1 x 0 {pi}\n.end\n")
    assert found.voltage("x")[0] == 3.0
    assert not [w for w in recwarn if issubclass(w.category, NetlistWarning)]
