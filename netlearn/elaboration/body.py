"""One body of statements, the netlist's or a subcircuit's, on its way into a template."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device
from netlearn.elaboration.distinct_words import DistinctWords
from netlearn.elaboration.kept import LeftOut
from netlearn.elaboration.meters import Meters
from netlearn.elaboration.numbers_by_name import NumbersByName
from netlearn.elaboration.scope import Scope
from netlearn.elaboration.scope_settings import ScopeSettings
from netlearn.elaboration.template import Template
from netlearn.elaboration.text_names import TextNames
from netlearn.elaboration.value_text import Text
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.errors import NetlearnError, NetlistError, NetlistWarning, Place
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.parser import MOST_ERRORS
from netlearn.netlist.slips import explained
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Assignment, Card, Subcircuit, Word


@dataclass
class Shared:
    """What all bodies of one elaboration share."""

    graph: ValueGraph = field(default_factory=ValueGraph)
    settings: ScopeSettings = field(default_factory=ScopeSettings)
    globals: set[str] = field(default_factory=set)
    errors: list[NetlearnError] = field(default_factory=list)
    frozen: dict[int, Place] = field(default_factory=dict)
    """Quantities that decide a condition or an option, which no gradient goes through."""
    reported: set[tuple[str, str]] = field(default_factory=set)
    keeping: bool = False
    """Whether what has nothing to do with the operating point is kept."""
    left_out: list[LeftOut] = field(default_factory=list)
    """What could not be kept."""
    foreign: bool = False
    """Whether elements are taken, too, that netlearn has no equations for."""
    foreign_numbers: set[int] = field(default_factory=set)
    """Quantities that such elements and their models state."""
    shorted: list[tuple[str, Place]] = field(default_factory=list)
    """Resistors that have the least resistance instead of their own."""

    @property
    def warnings(self) -> list[NetlistWarning]:
        """What is left out, or read in a way that may not have been meant."""
        return self.settings.warnings

    def collecting(self) -> AbstractContextManager[None]:
        """Keep an error for the end of the run; too many end it."""
        return _Collecting(self)

    def report(self, error: NetlearnError) -> None:
        error = explained(error)
        key = (str(error.place), error.message)
        if key not in self.reported:
            self.reported.add(key)
            self.errors.append(error)
        if len(self.errors) >= MOST_ERRORS:
            raise TooManyErrors


class _Collecting(AbstractContextManager[None]):
    """Hands errors to ``report``; entered for every line, so that it is no generator, which takes longer."""

    __slots__ = ("_shared",)

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, NetlistError):
            return False
        self._shared.report(error)
        return True


class TooManyErrors(Exception):
    """Enough errors have been collected to report."""


@dataclass(frozen=True, slots=True)
class LikeDevice:
    """What elements of one model become that give themselves the same values, and all quantities of one of them."""

    element: Mapping[str, int]
    """Those that it gives itself."""
    device: Device
    columns: Mapping[str, int]
    derived: bool
    """Whether some are worked out from those that it gives itself."""


@dataclass(slots=True, eq=False)
class ModelCard:
    """A ``.model`` card and the body that it stands in."""

    card: Card
    kind: str
    chain: tuple[Place, ...]
    body: Body
    parameters: dict[str, Assignment] = field(default_factory=dict)
    """What the card gives, by lower-case name."""
    words: tuple[Word, ...] = ()
    """The card's words after its type that belong to no parameter."""
    based_on: Word | None = None
    """The name of the model that this one differs from only in what it gives (AKO)."""
    notes: list[tuple[Word, str]] = field(default_factory=list)
    """What to warn of if the model is used."""
    tolerances: list[tuple[str, Word, Word]] = field(default_factory=list)
    """Tolerances of its parameters: which one, the word that says so, and how much."""
    quantities: dict[str, int] | None = None
    """The quantities of its parameters, once something has asked for them."""
    devices: dict[tuple[tuple[str, float], ...], LikeDevice] = field(default_factory=dict)
    """What its elements become, by the values that they give themselves: most give the same."""
    number: int = field(default_factory=count().__next__)
    """What tells it from others of its name."""

    def place(self, word: Word) -> Place:
        return self.card.source.place(word.start, word.end, self.chain)


@dataclass(frozen=True, slots=True)
class Definition:
    """A ``.subckt``, the file and the body that it stands in."""

    subcircuit: Subcircuit
    netlist: Netlist
    chain: tuple[Place, ...]
    body: Body


