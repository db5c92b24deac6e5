"""What of a circuit does not depend on its values: its elements, and what they are connected to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device

T = TypeVar("T")

MOST_KEPT = 64
"""Results that a wiring keeps, by convention: with a training's few nudges there are about ten."""
UNKNOWN: Any = object()
"""Stands for a result that is not there."""


@runtime_checkable
class Searchable(Protocol):
    """Names that can tell where one stands without a dictionary of all."""

    def place(self, name: str) -> int | None: ...


class Wired(Protocol):
    """A group of elements of one kind."""

    @property
    def device(self) -> Device: ...
    @property
    def names(self) -> Sequence[str]: ...
    @property
    def index(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class Wiring:
    """The unknowns of a circuit, and of each group of elements the device, the names and the terminals (k, T).

    Circuits that differ by their values share it, and it keeps what follows from it alone.
    """

    nodes: Sequence[str]
    branches: Sequence[str]
    devices: tuple[Device, ...]
    names: tuple[Sequence[str], ...]
    indices: tuple[Array, ...]

    def __repr__(self) -> str:
        return f"<wiring: {len(self.nodes)} nodes, {len(self.branches)} branch currents>"

    @classmethod
    def of(cls, nodes: Sequence[str], branches: Sequence[str], groups: Sequence[Wired]) -> Wiring:
        """The wiring of such groups."""
        devices, names, indices = (
            tuple(getattr(group, part) for group in groups) for part in ("device", "names", "index")
        )
        return cls(nodes, branches, devices, names, indices)

    def is_of(self, nodes: Sequence[str], branches: Sequence[str], groups: Sequence[Wired]) -> bool:
        """Whether these are the very same unknowns and terminals."""
        if nodes is not self.nodes or branches is not self.branches or len(groups) != len(self.devices):
            return False
        return all(
            group.device is device and group.names is names and group.index is index
            for group, device, names, index in zip(groups, self.devices, self.names, self.indices, strict=True)
        )

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, which must follow from the wiring and ``key`` alone, worked out when first asked for."""
        results = self._results
        result: T = results.get(key, UNKNOWN)
        if result is UNKNOWN:
            result = results.setdefault(key, work())
        # Another thread may have let it go meanwhile.
        with suppress(KeyError):
            results.move_to_end(key)
            if len(results) > MOST_KEPT:
                results.popitem(last=False)
        return result

    @cached_property
    def _results(self) -> OrderedDict[Hashable, Any]:
        return OrderedDict()

    def extended(self, branches: Sequence[str], groups: Sequence[Wired]) -> Wiring:
        """The wiring with more elements, the same for the same ones."""
        key = tuple(branches), tuple((group.device, tuple(group.names), group.index.tobytes()) for group in groups)
        return self.once(("extended", key), lambda: self._with(branches, Wiring.of((), (), groups)))

    def _with(self, branches: Sequence[str], more: Wiring) -> Wiring:
        return Wiring(
            self.nodes,
            (*self.branches, *branches),
            self.devices + more.devices,
            self.names + more.names,
            self.indices + more.indices,
        )

    @cached_property
    def linear(self) -> bool:
        """Whether every element is linear."""
        return not self.nonlinear

    @cached_property
    def nonlinear(self) -> list[int]:
        """The numbers of the groups whose elements are not linear, if there are any in them."""
        pairs = zip(self.devices, self.indices, strict=True)
        return [g for g, (device, index) in enumerate(pairs) if len(index) and not device.linear]

    @cached_property
    def node_numbers(self) -> dict[str, int]:
        """The numbers of the nodes by name."""
        return {name: i for i, name in enumerate(self.nodes)}

    def node_number(self, name: str) -> int | None:
        """The number of one node, None if none has that name."""
        if isinstance(self.nodes, Searchable):
            return self.nodes.place(name)
        return self.node_numbers.get(name)

    @cached_property
    def branch_numbers(self) -> dict[str, int]:
        """The numbers of the branch currents by name."""
        return {name: len(self.nodes) + i for i, name in enumerate(self.branches)}

    @cached_property
    def by_size(self) -> tuple[int, ...]:
        """The groups' numbers, the smallest group first."""
        return tuple(sorted(range(len(self.indices)), key=lambda g: len(self.indices[g])))

    def places(self, g: int) -> dict[str, int]:
        """The places of a group's elements by name."""
        if g not in self._places:
            self._places[g] = {name: k for k, name in enumerate(self.names[g])}
        return self._places[g]

    @cached_property
    def _places(self) -> dict[int, dict[str, int]]:
        return {}

    def __reduce__(self) -> tuple[object, ...]:
        # What is kept can be worked out again, and some of it cannot be pickled.
        return Wiring, (self.nodes, self.branches, self.devices, self.names, self.indices)
