"""One-step regression: what gains, wires, levels and errors of writing do to the coefficients.

Claim (Z. Sun, G. Pedretti, A. Bricalli, D. Ielmini, "One-step regression and classification with cross-point resistive
memory arrays", Science Advances 6, eaay2378, 2020): a circuit of two crosspoint arrays and amplifiers settles at the
least-squares coefficients, and trains the last layer of a network of random first layer likewise. Here the circuits are
those of ``netlearn new onestep``, and the exact answers are scikit-learn's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, main, says, spread
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, RidgeClassifier

import netlearn
from netlearn.arrays import Array

DRAWS = 5
PATIENTS, IMAGES, UNITS = 100, 250, 40
SWEPT: dict[str, tuple[float, ...]] = {
    "gain": (1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
    "wire": (1e-3, 1e-2, 1e-1, 1.0),
    "noise": (1e-4, 1e-3, 1e-2, 1e-1),
    "levels": (16, 64, 256, 1024),
}
NOISES = (0.0, 0.03, 0.1, 0.3)
LABELS = {
    "gain": "gain of the amplifiers",
    "wire": "resistance of a stretch of wire (Ω)",
    "noise": "relative error of writing",
    "levels": "levels of a conductance",
}


def compute(what: str, value: float, seed: int) -> dict[str, Any]:
    return digits(value, seed) if what == "digits" else diabetes(what, value, seed)


def diabetes(what: str, value: float, seed: int) -> dict[str, Any]:
    """Relative errors of coefficients, in standard deviations of their columns, and of predictions."""
    data = load_diabetes(scaled=False)
    rows = np.random.default_rng([seed, 7]).permutation(len(data.target))[:PATIENTS]
    inputs, wanted = data.data[rows], data.target[rows]
    exact = LinearRegression().fit(inputs, wanted)
    options = {"gain": 1e9, "center": True, "seed": seed, what: value}
    made = netlearn.new_onestep(inputs, wanted, **options)
    found = netlearn.operating_point(netlearn.parse(made.netlist)).measure(*made.outputs)[0]
    sizes = inputs.std(axis=0)
    predicted, right = made.predict(found, inputs)[:, 0], exact.predict(inputs)
    return {
        "coefficients": np.linalg.norm((found[:-1] - exact.coef_) * sizes) / np.linalg.norm(exact.coef_ * sizes),
        "predictions": np.linalg.norm(predicted - right) / np.linalg.norm(right - right.mean()),
    }


def digits(noise: float, seed: int) -> dict[str, Any]:
    """Accuracy on unseen digits of the last layer that the circuit gives, and of scikit-learn's."""
    inputs, wanted = load_digits(return_X_y=True)
    order = np.random.default_rng([seed, 8]).permutation(len(wanted))
    train, test = order[:IMAGES], order[IMAGES:]
    labels = wanted.astype(str)
    made = netlearn.new_onestep(inputs[train], labels[train], hidden=UNITS, ridge=1.0, gain=1e7, noise=noise, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "targets.csv"
        data.write_text(made.data, encoding="utf-8")
        found = netlearn.operating_point(netlearn.parse(made.netlist), data=data).measure(*made.outputs).T
    layer = made.problem.layer
    assert layer is not None
    exact = RidgeClassifier(1.0).fit(layer(inputs[train]), labels[train])
    return {
        "accuracy": np.mean(made.predict(found, inputs[test]) == labels[test]),
        "exact": exact.score(layer(inputs[test]), labels[test]),
    }


def of(results: Results, what: str, value: float, name: str) -> Array:
    return np.array([found[name] for key, found in results.items() if key[:2] == (what, value)])


def slope(results: Results, what: str, name: str, values: tuple[float, ...]) -> float:
    """The power of the swept value with which an error goes."""
    means = [np.mean(np.log(of(results, what, value, name))) for value in values]
    return float(np.polyfit(np.log(values), means, 1)[0])


def sentences(results: Results) -> Iterator[str]:
    n = len(of(results, "noise", 1e-2, "predictions"))
    yield (
        f"Diabetes, {PATIENTS} patients drawn at random with ten columns each, {n} times (n = {n}), columns centred;"
    )
    yield "a gain of 1e9 where it is not varied. Errors relative to scikit-learn's `LinearRegression`, coefficients in"
    yield "standard deviations of their columns; geometric mean ×/÷ one standard deviation of the logarithm (n - 1)."
    yield ""
    for what, values in SWEPT.items():
        yield f"| {LABELS[what]} | " + " | ".join(f"{value:g}" for value in values) + " |"
        yield "|---|" + "---|" * len(values)
        for name in ("coefficients", "predictions"):
            cells = [geometric(of(results, what, value, name)) for value in values]
            yield f"| {name} | {' | '.join(cells)} |"
        yield ""
    power = slope(results, "gain", "coefficients", SWEPT["gain"][2:])
    lost = {name: of(results, "gain", 1e5, name) for name in ("coefficients", "predictions")}
    yield says(
        f"- The error of the coefficients goes as the gain to the power {power:.2f}, as one over the loop gain should. "
        f"That of predictions is {geometric(lost['coefficients'] / lost['predictions'], '.2g')} times smaller: what is "
        "lost first is what the data hardly tell.",
        abs(power + 1) < 0.05,
        bool((lost["predictions"] < lost["coefficients"]).all()),
    )
    power = slope(results, "noise", "coefficients", SWEPT["noise"][:3])
    yield says(
        f"- The error grows as errors of writing to the power {power:.2f}: at 1 % predictions are off by "
        f"{geometric(of(results, 'noise', 1e-2, 'predictions'))} and coefficients by "
        f"{geometric(of(results, 'noise', 1e-2, 'coefficients'))}.",
        abs(power - 1) < 0.2,
    )
    power = slope(results, "wire", "coefficients", SWEPT["wire"][:3])
    yield says(
        f"- It grows as the resistance of the wires to the power {power:.2f}: 0.1 Ω from one crosspoint to the next, "
        f"in arrays of {PATIENTS} rows at 100 µS, is worth {geometric(of(results, 'wire', 0.1, 'coefficients'))}.",
        abs(power - 1) < 0.2,
    )
    exact = of(results, "digits", 0.0, "exact")
    lost = {noise: 100 * (exact - of(results, "digits", noise, "accuracy")) for noise in NOISES}
    yield says(
        f"- The last layer of a network for digits ({IMAGES} images, {UNITS} random units, ridge 1) in one step: "
        f"{spread(100 * of(results, 'digits', 0.0, 'accuracy'), '.1f')} % of unseen images right, scikit-learn's "
        f"`RidgeClassifier` {spread(100 * exact, '.1f')} %. With errors of writing of "
        + ", ".join(f"{noise:.0%} it loses {spread(lost[noise], '.1f')}" for noise in NOISES[1:])
        + " points (paired).",
        bool(np.abs(lost[0.0]).max() < 0.5),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    for panel, (what, values) in zip(axes, SWEPT.items(), strict=False):
        for name, color in (("coefficients", "tab:blue"), ("predictions", "tab:orange")):
            groups = [of(results, what, value, name) for value in values]
            bars(panel, np.array(values), groups, logs=True, label=name, color=color)
        panel.set(xscale="log", yscale="log", xlabel=LABELS[what], ylabel="relative error")
    axes[0].legend()
    found = [100 * of(results, "digits", noise, "accuracy") for noise in NOISES]
    bars(axes[4], np.arange(len(NOISES)), found, label="the circuit")
    axes[4].axhline(100 * np.mean(of(results, "digits", 0.0, "exact")), color="gray", ls="--", label="scikit-learn")
    axes[4].set(
        xticks=range(len(NOISES)),
        xticklabels=[f"{noise:.0%}" for noise in NOISES],
        xlabel="relative error of writing",
        ylabel="unseen digits right (%)",
    )
    axes[4].legend()
    axes[5].axis("off")
    n = len(of(results, "noise", 1e-2, "predictions"))
    axes[5].text(0, 0.5, f"n = {n} draws of data and devices,\none standard deviation\n(of logarithms, but for digits)")
    return figure


CLAIM = Claim(
    "one_step",
    "least squares at the operating point",
    compute,
    keys=[
        (what, value, seed)
        for what, values in {**SWEPT, "digits": NOISES}.items()
        for value in values
        for seed in range(DRAWS)
    ],
    small=[("gain", 1e5, 0), ("gain", 1e7, 0), ("noise", 1e-3, 0), ("noise", 1e-2, 0), ("levels", 64, 0)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
