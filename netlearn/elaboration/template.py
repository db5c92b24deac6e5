"""A subcircuit's contents flattened into arrays, to be put into place many times over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, GROUND_NAMES
from netlearn.circuit.devices.base import Device
from netlearn.elaboration.distinct_words import DistinctWords
from netlearn.elaboration.kept import Surplus
from netlearn.elaboration.names import PathNames, Selected
from netlearn.elaboration.numbers_by_name import NumbersByName, WordNames
from netlearn.elaboration.text_names import TextNames

if TYPE_CHECKING:
    from netlearn.elaboration.spreads import Spread

FIRST_BRANCH = -2
"""Branch b stands in index arrays as FIRST_BRANCH - b until the number of nodes is known."""

NOTHING = -1
"""Stands for a quantity that an element's line does not state."""

LISTED = 2
"""A group of parameters counts as so many elements: it takes 0.9 of the memory of one in instances side by side, and
2.1 in instances within instances (benchmarks/constants_of_reading.py)."""


def branch_code(branch: int) -> int:
    return FIRST_BRANCH - branch


@dataclass
class Rows:
    """Elements of one device: connections (k, T), quantities by value name, names and places.

    ``places`` (k, 3) holds source number, start and end of each element's name in the text.
    ``written`` (k,) is the quantity that the element line itself states, before temperature
    and multipliers, or NOTHING.
    """

    index: Array
    values: Mapping[str, Array]
    names: Sequence[tuple[str, Sequence[str]]]
    places: Array
    written: Array


