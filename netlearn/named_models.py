"""The models of a flat circuit's elements: what each is called, of which type it is, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Group
from netlearn.circuit.devices.models import types_of
from netlearn.netlist.numbers import format_number

Key = tuple[str, str, tuple[tuple[str, float], ...]]
"""What the netlist calls a model, its type, and what it says."""


@dataclass(frozen=True)
class NamedModel:
    """A model: its name, its type such as ``npn``, and its values that are not the type's defaults."""

    name: str
    type: str
    values: Mapping[str, float]

    @property
    def text(self) -> str:
        """What follows the name in a ``.model`` line."""
        values = " ".join(f"{name}={format_number(value)}" for name, value in self.values.items())
        return f"{self.type} ({values})" if values else self.type


@dataclass
class NamedModels:
    """Models by names of their own, as they are come across.

    ``names`` are those that the netlist gives, by element. Two of one name in different subcircuits are told apart by
    a number, and models without one are called by their type. Values that differ by sample are those of the first.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    found: dict[str, NamedModel] = field(default_factory=dict)
    _known: dict[Key, NamedModel] = field(default_factory=dict)
    _given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._given = frozenset(self.names.values())

    def of(self, group: Group) -> list[NamedModel | None]:
        """The models of the k elements of a group, None where these have no models."""
        kinds = types_of(group.device.name)
        if not kinds:
            return [None] * len(group)
        by_polarity = {kind.fixed.get("polarity", 1.0): kind.name for kind in kinds} | dict(kinds[0].types)
        own = dict.fromkeys(name for name in kinds[0].model.values() if name not in kinds[0].element.values())
        columns = {name: _first(group, name) for name in ("polarity", *own) if name in group.values}
        polarity = columns.pop("polarity", np.ones(len(group)))
        level = {} if kinds[0].level == 1 else {"level": float(kinds[0].level)}
        rows = np.stack(list(columns.values()), axis=-1).tolist() if columns else [[]] * len(group)
        found: list[NamedModel | None] = []
        for name, sign, row in zip(group.names, polarity.tolist(), rows, strict=True):
            given = dict(zip(columns, row, strict=True))
            said = {n: v for n, v in given.items() if np.isfinite(v) and v != group.device.parameters.get(n)}
            for left_out, instead in kinds[0].unless.items():
                if given.get(instead):
                    said.pop(left_out, None)
            key = self.names.get(str(name), ""), by_polarity[sign], tuple(said.items())
            if key not in self._known:
                model = NamedModel(self._free(key[0] or key[1].split()[0]), key[1], {**level, **said})
                self._known[key] = self.found[model.name] = model
            found.append(self._known[key])
        return found

    def _free(self, wanted: str) -> str:
        number, free = 2, wanted
        # The netlist's own names are for those that have them.
        while free in self.found or (free != wanted and free in self._given):
            number, free = number + 1, f"{wanted}_{number}"
        return free


def _first(group: Group, name: str) -> Array:
    value = np.asarray(group.values[name], dtype=float)
    return np.broadcast_to(value[0] if value.ndim == 2 else value, len(group))
