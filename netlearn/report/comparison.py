"""A comparison of learning rules as rows and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netlearn.report.style import as_drawn, style

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netlearn.arrays import Array
from netlearn.comparison import Comparison, Outcome, Run

AGAINST = {"epoch": "epochs", "solves": "operating points", "measurements": "physical measurements"}
SPREAD = ("loss", "accuracy", "test_loss", "test_accuracy")
PLAIN = ("solves", "measurements", "seconds")


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[object]]]:
    """Columns and rows, one for each rule, nudge and fraction, with what no run has left out."""
    summary = comparison.summary()
    columns = ["rule"]
    columns += [name for name in ("beta", "varied") if any(row[name] not in (None, "") for row in summary)]
    columns += ["fraction", "seeds"] + (["failed"] if any(row["failed"] for row in summary) else [])
    known = [name for name in (*SPREAD, *PLAIN) if any(np.isfinite(row[name]) for row in summary)]
    rows = [[*(row[name] for name in columns), *(_with_spread(row, name) for name in known)] for row in summary]
    return [*columns, *(name.replace("_", " ") for name in known)], rows


@style()
def comparison_figure(comparison: Comparison, title: str = "") -> Figure:
    """Loss, and accuracy where there is one, against epochs, operating points and measurements.

    Lines are means over the seeds, and bands go from the least to the greatest. Where rules
    updated several fractions of the parameters, a last column shows the best values by fraction.
    """
    groups = _groups(comparison)
    curves = [o.curves for members in groups.values() for o in members if o.curves]
    quantities = ["loss"] + (["accuracy"] if any(np.isfinite(c["accuracy"]).any() for c in curves) else [])
    by_fraction = len({o.run.fraction for o in comparison.outcomes}) > 1
    columns = len(AGAINST) + by_fraction
    figure = Figure(figsize=(4.7 * columns, 3.8 * len(quantities)), layout="constrained")
    grid = figure.subplots(len(quantities), columns, squeeze=False, sharey="row")
    for axes_row, quantity in zip(grid, quantities, strict=True):
        for axes, (against, label) in zip(axes_row[: len(AGAINST)], AGAINST.items(), strict=True):
            for name, members in groups.items():
                _draw(axes, members, against, quantity, name)
            axes.set_xlabel(label)
            if against != "epoch":
                # The first values cost nothing yet, and have no place on a logarithmic axis.
                axes.set_xscale("log")
        if by_fraction:
            _draw_fractions(axes_row[-1], comparison, quantity)
        axes_row[0].set_ylabel(quantity)
        if quantity == "loss" and all(np.min(c["loss"]) > 0 for c in curves):
            axes_row[0].set_yscale("log")
    grid[0, 0].legend(fontsize="small")
    figure.suptitle(as_drawn(title))
    return figure


def _draw(axes: Axes, members: Sequence[Outcome], against: str, quantity: str, name: str) -> None:
    curves = [outcome.curves for outcome in members if outcome.curves]
    if not curves:
        return
    # Runs that stopped early count as long as they went.
    length = min(len(curve[quantity]) for curve in curves)
    x = np.mean([curve[against][:length] for curve in curves], axis=0)
    y: Array = np.array([curve[quantity][:length] for curve in curves])
    (line,) = axes.plot(x, y.mean(axis=0), label=as_drawn(name))
    if len(y) > 1:
        axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0)


def _draw_fractions(axes: Axes, comparison: Comparison, quantity: str) -> None:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in comparison.summary():
        name = Run(row["rule"], row["beta"], 1.0, 0, row["varied"]).text
        rows.setdefault(name, []).append(row)
    for name, found in rows.items():
        fractions, mean, spread = np.array(
            sorted((row["fraction"], row[quantity], row[f"{quantity}_std"]) for row in found)
        ).T
        axes.errorbar(fractions, mean, spread, marker="o", markersize=3, capsize=2, label=as_drawn(name))
    axes.set_xlabel("fraction updated in a step")
    axes.set_xscale("log")
    axes.legend(fontsize="small")


def _groups(comparison: Comparison) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in comparison.outcomes:
        run = outcome.run
        name = run.text if run.fraction == 1.0 else f"{run.text}, {100 * run.fraction:g} %"
        groups.setdefault(name, []).append(outcome)
    return groups


def _with_spread(row: Mapping[str, Any], name: str) -> object:
    value, spread = row[name], row[f"{name}_std"]
    if name in PLAIN or not spread:
        return value
    return f"{value:.4g} ± {spread:.2g}"
