"""Ideal diodes between inner nodes and what holds the voltage at their other end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Values


def rises(prepared: Values) -> bool:
    """Whether currents of ideal diodes with ``prepared`` values never fall with their voltage, and do not jump."""
    slopes = all(bool((np.asarray(prepared[name]).real >= 0).all()) for name in ("on", "off", "reverse"))
    return slopes and bool((np.asarray(prepared["vfwd"]).real >= -np.asarray(prepared["vrev"]).real).all())


class StraightDiodes(NamedTuple):
    """Diodes (k,), those of one inner node after those of another: ``starts`` (h + 1,) says where each node's begin.

    ``signs`` are 1 for a diode from the inner node on, -1 for one that ends there; ``held`` is the row of the voltage
    of the other end, 0 for ground. The five others are the law's, conductances in siemens and corners in volts.
    """

    starts: Array
    signs: Array
    held: Array
    on: Array
    off: Array
    reverse: Array
    forward: Array
    backward: Array
