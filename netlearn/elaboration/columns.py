"""What a column of data may set: a source, an element, a parameter, or the temperature, by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import TEMPERATURE, Circuit
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource
from netlearn.circuit.parameters import Input, Setting
from netlearn.elaboration.names import under
from netlearn.elaboration.template import NOTHING
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.elaboration.windings import is_inductor
from netlearn.errors import OptionError, Place, did_you_mean

AMBIENT = "temp"
"""The column that sets the circuit's temperature, in degrees Celsius."""

OPTIONS = ("gmin", "tnom", "reltol", "abstol", "vntol", "itl1", "scale")

PRINCIPAL: Mapping[str, str] = {
    "resistor": "resistance",
    "voltage source": "dc",
    "current source": "dc",
    **dict.fromkeys(("vccs", "vcvs", "cccs", "ccvs"), "gain"),
}
"""The value that an element line states by itself, by kind of element."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Quantities (k,) by value name, places (k, 3) and written quantities (k,) of one group's elements."""

    values: Mapping[str, Array]
    places: Array
    written: Array


@dataclass(frozen=True, slots=True)
class Target:
    """What a column sets: a quantity as the elements below ``path`` have it, or an element's own value."""

    name: str
    quantity: int
    path: str = ""
    element: tuple[int, int] | None = None
    value: str = ""
    """The value of the element that is set whatever gives it else; none where ``quantity`` is to be replaced."""


@dataclass(frozen=True)
class Named:
    """Numbers by name: ``parameters`` holds paths, and names and quantities below each."""

    circuit: Circuit
    graph: ValueGraph
    contents: Sequence[Contents]
    parameters: Sequence[tuple[str, Sequence[str], Array]]
    frozen: Mapping[int, Place]
    temperature: int

    def target(self, name: str) -> Target:
        """What a column of that name sets. Raises OptionError for one that names nothing that can be set."""
        word = "".join(name.lower().split())
        target = self._element(word) or self._parameter(word) or self._of_element(word)
        if target is None and word == AMBIENT:
            target = Target(TEMPERATURE, self.temperature)
        if target is None:
            raise self._unknown(name, word)
        depends = self.graph.dependants([target.quantity])
        place = next((place for quantity, place in self.frozen.items() if depends[quantity]), None)
        if place is not None:
            message = f"'{name}' cannot differ by sample: it decides a condition or an option"
            raise OptionError(message, hint=f"see {place}; write the circuit without it")
        return target

    def sources_set_by(self, column: str) -> Iterator[str]:
        """The independent sources that a column sets: that of its name, or those with the number in their values."""
        target = self.target(column)
        depends = self.graph.dependants([target.quantity])
        for g, rows in _rows(self.circuit, target):
            if isinstance(self.circuit.groups[g].device, VoltageSource | CurrentSource):
                yield from (self.circuit.groups[g].names[k] for k in rows[depends[self.contents[g].values["dc"][rows]]])

    def known(self) -> Iterator[str]:
        """Names that a column may have, the likely ones first."""
        for group in self.circuit.groups:
            if group.device.name in ("voltage source", "current source"):
                yield from group.names
        yield AMBIENT
        for path, names, _ in self.parameters:
            yield from (f"{path}.{name}" if path else name for name in names)
        for group in self.circuit.groups:
            if group.device.name in PRINCIPAL:
                yield from group.names

    def _element(self, word: str) -> Target | None:
        if not self.circuit.has_element(word):
            return None
        g, k = self.circuit.element(word)
        group = self.circuit.groups[g]
        value = PRINCIPAL.get(group.device.name)
        if is_inductor(group.names[k]):
            raise OptionError(f"'{word}' is an inductor, whose inductance has no effect at an operating point")
        if value is None:
            stated = [name for _, names, _ in self.parameters for name in names if name.startswith(f"{word}.")]
            hint = f"name one of its parameters, such as {stated[0] if stated else f'{word}.area'}"
            raise OptionError(f"'{word}' has no value of its own that a column could set", hint=hint)
        written = int(self.contents[g].written[k])
        if written == NOTHING:
            return Target(word, int(self.contents[g].values[value][k]), element=(g, k), value=value)
        return Target(word, written, element=(g, k))

    def _parameter(self, word: str) -> Target | None:
        for path, names, quantities in self.parameters:
            if path and not word.startswith(f"{path}."):
                continue
            inside = word[len(path) + 1 :] if path else word
            if inside in names:
                quantity = int(quantities[list(names).index(inside)])
                return Target(word, quantity, path, self._owner(word))
        return None

    def _of_element(self, word: str) -> Target | None:
        """A parameter that the element's line does not state, so that it has its default or its model's value."""
        owner, value = self._owner(word), word.rpartition(".")[2]
        if owner is None or value not in self.contents[owner[0]].values:
            return None
        return Target(word, int(self.contents[owner[0]].values[value][owner[1]]), element=owner, value=value)

    def _owner(self, word: str) -> tuple[int, int] | None:
        owner = word.rpartition(".")[0]
        return self.circuit.element(owner) if owner and self.circuit.has_element(owner) else None

    def _unknown(self, name: str, word: str) -> OptionError:
        if word in OPTIONS:
            return OptionError(f"'{name}' is an option of the simulator, the same for all samples")
        known = [known for known, _ in zip(self.known(), range(5000), strict=False)]
        return OptionError(
            f"'{name}' names no source, element or parameter of the circuit, and no probe",
            hint=did_you_mean(name, known),
        )


