"""What can be read of an operating point: unknowns, currents into terminals, powers; and its exact derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, TEMPERATURE, Circuit, Column
from netlearn.circuit.devices.base import ZERO_CELSIUS, Device, Values


@dataclass(frozen=True)
class Between:
    """One unknown less another: volts, or the amperes of a branch; GROUND reads zero."""

    plus: int
    minus: int = GROUND


@dataclass(frozen=True)
class Current:
    """The current in amperes that flows from outside into a terminal of an element, times ``sign``."""

    group: int
    element: int
    terminal: int
    sign: float = 1.0


@dataclass(frozen=True)
class Power:
    """The power in watts that elements take in, times ``sign``: for each group their places."""

    elements: tuple[tuple[int, tuple[int, ...]], ...]
    sign: float = 1.0


@dataclass(frozen=True)
class Quantity:
    """A number of the netlist, or the temperature in degrees Celsius."""

    name: str


@dataclass(frozen=True)
class Fixed:
    """A constant of nature or of mathematics."""

    value: float


Reading = Between | Current | Power | Quantity | Fixed


@dataclass(frozen=True)
class Slopes:
    """Derivatives of readings or outputs, as entries: the one at ``rows`` by an unknown or a value is a weight.

    Weights are (S, entries), or (1, entries) where all samples have the same. ``values`` holds rows, elements
    and weights by column, ``quantities`` rows and weights by name.
    """

    rows: Array
    unknowns: Array
    weights: Array
    values: Mapping[Column, tuple[Array, Array, Array]] = field(default_factory=dict)
    quantities: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)

    def by_unknowns(self, errors: Array, size: int) -> Array:
        """Σ_j errors_j ∂y_j/∂x, (S, N) for ``errors`` (S, o) and N = ``size``."""
        if len(self.weights) == 1:
            entries = self.weights[0], (self.rows, self.unknowns)
            return np.asarray(errors @ sparse.csr_array(entries, shape=(errors.shape[1], size)))
        result = np.zeros((size, len(errors)), np.result_type(errors, self.weights))
        np.add.at(result, self.unknowns, (errors[:, self.rows] * self.weights).T)
        return result.T

    def by_values(self, errors: Array, lengths: Mapping[Column, int]) -> dict[Column, Array]:
        """Σ_j errors_j ∂y_j/∂value for each column, (S, k)."""
        found = {}
        for column, (rows, elements, weights) in self.values.items():
            total = np.zeros((lengths[column], len(errors)), np.result_type(errors, weights))
            np.add.at(total, elements, (errors[:, rows] * weights).T)
            found[column] = total.T
        return found

    def by_quantities(self, errors: Array) -> dict[str, Array]:
        """Σ_j errors_j ∂y_j/∂quantity, (S,) each."""
        return {name: np.sum(errors[:, rows] * weights, axis=1) for name, (rows, weights) in self.quantities.items()}

    def forward(
        self, dx: Array, dvalues: Mapping[Column, Array], dquantities: Mapping[str, Array], count: int
    ) -> Array:
        """The changes (S, o) of ``count`` outputs where unknowns (S, N), values and quantities change."""
        result = np.zeros((count, len(dx)), np.result_type(dx, self.weights))
        np.add.at(result, self.rows, (dx[:, self.unknowns] * self.weights).T)
        for column, (rows, elements, weights) in self.values.items():
            np.add.at(result, rows, (np.broadcast_to(dvalues[column][..., elements] * weights, (len(dx), len(rows)))).T)
        for name, (rows, weights) in self.quantities.items():
            change = np.reshape(dquantities[name], (-1, 1))
            np.add.at(result, rows, np.broadcast_to(change * weights, (len(dx), len(rows))).T)
        return result.T


@dataclass(frozen=True)
class Readings:
    """R readings of operating points ``x`` (S, N) of a circuit, and the ``rest`` (S, N) that rounding took off them."""

    circuit: Circuit
    x: Array
    wanted: Sequence[Reading]
    rest: Array | None = None

    @cached_property
    def _padded(self) -> Array:
        """The unknowns with one more column for ground, which GROUND indexes."""
        return _with_ground(self.x)

    @cached_property
    def _padded_rest(self) -> Array | None:
        return None if self.rest is None else _with_ground(self.rest)

    def values(self) -> Array:
        """(S, R), in volts, amperes, watts and the quantities' own units."""
        columns = [np.broadcast_to(self._value(reading), len(self.x)) for reading in self.wanted]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.x), 0), self.x.dtype)

    def _value(self, reading: Reading) -> Array:
        if isinstance(reading, Between):
            both = [part for part in (self._padded, self._padded_rest) if part is not None]
            return np.asarray(sum(part[:, reading.plus] - part[:, reading.minus] for part in both))
        if isinstance(reading, Quantity):
            return quantity_of(self.circuit, reading.name)
        if isinstance(reading, Fixed):
            return np.asarray(reading.value)
        if isinstance(reading, Current):
            part = self._part(reading.group, (reading.element,))
            return np.asarray(np.sum(reading.sign * part.into(reading.terminal) * part.currents, axis=(1, 2)))
        total = np.zeros(len(self.x), self.x.dtype)
        for g, elements in reading.elements:
            part = self._part(g, elements)
            total = total + reading.sign * np.sum(part.across * part.currents, axis=(1, 2))
        return total

    def slopes(self, columns: Sequence[Column], quantities: Sequence[str] = ()) -> Slopes:
        """The derivatives by all unknowns, by the values of ``columns`` and by ``quantities``."""
        entries = _Entries()
        for row, reading in enumerate(self.wanted):
            if isinstance(reading, Between):
                entries.add(row, np.array([reading.plus, reading.minus]), np.array([[1.0, -1.0]]))
            elif isinstance(reading, Quantity):
                if reading.name in quantities:
                    entries.add_quantity(row, reading.name, np.ones((1, 1)))
            elif isinstance(reading, Fixed):
                continue
            elif isinstance(reading, Current):
                part = self._part(reading.group, (reading.element,))
                counts = np.broadcast_to(reading.sign * part.into(reading.terminal), part.place.shape)
                entries.add(row, part.index.ravel(), part.by_unknowns(counts).reshape(len(self.x), -1))
                self._add_values(entries, row, part, counts, (columns, quantities))
            else:
                for g, elements in reading.elements:
                    part = self._part(g, elements)
                    # The voltage of a terminal counts its current, and the other way round.
                    across = reading.sign * part.across
                    weights = part.by_unknowns(across) + reading.sign * part.currents * part.outer
                    entries.add(row, part.index.ravel(), weights.reshape(len(self.x), -1))
                    self._add_values(entries, row, part, across, (columns, quantities))
        return entries.slopes()

    def _part(self, g: int, elements: Sequence[int]) -> _Part:
        return _Part(self.circuit, g, np.array(elements, dtype=np.intp), self._padded, self._padded_rest)

    def _add_values(
        self, entries: _Entries, row: int, part: _Part, counts: Array, by: tuple[Sequence[Column], Sequence[str]]
    ) -> None:
        columns, quantities = by
        device, environment = part.device, self.circuit.environment
        for g, name in columns:
            if g == part.group:
                slope = device.value_jacobian(part.place, part.values, environment, name)
                entries.add_values(row, (g, name), part.elements, part.counted(counts, slope))
        if TEMPERATURE in quantities and not device.linear:
            slope = device.temperature_jacobian(part.place, part.values, environment)
            entries.add_quantity(row, TEMPERATURE, part.counted(counts, slope).sum(axis=1, keepdims=True))


