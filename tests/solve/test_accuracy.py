"""What operating points say of their own accuracy."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError
from netlearn.solve.accuracy import digits_of, doubts, residual_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

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
