"""Circuits of behavioural sources and resistors, also with laws that are not finite on the way, against ngspice."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.errors import ConvergenceError

JUNCTION = "i=1e-14*(exp(v({0},{1})/0.02585)-1)"


def junction(name, p, n):
    return f"b{name} {p} {n} {JUNCTION.format(p, n)}"


SETTLES = {
    "quotient": "v1 a 0 1\nr1 a b 1k\nr2 b 0 1k\nb1 c 0 v=v(a)/v(b)\nr3 c 0 1k",
    "quotient of sums": "v1 a 0 3\nv2 c 0 4\nr1 a x 1k\nr2 x 0 1k\nr3 c y 1k\nr4 y 0 2k\n"
    "b1 o 0 v=(v(x)-v(y))/(v(x)+v(y))\nr5 o 0 1k",
    "quotient by itself": "v1 a 0 2\nb1 o 0 v=v(a)/v(o)\nr1 o 0 1k",
    "nothing by nothing": "v1 a 0 0\nb1 o 0 v=v(a)/v(a)\nr1 o 0 1k",
    "constant power": "v1 a 0 10\nr1 a b 1\nb1 b 0 i=20/v(b)",
    "constant power, bounded": "v1 a 0 10\nr1 a b 1\nb1 b 0 i=5/max(v(b),1)",
    "saturating": "v1 a 0 3\nr1 a o 1k\nb1 o 0 i=1m*v(o)/(0.1+v(o))",
    "exponential": "v1 a 0 1\nb1 c 0 v={exp(v(a))}\nr3 c 0 1k",
    "huge exponential": "v1 a 0 300\nb1 o 0 v=exp(v(a))\nr3 o 0 1",
    "exponential load": "v1 a 0 1000\nr1 a b 1\nb1 b 0 i=exp(v(b))",
    "logarithm": "v1 a 0 1\nr1 a b 1k\nr2 b 0 1k\nb1 c 0 v=ln(v(b))\nr3 c 0 1k",
    "logarithm of a current": "v1 a 0 1\nr1 a 0 1k\nb1 o 0 v=-0.0259*ln(-i(v1)/1e-14)\nr2 o 0 1k",
    "logarithmic load": "v1 a 0 2\nr1 a b 1k\nb1 b 0 i=1m*ln(1+v(b))",
    "product by logarithms": "v1 a 0 2\nv2 b 0 3\nb1 o 0 v=exp(ln(v(a))+ln(v(b)))\nr1 o 0 1k",
    "root": "v1 a 0 1\nr1 a b 1k\nb1 b 0 i=1m*sqrt(v(b))",
    "root of a size": "v1 a 0 -3\nr1 a o 1k\nb1 o 0 i=1m*sgn(v(o))*sqrt(abs(v(o)))",
    "root by feedback": "v1 a 0 2\ne1 o 0 a x 1e5\nb1 x 0 v=v(o)*v(o)\nr1 o 0 1k\nr2 x 0 1k",
    "power of 1.5": "v1 a 0 1\nr1 a b 1k\nb1 b 0 i=1m*v(b)^1.5",
    "tangent": "v1 a 0 1.2\nb1 c 0 v=tan(v(a))\nr3 c 0 1k",
    "tangent as a load": "v1 a 0 1.2\nr1 a b 1k\nb1 b 0 i=1m*tan(v(b))",
    "arc sine": "v1 a 0 0.5\nr1 a b 1k\nb1 b 0 i=1m*asin(v(b))",
    "sine": "i1 0 a 1m\nb1 a 0 i=2m*sin(v(a))\nr1 a 0 1k",
    "hyperbolic sine": "v1 a 0 100\nr1 a b 1k\nb1 b 0 i=1e-9*sinh(v(b)*20)",
    "hyperbolic tangent": "v1 a 0 0.1\nb1 o 0 v=10*tanh(1e6*(v(a)-v(f)))\nr1 o f 9k\nr2 f 0 1k",
    "arc tangent": "v1 a 0 0.1\nb1 o 0 v=10*atan(1e4*(v(a)-v(f)))\nr1 o f 9k\nr2 f 0 1k",
    "limiting follower": "v1 a 0 0.5\nb1 o 0 v=min(max(1e5*(v(a)-v(o)),-10),10)\nr1 o 0 9k",
    "diode": f"v1 a 0 50\nr1 a b 10\n{junction(1, 'b', '0')}",
    "diode in reverse": f"v1 a 0 -5\nr1 a b 1k\n{junction(1, 'b', '0')}",
    "diodes in series": "v1 a 0 20\nr1 a b0 100\n"
    + "\n".join(junction(k, f"b{k}", f"b{k + 1}") for k in range(9))
    + f"\n{junction(9, 'b9', '0')}",
    "bridge": "v1 a 0 10\nrl o m 1k\nrg m 0 1meg\n"
    + "\n".join(junction(k, *ends.split()) for k, ends in enumerate(("a o", "0 o", "m a", "m 0"))),
    "logarithmic amplifier": f"v1 a 0 1\nr1 a m 10k\ne1 o 0 0 m 1e5\n{junction(1, 'm', 'o')}",
    "zener": "v1 a 0 -20\nr1 a b 100\nb1 b 0 i=1e-14*(exp(v(b)/0.0259)-1)-1e-14*(exp(-(v(b)+5)/0.0259)-1)",
    "bipolar transistor": "vc c 0 10\nvb bb 0 5\nrb bb b 100k\nrc c cc 1k\n"
    "b1 b 0 i=1e-16*(exp(v(b)/0.02585)-1)+1e-15*(exp((v(b)-v(cc))/0.02585)-1)\n"
    "b2 cc 0 i=1e-14*(exp(v(b)/0.02585)-exp((v(b)-v(cc))/0.02585))-1e-15*(exp((v(b)-v(cc))/0.02585)-1)",
    "field-effect transistor": "vd d 0 5\nvg g 0 3\nr1 d x 1k\n"
    "b1 x 0 i=v(g)>1 ? (v(x)<v(g)-1 ? 1m*((v(g)-1)*v(x)-v(x)^2/2) : 0.5m*(v(g)-1)^2) : 0",
    "solar cell": "b1 0 o i=3-1e-9*(exp((v(o)+0.01*i(vs))/0.7)-1)\nvs o x 0\nrl x 0 2",
    "self-heating": "v1 a 0 5\nb1 a 0 i=v(a)/(100*(1+0.004*(v(t)-27)))\n"
    "b2 0 t i=v(a)*v(a)/(100*(1+0.004*(v(t)-27)))\nrt t m 50\nvm m 0 27",
    "resistor of its voltage": "v1 a 0 1\nr1 a b 1k\nr2 b 0 r='1k*(1+v(b)*v(b))'",
    "resistor that falls": "v1 a 0 1\nr1 a b 1k\nr2 b 0 r='1k/(v(b))'",
    "resistor of a current": "v1 a 0 1\nr1 a b 1k\nr2 b 0 r='1k*(1+100*abs(i(v1)))'",
    "resistor that switches": "v1 a 0 1\nr1 a b r='1k+10k/(1+exp(-(v(a,b)-0.5)*20))'\nr2 b 0 5k",
    "resistor of nothing by nothing": "v1 p 0 1\nr0 p a 1k\n"
    "r1 a m r='v(a,m)/(v(a,m)/(1k*(1+0.01*abs(v(a,m)))))'\nr2 m 0 1k",
}


@pytest.mark.ngspice
def test_behavioural_circuits_settle_where_ngspice_does(ngspice):
    decks = [f"{name}\n{body}\n.end" for name, body in SETTLES.items()]
    settled = {"reltol": 1e-7, "abstol": 1e-14, "vntol": 1e-10, "itl1": 500}
    for deck, vectors in zip(decks, ngspice.run_many(decks, options=settled), strict=True):
        op = netlearn.operating_point(netlearn.parse(deck))
        for name in op.circuit.nodes:
            assert op.voltage(name)[0] == pytest.approx(vectors[f"v({name})"], rel=1e-5, abs=1e-8), f"{deck}\n{name}"


@pytest.mark.parametrize(
    ("body", "node", "volts"),
    [
        ("v1 a 0 1\nr1 a b 1k\nb1 b 0 i=1m*v(b)^0.5", "b", (3 - math.sqrt(5)) / 2),
        ("v1 a 0 4\nr1 a b 1k\nb1 b 0 i=1m*pwr(v(b),0.5)", "b", (9 - math.sqrt(17)) / 2),
        ("v1 a 0 2\nb1 o 0 v=pow(v(a),-1)\nr1 o 0 1k", "o", 0.5),
        ("v1 a 0 2\nr1 a b 1k\nb1 b 0 i=1m*pow(v(b),-2)", "b", 1.0),
        ("v1 a 0 100\nb1 o 0 v=ln(ln(v(a)))\nr1 o 0 1", "o", math.log(math.log(100))),
    ],
)
def test_a_law_without_a_finite_value_at_the_start_settles_where_ngspice_gives_up(body, node, volts):
    op = netlearn.operating_point(netlearn.parse(f"start\n{body}\n.end"))
    assert op.voltage(node)[0] == pytest.approx(volts, rel=1e-9)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("v1 a 0 1\nb1 a 0 i=sqrt(v(a)-2)", r"v\(a\) = 1"),
        ("v1 a 0 -2\nr1 a b 1k\nr2 b 0 1k\nb1 o 0 v=ln(v(b))\nr3 o 0 1", "'b1' has no finite value"),
        ("v1 a 0 0\nb1 c 0 v=ln(v(a))\nr3 c 0 1k", "'b1' has no finite value"),
        ("v1 a 0 0\nv2 b 0 1\nb1 b 0 i=v(b)/v(a)", "'b1' has no finite value"),
    ],
)
def test_what_is_not_finite_is_never_given_as_a_solution(body, where):
    with pytest.raises(ConvergenceError, match=where):
        netlearn.operating_point(netlearn.parse(f"undefined\n{body}\n.end"))


def test_samples_without_a_finite_value_are_told_from_others(tmp_path):
    netlist = netlearn.parse("undefined\nv1 a 0 1\nr1 a b 1k\nb1 b 0 i=1m*sqrt(v(a)-2)\nr2 b 0 1k\n.end")
    data = tmp_path / "data.csv"
    data.write_text("v1\n3\n6\n", encoding="utf-8")
    assert netlearn.operating_point(netlist, data=data).voltage("b") == pytest.approx([1.0, 2.0])
    data.write_text("v1\n3\n1\n", encoding="utf-8")
    with pytest.raises(ConvergenceError, match=r"sample 2: .*'b1' has no finite value"):
        netlearn.operating_point(netlist, data=data)


@pytest.mark.parametrize("kind", ["I", "V"])
@pytest.mark.parametrize(
    "law", ["{g*sinh(2*v(a,b))/sinh(2)}", "{v(b) > 0.2 ? g^2*v(a) : h*g}", "{h*exp(-g*v(b))}", "{g*v(b)}"]
)
def test_derivatives_by_an_expressions_values_are_those_of_the_complex_step(kind: str, law: str) -> None:
    text = f"* t\n.param g=0.3 h=2\nV1 a 0 1\nR1 a b 1k\nR2 b 0 2k\nB1 b 0 {kind}={law}\n.end"
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    group = next(group for group in circuit.groups if "b1" in list(group.names))
    device, width = group.device, len(group.device.unknowns)
    assert isinstance(device, BehaviouralSource)
    assert device.slope is not None
    x = np.random.default_rng(0).uniform(0, 1, (7, 1, width))
    for name in group.values:
        found = device.value_jacobian(x, group.values, circuit.environment, name)
        wanted = replace(device, slope=None).value_jacobian(x, group.values, circuit.environment, name)
        assert np.broadcast_to(found, wanted.shape) == pytest.approx(wanted, rel=1e-12, abs=1e-15)
