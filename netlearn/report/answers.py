"""What a netlist answers beside what was wanted: values against values, or a confusion matrix."""

from __future__ import annotations

from netlearn.report.style import as_drawn

# isort: split
import numpy as np
from matplotlib.axes import Axes

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.results import Evaluation

MOST_DOTS = 5000
"""Samples beyond these are left out of a drawing, evenly, by convention: the eye tells no more apart."""
IN_LEGEND = 10
"""Outputs beyond these are not named, by convention: matplotlib has ten colours by default."""
WRITTEN = 20
"""Numbers stand in the fields of matrices of so many classes, by convention: fields of more are narrower than a
number."""


def draw_answers(axes: Axes, evaluation: Evaluation, title: str = "") -> None:
    """What a user would ask first: the confusion matrix where there are classes, else wanted against got."""
    if evaluation.classes:
        draw_confusion(axes, evaluation, title)
    else:
        draw_outputs(axes, evaluation, title)


def draw_outputs(axes: Axes, evaluation: Evaluation, title: str = "") -> None:
    """Draw each output (y) against what it should be (x), in the outputs' own units; on the line they are equal.

    Raises OptionError for an evaluation with classes, which asks for no values.
    """
    if evaluation.classes:
        raise OptionError("classes are not wanted values", hint="netlearn.plot.confusion draws how they were told")
    wanted, got = np.asarray(evaluation.targets), np.asarray(evaluation.outputs)
    rows = np.arange(len(got))
    if len(rows) > MOST_DOTS:
        rows = np.linspace(0, len(rows) - 1, MOST_DOTS).astype(int)
    size = 20.0 if len(rows) <= 200 else 6.0
    for j, name in enumerate(evaluation.names):
        label = as_drawn(name) if j < IN_LEGEND else None
        axes.scatter(wanted[rows, j], got[rows, j], s=size, alpha=0.7, linewidths=0, label=label)
    known = np.concatenate([wanted[rows].ravel(), got[rows].ravel()])
    known = known[np.isfinite(known)]
    if len(known):
        ends = [known.min(), known.max()]
        axes.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
    units = {name[:1].upper() for name in evaluation.names}
    unit = {"V": " (V)", "I": " (A)", "P": " (W)"}.get(units.pop(), "") if len(units) == 1 else ""
    axes.set_xlabel(f"wanted{unit}")
    axes.set_ylabel(f"got{unit}")
    axes.legend(fontsize="small")
    axes.set_title(title)


def draw_confusion(axes: Axes, evaluation: Evaluation, title: str = "") -> None:
    """Draw how many samples of each class (rows) were told to be of each (columns).

    Raises OptionError for an evaluation without classes.
    """
    if not evaluation.classes:
        raise OptionError("there are no classes to confuse", hint="netlearn.plot.outputs draws wanted against got")
    table = confusion(evaluation)
    count = len(evaluation.classes)
    axes.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    if count <= WRITTEN:
        for (i, j), number in np.ndenumerate(table):
            dark = number > 0.5 * max(table[i].sum(), 1)
            if number:
                axes.text(j, i, str(number), ha="center", va="center", color="white" if dark else "black", fontsize=8)
        names = [as_drawn(name) for name in evaluation.classes]
        turned = max(map(len, names)) * count > 40
        axes.set_xticks(range(count), names, rotation=90 if turned else 0, fontsize=8)
        axes.set_yticks(range(count), names, fontsize=8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("class")
    axes.set_title(title)


def confusion(evaluation: Evaluation) -> Array:
    """(classes, classes) how many samples of each class were predicted to be of each; unlabelled ones do not count."""
    count = len(evaluation.classes)
    table = np.zeros((count, count), dtype=np.intp)
    known = np.asarray(evaluation.targets) >= 0
    np.add.at(table, (np.asarray(evaluation.targets)[known], evaluation.predictions[known]), 1)
    return table
