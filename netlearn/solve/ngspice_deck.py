"""A flat circuit as an ngspice deck, with generated names only.

Nothing that a user wrote reaches ngspice: nodes are called n0, n1, ..., elements by a letter and a
number, and values are numbers. So no text of a netlist can be a command, whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit, Column, Group
from netlearn.circuit.devices.base import ZERO_CELSIUS, Array
from netlearn.errors import NgspiceError

TIGHT = {"reltol": 1e-9, "abstol": 1e-15, "vntol": 1e-12, "itl1": 500.0}
"""ngspice's own defaults (reltol 1e-3) leave more error than the differences to be judged."""

OWN_BRANCH = "i"
"""The name of the unknown that is an element's own branch current."""


@dataclass(frozen=True)
class Form:
    """How ngspice writes one kind of element.

    ``value`` is the positional number after the nodes; ``model`` the type on its ``.model`` card;
    ``instance`` maps value names to ngspice's instance parameters, and all further values stand on
    the model card. ``alterable`` are the values that ``alter`` changes, with ngspice's names for
    them. ``internal`` maps internal unknowns to the suffixes of ngspice's internal nodes.
    """

    letter: str
    value: str = ""
    model: str = ""
    instance: Mapping[str, str] = field(default_factory=dict)
    alterable: Mapping[str, str] = field(default_factory=dict)
    internal: Mapping[str, str] = field(default_factory=dict)
    expression: Callable[[Group, int, Callable[[int], str]], str] | None = None


FORMS: dict[str, Form] = {
    "resistor": Form("r", value="resistance", alterable={"resistance": "resistance"}),
    "voltage source": Form("v", value="dc", alterable={"dc": "dc"}),
    "current source": Form("i", value="dc", alterable={"dc": "dc"}),
    "vccs": Form("g", value="gain", alterable={"gain": "gain"}),
    "vcvs": Form("e", value="gain", alterable={"gain": "gain"}),
    "cccs": Form("f", value="gain", alterable={"gain": "gain"}),
    "ccvs": Form("h", value="gain", alterable={"gain": "gain"}),
}
"""By the name of the device."""


@dataclass(frozen=True)
class Deck:
    """A deck for ngspice, and what its names stand for.

    ``lines`` start with the title and end with ``.end``. ``vectors`` (N) names ngspice's vector for
    each unknown of the circuit. ``columns`` are the alterable columns and ``targets`` (A) the beginnings of
    the ``alter`` commands for their elements, column by column. ``elements`` gives each group's names in
    the deck.
    """

    circuit: Circuit
    lines: Sequence[str]
    vectors: Sequence[str]
    columns: Sequence[Column]
    targets: Sequence[str]
    elements: Sequence[Sequence[str]]
    explicit: bool
    """Whether vectors must be saved by name, as ngspice leaves out internal nodes otherwise."""

    def serves(self, circuit: Circuit) -> bool:
        """Whether ``circuit`` differs from the deck's in alterable values only."""
        mine = self.circuit
        if mine is circuit:
            return True
        return (
            (mine.nodes is circuit.nodes and mine.branches is circuit.branches)
            and (mine.environment == circuit.environment and mine.options == circuit.options)
            and mine.nodeset == circuit.nodeset
            and len(mine.groups) == len(circuit.groups)
            and all(self._same_group(g, a, b) for g, (a, b) in enumerate(zip(mine.groups, circuit.groups, strict=True)))
        )

    def _same_group(self, number: int, mine: Group, other: Group) -> bool:
        return (
            mine.device is other.device
            and (mine.index is other.index or np.array_equal(mine.index, other.index))
            and all(
                (number, name) in self.columns
                or value is other.values[name]
                or np.array_equal(value, other.values[name], equal_nan=True)
                for name, value in mine.values.items()
            )
        )

    def values(self, circuit: Circuit) -> tuple[Array, Array, Array]:
        """All alterable values (A,), which of them differ by sample (p,), and these (S, p)."""
        base, places, columns, offset = [], [], [], 0
        for g, name in self.columns:
            value = np.asarray(circuit.groups[g].values[name], dtype=float)
            if value.ndim == 2:
                places.append(offset + np.arange(value.shape[1]))
                columns.append(value)
            base.append(np.broadcast_to(value[0] if value.ndim == 2 else value, len(circuit.groups[g])))
            offset += len(circuit.groups[g])
        samples = circuit.samples or 1
        return (
            np.concatenate([*base, np.empty(0)]),
            np.concatenate([*places, np.empty(0, int)]).astype(int),
            np.concatenate([*columns, np.empty((samples, 0))], axis=1),
        )


