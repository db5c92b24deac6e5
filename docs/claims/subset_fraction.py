"""Final loss and accuracy against the part of the resistors that a step updates.

Claim: under the analytic gradient a subset of the resistances may be updated without a strong
loss of performance. Looked at from 1 % to 100 %, redrawn at every step or kept for all of
them, for the analytic rule, equilibrium propagation and coupled learning, on lattices, random and
layered networks, for regression and classification.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from setting import main

from netlearn.comparison import Comparison, compare
from netlearn.generate import new_netlist

RULES = ("analytic", "ep unit=siemens beta=1e-5", "cl beta=0.01")
NETLISTS = Path(__file__).parent.parent.parent / "netlists"
IRIS: Mapping[str, object] = {"inputs": 8, "outputs": 3}

Results = dict[tuple[str, str], list[dict[str, Any]]]
"""Summary rows by task and by how often the subset is redrawn."""


def run(small: bool) -> Results:
    seeds, epochs = (1, 15) if small else (2, 300)
    fractions = (0.05, 1.0) if small else (0.01, 0.05, 0.2, 1.0)
    size = 4 if small else 8
    networks: Mapping[str, Mapping[str, object]] = {
        "lattice": {"rows": size, "columns": size},
        "random": {"nodes": size * size, "degree": 4.0},
        "layered": {"layers": f"4-{2 * size}-3"},
    }
    common: dict[str, Any] = {"rules": RULES, "seeds": seeds, "fractions": fractions, "processes": 1 if small else 2}
    results: Results = {}

    def add(name: str, netlist: str, path: Path, epochs: int) -> None:
        for redraw in ("step", "never"):
            # The subset's options stand in the netlist; compare adds the fraction.
            path.write_text(netlist.replace("*@loss", f"*@subset redraw={redraw}\n*@loss", 1))
            results[name, redraw] = rows(compare(path, epochs=epochs, **common))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.cir"
        for kind, options in networks.items():
            new = new_netlist(kind, data="data.csv", **options)
            (Path(folder) / "data.csv").write_text(new.data)
            add(f"{kind}, regression", new.netlist, path, epochs)
        # Iris: eight inputs, three outputs. The layered network is the one that comes with netlearn.
        for part in ("iris_train.csv", "iris_test.csv"):
            text = (NETLISTS / part).read_text()
            (Path(folder) / part).write_text(text)
            _, _, samples = text.partition("\n")
            header = ",".join([*(f"V{i + 1}" for i in range(8)), "class"])
            (Path(folder) / f"generated_{part}").write_text(f"{header}\n{samples}")
        generated = "generated_iris_train.csv test=generated_iris_test.csv"
        for kind, new in {
            "lattice": new_netlist("lattice", generated, rows=8, columns=8, **IRIS),
            "random": new_netlist("random", generated, nodes=64, degree=4.0, **IRIS),
        }.items():
            netlist = new.netlist.replace("*@loss    mse", "*@loss    cross_entropy scale=20")
            add(f"{kind}, classification", netlist.replace("seed=0", "seed=0 batch=16"), path, max(2, epochs // 5))
        add("layered, classification", (NETLISTS / "iris.cir").read_text(), path, max(2, epochs // 5))
    return results


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """What the figure needs of a comparison."""
    return comparison.summary()


def report(results: Results) -> list[str]:
    lines = []
    for (name, redraw), summary in results.items():
        for row in summary:
            accuracy = "" if np.isnan(row["test_accuracy"]) else f", test accuracy {row['test_accuracy']:.3f}"
            lines.append(
                f"{name:22} redrawn {redraw:5} {row['rule']:13} {row['fraction']:5.0%} "
                f"loss {row['loss']:.2e} ± {row['loss_std']:.0e}{accuracy}"
            )
    return lines


def draw(results: Results) -> Figure:
    names = list(dict.fromkeys(name for name, _ in results))
    regression, classification = (
        [name for name in names if name.endswith(kind)] for kind in ("regression", "classification")
    )
    grid = [(regression, "loss"), (classification, "loss"), (classification, "test_accuracy")]
    figure = Figure(figsize=(12, 10), layout="constrained")
    axes_grid = figure.subplots(3, 3)
    for axes_row, (tasks, quantity) in zip(axes_grid, grid, strict=True):
        for axes, name in zip(axes_row, tasks, strict=True):
            _panel(axes, results, name, quantity)
    axes_grid[0, 0].legend(fontsize="x-small")
    return figure


def _panel(axes: Axes, results: Results, name: str, quantity: str) -> None:
    for redraw, style in (("step", "-"), ("never", "--")):
        for color, rule in enumerate(RULES):
            chosen = [row for row in results[name, redraw] if row["rule"] == rule]
            x, y, spread = (np.array([row[key] for row in chosen]) for key in ("fraction", quantity, f"{quantity}_std"))
            label = f"{rule}, redrawn: {redraw}"
            axes.errorbar(x, y, spread, color=f"C{color}", ls=style, marker="o", ms=3, label=label, capsize=2)
    loss = quantity == "loss"
    axes.set(xscale="log", yscale="log" if loss else "linear", xlabel="part updated in a step", title=name)
    axes.set_ylabel("final loss" if loss else "test accuracy")


if __name__ == "__main__":
    main(run, draw, report, "subset_fraction")
