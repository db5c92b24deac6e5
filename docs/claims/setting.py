"""What the scripts of this folder share: small tasks as models, and where figures go."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import netlearn
from netlearn.arrays import Array
from netlearn.generate import new_netlist
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Rule
from netlearn.project import open_project
from netlearn.report.figure import save_figure

FIGURES = Path(__file__).parent.parent / "figures"


@dataclass(frozen=True)
class Task:
    """A circuit to train at parameters theta (P,), and its data."""

    model: Model
    theta: Array
    batch: Batch
    loss: Loss

    def estimate(self, rule: Rule, seed: int = 0) -> Array:
        """What a rule says of ∂ℓ/∂log θ, (P,)."""
        found = rule.estimate(self.model, self.loss, self.theta, self.batch, np.random.default_rng(seed))
        return found.gradient * self.theta


def task(kind: str = "lattice", diodes: bool = False, **options: Any) -> Task:
    """A generated network with random targets, so that its error is not small.

    With ``diodes`` one goes from each of the first nodes to ground and one the other way.
    """
    new = new_netlist(kind, **options)
    text = new.netlist
    if diodes:
        names = [name for i, name in enumerate(new.network.nodes) if i != new.network.ground][:12]
        ways = [(name, "0") if i % 2 else ("0", name) for i, name in enumerate(names)]
        lines = [f"D{i + 1} {a} {b} dm" for i, (a, b) in enumerate(ways)]
        text = text.replace(".end", "\n".join([".model dm d is=1e-9", *lines, ".end"]))
    header, *rows = new.data.replace('"', "").splitlines()
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    columns = dict(zip(header.split(","), table.T, strict=True))
    whole = open_project(netlearn.parse(text), columns)
    data = whole.dataset(whole.table)
    inputs = len(whole.layout.inputs)
    wanted = 0.3 * np.random.default_rng(1).normal(size=(len(table), table.shape[1] - inputs))
    return Task(whole.model, whole.parameters.initial, Batch(data.inputs, wanted), Mse())


def main(
    run: Callable[[bool], Any], draw: Callable[[Any], Figure], report: Callable[[Any], list[str]], name: str
) -> None:
    """Compute, print what came out, and draw it into docs/figures."""
    parser = argparse.ArgumentParser(description=f"Regenerate docs/figures/{name}.png.")
    parser.add_argument("--small", action="store_true", help="a small version, in seconds")
    parser.add_argument("--figure", type=Path, default=FIGURES / f"{name}.png", help="where to draw [%(default)s]")
    chosen = parser.parse_args()
    results = run(chosen.small)
    print("\n".join(report(results)))
    chosen.figure.parent.mkdir(parents=True, exist_ok=True)
    save_figure(draw(results), chosen.figure)
