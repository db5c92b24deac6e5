"""What noise leaves of the gradient that perturbations find, against the readings that they take.

The rules that know nothing of the circuit are told apart by how they use readings: one parameter
after another (differences), all at once by random signs (SPSA), or all at once, each at a frequency
of its own (homodyne). M. N. Boon and others, arXiv 2105.11233, argue for the last. Here each takes
the perturbation that suits it best.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array
from netlearn.learn.rules import make_rule

NOISE = 1e-4
EFFORTS = (1, 10, 100, 1000)
"""How often readings are averaged: frames of homodyne, averages of differences, directions of SPSA."""
FEWEST = 10_000
"""Readings that all rules are compared at."""
SIZES = (0.01, 0.03, 0.1)
CORNER = 30.0
RULES = {
    "differences": "differences step={size} averages={effort}",
    "spsa": "spsa step={size} directions={effort}",
    "homodyne": "homodyne amplitude={size} frames={effort}",
    "homodyne, 1/f noise": f"homodyne amplitude={{size}} frames={{effort}} corner={CORNER:g}",
    "homodyne, 1/f noise, lifted": f"homodyne amplitude={{size}} frames={{effort}} corner={CORNER:g} lowest=30",
}


def compute(kind: str, seed: int, rule: str, effort: int, repeats: int = 3) -> dict[str, Any]:
    """The root mean square of the relative error at the perturbation that suits best, and the readings."""
    lab = regression(kind, seed, target="random", samples=5)
    exact = lab.gradient("analytic")
    best: dict[str, Any] = {"error": np.inf}
    # Random directions are simulated one by one, and a thousand of them take long.
    for size in SIZES if rule != "spsa" else SIZES[1:]:
        name, *words = RULES[rule].format(size=size, effort=effort).split()
        options = {key: float(value) if "." in value else int(value) for key, value in (w.split("=") for w in words)}
        chosen = make_rule(name, noise=NOISE, **options)
        found = [lab.estimate(chosen, s) for s in range(repeats)]
        errors = [np.sum((each.gradient * lab.theta - exact) ** 2) / np.sum(exact**2) for each in found]
        if (error := float(np.sqrt(np.mean(errors)))) < best["error"]:
            best = {"error": error, "size": size, "readings": found[0].measurements}
    return best


def of(results: Results, rule: str, effort: int, what: str = "error") -> Array:
    """A number of each network."""
    return np.array([value[what] for key, value in results.items() if key[2:4] == (rule, effort)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[:2] for key in results})
    repeats = 3
    yield (
        f"{n} networks of five kinds (n = {n}), {NOISE * 1e6:.0f} µV of noise in every reading, {repeats} draws "
        f"of it each; the relative error of the"
    )
    yield (
        "gradient at that perturbation of three that suits each best, geometric mean ×/÷ one standard deviation of the "
        "logarithm (n - 1)."
    )
    yield "In brackets the readings that it takes; averaging counts frames of homodyne, and directions of SPSA."
    yield ""
    yield "| rule | " + " | ".join("read once" if effort == 1 else f"{effort:,} times" for effort in EFFORTS) + " |"
    yield "|---|" + "---|" * len(EFFORTS)
    for rule in RULES:
        cells = []
        for effort in EFFORTS:
            found = of(results, rule, effort)
            cells.append(
                f"{geometric(found)} ({np.mean(of(results, rule, effort, 'readings')):,.0f})" if len(found) else ""
            )
        yield f"| {rule} | {' | '.join(cells)} |"
    yield ""
    at = {rule: fit(results, rule) for rule in RULES}
    reached = readings_at(results, "differences", at["homodyne"])
    most = np.mean(of(results, "differences", EFFORTS[-1], "readings"))
    ratio = f"more than {most / FEWEST:.0f}" if reached is None else f"{reached / FEWEST:.0f}"
    yield says(
        f"- At equal numbers of readings ({FEWEST:,}, by interpolation) homodyne detection is off by "
        f"{at['homodyne']:.1e}, differences by"
        f" {at['differences']:.1e} and SPSA by {at['spsa']:.1e}. All parameters swing in all of homodyne's "
        f"readings: differences need {ratio} times as many to come to the same error, for more readings take away "
        f"their noise, and not what a perturbation of finite size leaves.",
        at["homodyne"] < at["differences"] < at["spsa"],
    )
    pink, lifted = (
        geometric_mean(of(results, rule, EFFORTS[-1])) / geometric_mean(of(results, "homodyne", EFFORTS[-1]))
        for rule in ("homodyne, 1/f noise", "homodyne, 1/f noise, lifted")
    )
    yield says(
        f"- 1/f noise with a corner at {CORNER:.0f} periods per frame makes homodyne's error {pink:.1f} times "
        f"as large, and lifting all frequencies"
        f" above the corner leaves {lifted:.1f} times, for more readings in a frame.",
        pink > lifted,
    )


def line(results: Results, rule: str) -> tuple[Array, Array]:
    """Logarithms of readings and of errors."""
    points = [
        (np.mean(of(results, rule, e, "readings")), geometric_mean(of(results, rule, e)))
        for e in EFFORTS
        if len(of(results, rule, e))
    ]
    x, y = np.log(np.array(points)).T
    return x, y


def readings_at(results: Results, rule: str, error: float) -> float | None:
    """Readings after which the error is that small, along straight lines of logarithms; None where it never was."""
    x, y = line(results, rule)
    return None if np.log(error) < y[-1] else float(np.exp(np.interp(-np.log(error), -y, x)))


def fit(results: Results, rule: str) -> float:
    """The error after ``FEWEST`` readings, along straight lines of logarithms."""
    x, y = line(results, rule)
    assert x[0] < np.log(FEWEST) < x[-1], f"{rule} was not measured at {FEWEST} readings"
    return float(np.exp(np.interp(np.log(FEWEST), x, y)))


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, rule in enumerate(RULES):
        efforts = [effort for effort in EFFORTS if len(of(results, rule, effort))]
        x = np.array([np.mean(of(results, rule, effort, "readings")) for effort in efforts])
        bars(axes, x, [of(results, rule, effort) for effort in efforts], logs=True, color=f"C{i}", label=rule)
    n = len({key[:2] for key in results})
    axes.set(xscale="log", yscale="log", xlabel="readings", ylabel="relative error of the gradient")
    axes.set_title(f"{NOISE * 1e6:.0f} µV of noise, n = {n} networks, one standard deviation", fontsize="medium")
    axes.legend(fontsize="small")
    return figure


CLAIM = Claim(
    "perturbation_noise",
    "perturbations, readings and noise",
    compute,
    keys=[(kind, seed, rule, effort) for seed, kind in enumerate(KINDS) for rule in RULES for effort in EFFORTS],
    small=[("layered", 0, rule, effort, 2) for rule in list(RULES)[:3] for effort in (1, 10)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
