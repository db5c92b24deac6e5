"""Circuits on which Newton's method alone often finds no operating point, as SPICE text.

Operational amplifiers' macromodels in feedback, as the tests have them; random networks of transistors, diodes,
switches and amplifiers of high gain; lattices of transistors and of diodes that hundreds of volts drive; chains of
inverters and diodes, and feedback that holds itself on.
"""

from __future__ import annotations

import re

import numpy as np
from written_networks import MACROMODELS, edges

AMPLIFIER_CIRCUITS = {
    "follower": "x1 in o p n o {name}",
    "inverting": "ri in m 1k\nrf m o 10k\nx1 0 m p n o {name}",
    "rectifier": "x1 in m p n q {name}\nd1 q m dd\nrm m 0 10k\nrs m o 1k",
    "logarithm": "ri in m 1k\nd1 m o dd\nd2 o m dd\nx1 0 m p n o {name}",
    "instrumentation": "x1 in a p n b {name}\nx2 0 c p n d {name}\nrg a c 2k\nr1 a b 5k\nr2 c d 5k\n"
    "r3 b e 10k\nr4 e o 10k\nr5 d f 10k\nr6 f 0 10k\nx3 f e p n o {name}",
    "comparator": "x1 in q p n o {name}\nr1 o q 10k\nr2 q 0 1k",
}
MODELS = """.model d1 d(is=1e-12 n=1.3 rs=1)
.model d2 d(is=1e-9 n=1.7 bv=6 ibv=1m)
.model qn npn(is=1e-15 bf=120 vaf=60 br=3 rb=20 re=0.2 ikf=0.1)
.model qp pnp(is=2e-15 bf=60 vaf=40 br=2 rc=3)
.model mn nmos(vto=0.8 kp=80u lambda=0.02 gamma=0.4)
.model mp pmos(vto=-0.9 kp=30u lambda=0.03 rs=5)
.model jn njf(vto=-2 beta=1m lambda=0.01 rd=5)
.model s1 sw(vt=0.6 ron=10 roff=1meg)"""
SHAPES = {
    "d": (2, ("d1", "d2")),
    "q": (3, ("qn", "qp")),
    "m": (4, ("mn l=1u w=10u", "mp l=1u w=20u")),
    "j": (3, ("jn",)),
    "s": (4, ("s1",)),
}


def amplifiers() -> list[str]:
    """Each macromodel in each circuit, near its limits and beyond."""
    texts = []
    for path in sorted(MACROMODELS.glob("*.lib")):
        model, name = path.read_text(encoding="utf-8"), path.stem
        said = re.search(r"supplies of (\S+) V", model)
        supply = float(said[1]) if said else 15.0
        for k, (kind, elements) in enumerate(AMPLIFIER_CIRCUITS.items()):
            volts = supply * (0.02, 0.3, -0.07, 1.1, 0.004, 0.1)[k]
            lines = [f"{name} {kind}", f"vp p 0 {supply}", f"vn n 0 {-supply}", f"vin in 0 {volts:.4g}"]
            lines += [elements.format(name=name), "rl o 0 2k", ".model dd d(is=1e-14)", model, ".end"]
            texts.append("\n".join(lines))
    return texts


