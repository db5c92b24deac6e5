"""Devices that step up and down unequally, and the optimizers that are made for them.

Claim (M. Onen and others, "Neural network training with asymmetric crosspoint elements", arXiv
2201.13377): where devices follow the soft-bounds model, noise in the gradient pulls plain descent
to the devices' symmetry points, and stochastic Hamiltonian descent, as Tiki-Taka, does not suffer
from it. Here the devices are the memory, and outputs are read with noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array

GAMMAS = (0.0, 0.9)
NOISE = 0.1
EPOCHS, NETWORKS = 300, 5
OPTIMIZERS = {
    "sgd": "sgd lr={lr}",
    "tiki-taka": "tiki-taka lr={lr} fast=3 asymmetry={gamma}",
    "hamiltonian": "hamiltonian lr={lr} fast=3 asymmetry={gamma}",
}
RATES = {"sgd": (0.1, 0.3, 1.0), "tiki-taka": (0.003, 0.01, 0.03), "hamiltonian": (0.003, 0.01, 0.03)}


def compute(kind: str, seed: int, optimizer: str, gamma: float, epochs: int = EPOCHS) -> dict[str, Any]:
    """The loss of test data over the last quarter of training, at the rate that suits best, as a part of the first."""
    lab = regression(kind, seed, target="reachable", samples=40)
    first = lab.train(epochs=0).train.loss
    found = []
    for lr in RATES[optimizer]:
        result = lab.train(
            rule=f"in-the-loop noise={NOISE}",
            optimizer=OPTIMIZERS[optimizer].format(lr=lr, gamma=gamma),
            hardware=f"min=100 max=10k memory=device asymmetry={gamma}",
            epochs=epochs,
            seed=seed,
            validation=0.3,
        )
        found.append(float(np.mean([record.validation_loss for record in result.history[-epochs // 4 :]])))
    return {"loss": min(found) / first, "rate": RATES[optimizer][int(np.argmin(found))]}


def of(results: Results, optimizer: str, gamma: float) -> Array:
    return np.array([value["loss"] for key, value in results.items() if key[2:4] == (optimizer, gamma)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[:2] for key in results})
    yield (
        f"{n} networks of five kinds (n = {n}), outputs read with {NOISE * 1e3:.0f} mV of noise, {EPOCHS} "
        f"epochs, each optimizer at the best of three"
    )
    yield (
        "rates; the loss of samples kept aside, in the mean over the last quarter of training, as a part of the first "
        "loss,"
    )
    yield "geometric mean ×/÷ one standard deviation of the logarithm (n - 1)."
    yield ""
    yield "| | " + " | ".join(f"γ = {gamma}" for gamma in GAMMAS) + " |"
    yield "|---|" + "---|" * len(GAMMAS)
    for optimizer in OPTIMIZERS:
        yield f"| {optimizer} | {' | '.join(geometric(of(results, optimizer, gamma)) for gamma in GAMMAS)} |"
    yield ""
    high = GAMMAS[-1]
    plain = of(results, "sgd", high)
    for optimizer in ("tiki-taka", "hamiltonian"):
        ratios = np.log(plain / of(results, optimizer, high))
        t = ratios.mean() / (ratios.std(ddof=1) / np.sqrt(len(ratios)))
        words = "lower" if ratios.mean() > 0 else "higher"
        yield (
            f"- At γ = {high} {optimizer} ends {abs(np.expm1(-ratios.mean())):.0%} {words} than plain descent "
            f"on the same networks"
            f" (paired logarithms: {ratios.mean():.2f} ± {ratios.std(ddof=1):.2f}, n = {len(ratios)}, t = {t:.1f})."
        )
    for optimizer in OPTIMIZERS:
        growth = of(results, optimizer, high) / of(results, optimizer, 0.0)
        words = {
            "sgd": "the pull to the symmetry points",
            "tiki-taka": "its fast array needs the friction that asymmetry gives",
            "hamiltonian": "asymmetry is its friction, without which it swings",
        }[optimizer]
        yield says(
            f"- From γ = 0 to γ = {high} the loss of {optimizer} changes by a factor of {geometric(growth, '.2g')}: "
            f"{words}.",
            (geometric_mean(growth) > 1) == (optimizer == "sgd"),
        )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for i, optimizer in enumerate(OPTIMIZERS):
        losses = [of(results, optimizer, gamma) for gamma in GAMMAS]
        bars(axes, np.array(GAMMAS) + 0.015 * (i - 1), losses, logs=True, label=optimizer)
    n = len({key[:2] for key in results})
    axes.set(
        xlabel="asymmetry γ",
        ylabel="loss of samples kept aside / first loss",
        yscale="log",
        title=f"n = {n} networks, one standard deviation of logarithms",
        xticks=GAMMAS,
    )
    axes.legend()
    return figure


CLAIM = Claim(
    "asymmetric_devices",
    "devices that step up and down unequally",
    compute,
    keys=[
        (tuple(KINDS)[seed % len(KINDS)], seed, name, gamma)
        for seed in range(NETWORKS)
        for name in OPTIMIZERS
        for gamma in GAMMAS
    ],
    small=[("layered", 0, name, gamma, 100) for name in ("sgd", "hamiltonian") for gamma in GAMMAS],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