def source_names(circuit: Circuit) -> tuple[str, ...]:
    """The names of the independent sources, voltage sources first."""
    kinds = (VoltageSource, CurrentSource)
    groups = [group for kind in kinds for group in circuit.groups if isinstance(group.device, kind)]
    return tuple(name for group in groups for name in group.names if not is_inductor(name))


@dataclass(frozen=True)
class Driven:
    """What columns set: ``inputs`` in their order, the quantities of their settings, and the contents that follow."""

    inputs: tuple[Input, ...]
    quantities: tuple[int, ...]
    settings: tuple[Setting, ...]
    contents: tuple[Contents, ...]
    held: frozenset[int] = frozenset()
    """Quantities that samples set, those of sources among them."""


def drive(named: Named, columns: Sequence[str]) -> Driven:
    """Let samples set what the columns name. Raises OptionError for a name that cannot be set."""
    targets = [named.target(name) for name in columns]
    _refuse_same(columns, targets)
    graph, contents = named.graph, [*named.contents]
    inputs: dict[int, Input] = {}
    quantities: list[int] = []
    settings: list[Setting] = []
    held: set[int] = set()
    # What is nearer to an element comes first: it is set whatever the outer ones say.
    for j in sorted(range(len(targets)), key=lambda j: _distance(targets[j])):
        target = targets[j]
        source = _source(named, target)
        if source is not None:
            inputs[j] = source
            own = graph.free(graph.value(target.quantity))
            held.add(own)
            _settle(contents, source, own)
            continue
        inputs[j] = len(quantities)
        settings.append(Setting(columns[j], graph.value(target.quantity)))
        if target.element is None and not target.path:
            quantities.append(target.quantity)
            continue
        quantities.append(graph.free(graph.value(target.quantity)))
        _replace(named, contents, target, quantities[-1])
    _refuse_missing_nodes(named, contents, columns, quantities)
    return Driven(
        tuple(inputs[j] for j in range(len(targets))),
        tuple(quantities),
        tuple(settings),
        tuple(contents),
        frozenset(held.union(quantities)),
    )


def _refuse_same(columns: Sequence[str], targets: Sequence[Target]) -> None:
    seen: dict[object, str] = {}
    for column, target in zip(columns, targets, strict=True):
        key = (target.quantity, target.path) if target.element is None else (target.quantity, target.element)
        if key in seen:
            raise OptionError(f"the columns '{seen[key]}' and '{column}' set the same number", hint="leave one out")
        seen[key] = column


def _distance(target: Target) -> tuple[bool, int]:
    return target.element is None, -target.path.count(".") - bool(target.path)


def _source(named: Named, target: Target) -> tuple[int, int] | None:
    """The place of an independent source whose value is just what the column sets."""
    if target.element is None:
        return None
    g, k = target.element
    alone = isinstance(named.circuit.groups[g].device, VoltageSource | CurrentSource) and (
        int(named.contents[g].values["dc"][k]) == target.quantity
    )
    return target.element if alone and (target.value or target.quantity == int(named.contents[g].written[k])) else None


def _settle(contents: list[Contents], source: tuple[int, int], quantity: int) -> None:
    """Let nothing in the netlist give a source's value any more."""
    g, k = source
    ids, written = np.array(contents[g].values["dc"]), np.array(contents[g].written)
    ids[k] = written[k] = quantity
    contents[g] = replace(contents[g], values={**contents[g].values, "dc": ids}, written=written)


def _replace(named: Named, contents: list[Contents], target: Target, quantity: int) -> None:
    """Let the target's elements have ``quantity`` instead of the target's."""
    swaps = {target.quantity: quantity}
    depends = named.graph.dependants([target.quantity])
    for g, rows in _rows(named.circuit, target):
        values, written = dict(contents[g].values), contents[g].written
        if target.value:
            values[target.value] = np.array(values[target.value])
            values[target.value][rows] = quantity
        for name, ids in contents[g].values.items():
            touched = rows[depends[ids[rows]]] if not target.value else rows[:0]
            if len(touched):
                values[name] = np.array(ids)
                values[name][touched] = [named.graph.substituted(int(q), swaps) for q in ids[touched]]
        if target.element is not None:
            # What the line states is not what the element has any more, and is not to be trained.
            written = np.where(np.isin(np.arange(len(written)), rows) & (written == target.quantity), quantity, written)
        contents[g] = replace(contents[g], values=values, written=written)


def _rows(circuit: Circuit, target: Target) -> Iterator[tuple[int, Array]]:
    """The groups with elements that the target is about, and the places of these."""
    if target.element is not None:
        yield target.element[0], np.array([target.element[1]])
        return
    for g, group in enumerate(circuit.groups):
        rows = under(group.names, target.path)
        if len(rows):
            yield g, rows


def _refuse_missing_nodes(
    named: Named, contents: Sequence[Contents], columns: Sequence[str], quantities: Sequence[int]
) -> None:
    """A series resistance of zero has no node behind it, so no sample can have another one."""
    for g, group in enumerate(named.circuit.groups):
        for inside in group.device.internal.values():
            zero = np.asarray(group.values[inside.parameter]) == 0
            depends = named.graph.dependants(quantities, set(quantities))[contents[g].values[inside.parameter]]
            if (zero & depends).any():
                name = group.names[int(np.argmax(zero & depends))]
                raise OptionError(
                    f"'{inside.parameter}' of '{name}' is zero in the netlist, so that there is no node behind it",
                    hint="write a small value other than zero there",
                )
