"""The type of arrays, and what a letter in a shape means.

n nodes, m branch currents, N = n + m unknowns, S samples, k elements of a group, T terminals of a device,
P trained parameters, p inputs, o outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[Any]


def all_finite(numbers: Array) -> bool:
    """Whether all numbers are finite."""
    # What is not finite makes the sum so; only where that is, each number is looked at.
    with np.errstate(all="ignore"):
        return bool(np.isfinite(numbers.sum()) or np.isfinite(numbers).all())


def lasting(numbers: ArrayLike, dtype: DTypeLike) -> Array:
    """The same as numbers that stay as they are: a copy of what somebody can write to, or else no copy."""
    array = np.asarray(numbers)
    if array.dtype != dtype:
        return array.astype(dtype)
    below: Any = array
    while isinstance(below, np.ndarray) and not below.flags.writeable:
        below = below.base
    return array if below is None else np.array(array)


def moved_by(slopes: Array, moves: Array) -> Array:
    """``slopes`` (..., T, U) times ``moves`` (..., U), (..., T): what does not move moves nothing, however steep."""
    if not np.isfinite(slopes).all():
        slopes = np.where(moves[..., None, :] == 0, 0.0, slopes)
    return np.asarray((slopes @ moves[..., None])[..., 0])
