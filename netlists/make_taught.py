"""Write homodyne.cir, hamiltonian.cir and contrastive.cir with their data: what the same circuits do with other values.

Run from anywhere; the files come out the same each time: ``python make_taught.py [folder]``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import netlearn

HERE = Path(__file__).parent
Volts = NDArray[np.float64]

HOMODYNE = """\
* A circuit with diodes that learns from its outputs alone, all resistances swinging at once
*
* Two drives and a bias reach three nodes with diodes, and the voltage between two more is the output. It is to become
* what the same circuit gives with other resistances. Each resistance swings by 3 % at a frequency of its own, and
* lock-in detection of the output, which is read with 100 uV of noise, tells the derivative by every one of them.
*
*   netlearn train homodyne.cir
*
* comes below a fiftieth of the variance of the data, as far as the exact gradient (--rule analytic). M. N. Boon and
* others, "Gradient descent in materia through homodyne gradient extraction", arXiv 2105.11233, 2021.
*
*@data      homodyne.csv
*@output    V(p,n)
*@loss      mse
*@train     R* min=200 max=50k
*@rule      homodyne amplitude=0.03 noise=100u
*@optimizer adam lr=0.1
*@options   epochs=40 seed=0
"""

HAMILTONIAN = """\
* Devices that step up and down unequally, trained by stochastic Hamiltonian descent
*
* Every resistance is a device of 100 ohms to 10 kilohms that is the only memory of its value: a step is larger towards
* the middle of its range than away from it, by a factor of up to 19 at its ends. The outputs are read with 100 mV of
* noise, which pulls plain descent to the middle. Here a momentum in devices of the same kind takes the noise, and their
* asymmetry is its friction.
*
*   netlearn train hamiltonian.cir
*
* comes to 2 to 7 % of the first loss on the samples kept aside, in the mean over the last 75 epochs. Plain descent at
* its best rate, --optimizer "sgd lr=1", comes to twice that. M. Onen and others, "Neural network training with
* asymmetric crosspoint elements", arXiv 2201.13377, 2022.
*
*@data      hamiltonian.csv
*@output    V(p) V(q)
*@loss      mse
*@train     R*
*@rule      in-the-loop noise=0.1
*@hardware  min=100 max=10k memory=device asymmetry=0.9
*@optimizer hamiltonian lr=0.01 fast=3 asymmetry=0.9
*@options   epochs=300 seed=0 validation=0.3
"""

CONTRASTIVE = """\
* Contrastive learning where it is known to converge: every node an input or an output
*
* Outputs x, y and z are free, and then clamped at their targets; each conductance moves by the difference of its
* squared drops. Without hidden nodes that is descent of a convex function of the conductances, the power at clamped
* less that at free outputs, so that it ends at the same minimum wherever it begins. The targets are what other
* resistances give, and the minimum is zero.
*
*   netlearn train contrastive.cir
*
* comes to within 10 uV of them. A.-M. Huijzer, T. Chaffey, B. Besselink, H. J. van Waarde, arXiv 2503.00349, 2025.
*
*@data      contrastive.csv
*@output    V(x) V(y) V(z)
*@loss      mse
*@train     R* min=100 max=20k
*@rule      contrastive
*@optimizer sgd lr=5
*@options   epochs=300 coordinates=conductance
"""


def resistors(ends: Sequence[tuple[str, str]], ohms: Volts) -> list[str]:
    return [f"R{k} {a} {b} {value:.3g}" for k, ((a, b), value) in enumerate(zip(ends, ohms, strict=True), 1)]


def spread(rng: np.random.Generator, count: int, low: float, high: float) -> Volts:
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def taught(
    folder: Path,
    name: str,
    head: str,
    parts: tuple[Sequence[tuple[str, str]], Volts, Volts, Sequence[str]],
    inputs: Mapping[str, Volts],
) -> None:
    """A netlist with first values, and data that others give: ``parts`` are ends, both values and further lines."""
    ends, first, other, lines = parts
    sources = [f"V{k} {node} 0 0" for k, node in enumerate("abc"[: len(inputs)], 1)]
    text = "\n".join([head.rstrip("\n"), "", *sources, *lines, *resistors(ends, first), ".end", ""])
    (folder / f"{name}.cir").write_text(text, encoding="utf-8")
    teacher = text.replace("\n".join(resistors(ends, first)), "\n".join(resistors(ends, other)))
    probes = next(line.split()[1:] for line in head.splitlines() if line.startswith("*@output"))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*inputs, *probes])
        rows = np.column_stack(list(inputs.values()))
        wanted = netlearn.predict(netlearn.parse(teacher), dict(inputs)).outputs
        writer.writerows([f"{value:.6g}" for value in row] for row in np.hstack([rows, wanted.round(5)]) + 0.0)


def homodyne(folder: Path) -> None:
    rng = np.random.default_rng(0)
    hidden, outputs = ("h1", "h2", "h3"), ("p", "n")
    ends = [*product(("a", "b", "bias"), hidden), *product(hidden, outputs), *((node, "0") for node in outputs)]
    first = spread(rng, len(ends), 1e3, 1e4)
    other = np.clip(first * np.exp(np.random.default_rng(4).normal(scale=0.7, size=len(ends))), 200, 5e4)
    grid = np.array(list(product((-1, -0.3, 0.4, 1), repeat=2)), dtype=float)
    lines = ["Vbias bias 0 1", "D1 h1 0 clamp", "D2 0 h2 clamp", "D3 h3 0 clamp", ".model clamp d(is=10n)"]
    taught(folder, "homodyne", HOMODYNE, (ends, first, other, lines), {"V1": grid[:, 0], "V2": grid[:, 1]})


def hamiltonian(folder: Path) -> None:
    rng = np.random.default_rng(1)
    hidden, outputs = ("h1", "h2", "h3", "h4"), ("p", "q")
    ends = [*product("abc", hidden), *product(hidden, outputs), *((node, "0") for node in (*hidden, *outputs))]
    first, other = spread(rng, len(ends), 300, 3e3), spread(rng, len(ends), 150, 6e3)
    volts = rng.uniform(-1, 1, (40, 3)).round(2)
    taught(folder, "hamiltonian", HAMILTONIAN, (ends, first, other, []), {f"V{k + 1}": volts[:, k] for k in range(3)})


def contrastive(folder: Path) -> None:
    held = {"0", "a", "b"}
    ends = [pair for pair in combinations(("0", "a", "b", "x", "y", "z"), 2) if not set(pair) <= held]
    first, other = np.full(len(ends), 1e3), spread(np.random.default_rng(5), len(ends), 500, 5e3)
    volts = np.array([(1, 0), (0, 1), (1, 1), (-1, 1), (0.5, -0.5), (1, -0.2)])
    taught(folder, "contrastive", CONTRASTIVE, (ends, first, other, []), {"V1": volts[:, 0], "V2": volts[:, 1]})


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    homodyne(FOLDER)
    hamiltonian(FOLDER)
    contrastive(FOLDER)
