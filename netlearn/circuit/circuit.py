"""The flat circuit: unknowns, and groups of elements of one kind as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS, Device, Environment, Values
from netlearn.circuit.wiring import Wiring
from netlearn.errors import CircuitError, Place, did_you_mean
from netlearn.notebook import InNotebooks

T = TypeVar("T")

GROUND = -1
"""The number that stands for the ground node wherever an unknown's number stands."""
GROUND_NAMES = ("0", "gnd")
"""What ground is called."""

TEMPERATURE = "temper"
"""The name that expressions have for the circuit's temperature in degrees Celsius."""

Column = tuple[int, str]
"""A value of all elements of a group: the group's number and the value's name."""


@dataclass(frozen=True)
class Group:
    """All elements of one kind.

    ``index`` (k, T) holds the numbers of the unknowns that each element touches, GROUND for
    ground. ``values`` maps a value's name to (k,) numbers, or to (samples, k) where it
    differs by sample.
    """

    device: Device
    names: Sequence[str]
    index: Array
    values: Values

    def __repr__(self) -> str:
        return f"<{len(self)} elements of the kind {self.device.name}>"

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Circuit(InNotebooks):
    """A flat circuit with n nodes besides ground and m branch currents.

    The unknowns are numbered 0..n-1 (node voltages, in volts) and n..n+m-1 (branch currents,
    in amperes). Names are lower case; hierarchical ones are written as ngspice writes them.
    """

    nodes: Sequence[str]
    branches: Sequence[str]
    groups: tuple[Group, ...]
    environment: Environment = field(default_factory=Environment)
    nodeset: Mapping[int, float] = field(default_factory=dict)
    """First guesses in volts, by node number."""
    options: Mapping[str, float] = field(default_factory=dict)
    """``.options`` that concern the operating point: reltol, abstol, vntol, itl1."""
    quantities: Mapping[str, Array] = field(default_factory=dict)
    """Numbers of the netlist that probes read besides voltages and currents, by name: () or (samples,) each."""
    place: Place | None = field(default=None, repr=False, compare=False)
    """The netlist that it was read from, where there is one."""
    wiring: Wiring = field(default=None, repr=False, compare=False)  # type: ignore[assignment]
    """What circuits with other values share; made anew where it is not this circuit's."""

    def __post_init__(self) -> None:
        if self.wiring is None or not self.wiring.is_of(self.nodes, self.branches, self.groups):
            object.__setattr__(self, "wiring", Wiring.of(self.nodes, self.branches, self.groups))

    def __repr__(self) -> str:
        count = sum(len(group) for group in self.groups)
        return f"<circuit: {count} elements, {len(self.nodes)} nodes, {len(self.branches)} branch currents>"

    @property
    def size(self) -> int:
        """The number of unknowns, n + m."""
        return len(self.nodes) + len(self.branches)

    @cached_property
    def samples(self) -> int | None:
        """How many samples the values hold, or None where no value differs by sample."""
        counts = {np.shape(self.groups[g].values[name])[0] for g, name in self.by_sample}
        counts |= {len(value) for value in self.quantities.values() if np.ndim(value)}
        if np.ndim(self.environment.temperature):
            counts.add(len(np.asarray(self.environment.temperature)))
        if len(counts) > 1:
            raise CircuitError(f"value columns disagree on the number of samples: {sorted(counts)}")
        return counts.pop() if counts else None

    @cached_property
    def by_sample(self) -> list[Column]:
        """The columns that differ by sample."""
        columns = ((g, name, v) for g, group in enumerate(self.groups) for name, v in group.values.items())
        # Asking an array itself is faster than asking numpy about anything.
        return [(g, name) for g, name, v in columns if (v.ndim if isinstance(v, np.ndarray) else np.ndim(v)) == 2]

    @property
    def linear(self) -> bool:
        """Whether every element is linear."""
        return self.wiring.linear

    def node(self, name: str | int) -> int:
        """The number of a node, GROUND for ``0`` and ``gnd``. Raises CircuitError."""
        name = str(name)
        if name.lower() in GROUND_NAMES:
            return GROUND
        number = self.wiring.node_number(name.lower())
        return _look_up(self.wiring.node_numbers, name, "node") if number is None else number

    def branch(self, name: str) -> int:
        """The number of an element's branch current. Raises CircuitError."""
        return _look_up(self.wiring.branch_numbers, name, "voltage source or branch current")

    def element(self, name: str) -> tuple[int, int]:
        """The group and the place in it of an element. Raises CircuitError."""
        found = self._find(name)
        if found is None:
            likely = [each for group in self.groups for each in islice(group.names, 2000)]
            raise CircuitError(f"there is no element '{name}' in the circuit", hint=did_you_mean(name, likely[:2000]))
        return found

    def has_element(self, name: str) -> bool:
        """Whether there is an element of that name, in either notation."""
        return self._find(name) is not None

    def _find(self, name: str) -> tuple[int, int] | None:
        # Sources are few beside resistors, so that the names of these are looked through last.
        for g in self.wiring.by_size:
            k = _found(self.wiring.places(g), name)
            if k is not None:
                return g, k
        return None

    def group(self, device: str) -> int | None:
        """The number of the first group of that device name, or None."""
        return next((g for g, group in enumerate(self.groups) if group.device.name == device), None)

    def with_values(self, columns: Mapping[Column, Array], quantities: Mapping[str, Array] | None = None) -> Circuit:
        """The same circuit with other values, (k,) or (samples, k) each.

        ``quantities``, () or (samples,) each, are put beside those that there are; TEMPERATURE among them is
        the circuit's temperature in degrees Celsius.
        """
        changed: dict[int, dict[str, Array]] = {}
        for (g, name), value in columns.items():
            changed.setdefault(g, dict(self.groups[g].values))[name] = value
        groups = tuple(
            Group(group.device, group.names, group.index, changed[g]) if g in changed else group
            for g, group in enumerate(self.groups)
        )
        environment, others = self.environment, dict(quantities or {})
        celsius = others.pop(TEMPERATURE, None)
        if celsius is not None:
            kelvin = np.asarray(celsius) + ZERO_CELSIUS
            # One more axis, so that it stands beside the k values of a group.
            environment = replace(environment, temperature=kelvin[:, None] if kelvin.ndim else kelvin[()])
        result = object.__new__(type(self))
        # Neither is the wiring to be looked at again, nor what was known of the values to be taken along.
        known = {name: self.__dict__[name] for name in self.__dataclass_fields__}
        known |= {"groups": groups, "environment": environment, "quantities": {**self.quantities, **others}}
        result.__dict__.update(known)
        return result

    def with_elements(self, groups: Sequence[Group], branches: Sequence[str] = ()) -> Circuit:
        """The circuit with more elements; the unknowns of ``branches`` stand behind all others.

        With the same elements again, whatever their values, it has the same wiring again.
        """
        wiring = self.wiring.extended(branches, groups)
        first = len(self.groups)
        added = tuple(
            Group(group.device, wiring.names[g], wiring.indices[g], group.values)
            for g, group in enumerate(groups, first)
        )
        return replace(self, branches=wiring.branches, groups=(*self.groups, *added), wiring=wiring)


