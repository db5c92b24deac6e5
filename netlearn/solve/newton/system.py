"""The reduced equations of a nonlinear circuit for a set of samples, sample axis last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import Values
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.wiring import Wiring
from netlearn.solve.compiled.load import available
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.diagnosis import not_finite
from netlearn.solve.equations.linear_part import LinearPart
from netlearn.solve.equations.prepared import only_drives
from netlearn.solve.equations.source_reduction import Dictated, SourceReduction
from netlearn.solve.matrices.many import Pattern, pattern_for, pivoting
from netlearn.solve.newton.domain import finite_near, sizes
from netlearn.solve.newton.regeneration import may_regenerate
from netlearn.solve.newton.shunt import Shunt

FLOAT = np.dtype(float)
PLAIN = frozenset({FLOAT})
ROUNDING = 1e-8
"""Part of slopes times unknowns that counts as current, so that its millionth stands for a few digits of rounding."""

CACHED_NUMBERS, MOST_NUMBERS = 1_000_000, 12_000_000
"""Numbers in the factors of samples that are solved together: 8 MB as what caches hold, and 96 MB as what memory is to
hold, by convention."""
SMALL_CHUNK, LARGEST_CHUNK = 64, 2048
"""Samples that are solved together where there are no compiled loops: as many as keep their numbers in a processor's
cache, or at least the small one where memory allows that, by convention, which shares the cost of each call; lattices
of 4x4 diodes take 1.08 times as long with half the largest one, and as long with twice (benchmarks/part_sizes.py)."""


@dataclass(frozen=True)
class NonlinearModel:
    """What all samples share: the circuit split into a linear part and nonlinear groups."""

    circuit: Circuit
    equations: Equations
    reduction: SourceReduction
    linear_part: LinearPart | None
    """The linear part of the reduced equations, where it does not need ``linear_data``."""

    @classmethod
    def of(cls, circuit: Circuit, near: NonlinearModel | None = None) -> NonlinearModel:
        """Raises CircuitError for loops of voltage sources and values that are not finite.

        What is known of a circuit ``near`` by, which this one extends by a few elements, is taken from there.
        """
        equations, reduction = Equations.of(circuit), SourceReduction.of(circuit)
        base = near.linear_part if near is not None and _extends(circuit, near.circuit) else None
        model = cls(circuit, equations, reduction, LinearPart.of(equations, reduction, base))
        if model.linear_part is not None:
            finite = model.linear_part.finite
        else:
            finite = bool(np.isfinite(model.linear_data).all() and np.isfinite(model.constant[model.driven]).all())
        if not finite:
            raise not_finite(circuit)
        return model

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Real, or complex if any value is."""
        groups = self.circuit.groups
        own = self.equations.own.once("dtype", lambda: _dtype(group for group in groups if not only_drives(group)))
        drives = _dtype(group for group in groups if only_drives(group))
        return own if drives is FLOAT else np.result_type(own, drives)

    @cached_property
    def nonlinear(self) -> list[int]:
        """The numbers of the nonlinear groups."""
        return self.circuit.wiring.nonlinear

    @cached_property
    def at_rest(self) -> bool:
        """Whether devices begin at no volts: diodes without feedback, which leave no choice of operating points.

        All others begin where SPICE has them begin, so that of several operating points the same one is found.
        """
        return self.equations.own.once("at rest", self._may_begin_at_rest)

    def _may_begin_at_rest(self) -> bool:
        devices = self.circuit.wiring.devices
        if not all(isinstance(devices[g], Diode | IdealDiode) for g in self.nonlinear):
            return False
        held = self.reduction.place < 0
        held[len(self.circuit.nodes) :] = False
        return not may_regenerate(self.circuit, held)

    @cached_property
    def linear_data(self) -> Array:
        """The linear groups' entries in the full Jacobian, (nnz,) or (nnz, S)."""
        return self.equations.own.once("linear data", self._linear_data)

    def _linear_data(self) -> Array:
        linear = [g for g, group in enumerate(self.circuit.groups) if group.device.linear]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.equations.jacobian(groups=linear)

    @cached_property
    def reduced_data(self) -> Array:
        """The linear groups' entries in the reduced Jacobian, (nnz,) or (nnz, S)."""
        if self.linear_part is not None:
            return self.linear_part.entries
        return self.equations.own.once(
            "reduced data", lambda: np.asarray(self.reduction.pattern.adder @ self.linear_data)
        )

    @cached_property
    def linear_matrix(self) -> sparse.csr_array:
        """The linear part of the reduced Jacobian, where all samples share it."""
        return self.reduction.matrix(self.linear_data).tocsr()

    @cached_property
    def constant(self) -> Array:
        """F(0) of the linear groups, (N,) or (N, S)."""
        return self.equations.constant()

    @cached_property
    def driven(self) -> Array:
        """The equations (d,) that sources may have a part in: those of all others have a zero in ``constant``."""
        return self.circuit.wiring.once(_driven, lambda: _driven(self.circuit.wiring))

    @cached_property
    def compiled(self) -> bool:
        """Whether compiled loops may solve them: not when these come to be there amid the work."""
        return available()

    @cached_property
    def pattern(self) -> Pattern:
        """How the reduced systems are solved."""
        # Compiled loops take real numbers, and one sample alone does not repay loading them.
        together = self.dtype.kind == "f" and (self.circuit.samples or 1) > 1 and self.compiled
        return pattern_for(self.circuit, self.reduction, together=together)

    @cached_property
    def pivoting(self) -> Pattern:
        """The same with row interchanges."""
        return pivoting(self.reduction)

    @cached_property
    def adders(self) -> dict[int, tuple[sparse.csr_array, sparse.csr_array]]:
        """Per nonlinear group: the matrices that sum its residuals and derivatives into reduced ones."""
        topology, reduction = self.equations.topology, self.reduction
        return {
            g: (
                (reduction.gather @ topology.currents[g]).tocsr(),
                (reduction.pattern.adder @ topology.stamps[g]).tocsr(),
            )
            for g in self.nonlinear
        }

    def take(self, g: int, samples: Array) -> Values:
        """A group's prepared values for some samples."""
        prepared = self.equations.prepared[g]
        count = self.circuit.samples
        if count is None:
            return prepared
        return {
            name: value[samples] if np.ndim(value) >= 2 and len(value) == count else value
            for name, value in prepared.items()
        }


