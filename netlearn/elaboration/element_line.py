"""An element line on its way into a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from netlearn.circuit.devices.base import Device
from netlearn.elaboration.body import Body
from netlearn.elaboration.kept import LeftOut, Piece, Surplus
from netlearn.elaboration.scope_settings import ScopeSettings
from netlearn.elaboration.template import NOTHING, branch_code
from netlearn.elaboration.value_text import Text
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.errors import NetlistError, NetlistWarning, Place, did_you_mean
from netlearn.expressions.expression import Expression
from netlearn.netlist.node_names import node_name
from netlearn.netlist.numbers import plain_number
from netlearn.netlist.slips import comment_slip
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Assignment, Element, Word

if TYPE_CHECKING:
    from netlearn.elaboration.spreads import Spread

_MANY_CURRENTS = "akpx"
"""The letters of elements that have no current to be asked for: none, or several."""


class ElementLine:
    """An element line as its handler sees it."""

    __slots__ = ("body", "chain", "element", "graph", "label", "name", "source")

    def __init__(self, body: Body, element: Element, chain: tuple[Place, ...]) -> None:
        self.body = body
        self.element = element
        self.chain = chain
        self.graph: ValueGraph = body.shared.graph
        self.source: Source = element.source
        self.label = element.name.text
        self.name = self.label.lower()

    @property
    def settings(self) -> ScopeSettings:
        return self.body.shared.settings

    def nodes(self, count: int) -> tuple[int, ...]:
        """The first ``count`` words as nodes."""
        words = self.element.words
        if len(words) < count:
            raise self.error(f"{self.label} needs {count} nodes and has {len(words)}")
        for word in words[:count]:
            if "{" in word.text or "'" in word.text:
                raise self.error(f"a node's name cannot be computed: '{word.text}'", word)
        body = self.body
        # At the top level, global names are nodes like others.
        node = body.template.nodes.local if body.parent is None else body.node
        return tuple([node(node_name(word.text) if '"' in word.text else word.text.lower()) for word in words[:count]])

    def rest(self, count: int) -> tuple[Word, ...]:
        """The words after ``count`` nodes."""
        return self.element.words[count:]

    def text(self, word: Word) -> Text:
        """What a word says. After ``name=`` an expression that starts with a name needs no braces."""
        bare = word.text[:1].isalpha() or word.text[:1] in "_("
        return Text.of(
            word, self.source, self.chain, braced=bare and any(word is a.value for a in self.element.assignments)
        )

    def quantity(self, word: Word) -> int:
        literal = self.literal(word)
        return self.body.scope.quantity(self.text(word)) if literal is None else literal

    def literal(self, word: Word) -> int | None:
        """The quantity of a word that is a plain number."""
        value = plain_number(word.text)
        return None if value is None else self.graph.literal(value, self.source, word.start, word.end)

    def compile(self, word: Word) -> Expression:
        """A behavioural expression."""
        return self.body.scope.compile(self.text(word), behavioural=True)

    def assignments(self, known: Sequence[str], ignored: Sequence[str] = ()) -> dict[str, Assignment]:
        """The name=value pairs by lower-case name; an unknown name is refused."""
        found: dict[str, Assignment] = {}
        for assignment in self.element.assignments:
            name = assignment.name.text.lower()
            if name in ignored:
                continue
            if name not in known:
                raise self.error(
                    f"{self.label} has no parameter '{name}'", assignment.name, did_you_mean(name, [*known, *ignored])
                )
            if name in found:
                self.warn(f"{self.label} has '{name}' twice: the last one counts", assignment.name)
            found[name] = assignment
        return found

    def formula(self, expression: Expression, quantities: dict[str, int]) -> int:
        """A quantity computed from others."""
        return self.graph.compute(expression, tuple(quantities[name] for name in expression.names))

    def keep(
        self,
        what: Literal["line", "words", "model", "inductance", "called"],
        *pieces: Piece,
        nodes: tuple[int, ...] = (),
    ) -> None:
        """Keep what has nothing to do with the operating point, if anybody wants it."""
        if self.body.shared.keeping:
            self.body.template.kept.append(Surplus(self.name, what, pieces, nodes))

    def leave_out(self, what: str, word: Word | None = None) -> None:
        """Note what has nothing to do with the operating point and is not kept."""
        if self.body.shared.keeping:
            word = word or self.element.name
            place = self.source.place(word.start, word.end, self.chain)
            self.body.shared.left_out.append(LeftOut(f"{what} of {self.label}", place))

    def add(
        self, device: Device, index: tuple[int, ...], values: Mapping[str, int], written: int = NOTHING, name: str = ""
    ) -> None:
        """Put the element into the template; values left out have the device's defaults.

        ``written`` is the quantity that stands in the line as the element's own value. ``name`` is that
        of something that belongs to the element, such as a resistance in series with it.
        """
        constant = self.graph.constant
        columns = [values[name] if name in values else constant(default) for name, default in device.parameters.items()]
        if self.body.meters:
            index = (self.body.meters.terminal(self.name, index[0]), *index[1:])
        self.body.template.table(device).add(name or self.name, index, tuple(columns), self._place(), written)

    def _place(self) -> tuple[int, int, int]:
        word = self.element.name
        return self.graph.source_number(self.source), word.start, word.end

    def state(self, quantities: Mapping[str, int]) -> None:
        """Keep what the line states besides its own value, by parameter, to be selected by ``element.parameter``."""
        self.body.template.stated.update((f"{self.name}.{name}", quantity) for name, quantity in quantities.items())

    def spread(self, spreads: Iterable[Spread]) -> None:
        """Keep how far the element's values may be off."""
        self.body.template.spreads += [("", self.name, spread) for spread in spreads]

    def multiplier(self, own: Assignment | None) -> int | None:
        """What multiplies the element: the m= of the outermost instance around it, else its own.

        That is what ngspice does: multipliers do not multiply each other.
        """
        if self.body.multiplier is not None or own is None:
            return self.body.multiplier
        return self.quantity(own.value)

    def probed_node(self, name: str) -> int:
        """The number of a node that is there, perhaps inside an instance."""
        body, name = self.body, node_name(name)
        if name in body.shared.globals:
            return body.node(name)
        number = body.template.nodes.anywhere(name)
        if number is None:
            known = [known for known in list(body.template.nodes.numbers)[:2000] if known != "gnd"]
            raise self.error(
                f"{self.label} reads the voltage of '{name}', which is not a node", hint=did_you_mean(name, known)
            )
        return number

    def branch(self) -> int:
        """The element's own branch current, as an index code."""
        return branch_code(self.body.template.branches.local(self.name))

    def later(self, action: Callable[[], None]) -> None:
        """Do something once all branch currents of this body are known."""
        shared = self.body.shared

        def collected() -> None:
            with shared.collecting():
                action()

        self.body.deferred.append(collected)

    def controlling_branch(self, word: Word) -> int:
        """The branch current of the element that ``word`` names; to be called late.

        That of an element without one is what flows into it at its first terminal.
        """
        name = word.text.lower()
        branches = self.body.template.branches
        number = branches.anywhere(name, lettered=True)
        if number is None:
            # A source inside an instance by its plain path instead of ngspice's name of it.
            number = branches.anywhere(f"{name.rpartition('.')[2][:1]}.{name}", lettered=True)
        if number is not None:
            return branch_code(number)
        if name in self.body.elements and name[0] not in _MANY_CURRENTS:
            return self.body.meters.branch(name, self._place())
        raise self.error(
            f"{self.label} is controlled by the current of '{word.text}', which is not an element with one current",
            word,
            "put a voltage source of 0 V in series with it"
            if "." in name or name in self.body.elements
            else did_you_mean(name, branches.all(lettered=True)[:1000]),
        )

    def warn(
        self,
        message: str,
        word: Word | None = None,
        hint: str = "",
        kind: type[NetlistWarning] = NetlistWarning,
    ) -> None:
        """Note what is read, but perhaps not as it was meant."""
        error = self.error(message, word, hint)
        self.body.shared.warnings.append(kind(error.message, error.place, error.hint))

    def comment_hint(self) -> str:
        """The remedy where a name with a ``$`` has made a comment of what follows."""
        return comment_slip(self.source, self.element.start, self.element.end)

    def error(self, message: str, word: Word | None = None, hint: str = "") -> NetlistError:
        word = word or self.element.name
        return NetlistError(message, self.source.place(word.start, word.end, self.chain), hint)
