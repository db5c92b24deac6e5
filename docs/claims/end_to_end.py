"""End-to-end equilibrium propagation on handwritten digits, against the exact gradient.

J. Kendall, R. Pantone, K. Manickavasagam, Y. Bengio, B. Scellier, "Training end-to-end analog
neural networks with equilibrium propagation", arXiv 2006.01981, train networks of resistors, diodes
and bidirectional amplifiers. The amplifiers leave the circuit no co-content but a weighted one, in
which elements at their inputs count A² times as much as those at their outputs. Here that network
is trained on digits with the weights and without, by SGD and by Adam.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
from claim import Claim, Results, band, main, says, spread
from matplotlib.figure import Figure
from networks import NETLISTS

import netlearn
from netlearn.arrays import Array
from netlearn.learn.rules import make_rule, nudged_phase
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.reciprocity import Reciprocity
from netlearn.project import open_project

EPOCHS = 4
RATES = (10, 30, 100)
OPTIMIZERS = {**{f"SGD, lr = {rate}": f"sgd lr={rate}" for rate in RATES}, "Adam, lr = 0.1": "adam lr=0.1"}
RULES = {"exact": "analytic", "ep": "ep beta=0.01", "ep unweighted": "ep beta=0.01"}


def network(seed: int) -> netlearn.Netlist:
    """The shipped network, with the resistances of each layer in another order."""
    lines, rng = (NETLISTS / "digits.cir").read_text(encoding="utf-8").splitlines(), np.random.default_rng(seed)
    for start in ("Ra", "R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7"):
        places = [i for i, line in enumerate(lines) if line.startswith(start) and not line.startswith("*")]
        values = rng.permutation([lines[i].split()[-1] for i in places])
        for i, value in zip(places, values, strict=True):
            lines[i] = " ".join([*lines[i].split()[:-1], value])
    return netlearn.parse("\n".join(lines) + "\n", path=str(NETLISTS / "digits.cir"))


def compute(seed: int, optimizer: str, rule: str, epochs: int = EPOCHS, samples: int = 0) -> dict[str, Any]:
    """Test accuracy, the loss by epochs, and how far the estimate is from the exact gradient at first."""
    netlist = network(seed)
    settings: dict[str, Any] = {"rule": RULES[rule], "optimizer": OPTIMIZERS[optimizer], "seed": seed}
    with patch.object(nudged_phase, "reciprocity", unweighted) if rule == "ep unweighted" else nullcontext():
        result = netlearn.train(netlist, some(samples) if samples else None, epochs=epochs, **settings)
        angles = layers(netlist, rule, seed)
    accuracy = (result.test or result.train).accuracy
    return {"accuracy": accuracy, "losses": [record.loss for record in result.history], **angles}


def some(samples: int) -> dict[str, Any]:
    """The first digits, as columns."""
    with (NETLISTS / "digits_train.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = list(zip(*rows[:samples], strict=True))
    return {
        name: column if name == "class" else np.array(column, float)
        for name, column in zip(header, columns, strict=True)
    }


def unweighted(circuit: Any, x: Array, *_: object) -> Reciprocity:
    """What it is to take the circuit for a reciprocal one."""
    return Reciprocity(np.ones(circuit.size))


def layers(netlist: netlearn.Netlist, rule: str, seed: int) -> dict[str, float]:
    """Exact gradient over estimate in each layer, and the cosine of the two."""
    project = open_project(netlist)
    given = project.samples().part(np.random.default_rng(seed).permutation(64))
    batch, theta = Batch(given.inputs, given.targets), project.parameters.initial
    word, *options = RULES[rule].split()
    chosen = make_rule(word, **{k: float(v) for k, v in (option.split("=") for option in options)})
    exact, found = (
        each.estimate(project.model, project.loss, theta, batch, np.random.default_rng(0)).gradient * theta
        for each in (make_rule("analytic"), chosen)
    )
    second = np.array([name.startswith("ra") for name in project.parameters.names])
    ratio = {
        name: float(exact[part] @ found[part] / (found[part] @ found[part]))
        for name, part in (("first", ~second), ("second", second))
    }
    return {**ratio, "cosine": float(exact @ found / np.linalg.norm(exact) / np.linalg.norm(found))}


def of(results: Results, optimizer: str, rule: str, what: str = "accuracy") -> Array:
    return np.array([value[what] for key, value in results.items() if key[1:3] == (optimizer, rule)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    yield (
        f"`netlists/digits.cir` with its 7,100 resistances in {n} other orders, each with batches of its own (n "
        f"= {n}, ± one standard"
    )
    yield f"deviation, n - 1): {EPOCHS} epochs, accuracy on the 360 digits that were not trained on."
    yield ""
    yield "| test accuracy, % | exact gradient | EP, weighted | EP, taking the circuit for reciprocal |"
    yield "|---|---|---|---|"
    for optimizer in OPTIMIZERS:
        cells = [spread(100 * of(results, optimizer, rule), ".1f") for rule in RULES]
        yield f"| {optimizer} | {' | '.join(cells)} |"
    yield ""
    *_, adam = OPTIMIZERS
    first, second, cosine = (
        {rule: of(results, adam, rule, what) for rule in RULES} for what in ("first", "second", "cosine")
    )
    yield says(
        f"- Taken for reciprocal, the first layer's gradient is A² = 16 times too small (exact / estimate = "
        f"{first['ep unweighted'].mean():.4f}) and the second layer's right "
        f"({second['ep unweighted'].mean():.4f}); the cosine with the exact gradient is "
        f"{spread(cosine['ep unweighted'])}. With weights it is 1 within {max(1 - cosine['ep'].min(), 1e-5):.0e}.",
        abs(first["ep unweighted"] - 16).max() < 0.01,
        abs(second["ep unweighted"] - 1).max() < 0.001,
        cosine["ep"].min() > 0.9999,
        cosine["ep unweighted"].max() < 0.95,
    )
    best = {rule: max(RATES, key=lambda rate: at(results, rate, rule).mean()) for rule in RULES}
    stable = {f"lr = {rate}": at(results, rate, "ep") - at(results, rate, "exact") for rate in RATES[:2]}
    stable["Adam"] = of(results, adam, "ep") - of(results, adam, "exact")
    words = ", ".join(f"{spread(100 * gap, '.2f')} ({name})" for name, gap in stable.items())
    lost_both = at(results, RATES[2], "ep") - at(results, RATES[2], "exact")
    yield says(
        f"- Weighted EP is as good as the exact gradient wherever that is stable; paired differences in points: "
        f"{words}. At lr = {RATES[2]} both lose what they had, each in its own way: {spread(100 * lost_both, '.1f')}.",
        all(abs(gap.mean()) < 0.01 for gap in stable.values()),
    )
    lost = {f"lr = {rate}": at(results, rate, "exact") - at(results, rate, "ep unweighted") for rate in RATES[:2]}
    words = ", ".join(f"{spread(100 * gap, '.1f')} ({name})" for name, gap in lost.items())
    tops = {rule: at(results, best[rule], rule) for rule in RULES}
    yield says(
        f"- Without weights SGD loses {words} points at equal rates. With a rate of its own it does not: at lr = "
        f"{best['ep unweighted']} it has {spread(100 * tops['ep unweighted'], '.1f')} %, where the exact gradient has "
        f"{spread(100 * tops['exact'], '.1f')} % at lr = {best['exact']}. What is lost by taking the circuit for "
        f"reciprocal is the balance of the layers, which a rate can make up for here.",
        all(gap.mean() > 0 for gap in lost.values()),
        next(iter(lost.values())).min() > 0,
        best["ep unweighted"] > best["exact"],
        abs(tops["ep unweighted"].mean() - tops["exact"].mean()) < 0.02,
    )
    gap = of(results, adam, "exact") - of(results, adam, "ep unweighted")
    yield says(
        f"- Adam hides it, as it gives each resistor a step of its own size: {spread(100 * gap, '.2f')} points.",
        abs(gap.mean()) < 0.01,
    )


def at(results: Results, rate: int, rule: str) -> Array:
    """Accuracies with SGD."""
    return of(results, f"SGD, lr = {rate}", rule)


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    for axes, optimizer in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, OPTIMIZERS, strict=True):
        for i, (rule, style) in enumerate(zip(RULES, ("-", "--", ":"), strict=True)):
            rows = of(results, optimizer, rule, "losses")
            label = {"exact": "exact gradient", "ep": "EP, weighted", "ep unweighted": "EP, unweighted"}[rule]
            band(axes, np.arange(rows.shape[1]), rows, color=f"C{i}", style=style, label=label)
        axes.set(yscale="log", title=optimizer, xticks=np.arange(rows.shape[1]))
        axes.legend()
    n = len({key[0] for key in results})
    figure.supxlabel("epoch")
    figure.supylabel("mean training loss (nats)")
    figure.suptitle(f"geometric mean and one standard deviation of logarithms by n - 1, n = {n}", fontsize="medium")
    return figure


CLAIM = Claim(
    "end_to_end",
    "equilibrium propagation on digits, end to end",
    compute,
    keys=[(seed, optimizer, rule) for seed in range(5) for optimizer in OPTIMIZERS for rule in RULES],
    small=[(0, "SGD, lr = 10", rule, 1, 100) for rule in RULES],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
