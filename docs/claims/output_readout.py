"""Training with a readout at the outputs only, of a chip that differs from its model.

Claim: under the analytic rule training needs a readout at the output layer only, not of all
resistors. Here the chip's resistors differ from the model's by fixed factors that nobody knows. The
analytic rule with measured outputs is compared with equilibrium propagation, which reads every
resistor in two states, and with training the model alone and hoping; without noise, and with noise
in every reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, Chip, regression

from netlearn.arrays import Array
from netlearn.learn.optimizers import Adam
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.in_the_loop import InTheLoop

NOISE = 1e-4
BETAS = (0.001, 0.01, 0.1, 0.3)
TOLERANCES = (0.05, 0.2, 0.5)
SHOWN = 0.2
EPOCHS, NETWORKS = 300, 5
NAMES = {
    "model": "the model alone, trained",
    "loop": "analytic, outputs of the chip read",
    **{f"ep {beta}": f"EP on the chip, β = {beta}" for beta in BETAS},
}


def compute(seed: int, tolerance: float, noise: float, rule: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """Losses on the chip, on data that was not trained on, and the readings that were taken."""
    lab = regression(tuple(KINDS)[seed % len(KINDS)], seed, target="reachable")
    spread = np.random.default_rng([seed, 7]).normal(size=len(lab.theta))
    chip = Chip(np.exp(tolerance * spread))
    real = replace(lab.model, solver=chip)
    # What the chip has to do is what some other resistances of its own would do.
    given, loss = lab.project, lab.project.loss
    test = given.dataset(given.test_table)
    taught = np.exp(np.random.default_rng([seed, 8]).normal(scale=0.5, size=len(lab.theta)))
    targets, wanted = (
        real.outputs(real.forward(lab.theta * taught, inputs)) for inputs in (lab.batch.inputs, test.inputs)
    )
    batch = replace(lab.batch, targets=targets)
    name, _, beta = rule.partition(" ")
    chosen: Any = {
        "model": lambda: make_rule("analytic"),
        "loop": lambda: InTheLoop(chip=chip, noise=noise),
        "ep": lambda: make_rule("ep", beta=float(beta), noise=noise),
    }[name]()
    optimizer, rng = Adam(lr=0.03), np.random.default_rng(seed)
    u, state = np.log(lab.theta), optimizer.start(len(lab.theta))
    losses, readings = [], 0
    for epoch in range(epochs):
        theta = np.exp(u)
        if epoch % 10 == 0 or epoch == epochs - 1:
            losses.append(float(np.mean(loss.value(real.outputs(real.forward(theta, test.inputs)), wanted))))
        estimate = chosen.estimate(real if name == "ep" else lab.model, loss, theta, batch, rng)
        readings += 0 if name == "model" else estimate.measurements
        change, state = optimizer.step(state, estimate.gradient * theta)
        u = u + change * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
    return {"losses": losses, "readings": readings}


def final(results: Results, tolerance: float, noise: float, rule: str) -> Array:
    """The last loss of each network."""
    return np.array([value["losses"][-1] for key, value in results.items() if key[1:4] == (tolerance, noise, rule)])


def readings(results: Results, rule: str) -> float:
    """In the mean over the networks."""
    return float(np.mean([value["readings"] for key, value in results.items() if key[1:4] == (SHOWN, NOISE, rule)]))


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    yield (
        f"{n} networks of five kinds, each with a seed and a chip of its own (n = {n}); {EPOCHS} epochs of Adam; "
        f"losses on the chip, on data"
    )
    yield "that was not trained on, in V², geometric mean ×/÷ one standard deviation of the logarithm (n - 1)."
    yield ""
    yield f"| loss of the chip | without noise | {NOISE * 1e6:.0f} µV in every reading | readings |"
    yield "|---|---|---|---|"
    for rule, name in NAMES.items():
        cells = [geometric(final(results, SHOWN, noise, rule)) for noise in (0.0, NOISE)]
        yield f"| {name} | {cells[0]} | {cells[1]} | {readings(results, rule):,.0f} |"
    yield ""
    loop = {noise: final(results, SHOWN, noise, "loop") for noise in (0.0, NOISE)}
    ep = {noise: {beta: final(results, SHOWN, noise, f"ep {beta}") for beta in BETAS} for noise in (0.0, NOISE)}
    best = {noise: min(ep[noise], key=lambda beta: geometric_mean(ep[noise][beta])) for noise in ep}
    worst = max(ep[NOISE], key=lambda beta: geometric_mean(ep[NOISE][beta]))
    often = readings(results, f"ep {best[NOISE]}") / readings(results, "loop")
    ahead = ep[NOISE][best[NOISE]] / loop[NOISE]
    yield says(
        f"- With noise, which is the point of reading outputs only, the analytic rule ends at "
        f"{geometric(loop[NOISE])}; equilibrium propagation ends {geometric(ahead, '.2g')} times higher at the "
        f"best nudge of those tried (β = {best[NOISE]}{', the largest' if best[NOISE] == max(BETAS) else ''}) and "
        f"{geometric(ep[NOISE][worst] / loop[NOISE], '.2g')} times at β = {worst}, its default, on the same networks, "
        f"from {often:.0f} times as many readings.",
        ahead.min() > 1,
        worst == min(BETAS),
    )
    free = loop[0.0] / ep[0.0][best[0.0]]
    t = np.log(free).mean() / (np.log(free).std(ddof=1) / np.sqrt(n))
    yield says(
        f"- Without noise neither is ahead, though it is the chip's own gradient that equilibrium propagation takes: "
        f"the analytic rule ends at {geometric(free, '.2f')} times its loss (paired logarithms: t = {t:.1f}).",
        abs(t) < 2,
    )
    alone = {tolerance: final(results, tolerance, 0.0, "model") for tolerance in TOLERANCES}
    with_it = {tolerance: final(results, tolerance, NOISE, "loop") for tolerance in TOLERANCES}
    words = ", ".join(f"{geometric(with_it[t])} against {geometric(alone[t])} at {t:.0%}" for t in TOLERANCES)
    yield says(
        f"- Against training the model alone, with noise: {words}. The outputs make up for what the model does "
        f"not know.",
        all(geometric_mean(with_it[t]) < geometric_mean(alone[t]) for t in TOLERANCES),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, noise in zip(figure.subplots(1, 2, sharey=True), (0.0, NOISE), strict=True):
        for i, rule in enumerate(NAMES):
            rows = [v["losses"] for key, v in results.items() if key[1:4] == (SHOWN, noise, rule)]
            if rows:
                epochs = np.minimum(10 * np.arange(len(rows[0])), EPOCHS)
                band(axes, epochs, np.array(rows), color="k" if rule == "loop" else f"C{i}", label=NAMES[rule])
        title = "no noise" if noise == 0 else f"{noise * 1e6:g} µV of noise in every reading"
        axes.set(xlabel="epoch", yscale="log", title=f"chip off by {SHOWN:.0%}, {title}")
        axes.legend(fontsize="small")
    n = len({key[0] for key in results})
    figure.supylabel(f"loss on the chip, test data (V²), n = {n}", fontsize="small")
    return figure


CLAIM = Claim(
    "output_readout",
    "outputs are enough",
    compute,
    keys=[
        (seed, tolerance, noise, rule)
        for seed in range(NETWORKS)
        for tolerance in TOLERANCES
        for noise in (0.0, NOISE)
        for rule in NAMES
        if tolerance == SHOWN or rule in ("model", "loop")
    ],
    small=[(seed, SHOWN, NOISE, rule, 60) for seed in range(2) for rule in ("model", "loop", "ep 0.001")],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
