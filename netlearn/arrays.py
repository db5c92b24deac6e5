"""The type of arrays, and what a letter in a shape means.

n nodes, m branch currents, N = n + m unknowns, S samples, k elements of a group, T terminals of a device,
P trained parameters, p inputs, o outputs.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
