"""Charts as plain geometry, which a template draws as SVG: positions in a box, words apart from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import netlearn.report.style  # noqa: F401 before matplotlib, which would read the working folder's settings

# isort: split
import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

from netlearn.arrays import Array
from netlearn.report.engineering import engineering

WIDTH, HEIGHT = 640.0, 240.0
"""The picture, in pixels, by convention."""
LEFT, RIGHT, TOP, BOTTOM = 74.0, 16.0, 14.0, 44.0
"""Its margins, in pixels, by convention: on the left for numbers, below for these and a name."""
BINS = 40
"""Bars of a histogram, by convention."""
MOST_DOTS = 1500
"""Samples that are drawn, evenly spread, by convention: each is an element of the page."""


@dataclass(frozen=True)
class Shape:
    """A stretch of a chart: a rectangle, a line or a dot, by what it means (a class of the style sheet)."""

    kind: str
    x: float
    y: float
    x2: float = 0.0
    y2: float = 0.0
    points: str = ""


@dataclass(frozen=True)
class Label:
    """Words at a place, with the end of them that stands there: start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    kind: str = "tick"


@dataclass
class Chart:
    """Shapes and labels in a box of ``width`` and ``height``; ``about`` says what is to be seen to who cannot."""

    title: str
    about: str
    width: float = WIDTH
    height: float = HEIGHT
    shapes: list[Shape] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    key: tuple[tuple[str, str], ...] = ()
    """What kinds of shapes mean."""


class _Axis:
    """From values to places along an axis."""

    def __init__(self, low: float, high: float, first: float, last: float, log: bool = False) -> None:
        if not high > low:
            middle = abs(low) or 1.0
            low, high = (low / 2, low * 2) if log else (low - 0.05 * middle, high + 0.05 * middle)
        self.low, self.high, self.first, self.last, self.log = low, high, first, last, log

    def __call__(self, value: float) -> float:
        low, high = (np.log(self.low), np.log(self.high)) if self.log else (self.low, self.high)
        at = np.log(max(value, self.low)) if self.log else value
        return round(float(self.first + (at - low) / (high - low) * (self.last - self.first)), 2)

    def ticks(self) -> Array:
        locator = LogLocator(numticks=6) if self.log else MaxNLocator(5)
        found = np.asarray(locator.tick_values(self.low, self.high))
        return found[(found >= self.low * (1 - 1e-9) - 1e-300) & (found <= self.high * (1 + 1e-9))]


def histogram(
    values: Array, unit: str, *, title: str, nominal: float, band: tuple[float, float] | None, ends: tuple[float, float]
) -> Chart:
    """How often values occur, with a goal's band, the nominal value and the worst cases."""
    low, high = min(values.min(), ends[0]), max(values.max(), ends[1])
    margin = 0.04 * (high - low)
    low, high = float(low - margin), float(high + margin)
    counts, edges = np.histogram(values, BINS, (low, high) if high > low else None)
    least, most = (engineering(float(end), unit) for end in (values.min(), values.max()))
    about = f"{len(values)} values from {least} to {most}"
    chart = Chart(title, about)
    x = _Axis(float(edges[0]), float(edges[-1]), LEFT, WIDTH - RIGHT)
    y = _Axis(0.0, float(counts.max()) * 1.05, HEIGHT - BOTTOM, TOP)
    if band is not None:
        first, last = (x(float(np.clip(end, edges[0], edges[-1]))) for end in band)
        chart.shapes.append(Shape("band", first, TOP, last - first, HEIGHT - BOTTOM - TOP))
    for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            top = y(count)
            chart.shapes.append(Shape("bar", x(left), top, max(x(right) - x(left) - 0.6, 0.4), HEIGHT - BOTTOM - top))
    for kind, value in (("nominal", nominal), ("worst", ends[0]), ("worst", ends[1])):
        chart.shapes.append(Shape(kind, x(value), TOP, x(value), HEIGHT - BOTTOM))
    _axes(chart, x, y, (unit, ""))
    chart.key = (("bar", "draws"), ("nominal", "nominal"), ("worst", "worst case of all samples"))
    chart.key += (("band", "goal"),) if band is not None else ()
    return chart


def losses(values: Sequence[float]) -> Chart:
    """The loss over the epochs."""
    y_values = np.asarray(values, dtype=float)
    log = bool((y_values > 0).all())
    chart = Chart("Loss", f"from {values[0]:.4g} to {min(values):.4g} in {len(values) - 1} epochs")
    x = _Axis(0.0, float(max(len(values) - 1, 1)), LEFT, WIDTH - RIGHT)
    y = _Axis(float(y_values.min()), float(y_values.max()), HEIGHT - BOTTOM, TOP, log)
    points = " ".join(f"{x(k)},{y(value)}" for k, value in enumerate(y_values.tolist()))
    chart.shapes.append(Shape("curve", 0, 0, points=points))
    _axes(chart, x, y, ("", ""), "epoch")
    return chart


def wanted_and_got(wanted: Array, got: Array, unit: str, title: str) -> Chart:
    """Outputs against what was wanted of them, sample by sample; on the line they are the same."""
    asked = np.flatnonzero(np.isfinite(wanted) & np.isfinite(got))
    if len(asked) > MOST_DOTS:
        asked = asked[np.linspace(0, len(asked) - 1, MOST_DOTS).astype(int)]
    wanted, got = wanted[asked], got[asked]
    low, high = float(min(wanted.min(), got.min())), float(max(wanted.max(), got.max()))
    off = float(np.abs(wanted - got).max())
    chart = Chart(title, f"{len(asked)} samples, at most {engineering(off, unit)} off")
    margin = 0.04 * (high - low)
    x = _Axis(low - margin, high + margin, LEFT, WIDTH - RIGHT)
    y = _Axis(low - margin, high + margin, HEIGHT - BOTTOM, TOP)
    chart.shapes.append(Shape("same", x(x.low), y(x.low), x(x.high), y(x.high)))
    chart.shapes += [Shape("dot", x(a), y(b)) for a, b in zip(wanted.tolist(), got.tolist(), strict=True)]
    _axes(chart, x, y, (unit, unit), "wanted")
    return chart


def _axes(chart: Chart, x: _Axis, y: _Axis, units: tuple[str, str], name: str = "") -> None:
    bottom, (unit, y_unit) = HEIGHT - BOTTOM, units
    chart.shapes += [Shape("axis", LEFT, bottom, WIDTH - RIGHT, bottom), Shape("axis", LEFT, TOP, LEFT, bottom)]
    for tick in x.ticks().tolist():
        chart.labels.append(Label(x(tick), bottom + 16, engineering(tick, unit, 4)))
        chart.shapes.append(Shape("axis", x(tick), bottom, x(tick), bottom + 4))
    for tick in y.ticks().tolist():
        text = f"{tick:.3g}" if y.log else engineering(tick, y_unit, 4)
        chart.labels.append(Label(LEFT - 8, y(tick) + 4, text, "end"))
        chart.shapes.append(Shape("axis", LEFT - 4, y(tick), LEFT, y(tick)))
    if name:
        chart.labels.append(Label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, name))
