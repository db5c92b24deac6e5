"""What is trained, and how element values follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column


class Binding(Protocol):
    """How some elements of one column follow from the parameters."""

    @property
    def column(self) -> Column: ...

    @property
    def elements(self) -> Array:
        """(q,) places in the column."""
        ...

    def values(self, theta: Array) -> Array:
        """The q values at ``theta`` (P,)."""
        ...

    def pullback(self, theta: Array, gradient: Array) -> Array:
        """The transposed Jacobian at ``theta`` times ``gradient`` (q,): (P,)."""
        ...


@dataclass(frozen=True)
class Direct:
    """values = scale * theta[parameters]: a number as it stands in the text, perhaps shared."""

    column: Column
    elements: Array
    parameters: Array
    scale: Array

    def values(self, theta: Array) -> Array:
        return self.scale * theta[self.parameters]

    def pullback(self, theta: Array, gradient: Array) -> Array:
        return np.bincount(self.parameters, self.scale * gradient, minlength=len(theta))


@dataclass(frozen=True)
class Parameters:
    """P trained numbers of a circuit, in the units in which the netlist writes them.

    ``lower`` and ``upper`` (P,) are bounds, infinite where there are none. ``positive`` (P,)
    says which ones must stay above zero, as a resistance must.
    """

    circuit: Circuit
    names: Sequence[str]
    initial: Array
    lower: Array
    upper: Array
    positive: Array
    bindings: tuple[Binding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The value columns that depend on the parameters."""
        return tuple(dict.fromkeys(binding.column for binding in self.bindings))

    def apply(self, theta: Array) -> Circuit:
        """The circuit at ``theta`` (P,)."""
        columns: dict[Column, Array] = {}
        for binding in self.bindings:
            g, name = binding.column
            if binding.column not in columns:
                columns[binding.column] = np.array(
                    self.circuit.groups[g].values[name], dtype=np.result_type(theta, float)
                )
            columns[binding.column][binding.elements] = binding.values(theta)
        return self.circuit.with_values(columns)

    def pullback(self, theta: Array, gradients: Mapping[Column, Array]) -> Array:
        """From derivatives by column values, (k,) each, to derivatives by parameter, (P,)."""
        total = np.zeros(len(self), dtype=np.result_type(float, *gradients.values()))
        for binding in self.bindings:
            total += binding.pullback(theta, gradients[binding.column][binding.elements])
        return total