def random_network(seed: int) -> str:
    """Resistors, up to 20 transistors, diodes and switches, and up to 5 amplifiers of gains up to a million."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 16))
    nodes = ["0", *(f"n{k}" for k in range(size))]
    lines = [f"random network {seed}", f"v1 n0 0 {rng.uniform(-12, 12):.4g}"]
    ohms = iter(10 ** rng.uniform(1, 6, 100))
    lines += [f"r{k} n{k} {nodes[rng.integers(0, k + 1)]} {next(ohms):.4g}" for k in range(1, size)]
    lines += [f"i1 0 n{size - 1} {rng.uniform(-2e-3, 2e-3):.4g}"]
    for k in range(int(rng.integers(2, 21))):
        letter = str(rng.choice(sorted(SHAPES)))
        count, models = SHAPES[letter]
        ends = " ".join(rng.choice(nodes, count))
        lines.append(f"{letter}{k} {ends} {rng.choice(models)}")
    for k in range(int(rng.integers(0, 6))):
        gain = float(rng.choice([-1, 1]) * 10 ** rng.uniform(0, 6))
        a, b, c = rng.choice(nodes, 3)
        lines += [f"e{k} e{k} 0 {a} {b} {gain:.4g}", f"re{k} e{k} {c} {next(ohms):.4g}"]
    return "\n".join([*lines, MODELS, ".end"])


def driven_lattice(seed: int, kind: str, side: int, volts: float) -> str:
    """A lattice between two voltages: resistors with transistors between nodes anywhere, or diodes and resistors."""
    rng, count = np.random.default_rng(seed), side * side
    lines = [f"{kind} lattice {side}x{side}, {volts} V, {seed}", f"v0 i0 0 {volts}"]
    lines += [f"v1 i1 0 {-volts * rng.uniform(0.1, 1):.4g}", "rs0 i0 n0 10", f"rs1 i1 n{count - 1} 10"]
    lines += [f"rl{k} n{k} 0 {ohms:.4g}" for k, ohms in enumerate(10 ** rng.uniform(4, 6, count))]
    for k, (a, b) in enumerate(rng.permuted(edges(side), axis=1).tolist()):
        if kind == "d" and rng.uniform() < 0.5:
            lines.append(f"d{k} n{a} n{b} {rng.choice(SHAPES['d'][1])}")
        else:
            lines.append(f"r{k} n{a} n{b} {10 ** rng.uniform(2, 5 if kind == 'm' else 4):.4g}")
    for k in range(0 if kind == "d" else count):
        if rng.uniform() < 0.6:
            a, b, c = rng.choice(count, 3, replace=False).tolist()
            bulk = f" n{c}" if kind == "m" else ""
            lines.append(f"{kind}{k} n{a} n{b} n{c}{bulk} {rng.choice(SHAPES[kind][1])}")
    return "\n".join([*lines, MODELS, ".end"])


def lattices(seeds: int) -> list[str]:
    """So many of each kind, size and voltage."""
    each = ((kind, side, volts) for kind in "qmd" for side in (4, 8) for volts in (20.0, 100.0, 300.0))
    return [driven_lattice(100 * shape[1] + seed, *shape) for shape in each for seed in range(seeds)]


def chains() -> list[str]:
    """Inverters and diodes in series, and transistors that hold each other on, at several voltages."""
    texts = []
    for volts in (0.0, 1.0, 2.2, 2.45, 2.5, 5.0):
        inverters = [
            f"mp{k} n{k + 1} n{k} vdd vdd p w=20u l=1u\nmn{k} n{k + 1} n{k} 0 0 n w=10u l=1u" for k in range(30)
        ]
        models = ".model n nmos(vto=0.8 kp=50u lambda=0.02)\n.model p pmos(vto=-0.8 kp=20u lambda=0.03)"
        texts.append("\n".join(["inverters", "vdd vdd 0 5", f"vin n0 0 {volts}", *inverters, models, ".end"]))
        ring = "\n".join(["ring", "vdd vdd 0 5", f"rin n0 n29 {1 + volts}k", *inverters[:29], models, ".end"])
        texts.append(ring)
    for volts in (5.0, 30.0, 45.0, 300.0):
        diodes = [f"d{k} a{k} a{k + 1} d" for k in range(50)]
        texts.append("\n".join(["diodes", f"v1 a0 0 {volts}", *diodes, "r1 a50 0 1k", ".model d d(is=1e-14)", ".end"]))
    for volts in (0.3, 0.75, 2.4, 7.0, 20.0):
        pair = ["q1 g1 g2 an p", "q2 g2 g1 0 n", "rg g1 0 1k", f"v1 a 0 {volts}", "rl a an 100"]
        models = ".model n npn(is=1e-15 bf=50)\n.model p pnp(is=1e-15 bf=20)"
        texts.append("\n".join(["two transistors that hold each other on", *pair, models, ".end"]))
        latch = ["rc1 vcc a 1k", "rc2 vcc b 1.1k", "q1 a x1 0 n", "q2 b x2 0 n", "r1 b x1 10k", "r2 a x2 10k"]
        texts.append("\n".join(["latch", f"vcc vcc 0 {volts}", *latch, models, ".end"]))
    return texts


def hard_networks(count: int, seeds: int = 0) -> list[str]:
    """All of these, ``count`` of the random ones and ``seeds`` lattices of each kind, size and voltage."""
    return amplifiers() + chains() + [random_network(seed) for seed in range(count)] + lattices(seeds)