def _with_ground(x: Array) -> Array:
    return np.concatenate([x, np.zeros((len(x), 1), x.dtype)], axis=1)


def quantity_of(circuit: Circuit, name: str) -> Array:
    """The value of a quantity, () or (S,)."""
    if name == TEMPERATURE:
        kelvin = np.asarray(circuit.environment.temperature)
        return np.asarray((kelvin[:, 0] if kelvin.ndim else kelvin) - ZERO_CELSIUS)
    return np.asarray(circuit.quantities[name])


@dataclass(frozen=True)
class _Part:
    """Some elements (q,) of a group at operating points with their ground column, ``padded`` (S, N + 1).

    ``rest`` (S, N + 1) is what rounding took off these.
    """

    circuit: Circuit
    group: int
    elements: Array
    padded: Array
    rest: Array | None = None

    @property
    def device(self) -> Device:
        return self.circuit.groups[self.group].device

    @cached_property
    def index(self) -> Array:
        """The unknowns (q, T) that the elements touch."""
        return np.asarray(self.circuit.groups[self.group].index)[self.elements]

    @cached_property
    def place(self) -> Array:
        """(S, q, T)."""
        return np.asarray(self.padded[:, self.index])

    @cached_property
    def values(self) -> Values:
        """The elements' values, (q,) or (S, q)."""
        values = self.circuit.groups[self.group].values
        return {name: np.asarray(value)[..., self.elements] for name, value in values.items()}

    @cached_property
    def prepared(self) -> Values:
        return self.device.prepare(self.values, self.circuit.environment)

    @cached_property
    def currents(self) -> Array:
        """The currents (S, q, T) that flow into the elements, at terminals that are nodes."""
        current = self.device.residual(self.place, self.prepared)
        if self.rest is not None:
            slope = self.device.jacobian(self.place, self.prepared)
            current = current + (slope @ self.rest[:, self.index][..., None])[..., 0]
        return np.broadcast_to(current, self.place.shape)

    def into(self, terminal: int) -> Array:
        """What each current counts (q, T) of the one into a terminal: an unknown inside may be the same as it."""
        device = self.device
        counts = np.zeros(self.index.shape)
        counts[:, terminal] = 1.0
        for unknown, inside in device.internal.items():
            own, alias = device.unknowns.index(unknown), device.unknowns.index(inside.alias)
            counts[:, own] = np.where(self.index[:, own] == self.index[:, alias], counts[:, alias], 0.0)
        return counts

    @cached_property
    def outer(self) -> Array:
        """(T,) which of the device's unknowns are voltages; no current flows into those inside from elsewhere."""
        return np.array([unknown not in ("i", "ic") for unknown in self.device.unknowns])

    @cached_property
    def across(self) -> Array:
        """The voltages (S, q, T) from the first terminal, zero for unknowns that are currents.

        A power is their product with currents that sum to zero, so that any terminal may be the reference.
        """
        result = self.place - self.place[..., :1]
        if self.rest is not None:
            rest = self.rest[:, self.index]
            result = result + (rest - rest[..., :1])
        return np.asarray(result * self.outer)

    def by_unknowns(self, counts: Array) -> Array:
        """Σ_t counts_t ∂i_t/∂x for each of the elements' unknowns, (S, q, T)."""
        jacobian = self.device.jacobian(self.place, self.prepared)
        result: Array = np.einsum(
            "sqt,sqtu->squ", counts, np.broadcast_to(jacobian, (*self.place.shape, len(self.outer)))
        )
        return result

    def counted(self, counts: Array, slope: Array) -> Array:
        """Σ_t counts_t slope_t, (S, q)."""
        result: Array = np.einsum("sqt,sqt->sq", counts, np.broadcast_to(slope, self.place.shape))
        return result


