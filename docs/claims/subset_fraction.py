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
from matplotlib.figure import Figure
from setting import main

from netlearn.learn.compare import Comparison, compare
from netlearn.netlist.generate import new_netlist

RULES = ("analytic", "ep beta=1e-5", "cl beta=0.01")
NETLISTS = Path(__file__).parent.parent.parent / "netlists"

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
    with tempfile.TemporaryDirectory() as folder:
        for kind, options in networks.items():
            new = new_netlist(kind, data="data.csv", **options)
            (Path(folder) / "data.csv").write_text(new.data)
            path = Path(folder) / "net.cir"
            path.write_text(new.netlist)
            for redraw in ("step", "never"):
                # The subset's options stand in the netlist; compare adds the fraction.
                path.write_text(new.netlist.replace("*@loss", f"*@subset redraw={redraw}\n*@loss"))
                results[f"{kind}, regression", redraw] = rows(compare(path, epochs=epochs, **common))
    iris = (NETLISTS / "iris.cir").read_text()
    for redraw in ("step", "never"):
        beside = NETLISTS / f".iris_{redraw}.cir"
        beside.write_text(iris.replace("*@loss", f"*@subset redraw={redraw}\n*@loss", 1))
        try:
            results["iris, classification", redraw] = rows(compare(beside, epochs=max(2, epochs // 5), **common))
        finally:
            beside.unlink()
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
    figure = Figure(figsize=(4 * len(names), 4), layout="constrained")
    for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names, strict=True):
        for redraw, style in (("step", "-"), ("never", "--")):
            for color, rule in enumerate(RULES):
                chosen = [row for row in results[name, redraw] if row["rule"] == rule]
                x, y, spread = (np.array([row[key] for row in chosen]) for key in ("fraction", "loss", "loss_std"))
                label = f"{rule}, redrawn: {redraw}"
                axes.errorbar(x, y, spread, color=f"C{color}", ls=style, marker="o", ms=3, label=label, capsize=2)
        axes.set(xscale="log", yscale="log", xlabel="part updated in a step", ylabel="final loss", title=name)
    axes.legend(fontsize="x-small")
    return figure


if __name__ == "__main__":
    main(run, draw, report, "subset_fraction")
