"""Operating points per second: the internal solver against ngspice's ``alter`` loop, in one run.

    python benchmarks/samples_per_second.py [--quick] [--samples 1000] [--library libngspice.so.0]

The loop is ngspice's fastest way without netlearn: the circuit is loaded once into the library
through PySpice, then every sample is ``alter`` for each source and ``op``. Large circuits run
fewer samples there, since its time for each does not depend on how many there are. Both find the
same operating points: the largest difference is printed beside the times. docs/benchmarks.md has
the numbers, and says which networks miss the aim of fifty times.
"""

from __future__ import annotations

import argparse
import ctypes.util
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySpice.Spice.NgSpice.Shared import NgSpiceShared

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Array
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.solve.internal import InternalSolver

SATURATION = 1e-14


@dataclass(frozen=True)
class Network:
    """Resistors, diodes and voltage sources to ground, by node numbers."""

    name: str
    nodes: int
    resistors: Array
    resistances: Array
    diodes: Array
    sources: Array
    judged: int
    """How many samples ngspice runs."""

    def circuit(self, drive: Array) -> Circuit:
        """The circuit with one sample per row of ``drive`` (S, sources), in volts."""
        groups = [Group(RESISTOR, _names("r", self.resistors), self.resistors, {"resistance": self.resistances})]
        branches = _names("v", self.sources)
        ends = np.stack([self.sources, np.full_like(self.sources, GROUND), self.nodes + np.arange(len(branches))], 1)
        groups.append(Group(VOLTAGE_SOURCE, branches, ends, {"dc": drive}))
        if len(self.diodes):
            kind = MODEL_TYPES["d"]
            values = kind.complete({"is": SATURATION}, {})
            columns = {name: np.full(len(self.diodes), float(value)) for name, value in values.items()}
            groups.append(Group(kind.device_for(values), _names("d", self.diodes), self.diodes, columns))
        return Circuit([f"n{i}" for i in range(self.nodes)], branches, tuple(groups))

    def deck(self) -> str:
        """The same as SPICE text."""
        node = [*(f"n{i}" for i in range(self.nodes)), "0"]
        lines = [self.name]
        pairs = zip(self.resistors.tolist(), self.resistances.tolist(), strict=True)
        lines += [f"r{k} {node[p]} {node[n]} {r!r}" for k, ((p, n), r) in enumerate(pairs)]
        lines += [f"d{k} {node[p]} {node[n]} dm" for k, (p, n) in enumerate(self.diodes.tolist())]
        lines += [f"v{k} {node[p]} 0 0" for k, p in enumerate(self.sources.tolist())]
        return "\n".join([*lines, f".model dm d(is={SATURATION!r})", ".end"])


def _names(letter: str, of: Array) -> list[str]:
    return [f"{letter}{k}" for k in range(len(of))]


def divider() -> Network:
    """Two resistors."""
    none = np.zeros((0, 2), dtype=int)
    return Network("divider", 2, np.array([[0, 1], [1, -1]]), np.array([1e3, 2e3]), none, np.array([0]), 1000)


def xor(rng: np.random.Generator) -> Network:
    """Two inputs in both polarities and a bias, four hidden nodes with diodes, two outputs."""
    network = layered(rng, 5, 4, 2)
    return Network("xor", *list(vars(network).values())[1:-1], 1000)


def layered(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> Network:
    """All inputs to all hidden nodes, a diode at each of these in either direction, all of them to all outputs."""
    first, second = np.arange(inputs, inputs + hidden), np.arange(inputs + hidden, inputs + hidden + outputs)
    resistors = np.concatenate([_all_pairs(np.arange(inputs), first), _all_pairs(first, second)])
    ground = np.full(hidden, GROUND)
    diodes = np.where(np.arange(hidden)[:, None] % 2 == 0, np.stack([first, ground], 1), np.stack([ground, first], 1))
    resistances = 10 ** rng.uniform(3, 5, len(resistors))
    return Network("digits", inputs + hidden + outputs, resistors, resistances, diodes, np.arange(inputs), 5)


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


def clock(work: Callable[[], None], at_least: float = 0.0) -> float:
    """Seconds of processor time that ``work`` takes: both sides use one thread, whatever else the machine does.

    It is run again until it has taken ``at_least`` so many seconds in all, and the mean counts.
    """
    begun, times = time.process_time(), 0
    while not times or time.process_time() - begun < at_least:
        work()
        times += 1
    return (time.process_time() - begun) / times


def judge(library: NgSpiceShared, network: Network, drive: Array) -> tuple[float, Array]:
    """Seconds for each sample in ngspice, and the node voltages of the last one."""
    library.load_circuit(network.deck())

    def loop() -> None:
        for row in drive.tolist():
            for k, volts in enumerate(row):
                library.exec_command(f"alter v{k} = {volts!r}")
            library.exec_command("op")
            library.exec_command("destroy all")

    seconds = clock(loop) / len(drive)
    # The precision that the comparison needs is asked for only after the time was taken.
    library.exec_command("option reltol=1e-9 vntol=1e-12 abstol=1e-15")
    library.exec_command("op")
    plot = library.plot(None, library.last_plot)
    voltages = np.array([float(plot[f"n{i}"]._data[0]) for i in range(network.nodes)])
    library.exec_command("destroy all")
    library.exec_command("remcirc")
    return seconds, voltages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples, no large lattices")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--only", default="", help="networks whose name holds this text")
    parser.add_argument("--library", default=ctypes.util.find_library("ngspice"))
    parser.add_argument("--alone", action="store_true", help="without ngspice")
    arguments = parser.parse_args()
    NgSpiceShared.LIBRARY_PATH = arguments.library
    library = None if arguments.alone else NgSpiceShared.new_instance()
    rng = np.random.default_rng(0)
    sides = (10, 18) if arguments.quick else (10, 18, 32, 56, 100)
    networks = [divider(), xor(rng), layered(rng, 129, 100, 10), *(lattice(rng, side) for side in sides)]
    count = min(arguments.samples, 100) if arguments.quick else arguments.samples
    print(
        f"{'network':<16}{'nodes':>7}{'samples':>9}{'netlearn':>13}{'ngspice':>13}{'ratio':>8}{'steps':>7}{'difference':>12}"
    )
    for network in networks:
        if arguments.only not in network.name:
            continue
        drive = rng.uniform(0, 2, (count, len(network.sources)))
        circuit = network.circuit(drive)
        # As ngspice's loading does not count, neither does the analysis of the circuit's graph.
        InternalSolver().solve(circuit.with_values({(1, "dc"): drive[:2]}))
        points = []
        ours = clock(lambda: points.append(InternalSolver().solve(circuit)), 0.1) / count  # noqa: B023
        line = f"{network.name:<16}{network.nodes:>7}{count:>9}{ours * 1e6:>10.1f} us"
        if library is not None:
            judged = min(count, network.judged if not arguments.quick else 1 + network.judged // 10)
            theirs, voltages = judge(library, network, drive[:judged])
            difference = np.abs(points[0].x[judged - 1, : network.nodes] - voltages).max()
            line += f"{theirs * 1e6:>10.1f} us{theirs / ours:>8.0f}{points[0].iterations:>7}{difference:>12.1e}"
        else:
            line += f"{'':>21}{points[0].iterations:>7}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
