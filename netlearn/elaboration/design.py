"""A netlist together with its circuit: what may be trained, and how it is written back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import TEMPERATURE, Circuit, Group
from netlearn.circuit.parameters import REACH, Input, Parameters, Setting
from netlearn.elaboration.bindings import Bound
from netlearn.elaboration.columns import Contents, Driven, Named, drive, source_names
from netlearn.elaboration.deviations import Deviations, Loose
from netlearn.elaboration.kept import LeftOut, Surplus
from netlearn.elaboration.kinds import Kinds
from netlearn.elaboration.scope import Scope
from netlearn.elaboration.selectable import Selectable
from netlearn.elaboration.spreads import Spread
from netlearn.elaboration.template import NOTHING
from netlearn.elaboration.valuegraph import NOWHERE, Drawn, ValueGraph
from netlearn.elaboration.windings import is_inductor
from netlearn.errors import NetlistWarning, OptionError, Place, did_you_mean
from netlearn.netlist.edits import Edit
from netlearn.netlist.garbage import no_garbage_collection
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number
from netlearn.netlist.source import Source


@dataclass(frozen=True, slots=True)
class Selection:
    """What to train: a glob over element and parameter names, with bounds in the text's units.

    With ``own`` only what stands in the netlist's own file counts, not in those that it includes.
    ``coordinates`` is "log", "linear", or "auto" for what suits each number.
    """

    pattern: str
    lower: float = -math.inf
    upper: float = math.inf
    own: bool = False
    coordinates: Literal["auto", "log", "linear"] = "auto"


class Design:
    """A netlist elaborated.

    A number that stands in the text once is one parameter, however many elements it gives a
    value to: a resistor in a subcircuit used many times is one shared weight. Its name is
    that of its first instance, written as a path such as ``x1.r3``; a ``.param`` has its own
    name, under the path of its instance if it belongs to one.
    """

    def __init__(
        self,
        netlist: Netlist,
        circuit: Circuit,
        graph: ValueGraph,
        contents: Sequence[Contents],
        *,
        parameters: Sequence[tuple[str, Sequence[str], Array]],
        scope: Scope,
        frozen: Mapping[int, Place],
        temperature: int,
        draws: Sequence[tuple[str, Sequence[int]]] = (),
        spreads: Sequence[tuple[str, str, Spread]] = (),
        foreign_numbers: Sequence[int] = (),
        kept: Sequence[Surplus] = (),
        left_out: Sequence[LeftOut] = (),
        warnings: Sequence[NetlistWarning] = (),
    ) -> None:
        self.netlist = netlist
        self.circuit = circuit
        self._graph = graph
        self._contents = contents
        self._parameters = parameters
        self._scope = scope
        self._frozen = frozen
        self._temperature = temperature
        self._draws = draws
        self._spreads = spreads
        self._foreign_numbers = foreign_numbers
        self.kept = kept
        """What has nothing to do with the operating point, where that was asked for."""
        self.left_out = left_out
        self._driven = Driven((), (), (), tuple(contents))
        self._read: Mapping[str, int] = {}
        self.warnings = warnings
        """What was left out of the circuit, or read in a way that may not have been meant, each with its place."""
        self._quantities: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<elaborated {self.netlist.source.path}: {self.circuit!r}>"

    # Names and places ------------------------------------------------------------------------

    def element_place(self, name: str) -> Place:
        """Where an element stands in the text. Raises CircuitError for an unknown one."""
        group, k = self.circuit.element(name)
        number, start, end = (int(i) for i in self._contents[group].places[k])
        return self._graph.sources[number].place(start, end)

    @property
    def model_names(self) -> dict[str, str]:
        """What the netlist calls the models of its elements, by element, where what it says beside is kept."""
        return {each.name: str(each.pieces[0]) for each in self.kept if each.what == "called"}

    def parameter_place(self, name: str) -> Place:
        """Where a trained number stands. Raises OptionError for a name that is not one."""
        source, start, end = self.stretch(name)
        return source.place(start, end)

    def parameters_elsewhere(self, names: Sequence[str]) -> dict[Source, list[str]]:
        """Those of some trained numbers that stand in included files, by file."""
        quantities = np.array([self._quantities[name] for name in names], dtype=np.int64)
        numbers = self._graph.source_numbers(quantities)
        own = self._graph.source_number(self.netlist.source)
        found: dict[Source, list[str]] = {}
        for k in np.flatnonzero(numbers != own).tolist():
            found.setdefault(self._graph.sources[numbers[k]], []).append(names[k])
        return found

    def left_alone(self) -> dict[Source, int]:
        """The included files with resistors in them, and how many resistances stand in each."""
        written = [c.written for g, c in zip(self.circuit.groups, self._contents, strict=True) if _resists(g)]
        quantities = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *written]))
        numbers = self._graph.source_numbers(quantities[quantities != NOTHING])
        found, counts = np.unique(numbers[numbers != NOWHERE], return_counts=True)
        sources = ((self._graph.sources[k], n) for k, n in zip(found.tolist(), counts.tolist(), strict=True))
        return {source: n for source, n in sources if source is not self.netlist.source}

    def parameter_value(self, name: str) -> float | None:
        """The value of a ``.param``, or None if there is none of that name."""
        quantity = self._scope.find(name.lower())
        return None if quantity is None else self._graph.value(quantity)

    def is_free(self, name: str) -> bool:
        """Whether a ``.param`` of the netlist may be trained: it stands in the text, and no column sets it."""
        quantity = self._scope.find(name.lower())
        return quantity is not None and self._graph.is_literal(quantity) and quantity not in self._driven.held

    def trainable_names(self) -> list[str]:
        """Names of all parameters, resistors, sources and gains that a selection can match, and no column sets."""
        return self._names.names()

    # What samples set -------------------------------------------------------------------------

    def driven(self, columns: Sequence[str]) -> Design:
        """The same netlist, ready for samples that set what ``columns`` name.

        A source by its name, an element's own value (``Rload``), a ``.param``, an instance's, a
        model's or an element's parameter (``x1.r``, ``dm.is``, ``m1.w``), or ``temp``.

        Raises OptionError for a name of something that cannot be set, or of nothing.
        """
        result = self._renewed()
        result._driven = drive(self._named, columns)
        result._contents = result._driven.contents
        return result

    @property
    def _named(self) -> Named:
        return Named(self.circuit, self._graph, self._contents, self._parameters, self._frozen, self._temperature)

    def sources_set_by(self, columns: Sequence[str]) -> frozenset[str]:
        """The independent sources that columns set, also by what their values are computed from.

        Raises OptionError as ``driven`` does.
        """
        return frozenset(source for column in columns for source in self._named.sources_set_by(column))

    def reading(self, names: Sequence[str]) -> Design:
        """The same netlist, its circuit holding the numbers of these names for probes that use them.

        Raises OptionError for a name that is not a parameter's.
        """
        found: dict[str, int] = {}
        for name in names:
            quantity = self._scope.find(name.lower())
            if quantity is None:
                raise OptionError(f"there is no parameter '{name}'", hint=did_you_mean(name, self._scope.known()))
            found[name] = quantity
        if not found:
            return self
        result = copy(self)
        result._read = {**self._read, **found}
        values = {name: np.asarray(self._graph.value(quantity)) for name, quantity in found.items()}
        result.circuit = self.circuit.with_values({}, values)
        return result

    @property
    def deviations(self) -> Deviations:
        """What of the circuit may be off, by its names: see :class:`netlearn.elaboration.deviations.Deviations`."""
        return Deviations(self.netlist, self.circuit, self._graph, self._contents, self._parameters, self._frozen)

    def spreading(self) -> tuple[tuple[Loose, Spread], ...]:
        """The tolerances that the text states itself, with what each is of."""
        return tuple(self.deviations.spreads(self._spreads))

    def drawn(self) -> tuple[tuple[Loose, Drawn], ...]:
        """The random numbers of the text, one for each instance that has them."""
        return tuple(self.deviations.drawn(self._draws))

    def _renewed(self) -> Design:
        """A copy without what depends on what samples set."""
        result = copy(self)
        for made in ("_names", "_effective"):
            result.__dict__.pop(made, None)
        return result

    def settable(self, names: Sequence[str]) -> Design:
        """The same, ready for samples that set the numbers of these names, as ``parameters`` gives them, first.

        Raises OptionError for a name that is not that of a number which was chosen to be trained.
        """
        result = self._renewed()
        for name in names:
            self.stretch(name)
        quantities = tuple(self._quantities[name] for name in names)
        driven, first = self._driven, len(self._driven.quantities)
        settings = [Setting(n, self._graph.value(q)) for n, q in zip(names, quantities, strict=True)]
        result._driven = replace(
            driven,
            inputs=(*range(first, first + len(quantities)), *driven.inputs),
            quantities=(*driven.quantities, *quantities),
            settings=(*driven.settings, *settings),
            held=driven.held.union(quantities),
        )
        return result

    def loose(self, parts: Sequence[Loose]) -> Design:
        """The same, ready for samples that set by how much each part is off, before what else they set.

        A part's setting is 1 or a factor where it is relative, else 0 or what is added. Where random numbers
        are drawn, a last setting of 1 says so. Raises OptionError for what decides a condition.
        """
        result = self._renewed()
        result._driven, result._read = self.deviations.apply(self._driven, self._read, parts)
        result._contents = result._driven.contents
        return result

    def number(self, quantity: int) -> float:
        """The value of a quantity, as what is kept names it."""
        return self._graph.value(quantity)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What each of the columns given to ``driven`` sets."""
        return self._driven.inputs

    def matched_sources(self, train: Sequence[str], fix: Sequence[str] = ()) -> frozenset[str]:
        """The independent sources that patterns match, less those of ``fix``.

        They match by their own names, or where a pattern is the name of a parameter that their values are computed
        from: ``*`` and ``R*`` mean resistors most of all, and do not ask that a source follows.
        """

        def matches(name: str, patterns: Sequence[str]) -> bool:
            return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)

        def chosen(name: str, patterns: Sequence[str]) -> bool:
            return matches(name, patterns) and not matches(name, fix)

        named = [pattern for pattern in train if pattern[:1].lower() in "vi["]
        own = [name for name in source_names(self.circuit) if not is_inductor(name) and chosen(name, named)]
        found, whole = set(own), [pattern for pattern in train if not set("*?[") & set(pattern)]
        for name in (f"{path}.{name}" if path else name for path, names, _ in self._parameters for name in names):
            if chosen(name, whole):
                with suppress(OptionError):
                    # What cannot differ is refused where it is trained.
                    found |= self.sources_set_by([name])
        return frozenset(found)

    # Choosing what to train ------------------------------------------------------------------

    def parameters(self, train: Sequence[Selection], fix: Sequence[str] = ()) -> Parameters:
        """The numbers that selections choose, less those that a ``fix`` pattern matches.

        A resistor whose value is an expression stands for the numbers of the ``.param`` lines
        that it uses.

        Raises OptionError for a pattern that matches nothing, or nothing that is written as a number; if
        nothing is left to train; and for a number that decides a condition or an option.
        """
        with no_garbage_collection():
            held = {quantity for pattern in fix for quantity in self._names.matched(pattern)}
            chosen: dict[int, int] = {}
            for number, selection in enumerate(train):
                found = np.array(self._names.matched(selection.pattern), dtype=np.int64)
                matched = found[self._effective[found]].tolist()
                if not matched:
                    zero = not np.any(self._graph.values()[found])
                    hint = "zero may stand for none: write a small value other than zero there" if zero else ""
                    message = f"nothing at an operating point follows from what '{selection.pattern}' matches"
                    raise OptionError(message, hint=hint)
                if selection.own:
                    matched = self._own(matched)
                if held:
                    matched = [quantity for quantity in matched if quantity not in held]
                chosen.update(dict.fromkeys(matched, number))
            if train and not chosen:
                raise OptionError("all that is to be trained is fixed", hint="fix less, or train more")
            return self._made(list(chosen), train, list(chosen.values()))

    @cached_property
    def _names(self) -> Selectable:
        """What may be chosen, by name."""
        held = self._driven.held
        return Selectable(self.netlist, self.circuit, self._graph, self._contents, self._parameters, held)

    @cached_property
    def _effective(self) -> Array:
        """Which quantities any value of the circuit, what is read, a condition, or another simulator depends on."""
        ids = [ids for contents in self._contents for ids in contents.values.values()]
        return self._graph.needed(
            [*ids, np.array([*self._read.values(), *self._frozen, *self._foreign_numbers], dtype=np.int64)]
        )

    def _own(self, quantities: Sequence[int]) -> list[int]:
        """Those of some literals that stand in the netlist's own file. Raises OptionError if none does."""
        own = [q for q in quantities if self._graph.stretch(q)[0] is self.netlist.source]
        if not own:
            files = ", ".join(dict.fromkeys(f"'{self._graph.stretch(q)[0].path}'" for q in quantities))
            message = f"no resistor of '{self.netlist.source.path}' itself can be trained, only those of {files}"
            raise OptionError(message, hint="say that they are meant: '*@train R*'")
        return own

    def _made(self, quantities: Sequence[int], train: Sequence[Selection], chosen_by: Sequence[int]) -> Parameters:
        """The parameters for these quantities (P,); ``chosen_by`` (P,) numbers the selection that chose each."""
        names = [self._names.canonical[quantity] for quantity in quantities]
        values, places = self._graph.values(), np.array(quantities, dtype=np.int64)
        kinds = Kinds.of(self.circuit, self._contents, self._graph)
        initial, units = values[places], kinds.units[places]
        by = np.array(chosen_by, dtype=np.int64)
        wanted = np.array([selection.coordinates for selection in train], dtype="U6")[by]
        never_below = kinds.positive[places]
        # What is absent at zero has no logarithm, but is not to become negative either.
        logarithmic = (never_below & ((initial > 0) | (units == "ohm")) & (wanted != "linear")) | (wanted == "log")
        lower = np.array([selection.lower for selection in train], float)[by]
        least = np.where(units == "ohm", initial / REACH, 0.0)
        linear = never_below & ~logarithmic & (initial >= 0)
        self._quantities.update(zip(names, quantities, strict=True))
        bound = Bound(self._graph, quantities, self._driven.quantities)
        self._refuse_frozen(bound)
        return Parameters(
            self.circuit,
            names,
            initial,
            np.where(linear, np.maximum(lower, least), lower),
            np.array([selection.upper for selection in train], float)[by],
            logarithmic,
            tuple(bound.of_contents(self._contents)),
            self._driven.settings,
            tuple(bound.of_circuit({**self._read, TEMPERATURE: self._temperature})),
            tuple(units.tolist()),
        )

    def _refuse_frozen(self, bound: Bound) -> None:
        for quantity, place in self._frozen.items():
            if bound.by_training[quantity]:
                trained = set(bound.trained)
                culprit = next(self._names.canonical[q] for q in self._graph.origins(quantity) if q in trained)
                message = f"'{culprit}' cannot be trained: it decides a condition or an option"
                raise OptionError(message, place, "fix it, or write the circuit without it")

    # Writing back ----------------------------------------------------------------------------

    def write(self, parameters: Parameters, theta: Array) -> Netlist:
        """A copy of the netlist with the numbers ``theta`` (P,); all else stays as it is."""
        with no_garbage_collection():
            return self.netlist.edit(self.edits(parameters, theta))

    def changed(self, parameters: Parameters) -> Netlist:
        """A copy with another number for each parameter, which tells the files that writing them can change."""
        return self.write(parameters, 1.37 * np.asarray(parameters.initial) + 1.0)

    def edits(self, parameters: Parameters, theta: Array) -> list[Edit]:
        """The edits of the text that give it the numbers ``theta`` (P,), where they differ from what it says."""
        values = np.asarray(theta, dtype=float)
        changed = np.flatnonzero(values != parameters.initial).tolist()
        texts = map(format_number, values[changed].tolist())
        quantities = [self._quantity(parameters.names[k]) for k in changed]
        return list(zip(*self._graph.stretches(quantities), texts, strict=True))

    def stands_at(self, name: str, source: Source, start: int) -> bool:
        """Whether a number that was chosen to be trained is the one that is written there."""
        own, first, _ = self.stretch(name)
        return own is source and first == start

    def stretch(self, name: str) -> tuple[Source, int, int]:
        """Where a number that was chosen to be trained stands. Raises OptionError for a name that is not one's."""
        return self._graph.stretch(self._quantity(name))

    def _quantity(self, name: str) -> int:
        quantity = self._quantities.get(name)
        if quantity is None:
            raise OptionError(f"'{name}' is not a trained parameter", hint=did_you_mean(name, list(self._quantities)))
        return quantity


def _resists(group: Group) -> bool:
    return group.device.name == "resistor"
