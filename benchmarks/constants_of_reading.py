"""What constants of reading, elaborating and writing are worth: the measurement behind what their strings say.

    python benchmarks/constants_of_reading.py [--only NAME] [--rounds 7]

Sizes and thresholds: lines as ``alternating_runs`` says, on tasks of other sizes; the constant is where the ratio
falls below one. Memory: bytes that one of something takes. Decades: errors with a thousandth to a hundredfold.
"""

from __future__ import annotations

import io
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from alternating_runs import ModuleConstant, Size, Threshold, Work, compare, just_from, just_up_to
from parsing import lattice, resistors

import netlearn
from netlearn import archives, executors, json_text
from netlearn.elaboration import distinct_words, limits, numbers_by_name, template, windings
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist import directives, plain_lines
from netlearn.report import tables
from netlearn.solve.internal import InternalSolver


@dataclass(frozen=True)
class Memory(ModuleConstant):
    """A constant that stands for memory, and what one of what it counts takes."""

    taken: Callable[[], float]

    def lines(self, _: int) -> Iterator[str]:
        yield f"{self.own:>9}  {self.taken():.1f} {self.what}"


@dataclass(frozen=True)
class Decades(ModuleConstant):
    """A constant that what comes out depends on, and how far from right this is with others, a decade each way."""

    error: Callable[[], float]

    def lines(self, _: int) -> Iterator[str]:
        for value in np.multiply(self.own, (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)).tolist():
            with self.changed(value):
                yield f"{value:>9.0e}  {self.error():.0e}  {self.what}"


