"""A backward circuit whose elements differ from the forward ones, and learn to follow them or not.

Activation Relaxation (B. Millidge, A. Tschantz, A. K. Seth, C. L. Buckley, arXiv 2009.05359) finds
the gradient by a second relaxation, with backward weights that need not be the forward ones. In
circuit form the second relaxation is the adjoint network's. Here a network with amplifiers one way,
for which there is no co-content, learns iris with backward elements that are off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, main, says, spread
from matplotlib.figure import Figure
from networks import Lab, iris

from netlearn.arrays import Array
from netlearn.learn.rules import make_rule

MISMATCHES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
EPOCHS = 120


def amplified(seed: int) -> Lab:
    """The layered network with a pair of diodes and an amplifier one way behind each hidden node."""
    lab, lines = iris("layered", seed), []
    for line in lab.netlist.splitlines():
        words = line.split()
        behind = line.startswith("R") and words[1].startswith("l1") and words[2].startswith("l2")
        lines.append(" ".join([words[0], f"{words[1]}a", *words[2:]]) if behind else line)
    nodes = [f"l1_{i}" for i in range(8)]
    parts = [f"D{i}p {n} 0 dm\nD{i}n 0 {n} dm\nE{i} {n}a 0 {n} 0 4" for i, n in enumerate(nodes)]
    text = "\n".join(lines).replace(".end", "\n".join([".model dm d is=1u", *parts, ".end"]))
    return Lab(text, lab.data, lab.test, lab.settings)


def compute(seed: int, mismatch: float, learn: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """Accuracy on test data, and the angle between estimate and gradient before and after training."""
    lab = amplified(seed)
    rule = f"adjoint-circuit mismatch={mismatch} learn={learn} seed={seed}"
    result = lab.train(rule=rule, epochs=epochs, batch=0, optimizer="adam lr=0.1")
    assert result.test is not None
    chosen = make_rule("adjoint-circuit", mismatch=mismatch, learn=learn == "yes", seed=seed)
    angles = []
    for step, theta in ((0, result.initial), (epochs, result.theta)):
        batch = type(lab.batch)(lab.batch.inputs, lab.batch.targets, None, step)
        exact, found = (
            each.estimate(lab.model, lab.project.loss, theta, batch, np.random.default_rng(0)).gradient * theta
            for each in (make_rule("analytic"), chosen)
        )
        cosine = exact @ found / np.linalg.norm(exact) / np.linalg.norm(found)
        angles.append(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    return {"accuracy": result.test.accuracy, "loss": result.test.loss, "first": angles[0], "last": angles[1]}


def of(results: Results, mismatch: float, learn: str, what: str) -> Array:
    # Angles below a millionth are the rounding of their cosines.
    return np.array([value[what] for key, value in results.items() if key[1:3] == (mismatch, learn)]).round(5)


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    yield (
        f"Iris on {n} layered networks with diodes and amplifiers one way, each with a mismatch of its own (n = "
        f"{n}, ± one standard"
    )
    yield (
        f"deviation, n - 1); {EPOCHS} epochs of full batches, Adam. Mismatch is the standard deviation of the "
        f"logarithm of each backward element."
    )
    yield ""
    yield "| mismatch | " + " | ".join(f"{m:g}" for m in MISMATCHES) + " |"
    yield "|---|" + "---|" * len(MISMATCHES)
    for learn, what, name in (
        ("no", "first", "angle to the gradient, at first"),
        ("no", "last", "angle after training"),
        ("no", "accuracy", "test accuracy"),
        ("yes", "last", "angle after training, learned"),
        ("yes", "accuracy", "test accuracy, learned"),
    ):
        form = ".2f" if what == "accuracy" else ".1f"
        unit = "" if what == "accuracy" else "°"
        yield f"| {name} | " + " | ".join(spread(of(results, m, learn, what), form) + unit for m in MISMATCHES) + " |"
    yield ""
    exact = of(results, 0.0, "no", "accuracy")
    good = [
        m for m in MISMATCHES if of(results, m, "no", "accuracy").mean() > exact.mean() - max(exact.std(ddof=1), 0.02)
    ]
    enough = max(m for m in MISMATCHES if all(k in good for k in MISMATCHES if k <= m))
    yield says(
        f"- The gradient need not be exact: up to a mismatch of {enough:g}, an angle of "
        f"{of(results, enough, 'no', 'first').mean():.0f}°, accuracy"
        f" is {of(results, enough, 'no', 'accuracy').mean():.2f}, where the exact gradient has {exact.mean():.2f}.",
        enough > 0,
    )
    worst = MISMATCHES[-1]
    plain, learned = (of(results, worst, learn, "accuracy") for learn in ("no", "yes"))
    angles = [of(results, worst, "yes", what).mean() for what in ("first", "last")]
    yield says(
        f"- At a mismatch of {worst:g} accuracy is {spread(plain, '.2f')}, and {spread(learned, '.2f')} where "
        f"the backward elements learn to follow:"
        f" the angle falls from {angles[0]:.0f}° to {angles[1]:.1f}°.",
        angles[1] < 0.5 * angles[0],
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.array(MISMATCHES)
    for i, (learn, label) in enumerate((("no", "fixed"), ("yes", "learning to follow"))):
        for axes, what in ((left, "last"), (right, "accuracy")):
            # Side by side, so that no bar hides another.
            groups = [of(results, m, learn, what) for m in MISMATCHES]
            bars(axes, x + 0.012 * (i - 0.5), groups, color=f"C{i}", label=label)
    first = [of(results, m, "no", "first").mean() for m in MISMATCHES]
    left.plot(x, first, color="k", ls=":", label="before training")
    n = len({key[0] for key in results})
    left.set(xlabel="mismatch of backward elements", ylabel="angle to the gradient (degrees)")
    right.set(xlabel="mismatch of backward elements", ylabel="test accuracy", ylim=(0.5, 1.0))
    figure.suptitle(f"n = {n} networks, ± one standard deviation by n - 1", fontsize="medium")
    left.legend()
    right.legend()
    return figure


CLAIM = Claim(
    "backward_mismatch",
    "a backward circuit that is off",
    compute,
    keys=[(seed, m, learn) for seed in range(5) for m in MISMATCHES for learn in ("no", "yes")],
    small=[(seed, m, learn, 2) for seed in range(2) for m in (0.0, 0.5) for learn in ("no", "yes")],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
