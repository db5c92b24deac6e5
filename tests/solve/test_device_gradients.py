"""Exact gradients by every value of every device, in whole circuits, against central differences."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize, pullback

TEXT = (Path(__file__).parent / "device_circuits.txt").read_text(encoding="utf-8")
BLOCKS = {block.splitlines()[0]: block for block in re.split(r"^= ", TEXT, flags=re.MULTILINE)[1:]}
# At these values the laws are piecewise constant, or say which law holds.
SELECTORS = {"vt", "vh", "it", "ih", "on", "polarity", "subs", "tlev", "tlevc", "sheet_d", "sheet_s", "tpg"}
STEP = 1e-5

# Decks and what ngspice 39's .sens gets right in them. It crashes with bipolar transistors, finds nothing for a series
# resistance, and leaves a diode's recombination switched on once it has stepped isr, which spoils the slope by area.
SENS = {
    "diode": (
        """
v1 in 0 5
r1 in c 1k
d1 c 0 dm area=2
.model dm d(is=1e-14 n=1.2)
""",
        "r1 v1 d1:is d1:n",
    ),
    "mosfet": (
        """
v1 in 0 5
vg g 0 2
r1 in c 10k
m1 c g 0 0 nm l=2u w=20u
.model nm nmos(vto=0.8 kp=50u lambda=0.02)
""",
        "r1 v1 vg m1:vto m1:kp m1:lambda m1:l m1:w m1:m",
    ),
    "jfet": (
        """
v1 in 0 5
vg g 0 -1
r1 in c 10k
j1 c g 0 jm
.model jm njf(vto=-2 beta=1m lambda=0.01 b=0.9)
""",
        "r1 v1 vg j1:beta j1:lambda j1:b j1:area j1:m",
    ),
    "switch": (
        """
v1 in 0 5
vg g 0 1
r1 in c 10k
s1 c 0 g 0 sm
.model sm sw(vt=0.5 ron=10 roff=1meg)
""",
        "r1 v1 s1:ron",
    ),
}


@pytest.mark.parametrize("name", list(BLOCKS))
def test_every_value(name):
    _, temperatures, *lines = BLOCKS[name].rstrip().splitlines()
    celsius = temperatures.removeprefix("@").split()[-1]
    deck = "\n".join([name, *lines, f".temp {celsius}", ".options reltol=1e-9 vntol=1e-12 abstol=1e-15", ".end", ""])
    circuit = netlearn.elaborate(netlearn.parse(deck)).circuit
    solver = InternalSolver()
    op = solver.solve(circuit)
    columns = [
        (g, value)
        for g, group in enumerate(circuit.groups)
        for value, numbers in group.values.items()
        if len(group) and value not in SELECTORS and np.isfinite(numbers).all() and np.any(numbers != 0)
    ]

    rng = np.random.default_rng(0)
    weights = rng.normal(size=op.x.shape)
    adjoint = linearize(op).solve(weights, transpose=True)
    exact = pullback(op, adjoint, columns)

    # Each column's values move by relative steps in a direction of their own, two samples each.
    count = len(columns)
    moved, expected = {}, {}
    for c, (g, value) in enumerate(columns):
        numbers = np.asarray(circuit.groups[g].values[value], dtype=float)
        change = numbers * rng.choice([-1.0, 1.0], size=numbers.shape)
        table = np.tile(numbers, (2 * count, 1))
        table[2 * c] += STEP * change
        table[2 * c + 1] -= STEP * change
        moved[g, value] = table
        expected[g, value] = float(exact[g, value] @ change)
    start = OperatingPoint(circuit, np.tile(op.x, (2 * count, 1)))
    x = solver.solve(circuit.with_values(moved), start).x
    found = ((x[0::2] - x[1::2]) @ weights[0]) / (2 * STEP)
    size = np.abs(op.x @ weights[0]).max()
    for (g, value), difference in zip(columns, found, strict=True):
        device = circuit.groups[g].device.name
        assert expected[g, value] == pytest.approx(difference, rel=1e-5, abs=1e-7 * size), (device, value)
    assert max(abs(v) for v in expected.values()) > 1e-4 * size


@pytest.mark.ngspice
def test_sens_of_ngspice(ngspice):
    for deck, keys in SENS.values():
        theirs = {key[2:-1]: value for key, value in ngspice.run(f"sens{deck}", analysis="sens v(c)").items()}
        text = f"sens{deck}.options reltol=1e-9 vntol=1e-12 abstol=1e-15\n.end\n"
        circuit = netlearn.elaborate(netlearn.parse(text)).circuit
        op = InternalSolver().solve(circuit)
        weights = np.zeros_like(op.x)
        weights[0, circuit.node("c")] = 1.0
        columns = [(g, value) for g, group in enumerate(circuit.groups) for value in group.values]
        mine = {}
        for (g, value), slopes in pullback(op, linearize(op).solve(weights, transpose=True), columns).items():
            for name, slope in zip(circuit.groups[g].names, slopes, strict=True):
                mine[name if value in ("resistance", "dc") else f"{name}:{value}"] = slope
        for key in keys.split():
            # ngspice writes a model's parameter with a colon and an element's with an underscore.
            expected = theirs.get(key, theirs.get(key.replace(":", "_")))
            assert mine[key] == pytest.approx(expected, rel=3e-5), key
            assert expected != 0
