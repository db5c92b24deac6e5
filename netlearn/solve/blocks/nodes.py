"""Exact updates of blocks: each unknown's own equation, solved for it while all others stand still.

With a block's unknowns y, the equations are a y + c + I(y) = 0, one number each: a is the conductance that an
unknown sees, c what flows from all others, and I the current of the diodes at it, which rises with y. Where
there is at most one ideal diode at each unknown the solution is written down (B. Scellier, "A fast algorithm to
simulate nonlinear resistive networks", arXiv 2402.11674, 2024); else it is found by Newton's method in one
variable, kept between what is known to be too low and too high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import Device, Values
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.solve.equations.assembly import summing
from netlearn.solve.terminals import values_of

ENOUGH, ENOUGH_OF = 1e-9, 1e-12
"""A scalar Newton step of so many volts, or such a part of the voltage, is the last: it squares the error, so that what
is left is below float64's rounding of a volt."""
MOST_STEPS = 100
"""Steps for one unknown: SPICE's default of itl1."""
HALVED_FROM = 40
"""From this step on, every other one halves the interval that the solution lies in: layers of junctions never come so
far, and take as long with half or twice as many (benchmarks/part_sizes.py); 60 halvings are all of float64's digits."""


@dataclass(frozen=True, eq=False)
class NodeElements:
    """Nonlinear elements of one group that touch a block of n unknowns: the ``elements`` (k,) of ``count``.

    ``target`` (k, T) is the unknown of the block that each terminal moves with, n for none; ``place`` (k, T) is
    the reduced unknown of all, r for none; ``index`` (k, T) that of the circuit. ``own`` (k, T, T) says which
    terminals move together.
    """

    group: int
    device: Device
    elements: Array
    count: int
    index: Array
    place: Array
    target: Array
    own: Array
    adder: sparse.csr_array

    @classmethod
    def of(cls, circuit: Circuit, g: int, place: Array, block: Array, size: int) -> NodeElements | None:
        """Those of group ``g`` at ``block`` of the ``size`` reduced unknowns, ``place`` (N + 1,) of all.

        None where there are none.
        """
        group = circuit.groups[g]
        number = np.full(size + 1, len(block))
        number[block] = np.arange(len(block))
        index = np.asarray(group.index)
        reduced = np.where(place[index] < 0, size, place[index])
        target = number[reduced]
        elements = np.flatnonzero((target < len(block)).any(axis=1))
        if not len(elements):
            return None
        target = target[elements]
        own = (target[:, :, None] == target[:, None, :]) & (target[:, :, None] < len(block))
        adder = summing(target.ravel(), len(block))
        return cls(g, group.device, elements, len(group), index[elements], reduced[elements], target, own, adder)

    def values(self, prepared: Values) -> Values:
        """Prepared values of these elements."""
        return values_of(prepared, self.elements, self.count)

    @property
    def alone(self) -> bool:
        """Whether each is an ideal diode with one end in the block, and no two are at the same unknown."""
        ends = self.target[self.target < self.adder.shape[0]]
        return isinstance(self.device, IdealDiode) and len(ends) == len(self.target) == len(np.unique(ends))


@dataclass(frozen=True)
class Surroundings:
    """What a block's elements see: all reduced ``unknowns`` (r + 1, S), the last one zero; what sources add to the
    circuit's, ``offset`` (N + 1, S); and the groups' ``prepared`` values.
    """

    unknowns: Array
    offset: Array
    prepared: Mapping[int, Values]


@dataclass
class _Evaluated:
    """Elements with their terminals' voltages (k, T, S), of which those in the block change."""

    part: NodeElements
    prepared: Values
    volts: Array
    fixed: Array

    @classmethod
    def of(cls, part: NodeElements, around: Surroundings) -> _Evaluated:
        fixed = around.offset[part.index]
        return cls(part, part.values(around.prepared[part.group]), around.unknowns[part.place] + fixed, fixed)

    def move(self, y: Array) -> None:
        """Put the block's unknowns ``y`` (n, S) at its terminals."""
        inside = self.part.target < len(y)
        self.volts[inside] = y[self.part.target[inside]] + self.fixed[inside]

    def place(self) -> Array:
        return np.moveaxis(self.volts, -1, 0)

    def flow(self) -> tuple[Array, Array]:
        """What flows from the block's unknowns (n, S), and its slopes."""
        part, place = self.part, self.place()
        current = part.device.residual(place, self.prepared)
        slope = part.device.jacobian(place, self.prepared)
        own = (slope * part.own).sum(axis=-1)
        return part.adder @ current.reshape(len(current), -1).T, part.adder @ own.reshape(len(own), -1).T

    def allowed(self, before: Array) -> Array | None:
        """What part (k, S) of the step from ``before`` (k, T, S) a junction may take; None for all of it."""
        if not isinstance(self.part.device, Diode):
            return None
        wanted, last = self.place(), np.moveaxis(before, -1, 0)
        anode = wanted.shape[-1] - 1 if wanted.shape[-1] == 3 else 0
        limited = self.part.device.limit(wanted, last, self.prepared)
        moved = (wanted[..., anode] - wanted[..., 1]) - (last[..., anode] - last[..., 1])
        kept = (limited[..., anode] - limited[..., 1]) - (last[..., anode] - last[..., 1])
        part = np.where(moved == kept, 1.0, kept / np.where(moved == 0, 1.0, moved))
        return None if (part == 1.0).all() else np.clip(part, 1e-3, 1.0).T


