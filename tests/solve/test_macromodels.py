"""Macromodels of operational amplifiers in circuits, against ngspice.

Those in ``macromodels`` were written for these tests: their numbers follow from specifications by the
formulas of Boyle, Cohn, Pederson and Solomon (IEEE J. Solid-State Circuits 9, 1974), in the forms that
vendors give them.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import netlearn

MODELS = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).with_name("macromodels").glob("*.lib")}
CIRCUITS = {
    "follower": "x1 in o p n o {name}",
    "inverting": "ri in m 1k\nrf m o 10k\nx1 0 m p n o {name}",
    "difference": "r1 in a 10k\nr2 a 0 10k\nr3 m 0 10k\nr4 m o 10k\nx1 a m p n o {name}",
    "rectifier": "x1 in m p n q {name}\nd1 q m dd\nrm m 0 10k\nrs m o 1k",
    "logarithm": "ri in m 1k\nd1 m o dd\nd2 o m dd\nx1 0 m p n o {name}",
    "instrumentation": """x1 in a p n b {name}\nx2 0 c p n d {name}\nrg a c 2k\nr1 a b 5k\nr2 c d 5k
r3 b e 10k\nr4 e o 10k\nr5 d f 10k\nr6 f 0 10k\nx3 f e p n o {name}""",
}
PARTS = [("follower", 0.1), ("follower", 2.5), ("inverting", 0.3), ("difference", 7.0), ("rectifier", -1.0)]
PARTS += [("logarithm", 1.0), ("instrumentation", 0.05)]
LOADS = ("100k", "10k", "2k")
SETTLED = {"reltol": 1e-6, "abstol": 1e-13, "vntol": 1e-9, "itl1": 500}
REFUSED = ("limit_tanh", "limit_minmax")
"""ngspice finds no operating point for some of their circuits."""


def deck(name, circuit, volts, load):
    said = re.search(r"supplies of (\S+) V", MODELS[name])
    assert said is not None
    supply = float(said[1])
    return f"""{name} {circuit} {volts} {load}
vp p 0 {supply}
vn n 0 {-supply}
vin in 0 {volts * supply / 15:.4g}
{CIRCUITS[circuit].format(name=name)}
rl o 0 {load}
.model dd d(is=1e-14)
{MODELS[name]}.end"""


def decks(name):
    return [deck(name, *part, LOADS[k % len(LOADS)]) for k, part in enumerate(PARTS)]


def check(text, vectors):
    op = netlearn.operating_point(netlearn.parse(text))
    for node in [node for node in op.circuit.nodes if "#" not in node]:
        # Volts that stand for currents through milliohms are only as good as ngspice's tolerance of 1 nV over these.
        floor = 1e-4 if "." in node else 1e-6
        assert op.voltage(node)[0] == pytest.approx(vectors[f"v({node})"], rel=1e-4, abs=floor), f"{text}\n{node}"


def test_there_are_enough_of_them():
    assert len(MODELS) >= 45


@pytest.mark.ngspice
@pytest.mark.parametrize("name", sorted(set(MODELS) - set(REFUSED)))
def test_amplifiers_settle_where_ngspice_does(ngspice, name):
    for text, vectors in zip(decks(name), ngspice.run_many(decks(name), options=SETTLED), strict=True):
        check(text, vectors)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("volts", [0.1, 1.0, 2.5])
def test_followers_settle_where_ngspice_finds_nothing(name, volts):
    op = netlearn.operating_point(netlearn.parse(deck(name, "follower", volts, "10k")))
    assert op.voltage("o")[0] == pytest.approx(volts, rel=1e-4)


STIFF = """a current near zero is the difference of megaamperes
vp p 0 15
vn n 0 -15
vin in 0 {volts}
x1 in o p n o a1
rl o 0 {load}
.subckt a1 1 2 3 4 5
dc 5 53 dx
de 54 5 dx
dln 92 90 dx
egnd 99 0 poly(2) (3,0) (4,0) 0 .5 .5
fb 7 99 poly(5) vb vc ve vlp vln 0 {gain:.3g} {limit:.3g} {gain:.3g} {gain:.3g} {limit:.3g}
ga 6 0 11 12 {ga:.3g}
hlim 90 0 vlim 1k
j1 11 2 10 jx
j2 12 1 10 jx
r2 6 9 {r2:.3g}
rd1 4 11 {rd:.3g}
rd2 4 12 {rd:.3g}
ro1 8 5 {ro:.3g}
ro2 7 99 {ro:.3g}
vb 9 0 dc 0
vc 3 53 dc 5
ve 54 4 dc 5
vlim 7 8 dc 0
vlp 91 0 dc 5e3
vln 0 92 dc 5e3
.model dx d(is=8e-16)
.model jx pjf(is=8.15e-09 beta={beta:.3g} vto=-1)
.ends
.end"""
AS_REPORTED = {"gain": 9.64e9, "ga": 3.09e-4, "r2": 1.17e5, "rd": 5.43e3, "ro": 0.25, "beta": 1.88e-4}


def stiff(volts, load, **values):
    return STIFF.format(volts=volts, load=load, limit=-values["gain"], **values)


def variants(count):
    rng = random.Random(3)
    reach = {"gain": (7, 10), "ga": (-5, -3), "r2": (4.5, 5.3), "rd": (3, 4.3), "ro": (-1, 2), "beta": (-4.5, -3)}
    for _ in range(count):
        values = {name: 10 ** rng.uniform(*ends) for name, ends in reach.items()}
        yield stiff(rng.choice([0.1, 1.0, 2.5, 5.0, 10.0]), rng.choice(["600", "10k", "1meg"]), **values)


def test_jittering_currents_do_not_keep_an_amplifier_from_settling():
    op = netlearn.operating_point(netlearn.parse(stiff(2.5, "10k", **AS_REPORTED)))
    assert op.voltage("o")[0] == pytest.approx(2.498536, abs=1e-6)
    assert op.iterations < 60


@pytest.mark.ngspice
def test_variants_of_it_settle_where_ngspice_does(ngspice):
    texts = list(variants(25))
    for text, vectors in zip(texts, ngspice.run_many(texts, options=SETTLED), strict=True):
        check(text, vectors)


def test_an_amplifier_of_more_than_a_hundred_unknowns_settles_directly():
    op = netlearn.operating_point(netlearn.parse(deck("eight_poles", "instrumentation", 0.05, "10k")))
    assert op.circuit.size > 100
    assert op.iterations < 60
