"""Lines per second of netlearn's reader beside PySpice's and spicelib's, on the same files in one run.

    python benchmarks/parsing.py [LINES ...]

Every tool runs in a process of its own, so that its peak memory is its own. ``read`` ends
when all names, nodes and values are known: spicelib parses a line only when it is asked for.
``circuit`` goes on to the flat circuit of arrays, and ``train`` is the whole trip of a netlist: read, elaborate, give
every resistor a new value, save.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def resistors(lines: int) -> Iterator[str]:
    """A ladder: one plain resistor a line."""
    for i in range(lines):
        yield f"R{i} n{i} n{(i * 7919 + 1) % lines} {1000 + i % 977}.{i % 10}"


def lattice(lines: int) -> Iterator[str]:
    """A square lattice as people write one: values with suffixes, nodes of words."""
    side = int((lines / 2) ** 0.5) + 1
    values = ("4.7k", "10k", "2.2meg", "330", "1k", "47k", "100", "6.8kOhm")
    for k in range(lines):
        i, j = divmod(k // 2, side)
        to = f"row{i}_col{(j + 1) % side}" if k % 2 else f"row{(i + 1) % side}_col{j}"
        yield f"R{k} row{i}_col{j} {to} {values[k % len(values)]}"


def mixed(lines: int) -> Iterator[str]:
    """What a netlist of sources, diodes, transistors and comments looks like."""
    kinds = (
        "R{i} n{i} n{j} 4.7k",
        "C{i} n{i} 0 10n",
        "V{i} n{i} 0 DC 5",
        "D{i} n{i} n{j} dmod",
        "M{i} n{i} n{j} 0 0 nch w=1u l=2u",
        "* comment {i}",
        "E{i} e{i} 0 n{i} n{j} 2",
        "X{i} n{i} n{j} half",
        "Q{i} n{i} n{j} 0 npn",
        "R{i} n{i} n{j} 1k ; comment",
    )
    yield from (".model dmod d", ".model nch nmos", ".model npn npn", ".subckt half a b", "R1 a b 1k", ".ends")
    for i in range(lines - 6):
        yield kinds[i % len(kinds)].format(i=i, j=(i * 7919 + 1) % lines)


def netlearn_read(path: str) -> int:
    import netlearn

    return sum(1 for _ in netlearn.read(path).elements)


def netlearn_circuit(path: str) -> int:
    import netlearn

    circuit = netlearn.elaborate(netlearn.read(path)).circuit
    return sum(map(len, circuit.groups))


def netlearn_train(path: str) -> int:
    import numpy as np

    import netlearn
    from netlearn.elaboration.design import Selection
    from netlearn.elaboration.elaborate import elaborate

    design = elaborate(netlearn.read(path))
    parameters = design.parameters([Selection("R*", 1.0, np.inf)])
    design.write(parameters, parameters.initial * 1.1).save(f"{path}.trained")
    return len(parameters)


def pyspice_read(path: str) -> int:
    from PySpice.Spice.Parser import Element, SpiceParser

    return sum(isinstance(statement, Element) for statement in SpiceParser(path=Path(path))._statements)


def spicelib_read(path: str) -> int:
    from spicelib import SpiceEditor

    netlist = SpiceEditor(path)
    names = netlist.get_components()
    for name in names:
        netlist.get_component_value(name)
        netlist.get_component_nodes(name)
    return len(names)


def measured(tool: Callable[[str], int], path: str) -> tuple[int, float, float]:
    """Elements, seconds of processor time without imports, and peak megabytes."""
    logging.disable(logging.CRITICAL)
    with tempfile.NamedTemporaryFile("w", suffix=".cir") as file:
        file.write("* warm up\nR1 a 0 1k\nV1 a 0 1\n.end\n")
        file.flush()
        tool(file.name)
        Path(f"{file.name}.trained").unlink(missing_ok=True)
    start = time.process_time()
    count = tool(path)
    seconds = time.process_time() - start
    return count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


TOOLS: dict[str, tuple[Callable[[str], int], int]] = {
    "netlearn read": (netlearn_read, 10**7),
    "netlearn circuit": (netlearn_circuit, 10**7),
    "netlearn train": (netlearn_train, 10**7),
    "PySpice read": (pyspice_read, 10**5),
    "spicelib read": (spicelib_read, 10**4),
}
"""What is measured, and the most lines that it is given: beyond, some would take hours."""


def main() -> None:
    """Print a table of all tools on all files."""
    sizes = [int(float(word)) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print(f"{'file':10} {'lines':>9}  {'tool':16} {'elements':>9} {'seconds':>8} {'lines/s':>9} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for make in (resistors, lattice, mixed):
            for size in sizes:
                path = Path(folder) / f"{make.__name__}.cir"
                path.write_text("\n".join(["* benchmark", *make(size), ".end", ""]))
                for name, (tool, most) in TOOLS.items():
                    if size > most or (make is mixed and (tool is netlearn_train or size > 10**5)):
                        continue
                    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                        try:
                            count, seconds, megabytes = pool.submit(measured, tool, str(path)).result()
                        except Exception as error:
                            print(f"{make.__name__:10} {size:9}  {name:16} failed: {error!s:.60}")
                            continue
                    rate = size / seconds
                    print(
                        f"{make.__name__:10} {size:9}  {name:16} {count:9} {seconds:8.2f} {rate:9.0f} {megabytes:8.0f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