@dataclass(frozen=True)
class Busy(ModuleConstant):
    """A constant that keeps workers busy, and for which part of the time with half of it, itself, and twice as much."""

    workers: int
    made: Callable[[int], float]

    def lines(self, _: int) -> Iterator[str]:
        own, parts = self.own, []
        for value in (own // 2, own, own * 2):
            with self.changed(value):
                parts.append(self.made(self.workers))
        yield f"{own:>9}  half {parts[0]:.2f}, itself {parts[1]:.2f}, twice {parts[2]:.2f}  {self.what}"


def netlist(*lines: str) -> str:
    return "\n".join(["* benchmark", *lines, "V1 n0 0 1", ".model dm d", ".end", ""])


def runs(count: int, length: int) -> str:
    """So many runs of plain lines, with a diode after each."""
    lines = iter(resistors(count * length))
    return netlist(*(line for k in range(count) for line in (*islice(lines, length), f"D{k} n{k} 0 dm")))


def read_runs(length: int) -> Work:
    """20 000 resistors in runs of so many lines, from the text to the circuit."""
    text = runs(20_000 // length, length)
    return lambda: netlearn.elaborate(netlearn.parse(text))


def read(text: str) -> Callable[[], Work]:
    return lambda: lambda: netlearn.parse(text)


def built(text: str) -> Work:
    """From statements to the circuit, several times where it is small."""
    read, times = netlearn.parse(text), max(1, 100_000 // len(text))

    def work() -> None:
        for _ in range(times):
            netlearn.elaborate(read)

    return work


def distinct(count: int) -> Work:
    """A run of resistors between so many nodes."""
    return built(netlist(*(f"R{i} n{i} n{i + 1} 1k" for i in range(count - 1))))


def named(*counts: tuple[int, int]) -> Work:
    """Resistors, and after these diodes that name nodes of theirs."""
    rng, works = np.random.default_rng(0), []
    for count, others in counts:
        ends = rng.integers(0, count, (others, 2)).tolist()
        works.append(built(netlist(*resistors(count), *(f"D{k} n{a} n{b} dm" for k, (a, b) in enumerate(ends)))))

    def work() -> None:
        for each in works:
            each()

    return work


def words(length: int) -> Work:
    """20 000 resistors whose nodes have names of so many characters."""
    count = 20_000
    ends = [f"n{i:0{length - 1}d}" for i in range(count)]
    return built(netlist(*(f"R{i} {ends[i]} {ends[i * 7919 % count]} 1k" for i in range(count))))


def positions(count: int) -> Work:
    """10 000 places of nodes in directives of so many each, found with a place of their own or without."""
    texts = (" ".join(["*@position", *(f"n{i}_{k}=1.5,{k}" for k in range(count))]) for i in range(10_000 // count))
    lines = list(netlearn.parse(netlist(*texts)).directives)
    return lambda: directives.read_directives(lines, DIRECTIVES)


def numbers(count: int) -> list[list[object]]:
    return np.random.default_rng(0).normal(size=(count, 12)).tolist()


def json_of_samples() -> Work:
    """20 000 samples of 12 numbers."""
    entries = [dict(zip("abcdefghijkl", row, strict=True)) for row in numbers(20_000)]
    return lambda: sum(map(len, json_text.json_parts({}, "outputs", entries)))


def csv_of_samples() -> Work:
    rows = numbers(20_000)
    return lambda: sum(map(len, tables.csv_parts(list("abcdefghijkl"), rows)))


def arrays() -> Work:
    """An archive of 32 MB, compressed as saved runs are."""
    file = io.BytesIO()
    np.savez_compressed(file, a=np.random.default_rng(0).normal(size=(1 << 22,)).round(2))
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "arrays.npz"
    path.write_bytes(file.getvalue())

    def work(folder: object = folder) -> None:
        archives.load_arrays(path)

    return work


def peak(text: str) -> int:
    """Bytes that elaborating a netlist takes at most."""
    read = netlearn.parse(text)
    netlearn.elaborate(read)
    tracemalloc.start()
    try:
        netlearn.elaborate(read)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def instances(count: int, parameters: str = "", inside: str = "R1 a b 1k") -> str:
    """So many instances of a subcircuit of one line, each with a value of its own for what it is given."""
    calls = (f"X{k} n{k} n{k + 1} s" for k in range(count))
    return netlist(f".subckt s a b{parameters}", inside, ".ends", *calls)


def bytes_of_an_element() -> float:
    """Of one of 100 000 resistors that are read as a lattice."""
    return peak(netlist(*lattice(100_000))) / 100_000


def elements_of_a_group() -> float:
    """How many times the memory of an element a parameter of an instance takes."""
    count = 20_000
    bare, more = peak(instances(count)), peak(instances(count, inside="R1 a b 1k\nR2 a b 1k"))
    return (peak(instances(count, " p=1")) - bare) / (more - bare)


def doublings(parameters: str = "", inside: str = "") -> int:
    """Bytes that instances of two instances of two ... take, 4096 innermost ones, each with what a group holds."""
    deepest, lines = 12, ["X1 n0 0 s0"]
    for k in range(deepest):
        lines += [f".subckt s{k} a b{parameters}", f"X1 a b s{k + 1}", f"X2 a b s{k + 1}", ".ends"]
    return peak(netlist(*lines, f".subckt s{deepest} a b", inside, ".ends"))


def elements_of_an_inner_group() -> float:
    """The same of one in an instance within others."""
    bare, element = doublings(inside="R1 a b 1k"), doublings(inside="R1 a b 1k\nR2 a b 1k")
    return (doublings(" params: p=1") - doublings()) / (element - bare)


def shares() -> float:
    """How far the currents of two inductors are from their shares, at most, beside resistors of 1 mohm to 1 Mohm."""
    worst = 0.0
    for ohms in (1e-3, 1.0, 100.0, 1e4, 1e6):
        text = netlist(f"R1 n0 b {ohms}", "L1 b c 1m", "L2 b c 3m", f"R2 c 0 {ohms}")
        with warnings.catch_warnings():
            # Of digits that are lost, which are what is looked for.
            warnings.simplefilter("ignore")
            point = InternalSolver().solve(netlearn.elaborate(netlearn.parse(text)).circuit)
        names = [*point.circuit.nodes, *point.circuit.branches]
        for name, share in (("l1", 0.75), ("l2", 0.25)):
            worst = max(worst, abs(point.x[0, names.index(name)] / (share / (2 * ohms)) - 1))
    return worst


def busy(workers: int) -> float:
    """Part of the time that workers have a piece, of 200 that last 10 ms in the mean, exponentially distributed."""
    seconds = np.random.default_rng(0).exponential(0.01, 200).tolist()
    with ThreadPoolExecutor(workers) as pool:
        begun = time.perf_counter()
        list(executors.in_order(time.sleep, seconds, pool))
        return sum(seconds) / workers / (time.perf_counter() - begun)


STRETCHES = runs(1500, 40)
LONG = netlist(*resistors(300_000))
MEASURED = (
    Threshold(plain_lines, "FEWEST_LINES", "20 000 resistors in runs of so many lines", read_runs, just_from),
    Size(plain_lines, "FIRST_STRETCH", "1500 runs of 40 resistors", read(STRETCHES)),
    Size(plain_lines, "GROWTH", "a run of 300 000 resistors", read(LONG)),
    Size(plain_lines, "LONGEST_STRETCH", "a run of 300 000 resistors", read(LONG)),
    Threshold(numbers_by_name, "FEWEST_WORDS", "a run of resistors between so many nodes", distinct, just_from),
    Size(numbers_by_name, "ENTRIES", "3000 resistors and 1000 diodes", lambda: named((3000, 1000))),
    Size(numbers_by_name, "ENTRIES", "30 000 resistors and 1000 diodes", lambda: named((30_000, 1000))),
    Size(numbers_by_name, "ENTRIES", "30 000 resistors and 4000 diodes", lambda: named((30_000, 4000))),
    Size(numbers_by_name, "ENTRIES", "150 000 resistors and 1000 diodes", lambda: named((150_000, 1000))),
    Size(numbers_by_name, "ENTRIES", "150 000 resistors and 8000 diodes", lambda: named((150_000, 8000))),
    Threshold(distinct_words, "LONGEST", "20 000 resistors with nodes of so many characters", words, just_up_to),
    Threshold(directives, "_FEW", "10 000 places in directives of so many each", positions, just_up_to),
    Size(json_text, "AT_A_TIME", "20 000 samples of 12 numbers as JSON", json_of_samples),
    Size(tables, "AT_A_TIME", "20 000 samples of 12 numbers as CSV", csv_of_samples),
    Size(archives, "BLOCK", "a compressed archive of 32 MB", arrays),
    Memory(limits, "MOST_ELEMENTS", "bytes for a resistor", bytes_of_an_element),
    Memory(template, "LISTED", "elements' memory for a parameter of an instance", elements_of_a_group),
    Memory(template, "LISTED", "elements' memory for one of an instance within others", elements_of_an_inner_group),
    Busy(executors, "AHEAD", "of the time 8 workers are busy with uneven pieces", 8, busy),
    Busy(executors, "AHEAD", "of the time 16 workers are busy with uneven pieces", 16, busy),
    Decades(windings, "LARGEST", "relative error of currents in a loop of inductors", shares),
)


if __name__ == "__main__":
    compare(MEASURED, __doc__)
