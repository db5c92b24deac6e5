"""Loss and accuracy against the part of the resistors that is updated.

Claim: under the analytic gradient a subset of the resistances may be updated without a strong loss
of performance. That can mean two things. A part that is drawn anew at each step makes fewer
updates: it is compared at equal numbers of steps and at equal numbers of updates. A part that stays
the same, which is control over so many edges only, has fewer degrees of freedom: from which part on
is it enough?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says, spread
from matplotlib.figure import Figure
from networks import iris, regression

from netlearn.arrays import Array

NETWORKS = ("lattice", "random", "layered")
REDRAWN = (0.05, 0.2, 0.5, 1.0)
FIXED = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
EPOCHS = {"iris": 30, "regression": 150}
SIZES: dict[str, dict[str, Any]] = {
    "lattice": {"rows": 7, "columns": 7},
    "random": {"nodes": 45, "degree": 4.0},
    "layered": {"layers": "4-14-3"},
}


def compute(task: str, kind: str, seed: int, *how: Any) -> dict[str, Any]:
    """Accuracy, or loss as a part of what it was, on data that was not trained on."""
    way, fraction, *fewer = how
    count = fewer[0] if fewer else EPOCHS[task]
    if way == "updates":
        count = round(count / fraction)
    redraw = "never" if way == "fixed" else "step"
    settings: dict[str, Any] = {"epochs": count, "subset": f"fraction={fraction} redraw={redraw}"}
    if task == "iris":
        result = iris(kind, seed).train(**settings)
        assert result.test is not None
        return {"score": result.test.accuracy, "loss": result.loss}
    lab = regression(kind, seed, target="reachable", **SIZES[kind])
    result = lab.train(**settings, seed=seed, optimizer="adam lr=0.05", schedule="cosine end=0.01")
    assert result.test is not None
    return {"score": result.test.loss / lab.train(epochs=0).test.loss, "loss": result.loss}


def of(results: Results, task: str, kind: str, way: str, fraction: float) -> Array:
    """The score of each network."""
    chosen = (task, kind, "steps" if fraction == 1.0 else way, fraction)
    return np.array([v["score"] for k, v in results.items() if (k[0], k[1], k[3], k[4]) == chosen])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[1:3] for key in results}) // len(NETWORKS)
    yield (
        f"{n} networks of each kind, each with its own draws (n = {n}, ± one standard deviation by n - 1), the "
        f"analytic rule with"
    )
    yield (
        f"Adam. Iris: test accuracy after {EPOCHS['iris']} epochs of batches of 16. Regression to what the same "
        f"network can do:"
    )
    yield f"test loss as a part of what it was, after {EPOCHS['regression']} epochs of full batches."
    yield ""
    parts = sorted({*REDRAWN, *FIXED})
    yield "| part updated | " + " | ".join(f"{f:.0%}" for f in parts) + " |"
    yield "|---|" + "---|" * len(parts)
    for task in ("iris", "regression"):
        for kind in NETWORKS:
            for way, name in (
                ("steps", "redrawn, equal steps"),
                ("updates", "redrawn, equal updates"),
                ("fixed", "fixed"),
            ):
                cells = []
                for fraction in parts:
                    found = of(results, task, kind, way, fraction)
                    cells.append("" if not len(found) else spread(found, ".2f") if task == "iris" else geometric(found))
                yield f"| {task}, {kind}, {name} | {' | '.join(cells)} |"
    yield ""
    for way, name in (("steps", "equal steps"), ("updates", "equal updates")):
        lost = {kind: points(results, kind, way, 0.2) for kind in NETWORKS}
        times = {kind: ratio(results, kind, way, 0.2) for kind in NETWORKS}
        words = ", ".join(f"{spread(value, '.1f')} ({kind})" for kind, value in lost.items())
        more = ", ".join(f"{geometric(value, '.2g')} ({kind})" for kind, value in times.items())
        small = [value.mean() < 2 for value in lost.values()]
        alike = [value.mean() <= 2 * value.std(ddof=1) / np.sqrt(len(value)) for value in lost.values()]
        yield says(
            f"- **At {name} a fifth that is redrawn** loses {words} points of accuracy on iris (paired), and ends "
            f"regression at {more} times the loss of all: "
            + (
                "what a small part loses is steps."
                if way == "steps"
                else "with as many updates it is worth as much, as far as five networks tell, or more."
            ),
            *(alike if way == "updates" else (not all(small),)),
            all(geometric_mean(value) > 3 for value in times.values()) if way == "steps" else True,
            all(geometric_mean(value) < 1 for value in times.values()) if way == "updates" else True,
        )
    for task, enough in (
        ("iris", "within two points of all"),
        ("regression", "a test loss below 1 % of the first"),
    ):
        found = {kind: sufficient(results, task, kind) for kind in NETWORKS}
        words = [f"{f:.0%} ({kind})" if f else f"not even all ({kind})" for kind, f in found.items()]
        yield (
            f"- A fixed part, as control over some edges only, is enough for {task} ({enough}) from "
            f"{', '.join(words)} on."
        )


def sufficient(results: Results, task: str, kind: str) -> float | None:
    """The smallest fixed part that is enough, and from which on all larger ones are."""
    found = None
    for fraction in reversed(FIXED):
        if task == "iris":
            good = points(results, kind, "fixed", fraction).mean() <= 2
        else:
            good = geometric_mean(of(results, task, kind, "fixed", fraction)) < 0.01
        if not good:
            break
        found = fraction
    return found


def points(results: Results, kind: str, way: str, fraction: float) -> Array:
    """What each network loses of its accuracy on iris by updating a part, in points."""
    return 100 * (of(results, "iris", kind, way, 1.0) - of(results, "iris", kind, way, fraction))


def ratio(results: Results, kind: str, way: str, fraction: float) -> Array:
    """The loss of regression with a part updated, as a multiple of that with all."""
    return of(results, "regression", kind, way, fraction) / of(results, "regression", kind, way, 1.0)


def draw(results: Results) -> Figure:
    figure, parts = Figure(figsize=(12, 7), layout="constrained"), sorted({*REDRAWN, *FIXED})
    for row, task in zip(figure.subplots(2, 3, sharey="row"), ("iris", "regression"), strict=True):
        for axes, kind in zip(row, NETWORKS, strict=True):
            for i, way in enumerate(("steps", "updates", "fixed")):
                fractions = [f for f in parts if len(of(results, task, kind, way, f))]
                scores = [of(results, task, kind, way, f) for f in fractions]
                label = {
                    "steps": "redrawn, equal steps",
                    "updates": "redrawn, equal updates",
                    "fixed": "always the same",
                }[way]
                x = np.array(fractions) * 1.04 ** (i - 1)
                bars(axes, x, scores, logs=task == "regression", color=f"C{i}", label=label)
            axes.set(xscale="log", xlabel="part updated in a step", title=f"{task}, {kind}")
            axes.set_xticks(REDRAWN, [f"{part:.0%}" for part in REDRAWN])
            axes.minorticks_off()
            if task == "regression":
                axes.set(yscale="log")
        row[0].set_ylabel("test accuracy" if task == "iris" else "test loss / first test loss")
        row[0].legend(fontsize="x-small")
    n = len({key[1:3] for key in results}) // len(NETWORKS)
    figure.suptitle(
        f"means and one standard deviation by n - 1 (regression: of logarithms), n = {n} networks of each kind",
        fontsize="medium",
    )
    return figure


CLAIM = Claim(
    "subset_fraction",
    "updating a part of the resistors",
    compute,
    keys=[
        (task, kind, seed, way, fraction)
        for task in ("iris", "regression")
        for kind in NETWORKS
        for seed in range(5)
        for way, fractions in (("steps", REDRAWN), ("updates", (0.2, 0.5)), ("fixed", FIXED[:-1]))
        for fraction in fractions
    ],
    small=[
        (task, "layered", seed, way, fraction, epochs)
        for task, epochs in (("iris", 5), ("regression", 60))
        for seed in range(2)
        for way, fraction in (("steps", 0.2), ("steps", 1.0), ("updates", 0.2), ("fixed", 0.1))
    ],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
