"""Instances of subcircuits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.circuit.circuit import GROUND_NAMES
from netlearn.elaboration.body import Body, Definition, TooManyErrors
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.limits import VARIABLE, most_elements
from netlearn.elaboration.scope import OUTSIDE
from netlearn.elaboration.template import Template
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError, Place, did_you_mean
from netlearn.expressions.expression import Expression
from netlearn.netlist.files import flattened
from netlearn.netlist.lint import UNREADABLE
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.node_names import node_name
from netlearn.netlist.parser import IN_BRACES
from netlearn.netlist.statements import PARAMETER_CARDS, Card, Kept, Statement, Subcircuit, Word

DEEPEST = 60
"""Instances within instances, by convention: guards against endless recursion; circuits of chips are about ten deep."""

Fill = Callable[[Body, Definition], None]
"""Elaborates a definition's statements into a body that knows its ports and parameters."""


@dataclass
class Passed:
    """What one instance passes to its subcircuit: quantities, texts that use the subcircuit's own parameters."""

    multiplier: int | None
    """What multiplies the elements inside."""
    given: dict[str, int] = field(default_factory=dict)
    texts: dict[str, tuple[Text, Expression]] = field(default_factory=dict)
    undeclared: dict[str, int] = field(default_factory=dict)

    def key(self) -> tuple[object, ...]:
        """The same for instances that pass the same."""
        if not (self.given or self.texts or self.undeclared):
            return (self.multiplier,)
        texts = tuple((name, text.source, text.start) for name, (text, _) in sorted(self.texts.items()))
        return tuple(sorted(self.given.items())), texts, tuple(sorted(self.undeclared.items())), self.multiplier


