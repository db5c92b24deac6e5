"""What of a circuit may be off by a tolerance, and the circuit made ready for samples in which it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.parameters import Setting
from netlearn.elaboration.columns import PRINCIPAL, Contents, Driven
from netlearn.elaboration.names import plain_notation, under
from netlearn.elaboration.spreads import Spread
from netlearn.elaboration.valuegraph import Drawn, ValueGraph
from netlearn.elaboration.windings import is_inductor
from netlearn.errors import OptionError, Place, did_you_mean
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.netlist import Netlist

_PRODUCT, _SUM = parse_expression("value*factor"), parse_expression("value+shift")
Match = Callable[[str], object]
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Loose:
    """A number of the circuit that may be off: an element's value, a parameter's, or a random number's.

    ``element`` is a group and a place in it, with the ``value`` that is meant; else it is ``quantity`` as the
    elements below ``path`` have it.
    """

    name: str
    relative: bool = True
    element: tuple[int, int] | None = None
    value: str = ""
    quantity: int = -1
    path: str = ""
    drawn: bool = False

    @property
    def key(self) -> object:
        """The same for the same number."""
        return (self.element, self.value) if self.element is not None else (self.quantity, self.path)


@dataclass(frozen=True)
class Deviations:
    """The numbers of a circuit by name, and what follows from them."""

    netlist: Netlist
    circuit: Circuit
    graph: ValueGraph
    contents: Sequence[Contents]
    parameters: Sequence[tuple[str, Sequence[str], Array]]
    frozen: Mapping[int, Place]

    def __repr__(self) -> str:
        return f"<deviations of {self.netlist!r}>"

    def matched(self, pattern: str, relative: bool = True) -> list[Loose]:
        """What a glob over names means: elements with a value, elements' or models' parameters, or ``.param``.

        Without a dot it means no elements of files that are included: what a maker's model is made of are no parts.
        Elements whose values are random numbers already keep the distribution that these say.
        Raises OptionError for what cannot have a tolerance, and for what is not there.
        """
        word = "".join(pattern.lower().split())
        match = re.compile(translate(word)).match
        found: list[Loose] = []
        if "." in word:
            found += self._values_of_elements(word, relative)
        found = found or list(self._elements(match, "." not in word, relative))
        found = found or list(self._named(word, match, relative))
        if not found:
            raise self._refused(pattern, word, match)
        return found

    def spreads(self, spreads: Iterable[tuple[str, str, Spread]]) -> Iterator[tuple[Loose, Spread]]:
        """What the netlist's own tolerances are of."""
        for path, name, spread in spreads:
            inside = f"{path}.{name}" if path else name
            if not self.circuit.has_element(inside):
                continue
            g, k = self.circuit.element(inside)
            if spread.value in self.contents[g].values:
                shared = spread.shared and f"{path}/{spread.shared}"
                called = inside if spread.value == PRINCIPAL.get(self.circuit.groups[g].device.name) else None
                loose = Loose(called or f"{inside}.{spread.value}", spread.relative, (g, k), spread.value)
                yield loose, replace(spread, shared=shared)

    def drawn(self, draws: Iterable[tuple[str, Sequence[int]]]) -> Iterator[tuple[Loose, Drawn]]:
        """The random numbers that any element depends on, named after what they decide."""
        for path, quantities in draws:
            for quantity in quantities:
                depends = self.graph.dependants([quantity])
                rows = list(self._dependants(depends, path))
                if rows:
                    name = self._called(quantity, depends, path, rows)
                    loose = Loose(name, relative=False, quantity=quantity, path=path, drawn=True)
                    yield loose, self.graph.drawn[quantity]

    def apply(
        self, driven: Driven, read: Mapping[str, int], parts: Sequence[Loose]
    ) -> tuple[Driven, Mapping[str, int]]:
        """What samples set with the parts' deviations before the rest, and the numbers that outputs read."""
        contents, read = [*driven.contents], dict(read)
        settings, quantities = [*driven.settings], [*driven.quantities]
        graph, inputs = self.graph, []
        for part in parts:
            own = graph.free(1.0 if part.relative else 0.0)
            inputs.append(len(quantities))
            quantities.append(own)
            settings.append(Setting(f"deviation of {part.name}", graph.value(own)))
            if part.element is not None:
                self._shift(contents, part, own)
                continue
            by = _PRODUCT if part.relative else _SUM
            swaps = {part.quantity: own if part.drawn else graph.compute(by, (part.quantity, own))}
            self._substitute(contents, part, swaps)
            if not part.path:
                read = {name: graph.substituted(quantity, swaps) for name, quantity in read.items()}
        if any(part.drawn for part in parts):
            inputs.append(len(quantities))
            quantities.append(graph.drawing)
            settings.append(Setting("drawing", 0.0))
        made = Driven((*inputs, *driven.inputs), tuple(quantities), tuple(settings), tuple(contents), driven.held)
        return made, read

    # What names mean -------------------------------------------------------------------------

    def _elements(self, match: Match, own: bool, relative: bool) -> Iterator[Loose]:
        source = self.graph.source_number(self.netlist.source)
        drawn = self.graph.dependants(self.graph.drawn)
        for g, group in enumerate(self.circuit.groups):
            value = PRINCIPAL.get(group.device.name)
            if value is None:
                continue
            for k, name in enumerate(group.names):
                plain = plain_notation(name)
                if is_inductor(name) or not (match(name) or match(plain)):
                    continue
                mine = not own or int(self.contents[g].places[k][0]) == source
                if mine and not drawn[int(self.contents[g].values[value][k])]:
                    yield Loose(plain, relative, (g, k), value)

    def _values_of_elements(self, word: str, relative: bool) -> list[Loose]:
        owner, _, value = word.rpartition(".")
        match = re.compile(translate(owner)).match
        return [
            Loose(f"{plain_notation(name)}.{value}", relative, (g, k), value)
            for g, group in enumerate(self.circuit.groups)
            if value in group.device.parameters and value not in PRINCIPAL.values()
            for k, name in enumerate(group.names)
            if match(name) or match(plain_notation(name))
        ]

    def _named(self, word: str, match: Match, relative: bool) -> Iterator[Loose]:
        glob = _GLOB.search(word) is not None
        for path, names, quantities in self.parameters:
            for name, quantity in zip(names, quantities.tolist(), strict=True):
                full = f"{path}.{name}" if path else name
                if match(full) and (self.graph.is_literal(quantity) or not glob):
                    yield Loose(full, relative, quantity=quantity, path=path)

    def _refused(self, pattern: str, word: str, match: Match) -> OptionError:
        for group in self.circuit.groups:
            for name in group.names:
                if (match(name) or match(plain_notation(name))) and not is_inductor(name):
                    if group.device.name in PRINCIPAL:
                        hint = f"write the path to them, such as {plain_notation(name)}"
                        return OptionError(f"what '{pattern}' matches stands in included files", hint=hint)
                    first = next(iter(group.device.parameters), "area")
                    message = f"'{plain_notation(name)}' has no value of its own that could be off"
                    return OptionError(message, hint=f"name one of its parameters, such as {word}.{first}")
        inert = next((view for view in self.netlist.elements.values() if match(view.name.lower())), None)
        if inert is not None:
            return OptionError(f"'{inert.name}' has no value at an operating point that could be off")
        known = [plain_notation(n) for g in self.circuit.groups if g.device.name in PRINCIPAL for n in g.names[:2000]]
        known += [name for path, names, _ in self.parameters if not path for name in names]
        return OptionError(f"'{pattern}' matches nothing that could be off", hint=did_you_mean(pattern, known))

    def _called(self, quantity: int, depends: Array, path: str, rows: Sequence[tuple[int, str, int]]) -> str:
        """The name of a random number: the element's or the parameter's that it alone decides, or what is written."""
        elements = {(g, k) for g, _, k in rows}
        if len(elements) == 1:
            return plain_notation(self.circuit.groups[rows[0][0]].names[rows[0][2]])
        for at, names, quantities in self.parameters:
            if at == path:
                for name, value in zip(names, quantities.tolist(), strict=True):
                    if depends[value]:
                        return f"{at}.{name}" if at else name
        place = self.graph.drawn[quantity].place
        return f"{place.text.strip()} ({place})"

    def _dependants(self, depends: Array, path: str) -> Iterator[tuple[int, str, int]]:
        for g, group in enumerate(self.circuit.groups):
            rows = under(group.names, path) if path else np.arange(len(group))
            for name, ids in self.contents[g].values.items():
                for k in rows[depends[np.asarray(ids)[rows]]].tolist():
                    yield g, name, k

    # Setting them ----------------------------------------------------------------------------

    def _shift(self, contents: list[Contents], part: Loose, own: int) -> None:
        """Let one value of one element be a product or a sum with ``own``."""
        assert part.element is not None
        g, k = part.element
        by = _PRODUCT if part.relative else _SUM
        ids = np.array(contents[g].values[part.value])
        ids[k] = self.graph.compute(by, (int(ids[k]), own))
        contents[g] = replace(contents[g], values={**contents[g].values, part.value: ids})

    def _substitute(self, contents: list[Contents], part: Loose, swaps: dict[int, int]) -> None:
        depends = self.graph.dependants([part.quantity])
        place = next((place for quantity, place in self.frozen.items() if depends[quantity]), None)
        if place is not None:
            message = f"'{part.name}' cannot be off by sample: it decides a condition or an option"
            raise OptionError(message, hint=f"see {place}; write the circuit without it")
        for g, group in enumerate(self.circuit.groups):
            rows = under(group.names, part.path) if part.path else np.arange(len(group))
            values, changed = dict(contents[g].values), False
            for name, ids in values.items():
                # What was shifted before is a newer quantity, of which is found out here as well.
                mask = self._depends(depends, part.quantity, np.asarray(ids)[rows])
                if mask.any():
                    values[name] = np.array(ids)
                    values[name][rows[mask]] = [self.graph.substituted(int(q), swaps) for q in ids[rows[mask]]]
                    changed = True
            if changed:
                contents[g] = replace(contents[g], values=values)

    def _depends(self, depends: Array, quantity: int, ids: Array) -> Array:
        if len(ids) and int(ids.max()) >= len(depends):
            depends = self.graph.dependants([quantity])
        return np.asarray(depends[ids], dtype=bool)
