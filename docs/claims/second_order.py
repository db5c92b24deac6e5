"""What curvature is worth, and that it takes an optimizer that does not throw it away.

Gauss-Newton and the natural gradient give steps that have their size already. They are compared
with Adam and L-BFGS-B on the exact gradient by the operating points that they take, and trained by
Adam, which takes their direction only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array

WAYS = {
    "Adam": {"rule": "analytic", "optimizer": "adam lr=0.05"},
    "L-BFGS-B": {"rule": "analytic", "optimizer": "lbfgs"},
    "Gauss-Newton": {"rule": "gauss-newton"},
    "natural gradient": {"rule": "natural"},
    "Gauss-Newton, by Adam": {"rule": "gauss-newton", "optimizer": "adam lr=0.05"},
}
EPOCHS, NETWORKS = 40, 10
CIRCUITS = ("linear", "diodes")
SHOWN = np.geomspace(30, 3e4, 25)


def compute(circuit: str, kind: str, seed: int, way: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """The lowest loss so far, as a part of the first, by operating points, and the loss of test data in the end."""
    lab = regression(kind, seed, diodes=circuit == "diodes", target="reachable")
    # First-order steps are cheap, and get as many more.
    result = lab.train(epochs=epochs * (1 if "Gauss" in way or "natural" in way else 10), **WAYS[way])
    losses = np.array([record.loss for record in result.history])
    solves = np.array([record.solves for record in result.history])
    so_far = np.minimum.accumulate(losses / losses[0])
    # A loss that has come down to rounding tells no more.
    at = [so_far[np.searchsorted(solves, count, side="right") - 1] for count in SHOWN]
    assert result.test is not None
    return {
        "by_solves": np.maximum(at, 1e-12),
        "after": so_far[min(epochs, len(so_far) - 1)],
        "test": result.test.loss / losses[0],
    }


def of(results: Results, circuit: str, way: str, what: str) -> Array:
    return np.array([value[what] for key, value in results.items() if key[0] == circuit and key[3] == way])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[1:3] for key in results})
    yield (
        f"{n} networks of five kinds, targets that they can reach; the lowest loss so far as a part of the "
        f"first, geometric mean ×/÷ one"
    )
    yield f"standard deviation of the logarithm (n = {n}, n - 1), and the test loss in the end"
    yield f"(Adam and L-BFGS-B: {10 * EPOCHS} epochs, the others {EPOCHS}; curves are level where they ended)."
    yield ""
    yield f"| | linear, {EPOCHS} epochs | test | diodes, {EPOCHS} epochs | test |"
    yield "|---|---|---|---|---|"
    for way in WAYS:
        cells = [geometric(np.maximum(of(results, c, way, w), 1e-16)) for c in CIRCUITS for w in ("after", "test")]
        yield f"| {way} | {' | '.join(cells)} |"
    yield ""
    for circuit in CIRCUITS:
        own, adam = (
            geometric_mean(of(results, circuit, way, "after")) for way in ("Gauss-Newton", "Gauss-Newton, by Adam")
        )
        yield says(
            f"- {circuit.capitalize()}: after {EPOCHS} steps Gauss-Newton is at {own:.1e} of the first loss "
            f"with its own step sizes"
            f" (`sgd lr=0.3`, the default), and at {adam:.1e} where Adam makes steps of its directions.",
            own < adam,
        )
    same = max(
        float(np.abs(of(results, c, "Gauss-Newton", "after") / of(results, c, "natural gradient", "after") - 1).max())
        for c in CIRCUITS
    )
    yield says(
        f"- The second derivatives of a squared error are all the same, so that the natural gradient is Gauss-Newton's "
        f"(to {max(same, 1e-5):.0e}).",
        same < 0.01,
    )
    costs = {(circuit, way): crossing(results, circuit, way) for circuit in CIRCUITS for way in WAYS}
    for circuit in CIRCUITS:
        words = ", ".join(
            f"{costs[circuit, way]:,.0f} ({way})" if np.isfinite(costs[circuit, way]) else f"none so soon ({way})"
            for way in WAYS
        )
        yield says(
            f"- Operating points until a thousandth of the first loss, {circuit}: {words}. L-BFGS-B, which finds "
            f"curvature by itself, needs the fewest.",
            costs[circuit, "L-BFGS-B"] == min(costs[circuit, way] for way in WAYS),
        )


def crossing(results: Results, circuit: str, way: str) -> float:
    """Operating points until the mean logarithm is below that of a thousandth."""
    mean = np.exp(np.mean(np.log(of(results, circuit, way, "by_solves")), axis=0))
    below = np.flatnonzero(mean < 1e-3)
    return float(SHOWN[below[0]]) if len(below) else np.inf


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, circuit in zip(figure.subplots(1, 2, sharey=True), CIRCUITS, strict=True):
        for i, way in enumerate(WAYS):
            band(axes, SHOWN, of(results, circuit, way, "by_solves"), color=f"C{i}", label=way)
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="operating points",
            title={"linear": "linear networks", "diodes": "networks with diodes"}[circuit],
        )
        axes.legend(fontsize="small")
    n = len({key[1:3] for key in results})
    figure.supylabel(f"lowest loss / first loss, n = {n}", fontsize="small")
    return figure


CLAIM = Claim(
    "second_order",
    "curvature, and the optimizer that keeps it",
    compute,
    keys=[
        (circuit, tuple(KINDS)[seed % len(KINDS)], seed, way)
        for circuit in CIRCUITS
        for seed in range(NETWORKS)
        for way in WAYS
    ],
    small=[("linear", kind, 0, way, 8) for kind in ("layered", "complete") for way in WAYS],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
