"""Realisations in words, rows and plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import isnan
from typing import Any

from netlearn.realised import Realisations
from netlearn.report.tables import shown

WRITTEN = "written"
"""What stands for a time where none was given: right after writing."""


def realisation_rows(found: Realisations) -> tuple[list[str], list[list[object]]]:
    """Columns and rows: what the loss is at each time."""
    columns = ["at", "mean", "spread", "worst", "worst seed"]
    figures = zip(found.mean.tolist(), found.spread.tolist(), found.worst.tolist(), found.worst_seeds, strict=True)
    rows: list[list[object]] = [[time, *figure] for time, figure in zip(_times(found), figures, strict=True)]
    if found.accuracies is not None:
        columns += ["accuracy", "worst accuracy"]
        for row, rates in zip(rows, found.accuracies, strict=True):
            row += [float(rates.mean()), float(rates.min())]
    return columns, rows


def each_realisation(found: Realisations) -> tuple[list[str], list[list[object]]]:
    """Columns and rows: the loss of each realisation at each time."""
    columns = ["at", "seed", "loss", *(["accuracy"] if found.accuracies is not None else [])]
    rows: list[list[object]] = []
    for t, time in enumerate(_times(found)):
        for k, seed in enumerate(found.seeds):
            rate = [] if found.accuracies is None else [float(found.accuracies[t, k])]
            rows.append([time, seed, float(found.losses[t, k]), *rate])
    return columns, rows


def realisation_lines(found: Realisations) -> Iterator[str]:
    """What there is to say beside the table."""
    count = len(found)
    yield f"hardware  {count} realisation{'s' if count > 1 else ''} of {len(found.names)} values, on {found.data}"
    yield f"nominal   loss {shown(found.nominal)} of the netlist as it stands"
    for time, lost in zip(_times(found), found.unsolved, strict=True):
        if lost:
            yield f"unsolved  {lost} of {count} have no operating point at {time}, and count nowhere else"
    for time, goals in zip(_times(found), found.goals, strict=False):
        for goal in goals:
            spread = "" if isnan(goal.spread) else f" ± {shown(goal.spread)}"
            yield (
                f"goal      {goal.goal} at {time}: met by {100 * goal.met:.4g} %, "
                f"missed by {shown(goal.mean)}{spread} {goal.unit}, at worst {shown(goal.worst)} {goal.unit}"
            )


def realisation_values(found: Realisations) -> dict[str, Any]:
    """Realisations as plain values; the figures of each time, and the losses of each realisation."""
    figures = zip(found.mean.tolist(), found.spread.tolist(), found.worst.tolist(), found.worst_seeds, strict=True)
    times = []
    for t, (time, (mean, spread, worst, seed)) in enumerate(zip(_times(found), figures, strict=True)):
        entry: dict[str, Any] = {
            "at": time,
            "loss": {"mean": mean, "spread": spread, "worst": worst, "worst_seed": seed},
            "unsolved": found.unsolved[t],
            "losses": found.losses[t],
        }
        if found.accuracies is not None:
            rates = found.accuracies[t]
            over = float(rates.std(ddof=1)) if len(rates) > 1 else None
            entry["accuracy"] = {"mean": float(rates.mean()), "spread": over, "worst": float(rates.min())}
        if found.goals and found.goals[t]:
            entry["goals"] = [asdict(goal) for goal in found.goals[t]]
        times.append(entry)
    return {"realisations": len(found), "seeds": found.seeds, "nominal": found.nominal, "times": times}


def _times(found: Realisations) -> tuple[str, ...]:
    return found.times or (WRITTEN,)
