"""The seven energy-based algorithms side by side.

B. Scellier, M. Ernoult, J. Kendall, S. Kumar, "Energy-based learning algorithms for analog
computing: a comparative study", arXiv 2312.15103, compare contrastive learning and the positive,
negative and centered forms of equilibrium propagation (EP) and coupled learning (CpL) on deep
Hopfield networks, and find that negative perturbations are better than positive ones and
centered EP the best. Here the same seven, and the analytic rule, train networks of resistors:
linear ones, and a lattice with diodes, each with the same optimizer and nudge.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from setting import main

from netlearn.comparison import Comparison, compare
from netlearn.generate import new_netlist

RULES = (
    "analytic",
    "contrastive",
    *(
        f"ep states={states} nudge=conductance unit=siemens beta=5e-5"
        for states in ("positive", "negative", "centered")
    ),
    *(f"cl states={states} beta=0.5" for states in ("positive", "negative", "centered")),
)
LABELS = ("analytic", "CL", "P-EP", "N-EP", "C-EP", "P-CpL", "N-CpL", "C-CpL")


def run(small: bool) -> dict[str, Comparison]:
    seeds, epochs, size = (1, 10, 3) if small else (3, 150, 6)
    new = new_netlist("lattice", data="data.csv", rows=size, columns=size)
    names = [name for i, name in enumerate(new.network.nodes) if i != new.network.ground]
    diodes = [f"D{i + 1} {name} 0 dm" if i % 2 else f"D{i + 1} 0 {name} dm" for i, name in enumerate(names)]
    with_diodes = new.netlist.replace(".end", "\n".join([".model dm d is=1e-8", *diodes, ".end"]))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.cir"
        (Path(folder) / "data.csv").write_text(new.data)
        for name, text in (("linear lattice", new.netlist), ("lattice with diodes", with_diodes)):
            path.write_text(text)
            results[name] = compare(path, rules=RULES, seeds=seeds, epochs=epochs, processes=1 if small else 2)
    return results


def report(results: dict[str, Comparison]) -> list[str]:
    lines = []
    for name, comparison in results.items():
        for label, row in zip(LABELS, comparison.summary(), strict=True):
            failed = f", {row['failed']} of {row['seeds']} failed" if row["failed"] else ""
            lines.append(
                f"{name:20} {label:9} loss {row['loss']:.2e} ± {row['loss_std']:.0e}, "
                f"{row['solves']:.0f} operating points, {row['measurements']:.0f} measurements{failed}"
            )
    return lines


def draw(results: dict[str, Comparison]) -> Figure:
    figure = Figure(figsize=(6 * len(results), 4), layout="constrained")
    for axes, (name, comparison) in zip(np.ravel(figure.subplots(1, len(results))), results.items(), strict=True):
        for label, rule in zip(LABELS, RULES, strict=True):
            curves: list[Any] = [o.curves["loss"] for o in comparison.outcomes if o.run.rule == rule and o.curves]
            if curves:
                axes.semilogy(np.mean(curves, axis=0), label=label, color="k" if label == "analytic" else None)
        axes.set(xlabel="epoch", ylabel="mean loss", title=name)
        axes.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    main(run, draw, report, "seven_algorithms")
