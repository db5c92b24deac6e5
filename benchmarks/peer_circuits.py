"""The circuits that ``peers.py`` measures, as text or as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.learn.model import Model
from netlearn.probes.ends import Probes
from netlearn.solve.internal import InternalSolver


@dataclass(frozen=True)
class TextCircuit:
    """A circuit as SPICE text, whose sources ``inputs`` samples set between ``low`` and ``high`` volts."""

    name: str
    text: str
    inputs: tuple[str, ...]
    low: float = 0.0
    high: float = 2.0
    details: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def circuit(self) -> Circuit:
        return netlearn.elaborate(netlearn.parse(self.text)).circuit

    @property
    def nodes(self) -> int:
        return len(self.circuit.nodes)

    def samples(self, rng: np.random.Generator, count: int) -> Array:
        return rng.uniform(self.low, self.high, (count, len(self.inputs)))

    def driven(self, drive: Array) -> Circuit:
        """The circuit with one sample for each row of ``drive`` (S, inputs)."""
        g = next(g for g, group in enumerate(self.circuit.groups) if group.device is VOLTAGE_SOURCE)
        group = self.circuit.groups[g]
        names, dc = list(group.names), np.repeat(np.asarray(group.values["dc"], float)[None], len(drive), axis=0)
        dc[:, [names.index(name) for name in self.inputs]] = drive
        return self.circuit.with_values({(g, "dc"): dc})


def lattice_edges(side: int) -> Array:
    """Pairs of neighbours (e, 2) in a square lattice."""
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    return np.concatenate([across, np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)])


def device_lattice(kind: str, side: int, rng: np.random.Generator) -> TextCircuit:
    """A square lattice: of transistors for edges, each with a gate source of its own, or with a device at each node."""
    edges, count = lattice_edges(side), side * side
    lines = [f"* {kind} lattice"]
    resistances = rng.uniform(100, 1000, len(edges))
    if kind == "mosfet":
        lines += [f"m{k} n{a} g{k} n{b} 0 mm" for k, (a, b) in enumerate(edges.tolist())]
        lines += [f"vg{k} g{k} 0 {float(volts)!r}" for k, volts in enumerate(rng.uniform(2, 5, len(edges)))]
        lines += [f"rl{k} n{k} 0 100k" for k in range(count)]
        lines.append(".model mm nmos(vto=0.7 kp=1m lambda=0.01)")
    else:
        lines += [
            f"r{k} n{a} n{b} {float(r)!r}"
            for k, ((a, b), r) in enumerate(zip(edges.tolist(), resistances, strict=True))
        ]
    if kind == "bjt":
        lines += [f"q{k} n{k} b{k} 0 qq" for k in range(count)] + [
            f"rb{k} n{(k + 1) % count} b{k} 20k" for k in range(count)
        ]
        lines.append(".model qq npn(is=1e-14 bf=100 vaf=50)")
    if kind == "jfet":
        lines += [f"j{k} n{k} n{(k + 1) % count} 0 jj" for k in range(count)]
        lines.append(".model jj njf(vto=-2 beta=0.1m lambda=0.01)")
    if kind == "diode":
        lines += [f"d{k} n{k} 0 dm" for k in range(count)] + [".model dm d(is=1e-14)"]
    lines += ["rs0 in0 n0 100", f"rs1 in1 n{count - 1} 100", "v0 in0 0 1", "v1 in1 0 0.5", ".end"]
    name = f"lattice {side}x{side} of MOSFET edges" if kind == "mosfet" else f"lattice {side}x{side}, {kind}s"
    details = {"edges": edges, "resistances": resistances}
    return TextCircuit(name, "\n".join(lines), ("v0", "v1"), details=details)


def macromodel() -> TextCircuit:
    """Ten stages of an operational amplifier's macromodel: diodes, a POLY input stage and clamped outputs."""
    lines = ["* amplifiers", "v0 in 0 0.1", "vcc vp 0 12", "vee vn 0 -12"]
    for k in range(10):
        before = "in" if k == 0 else f"o{k - 1}"
        lines += [
            f"ri{k} {before} m{k} 10k",
            f"rf{k} m{k} o{k} 12k",
            f"rd{k} m{k} 0 2meg",
            f"g{k} 0 a{k} poly(2) m{k} 0 vp 0 0 -1m 1n 0 1u",
            f"ra{k} a{k} 0 1meg",
            f"d{k} a{k} vp dx",
            f"dn{k} vn a{k} dx",
            f"e{k} e{k} 0 poly(1) a{k} 0 0 1 0 1u",
            f"ro{k} e{k} o{k} 75",
        ]
    lines += [".model dx d(is=8e-16 rs=1)", ".end"]
    return TextCircuit("10 amplifiers by a macromodel with POLY", "\n".join(lines), ("v0",), -1.0, 1.0)