class Instances:
    """Puts instances into place; one template serves all instances that see the same values."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self._templates: dict[tuple[object, ...], list[tuple[dict[str, int | None], Template]]] = {}
        self._open: list[tuple[str, ElementLine]] = []
        self._names: dict[Subcircuit, frozenset[str]] = {}
        self._most = most_elements()

    def add(self, line: ElementLine) -> None:
        """``Xname node ... subcircuit [params:] [name=value ...]``."""
        words = [word for word in line.element.words if word.text.lower() != "params:"]
        if not words:
            raise line.error(f"{line.label} names no subcircuit")
        if line.element.assignments:
            first = min(pair.name.start for pair in line.element.assignments)
            for word in words:
                if word.start > first:
                    raise line.error(f"cannot read '{word.text}' after the parameters", word, IN_BRACES)
        *nodes, called = words
        name = called.text.lower()
        definition = line.body.definition(name)
        if definition is None:
            hint = line.comment_hint() or did_you_mean(name, line.body.known_definitions())
            raise line.error(f"unknown subcircuit '{called.text}'", called, hint)
        ports = definition.subcircuit.nodes
        if len(nodes) != len(ports):
            expected = " ".join(port.text for port in ports)
            message = f"subcircuit '{called.text}' has {len(ports)} nodes and {line.label} gives {len(nodes)}"
            raise line.error(message, hint=line.comment_hint() or f"its nodes are: {expected}")
        self._refuse_recursion(name, line, called)
        self._refuse_unread(line, definition, called)
        outer = line.nodes(len(nodes))
        passed = self._passed(line, definition)
        self._open.append((name, line))
        try:
            template = self._template(line, definition, passed)
        finally:
            self._open.pop()
        around = line.body.template
        if around.placed + around.listed + template.elements + template.listed > self._most:
            # What is around it would be too large, too.
            line.body.shared.errors.append(
                line.error(
                    f"the netlist comes to more than {self._most} elements, instances and parameters here",
                    hint=f"the variable {VARIABLE} of the environment allows more",
                )
            )
            raise TooManyErrors
        line.body.template.place(line.name, template, outer)

    def _passed(self, line: ElementLine, definition: Definition) -> Passed:
        """What the instance passes: to parameters that the ``.subckt`` line lists or a ``.param`` in its body has.

        As in ngspice, a value means the subcircuit's own parameters first, whatever their order, and then those
        around the instance.
        """
        passed = Passed(line.body.multiplier)
        if not line.element.assignments:
            return passed
        inner = self._parameter_names(definition)
        scope = line.body.scope
        for assignment in line.element.assignments:
            name = assignment.name.text.lower()
            text = Text.of(assignment.value, line.source, line.chain, braced=True)
            if name in inner:
                expression = None if text.is_number else scope.compile(text)
                if expression is not None and name in expression.names and scope.find(name) is None:
                    raise line.error(f"unknown parameter '{name}'", assignment.value, OUTSIDE)
                if expression is not None and (inner | _multiplier(line)).intersection(expression.names) - {name}:
                    passed.texts[name] = text, expression
                else:
                    passed.given[name] = scope.definition(name, text)
            elif name == "m":
                if line.body.multiplier is None:
                    passed.multiplier = scope.quantity(text)
                passed.undeclared[name] = scope.quantity(text)
            else:
                passed.undeclared[name] = scope.quantity(text)
                called = definition.subcircuit.name.text
                formal = [a.name.text.lower() for a in definition.subcircuit.assignments]
                line.warn(
                    f"subcircuit '{called}' lists no parameter '{name}': it counts where nothing else has the name",
                    assignment.name,
                    did_you_mean(name, formal) if formal else f"'{called}' has no parameters",
                )
        return passed

    def _parameter_names(self, definition: Definition) -> frozenset[str]:
        """The names of a subcircuit's parameters and of those that its body defines."""
        key = definition.subcircuit
        if key not in self._names:
            names = {a.name.text.lower() for a in definition.subcircuit.assignments}
            for statement in flattened(definition.subcircuit.body, into_subcircuits=False):
                if isinstance(statement, Card) and statement.name in PARAMETER_CARDS:
                    names.update(a.name.text.lower() for a in statement.assignments)
            self._names[key] = frozenset(names)
        return self._names[key]

    def _refuse_recursion(self, name: str, line: ElementLine, called: Word) -> None:
        names = [outer for outer, _ in self._open]
        if name in names:
            circle = " -> ".join([*names[names.index(name) :], name])
            raise line.error(f"subcircuits contain each other in a circle: {circle}", called)
        if len(names) >= DEEPEST:
            raise line.error(f"instances are nested more than {DEEPEST} deep", called)

    def _template(self, line: ElementLine, definition: Definition, passed: Passed) -> Template:
        key = (definition.subcircuit, definition.body, *passed.key())
        for reads, template in self._templates.get(key, []):
            if _still(line.body, reads):
                for name, quantity in reads.items():
                    line.body.scope.reads[name] = quantity
                return template
        body = Body(line.body.shared, line.body, definition.body, passed.multiplier)
        self._enter(body, definition, passed)
        self._fill(body, definition)
        self._templates.setdefault(key, []).append((body.scope.reads, body.template))
        return body.template

    @staticmethod
    def _refuse_unread(line: ElementLine, definition: Definition, called: Word) -> None:
        """Manufacturers encrypt what a subcircuit holds and leave the line that begins it, with its ports, as it is."""
        for kept in _kept(definition.netlist, definition.subcircuit.body):
            if kept.what in UNREADABLE:
                message, hint = UNREADABLE[kept.what]
                said = f"subcircuit '{called.text}' cannot be read: {message.partition(':')[0]}"
                raise line.error(said, called, hint or "a model in plain text is needed")

    @staticmethod
    def _enter(body: Body, definition: Definition, passed: Passed) -> None:
        subcircuit = definition.subcircuit
        template = body.template
        for port in subcircuit.nodes:
            # A port called ground is ground inside; what is connected to it outside stays as it is.
            own = node_name(port.text)
            name = f"#{len(template.nodes)}" if own in GROUND_NAMES else own
            before = len(template.nodes)
            if template.nodes.local(name) != before:
                place = subcircuit.source.place(port.start, port.end, definition.chain)
                raise NetlistError(f"subcircuit '{subcircuit.name.text}' has the node '{port.text}' twice", place)
        template.ports = len(subcircuit.nodes)
        for name, quantity in passed.given.items():
            body.scope.pass_in(name, quantity)
        for name, (text, expression) in passed.texts.items():
            body.scope.pass_text(name, text, expression)
        body.scope.undeclared = dict(passed.undeclared)
        for assignment in subcircuit.assignments:
            text = Text.of(assignment.value, subcircuit.source, definition.chain, braced=True)
            body.scope.define(assignment.name.text.lower(), text)


def _multiplier(line: ElementLine) -> set[str]:
    return {a.name.text.lower() for a in line.element.assignments} & {"m"}


def _still(body: Body, reads: dict[str, int | None]) -> bool:
    """Whether names have the same meaning here as where they were read."""
    try:
        return all(body.scope.find(name) == quantity for name, quantity in reads.items())
    except NetlistError:
        return False


def note_parameters(body: Body) -> None:
    """Keep the parameters of a finished body, its models and its elements under their names, to be selected by them.

    Its random numbers are kept, too.
    """
    found = {**body.scope.resolved, **body.template.stated}
    for model, card in body.models.items():
        found.update((f"{model}.{name}", quantity) for name, quantity in (card.quantities or {}).items())
    if found:
        body.template.parameters.append(("", list(found), np.array(list(found.values()), dtype=np.int64)))
    if body.scope.draws:
        body.template.draws.append(("", body.scope.draws))


def call_place(line: ElementLine) -> Place:
    """Where an instance stands, for the chain of what is inside it."""
    return line.source.place(line.element.start, line.element.end, line.chain)


def _kept(netlist: Netlist, statements: Sequence[Statement]) -> Iterator[Kept]:
    """What is left out of these statements of a file, and of the files that they include."""
    for statement in flattened(statements, into_subcircuits=False):
        if isinstance(statement, Kept):
            yield statement
        elif isinstance(statement, Card) and statement in netlist.includes:
            included = netlist.includes[statement]
            yield from _kept(included, included.statements)
