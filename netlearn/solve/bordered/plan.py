"""What of a bordered circuit does not depend on resistances and drives, worked out once for all steps of training.

A step of training changes resistances and what sources drive, and nothing else. From these to the parts of the
equations, from errors of outputs back to derivatives by resistances, everything else is known beforehand: where each
resistor's conductance goes, which sources hold which nodes, the diodes' straight lines. Few samples take a compiled
call for each kind of state then, many the products of matrices of ``system``. Whatever is unusual is not decided here:
then there is no result, and the general way says what there is to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CurrentSource, Resistor
from netlearn.errors import CircuitError
from netlearn.solve.bordered.diodes import StraightDiodes
from netlearn.solve.bordered.layout import BorderedLayout
from netlearn.solve.bordered.matrix import BorderedFactors
from netlearn.solve.bordered.part import BALANCED, STEPS
from netlearn.solve.bordered.runs import runs
from netlearn.solve.compiled.load import available
from netlearn.solve.equations.linear_stamps import LinearStamps
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import NonlinearModel


class Compared(NamedTuple):
    """Pairs (n, 2) of states, and what each counts, ``shares`` (n,).

    0 stands for the free states, 1 and so on for those under K nudges, so many times as strong as one of them,
    ``factors`` (K,).
    """

    factors: Array
    pairs: Array
    shares: Array

    @classmethod
    def of(cls, scheme: Sequence[tuple[float, float]]) -> Compared:
        """For the contrasts of states with the free ones: nudges' factors, and what each contrast counts."""
        factors, shares = np.array(np.array(scheme, dtype=float).T, order="C")
        if len(factors) == 2 and shares[0] == -shares[1]:
            # The free states drop out of the difference of the two.
            return cls(factors, np.array([[2, 1]]), shares[:1])
        return cls(factors, np.array([(0, 1 + k) for k in range(len(factors))]), shares)


class PlannedStates(Protocol):
    """Free states of S samples, and what follows from them."""

    @property
    def read(self) -> Array:
        """(S, o) the outputs."""
        ...

    @property
    def volts(self) -> Array:
        """(S, t) at held nodes."""
        ...

    @property
    def moving(self) -> Array:
        """(S, r) the reduced unknowns."""
        ...

    @property
    def steps(self) -> int:
        """What the slowest sample took."""
        ...

    @property
    def factors(self) -> list[BorderedFactors] | None:
        """The eliminations at the states, as ``BorderedSystem`` keeps them; None where nobody has them like that."""
        ...

    def by_resistance(self, errors: Array) -> Array | None:
        """The derivatives (k,) by all resistances of a function with the derivatives ``errors`` (S, o) by the outputs.

        None where they would not be exact.
        """
        ...

    def contrast(
        self, conductance: Array, current: Array, strength: float, compared: Compared, scale: float
    ) -> Array | None:
        """What resistors (k,) compare between pairs of states: Σ shares (∂Φ/∂R of the second - ∂Φ/∂R of the first).

        That is multiplied by ``scale``, and Φ is the co-content. A nudge is its factor times ``strength`` times
        ``conductance`` (o,) and ``current`` (S, o) from the first to the second end of each output. None where one of
        the states is not found, or has a negative conductance and no positive definite Jacobian.
        """
        ...

    def transfer(self, samples: Array) -> Array | None:
        """What the outputs see of one ampere through each other, in ohms, at some of the ``samples`` (S',), (S', o, o).

        None where it would not be exact. All ends of the outputs have to be of the border or ground.
        """
        ...


