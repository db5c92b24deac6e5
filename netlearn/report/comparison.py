"""A comparison of learning rules as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netlearn.circuit.devices.base import Array
from netlearn.learn.compare import Comparison, Outcome

AGAINST = {"epoch": "epoch", "solves": "operating points", "measurements": "measurements"}


def comparison_figure(comparison: Comparison) -> Figure:
    """Loss, and accuracy if there is one, against epochs, operating points and measurements.

    Lines are means over seeds, and bands reach from the smallest to the largest value.
    Where fractions were varied, a further row shows the final values against them.
    """
    groups = _groups(comparison)
    classes = any(not np.isnan(o.accuracy) for o in comparison.outcomes)
    fractions = len({o.run.fraction for o in comparison.outcomes}) > 1
    quantities = ["loss", "accuracy"] if classes else ["loss"]
    rows = len(quantities) + fractions
    figure = Figure(figsize=(12, 3.2 * rows), layout="constrained")
    axes = np.atleast_2d(np.asarray(figure.subplots(rows, 3, squeeze=False)))
    for row, quantity in enumerate(quantities):
        for column, (against, label) in enumerate(AGAINST.items()):
            panel = axes[row, column]
            for color, (name, outcomes) in enumerate(groups.items()):
                x, mean, low, high = _band(outcomes, against, quantity)
                panel.plot(x, mean, color=f"C{color}", label=name)
                panel.fill_between(x, low, high, color=f"C{color}", alpha=0.2, lw=0)
            panel.set(xlabel=label, ylabel=quantity)
            if quantity == "loss":
                panel.set_yscale("log")
            if against != "epoch":
                panel.set_xscale("log")
    if fractions:
        _against_fraction(axes[-1], comparison, quantities)
    axes[0, 0].legend(fontsize="small")
    return figure


def _groups(comparison: Comparison) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    fractions = len({o.run.fraction for o in comparison.outcomes}) > 1
    for outcome in comparison.outcomes:
        if outcome.curves is None:
            continue
        name = outcome.run.rule if outcome.run.beta is None else f"{outcome.run.rule} β={outcome.run.beta:g}"
        name += f", {outcome.run.fraction:.0%}" if fractions else ""
        groups.setdefault(name, []).append(outcome)
    return groups


def _band(outcomes: list[Outcome], against: str, quantity: str) -> tuple[Array, Array, Array, Array]:
    """Where a quantity is known, and its mean, least and largest value over the seeds."""
    # Runs may have stopped at different epochs: what all of them have is compared.
    curves = [outcome.curves for outcome in outcomes if outcome.curves is not None]
    length = min(len(curve["epoch"]) for curve in curves)
    x = np.array(curves[0][against][:length], dtype=float)
    y = np.array([curve[quantity][:length] for curve in curves], dtype=float)
    shown = (x > 0) | (against == "epoch")
    return x[shown], y.mean(axis=0)[shown], y.min(axis=0)[shown], y.max(axis=0)[shown]


def _against_fraction(panels: Array, comparison: Comparison, quantities: list[str]) -> None:
    rows = comparison.summary()
    names = list(dict.fromkeys((row["rule"], row["beta"]) for row in rows))
    for panel, quantity in zip(panels, quantities, strict=False):
        for rule, beta in names:
            chosen = sorted((r for r in rows if (r["rule"], r["beta"]) == (rule, beta)), key=lambda r: r["fraction"])
            x, y, spread = (np.array([row[key] for row in chosen]) for key in ("fraction", quantity, f"{quantity}_std"))
            panel.errorbar(x, y, spread, marker="o", label=rule if beta is None else f"{rule} β={beta:g}", capsize=2)
        panel.set(xlabel="fraction updated in a step", ylabel=f"final {quantity}", xscale="log")
        if quantity == "loss":
            panel.set_yscale("log")
    for panel in panels[len(quantities) :]:
        panel.set_visible(False)
    panels[0].legend(fontsize="small")
