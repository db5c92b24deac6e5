"""Circuits that are known to be hard, or to have several operating points, against ngspice."""

from __future__ import annotations

import pytest

import netlearn
from netlearn.errors import CircuitError

SCHMITT = """Schmitt trigger
vcc vcc 0 10
vin in 0 {volts}
q1 c1 in e n
q2 out b2 e n
rc1 vcc c1 2k
rc2 vcc out 1k
re e 0 500
rb c1 b2 10k
rb2 b2 0 20k
.model n npn(is=1e-15 bf=100 vaf=80)
.end"""

LATCH = """cross-coupled inverters
vcc vcc 0 {volts}
rc1 vcc a 1k
rc2 vcc b 1.1k
q1 a x1 0 n
q2 b x2 0 n
r1 b x1 10k
r2 a x2 10k
.model n npn(is=1e-16 bf=120)
.end"""

THYRISTOR = """two transistors that hold each other on
v1 a 0 {volts}
rl a an 100
q1 g1 g2 an p
q2 g2 g1 0 n
rg g1 0 1k
.model n npn(is=1e-15 bf=50)
.model p pnp(is=1e-15 bf=20)
.end"""

INVERTERS = "\n".join(
    [
        "chain of CMOS inverters",
        "vdd vdd 0 5",
        "vin n0 0 {volts}",
        *(f"mp{i} n{i + 1} n{i} vdd vdd p w=20u l=1u\nmn{i} n{i + 1} n{i} 0 0 n w=10u l=1u" for i in range(8)),
        ".model n nmos(vto=0.8 kp=50u lambda=0.02)",
        ".model p pmos(vto=-0.8 kp=20u lambda=0.03)",
        ".end",
    ]
)

AMPLIFIER = """high loop gain with a clamp
vin in 0 {volts}
r1 in x 1k
r2 x out 10k
e1 out 0 0 x 1meg
d1 x 0 d
d2 0 x d
.model d d(is=1e-14 rs=1 n=1.1)
.end"""

CHAIN = "\n".join(
    [
        "fifty diodes in series",
        "v1 a0 0 {volts}",
        *(f"d{i} a{i} a{i + 1} d" for i in range(50)),
        "r1 a50 0 1k",
        ".model d d(is=1e-14)",
        ".end",
    ]
)


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("text", "sweep"),
    [
        (SCHMITT, (-3.0, 0.3, 0.75, 2.4, 7.0)),
        (LATCH, (0.2, 1.0, 5.0)),
        (THYRISTOR, (-3.0, 0.3, 0.75, 2.4, 7.0)),
        (INVERTERS, (0.0, 2.2, 2.45, 5.0)),
        (AMPLIFIER, (-3.0, 1e-6, 2.4)),
        (CHAIN, (30.0, 45.0)),
    ],
    ids=["schmitt", "latch", "thyristor", "inverters", "amplifier", "chain"],
)
def test_the_operating_point_is_the_one_that_ngspice_finds(ngspice, text, sweep):
    decks = [text.format(volts=volts) for volts in sweep]
    for deck, vectors in zip(decks, ngspice.run_many(decks), strict=True):
        op = netlearn.operating_point(netlearn.parse(deck))
        for name in op.circuit.nodes:
            if f"v({name})" in vectors:
                assert op.voltage(name)[0] == pytest.approx(vectors[f"v({name})"], rel=1e-6, abs=1e-9), name


GATE = """floating gate behind a capacitor
vdd d 0 5
vin in 0 2
rin in 0 1k
c1 in g 1p
{element}
r1 s 0 1k
.model n nmos(vto=0.7 kp=100u)
.model j njf
.model q npn
.model w sw(vt=0)
.end"""


@pytest.mark.parametrize(
    "element", ["m1 d g s 0 n w=10u l=1u", "s1 d s g 0 w", "b1 d s i=v(g)^3", "b1 s 0 v=exp(v(g))"]
)
def test_a_gate_that_only_a_capacitor_touches_is_named(element):
    with pytest.raises(CircuitError, match="node 'g' has no DC path to ground"):
        netlearn.operating_point(netlearn.parse(GATE.format(element=element)))


@pytest.mark.ngspice
@pytest.mark.parametrize("element", ["j1 d g s j", "q1 d g s q", "m1 d g s g n w=10u l=1u"])
def test_a_gate_with_a_junction_finds_its_voltage(ngspice, element):
    deck = GATE.format(element=element)
    op, wanted = netlearn.operating_point(netlearn.parse(deck)), ngspice.run(deck)
    for name in op.circuit.nodes:
        assert op.voltage(name)[0] == pytest.approx(wanted[f"v({name})"], rel=1e-6, abs=1e-9), name


FAR = """transistors and amplifiers that could also be at 17 kV
v1 n0 0 0.3
r1 n1 n0 33.5k
r2 n2 n0 55.7k
r3 n3 n2 91.5k
r4 n4 n2 18.2k
e0 x0 0 n4 n3 2.29
ro0 x0 n1 112
e1 x1 0 n1 0 7620
ro1 x1 n4 199
q0 n3 n3 n4 qn
q1 n3 0 n0 qn
.model qn npn(is=1e-15)
.end"""


@pytest.mark.ngspice
def test_of_two_operating_points_the_one_within_the_sources_range_is_taken(ngspice):
    op, wanted = netlearn.operating_point(netlearn.parse(FAR)), ngspice.run(FAR)
    for name in op.circuit.nodes:
        assert op.voltage(name)[0] == pytest.approx(wanted[f"v({name})"], rel=1e-6, abs=1e-9), name


def test_many_samples_are_kept_within_the_sources_range_too(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("v1\n0.3\n0.2\n0.1\n", encoding="utf-8")
    op = netlearn.operating_point(netlearn.parse(FAR), data=data)
    assert abs(op.x[:, : len(op.circuit.nodes)]).max() <= 0.3 + 1e-12
