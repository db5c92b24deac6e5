"""The equations of a circuit at its present values, as the compiled loops take them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import Balance, Laws, Linear, Settling
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.lockstep.elements import LockstepElements
from netlearn.solve.lockstep.layout import EliminationLayout
from netlearn.solve.matrices.condensation import Condensation
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import ROUNDING, NonlinearModel


@dataclass(frozen=True, eq=False)
class LockstepEquations:
    """What follows from a circuit's wiring and values, but for what its independent sources drive."""

    reduction: SourceReduction
    elements: LockstepElements
    layout: EliminationLayout
    data: Array
    """Entries (nnz,) of the linear part of the reduced equations."""
    condensation: Condensation | None
    left: Array
    """The entries of the linear part of the equations that Newton's method solves, condensed or not."""

    @classmethod
    def of(cls, model: NonlinearModel, elements: LockstepElements | None = None) -> LockstepEquations | None:
        """None where a device has no compiled law, and where too much is left to be eliminated sample by sample.

        ``elements`` may be known from the circuit that this one extends.
        """
        if model.dtype.kind == "c":
            return None
        alone = model.linear_part is None or model.linear_part.base is None
        work = lambda: cls.build(model, elements or LockstepElements.of(model))  # noqa: E731
        return model.equations.own.once((cls, alone), work)

    @classmethod
    def build(cls, model: NonlinearModel, elements: LockstepElements | None) -> LockstepEquations | None:
        """Work them out."""
        layout = None if elements is None else EliminationLayout.of(model, elements)
        if elements is None or layout is None:
            return None
        reduction, data = model.reduction, model.reduced_data
        if layout.last is None:
            return cls(reduction, elements, layout, data, None, data)
        condensed = Condensation.of(reduction, data, layout.last)
        if condensed is None:
            return None
        condensation, left = condensed
        return cls(reduction, elements, layout, data, condensation, left.T.ravel())

    @cached_property
    def laws(self) -> Laws:
        """The nonlinear part of the equations that Newton's method solves."""
        return self.layout.frame.laws(self.elements)

    @cached_property
    def linear(self) -> Linear:
        """Their linear part."""
        return self.layout.frame.linear(self.left)

    @cached_property
    def whole_laws(self) -> Laws:
        """The nonlinear part of all reduced equations, and of the currents into tree nodes below them."""
        laws = self.laws if self.condensation is None else self.layout.whole.laws(self.elements)
        return laws._replace(writes=self.layout.whole.flows)

    @cached_property
    def whole_linear(self) -> Linear:
        """The linear part of all reduced equations."""
        return self.layout.whole.linear(self.data)

    @cached_property
    def nodes(self) -> Array:
        """Which of the unknowns that Newton's method solves for (n,) are voltages."""
        return self.reduction.is_node[self.layout.frame.members]

    @cached_property
    def under(self) -> Array:
        """The equation (t,) that the current into each tree node that elements touch is part of, n for none.

        A floating source's node stands above another one, whose law is that of both.
        """
        reduction, whole = self.reduction, self.layout.whole
        at = reduction.place[reduction.tree[whole.sourced]]
        size = len(whole.members)
        return np.where(at >= 0, np.append(whole.equation, size)[at], size)

    def limits(self, tolerances: Tolerances) -> tuple[Settling, Balance]:
        """When Newton's method ends, and when Kirchhoff's laws hold."""
        if tolerances not in self._limits:
            is_node, whole = self.reduction.is_node, self.layout.whole
            floor = tolerances.floor(is_node)[self.layout.frame.members, 0]
            settling = Settling(tolerances.reltol, floor, tolerances.iterations)
            floor = np.where(is_node, tolerances.abstol, tolerances.vntol)[whole.equations]
            sums = np.bincount(whole.rows, np.abs(self.data), len(floor)).astype(float)
            self._limits[tolerances] = settling, Balance(floor, ROUNDING, sums)
        return self._limits[tolerances]

    @cached_property
    def _limits(self) -> dict[Tolerances, tuple[Settling, Balance]]:
        return {}
