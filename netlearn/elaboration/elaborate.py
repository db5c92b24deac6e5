"""From statements to the flat circuit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import ZERO_CELSIUS, Device, Environment
from netlearn.elaboration.body import Body, Definition, Shared, TooManyErrors
from netlearn.elaboration.cards import Active, active, node_guesses
from netlearn.elaboration.columns import Contents
from netlearn.elaboration.design import Design
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.foreign import Unsolvable, foreign
from netlearn.elaboration.elements.handlers import HANDLERS
from netlearn.elaboration.elements.plain_lines import add_block
from netlearn.elaboration.inner_nodes import joined_nodes
from netlearn.elaboration.instances import Instances, call_place, note_parameters
from netlearn.elaboration.kept_cards import keep_cards, note_inner_cards
from netlearn.elaboration.names import PathNames
from netlearn.elaboration.option_cards import read_options, warn_of_inner_options
from netlearn.elaboration.scope_settings import ScopeSettings
from netlearn.elaboration.shunts import shunted
from netlearn.elaboration.template import FIRST_BRANCH, Template
from netlearn.elaboration.windings import WindingPart, part_windings
from netlearn.errors import NetlistError, NetlistWarning, NominalWarning, OptionError, Place, raise_all, warn
from netlearn.netlist.dialect import dialect_of
from netlearn.netlist.garbage import no_garbage_collection
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.lint import left_out, remarks
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.parser import MOST_ERRORS
from netlearn.netlist.statements import Block, Element

FEW = 3
"""Up to so many warnings that say the same of several places are given one by one, by convention."""


@checked
def elaborate(netlist: Netlist, *, foreign: bool = False, keeping: bool = False) -> Design:
    """The flat circuit of a netlist, and where each of its numbers comes from.

    With ``foreign`` elements that netlearn has no equations for are in it by their nodes, for another simulator
    to solve; else they are refused. With ``keeping`` the design keeps, too, what has nothing to do with the
    operating point, and what of that it could not keep.

    Warns of what was left out or may not have been meant (NetlistWarning); ``Design.warnings`` keeps it.

    Raises NetlistError at what cannot be or is not supported; up to 20 such places as NetlearnErrors.
    """
    if not isinstance(netlist, Netlist):
        raise OptionError(f"a {type(netlist).__name__} is not a netlist", hint="netlearn.read(path) gives one")
    design = elaborated(netlist, foreign=foreign, keeping=keeping)
    for warning in design.warnings:
        warn(warning)
    return design


def elaborated(netlist: Netlist, *, foreign: bool = False, keeping: bool = False) -> Design:
    """The same without a warning, for those who tell of what is new only."""
    with no_garbage_collection():
        return _Elaboration(netlist, foreign=foreign, keeping=keeping).design()


class _Elaboration:
    def __init__(self, netlist: Netlist, *, foreign: bool, keeping: bool) -> None:
        # What is set in the netlist from now on is neither in the circuit nor in the text that its values go into.
        self.netlist = copy(netlist)
        self.shared = Shared(settings=ScopeSettings(dialect_of(netlist)), foreign=foreign, keeping=keeping)
        self.instances = Instances(self._fill)
        self.calls: list[ElementLine] = []

    def design(self) -> Design:
        body = Body(self.shared)
        guesses: dict[str, int] = {}
        try:
            items = active(body, self.netlist, self.netlist.statements, ())
            read_options(body, items)
            self._elements(body, items)
            guesses = dict(node_guesses(body, items))
            if self.shared.keeping:
                keep_cards(body, items)
        except TooManyErrors:
            pass
        if self.shared.errors:
            # What is missing here may stand in a file that is not there.
            absent = [error for part in self.netlist.walk() for error in part.missing.values()]
            absent += left_out(self.netlist)
            raise_all([*absent, *self.shared.errors][:MOST_ERRORS])
        self._tell_of_shorts()
        return self._assembled(body, guesses)

    def _tell_of_shorts(self) -> None:
        shorted = dict(reversed(self.shared.shorted))
        if shorted:
            name, place = self.shared.shorted[0]
            more = f" and {len(shorted) - 1} more resistors have" if len(shorted) > 1 else " has"
            message = f"{name}{more} no resistance to speak of, for which ngspice, and netlearn, take 1 mOhm"
            self.shared.warnings.append(NetlistWarning(message, place))

    def _fill(self, body: Body, definition: Definition) -> None:
        chain = (*definition.chain, *(call_place(line) for line in self.calls))
        items = active(body, definition.netlist, definition.subcircuit.body, chain)
        self._elements(body, items)
        warn_of_inner_options(body, items)
        if self.shared.keeping:
            note_inner_cards(body, items)

    def _elements(self, body: Body, items: Sequence[Active]) -> None:
        for statement, _, chain in items:
            try:
                if isinstance(statement, Element):
                    self._element(body, statement, chain)
                elif isinstance(statement, Block):
                    add_block(body, statement, chain)
            except NetlistError as error:
                self.shared.report(error)
        for action in body.deferred:
            action()
        body.meters.close()
        texts = []
        for name, text in body.scope.definitions.items():
            # A parameter that nothing uses may still be wrong, and may still be asked for.
            with self.shared.collecting():
                try:
                    body.scope.find(name)
                except NetlistError:
                    if not text.quoted or body.parent is not None:
                        raise
                    # A text, as ngspice has them at the top level; what has used it as a number has said so.
                    texts.append(name)
        for name in texts:
            body.scope.forget(name)
        note_parameters(body)

    def _element(self, body: Body, element: Element, chain: tuple[Place, ...]) -> None:
        line = ElementLine(body, element, chain)
        name = element.name
        body.take_name(line.source, line.name, name.start, name.end, chain)
        letter = element.letter
        if letter == "X":
            self.calls.append(line)
            try:
                self.instances.add(line)
            finally:
                self.calls.pop()
            return
        if letter not in LETTERS:
            raise line.error(f"unknown element type '{name.text[0]}'")
        try:
            handler = HANDLERS.get(letter)
            if handler is None:
                title = LETTERS[letter].title
                place = element.source.place(name.start, name.end, chain)
                raise Unsolvable(
                    f"{name.text} is {'an' if title[0] == 'X' else 'a'} {title}, which netlearn cannot solve",
                    place,
                    title=title,
                )
            handler(line)
        except Unsolvable as unsolvable:
            if not self.shared.foreign:
                raise
            foreign(line, unsolvable.title)

    def _place(self, row: Array) -> Place:
        """The place that a row of ``Rows.places`` stands for."""
        number, start, end = (int(i) for i in row)
        return self.shared.graph.sources[number].place(start, end)

    def _assembled(self, body: Body, guesses: dict[str, int]) -> Design:
        template = body.template
        template.finish()
        graph = self.shared.graph
        values = graph.values()
        joined = joined_nodes(self.netlist, template)
        nodes: Sequence[str] = joined.names
        inside: list[tuple[str, Sequence[str]]] = [("", nodes)]
        count = len(nodes)
        contents: list[WindingPart] = []
        for table in template.tables.values():
            rows = table.rows()
            names = PathNames(rows.names, lettered=True)
            index = joined.index(rows.index)
            if table.device.internal:
                inner = {i.parameter: values[rows.values[i.parameter]] for i in table.device.internal.values()}
                index, made = _with_internal_nodes(index, table.device, inner, count, names)
                inside.append(("", made))
                count += len(made)
            contents.append(WindingPart(table.device, names, index, rows))
        contents = part_windings(contents, values, count, graph, self._place)
        if self.shared.settings.shunt is not None:
            contents.append(shunted(self.shared.settings.shunt, PathNames(inside)))
        values = graph.values()
        groups = tuple(
            Group(
                part.device,
                part.names,
                _numbered(part.index, count),
                {name: values[ids] for name, ids in part.rows.values.items()},
            )
            for part in contents
        )
        settings = self.shared.settings
        told = [*remarks(self.netlist), *self.shared.warnings]
        all_nodes = PathNames(inside) if len(inside) > 1 else nodes
        circuit = Circuit(
            all_nodes,
            template.branches.all(lettered=True),
            groups,
            Environment(
                settings.temperature + ZERO_CELSIUS, settings.nominal_temperature + ZERO_CELSIUS, settings.gmin
            ),
            {joined.number(node): value for node, value in _guessed(template, guesses, values).items()},
            dict(settings.options),
            place=Place(self.netlist.source.path, 1),
        )
        return Design(
            self.netlist,
            circuit,
            graph,
            tuple(Contents(part.rows.values, part.rows.places, part.rows.written) for part in contents),
            parameters=tuple(template.parameters),
            scope=body.scope,
            frozen=self.shared.frozen,
            temperature=graph.temperature(settings.temperature),
            kept=tuple(map(joined.surplus, template.kept)),
            left_out=tuple(self.shared.left_out),
            foreign_numbers=tuple(self.shared.foreign_numbers),
            draws=tuple(template.draws),
            spreads=tuple(template.spreads),
            warnings=tuple(_told({(str(w.place), w.message): w for w in told}.values())),
        )


def _told(warnings: Iterable[NetlistWarning]) -> Iterator[NetlistWarning]:
    """The warnings, but of many that say one thing the first only, with their number.

    All that stands at its nominal value counts as one thing, whatever it is: some netlists have it everywhere.
    """
    everything = list(warnings)
    kinds = [NominalWarning if isinstance(each, NominalWarning) else each.message for each in everything]
    many = {kind: count for kind, count in Counter(kinds).items() if count > FEW}
    for warning, kind in zip(everything, kinds, strict=True):
        if kind not in many:
            yield warning
        elif more := many[kind] - 1:
            rest = f"so have {more} more" if kind is NominalWarning else f"so it is at {more} more places"
            yield type(warning)(f"{warning.message}; {rest}", warning.place, warning.hint)
            many[kind] = 1


def _numbered(index: Array, nodes: int) -> Array:
    return np.where(index <= FIRST_BRANCH, nodes + FIRST_BRANCH - index, index)


def _with_internal_nodes(
    index: Array, device: Device, resistances: Mapping[str, Array], count: int, names: Sequence[str]
) -> tuple[Array, list[str]]:
    """Connections with unknowns inside elements numbered from ``count`` on, and their names."""
    index = index.copy()
    made: list[str] = []
    for unknown, internal in device.internal.items():
        column, alias = device.unknowns.index(unknown), device.unknowns.index(internal.alias)
        present = np.flatnonzero(resistances[internal.parameter])
        index[:, column] = index[:, alias]
        index[present, column] = count + len(made) + np.arange(len(present))
        made += [f"{names[int(k)]}#{unknown}" for k in present]
    return index, made


def _guessed(template: Template, guesses: dict[str, int], values: Array) -> dict[int, float]:
    found: dict[int, float] = {}
    for name, quantity in guesses.items():
        number = template.nodes.anywhere(name)
        if number is not None and number >= 0:
            found[number] = float(values[quantity])
    return found