def sample_columns(circuit: Circuit) -> list[Column]:
    """The columns that differ by sample."""
    return [(g, name) for g, group in enumerate(circuit.groups) for name, v in group.values.items() if np.ndim(v) == 2]


def one_sample(circuit: Circuit, sample: int) -> Circuit:
    """The circuit with one sample's values and no sample axis."""
    return circuit.with_values({(g, n): circuit.groups[g].values[n][sample] for g, n in sample_columns(circuit)})


def write_deck(circuit: Circuit, tolerances: Mapping[str, float] = TIGHT) -> Deck:
    """The deck of a circuit; values that differ by sample are those of the first.

    Raises NgspiceError for a device that ngspice does not have.
    """
    circuit_of_values = one_sample(circuit, 0) if circuit.samples else circuit
    writer = _Writer(circuit_of_values)
    for g, group in enumerate(circuit_of_values.groups):
        if len(group):
            writer.add(g, group)
    lines = ["netlearn", *writer.lines, *_settings(circuit, tolerances), ".end"]
    unnamed = [
        name for name, vector in zip((*circuit.nodes, *circuit.branches), writer.vectors, strict=True) if not vector
    ]
    if unnamed:
        raise NgspiceError(f"no element of the deck carries the unknown '{unnamed[0]}'")
    return Deck(
        circuit=circuit,
        lines=lines,
        vectors=writer.vectors,
        columns=writer.columns,
        targets=writer.targets,
        elements=[writer.elements.get(g, []) for g in range(len(circuit.groups))],
        explicit=writer.explicit,
    )


def _settings(circuit: Circuit, tolerances: Mapping[str, float]) -> Iterator[str]:
    environment = circuit.environment
    settings = {
        **tolerances,
        "gmin": environment.gmin,
        "temp": environment.temperature - ZERO_CELSIUS,
        "tnom": environment.nominal_temperature - ZERO_CELSIUS,
    }
    settings["itl1"] = max(settings.get("itl1", 100.0), circuit.options.get("itl1", 0.0))
    yield ".options noacct " + " ".join(f"{name}={number(value)}" for name, value in settings.items())
    for node, value in circuit.nodeset.items():
        yield f".nodeset v(n{node})={number(value)}"


def number(value: float) -> str:
    """The shortest text that reads back to the same float64."""
    return repr(float(value))


