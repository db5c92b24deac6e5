"""The equations of a circuit as the compiled loops take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.solve.compiled.arguments import Laws, Linear
from netlearn.solve.crowds import crowd_places, crowds
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.equations.source_reduction import Dictated, SourceReduction
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.terminals import values_of

if TYPE_CHECKING:
    from netlearn.solve.codegen.compiled_law import CompiledLaw


@dataclass(frozen=True, eq=False)
class ElementPart:
    """LockstepElements that one law's machine code works on: all of a group, or those whose terminals coincide alike.

    ``index`` (k, c) are the unknowns at the law's terminals, ``values`` (p, k) what its code takes. Those that
    outnumber their nodes are in the order of the terminal ``hub``.
    """

    law: CompiledLaw
    group: int
    hub: int | None
    elements: Array
    index: Array
    values: Array


@dataclass(frozen=True, eq=False)
class LockstepElements:
    """All nonlinear elements of a circuit.

    Terminals may be at ``further`` numbers behind all unknowns, which are given for each sample beside what sources
    hold.
    """

    parts: tuple[ElementPart, ...]
    further: int = 0

    @classmethod
    def of(cls, model: NonlinearModel) -> LockstepElements | None:
        """None where values differ by sample or are complex, and where a device cannot be compiled."""
        # With numba, which may not be there.
        from netlearn.solve.codegen.laws import law_of

        if model.dtype.kind == "c" or (model.linear_part is None and model.linear_data.ndim > 1):
            return None
        parts = []
        for g in model.nonlinear:
            prepared = model.equations.prepared[g]
            if any(np.ndim(value) > 1 for value in prepared.values()):
                return None
            group = model.circuit.groups[g]
            index = np.asarray(group.index)
            for terminals, elements, crowd in crowds(model.circuit, g, model.reduction.place):
                own = values_of(prepared, elements, len(group))
                law = law_of(group.device, own, terminals, crowd)
                if law is None:
                    return None
                left = index[elements][:, list(law.terminals)]
                hub = None if crowd is None else law.terminals.index(crowd.hub)
                parts.append(ElementPart(law, g, hub, elements, left, law.parameters(own, len(elements))))
        return cls(tuple(parts))

    def touched(self) -> Array:
        """The unknowns that the elements depend on or carry currents of, each once."""
        found = [np.ravel(part.index) for part in self.parts]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))

    def places(self, reduction: SourceReduction) -> tuple[Array, Array]:
        """The reduced unknown and the tree node of each unknown, of ``further`` ones and, last, of ground; -1 for none.

        What is given beside the voltages of tree nodes has numbers behind theirs.
        """
        none = np.full(self.further + 1, -1)
        given = np.append(len(reduction.tree) + np.arange(self.further), -1)
        return np.concatenate([reduction.place, none]), np.concatenate([reduction.at_tree[:-1], given])

    def key(self) -> tuple[object, ...]:
        """What a layout depends on: which elements have which law's terminals and entries."""
        return tuple(
            (part.group, part.hub, part.elements.tobytes(), part.law.terminals, part.law.entries) for part in self.parts
        )


@dataclass(frozen=True)
class Sources:
    """What the independent sources of all samples do to the equations.

    ``driven`` (d,) are the reduced equations that get ``drive`` (S, d).
    """

    driven: Array
    drive: Array
    dictated: Dictated

    @classmethod
    def of(cls, model: NonlinearModel, count: int) -> Sources:
        """For ``count`` samples."""
        if model.linear_part is not None:
            driven, drive, into = model.linear_part.driven()
            volts = model.linear_part.volts
            if len(volts) != count:
                # Else all states of a step share the very same voltages.
                volts = np.broadcast_to(volts, (count, volts.shape[1]))
            if len(drive) != count:
                drive = np.broadcast_to(drive, (count, drive.shape[1]))
            into = np.broadcast_to(-into, (count, into.shape[1]))
            return cls(driven, drive, Dictated(volts, into))
        constant = model.constant if model.constant.ndim == 2 else model.constant[:, None]
        drives = RightSides(model.driven, constant[model.driven].T, len(constant))
        driven, drive, dictated = model.reduction.reduce_at(model.linear_data, drives)
        # The equations are F(0) + J x = 0, so that it is the negative of F(0) that sources dictate.
        drive, volts, into = (
            np.broadcast_to(part, (count, part.shape[1])) for part in (drive, -dictated.volts, -dictated.into)
        )
        return cls(driven, drive, Dictated(volts, into))


