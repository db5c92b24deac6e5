"""Which circuits have a diagonal bordered by a few equations, and where their entries are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.base import Values
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.circuit.wiring import Wiring
from netlearn.solve.bordered.diodes import StraightDiodes, rises
from netlearn.solve.equations.source_reduction import in_a_row
from netlearn.solve.newton.system import NonlinearModel

MOST_BORDER, BORDER_SHARE, SMALL_BORDER = 128, 0.75, 24
"""Up to so many unknowns, and such a part of the inner ones or that few, a border's own elimination, in loops, is
little beside matrix products: training steps with 4 or 64 samples take 1.9 to 16 times as long by sparse elimination
for borders of 24 to 128 beside 300 or 1000 diodes, and 2.0 for 75 beside 100 (benchmarks/borders.py)."""
MOST_NUMBERS = 16_000_000
"""Of the products of all pairs in the border at each inner node: 128 MB by convention, 1900 nodes beside 128."""
DENSE = 0.25
"""From this share of all pairs of inner nodes and border on a matrix product is less work than sparse elimination: with
100 diodes and 16 unknowns in the border it takes 1.1 times as long for 0.125, as long for 0.25 and 0.8 for 0.5
(benchmarks/thresholds.py)."""


ELSEWHERE = -2
"""A number that stands for the place of what is not in the border."""


@dataclass(frozen=True, eq=False)
class BorderedLayout:
    """Inner unknowns (h,) with ideal diodes, none beside another, and those of the ``border`` (m,).

    ``diagonal`` (h,), ``beside`` (h, m) and ``square`` (m, m) are where the reduced matrix has their entries, its
    number of entries for none; ``rows`` and ``columns`` (p,) are the places of the square's lower triangle, row by row.
    """

    inner: Array | slice
    border: Array | slice
    sizes: tuple[int, int]
    diagonal: Array
    beside: Array
    square: Array
    rows: Array
    columns: Array
    groups: tuple[int, ...]
    counts: tuple[int, ...]
    order: Array
    """Which of the diodes of all ``groups``, one group after another, comes first at the first inner node, and so on"""
    starts: Array
    signs: Array
    held: Array
    at_border: Array
    """(N + 1,) the number of each unknown in the border, that of none for ground, the last one, or ELSEWHERE."""
    in_order: bool
    """Whether the reduced unknowns are the inner ones and then the border."""
    tree: Array
    """The tree nodes (t,) that hold diodes' other ends, in the rows 1, 2 and so on."""
    last: list[tuple[list[Values], StraightDiodes | None]] = field(default_factory=list, repr=False)
    """What diodes are with the last prepared values."""

    @classmethod
    def of(cls, model: NonlinearModel) -> BorderedLayout | None:
        """None for a circuit of another kind."""
        return model.circuit.wiring.once(cls.of, lambda: cls.build(model))

    @classmethod
    def build(cls, model: NonlinearModel) -> BorderedLayout | None:
        """Work it out."""
        wiring, reduction = model.circuit.wiring, model.reduction
        kinds = Resistor | VoltageSource | CurrentSource | IdealDiode
        used = [g for g, index in enumerate(wiring.indices) if len(index)]
        if not all(isinstance(wiring.devices[g], kinds) for g in used):
            return None
        groups = tuple(g for g in used if isinstance(wiring.devices[g], IdealDiode))
        if not groups or not reduction.is_node.all() or (reduction.place[reduction.tree] >= 0).any():
            return None
        index = np.concatenate([np.asarray(wiring.indices[g]) for g in groups])
        place, at_tree = np.append(reduction.place, -1)[index], reduction.at_tree[index]
        if (np.sum(place >= 0, axis=1) != 1).any():
            return None
        assert GROUND == -1
        terminal = np.argmax(place >= 0, axis=1)
        every = np.arange(len(index))
        node, other = place[every, terminal], at_tree[every, 1 - terminal]
        inner = np.unique(node)
        border = np.setdiff1d(np.arange(reduction.size), inner)
        rows, columns = reduction.pattern.rows, reduction.columns
        number, at_border = np.full(reduction.size, -1), np.full(reduction.size, -1)
        number[inner], at_border[border] = np.arange(len(inner)), np.arange(len(border))
        among = (number[rows] >= 0) & (number[columns] >= 0)
        most = min(MOST_BORDER, max(SMALL_BORDER, BORDER_SHARE * len(inner)))
        if len(border) > most or (rows[among] != columns[among]).any():
            return None
        if len(inner) * len(border) * (len(border) + 1) > 2 * MOST_NUMBERS:
            return None
        beside = np.full((len(inner), len(border)), len(rows))
        between = np.flatnonzero((number[rows] >= 0) & (at_border[columns] >= 0))
        if len(between) < DENSE * beside.size:
            return None
        beside[number[rows[between]], at_border[columns[between]]] = between
        diagonal = np.full(len(inner), len(rows))
        diagonal[number[rows[among]]] = np.flatnonzero(among)
        full = np.full((len(border), len(border)), len(rows))
        own = np.flatnonzero((at_border[rows] >= 0) & (at_border[columns] >= 0))
        full[at_border[rows[own]], at_border[columns[own]]] = own
        moved = reduction.place >= 0
        outside = np.full(len(moved) + 1, ELSEWHERE)
        outside[:-1][moved] = np.where(at_border >= 0, at_border, ELSEWHERE)[reduction.place[moved]]
        outside[-1] = len(border)
        i, j = np.tril_indices(len(border))
        order = np.argsort(node, kind="stable")
        tree = np.unique(other[other >= 0])
        held = np.where(other >= 0, np.searchsorted(tree, other) + 1, 0)
        return cls(
            in_a_row(inner),
            in_a_row(border),
            (len(inner), len(border)),
            diagonal,
            beside,
            full,
            i,
            j,
            groups,
            tuple(len(wiring.indices[g]) for g in groups),
            order,
            np.append(np.searchsorted(node[order], inner), len(order)),
            np.where(terminal == 0, 1.0, -1.0)[order],
            held[order],
            outside,
            np.array_equal(np.concatenate([inner, border]), np.arange(reduction.size)),
            tree,
        )

    def ends(self, plus: Array, minus: Array) -> Array | None:
        """The incidence matrix (m, o) at the border of elements between such nodes.

        None where a node is not there, and where an element has both ends at one node.
        """
        places, every = (self.at_border[plus], self.at_border[minus]), np.arange(len(plus))
        if any((each == ELSEWHERE).any() for each in places) or (plus == minus).any():
            return None
        # Ground has a row of its own, the last one.
        result = np.zeros((self.sizes[1] + 1, len(plus)))
        result[places[0], every] = 1.0
        result[places[1], every] -= 1.0
        return result[:-1]

    def diodes(self, prepared: Sequence[Values]) -> StraightDiodes | None:
        """The diodes with the groups' ``prepared`` values; None where samples differ in them, or a current falls."""
        own = [prepared[g] for g in self.groups]
        for before, known in self.last:
            # Diodes that are not trained are prepared once.
            if all(a is b for a, b in zip(own, before, strict=True)):
                return known
        if not all(map(rises, own)):
            self.last[:] = [(own, None)]
            return None
        parts = []
        for name in ("on", "off", "reverse", "vfwd", "vrev"):
            values = [np.asarray(each[name], dtype=float) for each in own]
            if any(value.ndim > 1 for value in values):
                return None
            whole = [np.full(n, v) if v.ndim == 0 else v for v, n in zip(values, self.counts, strict=True)]
            parts.append((whole[0] if len(whole) == 1 else np.concatenate(whole))[self.order])
        found = StraightDiodes(self.starts, self.signs, self.held, *parts)
        self.last[:] = [(own, found)]
        return found

    def driven(self, equations: Array, wiring: Wiring) -> tuple[Array, Array, bool]:
        """Where the inner equations (h,) and those of the border (m,) are among the driven ``equations`` (d,).

        d where one is not driven. Then whether all inner ones are driven, in their order, and none of the others.
        """
        return wiring.once(BorderedLayout.driven, lambda: self.places(equations))

    def places(self, equations: Array) -> tuple[Array, Array, bool]:
        """The same, worked out."""
        at = np.full(sum(self.sizes), len(equations))
        at[equations] = np.arange(len(equations))
        inner, border = at[self.inner], at[self.border]
        alone = np.array_equal(inner, np.arange(len(equations))) and bool((border == len(equations)).all())
        return inner, border, alone