class _Writer:
    """Collects the lines and names of a deck, group by group."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.lines: list[str] = []
        self.vectors = [f"n{i}" for i in range(len(circuit.nodes))] + [""] * len(circuit.branches)
        self.columns: list[Column] = []
        self.targets: list[str] = []
        self.elements: dict[int, list[str]] = {}
        self.explicit = False
        self.counts: dict[str, int] = {}
        self.carriers = self._carriers()

    def add(self, g: int, group: Group) -> None:
        device = group.device
        form = FORMS.get(device.name)
        if form is None:
            raise NgspiceError(f"ngspice has no element like '{group.names[0]}' ({device.name})")
        names = self._names(g, form, len(group))
        self._internal(form, group, names)
        on_line = [
            t for t, unknown in enumerate(device.unknowns) if unknown != OWN_BRANCH and unknown not in device.internal
        ]
        words = [names]
        for t in on_line:
            words.append([self._word(int(unknown)) for unknown in group.index[:, t]])
        if OWN_BRANCH in device.unknowns:
            for name, unknown in zip(names, group.index[:, device.unknowns.index(OWN_BRANCH)], strict=True):
                self.vectors[unknown] = f"{name}#branch"
        if form.expression is not None:
            # The controls stand in the expression, not on the line.
            words = [words[0], words[1], words[2], [form.expression(group, k, self._probe) for k in range(len(group))]]
        if form.model:
            words.append(self._models(g, form, group))
        if form.value:
            words.append([number(v) for v in self._column(group, form.value)])
        for value, name in form.instance.items():
            words.append(_assignments(name, group, value))
        self.lines += [" ".join(filter(None, line)) for line in zip(*words, strict=True)]
        for value, name in form.alterable.items():
            if value in group.values and np.all(np.isfinite(group.values[value])):
                self.columns.append((g, value))
                self.targets += [f"alter {element} {name} = " for element in names]

    def _names(self, g: int, form: Form, count: int) -> list[str]:
        if g not in self.elements:
            first = self.counts.get(form.letter, 0)
            self.counts[form.letter] = first + count
            self.elements[g] = [f"{form.letter}{first + k}" for k in range(count)]
        return self.elements[g]

    def _carriers(self) -> dict[int, str]:
        """The name of the element whose branch current each unknown is."""
        carriers: dict[int, str] = {}
        for g, group in enumerate(self.circuit.groups):
            form = FORMS.get(group.device.name)
            if form is not None and OWN_BRANCH in group.device.unknowns:
                own = group.index[:, group.device.unknowns.index(OWN_BRANCH)]
                carriers.update(zip(own.tolist(), self._names(g, form, len(group)), strict=True))
        return carriers

    def _word(self, unknown: int) -> str:
        if unknown == GROUND:
            return "0"
        return f"n{unknown}" if unknown < len(self.circuit.nodes) else self.carriers[unknown]

    def _probe(self, unknown: int) -> str:
        """An unknown inside an expression."""
        if unknown == GROUND:
            return "0"
        word = self._word(unknown)
        return f"v({word})" if unknown < len(self.circuit.nodes) else f"i({word})"

    def _internal(self, form: Form, group: Group, names: Sequence[str]) -> None:
        device = group.device
        for t, unknown in enumerate(device.unknowns):
            inside = device.internal.get(unknown)
            if inside is None:
                continue
            alias = group.index[:, device.unknowns.index(inside.alias)]
            for name, own, other in zip(names, group.index[:, t], alias, strict=True):
                if own not in (other, GROUND):
                    self.vectors[own] = f"{name}#{form.internal[unknown]}"
                    self.explicit = True

    def _column(self, group: Group, name: str) -> Array:
        return np.broadcast_to(np.asarray(group.values[name], dtype=float), len(group))

    def _models(self, g: int, form: Form, group: Group) -> list[str]:
        """The model names of the group's elements; equal models are written once."""
        written: dict[str, str] = {}
        inside = [name for name in group.values if name not in form.instance and name != form.value]
        texts = [_assignments(name, group, name) for name in inside]
        result = []
        for k in range(len(group)):
            text = " ".join(filter(None, (column[k] for column in texts)))
            if text not in written:
                written[text] = f"m{g}x{len(written)}"
                self.lines.append(f".model {written[text]} {form.model} ({text})")
            result.append(written[text])
        return result


def _assignments(name: str, group: Group, value: str) -> list[str]:
    """``name=value`` for each element; nothing where the value is the default or not given."""
    if value not in group.values:
        return [""] * len(group)
    default = group.device.parameters.get(value, float("nan"))
    column = np.broadcast_to(np.asarray(group.values[value], dtype=float), len(group))
    return ["" if v == default or not np.isfinite(v) else f"{name}={number(v)}" for v in column.tolist()]