@dataclass(frozen=True, eq=False)
class NodeUpdate:
    """The update of one block: its ``elements``, and whether their solution is written down."""

    elements: tuple[NodeElements, ...]
    closed: bool = False

    @classmethod
    def of(cls, elements: list[NodeElements]) -> NodeUpdate:
        """From the elements of all groups at the block."""
        touched = [part.target[part.target < part.adder.shape[0]] for part in elements]
        together = np.concatenate([np.zeros(0, np.int64), *touched])
        closed = all(part.alone for part in elements) and len(np.unique(together)) == len(together)
        return cls(tuple(elements), closed)

    def __call__(self, a: Array, c: Array, y: Array, around: Surroundings) -> Array:
        """The solutions (n, S) of a y + c + I(y) = 0, from ``y``, for ``a`` (n, 1) or (n, S) and ``c`` (n, S)."""
        if not self.elements:
            return np.asarray(-c / a)
        if self.closed:
            return self._written(a, c, around)
        return self._found(a, c, y, around)

    def _written(self, a: Array, c: Array, around: Surroundings) -> Array:
        others, offset, prepared = around.unknowns, around.offset, around.prepared
        result = np.asarray(-c / a)
        for part in self.elements:
            p = {name: _upright(value) for name, value in part.values(prepared[part.group]).items()}
            inside = part.target < len(c)
            terminal = inside.argmax(axis=1)
            rows = np.arange(len(terminal))
            at, sign = part.target[rows, terminal], np.where(terminal == 0, 1.0, -1.0)[:, None]
            index, place = part.index[rows, 1 - terminal], part.place[rows, 1 - terminal]
            far = others[place] + offset[index]
            # In v, the diode's own voltage: a v + I(v) = d.
            near, mine = offset[part.index[rows, terminal]], np.broadcast_to(a, (len(c), a.shape[1]))[at]
            d = -sign * (mine * (far - near) + c[at])
            off, on, reverse, vfwd, vrev = (p[name] for name in ("off", "on", "reverse", "vfwd", "vrev"))
            v = d / (mine + off)
            forward, backward = v >= vfwd, v <= -vrev
            v = np.where(forward, (d + (on - off) * vfwd) / (mine + on), v)
            if backward.any():
                v = np.where(backward, (d - (reverse - off) * vrev) / (mine + reverse), v)
            result[at] = far + sign * v - near
        return result

    def _found(self, a: Array, c: Array, y: Array, around: Surroundings) -> Array:
        parts = [_Evaluated.of(each, around) for each in self.elements]
        low, high = np.full(y.shape, -np.inf), np.full(y.shape, np.inf)
        for step in range(MOST_STEPS):
            total, slope = a * y + c, np.broadcast_to(a, y.shape)
            for part in parts:
                part.move(y)
                current, slopes = part.flow()
                total, slope = total + current, slope + slopes
            low, high = np.where(total < 0, y, low), np.where(total > 0, y, high)
            after = y - total / slope
            after = self._limited(parts, y, after)
            move = np.abs(after - y)
            middle = 0.5 * (low + high)
            halving = step >= HALVED_FROM and step % 2 == 0
            halved = np.isfinite(middle) & (halving | (after < low) | (after > high))
            small = ~halved & (move <= ENOUGH + ENOUGH_OF * np.abs(y))
            y = np.where(halved, middle, after)
            if small.all():
                break
        return y

    @staticmethod
    def _limited(parts: list[_Evaluated], y: Array, after: Array) -> Array:
        """Steps that no junction takes further than it may."""
        share: Array | None = None
        for part in parts:
            if not isinstance(part.part.device, Diode):
                continue
            before = part.volts.copy()
            part.move(after)
            allowed = part.allowed(before)
            if allowed is None:
                continue
            share = np.ones((len(y) + 1, y.shape[1])) if share is None else share
            for terminal in part.part.target.T:
                np.minimum.at(share, terminal, allowed)
        return after if share is None else y + share[:-1] * (after - y)


def _upright(value: Array) -> Array:
    """Values (k,) or (S, k) as (k, 1) or (k, S)."""
    return np.asarray(value).T if np.ndim(value) == 2 else np.reshape(value, (-1, 1))
