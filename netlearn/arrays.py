"""The type of arrays, and what a letter in a shape means.

n nodes, m branch currents, N = n + m unknowns, S samples, k elements of a group, T terminals of a device,
P trained parameters, p inputs, o outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def all_finite(numbers: Array) -> bool:
    """Whether all numbers are finite."""
    # What is not finite makes the sum so; only where that is, each number is looked at.
    with np.errstate(all="ignore"):
        return bool(np.isfinite(numbers.sum()) or np.isfinite(numbers).all())
