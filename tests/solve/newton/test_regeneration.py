"""Controlled sources among resistors and diodes: which can hold a circuit in a state, and what ngspice finds then."""

import numpy as np
import pytest

import netlearn
from netlearn.solve.newton.iteration import Tolerances, iterate
from netlearn.solve.newton.system import NonlinearModel, System

MODELS = "\n.model dm d(is=1e-15)\n.model dr d(is=1e-14 rs=2 n=1.05)\n.model dz d(is=1e-15 bv=5.6 ibv=1m)\n"
BRANCHES = "R1 vbg p {20k*k1}\nR2 vbg n {20k*k2}\nR3 n m 2.2k\n"
KUIJK = f"{BRANCHES}D1 p 0 dm\nD2 m 0 dm 8\n"
TOGETHER = {
    "an ideal op-amp": (f"{KUIJK}E1 vbg 0 p n 1e5", "vbg"),
    "an op-amp behind a resistance": (f"{KUIJK}E1 o 0 p n 1e4\nRo o vbg 1k\nRL vbg 0 50k", "vbg"),
    "diodes with a resistance": (f"{BRANCHES}D1 p 0 dr\nD2 m 0 dr 8\nE1 vbg 0 p n 2000", "vbg"),
    "a transconductance": (f"{KUIJK}G1 0 vbg p n 1\nRo vbg 0 100k", "vbg"),
    "mirrored currents": (
        "G1 0 a c 0 1m\nG2 0 b c 0 1m\nG3 0 o c 0 1m\nE1 c 0 a b 1e4\nD1 a 0 dm\nR1 b m {1k*k1}\nD2 m 0 dm 8\n"
        "RL o q {8k*k2}\nD3 q 0 dm",
        "o",
    ),
    "a zener diode that supplies itself": (
        "E1 o 0 p n 1e4\nRZ o p {2k*k1}\nD1 0 p dz\nRA o n {3k*k2}\nRB n 0 5k",
        "o",
    ),
    "a current that keeps itself up": ("V0 p pp 0\nD1 pp 0 dm\nR1 p n {1k*k1}\nD2 n 0 dm {8*k2}\nF1 0 p V0 2", "p"),
}
CORNERS = {"temp": [-40.0, 27.0, 85.0, 125.0], "k1": [1.03, 1.0, 0.96, 1.02], "k2": [0.98, 1.0, 1.01, 1.05]}


def deck(body: str, temperature: float = 27.0, k1: float = 1.0, k2: float = 1.0) -> str:
    options = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12"
    return f"feedback\n.param k1={k1} k2={k2}\n{body}\n{MODELS}.temp {temperature}\n{options}\n.end\n"


def at_corners(ngspice, body: str, node: str) -> tuple[list[str], list[float]]:
    """The decks at all corners, and the voltages that ngspice finds at a node."""
    decks = [deck(body, *corner) for corner in zip(*CORNERS.values(), strict=True)]
    return decks, [vectors[f"v({node})"] for vectors in ngspice.run_many(decks)]


@pytest.mark.ngspice
@pytest.mark.parametrize("name", TOGETHER)
def test_diodes_in_a_loop_begin_where_they_conduct_and_keep_each_other_on_as_in_ngspice(ngspice, name):
    body, node = TOGETHER[name]
    decks, expected = at_corners(ngspice, body, node)
    assert np.abs(expected).min() > 0.3
    alone = [netlearn.operating_point(netlearn.parse(each)).voltage(node)[0] for each in decks]
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
    many = netlearn.operating_point(netlearn.parse(deck(body)), data=CORNERS)
    np.testing.assert_allclose(many.voltage(node), expected, rtol=1e-6)


MOS = """
.model nm nmos(level=1 vto=0.6 kp=120u lambda=0.03 gamma=0.4 phi=0.7)
.model pm pmos(level=1 vto=-0.7 kp=45u lambda=0.05 gamma=0.4 phi=0.7)
.model qd pnp(is=1e-17 bf=5)
"""
LIMITED = "B1 o 0 V={min(5,max(0,1e4*(v(p)-v(n))))}\nRo o vbg 100"
OTHERS = {
    "an op-amp that starts at a kink": (f"{KUIJK}{LIMITED}", "vbg"),
    "the same beside transistors": (f"{BRANCHES}Q1 0 0 p qd\nQ2 0 0 m qd 8\n{LIMITED}{MOS}", "vbg"),
    # Bulks that a first step takes eighteen volts forward.
    "a schmitt trigger": (
        """VDD vdd 0 3.3
VIN in 0 1.327
M1 x in 0 0 nm w={10.8u*k1} l=1u
M2 out in x 0 nm w=10u l=1u
M3 vdd out x 0 nm w={14.3u*k2} l=1u
M4 y in vdd vdd pm w=20u l=1u
M5 out in y vdd pm w=20u l=1u
M6 0 out y vdd pm w=40u l=1u"""
        + MOS,
        "out",
    ),
}