@dataclass
class InstanceTable:
    """A growing collection of elements of one device."""

    device: Device
    finished: list[Rows] = field(default_factory=list)
    index: list[tuple[int, ...]] = field(default_factory=list)
    values: list[tuple[int, ...]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    written: list[int] = field(default_factory=list)

    def add(
        self,
        name: str,
        index: tuple[int, ...],
        values: tuple[int, ...],
        place: tuple[int, int, int],
        written: int = NOTHING,
    ) -> None:
        self.index.append(index)
        self.written.append(written)
        self.values.append(values)
        self.names.append(name)
        self.places.append(place)

    def extend(self, rows: Rows) -> None:
        self._finish()
        self.finished.append(rows)

    def __len__(self) -> int:
        return len(self.index) + sum(len(rows.index) for rows in self.finished)

    def positions(self, name: str) -> list[tuple[Rows | None, int]]:
        """Where the element of this level with that name stands, and what belongs to it (``name#...``)."""
        found: list[tuple[Rows | None, int]] = []
        for rows in (None, *self.finished):
            at = 0
            for path, names in [("", self.names)] if rows is None else rows.names:
                if not path:
                    places = (k for k, other in enumerate(names, at) if other.partition("#")[0] == name)
                    found += [(rows, k) for k in places]
                at += len(names)
        return found

    def first_terminal(self, position: tuple[Rows | None, int], node: int) -> int:
        """Put the first terminal of the element at ``position`` to ``node``; gives where it was."""
        rows, at = position
        if rows is None:
            before, self.index[at] = self.index[at][0], (node, *self.index[at][1:])
            return before
        before = int(rows.index[at, 0])
        rows.index[at, 0] = node
        return before

    def rows(self) -> Rows:
        """All elements in one."""
        self._finish()
        if len(self.finished) > 1:
            parts = self.finished
            merged = Rows(
                np.concatenate([part.index for part in parts]),
                {name: np.concatenate([part.values[name] for part in parts]) for name in self.device.parameters},
                [piece for part in parts for piece in part.names],
                np.concatenate([part.places for part in parts]),
                np.concatenate([part.written for part in parts]),
            )
            self.finished = [merged]
        return self.finished[0]

    def _finish(self) -> None:
        if not self.index and self.finished:
            return
        columns = np.array(self.values, dtype=np.int64).reshape(len(self.index), len(self.device.parameters))
        self.finished.append(
            Rows(
                np.array(self.index, dtype=np.int64).reshape(len(self.index), len(self.device.unknowns)),
                {name: columns[:, i] for i, name in enumerate(self.device.parameters)},
                [("", self.names)],
                np.array(self.places, dtype=np.int64).reshape(len(self.index), 3),
                np.array(self.written, dtype=np.int64),
            )
        )
        self.index, self.values, self.names, self.places, self.written = [], [], [], [], []


class Unknowns:
    """Growing names of nodes or of branches."""

    def __init__(self) -> None:
        self._dictionary: dict[str, int] = dict.fromkeys(GROUND_NAMES, GROUND)
        self._numbers = NumbersByName(self._dictionary)
        self.pieces: list[tuple[str, Sequence[str]]] = []
        self._local: list[str] = []
        self._count = 0
        self._paths: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def numbers(self) -> Mapping[str, int]:
        """The numbers of the names of this level."""
        return self._numbers.listed()

    def has(self, name: str) -> bool:
        """Whether a name of this level has a number."""
        return self._numbers.get(name) is not None

    def local(self, name: str) -> int:
        """The number of a name of this level, a new one if it has none."""
        number = self._dictionary.get(name)
        if number is None:
            number = self._numbers.get(name)
        if number is None:
            number = self._dictionary[name] = self._count
            self._local.append(name)
            self._count += 1
        return number

    def intern(self, names: Sequence[str]) -> Array:
        """The numbers of many names."""
        numbers = self._numbers.listed()
        new = [name for name in dict.fromkeys(names) if name not in numbers]
        numbers.update(zip(new, range(self._count, self._count + len(new)), strict=True))
        self._local.extend(new)
        self._count += len(new)
        return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))

    def intern_words(self, words: DistinctWords) -> Array:
        """The numbers of all words (k,) that the distinct ones are taken from."""
        known = self._numbers.among(words)
        if known is None:
            return self.intern(list(TextNames(words.text, words.spans)))[words.numbers]
        new = np.ones(len(words), bool)
        new[list(known)] = False
        numbers = self._count - 1 + np.cumsum(new)
        numbers[list(known)] = list(known.values())
        self._flush()
        self.pieces.append(("", WordNames(words, new)))
        self._count += int(np.count_nonzero(new))
        self._numbers.add(words, numbers)
        return numbers[words.numbers]

    def below(self, path: str, names: Sequence[str]) -> None:
        """Names inside an instance, numbered onwards from here."""
        if not len(names):
            return
        self._flush()
        self.pieces.append((path, names))
        self._count += len(names)

    def all(self, lettered: bool = False) -> PathNames:
        self._flush()
        return PathNames(self.pieces, lettered)

    def anywhere(self, name: str, lettered: bool = False) -> int | None:
        """The number of a name of this level, or of one inside an instance by its path; None if there is none."""
        number = self._numbers.get(name)
        if number is None and "." in name:
            if len(self._paths) != self._count:
                self._paths = {path: i for i, path in enumerate(self.all(lettered))}
            number = self._paths.get(name)
        return number

    def _flush(self) -> None:
        if self._local:
            self.pieces.append(("", self._local))
            self._local = []


