"""How far present values are from a minimum of the training loss."""

from __future__ import annotations

import numpy as np

from netlearn.influences.local import Local

CREST = 1e-3
"""The damping of the step that is tried, at least: what curvature hardly sees is no loss to take away. On networks
whose training goes on to take away 0.0090 of their loss a step is predicted to take 0.0089 with 1e-4, 0.0066 with 1e-3
and 0.0027 with 1e-2 (n = 5, spreads as large): less on purpose, as what is flat is where predictions are wrong
(benchmarks/constants_of_learning.py)."""


def unsettled(local: Local, damping: float, iterations: int) -> float:
    """The part of the mean loss that a Gauss-Newton step from the present values is predicted to take away."""
    shares = np.full(len(local), 1.0 / len(local))
    gradient = local.gradient(shares)
    # A loss that has come down to rounding leaves nothing to take away.
    loss, size = float(shares @ local.losses), float(np.mean(np.abs(local.errors))) ** 2
    if not np.any(gradient) or loss <= np.finfo(float).eps ** 2 * max(size, 1.0):
        return 0.0
    step = local.system(shares, gradient, max(damping, CREST), iterations).solve(gradient)
    return 0.5 * float(gradient @ step) / loss
