"""What follows from a circuit's values, kept for the next time that the circuit is solved with the same ones.

An epoch of training, a sweep of sources or the states of one step solve a circuit again and again, often with nothing
changed but what its independent sources drive.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import Environment, Values
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource
from netlearn.circuit.devices.refused import prepared as prepared_values

T = TypeVar("T")

MOST_NUMBERS = 200_000
"""Of a circuit with more values nothing is kept, to save memory: with half as many, where that is so, a layer of 150
000 resistors takes 1.1 times as long with 4 samples, and with twice as many as long (benchmarks/part_sizes.py)."""
KEPT = 2
"""So many sets of values are kept for a wiring, by convention: those of a step and of another try."""


def only_drives(group: Group) -> bool:
    """Whether a group's values say only what drives the circuit, which samples have of their own."""
    return isinstance(group.device, VoltageSource | CurrentSource)


@dataclass(frozen=True, eq=False)
class PreparedCircuit:
    """The values of a circuit as its devices prepare them, None for independent sources, and what follows from both.

    ``once`` keeps what follows from these values and the circuit's wiring, as ``Wiring.once`` keeps what follows from
    the wiring alone. Values are the same if all their bytes are.
    """

    values: tuple[Values | None, ...]
    _results: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, circuit: Circuit) -> PreparedCircuit:
        """That of a circuit; the same object again where its values are those of one of the last times."""
        groups: list[_LastValues] = circuit.wiring.once((_LastValues, "groups"), lambda: _unknown(circuit))
        place = _surroundings(circuit.environment)
        sizes = [_size(group) for group in circuit.groups]
        values = tuple(
            last.prepared(group, circuit, place, size <= MOST_NUMBERS)
            for last, group, size in zip(groups, circuit.groups, sizes, strict=True)
        )
        kept: list[PreparedCircuit] = circuit.wiring.once((cls, "last"), list)
        for one in kept:
            # Groups with the same values as before are the very same objects.
            if all(mine is its for mine, its in zip(values, one.values, strict=True)):
                return one
        prepared = cls(values)
        if sum(sizes) <= MOST_NUMBERS:
            kept[:] = [prepared, *kept[: KEPT - 1]]
        return prepared

    def with_drives(self, circuit: Circuit) -> tuple[Values, ...]:
        """The prepared values of all groups of a circuit, those of its independent sources among them."""
        return tuple(
            group.device.prepare(group.values, circuit.environment) if value is None else value
            for group, value in zip(circuit.groups, self.values, strict=True)
        )

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, which must follow from the wiring, the values and ``key`` alone, worked out once."""
        try:
            result: T = self._results[key]
        except KeyError:
            result = self._results[key] = work()
        return result

    def __reduce__(self) -> tuple[object, ...]:
        # What is kept can be worked out again, and addresses of machine code are of this process.
        return PreparedCircuit, (self.values,)


@dataclass
class _LastValues:
    """What a group's last values were, and what its device made of them: of a few groups only, values change."""

    known: list[tuple[Hashable, Hashable, Values]] = field(default_factory=list)

    def prepared(self, group: Group, circuit: Circuit, place: Hashable, keep: bool) -> Values | None:
        """The prepared values of the group, the same object again for the same ones that are to be kept.

        None for independent sources.
        """
        if only_drives(group):
            return None
        values = {name: np.asarray(value) for name, value in group.values.items()}
        if not keep or any(value.dtype.hasobject for value in values.values()):
            return prepared_values(group.device, group.names, values, circuit.environment)
        told = _bytes_of(values)
        for where, before, prepared in self.known:
            if told == before and where == place:
                return prepared
        # From copies, as whoever gave the values may change them in place.
        values = {name: np.array(value) for name, value in values.items()}
        found = prepared_values(group.device, group.names, values, circuit.environment)
        self.known[:] = [(place, told, found), *self.known[: KEPT - 1]]
        return found


def _unknown(circuit: Circuit) -> list[_LastValues]:
    return [_LastValues() for _ in circuit.groups]


def _surroundings(environment: Environment) -> Hashable:
    """All that devices know of the circuit around them."""
    kelvin = np.asarray(environment.temperature)
    return environment.nominal_temperature, environment.gmin, kelvin.dtype, kelvin.shape, kelvin.tobytes()


def _size(group: Group) -> int:
    """How many numbers a group's values are, without those of independent sources."""
    if only_drives(group):
        return 0
    # Asking an array itself is faster than asking numpy about anything.
    return sum(value.size if isinstance(value, np.ndarray) else np.size(value) for value in group.values.values())


def _bytes_of(values: Mapping[str, Array]) -> Hashable:
    """What is equal for values whose names, kinds and bytes are all the same."""
    kinds = [(value.dtype, value.shape) for value in values.values()]
    try:
        joined = b"".join(values.values())  # type: ignore[arg-type]
    except (BufferError, TypeError, ValueError):
        # Some of them do not lie in a row in memory, for which join has a TypeError.
        joined = b"".join(value.tobytes() for value in values.values())
    return joined, (*values, *kinds)
