"""The seven energy-based algorithms side by side, as loss against nudge.

B. Scellier, M. Ernoult, J. Kendall, S. Kumar, "Energy-based learning algorithms for analog
computing: a comparative study", arXiv 2312.15103, compare contrastive learning and the positive,
negative and centered forms of equilibrium propagation (EP) and coupled learning (CpL) on deep
Hopfield networks, and find that negative perturbations are better than positive ones and centered
EP the best. Here the same seven, and the analytic rule, train networks of resistors, linear ones
and with diodes, over the nudges that they leave free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array
from netlearn.learn.state import Progress

STATES = ("positive", "negative", "centered")
BETAS = (0.01, 0.1, 0.5)
ETAS = (0.02, 0.1, 0.5, 1.0)
EPOCHS = 100
SEEDS = {"linear": 5, "diodes": 2}
"""Networks of each kind."""
RULES = (
    "analytic",
    "contrastive",
    *(f"ep states={states} nudge=conductance beta={beta}" for states in STATES for beta in BETAS),
    *(f"cl states={states} beta={eta}" for states in STATES for eta in ETAS),
)


def compute(circuit: str, kind: str, seed: int, rule: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """The loss in the end, on the training data that all rules see alike, and on test data."""
    lab = regression(kind, seed, diodes=circuit == "diodes", target="means")
    theta = [lab.theta]

    def see(progress: Progress) -> None:
        # The last values, not the best ones on the way: a rule that turns back is to be seen to.
        assert progress.theta is not None
        theta[:] = [progress.theta]

    result = lab.train(rule=rule, epochs=epochs, optimizer="adam lr=0.05", schedule="cosine end=0.01", progress=see)
    return {"train": result.history[-1].loss, "test": lab.test_loss(theta[0])}


def of(results: Results, circuit: str, rule: str, what: str = "test") -> Array:
    """The loss in the end of each network, as a multiple of what the exact gradient comes to on the same network."""
    losses = {(key[1:3], key[3]): value[what] for key, value in results.items() if key[0] == circuit}
    return np.array([value / losses[network, "analytic"] for (network, name), value in losses.items() if name == rule])


def nudged(results: Results, circuit: str, name: str, states: str) -> dict[float, Array]:
    """Losses by nudge."""
    strengths = BETAS if name == "ep" else ETAS
    middle = " nudge=conductance" if name == "ep" else ""
    return {b: of(results, circuit, f"{name} states={states}{middle} beta={b}") for b in strengths}


def sentences(results: Results) -> Iterator[str]:
    n = {circuit: len({key[1:3] for key in results if key[0] == circuit}) for circuit in SEEDS}
    yield (
        f"Networks of five kinds, linear (n = {n['linear']}) and with diodes (n = {n['diodes']}), {EPOCHS} epochs of "
        f"Adam; the loss of"
    )
    yield ("test data in the end as a multiple of what the exact gradient comes to on the same network, geometric mean")
    yield "×/÷ one standard deviation of the logarithm (n - 1)."
    yield "β is relative to the nudge that takes stability away, η is coupled learning's part of the way to the target."
    yield ""
    yield "| | CL | | P-EP | N-EP | C-EP | | P-CpL | N-CpL | C-CpL |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for circuit in SEEDS:
        ep, cl = ({s: nudged(results, circuit, name, s) for s in STATES} for name in ("ep", "cl"))
        for i, eta in enumerate(ETAS):
            head = [circuit, geometric(of(results, circuit, "contrastive"), ".3f")] if i == 0 else ["", ""]
            left = (
                [f"β = {BETAS[i]}", *(geometric(ep[s][BETAS[i]], ".3f") for s in STATES)]
                if i < len(BETAS)
                else [""] * 4
            )
            yield f"| {' | '.join([*head, *left, f'η = {eta}', *(geometric(cl[s][eta], '.3f') for s in STATES)])} |"
    yield ""
    ratio, certain = {}, {}
    for circuit in SEEDS:
        for name, strengths in (("ep", BETAS), ("cl", ETAS)):
            positive, negative = (nudged(results, circuit, name, states) for states in ("positive", "negative"))
            for b in strengths:
                logs = np.log(positive[b] / negative[b])
                ratio[circuit, name, b] = np.exp(logs.mean())
                certain[circuit, name, b] = logs.mean() / (logs.std(ddof=1) / np.sqrt(len(logs)))
    low, high = (f([value for (_, name, _), value in ratio.items() if name == "cl"]) for f in (min, max))
    least = max(abs(value) for (_, name, _), value in certain.items() if name == "cl")
    yield says(
        f"- **Positive coupled learning is as good as negative**: at η = {ETAS[0]} it ends at "
        f"{ratio['linear', 'cl', ETAS[0]]:.3f} (linear) and {ratio['diodes', 'cl', ETAS[0]]:.3f} times (diodes) its "
        f"loss, and at no η is there a difference to speak of ({low:.2f} to {high:.2f} times, paired |t| at most "
        f"{least:.1f}). The study finds negative perturbations better.",
        all(abs(ratio[circuit, "cl", ETAS[0]] - 1) < 0.05 for circuit in SEEDS),
        least < 2.5,
    )
    largest = BETAS[-1]
    words = ", ".join(f"{ratio[c, 'ep', largest]:.2f} times ({c}, t = {certain[c, 'ep', largest]:.1f})" for c in SEEDS)
    yield says(
        f"- With a large nudge positive EP ends lower than negative EP: at β = {largest} at {words}. At β = {BETAS[0]} "
        f"all three forms are the exact gradient within 1 %.",
        all(ratio[circuit, "ep", largest] < 0.95 and certain[circuit, "ep", largest] < -2 for circuit in SEEDS),
        all(abs(geometric_mean(nudged(results, c, "ep", s)[BETAS[0]]) - 1) < 0.01 for c in SEEDS for s in STATES),
    )
    whole = {c: nudged(results, c, "cl", "centered")[1.0] / nudged(results, c, "cl", "positive")[1.0] for c in SEEDS}
    words = ", ".join(f"{geometric(value, '.2f')} ({circuit})" for circuit, value in whole.items())
    flat = [geometric_mean(rows) for rows in nudged(results, "linear", "cl", "centered").values()]
    yield says(
        f"- Centered coupled learning can be nudged all the way: on linear networks it is the same at every η, and at "
        f"η = 1 it ends at {words} times the loss of the positive form.",
        max(flat) - min(flat) < 0.01,
        all(geometric_mean(value) < 0.9 for value in whole.values()),
    )
    cl = {circuit: nudged(results, circuit, "cl", "centered")[ETAS[0]] for circuit in SEEDS}
    yield says(
        f"- After {EPOCHS} epochs coupled learning is no worse than the exact gradient, though it is not this loss "
        f"that it descends: {geometric(cl['linear'], '.2f')} times its loss on linear networks, "
        f"{geometric(cl['diodes'], '.2f')} with diodes (centered, η = {ETAS[0]}).",
        geometric_mean(cl["linear"]) < 1,
        abs(np.log(geometric_mean(cl["diodes"]))) < 0.1,
    )
    pairs = [(of(results, c, "contrastive"), nudged(results, c, "cl", "positive")[1.0]) for c in SEEDS]
    words = ", ".join(f"{geometric(of(results, c, 'contrastive'), '.2f')} ({c})" for c in SEEDS)
    yield says(
        f"- Contrastive learning is positive coupled learning at η = 1, with the same losses: {words} times those of "
        f"the exact gradient, and worse than any form of coupled learning at η = {ETAS[0]}.",
        all(np.allclose(one, other, rtol=1e-3) for one, other in pairs),
        all(
            geometric_mean(of(results, c, "contrastive")) > geometric_mean(nudged(results, c, "cl", states)[ETAS[0]])
            for c in SEEDS
            for states in STATES
        ),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    for row, circuit in zip(figure.subplots(2, 2, sharey=True), SEEDS, strict=True):
        n = len(of(results, circuit, "analytic"))
        for axes, name, label in zip(row, ("ep", "cl"), ("EP, β", "coupled learning, η"), strict=True):
            for i, states in enumerate(STATES):
                found = nudged(results, circuit, name, states)
                # Side by side, so that no bar hides another.
                x = np.array(list(found)) * 1.07 ** (i - 1)
                bars(axes, x, list(found.values()), logs=True, label=states)
            contrastive = geometric_mean(of(results, circuit, "contrastive"))
            axes.axhline(1.0, color="k", lw=1, label="exact gradient")
            axes.axhline(contrastive, color="k", ls=":", lw=1, label="contrastive learning")
            words = {"linear": "linear networks", "diodes": "networks with diodes"}[circuit]
            axes.set(xscale="log", yscale="log", xlabel=label, title=f"{words}, n = {n}")
            ticks = (0.5, 0.7, 1, 1.4, 2, 3)
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
            axes.set_xticks(list(found), [f"{tick:g}" for tick in found])
        row[0].set_ylabel("test loss / that of the exact gradient")
        row[0].legend(fontsize="small", loc="upper left")
    figure.suptitle("geometric means, and one standard deviation of logarithms by n - 1", fontsize="medium")
    return figure


CLAIM = Claim(
    "seven_algorithms",
    "side by side, against the nudge",
    compute,
    keys=[
        (circuit, kind, seed, rule)
        for circuit in SEEDS
        for kind in KINDS
        for seed in range(SEEDS[circuit])
        for rule in RULES
    ],
    small=[
        ("linear", kind, 0, rule, 15) for kind in ("lattice", "layered") for rule in (RULES[0], RULES[2], RULES[-1])
    ],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
