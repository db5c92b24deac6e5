"""A model that learns beside what it trains: calibrated, or a network in its place.

Claim: a gradient through an emulator that is trained on what was measured, in turn with what it trains, serves where
the true one cannot be had (Frezat and others, arXiv 2310.19385). Here a chip's resistors are off from the model's by
factors that nobody knows. The analytic rule with measured outputs takes the model as it is, calibrates it by what was
measured, or has no model at all and learns a network; against readings, by the angle to the chip's true gradient and by
the loss on the chip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says, spread
from matplotlib.figure import Figure
from networks import KINDS, Chip, regression

from netlearn.arrays import Array
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.calibration import true_slope, true_values
from netlearn.learn.emulator import Emulator
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Adam
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.solve.internal import InternalSolver

NOISE = 1e-4
TOLERANCES = (0.2, 0.5)
EPOCHS, NETWORKS, LOOKS = 120, 5, 10
NAMES = {
    "model": "the model as it is",
    "calibrated": "calibrated every 30 steps",
    "emulator": "a network, no model",
}


def compute(seed: int, tolerance: float, rule: str, epochs: int = EPOCHS) -> list[tuple[int, float, float]]:
    """Readings, degrees to the true gradient and loss on the chip, for data not trained on, along the training."""
    lab = regression(tuple(KINDS)[seed % len(KINDS)], seed, target="reachable")
    factors = np.exp(tolerance * np.random.default_rng([seed, 7]).normal(size=len(lab.theta)))
    real = replace(lab.model, solver=Chip(factors))
    # What the chip has to do is what some other resistances of its own would do.
    given, loss = lab.project, lab.project.loss
    test = given.dataset(given.test_table)
    taught = lab.theta * np.exp(np.random.default_rng([seed, 8]).normal(scale=0.5, size=len(lab.theta)))
    targets, wanted = (real.outputs(real.forward(taught, x)) for x in (lab.batch.inputs, test.inputs))
    chosen: Any = {
        "model": lambda: InTheLoop(chip=real.solver, noise=NOISE),
        "calibrated": lambda: InTheLoop(chip=real.solver, noise=NOISE, calibrate=30),
        "emulator": lambda: make_rule("emulator", noise=NOISE, every=15),
    }[rule]()
    optimizer, rng = Adam(lr=0.03), np.random.default_rng(seed)
    u, state = np.log(lab.theta), optimizer.start(len(lab.theta))
    memory: Any = {}
    found, readings = [], 0
    for epoch in range(epochs):
        theta = np.exp(u)
        batch = Batch(lab.batch.inputs, targets, None, epoch, memory)
        estimate = chosen.estimate(real if rule == "emulator" else lab.model, loss, theta, batch, rng)
        memory, readings = estimate.memory or {}, readings + estimate.measurements
        if epoch % LOOKS == 0 or epoch == epochs - 1:
            errors = loss.gradient(real.outputs(real.forward(theta, batch.inputs)), targets)
            true = by_model(lab.model, np.log(factors), theta, batch.inputs, errors)
            value = float(np.mean(loss.value(real.outputs(real.forward(theta, test.inputs)), wanted)))
            found.append((readings, angle(true, said(lab.model, memory, theta, batch.inputs, errors)), value))
        change, state = optimizer.step(state, estimate.gradient * theta)
        u = u + change * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
    return found


def by_model(model: Model, deviation: Array, theta: Array, inputs: Array, errors: Array) -> Array:
    """∂ℓ/∂log θ of a chip with these deviations, (P,)."""
    true = true_values(model.parameters, deviation, theta)
    point = InternalSolver().solve(model.circuit(true, inputs))
    slope = true_slope(model.parameters, deviation) * theta
    return Adjoint(model, true, inputs, point, errors).by_parameters() * slope


def said(model: Model, memory: Any, theta: Array, inputs: Array, errors: Array) -> Array:
    """What a rule that remembers this makes of errors, without noise."""
    network = Emulator.of(memory, "network", (len(theta), inputs.shape[1], errors.shape[1]))
    if network is None:
        return by_model(model, memory.get("deviation", np.zeros(len(theta))), theta, inputs, errors)
    return network.pullback(np.broadcast_to(np.log(theta), (len(inputs), len(theta))), inputs, errors).sum(axis=0)


def angle(a: Array, b: Array) -> float:
    """In degrees."""
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def rows(results: Results, tolerance: float, rule: str) -> Array:
    """(networks, looks, 3)."""
    return np.array([value for key, value in results.items() if key[1:3] == (tolerance, rule)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    every = {(t, rule): rows(results, t, rule) for t in TOLERANCES for rule in NAMES}
    yield (
        f"{n} networks of five kinds, each with a seed and a chip of its own (n = {n}); {EPOCHS} epochs of Adam, with "
        f"{NOISE * 1e6:.0f} µV of noise in every"
    )
    yield "reading; degrees to the chip's true gradient ± one standard deviation, and losses on the chip, on data that"
    yield "was not trained on, in V², geometric mean ×/÷ one standard deviation of the logarithm (n - 1)."
    yield ""
    yield "| | chip off by | angle at first | in the mean of the training | loss in the end | readings |"
    yield "|---|---|---|---|---|---|"
    for rule, name in NAMES.items():
        for t in TOLERANCES:
            found = every[t, rule]
            cells = [spread(found[:, 0, 1], ".0f"), spread(found[:, :, 1].mean(axis=1), ".0f")]
            yield (
                f"| {name} | {t:.0%} | {cells[0]}° | {cells[1]}° | {geometric(found[:, -1, 2])} | "
                f"{found[:, -1, 0].mean():,.0f} |"
            )
    yield ""
    mean = {key: found[:, :, 1].mean(axis=1) for key, found in every.items()}
    end = {key: found[:, -1, 2] for key, found in every.items()}
    yield says(
        "- Calibrating takes no readings of its own, and turns the gradient towards the chip's: by a factor of "
        + " and ".join(f"{geometric(mean[t, 'model'] / mean[t, 'calibrated'], '.1f')} at {t:.0%}" for t in TOLERANCES)
        + ", in the mean of the training.",
        all(geometric_mean(mean[t, "model"] / mean[t, "calibrated"]) > 1.5 for t in TOLERANCES),
    )
    ratio = {t: end[t, "model"] / end[t, "calibrated"] for t in TOLERANCES}
    score = {t: np.log(r).mean() / (np.log(r).std(ddof=1) / np.sqrt(n)) for t, r in ratio.items()}
    yield (
        "- The loss in the end is that of the model as it is over "
        + ", ".join(f"{geometric(ratio[t], '.2g')} at {t:.0%} (paired t = {score[t]:.1f})" for t in TOLERANCES)
        + (
            ": the measured error alone does most of the work."
            if min(score.values()) < 2
            else ": a better angle is a faster descent."
        )
    )
    often = every[TOLERANCES[0], "emulator"][:, -1, 0].mean() / every[TOLERANCES[0], "model"][:, -1, 0].mean()
    t = TOLERANCES[-1]
    worse = end[t, "emulator"] / end[t, "model"]
    yield says(
        f"- The network needs no model, and {often:.1f} times as many readings in as many epochs. Its angle is "
        f"{spread(every[t, 'emulator'][:, 0, 1], '.0f')}° when it has seen one setting more than there are values and "
        f"{spread(mean[t, 'emulator'], '.0f')}° in the mean, where an uncalibrated model that is off by {t:.0%} has "
        f"{spread(mean[t, 'model'], '.0f')}°; it ends at {geometric(worse, '.2g')} times that model's loss.",
        often > 2,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, tolerance in enumerate(TOLERANCES):
        for i, (rule, name) in enumerate(NAMES.items()):
            found = rows(results, tolerance, rule)
            if not len(found):
                continue
            readings = found[:, :, 0].mean(axis=0)
            degrees = found[:, :, 1]
            deviation = degrees.std(axis=0, ddof=1) if len(found) > 1 else 0 * readings
            upper = axes[0, column]
            upper.plot(readings, degrees.mean(axis=0), color=f"C{i}", label=name)
            low, high = degrees.mean(axis=0) - deviation, degrees.mean(axis=0) + deviation
            upper.fill_between(readings, low, high, color=f"C{i}", alpha=0.15, lw=0)
            band(axes[1, column], readings, found[:, :, 2], color=f"C{i}", label=name)
        axes[0, column].set(title=f"chip off by {tolerance:.0%}", xscale="log", ylim=(0, None))
        axes[1, column].set(xlabel="readings", yscale="log")
        axes[0, column].legend(fontsize="small")
    axes[0, 0].set(ylabel="angle to the chip's gradient (°)")
    axes[1, 0].set(ylabel=f"loss on the chip, test data (V²), n = {len({key[0] for key in results})}")
    return figure


CLAIM = Claim(
    "emulators",
    "models that learn beside what they train",
    compute,
    keys=[(seed, tolerance, rule) for seed in range(NETWORKS) for tolerance in TOLERANCES for rule in NAMES],
    small=[(seed, TOLERANCES[-1], rule, 20) for seed in range(2) for rule in NAMES],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
