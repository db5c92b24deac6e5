"""Functions that keep a value within limits, sharply or by a rounded corner, and their derivatives.

LTspice documents ``limit``, ``uplim`` and ``dnlim`` for its behavioural sources.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Number = Any
"""A float, a complex number or an array of either; what branches does so on the real part."""


def between(x: Number, a: Number, b: Number) -> Number:
    """x, but not beyond a or b, whichever of them is the larger."""
    swapped = np.real(a) > np.real(b)
    low, high = np.where(swapped, b, a), np.where(swapped, a, b)
    return np.where(np.real(x) >= np.real(high), high, np.where(np.real(x) <= np.real(low), low, x))


def between_slopes(x: Number, a: Number, b: Number) -> tuple[Number, ...]:
    """The derivatives of ``between`` by x, a and b."""
    x, a, b = np.real(x), np.real(a), np.real(b)
    above, below = x >= np.maximum(a, b), x <= np.minimum(a, b)
    at_a = np.where(a > b, above, below & ~above)
    return (
        np.where(above | below, 0.0, 1.0),
        np.where(at_a, 1.0, 0.0),
        np.where((above | below) & ~at_a, 1.0, 0.0),
    )


def ceiling(x: Number, limit: Number, zone: Number) -> Number:
    """x below limit - zone, limit above limit + zone, and a parabola that touches both in between."""
    inside = limit - (limit + zone - x) ** 2 / (4.0 * zone)
    return np.where(
        np.real(x) <= np.real(limit - zone), x, np.where(np.real(x) >= np.real(limit + zone), limit, inside)
    )


def ceiling_slopes(x: Number, limit: Number, zone: Number) -> tuple[Number, ...]:
    """The derivatives of ``ceiling`` by x, limit and zone."""
    below, above = np.real(x) <= np.real(limit - zone), np.real(x) >= np.real(limit + zone)
    bend = (limit + zone - x) / (2.0 * zone)
    return (
        np.where(below, 1.0, np.where(above, 0.0, bend)),
        np.where(below, 0.0, np.where(above, 1.0, 1.0 - bend)),
        np.where(below | above, 0.0, bend * bend - bend),
    )


def floor(x: Number, limit: Number, zone: Number) -> Number:
    """The mirror image of ``ceiling``: x above limit + zone, limit below limit - zone."""
    return -ceiling(-x, -limit, zone)


def floor_slopes(x: Number, limit: Number, zone: Number) -> tuple[Number, ...]:
    """The derivatives of ``floor`` by x, limit and zone."""
    by_x, by_limit, by_zone = ceiling_slopes(-x, -limit, zone)
    return by_x, by_limit, -by_zone
