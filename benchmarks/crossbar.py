"""How long crossbars with wires take: processor time of operating points with a diode in each cell, on one thread.

    python benchmarks/crossbar.py [--rows 128] [--columns 64] [--samples 1000]

One line for a diode in series with each resistor, and one for a junction as each cell. Reading the netlist and
compiling are not counted.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

import netlearn
from netlearn.drive import driven
from netlearn.project import open_project
from netlearn.solve.compiled.load import compile_here
from netlearn.solve.internal import InternalSolver
from netlearn.solve.threads import set_threads


def seconds(rows: int, columns: int, samples: int, **cells: str) -> tuple[float, int]:
    """Processor time of all samples, and the steps of Newton's method that the slowest takes."""
    weights = np.random.default_rng(0).uniform(size=(rows, columns))
    made = netlearn.new("crossbar", weights=weights, pairs=False, wire=1, samples=samples, **cells)
    header, *rest = (line.split(",") for line in made.data.splitlines())
    data = {name: [float(line[k]) for line in rest] for k, name in enumerate(header)}
    project = open_project(netlearn.parse(made.netlist), data)
    few = driven(project, 8, project.settings.output).circuit
    # Compiles what is not compiled yet.
    InternalSolver().solve(few)
    circuit = driven(project, None, project.settings.output).circuit
    began = time.process_time()
    point = InternalSolver().solve(circuit)
    return time.process_time() - began, point.iterations


def main() -> None:
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 128), ("columns", 64), ("samples", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    set_threads(1)
    # What is timed are the loops, not what serves until they are compiled.
    compile_here()
    size = f"{chosen.rows}×{chosen.columns}"
    cases: dict[str, dict[str, str]] = {
        "a diode in series with each cell": {"selector": "diode"},
        "a junction as each cell": {"cell": "diode"},
    }
    for name, cells in cases.items():
        took, steps = seconds(chosen.rows, chosen.columns, chosen.samples, **cells)
        each = 1e3 * took / chosen.samples
        print(f"{size}, {name}: {took:.1f} s for {chosen.samples} samples, {each:.1f} ms each, {steps} steps at most")


if __name__ == "__main__":
    main()