@dataclass(eq=False)
class Template:
    """Flattened contents. Nodes 0..ports-1 are the ports; ``globals`` are nodes by global name."""

    ports: int = 0
    nodes: Unknowns = field(default_factory=Unknowns)
    branches: Unknowns = field(default_factory=Unknowns)
    tables: dict[Device, InstanceTable] = field(default_factory=dict)
    globals: dict[str, int] = field(default_factory=dict)
    instances: dict[Template, InstanceRows] = field(default_factory=dict)
    """InstanceRows whose elements are not in the tables yet, by their template."""
    parameters: list[tuple[str, Sequence[str], Array]] = field(default_factory=list)
    """Names and quantities of ``.param``, subcircuit, model and element parameters: path, names, quantities."""
    draws: list[tuple[str, Sequence[int]]] = field(default_factory=list)
    """Random numbers, by the path of the instance that they are drawn in."""
    spreads: list[tuple[str, str, Spread]] = field(default_factory=list)
    """Tolerances that the text states, by path and element."""
    placed: int = 0
    """What the instances in it come to: elements and instances."""
    kept: list[Surplus] = field(default_factory=list)
    """What has nothing to do with the operating point, where it is kept."""
    stated: dict[str, int] = field(default_factory=dict)
    """Quantities that element lines state besides their own value, by names such as ``m1.w``."""

    def table(self, device: Device) -> InstanceTable:
        if device not in self.tables:
            self.tables[device] = InstanceTable(device)
        return self.tables[device]

    def place(self, path: str, child: Template, ports: Sequence[int]) -> None:
        """Put an instance's contents into this one, its ports at the nodes ``ports``."""
        instances = self.instances.get(child)
        if instances is None:
            outer = {node: self.nodes.local(name) for name, node in child.globals.items()}
            self.globals.update((name, self.nodes.local(name)) for name in child.globals)
            instances = self.instances[child] = InstanceRows(child, outer)
        self.placed += child.elements
        instances.paths.append(path)
        instances.ports.append(tuple(ports))
        instances.first_nodes.append(len(self.nodes))
        instances.first_branches.append(len(self.branches))
        self.nodes.below(path, instances.inner_names)
        self.branches.below(path, instances.branch_names)
        for inside, part, quantities in child.parameters:
            self.parameters.append((_joined(path, inside), part, quantities))
        self.draws += [(_joined(path, inside), quantities) for inside, quantities in child.draws]
        if child.kept:
            first, inner, count = len(self.nodes) - len(instances.inner_names), instances.inner, child.ports
            numbers = {GROUND: GROUND, **dict(enumerate(ports[:count])), **instances.outer}
            numbers.update((node, first + k) for k, node in enumerate(inner.tolist()))
            self.kept += [kept.below(path, numbers.__getitem__) for kept in child.kept]
        self.spreads += [(_joined(path, inside), name, spread) for inside, name, spread in child.spreads]

    @property
    def listed(self) -> int:
        """How much is listed of this one's contents, those of the instances in it among them, in elements."""
        return LISTED * (len(self.parameters) + len(self.draws) + len(self.spreads))

    @cached_property
    def elements(self) -> int:
        """What an instance of this one comes to, once all is in it: elements and instances, itself among them."""
        return 1 + self.placed + sum(map(len, self.tables.values()))

    def finish(self) -> None:
        """Put the elements of all instances into the tables, those of one template together."""
        for instances in self.instances.values():
            for device, rows in instances.rows():
                self.table(device).extend(rows)
        self.instances = {}


class InstanceRows:
    """All instances of one template within another: K of them, worked out as arrays."""

    def __init__(self, child: Template, outer: dict[int, int]) -> None:
        self.child = child
        self.outer = outer
        self.paths: list[str] = []
        self.ports: list[tuple[int, ...]] = []
        self.first_nodes: list[int] = []
        self.first_branches: list[int] = []
        names = child.nodes.all()
        inner = np.ones(len(names), bool)
        inner[: child.ports] = False
        inner[list(outer)] = False
        self.inner = np.flatnonzero(inner)
        self._count = len(names)
        self.inner_names = Selected(names, self.inner)
        self.branch_names = child.branches.all()

    def rows(self) -> Iterator[tuple[Device, Rows]]:
        """The elements of every instance, by device."""
        self.child.finish()
        count = len(self.paths)
        # Nodes of the template to nodes around it; the last column is ground, number -1.
        mapping = np.full((count, self._count + 1), GROUND, dtype=np.int64)
        mapping[:, self.inner] = np.array(self.first_nodes)[:, None] + np.arange(len(self.inner))
        mapping[:, : self.child.ports] = np.array(self.ports, dtype=np.int64).reshape(count, self.child.ports)
        for node, outer in self.outer.items():
            mapping[:, node] = outer
        shift = np.array(self.first_branches)[:, None, None]
        for table in self.child.tables.values():
            rows = table.rows()
            nodes = mapping[:, np.maximum(rows.index, GROUND)]
            index = np.where(rows.index >= GROUND, nodes, rows.index - shift)
            names = [(_joined(path, inside), part) for path in self.paths for inside, part in rows.names]
            index, values, places, written = index.reshape(-1, index.shape[-1]), rows.values, rows.places, rows.written
            if count > 1:
                values = {name: np.tile(quantities, count) for name, quantities in values.items()}
                places, written = np.tile(places, (count, 1)), np.tile(written, count)
            yield table.device, Rows(index, values, names, places, written)


def _joined(path: str, inside: str) -> str:
    return f"{path}.{inside}" if inside else path
