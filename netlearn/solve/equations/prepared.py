"""What follows from a circuit's values, kept for the next time that the circuit is solved with the same ones.

An epoch of training, a sweep of sources or the states of one step solve a circuit again and again, often with nothing
changed but what its independent sources drive.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import Values
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource

T = TypeVar("T")

MOST_NUMBERS = 20_000
"""Of a circuit with more values nothing is kept: it would take much memory, and solving takes far longer."""
KEPT = 2
"""So many sets of values are kept for a wiring: those of a step and of another try."""


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
        key = _key(circuit)
        if key is None:
            return cls.build(circuit)
        kept: list[tuple[Hashable, PreparedCircuit]] = circuit.wiring.once((cls, "last"), list)
        for one, prepared in kept:
            if one == key:
                return prepared
        # From copies, as whoever gave the values may change them in place.
        prepared = cls.build(circuit, np.array)
        kept[:] = [(key, prepared), *kept[: KEPT - 1]]
        return prepared

    @classmethod
    def build(cls, circuit: Circuit, of: Callable[[Array], Array] = np.asarray) -> PreparedCircuit:
        """Prepare the values, or what ``of`` makes of them."""
        found: list[Values | None] = []
        for group in circuit.groups:
            values = None if only_drives(group) else {name: of(value) for name, value in group.values.items()}
            found.append(None if values is None else group.device.prepare(values, circuit.environment))
        return cls(tuple(found))

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


def _key(circuit: Circuit) -> Hashable | None:
    """All bytes of a circuit's values but for its drives; None where there are too many."""
    environment = circuit.environment
    key: list[Hashable] = [environment.nominal_temperature, environment.gmin]
    columns: list[Any] = [environment.temperature]
    for group in circuit.groups:
        if not only_drives(group):
            columns.extend(group.values.values())
            key.append(tuple(group.values))
    count = 0
    for column in columns:
        value = column if isinstance(column, np.ndarray) else np.asarray(column)
        count += value.size
        if count > MOST_NUMBERS or value.dtype.hasobject:
            return None
        key += (value.dtype, value.shape, value.tobytes())
    return tuple(key)
