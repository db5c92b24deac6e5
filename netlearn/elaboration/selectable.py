"""The numbers of a netlist by the names that patterns may mean, and which of them a pattern chooses."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.elaboration.columns import PRINCIPAL, Contents
from netlearn.elaboration.kinds import LETTERS
from netlearn.elaboration.names import plain_notation
from netlearn.elaboration.template import NOTHING
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.elaboration.windings import is_inductor
from netlearn.errors import OptionError, did_you_mean
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number, parse_number


@dataclass(frozen=True)
class Selectable:
    """What may be chosen to be trained: resistors, sources, gains, parameters of the netlist and of its elements.

    ``parameters`` holds paths, and names and quantities below each; ``held`` are quantities that samples set.
    """

    netlist: Netlist
    circuit: Circuit
    graph: ValueGraph
    contents: Sequence[Contents]
    parameters: Sequence[tuple[str, Sequence[str], Array]]
    held: frozenset[int] = frozenset()

    def names(self) -> list[str]:
        """The names of all that a pattern can match and that no samples set."""
        every = (*self._selectable, *self._stated, *self._sources)
        return [plain for _, plain, quantity in every if quantity not in self.held]

    def _resistors(self) -> Iterable[tuple[str, str, int]]:
        """Name in both notations and written quantity of every resistor."""
        for group, contents in zip(self.circuit.groups, self.contents, strict=True):
            if group.device.name == "resistor":
                names = list(group.names)
                plain = [plain_notation(name) if "." in name else name for name in names]
                yield from zip(names, plain, contents.written.tolist(), strict=True)

    def _parameter_items(self) -> Iterable[tuple[str, int]]:
        for path, names, quantities in self.parameters:
            for name, quantity in zip(names, quantities.tolist(), strict=True):
                yield (f"{path}.{name}" if path else name), quantity

    @cached_property
    def _selectable(self) -> list[tuple[str, str, int]]:
        """Every name that can be selected in both notations, with its quantity."""
        shared, _ = self._shared_and_stated
        return [*shared, *self._resistors()]

    @property
    def _stated(self) -> list[tuple[str, str, int]]:
        """Parameters of single elements, such as ``m1.w``, likewise."""
        return self._shared_and_stated[1]

    @cached_property
    def _shared_and_stated(self) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
        """The parameters of the netlist, its instances and models, and those of single elements."""
        shared: list[tuple[str, str, int]] = []
        stated: list[tuple[str, str, int]] = []
        for name, quantity in self._parameter_items():
            (stated if self._is_stated(name) else shared).append((name, name, quantity))
        return shared, stated

    def _is_stated(self, name: str) -> bool:
        """Whether a parameter's name is that of an element and one of its own parameters."""
        owner = name.rpartition(".")[0]
        return bool(owner) and self.circuit.has_element(owner)

    @cached_property
    def _sources(self) -> list[tuple[str, str, int]]:
        """Values of independent sources and gains of controlled ones, likewise."""
        found = []
        for group, contents in zip(self.circuit.groups, self.contents, strict=True):
            if group.device.name in PRINCIPAL and group.device.name != "resistor":
                rows = zip(group.names, contents.written.tolist(), strict=True)
                found += [(name, plain_notation(name), q) for name, q in rows if q != NOTHING and not is_inductor(name)]
        return found

    @cached_property
    def canonical(self) -> dict[int, str]:
        """The name of each literal: its ``.param``'s if it has one, else its first element's."""
        every = (*self._selectable, *self._stated, *self._sources)
        return {quantity: plain for _, plain, quantity in reversed(every)}

    def matched(self, pattern: str) -> list[int]:
        """The literals that a pattern chooses."""
        match = re.compile(translate(pattern.lower())).match
        owner, _, parameter = pattern.lower().rpartition(".")
        known = [*self._selectable]
        # A source is meant only where the pattern says its letter: * and x1.* mean resistors and parameters.
        if parameter[:1] in (*LETTERS, "["):
            known += self._sources
        hits = [q for name, plain, q in known if match(plain) or (name is not plain and match(name))]
        # A parameter of an element is meant only where the pattern names one: R* and x1.* mean resistors.
        is_owner, is_parameter = (re.compile(translate(part)).match for part in (owner, parameter))
        for name, _, quantity in self._stated if owner else ():
            of, _, stated = name.rpartition(".")
            if is_owner(of) and is_parameter(stated):
                hits.append(quantity)
        if not hits:
            raise self._no_match(pattern)
        chosen: dict[int, None] = {}
        held = set(self.held.intersection(hits))
        for quantity in dict.fromkeys(hits):
            if quantity == NOTHING or quantity in held:
                continue
            if self.graph.is_literal(quantity):
                chosen[quantity] = None
            else:
                origins = self.graph.origins(quantity)
                held.update(self.held.intersection(origins))
                chosen.update(dict.fromkeys(q for q in origins if q in self.canonical and q not in held))
        if held and not chosen:
            message = f"what '{pattern}' matches is set by the data, so that it cannot be trained"
            raise OptionError(message, hint="a column drives a number or it is trained, not both")
        if not chosen:
            message = f"what '{pattern}' matches has no number of its own in the text"
            raise OptionError(message, hint=self._where_a_number_is_missing(pattern, hits))
        return list(chosen)

    def _where_a_number_is_missing(self, pattern: str, hits: Sequence[int]) -> str:
        """The remedy where what a pattern matches has no number in the text that could be trained."""
        if pattern.lower() in {plain for _, plain, _ in self._sources}:
            return "write one there"
        parameters = {name: quantity for name, quantity in self._parameter_items() if quantity in hits}
        if parameters:
            # It gives values itself, as a formula of nothing that is written as a number of its own.
            name = next(iter(parameters))
            return f"it is a formula: write {name}={format_number(self.graph.value(parameters[name]))}"
        return "train the .param or the model parameter that gives the value"

    def _no_match(self, pattern: str) -> OptionError:
        """Why a pattern matches nothing."""
        word = pattern.lower()
        owner, _, value = word.rpartition(".")
        letter = word.rpartition(".")[2][:1]
        if self.circuit.has_element(owner) and value in self.circuit.groups[self.circuit.element(owner)[0]].values:
            g, k = self.circuit.element(owner)
            now = float(self.graph.value(int(self.contents[g].values[value][k])))
            message = f"'{pattern}' stands nowhere in the text, so that it could not be written"
            hint = f"write {value}={now:g} on the line of '{owner}'" if math.isfinite(now) else ""
            return OptionError(message, hint=hint or f"write {value}= on the line of '{owner}'")
        if word in (name.lower() for name in self.netlist.elements) and letter in "clk":
            return OptionError(f"'{pattern}' has no effect at an operating point, so that there is nothing to train")
        known = [plain for _, plain, _ in (*self._selectable[:2000], *self._sources[:2000])]
        if owner and any(name.startswith(f"{owner}.") for name, _ in self._parameter_items()):
            message = f"'{owner}' gives no '{value}' in the text, which could be written"
            like = did_you_mean(pattern, [name for name in known if name.startswith(f"{owner}.")])
            return OptionError(message, hint=f"write {value}= where '{owner}' gives its others; {like}")
        message = f"'{pattern}' matches no resistor, source or parameter of the netlist"
        inside = next((plain for plain in known if plain.rpartition(".")[2] == word), None)
        if not inside and parse_number(word) is not None:
            return OptionError(message, hint=f"bounds have names: min={pattern} or max={pattern}")
        return OptionError(message, hint=f"did you mean '{inside}'?" if inside else did_you_mean(pattern, known))
