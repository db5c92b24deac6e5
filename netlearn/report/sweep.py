"""A sweep as rows."""

from __future__ import annotations

import numpy as np

from netlearn.sweeps import Sweep

SPREAD = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
PLAIN = ("seconds", "best_epoch", "solves", "measurements")


def sweep_rows(sweep: Sweep) -> tuple[list[str], list[list[object]]]:
    """Columns and rows, one for each combination of what is varied, with mean ± standard deviation over the seeds."""
    summary = sweep.summary()
    columns = [*sweep.varied, "seeds", *(["failed"] if any(row["failed"] for row in summary) else [])]
    known = [name for name in (*SPREAD, *PLAIN) if any(np.isfinite(row[name]) for row in summary)]
    rows = [
        [
            *(row[name] for name in columns),
            *(_with_spread(row[name], 0.0 if name in PLAIN else row[f"{name}_std"]) for name in known),
        ]
        for row in summary
    ]
    return [*columns, *(name.replace("_", " ").replace("accuracy", "acc.") for name in known)], rows


def _with_spread(value: float, spread: float) -> object:
    if not np.isfinite(value):
        return None
    return f"{value:.4g} ± {spread:.2g}" if np.isfinite(spread) and spread else float(f"{value:.4g}")
