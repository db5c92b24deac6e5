"""Conductances beside a circuit, by which Newton's method is led to where it settles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.equations.source_reduction import SourceReduction


@dataclass(frozen=True)
class Shunt:
    """Conductances (r, S) from the unknowns to given voltages ``anchor`` (r, S), which ease convergence."""

    conductance: Array
    anchor: Array
    equations: Array | None = None
    """The equation (r,) that each one's current stands in, if not the unknown's own."""

    def restricted(self, kept: Array) -> Shunt:
        """The same for some of the samples."""
        return Shunt(self.conductance[:, kept], self.anchor[:, kept], self.equations)

    def entries(self, reduction: SourceReduction) -> Array:
        """Where in the reduced Jacobian's entries the conductances stand."""
        if self.equations is None:
            return reduction.diagonal
        return np.flatnonzero(reduction.pattern.rows == self.equations[reduction.columns])

    def added(self, total: Array, current: Array) -> Array:
        """The sums (r, S) with the conductances' currents."""
        if self.equations is None:
            return total + current
        total = total.copy()
        np.add.at(total, self.equations, current)
        return total
