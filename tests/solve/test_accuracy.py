"""What operating points say of their own accuracy."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError
from netlearn.solve.accuracy import digits_of, doubts, residual_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize

VT = 1.38064852e-23 / 1.6021766208e-19 * 300.15
BRIDGE = """bridge with a diode
v1 a 0 2
r1 a b 1k
r2 b 0 2k
d1 b c dd
r3 c 0 500
i1 0 c 1m
.model dd d(is=1e-14)
.end"""


def test_the_residual_is_what_the_laws_lack():
    op = netlearn.operating_point(netlearn.parse(BRIDGE))
    residual = op.residual()
    assert residual.relative.max() < 1e-9
    moved = op.x.copy()
    b, c = op.circuit.node("b"), op.circuit.node("c")
    moved[0, c] += 1e-3
    lacking = residual_of(OperatingPoint(op.circuit, moved))
    # Kirchhoff's current law by hand.
    diode = 1e-14 * (np.exp((moved[0, b] - moved[0, c]) / VT) - 1)
    assert lacking.values[0, c] == pytest.approx(moved[0, c] / 500 - 1e-3 - diode, rel=1e-3)
    assert lacking.values[0, b] == pytest.approx(
        (moved[0, b] - 2) / 1e3 + moved[0, b] / 2e3 + diode, rel=1e-3, abs=1e-12
    )
    assert "at node 'c'" in lacking.largest() or "at node 'b'" in lacking.largest()


def test_digits_are_those_that_hold():
    """Against the same circuit solved with many digits."""
    text = "divider\nv1 a 0 1\nr1 a b 1t\nr2 b c {}\nr3 c 0 1t\n.end"
    for middle, right in (("1k", 0.5), ("1", 0.5), ("10m", 0.5)):
        circuit = netlearn.elaborate(netlearn.parse(text.format(middle))).circuit
        exact = InternalSolver(careful=True).solve(circuit)
        assert exact.voltage("b")[0] == pytest.approx(right, rel=1e-8)
        plain = InternalSolver().solve(circuit)
        place = circuit.node("b")
        held = digits_of(plain)[0, place]
        error = abs(plain.x[0, place] - exact.x[0, place]) / right
        assert error <= 10.0 ** -(held - 0.5)


def test_few_digits_are_told():
    text = "divider\nv1 a 0 1\nr1 a b 1g\nr2 b c 1m\nr3 c 0 1g\nd1 0 c dd\n.model dd d(is=1e-14)\n.end"
    plain = InternalSolver().solve(netlearn.elaborate(netlearn.parse(text)).circuit)
    assert "can be trusted" in doubts(plain, digits_of(plain))
    # Who looks at them gets more.
    op = netlearn.operating_point(netlearn.parse(text))
    assert doubts(op, digits_of(op)) == ""
    assert op.voltage("b", "c")[0] == pytest.approx(1e-3 * op.current("r1")[0], rel=1e-9)


def junction(volts: mp.mpf, ohms: mp.mpf, saturation: float) -> mp.mpf:
    """The volts across a diode with gmin that is fed through a resistor, with 60 digits."""

    def lacking(v: mp.mpf) -> mp.mpf:
        return (volts - v) / ohms - mp.mpf(saturation) * mp.expm1(v / mp.mpf(VT)) - mp.mpf(1e-12) * v

    with mp.workdps(60):
        return mp.findroot(lacking, volts, tol=mp.mpf("1e-90"), verify=False)


@pytest.mark.parametrize("volts", [1e-15, 1e-12, 1e-9, 1e-6, -1e-13, -1e-7])
@pytest.mark.parametrize("saturation", [1e-14, 1e-9, 1e-3])
def test_a_junction_near_no_volts_holds_its_digits(volts: float, saturation: float, recwarn: Any) -> None:
    """exp(v / vt) - 1 would have hardly any."""
    text = f"junction\nv1 a 0 {volts!r}\nr1 a b 1k\nd1 b 0 dd\n.model dd d(is={saturation!r})\n.end"
    op = netlearn.operating_point(netlearn.parse(text), probes=["V(b)", "I(D1)"])
    drop = junction(mp.mpf(volts), mp.mpf(1000), saturation)
    current = mp.mpf(saturation) * mp.expm1(drop / mp.mpf(VT)) + mp.mpf(1e-12) * drop
    assert op.measure("V(b)", "I(D1)")[0] == pytest.approx([float(drop), float(current)], rel=1e-8, abs=0)
    assert not recwarn.list


@pytest.mark.parametrize("apart", [1e-5, 1e-8, 1e-10, 1e-12, 1e-14])
@pytest.mark.parametrize("middle", ["d1 b c dd", "r5 b c 1g"])
def test_few_digits_of_a_difference_are_told(apart: float, middle: str, tmp_path: Path) -> None:
    """A bridge that is out of balance by a part: what is across its middle is a difference of 0.5 V and 0.5 V."""
    ohms = 1e3 * (1 + apart)
    text = f"bridge\nv1 a 0 1\nr1 a b 1k\nr2 b 0 1k\nr3 a c 1k\nr4 c 0 {ohms!r}\n{middle}\n.model dd d(is=1e-14)\n.end"
    other = mp.mpf(ohms) / (1000 + mp.mpf(ohms))
    inside = 500 + 1000 * other
    if middle.startswith("r"):
        right = (mp.mpf(1) / 2 - other) * mp.mpf(10**9) / (10**9 + inside)
    else:
        right = junction(mp.mpf(1) / 2 - other, inside, 1e-14)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        op = netlearn.operating_point(netlearn.parse(text), probes=["V(b,c)"])
    wrong = abs(op.measure("V(b,c)")[0, 0] / float(right) - 1)
    said = [str(each.message) for each in told]
    assert bool(said) == (apart <= 1e-10), said
    assert wrong < 1e-6 or said
    if said:
        held = re.match(r"(?:about (\d)|no) digits? of V\(b,c\) can be trusted", said[0])
        assert held is not None
        assert wrong < 10.0 ** -(int(held[1] or 0) - 1)
    netlist, data = tmp_path / "n.cir", tmp_path / "d.csv"
    netlist.write_text(text.replace("v1 a", "*@output V(b,c)\nv1 a"), encoding="utf-8")
    data.write_text("v1,V(b,c)\n1,0\n", encoding="utf-8")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        netlearn.evaluate(netlist, data)
    assert [str(each.message) for each in told] == said


def test_what_lacks_nothing_beside_other_samples_is_not_told(recwarn: Any) -> None:
    """A bridge in balance at one of two samples."""
    text = "bridge\n*@output V(b,c)\nv1 a 0 1\nr1 a b 1k\nr2 b 0 1k\nr3 a c 1k\nr4 c 0 3k\nv2 d 0 0\nr5 d c 3k\n.end"
    netlearn.evaluate(netlearn.parse(text), {"v1": [1.0, 1.0], "v2": [0.5, 1.5], "V(b,c)": [0.0, 0.0]})
    assert not recwarn.list


def test_what_a_solution_lacks_counts() -> None:
    """As where a solver stopped early."""
    op = netlearn.operating_point(netlearn.parse(BRIDGE))
    moved = op.x.copy()
    moved[0, op.circuit.node("b")] *= 1 + 1e-4
    linearization = linearize(op)
    assert 3 < digits_of(OperatingPoint(op.circuit, moved), linearization)[0, op.circuit.node("b")] < 5


def test_nothing_is_told_where_all_digits_hold(recwarn):
    op = netlearn.operating_point(netlearn.parse(BRIDGE))
    assert digits_of(op).min() > 10
    assert doubts(op, digits_of(op)) == ""
    assert not recwarn.list


def test_an_evaluation_tells_the_residual_of_its_samples(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("v1,V(c)\n1,0.5\n2,0.7\n3,0.9\n", encoding="utf-8")
    netlist = netlearn.parse(BRIDGE)
    plain = netlearn.evaluate(netlist, data)
    assert plain.residual is None
    residual = netlearn.evaluate(netlist, data, residual=True).residual
    assert residual is not None
    assert residual.values.shape[0] == 3
    assert residual.relative.max() < 1e-9


@pytest.mark.parametrize("source", ["V=ln(nint(ln(atan2(3, 2))))", "I=1/(nint(0.2))", "V=sqrt(-1)"])
def test_what_is_not_finite_is_refused_before_digits_are_counted(source):
    """Found by ``benchmarks/fuzz.py expressions``."""
    netlist = netlearn.parse(f"constant\nv1 a 0 1\nr1 a 0 1t\nr2 a b 1m\nb1 b 0 {source}\n.end")
    with pytest.raises(NetlearnError, match=r"finite|nan|inf|root"):
        netlearn.operating_point(netlist)
