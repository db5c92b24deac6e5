"""What a page about a circuit says, before it is written as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from netlearn.learn.goals import GoalResult
from netlearn.report.charts import Chart
from netlearn.report.stress import Stress
from netlearn.tolerances.analysis import ToleranceResult


@dataclass(frozen=True)
class Value:
    """A value before and after, in words."""

    name: str
    before: str
    after: str
    change: str
    at: str


@dataclass
class PageContents:
    """What the page says. What is None or empty has no part on it."""

    title: str
    file: str
    notes: list[str] = field(default_factory=list)
    goals: Sequence[GoalResult] = ()
    loss: tuple[float | None, float] | None = None
    accuracy: float | None = None
    samples: int = 0
    data: str = ""
    outputs: list[list[str]] = field(default_factory=list)
    output_names: Sequence[str] = ()
    more_outputs: int = 0
    pictures: list[Chart] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    more_values: int = 0
    history: Chart | None = None
    tolerances: ToleranceResult | None = None
    histograms: list[Chart] = field(default_factory=list)
    shares: list[tuple[str, list[tuple[str, float]]]] = field(default_factory=list)
    stress: Sequence[Stress] = ()
    judgement: dict[str, Any] | None = None
    judgement_lacks: str = ""
    circuit: Chart | None = None
