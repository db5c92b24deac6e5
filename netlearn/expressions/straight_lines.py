"""Straight lines through points: ``table`` and ``pwl`` of expressions, with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.expressions.limits import Number


@dataclass(frozen=True, slots=True)
class StraightLines:
    """Straight lines through (x1, y1), (x2, y2), ..., whose coordinates may be arrays too.

    Beyond the ends they go on, or stay level. With ``rounded`` each corner is a parabola over
    a tenth of the shorter neighbour on either side, as ngspice has it in TABLE.
    """

    level: bool
    rounded: bool = False

    def value(self, x: Number, *points: Number) -> Number:
        offset, slope, bend, start = self.piece(x, points)
        return start + slope * offset + bend * offset**2

    def slopes(self, x: Number, *points: Number) -> Sequence[Number]:
        return LineSlopes(self, x, points)

    def piece(self, x: Number, points: tuple[Number, ...]) -> tuple[Number, Number, Number, Number]:
        """Offset from an anchor, slope and half the curvature there, and the value at the anchor."""
        coordinates = _stacked(points, np.ndim(x))
        xs, ys = coordinates[0::2], coordinates[1::2]
        lengths = np.diff(xs, axis=0)
        slopes = np.diff(ys, axis=0) / lengths
        flat = np.zeros_like(slopes[:1])
        before = np.concatenate([flat if self.level else slopes[:1], slopes])
        after = np.concatenate([slopes, flat if self.level else slopes[-1:]])
        # A point's own stretch reaches half way to its neighbours.
        nearest = np.sum(np.real(x) >= (np.real(xs[1:]) + np.real(xs[:-1])) / 2.0, axis=0)
        center, low, high, value = (_at(nearest, each) for each in (xs, before, after, ys))
        side = np.real(x) - np.real(center)
        if not self.rounded:
            return x - center, np.where(side < 0, low, high), 0.0, value
        left, right = np.concatenate([lengths[:1], lengths]), np.concatenate([lengths, lengths[-1:]])
        half = 0.1 * _at(nearest, np.where(np.real(left) < np.real(right), left, right))
        inside = np.abs(side) < np.real(half)
        anchor = np.where(inside, center - half, center)
        slope = np.where(inside | (side < 0), low, high)
        bend = np.where(inside, (high - low) / (4.0 * half), 0.0)
        return x - anchor, slope, bend, value - np.where(inside, low * half, 0.0)


def _stacked(points: Sequence[Number], axes: int) -> Array:
    """The coordinates (n, ...) of points, with at least so many axes behind the first."""
    # Each of thousands takes a microsecond to look at, and six to broadcast.
    shapes = {np.shape(point) for point in points}
    if len(shapes) > 1:
        points = np.broadcast_arrays(*points)
    stacked = np.array(points)
    return stacked.reshape(len(stacked), *(1,) * (axes + 1 - stacked.ndim), *stacked.shape[1:])


def _at(nearest: Array, each: Array) -> Array:
    """What ``each`` (n, ...) has at the point that is ``nearest`` (...)."""
    whole = np.broadcast_to(each, (len(each), *nearest.shape))
    return np.asarray(np.take_along_axis(whole, nearest[None], 0)[0])


@dataclass(frozen=True, slots=True)
class LineSlopes(Sequence[Number]):
    """Derivatives by x and by each coordinate, worked out one by one as hardly ever all are needed."""

    lines: StraightLines
    x: Number
    points: tuple[Number, ...]

    def __len__(self) -> int:
        return 1 + len(self.points)

    def __getitem__(self, at: int) -> Number:  # type: ignore[override]
        if at == 0:
            offset, slope, bend, _ = self.lines.piece(self.x, self.points)
            return slope + 2.0 * bend * offset
        stepped = list(self.points)
        stepped[at - 1] = stepped[at - 1] + 1e-30j
        return np.imag(self.lines.value(np.real(self.x), *stepped)) / 1e-30
