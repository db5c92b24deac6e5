"""How far each rule's estimate is from the gradient, against the nudge, with and without noise.

Claim: equilibrium propagation estimates the gradient with a bias that falls as the nudge shrinks,
as β in its one-sided and as β² in its centered form, and with nudges of order k as β^k and, where
k is odd, β^2k; the analytic gradient has no bias. With noise in the readings there is a best nudge,
for coupled learning, too; the analytic rule, which reads only the outputs, has no such trade-off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says, spread
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.rules import GeneralizedEP
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.nudges import ConductanceNudge

CIRCUITS = ("linear", "diodes")
STATES = ("positive", "negative", "centered")
NOISE = 1e-4
BETAS = np.geomspace(1e-4, 0.3, 10)
"""Nudges, relative to the one that takes stability away."""
ETAS = np.geomspace(1e-3, 1.0, 10)
"""Nudges of coupled learning, part of the way to the target."""
STRENGTHS = np.geomspace(0.01, 0.5, 10)
"""Nudges of the orders 1, 2 and 3, the k-th root of the unit of BETAS."""
ORDERS = {"1 positive": 1, "1 centered": 2, "2 positive": 2, "3 positive": 3, "3 centered": 6}
"""Nudges of order k, by the power of β with which the bias is to fall."""
FORMS = {"positive": "one-sided", "centered": "centered"}
REPEATS, NETWORKS = 10, 10


@dataclass(frozen=True)
class Order:
    """n = β^k ℓ: a conductance β^k h to the target, which is of order k in energy and force."""

    order: int

    @property
    def contrast_order(self) -> int:
        return self.order

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        return ConductanceNudge().circuitry(beta**self.order, outputs, targets, loss)


def compute(circuit: str, kind: str, seed: int, repeats: int = REPEATS) -> dict[str, Any]:
    """Relative errors (betas,) of each form, and of each with noise."""
    lab = regression(kind, seed, diodes=circuit == "diodes", target="random")
    exact = lab.gradient("analytic")
    limit = lab.gradient("cl", beta=1e-5)
    result: dict[str, Any] = {
        "differences": relative(lab.gradient("differences", step=1e-4), exact),
        "cosine": float(exact @ limit / np.linalg.norm(exact) / np.linalg.norm(limit)),
        "readout": rms([lab.gradient("in-the-loop", seed=s, noise=NOISE) for s in range(repeats)], exact),
    }
    for states in STATES:
        result[f"ep {states}"] = [relative(lab.gradient("ep", beta=b, states=states), exact) for b in BETAS]
        result[f"cl {states}"] = [relative(lab.gradient("cl", beta=b, states=states), limit) for b in ETAS]
        for rule, strengths, ideal in (("ep", BETAS, exact), ("cl", ETAS, limit)):
            result[f"noisy {rule} {states}"] = [
                rms([lab.gradient(rule, s, beta=b, states=states, noise=NOISE) for s in range(repeats)], ideal)
                for b in strengths
            ]
    result["current centered"] = [
        relative(lab.gradient("ep", beta=b, states="centered", nudge="current"), exact) for b in BETAS
    ]
    for name in ORDERS:
        order, states = name.split()
        result[f"order {name}"] = [
            relative(lab.gradient(GeneralizedEP(Order(int(order)), b, states, relative=True)), exact)  # type: ignore[arg-type]
            for b in STRENGTHS
        ]
    return result


def relative(found: Array, exact: Array) -> float:
    """|found - exact| / |exact|."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def rms(found: list[Array], exact: Array) -> float:
    """The root mean square of the relative error over noises."""
    return float(np.sqrt(np.mean([relative(each, exact) ** 2 for each in found])))


def slopes(strengths: Array, errors: Array) -> Array:
    """The exponents (n,) of errors (n, strengths), at the least strengths at which they are far above rounding."""
    parts = [np.flatnonzero(row > 1e-7)[:4] for row in errors]
    found = [np.polyfit(np.log(strengths[i]), np.log(row[i]), 1)[0] for i, row in zip(parts, errors, strict=True)]
    return np.array(found)


