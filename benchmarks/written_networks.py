"""Networks of transistors, amplifiers and expressions as SPICE text, with sources that samples set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE

MACROMODELS = Path(__file__).resolve().parents[1] / "tests" / "solve" / "macromodels"


@dataclass(frozen=True)
class Written:
    """A netlist whose voltage sources ``inputs`` take values between ``low`` and ``high`` volts."""

    name: str
    text: str
    inputs: list[str]
    low: float
    high: float
    judged: int
    """How many samples ngspice runs."""

    @cached_property
    def _circuit(self) -> Circuit:
        return netlearn.elaborate(netlearn.parse(self.text)).circuit

    @property
    def nodes(self) -> list[str]:
        return list(self._circuit.nodes)

    def samples(self, rng: np.random.Generator, count: int) -> Array:
        """Values (S, inputs) of the sources, in volts."""
        return rng.uniform(self.low, self.high, (count, len(self.inputs)))

    def circuit(self, drive: Array) -> Circuit:
        """The circuit with one sample per row of ``drive`` (S, inputs), in volts."""
        g, group = next((g, group) for g, group in enumerate(self._circuit.groups) if group.device is VOLTAGE_SOURCE)
        dc = np.repeat(np.asarray(group.values["dc"], dtype=float)[None], len(drive), axis=0)
        dc[:, [list(group.names).index(name) for name in self.inputs]] = drive
        return self._circuit.with_values({(g, "dc"): dc})

    def deck(self) -> str:
        return self.text


def edges(side: int) -> Array:
    """Pairs (e, 2) of neighbours in a square lattice."""
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    return np.concatenate([across, np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)])


def transistor_lattice(rng: np.random.Generator, kind: str, side: int) -> Written:
    """A square lattice driven at two opposite corners.

    MOSFETs are its edges, each with a gate voltage of its own; the lattices of BJTs and JFETs have resistors as
    edges, and a transistor at each node that takes current from it, controlled by the next node.
    """
    pairs, count = edges(side).tolist(), side * side
    lines = [f"{kind} lattice", "v0 in0 0 0", "v1 in1 0 0", "rs0 in0 n0 100", f"rs1 in1 n{count - 1} 100"]
    if kind == "MOSFET":
        lines += [f"m{k} n{a} g{k} n{b} 0 mm" for k, (a, b) in enumerate(pairs)]
        lines += [f"vg{k} g{k} 0 {float(volts)!r}" for k, volts in enumerate(rng.uniform(2, 5, len(pairs)))]
        lines += [f"rl{k} n{k} 0 100k" for k in range(count)]
    else:
        ohms = rng.uniform(100, 1000, len(pairs)).tolist()
        lines += [f"r{k} n{a} n{b} {r!r}" for k, ((a, b), r) in enumerate(zip(pairs, ohms, strict=True))]
    if kind == "BJT":
        lines += [f"q{k} n{k} b{k} 0 qq\nrb{k} n{(k + 1) % count} b{k} 20k" for k in range(count)]
    if kind == "JFET":
        lines += [f"j{k} n{k} n{(k + 1) % count} 0 jj" for k in range(count)]
    lines += [".model mm nmos(vto=0.7 kp=1m lambda=0.01)", ".model qq npn(is=1e-14 bf=100 vaf=50)"]
    lines += [".model jj njf(vto=-2 beta=0.1m lambda=0.01)", ".end\n"]
    judged = max(4, 10_000 // count // (1 + side // 10) ** 2)
    name = f"{kind}s, lattice {side}x{side}"
    return Written(name, "\n".join(lines), ["v0", "v1"], 0.0, 2.0, judged)


def amplifiers() -> Written:
    """An instrumentation amplifier of three operational amplifiers by Boyle's macromodel, with its POLY sources."""
    model = (MACROMODELS / "gp_bipolar.lib").read_text(encoding="utf-8")
    text = f"""instrumentation amplifier
vp p 0 15
vn n 0 -15
vin in 0 0
vin2 c 0 0
x1 in a p n b gp_bipolar
x2 c e p n d gp_bipolar
rg a e 2k
r1 a b 5k
r2 e d 5k
r3 b f 10k
r4 f o 10k
r5 d g 10k
r6 g 0 10k
x3 g f p n o gp_bipolar
rl o 0 10k
{model}
.end
"""
    return Written("3 op-amps with POLY", text, ["vin", "vin2"], -1.0, 1.0, 1000)


def crossbar(rng: np.random.Generator, rows: int, columns: int, law: str) -> Written:
    """Cells ``law`` between inputs and columns: "sinh", i = g sinh(2 v) / 2, or "ohmic"; columns loaded by 1 kΩ."""
    cells = rng.uniform(1e-6, 1e-4, (rows, columns)).tolist()
    lines = [f"{law} crossbar", *(f"v{i} w{i} 0 0" for i in range(rows)), *(f"rl{j} c{j} 0 1k" for j in range(columns))]
    for i, row in enumerate(cells):
        for j, g in enumerate(row):
            if law == "sinh":
                lines.append(f"b{i}_{j} w{i} c{j} i={g / 2!r}*sinh(2*v(w{i},c{j}))")
            else:
                lines.append(f"r{i}_{j} w{i} c{j} {1 / g!r}")
    text = "\n".join([*lines, ".end\n"])
    return Written(f"{law} crossbar {rows}x{columns}", text, [f"v{i}" for i in range(rows)], 0.0, 1.0, 50)