@dataclass(frozen=True)
class Frame:
    """Where n equations and their unknowns stand, which are some of the reduced ones.

    ``members`` (n,) are the reduced unknowns in the order of elimination, ``equations`` (n,) the reduced equations
    that are paired with them. ``unknown`` and ``equation`` (r,) are the places of all reduced ones, n for none.
    ``rows`` and ``columns`` (nnz,) are the places of the matrix's entries. ``lifted`` (l,) are the unknowns n and
    below that rows n + 1 and so on stand above, and ``tree`` (l,) by which of the sources' tree nodes. ``crowds``
    say how the elements of each part lie. ``flows`` are ``writes`` with a row for each of the tree nodes
    ``sourced`` (t,) that elements touch, n + 1 and so on. ``ends`` (e,) are unknowns with an element that goes from
    there to no other one, but to ground or a source.
    """

    members: Array
    equations: Array
    unknown: Array
    equation: Array
    rows: Array
    columns: Array
    lifted: Array
    tree: Array
    reads: Array
    moves: Array
    writes: Array
    flows: Array
    sourced: Array
    slots: Array
    crowds: tuple[Array, ...]
    firsts: Array
    ends: Array

    @classmethod
    def of(
        cls,
        elements: LockstepElements,
        reduction: SourceReduction,
        entries: tuple[Array, Array],
        members: Array,
        equations: Array,
    ) -> Frame:
        """From ``entries`` (rows, columns) among the reduced equations and unknowns."""
        place, at_tree = elements.places(reduction)
        size, everything = len(members), place.max(initial=-1) + 1
        unknown, equation = np.full(everything + 1, size), np.full(everything + 1, size)
        unknown[members], equation[equations] = np.arange(size), np.arange(size)
        rows, columns = equation[entries[0]], unknown[entries[1]]
        keys = columns.astype(np.int64) * (size + 1) + rows
        order = np.argsort(keys)
        touched = elements.touched()
        touched = touched[touched != GROUND]
        raised = touched[at_tree[touched] >= 0]
        row = unknown[place]
        row[raised] = size + 1 + np.arange(len(raised))
        sourced = np.unique(at_tree[raised])
        sourced = sourced[sourced < len(reduction.tree)]
        reads, moves, writes, flows, slots, firsts, ends = [], [], [], [], [], [(0, 0)], []
        crowded = []
        for part in elements.parts:
            reads.append(row[part.index].ravel())
            none = np.zeros(0, dtype=np.int64)
            crowded.append(none if part.hub is None else crowd_places(row[part.index], row[part.index[:, part.hub]]))
            moves.append(unknown[place[part.index]].ravel())
            writes.append(equation[place[part.index]].ravel())
            at = unknown[place[part.index]]
            ends.append(at[(at < size) & (np.sum(at < size, axis=1, keepdims=True) == 1)])
            node = at_tree[part.index].ravel()
            own = (node >= 0) & (node < len(reduction.tree))
            flows.append(np.where(own, size + 1 + np.searchsorted(sourced, node), writes[-1]))
            number = {t: c for c, t in enumerate(part.law.terminals)}
            pairs = np.array([(number[t], number[u]) for t, u in part.law.entries], dtype=np.int64).reshape(-1, 2)
            down, beside = equation[place[part.index[:, pairs[:, 0]]]], unknown[place[part.index[:, pairs[:, 1]]]]
            wanted = beside.astype(np.int64) * (size + 1) + down
            found = (
                order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
                if len(keys)
                else 0 * wanted
            )
            inside = (down < size) & (beside < size)
            slots.append(np.where(inside, found, len(keys)).ravel())
            firsts.append((firsts[-1][0] + part.index.size, firsts[-1][1] + slots[-1].size))
        return cls(
            members,
            equations,
            unknown[:-1],
            equation[:-1],
            rows,
            columns,
            unknown[place[raised]],
            at_tree[raised],
            _joined(reads),
            _joined(moves),
            _joined(writes),
            _joined(flows),
            sourced,
            _joined(slots),
            tuple(crowded),
            np.array(firsts, dtype=np.int64),
            _joined(ends),
        )

    def linear(self, data: Array) -> Linear:
        """The linear part with these entries."""
        order = self._by_row
        order = order[data[order] != 0.0]
        starts = np.searchsorted(self.rows[order], np.arange(len(self.members) + 1))
        return Linear(self.rows, self.columns, data, starts, self.columns[order], data[order])

    @cached_property
    def _by_row(self) -> Array:
        return np.lexsort((self.columns, self.rows))

    def laws(self, elements: LockstepElements) -> Laws:
        """The nonlinear part."""
        values = np.concatenate([np.zeros(0), *(part.values.ravel() for part in elements.parts)])
        table, kept, first, crowd = np.zeros((len(elements.parts), 10), dtype=np.int64), 0, 0, 0
        # Steps are corrected for all curvature or for none, as their convergence is foretold from it.
        corrected = all(part.law.corrected for part in elements.parts)
        for g, part in enumerate(elements.parts):
            law, (terminals, slots) = part.law, self.firsts[g]
            curve = law.curve if corrected else 0
            table[g] = law.step, law.balance, curve, len(part.index), terminals, slots, first, law.kept, kept, crowd
            kept += law.kept * len(part.index)
            first += part.values.size
            crowd += len(self.crowds[g])
        straight = corrected and not kept and not table[:, 2].any()
        lie = _joined(self.crowds)
        return Laws(table, self.reads, self.moves, self.writes, self.slots, lie, values, kept, straight)


def _joined(parts: Sequence[Array]) -> Array:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts]).astype(np.int64)