class ElementNames:
    """Which element names are taken, and where each stands: in order, run by run."""

    def __init__(self) -> None:
        self._dictionary: dict[str, int] = {}
        self._numbers = NumbersByName(self._dictionary)
        self._firsts: list[int] = []
        self._runs: list[tuple[Source, tuple[int, int] | Array]] = []
        self._count = 0

    def take(self, source: Source, spans: Array) -> Iterator[tuple[int, str]]:
        """Take names that stand at ``spans`` (k, 2) of ``source``; yield those that were taken before, with their k."""
        first = self._begin(source, spans)
        words = DistinctWords.of(source.text, spans)
        if words is not None and len(words) == len(spans) and self._numbers.among(words) == {}:
            self._numbers.add(words, np.arange(first, self._count))
            return
        names, numbers = list(TextNames(source.text, spans)), self._numbers.listed()
        run = dict(zip(names, range(first, self._count), strict=True))
        if len(run) == len(names) and numbers.keys().isdisjoint(run):
            numbers.update(run)
            return
        for number, name in enumerate(names, first):
            if numbers.setdefault(name, number) != number:
                yield number - first, name

    def take_one(self, source: Source, name: str, start: int, end: int) -> bool:
        """Take a name that stands at [start, end) of ``source``; whether it was taken before."""
        if name in self._dictionary or self._numbers.get(name) is not None:
            return True
        number = self._dictionary[name] = self._count
        self._firsts.append(number)
        self._runs.append((source, (start, end)))
        self._count = number + 1
        return False

    def __contains__(self, name: str) -> bool:
        return self._numbers.get(name) is not None

    def place(self, name: str) -> Place:
        """Where a name was taken first."""
        number = self._numbers.listed()[name]
        run = bisect_right(self._firsts, number) - 1
        source, spans = self._runs[run]
        start, end = spans if isinstance(spans, tuple) else spans[number - self._firsts[run]]
        return source.place(int(start), int(end))

    def _begin(self, source: Source, spans: Array) -> int:
        number = self._count
        self._firsts.append(number)
        self._runs.append((source, spans))
        self._count = number + len(spans)
        return number


class Body:
    """The names of one body, and the template that its elements are put into.

    As in ngspice, parameters are those around its instance, in the body ``parent``, but models, functions and
    subcircuits those ``around`` its definition.
    """

    def __init__(
        self,
        shared: Shared,
        parent: Body | None = None,
        around: Body | None = None,
        multiplier: int | None = None,
    ) -> None:
        self.shared = shared
        self.parent = parent
        self.around = around
        self.scope: Scope = Scope(
            shared.graph, shared.settings, parent.scope if parent else None, around.scope if around else None
        )
        self.template = Template()
        self.meters = Meters(self.template, shared.graph)
        self.multiplier = multiplier
        """The quantity that multiplies every element: the m= of the instances around it."""
        self.models: dict[str, ModelCard] = {}
        self.definitions: dict[str, Definition] = {}
        self.elements = ElementNames()
        self.deferred: list[Callable[[], None]] = []
        """What needs the branch currents of elements that may come later."""

    def fixed(self, text: Text) -> float:
        """The value of something that training cannot follow."""
        quantity = self.scope.quantity(text)
        self.shared.frozen.setdefault(quantity, text.place())
        return self.shared.graph.value(quantity)

    def model(self, name: str) -> ModelCard | None:
        """The model of that name that is nearest on the way outwards, from definition to definition."""
        body: Body | None = self
        while body is not None:
            if name in body.models:
                return body.models[name]
            body = body.around
        return None

    def definition(self, name: str) -> Definition | None:
        """The subcircuit of that name that is nearest on the way outwards, from definition to definition."""
        body: Body | None = self
        while body is not None:
            if name in body.definitions:
                return body.definitions[name]
            body = body.around
        return None

    def known_definitions(self) -> list[str]:
        body: Body | None = self
        names: list[str] = []
        while body is not None:
            names += body.definitions
            body = body.around
        return names

    def known_models(self) -> list[str]:
        body: Body | None = self
        names: list[str] = []
        while body is not None:
            names += body.models
            body = body.around
        return names

    def take_names(self, source: Source, spans: Array, chain: tuple[Place, ...]) -> None:
        """Take the element names at ``spans`` (k, 2) of ``source``, reporting those that another element has."""
        for k, name in self.elements.take(source, spans):
            start, end = spans[k]
            self._report_second(name, source.place(int(start), int(end), chain))

    def take_name(self, source: Source, name: str, start: int, end: int, chain: tuple[Place, ...]) -> None:
        """The same for one name, at [start, end) of ``source``."""
        if self.elements.take_one(source, name, start, end):
            self._report_second(name, source.place(start, end, chain))

    def _report_second(self, name: str, place: Place) -> None:
        hint = f"the first one is at {self.elements.place(name)}"
        self.shared.report(NetlistError(f"there are two elements named '{name}'", place, hint))

    def node(self, name: str) -> int:
        """The number of a node in this body's template."""
        number = self.template.nodes.local(name)
        if self.parent is not None and name in self.shared.globals:
            self.template.globals[name] = number
        return number