class _Entries:
    """Collects the entries of Slopes."""

    def __init__(self) -> None:
        self._unknowns: list[tuple[int, Array, Array]] = []
        self._values: dict[Column, list[tuple[int, Array, Array]]] = {}
        self._quantities: dict[str, list[tuple[int, Array]]] = {}

    def add(self, row: int, unknowns: Array, weights: Array) -> None:
        """``weights`` (S, n) of the row by ``unknowns`` (n,), of which ground is none."""
        real = unknowns != GROUND
        self._unknowns.append((row, unknowns[real], weights[:, real]))

    def add_values(self, row: int, column: Column, elements: Array, weights: Array) -> None:
        self._values.setdefault(column, []).append((row, elements, weights))

    def add_quantity(self, row: int, name: str, weights: Array) -> None:
        self._quantities.setdefault(name, []).append((row, weights))

    def slopes(self) -> Slopes:
        rows = _repeated((row, len(unknowns)) for row, unknowns, _ in self._unknowns)
        unknowns = np.concatenate([np.zeros(0, dtype=np.intp), *(part for _, part, _ in self._unknowns)])
        values = {
            column: (
                _repeated((row, len(elements)) for row, elements, _ in parts),
                np.concatenate([elements for _, elements, _ in parts]),
                _beside([weights for _, _, weights in parts]),
            )
            for column, parts in self._values.items()
        }
        quantities = {
            name: (_repeated((row, 1) for row, _ in parts), _beside([weights for _, weights in parts]))
            for name, parts in self._quantities.items()
        }
        return Slopes(rows, unknowns, _beside([weights for _, _, weights in self._unknowns]), values, quantities)


def _repeated(counts: Iterable[tuple[int, int]]) -> Array:
    return np.concatenate([np.zeros(0, dtype=np.intp), *(np.full(count, row) for row, count in counts)])


def _beside(parts: Sequence[Array]) -> Array:
    """Weights (S, n) and (1, n) side by side."""
    samples = max((len(part) for part in parts), default=1)
    spread = [np.broadcast_to(part, (samples, part.shape[1])) for part in parts]
    return np.concatenate(spread, axis=1) if spread else np.zeros((1, 0))