@pytest.mark.ngspice
@pytest.mark.parametrize("name", OTHERS)
def test_kinks_and_junctions_that_turn_on_lead_to_the_state_of_ngspice(ngspice, name):
    body, node = OTHERS[name]
    _, expected = at_corners(ngspice, body, node)
    many = netlearn.operating_point(netlearn.parse(deck(body)), data=CORNERS)
    np.testing.assert_allclose(many.voltage(node), expected, rtol=1e-6)


def amplifier(name: str, ends: str, gain: float = 4.0, back: float = 0.25) -> str:
    before, after = ends.split()
    return f"E{name} {after} 0 {before} 0 {gain}\nF{name} 0 {before} E{name} {back}\n"


HIDDEN = "V1 in 0 1\nR1 in h 1k\nD1 h 0 dm\nD2 0 h dm\nR2 in k 2k\nD3 k 0 dm\n"
ONE_STATE = {
    "nothing acts back": f"{HIDDEN}E1 a 0 h 0 4\nR3 a o 1k\nD4 o 0 dm\nG1 0 k o 0 1m\nH1 q 0 E1 5\nR4 q 0 1k",
    "amplifiers both ways": f"{HIDDEN}{amplifier('1', 'h a')}{amplifier('2', 'k b')}R3 a o 1k\nR4 b o 1k\nD4 o 0 dm",
    "an amplifier the other way round": f"{HIDDEN}E1 0 a h 0 -4\nF1 h 0 E1 0.25\nR3 a o 1k\nD4 o 0 dm",
    "layers of amplifiers": f"{HIDDEN}{amplifier('1', 'h a')}R3 a o 1k\nD4 o 0 dm\n{amplifier('2', 'o b')}R4 b 0 1k",
    "between nodes that a source holds": "V1 v 0 5\nR1 v a 1k\nD1 a 0 dm\nE1 b 0 a 0 2\nR2 b c 1k\nD2 c v dm",
    "an inductor": f"{HIDDEN}L1 h k 1u rser=3\nE1 a 0 k 0 4\nR3 a o 1k\nD4 o 0 dm",
    "a transformer": f"{HIDDEN}R3 h k 1k\n{amplifier('1', 'h a', 3.0, 3.0)}R4 a k 1k",
}
SEVERAL = {
    "an op-amp": f"{KUIJK}E1 vbg 0 p n 100",
    "amplifiers that turn currents": f"{HIDDEN}{amplifier('1', 'h a', 4.0, -0.25)}R3 a o 1k\nD4 o 0 dm",
    "a resistor past an amplifier": f"{HIDDEN}{amplifier('1', 'h a')}R3 a h 1k",
    "amplifiers of unlike gains in a ring": f"{HIDDEN}{amplifier('1', 'h a')}{amplifier('2', 'k b', 2.0, 0.25)}"
    "R3 h k 1k\nR4 a b 1k",
    "a negative resistance": f"{HIDDEN}R3 h k -1k",
    "a current that a source's supplies": "V1 v 0 5\nR1 v a 1k\nD1 a 0 dm\nF1 0 a V1 2",
}


@pytest.mark.parametrize("name", [*ONE_STATE, *SEVERAL])
def test_diodes_begin_at_rest_where_nothing_can_hold_a_state(name):
    text = {**ONE_STATE, **SEVERAL}[name]
    circuit = netlearn.elaborate(netlearn.parse(deck(text))).circuit
    model = NonlinearModel.of(circuit)
    assert model.at_rest == (name in ONE_STATE)
    if model.at_rest:
        # The equations, weighted, are a gradient, so that no start leads to another state.
        system, size = System.of(model, np.zeros(1, int)), model.reduction.size
        starts = np.random.default_rng(0).normal(size=(20, size, 1))
        ends = [iterate(system, start, Tolerances(), model.pivoting, damped=True) for start in starts]
        assert all(end.converged.all() for end in ends)
        for end in ends:
            np.testing.assert_allclose(end.y, ends[0].y, rtol=1e-6, atol=1e-9)
