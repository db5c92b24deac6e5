"""How the equations of many samples in step are eliminated: in which order, and what of them once for all samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import InSeries, Recovery
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.lockstep.elements import Frame, LockstepElements
from netlearn.solve.matrices.batched_lu import BatchedLu
from netlearn.solve.matrices.many import MOST_WORK
from netlearn.solve.newton.system import NonlinearModel

LARGEST_DENSE = 300
"""Up to so many unknowns that nonlinear elements touch may be left of a network with amplifiers: with 75 of them, a
fifth of all nodes, it takes 5 times as long where no others are eliminated beforehand, 8 times with 150 and as long
with 300 (benchmarks/thresholds.py)."""


@dataclass(frozen=True, eq=False)
class EliminationLayout:
    """What depends on connections only: how to eliminate the equations of ``frame``, and all reduced ones, ``whole``.

    ``last`` are the unknowns that nonlinear elements touch, if the others are to be eliminated beforehand.
    """

    plan: BatchedLu
    frame: Frame
    whole: Frame
    last: Array | None

    @cached_property
    def between(self) -> InSeries:
        """Unknowns of ``frame`` with two neighbours and nonlinear elements to these only, none another's neighbour."""
        rows, columns = self.frame.rows, self.frame.columns
        size = len(self.frame.members)
        beside = rows != columns
        degree = np.bincount(rows[beside], minlength=size)
        chosen = (degree == 2) & np.isin(np.arange(size), self.frame.writes)
        chosen[self.frame.ends] = False
        # Of neighbours the first is taken.
        for i, j in zip(rows[beside].tolist(), columns[beside].tolist(), strict=True):
            if i < j and chosen[i] and chosen[j]:
                chosen[j] = False
        entry = np.full(size, -1)
        entry[rows[~beside]] = np.flatnonzero(~beside)
        found = np.flatnonzero(chosen & (entry >= 0))
        return InSeries(found, entry[found])

    def recovery(self, reduction: SourceReduction) -> tuple[Recovery, Array] | None:
        """How all unknowns follow from the reduced ones in a loop: ``SourceReduction.recovery``."""
        key = (EliminationLayout.recovery, self.whole.sourced.tobytes())
        return reduction.wiring.once(key, lambda: reduction.recovery(self.whole.sourced))

    @classmethod
    def of(cls, model: NonlinearModel, elements: LockstepElements) -> EliminationLayout | None:
        """None where too much is left to be eliminated sample by sample."""
        return model.circuit.wiring.once((cls, elements.key()), lambda: cls.build(model, elements))

    @classmethod
    def build(cls, model: NonlinearModel, elements: LockstepElements) -> EliminationLayout | None:
        """Work the layout out."""
        reduction = model.reduction
        last = elements.places(reduction)[0][elements.touched()]
        last = np.unique(last[last >= 0])
        symmetric = isinstance(model.pattern, BatchedLu)
        plan = model.pattern if isinstance(model.pattern, BatchedLu) else _paired(model)
        entries = reduction.pattern.rows, reduction.columns
        # What is left of an amplifier's network keeps its pivots on the diagonal, if voltages are all that is left.
        dense = len(last) ** 3 / (6 if symmetric else 3)
        condensed = len(last) < reduction.size and len(last) <= LARGEST_DENSE and reduction.is_node[last].all()
        if plan is not None and (not condensed or plan.work <= dense):
            if plan.work > MOST_WORK:
                return None
            frame = Frame.of(elements, reduction, entries, plan.order, plan.equations)
            return cls(plan, frame, frame, None)
        if not condensed:
            return None
        size, everything = len(last), np.arange(reduction.size)
        rows, columns = np.tile(np.arange(size), size), np.repeat(np.arange(size), size)
        full = BatchedLu(rows, size * np.arange(size + 1), symmetric=symmetric)
        members = last[full.order]
        frame = Frame.of(elements, reduction, (last[rows], last[columns]), members, members)
        whole = Frame.of(elements, reduction, entries, everything, everything)
        return cls(full, frame, whole, last)


def _paired(model: NonlinearModel) -> BatchedLu | None:
    """An order of elimination for equations that are not a co-content's. None where no pivots can be had.

    Kirchhoff's law at a node gives the node's voltage or, where a voltage is dictated there, the current of
    what dictates it, whose own equation then gives the voltage.
    """
    reduction = model.reduction
    rows, pointers, _ = reduction.pattern
    columns, node = reduction.columns, reduction.is_node
    cost = np.where((rows == columns) & node[rows], 1.0, 100.0)
    # A branch's equation, and Kirchhoff's laws at its ends, hold its voltage and current times one.
    unit = np.abs(model.reduced_data) == 1.0
    cost[unit & (node[rows] != node[columns])] = 1e-3
    graph = sparse.csr_array((cost, (rows, columns)), shape=(reduction.size, reduction.size))
    try:
        equation, unknown = min_weight_full_bipartite_matching(graph)
    except ValueError:
        return None
    partner = np.empty(reduction.size, dtype=np.int64)
    partner[unknown] = equation
    return BatchedLu(rows, pointers, partner=partner)
