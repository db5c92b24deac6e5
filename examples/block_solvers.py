"""Two hidden layers of ideal diodes, trained on iris by equilibrium propagation, with operating points layer by layer.

    python examples/block_solvers.py [--width 64] [--epochs 30]

The network is a deep resistive network as B. Scellier has it, "A fast algorithm to simulate nonlinear resistive
networks", arXiv 2402.11674 (2024). With ``solver=auto``, which is the default, netlearn goes from layer to layer here,
as that is less work than an elimination for each sample; the same operating points come of Newton's method.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import netlearn

IRIS = Path(__file__).resolve().parents[1] / "netlists"


def network(width: int) -> netlearn.Netlist:
    """Eight inputs, upright and inverted, two hidden layers and three classes."""
    text = netlearn.new(
        "layered", layers=f"8-{width}-{width}-3", diodes=True, clamp="single", ideal=True, inputs=8, outputs=3
    ).netlist
    options = f"*@loss cross_entropy scale={2 * width}\n*@rule ep beta=1e-6\n*@options solver=auto"
    return netlearn.parse(text.replace("*@loss    mse", options).replace("*@rule    analytic\n", ""))


def data(part: str) -> dict[str, Any]:
    """The columns of one of the files that come with ``netlists/iris.cir``."""
    with (IRIS / f"iris_{part}.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    volts = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return {f"V{k + 1}": volts[:, k] for k in range(8)} | {"class": np.array([row[-1] for row in rows])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", netlearn.NetlistWarning)
    netlist = network(chosen.width)
    drive = {name: values for name, values in data("train").items() if name != "class"}
    times, points = {}, {}
    for solver in ("newton", "gauss-seidel", "hybrid"):
        netlearn.operating_point(netlist, solver, drive)
        begun = time.process_time()
        points[solver] = netlearn.operating_point(netlist, solver, drive)
        times[solver] = time.process_time() - begun
    for solver in ("gauss-seidel", "hybrid"):
        apart = np.abs(points[solver].x - points["newton"].x)[:, : len(points[solver].circuit.nodes)].max()
        print(
            f"{solver}: {points[solver].iterations} sweeps or steps (Newton: {points['newton'].iterations}), voltages "
            f"{apart:.0e} V apart, {times[solver] / times['newton']:.2f} of the time, reading the netlist included"
        )
    result = netlearn.train(netlist, data("train"), test=data("test"), epochs=chosen.epochs)
    assert result.test is not None
    print(f"loss {result.history[0].loss:.3g} -> {result.train.loss:.3g}, test accuracy {result.test.accuracy:.0%}")


if __name__ == "__main__":
    main()
