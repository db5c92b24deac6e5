"""Currents of elements that are no voltage sources as controls, against ngspice with the sources put in by hand."""

from __future__ import annotations

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnErrors, NetlistError
from netlearn.netlist.netlist import parse
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

REST = """
V1 a 0 2
R2 b 0 1k
R3 o 0 500
C1 b 0 1n
D1 b 0 dm
Q1 b b2 0 qm
R4 a b2 100k
.model dm d(is=1e-12)
.model qm npn
.model wm csw(it=0.5m ron=10 roff=1meg)
"""
CASES = {
    "F": ("R1 a b 1k\nF1 0 o R1 2", "R1 a_ b 1k\nVm a a_ 0\nF1 0 o Vm 2"),
    "F of a resistor turned round": ("F1 0 o R1 2\nR1 b a 1k", "R1 b_ a 1k\nVm b b_ 0\nF1 0 o Vm 2"),
    "H": ("R1 a b 1k\nH1 o 0 D1 3k", "R1 a b 1k\nVm b b_ 0\nD1 b_ 0 dm\nH1 o 0 Vm 3k"),
    "W": ("R1 a b 1k\nW1 a o R1 wm", "R1 a_ b 1k\nVm a a_ 0\nW1 a o Vm wm"),
    "B of a collector": (
        "R1 a b 1k\nB1 o 0 V=1k*I(Q1)",
        "R1 a b 1k\nVm b b_ 0\nQ1 b_ b2 0 qm\nB1 o 0 V=1k*I(Vm)",
    ),
    "POLY": (
        "R1 a b 1k\nF1 0 o POLY(2) R1 R2 0 1 2 3",
        "R1 a_ b 1k\nVm a a_ 0\nVn b b_ 0\nR2 b_ 0 1k\nF1 0 o POLY(2) Vm Vn 0 1 2 3",
    ),
    "a source that is controlled itself": (
        "R1 a b 1k\nF1 0 o F2 2\nF2 a b R1 0.5",
        "R1 a_ b 1k\nVm a a_ 0\nVn a a__ 0\nF2 a__ b Vm 0.5\nF1 0 o Vn 2",
    ),
    "a source that comes later": (
        "R1 a b 1k\nF1 0 o B2 2\nB2 a b I=V(b)/2k",
        "R1 a b 1k\nVn a a__ 0\nB2 a__ b I=V(b)/2k\nF1 0 o Vn 2",
    ),
    "a capacitor": ("R1 a b 1k\nF1 0 o C1 2\nI1 0 o 1m", "R1 a b 1k\nI1 0 o 1m"),
    "a resistor in a run": (
        "R9 a c 1k\nR1 c b 1k\nF1 0 o R9 2",
        "Vm a a_ 0\nR9 a_ c 1k\nR1 c b 1k\nF1 0 o Vm 2",
    ),
}


def deck(elements: str) -> str:
    """With the elements of ``REST`` that are not among these."""
    names = {line.split()[0] for line in elements.splitlines()}
    rest = "\n".join(line for line in REST.strip().splitlines() if line.split()[0] not in names)
    return f"currents\n{rest}\n{elements}\n.end\n"


@pytest.mark.ngspice
@pytest.mark.parametrize("name", CASES)
def test_operating_point_is_that_with_sources_of_0_v(name, ngspice, libngspice):
    written, by_hand = CASES[name]
    circuit = elaborate(parse(deck(written))).circuit
    found = InternalSolver().solve(circuit)
    wanted = ngspice.run(deck(by_hand))
    for node in ("a", "b", "o"):
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-7, abs=1e-9)
    assert found.current("v1")[0] == pytest.approx(wanted["i(v1)"], rel=1e-7, abs=1e-12)
    with NgspiceSolver(processes=1) as solver:
        assert compare(found, solver.solve(circuit), floor=1e-9).within(1e-7)


def test_an_element_is_measured_once():
    circuit = elaborate(parse(deck("R1 a b 1k\nF1 0 o R1 2\nF2 0 o R1 3\nB1 x 0 V=I(R1)\nR9 x 0 1"))).circuit
    assert [name for name in circuit.branches if "#" in name] == ["v#r1"]


@pytest.mark.parametrize("control", ["x1", "k1", "r7", "x1.r1"])
def test_what_has_no_one_current_is_refused_by_name(control):
    text = deck(
        f"R1 a b 1k\nF1 0 o {control} 2\nX1 a s\nL1 b 0 1m\nL2 b y 1m\nK1 L1 L2 0.9\n.subckt s p\nR1 p 0 1k\n.ends"
    )
    with pytest.raises((NetlistError, NetlearnErrors), match="not an element with one current"):
        elaborate(parse(text))
