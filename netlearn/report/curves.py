"""Curves of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netlearn.learn.history import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_history(axes: Axes, history: Sequence[Record], title: str = "") -> None:
    """Draw loss, and accuracy where there is one, against epochs."""
    epochs = [record.epoch for record in history]
    for name, field in (("loss", "loss"), ("validation loss", "validation_loss")):
        values = np.array([getattr(record, field) for record in history])
        if np.isfinite(values).any():
            axes.plot(epochs, values, label=name)
    losses = np.array([record.loss for record in history])
    if len(losses) and (losses > 0).all():
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    rates = np.array([record.accuracy for record in history])
    handles, labels = axes.get_legend_handles_labels()
    if np.isfinite(rates).any():
        right = axes.twinx()
        handles += right.plot(epochs, 100 * rates, color="tab:green", alpha=0.7, label="accuracy")
        labels.append("accuracy")
        right.set_ylabel("accuracy (%)")
        right.set_ylim(top=101)
    if len(handles) > 1:
        axes.legend(handles, labels, loc="center right")
    axes.set_title(title)
