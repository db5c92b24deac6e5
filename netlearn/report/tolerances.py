"""What tolerances do, as lines, rows and plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import isnan
from typing import Any

from netlearn.report.tables import shown
from netlearn.tolerances.analysis import QUANTILES, OutputSpread, ToleranceResult

MOST_SHARES = 5
"""So many parts with the largest shares of a spread are shown, by convention."""


def spread_rows(result: ToleranceResult) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of the outputs' distributions, one for each output and sample."""
    columns = ["output", "sample", "nominal", "mean", "deviation", "linear", "least", "most"]
    columns += [f"{100 * q:g} %" for q in QUANTILES]
    rows = [
        [s.output, s.sample, s.nominal, s.mean, s.deviation, s.linear, s.least, s.most, *s.quantiles]
        for s in result.spreads
    ]
    return columns, rows


def tolerance_lines(result: ToleranceResult) -> Iterator[str]:
    """Yield, goals, worst cases, shares and what has to be tighter, in a few lines."""
    yield f"draws     {len(result)} of {len(result.names)} random numbers, seed {result.seed}"
    if result.unsolved:
        yield f"unsolved  {result.unsolved} draws have no operating point that was found; they count as failing"
    if result.passing is not None:
        yield f"yield     {_rate(result.passing, result.interval)}"
    for goal in result.goals:
        unit = f" {goal.unit}" if goal.unit else ""
        worst = f"; missed by up to {abs(goal.worst_miss):.4g}{unit}" if goal.worst_miss else ""
        yield f"goal      {goal.goal}: met in {_rate(goal.passing, goal.interval)}{worst}"
    for case in result.worst:
        unit = f" {case.unit}" if case.unit else ""
        said = f"worst     {case.output} {case.side} {shown(case.value)}{unit} in {case.sample}"
        judged = "" if isnan(case.by_ngspice) else f"; ngspice {shown(case.by_ngspice)}{unit}"
        yield f"{said} (nominal {shown(case.nominal)}{unit}, predicted {shown(case.predicted)}{unit}){judged}"
    widest: dict[str, OutputSpread] = {}
    for spread in result.spreads:
        if spread.output not in widest or spread.linear > widest[spread.output].linear:
            widest[spread.output] = spread
    for spread in widest.values():
        largest = [(part, share) for part, share in spread.shares.items() if share > 0][:MOST_SHARES]
        if largest:
            parts = ", ".join(f"{part} {100 * share:.1f} %" for part, share in largest)
            yield f"shares    of the variance of {spread.output} in {spread.sample}: {parts}"
    if result.tighter is not None:
        found = result.tighter
        if not found.parts:
            yield f"tighter   no part has to be for a yield of {100 * found.wanted:g} %"
        for part, before, after in found.parts:
            yield f"tighter   {part} from {100 * before:g} % to {100 * after:g} %"
        if found.parts:
            yield f"          yield then {_rate(found.passing, found.interval)}"
            how = "all choices tried" if found.every_choice_tried else "found step by step"
            yield f"          price {shown(found.price_before)} before, {shown(found.price_after)} after; {how}"


def tolerance_values(result: ToleranceResult) -> dict[str, Any]:
    """The result as plain values, without the draws."""
    return {
        "draws": len(result),
        "seed": result.seed,
        "unsolved": result.unsolved,
        "yield": result.passing,
        "interval": result.interval,
        "goals": [asdict(goal) for goal in result.goals],
        "outputs": [asdict(spread) for spread in result.spreads],
        "names": result.names,
        "worst": [
            {**asdict(case), "deviations": dict(zip(result.names, case.deviations.tolist(), strict=True))}
            for case in result.worst
        ],
        "tighter": None if result.tighter is None else asdict(result.tighter),
    }


def _rate(rate: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return f"{100 * rate:.2f} %"
    return f"{100 * rate:.2f} % (95 % confidence {100 * interval[0]:.2f} to {100 * interval[1]:.2f} %)"
