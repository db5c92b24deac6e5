"""A flat circuit as an ngspice deck.

In the decks that netlearn runs nothing that a user wrote reaches ngspice: nodes are called n0, n1,
..., elements by a letter and a number, and values are numbers. So no text of a netlist can be a
command, whatever it says. Decks for people to read have the user's names where these are plain words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column, Group, one_sample
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.devices.linear import SHUNT, WINDING
from netlearn.elaboration.windings import LARGEST
from netlearn.errors import CircuitError, NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.forms import Form, column, form_of, inside_nodes
from netlearn.ngspice.names import Generated, Names, quoted

TIGHT = {"reltol": 1e-9, "abstol": 1e-15, "vntol": 1e-12, "itl1": 500.0}
"""Options of ngspice with which node voltages of five circuits are within 3e-14 to 1e-12 V of ours, as with a
thousandth of each; with its own defaults they are up to 4e-6 V off, more than the differences to be judged
(benchmarks/constants_of_ngspice.py)."""

DEFAULTS = {"gmin": 1e-12, "temp": 27.0, "tnom": 27.0, "itl1": 100.0}
"""What ngspice takes where a deck says nothing: its own defaults."""

OWN_BRANCH = "i"
"""The name of the unknown that is an element's own branch current."""


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


def alterable(circuit: Circuit, column: Column) -> bool:
    """Whether ``alter`` can change the values of a column."""
    g, name = column
    return name in form_of(circuit.groups[g].device).alterable


@dataclass(frozen=True)
class Beside:
    """What a deck is to say beside the circuit, by the elements' names: after their own words, and in their models."""

    words: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    inductances: Mapping[str, str] = field(default_factory=dict)
    """Of sources of 0 V that stand for inductors."""


NOTHING_BESIDE = Beside()


def write_deck(
    circuit: Circuit,
    tolerances: Mapping[str, float] = TIGHT,
    names: Names | None = None,
    beside: Beside = NOTHING_BESIDE,
) -> Deck:
    """The deck of a circuit; values and temperatures that differ by sample are those of the first.

    ``names`` are generated ones if not given. Raises NgspiceError for a device that ngspice does not have.
    """
    writer = _Writer(one_sample(circuit, 0), names or Generated(circuit), beside)
    for g, group in enumerate(writer.circuit.groups):
        if len(group) and group.device is not SHUNT:
            writer.add(g, group)
    writer.add_alone()
    lines = ["netlearn", *writer.lines, *_settings(writer.circuit, tolerances, writer.vectors), ".end"]
    return Deck(
        circuit=circuit,
        lines=lines,
        vectors=writer.vectors,
        columns=writer.columns,
        targets=writer.targets,
        elements=[writer.elements.get(g, []) for g in range(len(circuit.groups))],
        explicit=writer.explicit,
    )


def check_connected(circuit: Circuit) -> None:
    """Raise CircuitError where no element that a deck has touches a node: ngspice would not know it."""
    touched = np.zeros(circuit.size + 1, dtype=bool)
    for group in circuit.groups:
        touched[group.index] = True
    alone = np.flatnonzero(~touched[:-1])
    if len(alone):
        node = (*circuit.nodes, *circuit.branches)[alone[0]]
        raise CircuitError(
            f"node '{node}' has no DC path to ground", hint="no element that conducts is connected to it"
        )


def save_commands(vectors: Sequence[str]) -> Iterator[str]:
    """The commands that make ngspice keep just these vectors, among them nodes inside elements."""
    # Control lines are put into lower case, but not what setcs sets, and save wants q1#collCX as it is.
    for start in range(0, len(vectors), 20):
        yield f"setcs vectors = ( {' '.join(map(quoted, vectors[start : start + 20]))} )"
        yield "save $vectors"


