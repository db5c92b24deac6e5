"""Circuits with several operating points: ``.nodeset`` leads to the one that ngspice finds by it."""

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import one_sample
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

MODELS = """
.model qn npn(is=1e-16 bf=120 vaf=80)
.model qp pnp(is=2e-16 bf=60 vaf=50)
.model dm d(is=1e-15)
.model nm nmos(level=1 vto=0.6 kp=120u lambda=0.03 gamma=0.4 phi=0.7)
.model pm pmos(level=1 vto=-0.7 kp=45u lambda=0.05 gamma=0.4 phi=0.7)
"""
KUIJK = "R1 vbg p {20k*k1}\nR2 vbg n {20k*k2}\nR3 n m 2.2k\n"
DIODES = "D1 p 0 dm\nD2 m 0 dm 8\n"
LIMITED = "V={2.5+2.5*tanh(400*(v(p)-v(n))-2)}"
LATCH = """VDD vdd 0 3.3
M1 a b 0 0 nm w={10u*k1} l=1u
M2 a b vdd vdd pm w={20u*k2} l=1u
M3 b a 0 0 nm w=10u l=1u
M4 b a vdd vdd pm w=20u l=1u
"""
SCR = """VCC vcc 0 10
RL vcc k {792*k1}
Q1 b2 b1 k qp
Q2 b1 b2 0 qn
R1 k b1 15.3k
R2 b2 0 {3.3k*k2}
"""
CIRCUITS = {
    "an op-amp that limits, behind a resistance": (
        f"{KUIJK}{DIODES}B1 o 0 {LIMITED}\nRo o vbg 100\n.nodeset v(vbg)=1.2",
        "vbg",
    ),
    "an op-amp that limits, whose output is the node": (
        f"{KUIJK}{DIODES}B1 vbg 0 {LIMITED}\n.nodeset v(vbg)=1.2",
        "vbg",
    ),
    "an op-amp the wrong way round": (
        f"{KUIJK}{DIODES}B1 0 vbg V={{-2.5-2.5*tanh(400*(v(p)-v(n))-2)}}\n.nodeset v(vbg)=1.2",
        "vbg",
    ),
    "an ideal op-amp": (f"{KUIJK}{DIODES}E1 vbg 0 p n 2000\n.nodeset v(vbg)=1.0", "vbg"),
    "diodes of transistors": (f"{KUIJK}Q1 0 0 p qp\nQ2 0 0 m qp 8\nE1 vbg 0 p n 2000\n.nodeset v(vbg)=1.2", "vbg"),
    "brokaw": (
        """VCC vcc 0 5
RC1 vcc c1 {30k*k1}
RC2 vcc c2 {30k*k2}
Q1 c1 vbg e1 qn
Q2 c2 vbg e2 qn 8
R1 e2 e1 1.2k
R2 e1 0 5.5k
E1 o 0 c2 c1 500
Ro o vbg 1k
RL vbg 0 100k
.nodeset v(vbg)=1.2""",
        "vbg",
    ),
    "current mirrors": (
        """VDD vdd 0 5
M1 a a vdd vdd pm w={40u*k1} l=1u
M2 b a vdd vdd pm w=40u l=1u
M3 vbg a vdd vdd pm w=40u l=1u
M4 a b c 0 nm w=40u l=1u
M5 b b d 0 nm w=40u l=1u
R1 c m {5.4k*k2}
Q2 0 0 m qp 8
Q1 0 0 d qp
R2 vbg q 54k
Q3 0 0 q qp
.nodeset v(vbg)=1.2""",
        "vbg",
    ),
    "a beta multiplier, seen by its output": (
        """VDD vdd 0 3.3
M1 a a 0 0 nm w=10u l=1u
M2 b a s 0 nm w=40u l=1u
RS s 0 {6k*k1}
M3 b b vdd vdd pm w={20u*k2} l=1u
M4 a b vdd vdd pm w=20u l=1u
M5 vr b vdd vdd pm w=20u l=1u
RL vr 0 30k
.nodeset v(vr)=0.6""",
        "vr",
    ),
    "a beta multiplier": (
        """VDD vdd 0 3.3
M1 a a 0 0 nm w=10u l=1u
M2 b a s 0 nm w=40u l=1u
RS s 0 {6k*k1}
M3 b b vdd vdd pm w={20u*k2} l=1u
M4 a b vdd vdd pm w=20u l=1u
.nodeset v(a)=0.8""",
        "a",
    ),
    "widlar": (
        """VCC vcc 0 5
Q1 a a 0 qn
Q2 b a e qn 8
RE e 0 {540*k1}
Q3 b b vcc qp {k2}
Q4 a b vcc qp
.nodeset v(b)=4.4""",
        "a",
    ),
    "a flip-flop": (
        """VCC v 0 5
RC1 v c1 {1k*k1}
RC2 v c2 {1k*k2}
RB1 c2 b1 10k
RB2 c1 b2 10k
Q1 c1 b1 0 qn
Q2 c2 b2 0 qn
.nodeset v(c1)=5""",
        "c1",
    ),
    "a latch": (f"{LATCH}.nodeset v(b)=0.5", "a"),
    "a schmitt trigger, high": (
        "VIN in 0 {0.1*k1}\nB1 o 0 V={5*tanh(100*(v(p)-v(in)))}\nRo o out 100\nR1 out p 10k\nR2 p 0 {2k*k2}\n"
        ".nodeset v(out)=5",
        "out",
    ),
    "a schmitt trigger, low": (
        """VDD vdd 0 3.3
VIN in 0 1.327
M1 x in 0 0 nm w={10.8u*k1} l=1u
M2 out in x 0 nm w=10u l=1u
M3 vdd out x 0 nm w={14.3u*k2} l=1u
M4 y in vdd vdd pm w=20u l=1u
M5 out in y vdd pm w=20u l=1u
M6 0 out y vdd pm w=40u l=1u
.nodeset v(out)=0""",
        "out",
    ),
    "a thyristor that is on": (f"{SCR}.nodeset v(b1)=0.1", "k"),
}
TEMPERATURES = [-40.0, -10.0, 27.0, 60.0, 90.0, 116.9, 125.0]
CHANGES = [(1.0, 1.0), (1.03, 0.98), (0.96, 1.01), (1.0, 1.05), (1.02, 1.02), (1.0, 1.0), (0.99, 1.04)]
DATA = {"temp": TEMPERATURES, "k1": [k for k, _ in CHANGES], "k2": [k for _, k in CHANGES]}


