"""What of operating points training keeps to start from: the unknowns that the solver begins at, and no others.

Of a layered network most unknowns are voltages that sources hold, and the currents of these sources. The internal
solver looks at none of them where it starts, and to work them out may take longer than a step of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError
from netlearn.learn.model import Model
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import ReducedStates, moving_of


@dataclass(frozen=True)
class KeptStates:
    """Which of a circuit's N unknowns are kept: the r that ``reduction`` leaves, or all of them without one."""

    circuit: Circuit
    reduction: SourceReduction | None

    @classmethod
    def of(cls, model: Model) -> KeptStates:
        """Those of a model; all, too, where another solver is asked, which may look at any."""
        circuit = model.parameters.circuit
        if model.text is not None or model.chip is not None or type(model.solver) is not InternalSolver:
            return cls(circuit, None)
        try:
            return cls(circuit, SourceReduction.of(circuit))
        except CircuitError:
            # The solver says it where it comes to it.
            return cls(circuit, None)

    @property
    def size(self) -> int:
        """How many numbers are kept of each sample, n."""
        return self.circuit.size if self.reduction is None else self.reduction.size

    def of_point(self, point: OperatingPoint) -> Array:
        """What is kept (S, n) of operating points."""
        moving = None if self.reduction is None else moving_of(point.states, self.reduction)
        return point.x if moving is None else moving

    def start(self, kept: Array) -> OperatingPoint:
        """Where to start from what was kept (S, n): operating points whose other unknowns are NaN."""
        circuit, reduction = self.circuit, self.reduction
        if reduction is None:
            return OperatingPoint(circuit, kept)

        def complete() -> Array:
            x = np.full((len(kept), circuit.size), np.nan)
            x[:, reduction.members] = kept
            return x

        held = np.broadcast_to(np.nan, (len(kept), len(reduction.sources))) if len(reduction.sources) else None
        return OperatingPoint.of_states(circuit, ReducedStates(reduction, held, kept, complete))
