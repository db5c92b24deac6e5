"""How far each rule's estimate is from the gradient, against the nudge, with and without noise.

Claim: equilibrium propagation estimates the gradient with a bias that falls as the nudge
shrinks, as β in its one-sided and as β² in its centered form; the analytic gradient has no
bias. With noise in the readings there is a best nudge; the analytic rule, which reads only the
outputs, has no such trade-off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from setting import Task, main, task

from netlearn.arrays import Array
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic

STATES = ("positive", "negative", "centered")
NOISE = 1e-4
"""Volts of each reading."""


@dataclass(frozen=True)
class Bias:
    """Relative errors (betas,) by network and rule, and the slopes of their logarithms.

    ``noisy`` holds root mean square errors with noise, the analytic rule's as one number.
    ``limit_angle`` is the cosine between coupled learning's estimate at a small nudge and the
    gradient.
    """

    betas: Array
    etas: Array
    bias: dict[tuple[str, str], Array]
    slopes: dict[tuple[str, str], float]
    noisy: dict[str, Array]
    analytic_noisy: float
    analytic_bias: dict[str, float]
    limit_angle: dict[str, float]


def run(small: bool) -> Bias:
    side, points, repeats = (4, 6, 8) if small else (6, 12, 30)
    networks = {
        "linear": task("lattice", rows=side, columns=side),
        "diodes": task("lattice", diodes=True, rows=side, columns=side),
    }
    betas, etas = np.geomspace(1e-7, 4e-4, points), np.geomspace(1e-3, 1.0, points)
    bias, slopes, angles, exact_bias = {}, {}, {}, {}
    for name, each in networks.items():
        exact = each.estimate(Analytic())
        limit = each.estimate(make_rule("cl", beta=1e-4))
        angles[name] = float(exact @ limit / np.linalg.norm(exact) / np.linalg.norm(limit))
        differences = each.estimate(make_rule("differences", step=1e-4))
        exact_bias[name] = relative(exact, differences)
        for states in STATES:
            ep = [each.estimate(make_rule("ep", unit="siemens", beta=b, states=states)) for b in betas]
            cl = [each.estimate(make_rule("cl", beta=b, states=states)) for b in etas]
            bias[name, f"ep {states}"] = np.array([relative(found, exact) for found in ep])
            bias[name, f"cl {states}"] = np.array([relative(found, limit) for found in cl])
            slopes[name, f"ep {states}"] = slope(betas, bias[name, f"ep {states}"])
            slopes[name, f"cl {states}"] = slope(etas, bias[name, f"cl {states}"])
    linear = networks["linear"]
    exact = linear.estimate(Analytic())
    noisy = {
        f"ep {states}": np.array(
            [
                rms(linear, make_rule("ep", unit="siemens", beta=b, states=states, noise=NOISE), exact, repeats)
                for b in betas
            ]
        )
        for states in STATES
    }
    readout = rms(linear, make_rule("in-the-loop", noise=NOISE), exact, repeats)
    return Bias(betas, etas, bias, slopes, noisy, readout, exact_bias, angles)


def relative(found: Array, exact: Array) -> float:
    """|found - exact| / |exact|."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def rms(each: Task, rule: object, exact: Array, repeats: int) -> float:
    """The root mean square of the relative error over noises."""
    errors = [relative(each.estimate(rule, seed), exact) for seed in range(repeats)]  # type: ignore[arg-type]
    return float(np.sqrt(np.mean(np.square(errors))))


def slope(strengths: Array, errors: Array) -> float:
    """The exponent at small strengths, where the errors are above rounding; NaN if they never are."""
    good = np.flatnonzero((errors > 1e-9) & (errors < 0.1))[:5]
    return float(np.polyfit(np.log(strengths[good]), np.log(errors[good]), 1)[0]) if len(good) >= 3 else float("nan")


def report(results: Bias) -> list[str]:
    lines = [f"{network:8} {rule:12} slope {value:5.2f}" for (network, rule), value in results.slopes.items()]
    for name, value in results.analytic_bias.items():
        lines.append(f"{name:8} analytic against central differences {value:.1e}")
        lines.append(f"{name:8} coupled learning's limit and the gradient: cosine {results.limit_angle[name]:.3f}")
    for rule, errors in results.noisy.items():
        best = int(np.argmin(errors))
        lines.append(f"{NOISE:g} V noise: {rule} best at β = {results.betas[best]:.1e} S, error {errors[best]:.2f}")
    lines.append(f"{NOISE:g} V noise: analytic, outputs read only, error {results.analytic_noisy:.4f}")
    return lines


def draw(results: Bias) -> Figure:
    figure = Figure(figsize=(15, 4), layout="constrained")
    bias, coupled, noise = figure.subplots(1, 3)
    for (network, rule), errors in results.bias.items():
        axes, x = (bias, results.betas) if rule.startswith("ep") else (coupled, results.etas)
        axes.loglog(x, np.maximum(errors, 1e-16), "-" if network == "linear" else "--", label=f"{rule}, {network}")
    bias.set(xlabel="β (S)", ylabel="relative error of the estimate", title="equilibrium propagation: to the gradient")
    coupled.set(xlabel="η", title="coupled learning: to its own limit")
    for rule, errors in results.noisy.items():
        noise.loglog(results.betas, errors, label=rule)
    noise.axhline(results.analytic_noisy, color="k", label="analytic, outputs read only")
    noise.set(xlabel="β (S)", title=f"with {NOISE * 1e6:g} µV of noise in every reading")
    for axes in (bias, coupled, noise):
        axes.legend(fontsize="x-small")
    return figure


if __name__ == "__main__":
    main(run, draw, report, "gradient_bias")