def deck(body: str, temperature: float = 27.0, k: tuple[float, float] = (1.0, 1.0)) -> str:
    return f"several operating points\n.param k1={k[0]} k2={k[1]}\n{body}\n{MODELS}\n.temp {temperature}\n.end\n"


@pytest.mark.ngspice
@pytest.mark.parametrize("name", CIRCUITS)
def test_nodeset_leads_to_the_operating_point_that_ngspice_finds(ngspice, name):
    body, node = CIRCUITS[name]
    decks = [deck(body, temperature, k) for temperature, k in zip(TEMPERATURES, CHANGES, strict=True)]
    expected = [vectors[f"v({node})"] for vectors in ngspice.run_many(decks)]
    many = netlearn.operating_point(netlearn.parse(deck(body)), data=DATA)
    np.testing.assert_allclose(many.voltage(node), expected, rtol=1e-5, atol=1e-6)
    alone = [netlearn.operating_point(netlearn.parse(each)).voltage(node)[0] for each in decks]
    np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-6)


MIRRORED = """VCC vcc 0 5
Q3 c1 c1 vcc qp
Q4 c2 c1 vcc qp
Q1 c2 vbg e1 qn
Q2 c1 vbg e2 qn 8
R1 e2 e1 {1.2k*1.01}
R2 e1 0 {5.5k*0.82}
Q5 vcc c2 vbg qn
RL vbg 0 {20k*0.74}
.nodeset v(vbg)=1.2 v(e1)=0.55"""


@pytest.mark.ngspice
def test_an_operating_point_that_newtons_method_wanders_to_gives_way_to_a_nearer_one(ngspice):
    text = deck(MIRRORED, 65.0)
    found = netlearn.operating_point(netlearn.parse(text)).voltage("vbg")[0]
    assert found == pytest.approx(ngspice.run(text)["v(vbg)"], rel=1e-6)
    assert found > 1.0


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_start_from_other_samples_makes_no_difference(name):
    body, node = CIRCUITS[name]
    cold = netlearn.operating_point(netlearn.parse(deck(body)), data=DATA)
    for shift in (1, 3):
        start = OperatingPoint(cold.circuit, np.roll(cold.x, shift, axis=0))
        warm = InternalSolver().solve(cold.circuit, start)
        np.testing.assert_allclose(warm.voltage(node), cold.voltage(node), rtol=1e-6, atol=1e-6)
    # So does one for all samples.
    start = OperatingPoint(one_sample(cold.circuit, 0), cold.x[:1])
    warm = InternalSolver().solve(cold.circuit, start)
    np.testing.assert_allclose(warm.voltage(node), cold.voltage(node), rtol=1e-6, atol=1e-6)


@pytest.mark.ngspice
@pytest.mark.parametrize("source", ["VS aa a -2.4", "VS a aa 2.4"])
@pytest.mark.parametrize(("nodeset", "high"), [("v(aa)=0.9", True), ("v(aa)=-2.4", False)])
def test_nodes_that_move_with_others_by_a_source_are_held_at_their_own_voltages(ngspice, source, nodeset, high):
    text = deck(f"{LATCH}{source}\nRS aa 0 1g\n.nodeset {nodeset}")
    found = netlearn.operating_point(netlearn.parse(text)).voltage("a")[0]
    assert found == pytest.approx(ngspice.run(text)["v(a)"], rel=1e-6, abs=1e-6)
    assert (found > 3.0) == high


@pytest.mark.ngspice
def test_initial_conditions_are_no_nodesets(ngspice):
    latch = LATCH + "RA a 0 1g\n.ic v(a)=3.3 v(b)=0"
    found = netlearn.operating_point(netlearn.parse(deck(latch))).voltage("a")[0]
    assert found == pytest.approx(ngspice.run(deck(latch))["v(a)"], rel=1e-5)
    assert found < 2.0


def test_a_circuit_of_one_operating_point_is_found_from_any_nodeset():
    text = deck("V1 a 0 {5*k1}\nR1 a b 1k\nD1 b c dm\nD2 c 0 dm\n")
    expected = netlearn.operating_point(netlearn.parse(text)).voltage("b")
    for nodeset in ("v(b)=-100", "v(b)=0", "v(b)=100", "v(c)=5 v(b)=-3", "v(a)=7"):
        some = netlearn.operating_point(netlearn.parse(text.replace(".end", f".nodeset {nodeset}\n.end")))
        np.testing.assert_allclose(some.voltage("b"), expected, rtol=1e-9)