def _settings(circuit: Circuit, tolerances: Mapping[str, float], vectors: Sequence[str]) -> Iterator[str]:
    environment = circuit.environment
    settings = {
        **tolerances,
        "gmin": environment.gmin,
        "temp": round(float(environment.temperature) - ZERO_CELSIUS, 9),
        "tnom": round(environment.nominal_temperature - ZERO_CELSIUS, 9),
        "itl1": max(tolerances.get("itl1", DEFAULTS["itl1"]), circuit.options.get("itl1", 0.0)),
    }
    shunts = [group for group in circuit.groups if group.device is SHUNT and len(group)]
    if shunts:
        settings["rshunt"] = float(column(shunts[0], "resistance")[0])
    options = [f"{name}={format_number(value)}" for name, value in settings.items() if value != DEFAULTS.get(name)]
    if any("badmos3" in group.values and column(group, "badmos3").any() for group in circuit.groups):
        options.append("badmos3")
    if options:
        yield " ".join([".options", *options])
    for node, value in circuit.nodeset.items():
        yield f".nodeset v({vectors[node]})={format_number(value)}"


class _Writer:
    """Collects the lines and names of a deck, group by group."""

    def __init__(self, circuit: Circuit, names: Names, beside: Beside) -> None:
        self.beside = beside
        self.circuit = circuit
        self.names = names
        self.lines: list[str] = []
        self.vectors = [*names.nodes, *[""] * len(circuit.branches)]
        self.columns: list[Column] = []
        self.targets: list[str] = []
        self.elements: dict[int, list[str]] = {}
        self.explicit = False
        self.carriers = self._carriers()

    def add(self, g: int, group: Group) -> None:
        device, form = group.device, form_of(group.device)
        names = self._names(g, form, group)
        self._internal(group, names)
        if OWN_BRANCH in device.unknowns:
            for name, unknown in zip(names, group.index[:, device.unknowns.index(OWN_BRANCH)], strict=True):
                self.vectors[unknown] = f"{name}#{form.branch}"
        words = [names, *self._connections(form, group)]
        if form.types:
            words.append(self._models(g, form, group))
        if form.value:
            given = self.beside.inductances
            values = _finite(group, form.value)
            words.append([given.get(str(name), value) for name, value in zip(group.names, values, strict=True)])
        words += [_assignments(form, group, value, name) for value, name in form.instance.items()]
        words += [[word if v else "" for v in column(group, value)] for value, word in form.flags.items()]
        words.append([form.words] * len(group))
        words.append([self.beside.words.get(str(name), "") for name in group.names] if self.beside.words else [])
        words = [each for each in words if each]
        if device is WINDING:
            self._series(group, names, words)
        self.lines += [" ".join(filter(None, line)) for line in zip(*words, strict=True)]
        for value, name in form.alterable.items():
            self.columns.append((g, value))
            self.targets += [f"alter {element} {name} = " for element in names]

    def _series(self, group: Group, names: Sequence[str], words: list[list[str]]) -> None:
        """Put the resistances of windings in series with them; those that only part currents stay out."""
        resistances = column(group, "resistance")
        some = np.flatnonzero(np.abs(resistances) > LARGEST)
        own = self.names.elements("r", [f"{group.names[k]}#rser" for k in some.tolist()]) if len(some) else []
        words[2] = list(words[2])
        nodes = set(self.names.nodes)
        for name, k in zip(own, some.tolist(), strict=True):
            inside = f"{names[k]}_rser"
            while inside in nodes:
                inside += "_"
            nodes.add(inside)
            self.lines.append(f"{name} {inside} {words[2][k]} {format_number(float(resistances[k]))}")
            words[2][k] = inside

    def add_alone(self) -> None:
        """A capacitor at each node that nothing but a shunt touches, for ngspice to know the node."""
        touched = np.zeros(self.circuit.size + 1, dtype=bool)
        shunted = np.zeros(self.circuit.size + 1, dtype=bool)
        for group in self.circuit.groups:
            (shunted if group.device is SHUNT else touched)[group.index] = True
        alone = np.flatnonzero((shunted & ~touched)[:-1])
        words = self.names.elements("c", [f"c#{k}" for k in range(len(alone))]) if len(alone) else []
        self.lines += [f"{name} {self._word(int(node))} 0 1p" for name, node in zip(words, alone, strict=True)]

    def _connections(self, form: Form, group: Group) -> list[list[str]]:
        """The words after the name: nodes and controlling sources, or two nodes and a law."""
        unknowns = group.device.unknowns
        if form.law is not None:
            nodes = [[self._word(int(u)) for u in group.index[:, t]] for t in (0, 1)]
            return [*nodes, [form.law(group, k, self._probe) for k in range(len(group))]]
        on_line = [t for t, u in enumerate(unknowns) if u != OWN_BRANCH and u not in group.device.internal]
        return [[self._word(int(u)) for u in group.index[:, t]] for t in on_line]

    def _names(self, g: int, form: Form, group: Group) -> list[str]:
        if g not in self.elements:
            inductances = self.beside.inductances if form.letter == "v" else {}
            letters = ["l" if str(name) in inductances else form.letter for name in group.names]
            words = {}
            for letter in sorted(set(letters)):
                names = [str(name) for name, own in zip(group.names, letters, strict=True) if own == letter]
                words[letter] = iter(self.names.elements(letter, names))
            self.elements[g] = [next(words[letter]) for letter in letters]
        return self.elements[g]

    def _carriers(self) -> dict[int, str]:
        """The name of the element whose branch current each unknown is."""
        carriers: dict[int, str] = {}
        for g, group in enumerate(self.circuit.groups):
            if len(group) and OWN_BRANCH in group.device.unknowns:
                own = group.index[:, group.device.unknowns.index(OWN_BRANCH)]
                names = self._names(g, form_of(group.device), group)
                carriers.update(zip(own.tolist(), names, strict=True))
        return carriers

    def _word(self, unknown: int) -> str:
        if unknown == GROUND:
            return "0"
        return self.names.nodes[unknown] if unknown < len(self.circuit.nodes) else self.carriers[unknown]

    def _probe(self, unknown: int) -> str:
        """An unknown inside an expression."""
        if unknown == GROUND:
            return "0"
        word = self._word(unknown)
        return f"v({word})" if unknown < len(self.circuit.nodes) else f"i({word})"

    def _internal(self, group: Group, names: Sequence[str]) -> None:
        for k, number, word in inside_nodes(group):
            self.vectors[number] = f"{names[k]}#{word}"
            self.explicit = True

    def _models(self, g: int, form: Form, group: Group) -> list[str]:
        """The model names of the group's elements; equal models are written once."""
        polarity = column(group, "polarity") if "polarity" in group.values else np.ones(len(group))
        level = [f"level={form.level}" if form.level != 1 else ""] * len(group)
        more = [self.beside.models.get(str(name), "") for name in group.names]
        texts = [level, *(_assignments(form, group, value, name) for value, name in form.model.items()), more]
        written: dict[str, str] = {}
        result = []
        for k, sign in enumerate(polarity.tolist()):
            kind, *words = form.types[sign].split()
            text = f"{kind} ({' '.join(filter(None, (*words, *(parts[k] for parts in texts))))})"
            if text not in written:
                written[text] = f"m{g}x{len(written)}"
                self.lines.append(f".model {written[text]} {text}")
            result.append(written[text])
        return result


def _finite(group: Group, value: str) -> list[str]:
    """The numbers that stand by themselves. Raises NgspiceError for one that is none."""
    numbers = column(group, value).tolist()
    for name, number in zip(group.names, numbers, strict=True):
        if not np.isfinite(number):
            raise NgspiceError(f"the {value} of '{name}' is {number:g}, which no line can say")
    return [format_number(number) for number in numbers]


def _assignments(form: Form, group: Group, value: str, name: str) -> list[str]:
    """``name=value`` for each element; nothing where the value is the default or was not given."""
    if value not in group.values:
        return [""] * len(group)
    values = column(group, value)
    written = np.isfinite(values) & (values != group.device.parameters.get(value, np.nan))
    if value in form.unless:
        written &= column(group, form.unless[value]) == 0
    return [f"{name}={format_number(v)}" if w else "" for v, w in zip(values.tolist(), written.tolist(), strict=True)]
