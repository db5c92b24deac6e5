"""Devices where their equations have no finite value: a quotient at zero, a root below zero, an overflow.

They are taken at the nearest place that a few trials find, and count as limited there, so that
Newton's method goes on along the tangent from that place and never ends there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values

HALVINGS = 8
"""Halvings of a step that leaves where equations are finite, by convention: 1/256 of a volt after one of a volt."""


def finite_near(device: Device, place: Array, last: Array | None, prepared: Values) -> tuple[Array, Array, Array]:
    """Places (S, k, T) where a device's residual is finite, with it and its Jacobian, as near to ``place`` as can be.

    On the way from the ``last`` ones if there are any, else in some direction. Where only the Jacobian
    is not finite, as that of a root at zero, one near by stands in for it.
    """
    current, slope = device.residual(place, prepared), device.jacobian(place, prepared)
    valued, lost = _finite(current, 1), ~(_finite(current, 1) & _finite(slope, 2))
    if not lost.any():
        return place, current, slope
    place, current, slope = np.array(place), np.array(current), np.array(slope)
    for trial in _trials(place.copy(), last):
        there = np.where(lost[..., None], trial, place)
        now, steep = device.residual(there, prepared), device.jacobian(there, prepared)
        found = lost & _finite(now, 1) & _finite(steep, 2)
        slope[found] = steep[found]
        moved = found & ~valued
        place[moved], current[moved] = there[moved], now[moved]
        lost &= ~found
        if not lost.any():
            break
    return place, current, slope


def sizes(slope: Array) -> Array:
    """Magnitudes, zero for what is not finite."""
    return np.asarray(np.where(np.isfinite(slope), np.abs(slope), 0.0))


def _finite(values: Array, axes: int) -> Array:
    """Whether all numbers along the last axes are finite."""
    return np.asarray(np.isfinite(values).all(axis=tuple(range(-axes, 0))))


def _trials(place: Array, last: Array | None) -> Iterator[Array]:
    if last is not None:
        for k in range(1, HALVINGS + 1):
            yield last + 0.5**k * (place - last)
        yield last
        return
    # Unequal volts: a difference, too, is not zero.
    terminals = np.arange(1, place.shape[-1] + 1)
    for volts in (1.0, 1e-3):
        for direction in (1.0 / terminals, 1.0 / terminals[::-1], -1.0 / terminals, -1.0 / terminals[::-1]):
            yield place + volts * direction