def of(results: Results, circuit: str, name: str) -> Array:
    """A number, or a row of them, for each network."""
    return np.array([value[name] for key, value in results.items() if key[0] == circuit])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[1:] for key in results})
    yield (
        f"{n} networks of {len(KINDS)} kinds and the same with diodes, each with a seed of its own (n = {n}, ± one "
        f"standard deviation, n - 1). β is"
    )
    yield (
        f"relative to the nudge that takes stability away; with noise, root mean squares over {REPEATS} draws. A nudge "
        f"n = β^k ℓ is of order k."
    )
    yield ""
    heads = [f"k = {order}, {FORMS[states]}" for order, states in (name.split() for name in ORDERS)]
    yield f"| bias falls as | {' | '.join(heads)} |"
    yield "|---|" + "---|" * len(heads)
    for circuit in CIRCUITS:
        cells = [slopes(STRENGTHS, of(results, circuit, f"order {name}")) for name in ORDERS]
        right = all(
            np.abs(cell - power).max() < 0.1 * power for cell, power in zip(cells, ORDERS.values(), strict=True)
        )
        words = " | ".join("β^" + spread(cell, ".3f") for cell in cells)
        yield says(f"| {circuit} | {words} |", right)
    yield ""
    differences = max(of(results, circuit, "differences").max() for circuit in CIRCUITS)
    yield says(
        f"- That is β^k and β^2k, as GEP predicts. The analytic gradient agrees with central differences to "
        f"{differences:.0e}, which is the differences' own error.",
        differences < 1e-6,
    )
    unbiased = of(results, "linear", "current centered").max()
    biased = of(results, "diodes", "current centered")[:, -1]
    yield says(
        f"- With the current nudge the centered form has no bias in linear circuits at any β (at most {unbiased:.0e}); "
        f"with diodes it is off by {geometric(biased)} at β = {BETAS[-1]:.1f}.",
        unbiased < 1e-6,
        biased.min() > 1e-5,
    )
    cosine = {circuit: of(results, circuit, "cosine") for circuit in CIRCUITS}
    centered = of(results, "linear", "cl centered").max()
    yield says(
        f"- Coupled learning tends to a limit of its own, the descent in the metric of the circuit's stiffness, whose "
        f"cosine with the gradient is {spread(cosine['linear'], '.3f')} on linear networks and "
        f"{spread(cosine['diodes'], '.3f')} with diodes. It gets there as η^1.00 (one-sided) and, with diodes, "
        f"η^2.00 (centered); on linear networks the centered form is there at any η (within {centered:.0e}).",
        cosine["linear"].mean() < 0.99,
        centered < 1e-8,
        *(abs(slopes(ETAS, of(results, c, f"cl {s}")) - 1).max() < 0.005 for c in CIRCUITS for s in STATES[:2]),
        abs(slopes(ETAS, of(results, "diodes", "cl centered")) - 2).max() < 0.005,
    )
    yield (
        f"- With {NOISE * 1e6:.0f} µV of noise in every reading, relative error at the best nudge, ×/÷ one standard "
        f"deviation of the logarithm:"
    )
    yield ""
    yield "| | EP, positive | negative | centered | coupled learning, positive | negative | centered | analytic |"
    yield "|---|---|---|---|---|---|---|---|"
    for circuit in CIRCUITS:
        best = [
            of(results, circuit, f"noisy {rule} {states}").min(axis=1) for rule in ("ep", "cl") for states in STATES
        ]
        cells = [geometric(errors) for errors in (*best, of(results, circuit, "readout"))]
        yield f"| {circuit} | {' | '.join(cells)} |"
    yield ""
    inside = {
        (circuit, name): [0 < np.argmin(row) < len(row) - 1 for row in of(results, circuit, f"noisy {name}")]
        for circuit in CIRCUITS
        for name in (f"{rule} {states}" for rule in ("ep", "cl") for states in STATES)
    }
    free = inside.pop(("linear", "cl centered"))
    yield says(
        "- A smaller nudge drowns in the noise and a larger one is biased: there is a best nudge in between, for EP "
        "and for coupled learning (measured against its own limit). The exception is centered coupled learning on "
        "linear networks, which has no bias and is best clamped all the way (η = 1).",
        all(np.mean(each) > 0.9 for each in inside.values()),
        not any(free),
    )
    readout = {c: of(results, c, "readout") for c in CIRCUITS}
    least = {c: np.min([of(results, c, f"noisy ep {s}").min(axis=1) for s in STATES], axis=0) for c in CIRCUITS}
    ratios = [geometric(least[c] / readout[c], ".0f") for c in CIRCUITS]
    yield says(
        f"- The analytic rule, which reads only the outputs, has no nudge to choose, and is off {ratios[0]} (linear) "
        f"and {ratios[1]} times (diodes) less than EP at its best. A part of that is due to what is read: a voltage "
        f"across a resistor in the middle changes far less than an output.",
        all(np.all(readout[c] < least[c]) for c in CIRCUITS),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 8), layout="constrained")
    (bias, orders), (coupled, noise) = figure.subplots(2, 2)
    for i, states in enumerate(STATES):
        for circuit, style in zip(CIRCUITS, ("-", "--"), strict=True):
            label = f"{states}, {circuit}"
            band(bias, BETAS, of(results, circuit, f"ep {states}"), color=f"C{i}", style=style, label=label)
            if (circuit, states) != ("linear", "centered"):
                band(coupled, ETAS, of(results, circuit, f"cl {states}"), color=f"C{i}", style=style, label=label)
        for rule, strengths, style in (("ep", BETAS, "-"), ("cl", ETAS, ":")):
            rows, label = of(results, "diodes", f"noisy {rule} {states}"), f"{rule}, {states}"
            band(noise, strengths, rows, color=f"C{i}", style=style, label=label)
    for name in ORDERS:
        order, states = name.split()
        rows, label = of(results, "linear", f"order {name}"), f"k = {order}, {FORMS[states]}"
        style = "--" if states == "centered" else "-"
        band(orders, STRENGTHS, rows, color=f"C{int(order) + 2}", style=style, label=label)
    noise.axhline(geometric_mean(of(results, "diodes", "readout")), color="k", label="analytic, outputs read only")
    n = len({key[1:] for key in results})
    bias.set(xlabel="β", title="equilibrium propagation, to the gradient")
    orders.set(xlabel="β", title="nudges of order k, linear networks, to the gradient")
    coupled.set(xlabel="η", title="coupled learning, to its own limit")
    noise.set(xlabel="β or η", title=f"networks with diodes, {NOISE * 1e6:g} µV of noise", ylim=(1e-8, None))
    for axes in (bias, coupled):
        axes.set_ylabel("relative error of the estimate")
    figure.supxlabel(
        f"geometric means of n = {n} networks; bands: one standard deviation of logarithms", fontsize="small"
    )
    for axes in (bias, orders, coupled, noise):
        axes.set(xscale="log", yscale="log")
        axes.legend(fontsize="x-small")
    return figure


CLAIM = Claim(
    "gradient_bias",
    "bias against nudge, and noise",
    compute,
    keys=[(circuit, tuple(KINDS)[seed % len(KINDS)], seed) for circuit in CIRCUITS for seed in range(NETWORKS)],
    small=[("linear", "lattice", 0, 2), ("diodes", "layered", 0, 2)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
