"""Elements that outnumber their nodes, between nodes that sources hold and one that moves, as one element at that one.

``codegen.one_ports`` says how. Where a sample's held voltages reach too far for it, elements are taken as they are.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.solve.crowds import Crowd, crowd_places, crowds
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.lockstep.elements import ElementPart, Frame, LockstepElements
from netlearn.solve.lockstep.equations import LockstepEquations
from netlearn.solve.lockstep.layout import EliminationLayout
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.terminals import values_of
from netlearn.solve.threads import in_parts

if TYPE_CHECKING:
    from netlearn.solve.codegen.one_ports import OnePortLaw

WIDTH = 8
"""Samples in a vector of machine code, by the definition of LANES in ``compiled.rows``."""
BLOCK = 200
"""So many samples are summed at a time, by convention as many as ``law_products`` takes."""
MOST_SUMS = 16_000_000
"""So many sums are kept for all samples, 128 MB by convention; beyond them elements are taken as they are."""
_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 12)


@dataclass(frozen=True, eq=False)
class _Lie:
    """How a crowd's elements lie: ``reads`` (k, c) are tree nodes at their held terminals, ``crowd`` as machine code

    takes it, ``firsts`` (h,) the first element at each hub, and ``hubs`` (h,) these unknowns.
    """

    reads: Array
    crowd: Array
    firsts: Array
    hubs: Array

    @classmethod
    def of(cls, circuit: Circuit, g: int, elements: Array, crowd: Crowd, law: OnePortLaw) -> _Lie | None:
        """None where a held terminal is at no source's node."""
        index = np.asarray(circuit.groups[g].index)[elements]
        reads = SourceReduction.of(circuit).at_tree[index[:, list(law.beside)]].astype(np.int64)
        if not len(law.beside) or (reads < 0).any():
            return None
        hub = index[:, crowd.hub]
        firsts = np.flatnonzero(np.append(True, hub[1:] != hub[:-1]))
        return cls(np.ascontiguousarray(reads), crowd_places(reads, hub), firsts, hub[firsts])


@dataclass(frozen=True, eq=False)
class _Summed:
    """Elements of a crowd whose sums stand from column ``column`` on."""

    law: OnePortLaw
    lie: _Lie
    values: Array
    column: int

    @property
    def columns(self) -> int:
        return self.law.middles + self.law.count * len(self.lie.hubs)

    def index(self, size: int) -> Array:
        """The unknowns (h, c) of the elements at hubs, with numbers from ``size`` on for the columns."""
        law, first = self.law, size + self.column
        middles = np.tile(first + np.arange(law.middles), (len(self.lie.hubs), 1))
        sums = first + law.middles + np.arange(law.count * len(self.lie.hubs)).reshape(-1, law.count)
        return np.concatenate([self.lie.hubs[:, None], middles, sums], axis=1)

    def sums(self, rows: Array) -> Array:
        """A row that is above zero where the others do not hold, and what columns are, for voltages (s, lanes)."""
        found, lie = np.zeros((1 + self.columns, rows.shape[1])), self.lie
        reads, values = lie.reads.ctypes.data, self.values.ctypes.data
        same = [reads, reads, reads, reads, lie.crowd.ctypes.data, values]
        to = [found.ctypes.data] * 5
        _FUNCTION(self.law.sums)(len(lie.reads), rows.shape[1], *same, rows.ctypes.data, *to)
        return found


@dataclass(frozen=True, eq=False)
class HeldSums:
    """What one-ports are made of in samples: ``volts`` (S, p + h), the sums and, behind them, what sources hold.

    (1, p + h) for all alike. ``near`` (S,) or (1,) says which samples they are for.
    """

    volts: Array
    near: Array

    @property
    def everywhere(self) -> bool:
        """Whether they are for all samples."""
        return bool(self.near.all())

    def for_sample(self, samples: Array) -> Array:
        """Whether they are for each of some samples."""
        return np.broadcast_to(self.near, len(samples)) if len(self.near) == 1 else self.near[samples]


