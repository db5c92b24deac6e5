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

    def off_at(self, count: int, volts: Array) -> tuple[Array, Array | None]:
        """The conductances (h,) of all diodes if they do not conduct, and what held ``volts`` drive then, (h, S)."""
        if len(self.off) == count:
            # One diode at each node.
            slopes, node = self.off, np.arange(count)
        else:
            node = np.repeat(np.arange(count), np.diff(self.starts))
            slopes = np.bincount(node, self.off, count)
        if len(volts) == 1:
            return slopes, None
        drive = np.zeros((count, volts.shape[1]))
        np.add.at(drive, node, -self.off[:, None] * volts[self.held])
        return slopes, drive