@dataclass(frozen=True, eq=False)
class BorderedPlan:
    """The plan for a circuit with h inner unknowns and m of the border, and for its outputs."""

    model: NonlinearModel
    layout: BorderedLayout
    diodes: StraightDiodes
    tolerances: Tolerances
    resistors: tuple[int, ...]
    """The groups of resistors, whose resistances (k,) stand one group after another."""
    firsts: Array
    """Where each of these groups begins among the resistances, and, last, their number k."""
    runs: Array
    """(n, 5): the resistors in runs, see ``runs``."""
    outputs: Array
    """(2, o): of both ends of each output the number of the unknown, inner ones first, -1 for ground, and -2 - t for
    the tree node t."""
    nodes: tuple[Array, Array]
    """(o,) the nodes at both ends of the outputs."""
    push: tuple[Array, Array] | None
    """The same, if all outputs can be nudged: if these nodes are of the border or ground, and both ends differ."""
    injected: sparse.csr_array | None
    """(j, r): what current sources add to the equations, in the order of the groups ``injecting``."""
    injecting: tuple[int, ...]
    """The groups of current sources."""

    @classmethod
    def of(cls, circuit: Circuit, plus: Array, minus: Array) -> BorderedPlan | None:
        """The plan for outputs between such nodes, (o,) each; None for a circuit of another kind.

        Independent sources alone may differ from sample to sample.
        """
        if not available() or circuit.linear or circuit.nodeset:
            return None
        try:
            model = NonlinearModel.of(circuit)
        except CircuitError:
            # The general way says it each time that it is asked.
            return None
        layout = None if model.linear_part is None or model.dtype.kind == "c" else BorderedLayout.of(model)
        diodes = None if layout is None else layout.diodes(model.equations.prepared)
        if layout is None or diodes is None or max(plus.max(initial=-1), minus.max(initial=-1)) >= len(circuit.nodes):
            return None
        reduction, (inner, border) = model.reduction, layout.sizes
        number = np.empty(inner + border, dtype=np.int64)
        number[layout.inner], number[layout.border] = np.arange(inner), inner + np.arange(border)
        unknown = np.where(reduction.place >= 0, number[np.maximum(reduction.place, 0)], -1)
        resistors, injecting = (
            tuple(g for g, group in enumerate(circuit.groups) if len(group) and isinstance(group.device, kind))
            for kind in (Resistor, CurrentSource)
        )
        index = [np.asarray(circuit.groups[g].index)[:, :2] for g in resistors]
        ends = np.stack([plus, minus])
        held = np.where(reduction.at_tree >= 0, -2 - reduction.at_tree, GROUND)
        outputs = np.where(np.append(unknown, -1)[ends] >= 0, np.append(unknown, -1)[ends], held[ends])
        free = ((outputs >= inner) | (ends == GROUND)).all() and not (plus == minus).any()
        injected = None
        if injecting:
            at = np.append(unknown, -1)[np.concatenate([np.asarray(circuit.groups[g].index) for g in injecting])]
            k, t = np.nonzero(at >= 0)
            entries = np.array([1.0, -1.0])[t], (k, at[k, t])
            injected = sparse.coo_array(entries, shape=(len(at), inner + border)).tocsr()
        every = np.concatenate([np.zeros((0, 2), dtype=np.int64), *index])
        return cls(
            model,
            layout,
            diodes,
            Tolerances.of(circuit),
            resistors,
            np.cumsum([0, *map(len, index)]),
            runs(every, unknown, reduction.at_tree, inner),
            np.ascontiguousarray(outputs, dtype=np.int64),
            (plus, minus),
            (plus, minus) if free else None,
            injected,
            injecting,
        )

    @cached_property
    def stamps(self) -> LinearStamps:
        """Where conductances go in the reduced equations."""
        assert self.model.linear_part is not None
        return self.model.linear_part.stamps

    @cached_property
    def driven(self) -> tuple[Array, Array, bool]:
        """Where the inner equations and those of the border are among those that held nodes drive, see the layout."""
        return self.layout.places(self.stamps.coupling.equations)

    @cached_property
    def incidence(self) -> Array:
        """(o, r) the derivatives of the outputs by the reduced unknowns."""
        result, place = np.zeros((len(self.nodes[0]), self.model.reduction.size + 1)), self.model.reduction.place
        for nodes, sign in zip(self.nodes, (1.0, -1.0), strict=True):
            np.add.at(result, (np.arange(len(nodes)), np.append(place, -1)[nodes]), sign)
        return result[:, :-1]

    @cached_property
    def ends(self) -> Array | None:
        """(m, o) the incidence matrix of the outputs at the border, None where one of them is elsewhere."""
        return None if self.push is None else self.layout.ends(*self.push)

    @cached_property
    def products_in_place(self) -> slice | None:
        """Which resistors lead from all held nodes to all inner ones, in the order of both and alone; None for none."""
        coupling, groups = self.stamps.coupling, self.stamps.groups
        if not (self.driven[2] and coupling.in_order and len(coupling.elements) == 1):
            return None
        n, elements = coupling.elements[0]
        first = int(self.firsts[self.resistors.index(groups[n].group)])
        return slice(first + elements.start, first + elements.stop) if isinstance(elements, slice) else None

    def in_order(self, moving: Array) -> Array:
        """The reduced unknowns (S, r) as (r, S), inner ones first."""
        y = moving.T
        return np.ascontiguousarray(
            y if self.layout.in_order else np.concatenate([y[self.layout.inner], y[self.layout.border]])
        )

    @cached_property
    def at_border(self) -> Array:
        """(2, o): the same as ``outputs`` with numbers in the border, where these are of the border or ground."""
        return self.outputs - self.layout.sizes[0]

    @cached_property
    def grounded(self) -> bool:
        """Whether all outputs are voltages of unknown nodes against ground."""
        return bool((self.outputs[0] >= 0).all() and (self.outputs[1] == GROUND).all())

    @property
    def most(self) -> int:
        """So many steps are taken."""
        return min(STEPS, self.tolerances.iterations)

    @property
    def allowed(self) -> float:
        """How far samples may be from Kirchhoff's laws."""
        return BALANCED

    def part(self, resistances: Array, g: int) -> Array:
        """Those of a group among numbers (k,) of all resistors."""
        n = self.resistors.index(g)
        return resistances[self.firsts[n] : self.firsts[n + 1]]

    def drives(self, currents: Sequence[Array], samples: int) -> Array | None:
        """What current sources of (j,) or (S, j) amperes, group by group, add to the equations, (S, r); None for no."""
        if self.injected is None:
            return None
        wide = np.concatenate([np.broadcast_to(each, (samples, each.shape[-1])) for each in currents], axis=1)
        # The product's columns may lie along memory.
        return np.ascontiguousarray(wide @ self.injected)

    def settled(
        self,
        resistance: Array,
        volts: Array,
        drives: Array | None,
        start: Array | None,
        *,
        copy: Array | None = None,
    ) -> PlannedStates | None:
        """The free states with the resistances (k,), held nodes at ``volts`` (S, t), and ``drives`` (S, r), if any.

        From the inner voltages ``start`` (S, h), or with no diode conducting. ``copy`` (k,), if there is one, becomes a
        copy of the resistances, which costs less where they are read. None where values are not finite, where a
        resistance is not above zero, and where a sample has not arrived after a few steps.
        """
        # Both take plans apart.
        from netlearn.solve.bordered import few, planned_few, planned_many

        kind = planned_few.FewStates if len(volts) <= few.MOST else planned_many.ManyStates
        return kind.settled(self, resistance, volts, drives, start, copy=copy)
