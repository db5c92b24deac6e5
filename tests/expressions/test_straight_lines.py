"""Straight lines through points are numpy's, whatever shapes their coordinates have, and cheap where they are many."""

from __future__ import annotations

import cProfile

import numpy as np
import pytest

from netlearn.expressions.straight_lines import StraightLines


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("kind", ["numbers", "arrays", "both"])
def test_lines_are_those_of_interpolation(shape, kind):
    rng = np.random.default_rng(1)
    xs, ys = np.cumsum(rng.uniform(0.1, 1, (6, 4)), axis=0), rng.normal(size=(6, 4))
    if kind == "numbers":
        xs, ys = (np.repeat(each[:, :1], 4, axis=1) for each in (xs, ys))
    elif kind == "both":
        xs[2:], ys[::2] = xs[2:, :1] + 2, ys[::2, :1]
    points = [np.float64(row[0]) if np.all(row == row[0]) else row for pair in zip(xs, ys, strict=True) for row in pair]
    x = rng.uniform(-1, 6, shape)
    whole = np.broadcast_to(x, np.broadcast_shapes(x.shape, *(np.shape(point) for point in points)))
    lines = StraightLines(level=True)
    wanted = np.array(
        [np.interp(each, xs[:, at[-1] if at else 0], ys[:, at[-1] if at else 0]) for at, each in np.ndenumerate(whole)]
    )
    found = lines.value(x, *points)
    assert found.shape == whole.shape
    assert found.ravel() == pytest.approx(wanted, rel=1e-12)
    slopes = lines.slopes(x, *points)
    step = 1e-7
    assert slopes[0] == pytest.approx(
        (lines.value(x + step, *points) - lines.value(x - step, *points)) / (2 * step), rel=1e-5
    )
    moved = [*points[:3], points[3] + step, *points[4:]]
    assert slopes[4] == pytest.approx((lines.value(x, *moved) - found) / step, abs=1e-6)


def test_a_point_takes_a_few_calls():
    xs = np.arange(20_000.0)
    points = [np.array([value]) for x in xs for value in (x, x * x)]
    with cProfile.Profile() as profile:
        found = StraightLines(level=True).value(np.array([[123.5]]), *points)
    assert found == pytest.approx(np.array([[np.interp(123.5, xs, xs * xs)]]))
    # To broadcast each would be twelve.
    assert sum(each.callcount for each in profile.getstats()) < 4 * len(points)
