"""Phase-change devices that are written inexactly, drift and are noisy, and training that sees realisations of them.

Claim (V. Joshi and others, "Accurate deep neural network inference using computational phase-change memory", Nature
Communications 11, 2473, 2020): values that were trained with the devices' noise lose less when they are written into
such devices and read long afterwards than values that were trained without. The devices are those that S. R. Nandakumar
and others measured (ICECS 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

import netlearn
from netlearn.arrays import Array
from netlearn.learn.devices.laws import PCM_WRITE, deviation

CARD, BOUNDS = "device=pcm min=100 max=10k", "R* min=100 max=10k"
TIMES = ("1min", "1h", "1d", "30d", "1y")
SECONDS = (60.0, 3600.0, 86400.0, 2592000.0, 31557600.0)
NETWORKS, REALISATIONS, EPOCHS = 10, 100, 400
HOW: dict[str, dict[str, Any]] = {
    "plain": {"optimizer": "adam lr=0.05"},
    "aware": {"optimizer": "adam lr=0.02", "schedule": "cosine", "hardware": f"{CARD} at=1d"},
}


def compute(kind: str, seed: int, how: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """The loss of test data at values that are exact, and its mean over realisations at each time, of the first's."""
    lab = regression(kind, seed, target="reachable")
    first = lab.train(epochs=0).train.loss
    result = lab.train(train=BOUNDS, epochs=epochs, **HOW[how])
    found = netlearn.realisations(
        result.netlist, lab.test, hardware=CARD, train=BOUNDS, count=REALISATIONS, at=TIMES, seed=1000 * seed
    )
    return {"exact": found.nominal / first, "mean": found.mean / first, "worst": found.worst / first}


def of(results: Results, how: str, name: str = "mean") -> Array:
    """(n, T), or (n,) of what is exact."""
    return np.array([value[name] for key, value in results.items() if key[2] == how])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[:2] for key in results})
    plain, aware = of(results, "plain"), of(results, "aware")
    yield (
        f"{n} networks of five kinds (n = {n}), each written into {REALISATIONS} sets of devices and read later; the "
        f"loss of test data"
    )
    yield "in the mean over these, as a part of the first loss, geometric mean ×/÷ one standard deviation of the"
    yield "logarithm (n - 1). Training that is aware sees another set of devices at each step, a day after writing."
    yield ""
    yield f"| | exact | {' | '.join(f'after {time}' for time in TIMES)} |"
    yield "|---|" + "---|" * (1 + len(TIMES))
    for how in HOW:
        cells = [geometric(of(results, how, "exact")), *(geometric(row) for row in of(results, how).T)]
        yield f"| {how} | {' | '.join(cells)} |"
    ratios = (aware / plain).T
    yield f"| aware / plain | | {' | '.join(geometric(row, '.2f') for row in ratios)} |"
    yield ""
    logs = np.log(ratios[2])
    t = logs.mean() / (logs.std(ddof=1) / np.sqrt(len(logs)))
    yield says(
        f"- A day after writing, values that were trained with realisations have {geometric(ratios[2], '.2f')} times "
        f"the loss of those that were trained exactly (paired logarithms: t = {t:.1f}); the least gain is after a "
        f"minute.",
        t < -3,
        all(geometric_mean(row) < 1 for row in ratios),
        int(np.argmax([geometric_mean(row) for row in ratios])) == 0,
    )
    worst = of(results, "aware", "worst")[:, 2] / of(results, "plain", "worst")[:, 2]
    yield f"- The worst of the {REALISATIONS} sets of devices changes by a factor of {geometric(worst, '.2f')}."
    yield says(
        "- Without devices the exact values are the better ones by far.",
        geometric_mean(of(results, "plain", "exact")) < 0.01 * geometric_mean(of(results, "aware", "exact")),
    )
    x = 0.1
    off = float(deviation(PCM_WRITE, np.array(x))) / x
    yield says(
        f"- Either way most of what was learnt is lost: a state of {x:.0%} of the largest, which is where these "
        f"networks begin, is written with a standard deviation of {off:.0%} of itself, and a day of drift comes on "
        f"top.",
        geometric_mean(aware[:, 2]) > 0.5,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for how, color in zip(HOW, ("tab:red", "tab:blue"), strict=True):
        band(axes, np.array(SECONDS), of(results, how), color=color, style="o-", label=f"trained {how}")
    n = len({key[:2] for key in results})
    axes.set(
        xlabel="time after writing",
        ylabel="mean loss of realisations / first loss",
        xscale="log",
        yscale="log",
        title=f"n = {n} networks, one standard deviation of logarithms",
        xticks=SECONDS,
        xticklabels=TIMES,
    )
    axes.legend()
    return figure


CLAIM = Claim(
    "drifting_devices",
    "devices that are written inexactly and drift",
    compute,
    keys=[(tuple(KINDS)[seed % len(KINDS)], seed, how) for seed in range(NETWORKS) for how in HOW],
    small=[("layered", 2, how, 100) for how in HOW],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
