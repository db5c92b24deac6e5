"""Operating points per second: the internal solver against ngspice's ``alter`` loop, in one run.

    python benchmarks/samples_per_second.py [--quick] [--samples 1000] [--library libngspice.so.0]

The loop is ngspice's fastest way without netlearn: the circuit is loaded once into the library
through PySpice, then every sample is ``alter`` for each source and ``op``. Large circuits run
fewer samples there, since its time for each does not depend on how many there are. Both find the
same operating points: the largest difference is printed beside the times. docs/benchmarks.md has
the numbers.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PySpice.Spice.NgSpice.Shared import NgSpiceShared
from written_networks import Written, amplifiers, crossbar, transistor_lattice

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.solve.compiled.load import compile_here
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

SATURATION = 1e-14
NETLISTS = Path(__file__).resolve().parents[1] / "netlists"


@dataclass(frozen=True)
class Network:
    """Resistors, diodes and voltage sources to ground, by node numbers."""

    name: str
    size: int
    resistors: Array
    resistances: Array
    diodes: Array
    sources: Array
    judged: int
    """How many samples ngspice runs."""

    @property
    def nodes(self) -> list[str]:
        return [f"n{i}" for i in range(self.size)]

    @property
    def inputs(self) -> list[str]:
        """The names of the sources that samples set."""
        return _names("v", self.sources)

    def samples(self, rng: np.random.Generator, count: int) -> Array:
        """Values (S, inputs) of the sources, in volts."""
        return rng.uniform(0, 2, (count, len(self.sources)))

    def circuit(self, drive: Array) -> Circuit:
        """The circuit with one sample per row of ``drive`` (S, sources), in volts."""
        groups = [Group(RESISTOR, _names("r", self.resistors), self.resistors, {"resistance": self.resistances})]
        branches = _names("v", self.sources)
        ends = np.stack([self.sources, np.full_like(self.sources, GROUND), self.size + np.arange(len(branches))], 1)
        groups.append(Group(VOLTAGE_SOURCE, branches, ends, {"dc": drive}))
        if len(self.diodes):
            kind = MODEL_TYPES["d"]
            values = kind.complete({"is": SATURATION}, {})
            columns = {name: np.full(len(self.diodes), float(value)) for name, value in values.items()}
            groups.append(Group(kind.device_for(values), _names("d", self.diodes), self.diodes, columns))
        return Circuit(self.nodes, branches, tuple(groups))

    def deck(self) -> str:
        """The same as SPICE text."""
        node = [*self.nodes, "0"]
        lines = [self.name]
        pairs = zip(self.resistors.tolist(), self.resistances.tolist(), strict=True)
        lines += [f"r{k} {node[p]} {node[n]} {r!r}" for k, ((p, n), r) in enumerate(pairs)]
        lines += [f"d{k} {node[p]} {node[n]} dm" for k, (p, n) in enumerate(self.diodes.tolist())]
        lines += [f"v{k} {node[p]} 0 0" for k, p in enumerate(self.sources.tolist())]
        return "\n".join([*lines, f".model dm d(is={SATURATION!r})", ".end"])


def _names(letter: str, of: Array) -> list[str]:
    return [f"{letter}{k}" for k in range(len(of))]


@dataclass(frozen=True)
class Shipped:
    """A netlist that comes with netlearn and its own data, repeated with a little noise as far as needed."""

    name: str
    judged: int

    @property
    def _path(self) -> Path:
        return NETLISTS / f"{self.name}.cir"

    @cached_property
    def _circuit(self) -> Circuit:
        return netlearn.elaborate(netlearn.read(self._path)).circuit

    @cached_property
    def _table(self) -> tuple[list[str], Array]:
        path = next(path for path in (NETLISTS / f"{self.name}{end}.csv" for end in ("", "_train")) if path.exists())
        with path.open(encoding="utf-8") as lines:
            header = next(lines).strip().replace('"', "").split(",")
            rows = [line.split(",") for line in lines]
        columns = [k for k, name in enumerate(header) if name[0] == "V" and "(" not in name]
        return [header[k].lower() for k in columns], np.array([[float(row[k]) for k in columns] for row in rows])

    @property
    def nodes(self) -> list[str]:
        return list(self._circuit.nodes)

    @property
    def inputs(self) -> list[str]:
        return self._table[0]

    def samples(self, rng: np.random.Generator, count: int) -> Array:
        rows = np.resize(np.arange(len(self._table[1])), count)
        return self._table[1][rows] + rng.normal(0, 0.1, (count, len(self.inputs)))

    def circuit(self, drive: Array) -> Circuit:
        sources = next(g for g, group in enumerate(self._circuit.groups) if group.device is VOLTAGE_SOURCE)
        group = self._circuit.groups[sources]
        dc = np.repeat(np.asarray(group.values["dc"], dtype=float)[None], len(drive), axis=0)
        dc[:, [list(group.names).index(name) for name in self.inputs]] = drive
        return self._circuit.with_values({(sources, "dc"): dc})

    def deck(self) -> str:
        return self._path.read_text(encoding="utf-8")


def divider() -> Network:
    """Two resistors."""
    none = np.zeros((0, 2), dtype=int)
    return Network("divider", 2, np.array([[0, 1], [1, -1]]), np.array([1e3, 2e3]), none, np.array([0]), 1000)


def layered(rng: np.random.Generator, name: str, inputs: int, hidden: int, outputs: int) -> Network:
    """All inputs to all hidden nodes, a diode at each of these in either direction, all of them to all outputs."""
    first, second = np.arange(inputs, inputs + hidden), np.arange(inputs + hidden, inputs + hidden + outputs)
    resistors = np.concatenate([_all_pairs(np.arange(inputs), first), _all_pairs(first, second)])
    ground = np.full(hidden, GROUND)
    diodes = np.where(np.arange(hidden)[:, None] % 2 == 0, np.stack([first, ground], 1), np.stack([ground, first], 1))
    resistances = 10 ** rng.uniform(3, 5, len(resistors))
    judged = 1000 if len(resistors) < 100 else 5
    return Network(name, inputs + hidden + outputs, resistors, resistances, diodes, np.arange(inputs), judged)


def _all_pairs(a: Array, b: Array) -> Array:
    return np.stack([np.repeat(a, len(b)), np.tile(b, len(a))], axis=1)


def lattice(rng: np.random.Generator, side: int) -> Network:
    """A square lattice with a diode at each node and sources at two opposite corners."""
    number = np.arange(side * side).reshape(side, side)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    edges = np.concatenate([across, np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)])
    diodes = np.stack([number.ravel(), np.full(side * side, GROUND)], axis=1)
    corners = np.array([0, side * side - 1])
    judged = max(1, 20_000 // side**2 // (1 + side // 20) ** 2)
    return Network(
        f"lattice {side}x{side}", side * side, edges, rng.uniform(100, 1000, len(edges)), diodes, corners, judged
    )


def _whole(point: OperatingPoint) -> OperatingPoint:
    """The same with all unknowns worked out, the currents of sources too, as ngspice has them."""
    assert point.x.size
    return point


def clock(work: Callable[[], None], at_least: float = 0.0) -> float:
    """Seconds of processor time that ``work`` takes: both sides use one thread, whatever else the machine does.

    It is run again until it has taken ``at_least`` so many seconds in all, and the mean counts.
    """
    begun, times = time.process_time(), 0
    while not times or time.process_time() - begun < at_least:
        work()
        times += 1
    return (time.process_time() - begun) / times


def judge(library: NgSpiceShared, network: Network | Shipped | Written, drive: Array) -> tuple[float, Array]:
    """Seconds for each sample in ngspice, and the node voltages of the last one."""
    library.load_circuit(network.deck())
    inputs = network.inputs

    def loop() -> None:
        for row in drive.tolist():
            for name, volts in zip(inputs, row, strict=True):
                library.exec_command(f"alter {name} = {volts!r}")
            library.exec_command("op")
            library.exec_command("destroy all")

    seconds = clock(loop) / len(drive)
    # The precision that the comparison needs is asked for only after the time was taken.
    library.exec_command("option reltol=1e-9 vntol=1e-12 abstol=1e-15")
    library.exec_command("op")
    plot = library.plot(None, library.last_plot)
    # ngspice puts V() around names that start with a digit.
    voltages = np.array([float(plot[name if name in plot else f"V({name})"]._data[0]) for name in network.nodes])
    library.exec_command("destroy all")
    library.exec_command("remcirc")
    return seconds, voltages


def main() -> None:
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples, no large lattices")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--only", default="", help="networks whose name holds this text")
    parser.add_argument("--library", default=ctypes.util.find_library("ngspice"))
    parser.add_argument("--alone", action="store_true", help="without ngspice")
    arguments = parser.parse_args()
    NgSpiceShared.LIBRARY_PATH = arguments.library
    library = None if arguments.alone else NgSpiceShared.new_instance()
    # What is timed are the loops, not what serves until they are compiled.
    compile_here()
    rng = np.random.default_rng(0)
    sides = (10, 18) if arguments.quick else (10, 18, 32, 56, 100)
    transistor_sides = (6,) if arguments.quick else (6, 16, 32)
    networks = [
        divider(),
        Shipped("xor", 1000),
        layered(rng, "layers 5-4-2", 5, 4, 2),
        Shipped("digits", 5),
        layered(rng, "layers 129-100-10", 129, 100, 10),
        *(lattice(rng, side) for side in sides),
        *(transistor_lattice(rng, kind, side) for kind in ("BJT", "MOSFET", "JFET") for side in transistor_sides),
        amplifiers(),
        crossbar(rng, 64, 20, "sinh"),
    ]
    count = min(arguments.samples, 100) if arguments.quick else arguments.samples
    print(
        f"{'network':<24}{'nodes':>7}{'samples':>9}{'netlearn':>13}{'ngspice':>13}{'ratio':>8}{'steps':>7}{'difference':>12}"
    )
    for network in networks:
        if arguments.only not in network.name:
            continue
        drive = network.samples(rng, count)
        circuit = network.circuit(drive)
        # As ngspice's loading does not count, neither do compiling and the analysis of the circuit's graph.
        points = [InternalSolver().solve(circuit)]
        ours = clock(lambda: points.__setitem__(0, _whole(InternalSolver().solve(circuit))), 0.5) / count  # noqa: B023
        line = f"{network.name:<24}{len(network.nodes):>7}{count:>9}{ours * 1e6:>10.1f} us"
        if library is not None:
            judged = min(count, network.judged if not arguments.quick else 1 + network.judged // 10)
            theirs, voltages = judge(library, network, drive[:judged])
            difference = np.abs(points[0].x[judged - 1, : len(network.nodes)] - voltages).max()
            line += f"{theirs * 1e6:>10.1f} us{theirs / ours:>8.0f}{points[0].iterations:>7}{difference:>12.1e}"
        else:
            line += f"{'':>21}{points[0].iterations:>7}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