@dataclass(frozen=True, eq=False)
class OnePorts:
    """The equations with one-ports in place of elements, and ``held`` (h,), the tree nodes that others still touch."""

    equations: LockstepEquations
    summed: tuple[_Summed, ...]
    held: Array

    @classmethod
    def of(cls, model: NonlinearModel, equations: LockstepEquations) -> OnePorts | None:
        """None where there are none."""
        alone = model.linear_part is None or model.linear_part.base is None
        return model.equations.own.once((cls, alone), lambda: cls.build(model, equations))

    @classmethod
    def build(cls, model: NonlinearModel, equations: LockstepEquations) -> OnePorts | None:
        """Work them out."""
        if all(part.hub is None for part in equations.elements.parts):
            return None
        # With numba, which may not be there.
        from netlearn.solve.codegen.one_ports import one_port_of

        circuit, parts, summed, columns = model.circuit, list[ElementPart](), list[_Summed](), 0
        sets = [(g, *some) for g in model.nonlinear for some in crowds(circuit, g, model.reduction.place)]
        for part, (g, terminals, elements, crowd) in zip(equations.elements.parts, sets, strict=True):
            own = values_of(model.equations.prepared[g], elements, len(circuit.groups[g]))
            found = None
            if crowd is not None and crowd.moving == (crowd.hub,):
                law = one_port_of(circuit.groups[g].device, own, terminals, crowd)
                found = _summed(circuit, g, elements, crowd, law)
            if found is None or not found[0].holds(own):
                parts.append(part)
                continue
            law, lie = found
            values, at_hubs = law.parameters(own, lie.firsts, len(elements))
            one = _Summed(law, lie, values, columns)
            columns += one.columns
            summed.append(one)
            parts.append(replace(part, law=law.law, hub=None, index=one.index(circuit.size), values=at_hubs))
        if not summed:
            return None
        ports = LockstepElements(tuple(parts), columns)
        layout = EliminationLayout.of(model, ports)
        if layout is None:
            return None
        layout, held = circuit.wiring.once(
            ("one-ports", layout), partial(_compact, layout, len(model.reduction.tree), columns)
        )
        return cls(replace(equations, elements=ports, layout=layout), tuple(summed), held)

    def sums(self, volts: Array) -> HeldSums | None:
        """From the voltages (S, s) at tree nodes; None where they are of use in no sample, or too many to be kept."""
        columns = sum(one.columns for one in self.summed)
        if len(volts) * columns > MOST_SUMS:
            return None
        result, near = np.empty((len(volts), columns + len(self.held))), np.ones(len(volts), bool)

        def work(first: int, last: int) -> None:
            rows = np.empty((volts.shape[1], -(-(last - first) // WIDTH) * WIDTH))
            rows[:, : last - first], rows[:, last - first :] = volts[first:last].T, volts[last - 1, :, None]
            for one in self.summed:
                found = one.sums(rows)[:, : last - first]
                near[first:last] &= found[0] == 0.0
                result[first:last, one.column : one.column + one.columns] = found[1:].T

        in_parts(work, len(volts), BLOCK)
        result[:, columns:] = volts[:, self.held]
        return HeldSums(result, near) if near.any() else None


def _summed(
    circuit: Circuit, g: int, elements: Array, crowd: Crowd, law: OnePortLaw | None
) -> tuple[OnePortLaw, _Lie] | None:
    if law is None:
        return None
    key = ("lie of one-ports", g, elements.tobytes(), law.beside)
    lie = circuit.wiring.once(key, lambda: _Lie.of(circuit, g, elements, crowd, law))
    return None if lie is None else (law, lie)


def _compact(layout: EliminationLayout, sources: int, columns: int) -> tuple[EliminationLayout, Array]:
    """The layout with the sums' columns first, and then those of the tree nodes that are still touched."""
    tree = np.concatenate([layout.frame.tree, layout.whole.tree])
    held = np.unique(tree[tree < sources])

    def moved(frame: Frame) -> Frame:
        at = np.where(frame.tree < sources, columns + np.searchsorted(held, frame.tree), frame.tree - sources)
        return replace(frame, tree=at)

    frame = moved(layout.frame)
    return replace(layout, frame=frame, whole=frame if layout.whole is layout.frame else moved(layout.whole)), held