def _dtype(groups: Iterable[Group]) -> np.dtype[Any]:
    """The kind of number that float and all values of groups can be."""
    kinds = {np.asarray(value).dtype for group in groups for value in group.values.values()}
    return FLOAT if kinds <= PLAIN else np.result_type(float, *kinds)


def _extends(circuit: Circuit, near: Circuit) -> bool:
    """Whether a circuit is another with more elements, but no more unknowns, and the same ones are left of these."""
    first = circuit.groups[: len(near.groups)]
    if (
        len(circuit.groups) <= len(near.groups)
        or circuit.size != near.size
        or circuit.environment is not near.environment
    ):
        return False
    if not all(one is other for one, other in zip(first, near.groups, strict=True)):
        return False

    def alike() -> bool:
        one, other = SourceReduction.of(circuit), SourceReduction.of(near)
        return np.array_equal(one.place, other.place) and np.array_equal(one.at_tree, other.at_tree)

    return circuit.wiring.once(("extends", near.wiring), alike)


def _driven(wiring: Wiring) -> Array:
    pairs = zip(wiring.devices, wiring.indices, strict=True)
    ends = [np.ravel(index) for device, index in pairs if device.linear and not device.homogeneous]
    index = np.unique(np.concatenate([np.zeros(0, np.int64), *ends]))
    return index[index >= 0]


def chunks(model: NonlinearModel, count: int) -> list[Array]:
    """``count`` samples in parts whose factors fit into the caches, as far as that goes."""
    if not count:
        return []
    fits, allowed = CACHED_NUMBERS // model.pattern.cost, MOST_NUMBERS // model.pattern.cost
    size = max(1, min(max(fits, SMALL_CHUNK), allowed, LARGEST_CHUNK))
    return [np.arange(first, min(first + size, count)) for first in range(0, count, size)]


def _columns(values: Array, samples: Array) -> Array:
    """(n, S') of (n,) or (n, S)."""
    return values[:, samples] if values.ndim == 2 else np.broadcast_to(values[:, None], (len(values), len(samples)))


