"""What is trained, what samples set, and how element values follow from both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column

REACH = 1e6
"""The factor within which resistances and conductances without bounds stay of where they began, by convention: from
1 kΩ it is 1 mΩ and 1 GΩ, beyond which a resistor is a wire or none."""


class Binding(Protocol):
    """How some elements of one column follow from P trained numbers and p settings, one after the other."""

    @property
    def column(self) -> Column: ...

    @property
    def elements(self) -> Array:
        """(q,) places in the column."""
        ...

    @property
    def trained(self) -> bool:
        """Whether any of the values depends on a trained number."""
        ...

    @property
    def by_sample(self) -> bool:
        """Whether any of the values depends on a setting."""
        ...

    def values(self, numbers: Array) -> Array:
        """The q values at ``numbers`` (P + p,), or (S, q) at (S, P + p)."""
        ...

    def pullback(self, numbers: Array, gradient: Array) -> Array:
        """The transposed Jacobian at ``numbers`` (..., P + p) times ``gradient`` (..., q): (..., P + p)."""
        ...


@dataclass(frozen=True)
class Direct:
    """values = scale * numbers[parameters]: a number as it stands in the text, perhaps shared."""

    column: Column
    elements: Array
    parameters: Array
    scale: Array
    trained: bool = True
    by_sample: bool = False

    @cached_property
    def _in_order(self) -> bool:
        """Whether value k follows from number k."""
        return np.array_equal(self.parameters, np.arange(len(self.parameters)))

    @cached_property
    def _unscaled(self) -> bool:
        return bool(np.all(self.scale == 1.0))

    @property
    def plain(self) -> bool:
        """Whether the values are the first of the numbers as they stand."""
        return self._in_order and self._unscaled

    def values(self, numbers: Array) -> Array:
        chosen = numbers[..., : len(self.parameters)] if self._in_order else numbers[..., self.parameters]
        return chosen if self._unscaled else np.asarray(self.scale * chosen)

    def pullback(self, numbers: Array, gradient: Array) -> Array:
        if self._in_order and gradient.shape[-1] == numbers.shape[-1]:
            return gradient if self._unscaled else np.asarray(self.scale * gradient)
        if gradient.ndim == 1 and not np.iscomplexobj(gradient):
            return np.bincount(self.parameters, self.scale * gradient, minlength=numbers.shape[-1])
        total = np.zeros((*gradient.shape[:-1], numbers.shape[-1]), np.result_type(gradient, float))
        np.add.at(total.T, self.parameters, (self.scale * gradient).T)
        return total


Input = tuple[int, int] | int
"""What one column of data sets: an independent source, by group and place, or a setting, by its number."""


@dataclass(frozen=True)
class Setting:
    """A number of the netlist that samples set, with its ``value`` in the text."""

    name: str
    value: float


@dataclass(frozen=True)
class Parameters:
    """P trained numbers of a circuit, in the units in which the netlist writes them.

    ``lower`` and ``upper`` (P,) are bounds, infinite where there are none. ``positive`` (P,)
    says which ones must stay above zero, as a resistance must. ``settings`` are p further
    numbers, which samples may set; ``bindings`` say which values of elements follow from both,
    and ``quantities`` which numbers of the circuit itself, by name (the element is always 0).
    ``units`` are those that are known, such as "ohm" or "V"; without any, what is positive is a resistance.
    """

    circuit: Circuit
    names: Sequence[str]
    initial: Array
    lower: Array
    upper: Array
    positive: Array
    bindings: tuple[Binding, ...] = field(default=())
    settings: tuple[Setting, ...] = ()
    quantities: tuple[tuple[str, Binding], ...] = ()
    units: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def resistive(self) -> Array:
        """(P,) which of them are resistances."""
        positive = np.asarray(self.positive, dtype=bool)
        return positive & (np.array(self.units) == "ohm") if self.units else positive

    @cached_property
    def sizes(self) -> Array:
        """(P,) what changes of them are large or small against: their size at the beginning.

        For what begins at zero it is half the width between the bounds, else 1 V, or 1 mA of currents.
        """
        initial = np.abs(np.asarray(self.initial, dtype=float))
        half = (np.asarray(self.upper, dtype=float) - np.asarray(self.lower, dtype=float)) / 2
        plain = np.array([1e-3 if unit == "A" else 1.0 for unit in self.units or ("",) * len(self)])
        bounded = np.isfinite(half) & (half > 0)
        return np.where(initial > 0, initial, np.where(bounded, half, plain))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The value columns that depend on trained numbers."""
        return tuple(dict.fromkeys(binding.column for binding in self.bindings if binding.trained))

    @cached_property
    def mixed(self) -> tuple[Column, ...]:
        """Those of ``columns`` whose dependence on trained numbers differs by sample: settings have a say in it."""
        mixed = (binding.column for binding in self.bindings if binding.trained and binding.by_sample)
        return tuple(dict.fromkeys(mixed))

    @cached_property
    def set_columns(self) -> tuple[Column, ...]:
        """The value columns that depend on settings."""
        return tuple(dict.fromkeys(binding.column for binding in self.bindings if binding.by_sample))

    def apply(self, theta: Array, settings: Array | None = None) -> Circuit:
        """The circuit at ``theta`` (P,), with ``settings`` (S, p) instead of the text's own."""
        return self.circuit.with_values(*self.values(theta, settings))

    def values(self, theta: Array, settings: Array | None = None) -> tuple[dict[Column, Array], dict[str, Array]]:
        """The columns that differ from those of the text then, and the numbers of the circuit itself by name."""
        numbers, each = self._numbers(theta, settings)
        columns: dict[Column, Array] = {}
        for binding in self.bindings:
            g, name = binding.column
            values = binding.values(each if binding.by_sample else numbers)
            if binding.column not in columns:
                fixed = np.asarray(self.circuit.groups[g].values[name])
                if fixed.ndim == 1 and len(binding.elements) == len(fixed) and binding.column in self._whole:
                    # All of the column, in its order: nothing of what stood there is left.
                    columns[binding.column] = np.array(values, dtype=np.result_type(values, float))
                    continue
                columns[binding.column] = np.array(
                    self.circuit.groups[g].values[name], dtype=np.result_type(values, float)
                )
            whole = columns[binding.column]
            dtype, shape = np.result_type(whole, values), (*values.shape[:-1], whole.shape[-1])
            if dtype != whole.dtype or whole.ndim < len(shape):
                whole = columns[binding.column] = np.array(np.broadcast_to(whole, shape), dtype=dtype)
            whole[..., binding.elements] = values
        quantities = {
            name: binding.values(each if binding.by_sample else numbers)[..., 0] for name, binding in self.quantities
        }
        return columns, quantities

    @cached_property
    def _whole(self) -> frozenset[Column]:
        """The columns all of whose values follow from one binding, in its order."""
        several = [binding.column for binding in self.bindings]
        return frozenset(
            binding.column
            for binding in self.bindings
            if several.count(binding.column) == 1
            and len(binding.elements) == len(self.circuit.groups[binding.column[0]])
            and np.array_equal(binding.elements, np.arange(len(binding.elements)))
        )

    def pullback(
        self,
        theta: Array,
        gradients: Mapping[Column, Array],
        settings: Array | None = None,
        quantities: Mapping[str, Array] | None = None,
    ) -> Array:
        """From derivatives by column values to derivatives by trained number, (P,).

        ``gradients`` holds (k,), or for columns that are ``mixed`` (S, k) at these ``settings``; and
        ``quantities`` (S,) by name.
        """
        numbers, each = self._numbers(theta, settings)
        parts = [
            (b, gradients[b.column] if b.column in self._whole else gradients[b.column][..., b.elements])
            for b in self.bindings
            if b.trained
        ]
        named = dict(quantities or {})
        parts += [(b, named[name][:, None]) for name, b in self.quantities if b.trained and name in named]
        if len(parts) == 1 and not parts[0][0].by_sample and parts[0][1].ndim == 1:
            # The only part need not be added to zeros.
            return np.asarray(parts[0][0].pullback(numbers, parts[0][1])[: len(self)])
        total = np.zeros(numbers.shape, dtype=np.result_type(float, *gradients.values()))
        for binding, gradient in parts:
            if binding.by_sample and each.ndim == 2:
                total += binding.pullback(each, gradient).sum(axis=0)
            else:
                total += binding.pullback(numbers, gradient.sum(axis=0) if gradient.ndim == 2 else gradient)
        return total[: len(self)]

    def setting_pullback(
        self,
        theta: Array,
        gradients: Mapping[Column, Array],
        settings: Array,
        quantities: Mapping[str, Array] | None = None,
    ) -> Array:
        """From derivatives by column values (S, k), and by ``quantities`` (S,), to derivatives by setting, (S, p)."""
        _, each = self._numbers(theta, settings)
        total = np.zeros(each.shape, dtype=np.result_type(float, *gradients.values()))
        for binding in self.bindings:
            if binding.by_sample:
                total += binding.pullback(each, gradients[binding.column][:, binding.elements])
        for name, binding in self.quantities:
            if binding.by_sample and quantities and name in quantities:
                total += binding.pullback(each, quantities[name][:, None])
        return total[:, len(self) :]

    @property
    def set_quantities(self) -> tuple[str, ...]:
        """The numbers of the circuit itself that depend on settings."""
        return tuple(name for name, binding in self.quantities if binding.by_sample)

    @property
    def trained_quantities(self) -> tuple[str, ...]:
        """The numbers of the circuit itself that depend on trained ones."""
        return tuple(name for name, binding in self.quantities if binding.trained)

    def _numbers(self, theta: Array, settings: Array | None) -> tuple[Array, Array]:
        """Trained numbers and settings, the latter as in the text (P + p,), and as the samples have them (S, P + p)."""
        if not self.settings:
            return theta, theta
        own = np.array([setting.value for setting in self.settings])
        numbers = np.concatenate([theta, own.astype(np.result_type(theta, float))])
        if settings is None:
            return numbers, numbers
        rows = np.broadcast_to(theta, (len(settings), len(theta)))
        return numbers, np.concatenate([rows, settings], axis=1)