def _look_up(table: Mapping[str, T], name: str, what: str) -> T:
    found = _found(table, name)
    if found is None:
        raise CircuitError(f"there is no {what} '{name}' in the circuit", hint=did_you_mean(name, list(table)[:2000]))
    return found


def _found(table: Mapping[str, T], name: str) -> T | None:
    found = table.get(name.lower())
    if found is None and "." in name:
        # An element inside an instance by its plain path, x1.r3, instead of ngspice's name of it, r.x1.r3.
        found = table.get(f"{name.rpartition('.')[2][:1]}.{name}".lower())
    return found


def one_sample(circuit: Circuit, sample: int) -> Circuit:
    """The circuit with one sample's values and no sample axis."""
    return taken(circuit, sample)


def taken(circuit: Circuit, samples: Array | int) -> Circuit:
    """The circuit with the values of some samples; of a single number, without a sample axis."""
    columns = {(g, n): np.asarray(circuit.groups[g].values[n])[samples] for g, n in circuit.by_sample}
    quantities = {name: np.asarray(v)[samples] for name, v in circuit.quantities.items() if np.ndim(v)}
    result = circuit.with_values(columns, quantities)
    kelvin = np.asarray(circuit.environment.temperature)
    if not kelvin.ndim:
        return result
    environment = replace(circuit.environment, temperature=kelvin[samples] if np.ndim(samples) else kelvin[samples, 0])
    return replace(result, environment=environment)
