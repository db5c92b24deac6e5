"""Crossbars through their wires: what wires do to a matrix, and what training makes up for.

Claim: a crossbar that is programmed with the conductances that a matrix asks for is off by what its wires drop, and
trained through its wires it is the matrix again. Weight matrices of normal numbers become pairs of conductances by
``netlearn new crossbar --from``; errors are those of the products with random vectors that were not trained on, beside
the products' own size. The wires' resistance is that of a line from one crossing to the next; cells are between 5 kΩ
and 500 kΩ. ngspice solves the trained crossbar, too.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, main, says, spread
from matplotlib.figure import Figure

import netlearn
from netlearn.arrays import Array

SIZES, WIRES = (10, 20), (0.3, 1.0, 3.0)
LARGEST = 64
SEEDS, EPOCHS, TESTS = 5, 40, 50
BOUNDS = {"min": 5e3, "max": 5e5}


def compute(seed: int, size: int, wire: float, epochs: int = EPOCHS) -> dict[str, Any]:
    """Relative errors before and after training, and how far ngspice's outputs are from ours beside the largest.

    ngspice is asked about one vector of one matrix of each kind, which takes it most of a minute for the largest.
    """
    weights = np.random.default_rng([seed, size]).normal(size=(size, size))
    made = netlearn.new("crossbar", weights=weights, wire=wire, samples=2 * size + TESTS, seed=seed, **BOUNDS)
    header, *rows = csv.reader(made.data.splitlines())
    table = np.array(rows, float)
    wanted = table[2 * size :, size:]
    train, test = (dict(zip(header, table[part].T, strict=True)) for part in (slice(2 * size), slice(2 * size, None)))
    netlist = netlearn.parse(made.netlist)

    def error(of: netlearn.Netlist) -> float:
        found = netlearn.evaluate(of, test).outputs
        return float(np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)))

    before = error(netlist)
    trained = netlearn.train(netlist, train, epochs=epochs).netlist
    found: dict[str, Any] = {"before": before, "after": error(trained)}
    if seed == 0:
        both = netlearn.check(trained, test, samples=1, processes=1, timeout=600)
        ours, theirs = (values[:, -size:] for values in (both.first, both.second))
        found["ngspice"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return found


def column(results: Results, size: int, wire: float, name: str) -> Array:
    """One number of each matrix."""
    return np.array([value[name] for key, value in results.items() if key[1:3] == (size, wire) and name in value])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    yield f"{n} matrices of each size (n = {n}), ± one standard deviation (n - 1), or ×/÷ that of the logarithm."
    yield ""
    yield "| size | wire | error with the ideal conductances | after training through the wires |"
    yield "|---|---|---|---|"
    cases = [*((size, wire) for size in SIZES for wire in WIRES), (LARGEST, 1.0)]
    for size, wire in cases:
        before, after = (column(results, size, wire, name) for name in ("before", "after"))
        yield f"| {size}×{size} | {wire:g} Ω | {spread(100 * before, '.3g')} % | {geometric(100 * after)} % |"
    yield ""
    before, after = (column(results, LARGEST, 1.0, name) for name in ("before", "after"))
    worst = max(column(results, size, wire, "after").max() for size, wire in cases)
    far = np.concatenate([column(results, size, wire, "ngspice") for size, wire in cases])
    yield says(
        f"- A {LARGEST}×{LARGEST} crossbar with wires of 1 Ω is off by {spread(100 * before, '.3g')} % with the "
        f"conductances that the matrix asks for. After {EPOCHS} epochs through its wires it is off by at most "
        f"{100 * after.max():.1g} %, and none of the crossbars by more than {100 * worst:.1g} %.",
        before.min() > 0.03,
        after.max() < 1e-2 * before.min(),
        worst < 2e-3,
    )
    small, large = (column(results, SIZES[1], wire, "before") for wire in (WIRES[0], WIRES[-1]))
    ratio = (large / small) / (WIRES[-1] / WIRES[0])
    yield says(
        f"- Without training the error grows with the wires' resistance, but less than in proportion: ten times "
        f"as much makes {geometric(large / small, '.2g')} times the error at {SIZES[1]}×{SIZES[1]}.",
        ratio.max() < 1,
        (large > small).all(),
    )
    yield says(
        f"- The outputs that ngspice finds differ by at most {far.max():.0e} of the largest (n = {len(far)}, up to "
        f"{LARGEST}×{LARGEST}, one matrix and vector of each kind).",
        far.max() < 1e-8,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, size in enumerate(SIZES):
        for name, style, label in (("before", "-", "ideal conductances"), ("after", "--", "trained")):
            groups = {wire: 100 * column(results, size, wire, name) for wire in WIRES}
            shown = {wire: group for wire, group in groups.items() if len(group) > 1}
            if shown:
                bars(axes, np.array(list(shown)), list(shown.values()), logs=True, color=f"C{i}", linestyle=style,
                     label=f"{size}×{size}, {label}")  # fmt: skip
    for name, inside, label in (("before", "k", "ideal conductances"), ("after", "w", "trained")):
        group = 100 * column(results, LARGEST, 1.0, name)
        if len(group) > 1:
            bars(
                axes, np.array([1.0]), [group], logs=True, color="k", mfc=inside, label=f"{LARGEST}×{LARGEST}, {label}"
            )
    n = len({key[0] for key in results})
    axes.set(xscale="log", yscale="log", xlabel="resistance of a wire from crossing to crossing (Ω)")
    axes.set_ylabel(f"error of products, % of their size, n = {n}")
    axes.legend(fontsize="small")
    return figure


CLAIM = Claim(
    "wires",
    "crossbars through their wires",
    compute,
    keys=[
        *((seed, size, wire) for size in SIZES for wire in WIRES for seed in range(SEEDS)),
        *((seed, LARGEST, 1.0) for seed in range(SEEDS)),
    ],
    small=[(seed, 10, wire, 8) for wire in WIRES[:2] for seed in range(2)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