@dataclass(frozen=True)
class System:
    """F(y) = 0 for some samples: y (r, S) are the reduced unknowns, x = Z y + ``offset`` without source currents."""

    model: NonlinearModel
    samples: Array
    offset: Array
    """(N, S): what the eliminated sources add to the unknowns."""
    drive: Array
    """(r, S): the linear part of F at y = 0."""
    linear: Array
    """(nnz,) or (nnz, S): the linear part's entries in the reduced Jacobian."""
    shunt: Shunt | None = None

    @classmethod
    def of(cls, model: NonlinearModel, samples: Array, strength: Array | None = None) -> System:
        """The equations of some samples; ``strength`` (S,) scales their independent sources."""
        reduction = model.reduction
        constant = _columns(model.constant, samples)
        if strength is not None:
            constant = constant * strength
        data = model.linear_data[:, samples] if model.linear_data.ndim == 2 else model.linear_data
        # F(0) stands on the side of J x, so that it is its negative that sources dictate.
        drive, dictated = reduction.reduce(data, constant.T)
        offset = np.ascontiguousarray(reduction.lifted(-dictated.volts).T)
        entries = np.asarray(reduction.pattern.adder @ data)
        return cls(model, samples, offset, np.ascontiguousarray(drive.T), entries)

    def restricted(self, kept: Array) -> System:
        """The equations of the samples at the places ``kept``."""
        if len(kept) == len(self.samples):
            return self
        linear = self.linear[:, kept] if self.linear.ndim == 2 else self.linear
        shunt = None if self.shunt is None else self.shunt.restricted(kept)
        return System(self.model, self.samples[kept], self.offset[:, kept], self.drive[:, kept], linear, shunt)

    def shunted(self, conductance: Array, anchor: Array, equations: Array | None = None) -> System:
        """The same with a ``Shunt``."""
        return replace(self, shunt=Shunt(conductance, anchor, equations))

    def places(self, y: Array) -> dict[int, Array]:
        """The unknowns (S, k, T) of all nonlinear groups."""
        return {g: self.local(g, y) for g in self.model.nonlinear}

    def started(self, y: Array) -> dict[int, Array]:
        """Where (S, k, T) SPICE has all nonlinear groups start, which are guessed to be at ``y`` (r, S)."""
        groups = self.model.circuit.groups
        return {g: groups[g].device.start(at, self.model.take(g, self.samples)) for g, at in self.places(y).items()}

    def local(self, g: int, y: Array, part: Callable[[Array], Array] = np.asarray) -> Array:
        """The unknowns (S, k, T) of a nonlinear group, or ``part`` of both that they are sums of."""
        index = np.asarray(self.model.circuit.groups[g].index)
        place = np.append(self.model.reduction.place, -1)[index]
        moving = np.concatenate([y, np.zeros((1, y.shape[1]), y.dtype)])[place]
        fixed = np.concatenate([self.offset, np.zeros((1, y.shape[1]), self.offset.dtype)])[index]
        return np.ascontiguousarray(np.moveaxis(part(moving) + part(fixed), -1, 0))

    def linear_residual(self, y: Array) -> Array:
        """The linear part of F, (r, S)."""
        if self.linear.ndim == 1:
            return np.asarray(self.model.linear_matrix @ y) + self.drive
        return self.model.reduction.product(self.linear, y) + self.drive

    def residual(self, y: Array) -> tuple[Array, Array]:
        """F(y) (r, S), and the sum of the magnitudes that cancel in it."""
        total = self.linear_residual(y)
        scale = np.abs(self.drive) + np.abs(total - self.drive)
        # What the rounding of a linear solve alone can move counts, too: currents that cancel inside
        # an element, at its internal unknowns or between large conductances, show only in its slopes.
        rounding = ROUNDING * np.abs(y).max(axis=0, initial=0.0)
        scale = scale + self.model.reduction.product(np.abs(self.linear), np.broadcast_to(rounding, y.shape))
        for g in self.model.nonlinear:
            device = self.model.circuit.groups[g].device
            place, prepared = self.local(g, y), self.model.take(g, self.samples)
            current = device.residual(place, prepared)
            inside = sizes(device.jacobian(place, prepared)).sum(axis=-1) * rounding[:, None, None]
            adder = self.model.adders[g][0]
            total = total + adder @ current.reshape(len(current), -1).T
            scale = scale + adder @ (np.abs(current) + inside).reshape(len(current), -1).T
        return total, scale

    def rounding(self, y: Array) -> Array:
        """How far F(y) is from zero (S,), in units of the rounding of the terms that each equation sums up."""
        model, reduction = self.model, self.model.reduction
        size, shift = np.asarray(reduction.spread @ np.abs(y)), np.abs(self.offset)
        data = model.linear_data[:, self.samples] if model.linear_data.ndim == 2 else model.linear_data
        terms = np.abs(_columns(model.constant, self.samples)) + apply_inner(reduction, np.abs(data), size + shift)
        terms, total = np.asarray(reduction.gather @ terms), self.linear_residual(y)
        for g in model.nonlinear:
            device, place, prepared = model.circuit.groups[g].device, self.local(g, y), model.take(g, self.samples)
            current, reach = device.residual(place, prepared), self.local(g, y, np.abs)
            inside = (sizes(device.jacobian(place, prepared)) @ reach[..., None])[..., 0]
            adder = model.adders[g][0]
            total = total + adder @ current.reshape(len(current), -1).T
            terms = terms + adder @ (np.abs(current) + inside).reshape(len(current), -1).T
        if self.shunt is not None:
            conductance, anchor = self.shunt.conductance, self.shunt.anchor
            total = self.shunt.added(total, conductance * (y - anchor))
            terms = self.shunt.added(terms, np.abs(conductance) * (np.abs(y) + np.abs(anchor)))
        tiny = np.finfo(float).tiny
        result: Array = (np.abs(total) / (np.finfo(float).eps * terms + tiny)).max(axis=0, initial=0.0)
        return result

    def newton(
        self, y: Array, last: Mapping[int, Array] | None, *, at: Mapping[int, Array] | None = None, cold: bool = False
    ) -> tuple[Array, Array, dict[int, Array], Array]:
        """The equations linear around ``y``, with junction voltages limited from their ``last`` ones.

        Without ``last`` ones the devices are taken ``at`` given places, or at ``y``, or if that is ``cold`` where
        they start; and where they have no finite value, near by.

        Returns F (r, S) and the Jacobian's entries (nnz, S), so that J dy = -F is Newton's step;
        the junctions' places (S, k, T) by group; and which samples (S,) were limited.
        """
        total = self.linear_residual(y)
        entries = self.linear if self.linear.ndim == 2 else self.linear[:, None]
        data = np.array(np.broadcast_to(entries, (len(entries), y.shape[1])), dtype=np.result_type(entries, y))
        places, limited = {}, np.zeros(y.shape[1], dtype=bool)
        for g in self.model.nonlinear:
            device, prepared = self.model.circuit.groups[g].device, self.model.take(g, self.samples)
            wanted = place = self.local(g, y)
            if last is not None:
                place = device.limit(wanted, last[g], prepared)
            elif at is not None:
                place = at[g]
            elif cold and self.model.at_rest:
                place = device.limit(wanted, np.zeros_like(wanted), prepared)
            elif cold:
                place = device.start(wanted, prepared)
            place, current, slope = finite_near(device, place, None if last is None else last[g], prepared)
            moved = wanted - place
            far = (np.abs(moved) > 1e-12 + 1e-9 * np.abs(wanted)).any(axis=(1, 2))
            if far.any():
                # The device is linear from where it was evaluated to where the unknowns are.
                current = current + (slope @ moved[..., None])[..., 0]
                limited |= far
            currents, stamps = self.model.adders[g]
            mask = self.model.equations.topology.masks[g]
            total = total + currents @ current.reshape(len(current), -1).T
            data = data + stamps @ slope[..., mask].reshape(len(slope), -1).T
            places[g] = place
        if self.shunt is not None:
            entries = self.shunt.entries(self.model.reduction)
            data[entries] += self.shunt.conductance[self.model.reduction.columns[entries]]
            total = self.shunt.added(total, self.shunt.conductance * (y - self.shunt.anchor))
        return total, data, places, limited

    def unknowns(self, y: Array) -> Array:
        """All unknowns x (N, S), the source currents among them."""
        model, reduction = self.model, self.model.reduction
        data = model.linear_data[:, self.samples] if model.linear_data.ndim == 2 else model.linear_data
        into = -_columns(model.constant[reduction.tree], self.samples).T
        dictated = Dictated(self.offset[reduction.tree].T, into)
        return reduction.recover(data, y.T, dictated, others=lambda _: self._at_tree(y)).T

    def _at_tree(self, y: Array) -> Array:
        """The currents (S, s) of nonlinear elements at the sources' tree nodes."""
        model, tree = self.model, self.model.reduction.tree
        total = np.zeros((len(tree), y.shape[1]), y.dtype)
        for g in model.nonlinear:
            at_sources = model.equations.topology.currents[g][tree, :]
            if at_sources.nnz:
                device = model.circuit.groups[g].device
                current = device.residual(self.local(g, y), model.take(g, self.samples))
                total = total + at_sources @ current.reshape(len(current), -1).T
        return total.T


def apply_inner(reduction: SourceReduction, data: Array, x: Array) -> Array:
    """J x (N, S) without the eliminated sources, for J's entries (nnz,) or (nnz, S) and x (N, S)."""
    topology = reduction.topology
    if data.ndim == 1:
        return np.asarray(topology.matrix(np.where(reduction.inner, data, 0.0)) @ x)
    total = np.zeros(x.shape, np.result_type(data, x))
    kept = reduction.inner
    np.add.at(total, topology.rows[kept], data[kept] * x[topology.columns[kept]])
    return total
