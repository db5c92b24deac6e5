"""Published laws of memory devices, in parts x of the largest state: noise by the state, drift, 1/f noise.

Those of phase-change memory are the fits to a million measured devices of S. R. Nandakumar and others, "Phase-change
memory models for deep learning training and inference", ICECS 2019, as V. Joshi and others, "Accurate deep neural
network inference using computational phase-change memory", Nature Communications 11, 2473 (2020), use them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array

PCM_WRITE = (0.26348 / 25, 1.9650 / 25, -1.1731 / 25)
"""The polynomial for the spread of writing of Nandakumar and others (2019), in parts of the largest conductance, which
was 25 µS."""
PCM_FLICKER = (0.0088, 0.65, 0.2)
"""The q, p and most of ``flicker``, as Joshi and others (2020) have them."""
PCM_T0 = 20.0
"""Seconds after writing at which the devices of Nandakumar and others (2019) were first read."""
LEAST = 1e-7
"""Where laws have a logarithm or a power of the state, a smaller one counts as this: by convention, far below what
devices tell from nothing."""


def deviation(coefficients: Sequence[float], x: Array) -> Array:
    """σ(x) = max(c0 + c1 x + c2 x² + ..., 0), in parts of the largest state."""
    return np.asarray(np.maximum(np.polynomial.polynomial.polyval(np.asarray(x), coefficients), 0.0))


def pcm_exponents(x: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the drift exponent ν of phase-change memory; ν is the size of such a number."""
    log = np.log(np.maximum(x, LEAST))
    return np.clip(-0.0155 * log + 0.0244, 0.049, 0.1), np.clip(-0.0125 * log - 0.0059, 0.008, 0.045)


def drifted(state: Array, exponents: Array, at: float, t0: float) -> Array:
    """G(t) = G0 (t/t0)^-ν; nothing drifts before ``t0``."""
    return np.asarray(state * (max(at, t0) / t0) ** -exponents)


def flicker(x: Array, at: float, law: Sequence[float], reading: float) -> Array:
    """Relative standard deviation that 1/f noise adds up to ``at`` seconds after writing.

    min(q x^-p, most) √ln((t + r) / 2r) with ``law`` (q, p, most) and a reading of r seconds.
    """
    q, p, most = (*law, *(0.0, np.inf)[len(law) - 1 :])
    size = np.minimum(q * np.maximum(x, LEAST) ** -p, most)
    return np.asarray(size * np.sqrt(np.log(max((at + reading) / (2 * reading), 1.0))))