def sinh_crossbar(rows: int, columns: int, rng: np.random.Generator, law: str = "sinh") -> TextCircuit:
    """A crossbar without wire resistance of cells i = g sinh(a v)/a, or ohmic ones, its columns loaded by 1 kΩ."""
    lines = ["* cells"]
    for i in range(rows):
        lines.append(f"v{i} w{i} 0 0")
        for j, g in enumerate(10 ** rng.uniform(-6, -4, columns)):
            if law == "sinh":
                lines.append(f"b{i}_{j} w{i} c{j} i={float(g / 2)!r}*sinh(2*v(w{i},c{j}))")
            else:
                lines.append(f"r{i}_{j} w{i} c{j} {float(1 / g)!r}")
    lines += [f"rl{j} c{j} 0 1k" for j in range(columns)]
    # What is not linear at all keeps the ohmic crossbar from being superposed.
    lines += ["d0 c0 0 dm", ".model dm d(is=1e-15)", ".end"]
    names = tuple(f"v{i}" for i in range(rows))
    return TextCircuit(f"crossbar {rows}x{columns} of sinh cells", "\n".join(lines), names, 0.0, 1.0)


def crossbar_text(resistances: Array, wire: float = 1.0) -> str:
    """Cells (rows, columns) in ohms between wires whose pieces have ``wire`` ohms; inputs V<i>, outputs I(Vo<j>)."""
    rows, columns = resistances.shape
    lines = ["* crossbar"]
    for i in range(rows):
        lines.append(f"V{i} in{i} 0 0")
        for j in range(columns):
            before = f"in{i}" if j == 0 else f"r{i}_{j - 1}"
            after = f"c{i + 1}_{j}" if i < rows - 1 else f"out{j}"
            lines.append(f"Rr{i}_{j} {before} r{i}_{j} {wire}")
            lines.append(f"Rx{i}_{j} r{i}_{j} c{i}_{j} {float(resistances[i, j])!r}")
            lines.append(f"Rc{i}_{j} c{i}_{j} {after} {wire}")
    return "\n".join([*lines, *(f"Vo{j} out{j} 0 0" for j in range(columns)), ".end"])


@dataclass(frozen=True)
class Layered:
    """A deep resistive network: all to all between layers, an ideal diode at each hidden node, inputs of both signs."""

    sizes: tuple[int, ...]
    model: Model
    theta: Array
    inputs: Array
    targets: Array
    rising: Array
    """Which hidden nodes (h,) are held from going below zero; the others from going above."""


def layered_network(sizes: tuple[int, ...], rng: np.random.Generator, batch: int) -> Layered:
    """With ``batch`` samples."""
    starts, edges = np.cumsum([0, *sizes]), []
    for a, b, c in zip(starts[:-2], starts[1:-1], starts[2:], strict=True):
        edges.append(np.stack([np.repeat(np.arange(a, b), c - b), np.tile(np.arange(b, c), b - a)], axis=1))
    index, nodes = np.concatenate(edges), int(starts[-1])
    resistances = 10 ** rng.uniform(3, 5, len(index))
    hidden = np.arange(starts[1], starts[-2])
    ground, rising = np.full(len(hidden), GROUND), np.arange(len(hidden)) % 2 == 0
    ends = np.where(rising[:, None], np.stack([ground, hidden], 1), np.stack([hidden, ground], 1))
    kind = MODEL_TYPES["d"].variant({"ron": 1e-3})
    values = kind.complete({"ron": 1e-3, "roff": 1e12}, {})
    columns = {name: np.full(len(hidden), float(value)) for name, value in values.items()}
    inputs = np.arange(sizes[0])
    sources = np.stack([inputs, np.full(sizes[0], GROUND), nodes + inputs], axis=1)
    names = [f"v{k}" for k in inputs]
    circuit = Circuit(
        [f"n{k}" for k in range(nodes)],
        names,
        (
            Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": resistances}),
            Group(VOLTAGE_SOURCE, names, sources, {"dc": np.zeros(sizes[0])}),
            Group(kind.device_for(values), [f"d{k}" for k in range(len(hidden))], ends, columns),
        ),
    )
    count, everything = len(index), np.arange(len(index))
    parameters = Parameters(
        circuit,
        circuit.groups[0].names,
        resistances,
        np.full(count, 1.0),
        np.full(count, 1e9),
        np.ones(count, dtype=bool),
        (Direct((0, "resistance"), everything, everything, np.ones(count)),),
    )
    outputs = np.arange(starts[-2], starts[-1])
    probes = Probes([f"V(n{k})" for k in outputs], outputs, np.full(len(outputs), GROUND))
    model = Model(parameters, [(1, int(k)) for k in inputs], probes, InternalSolver())
    half = rng.uniform(0, 5, (batch, sizes[0] // 2)) * (rng.random((batch, sizes[0] // 2)) < 0.3)
    targets = np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    return Layered(sizes, model, resistances, np.concatenate([half, -half], axis=1), targets, rising)
