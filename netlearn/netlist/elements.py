"""Elements of a netlist as objects with values that can be read and set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from typing import Protocol

from netlearn.errors import OptionError, Place, did_you_mean
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Block, Card, Conditional, Element, Statement, Subcircuit, Word
from netlearn.netlist.values import assignment_named, read_value, value_word, written

_Row = tuple[Block, int]


class Editable(Protocol):
    """A netlist whose statements can be read and whose text can be changed."""

    @property
    def statements(self) -> tuple[Statement, ...]: ...

    @property
    def includes(self) -> Mapping[Card, Editable]: ...

    @property
    def elements(self) -> Elements: ...

    def update(self, values: Mapping[str, float | str]) -> None: ...

    def change(self, edits: Iterable[tuple[Source, int, int, str]]) -> None: ...


class ElementView:
    """One element line of a netlist; what is set here changes the netlist's text."""

    def __init__(self, netlist: Editable, name: str) -> None:
        self._netlist = netlist
        self.name = name

    @property
    def _element(self) -> Element:
        return self._netlist.elements.statement(self.name)

    @property
    def letter(self) -> str:
        """The element type, in upper case."""
        return self._element.letter

    @property
    def text(self) -> str:
        """The line as it stands, with its continuations and comments."""
        element = self._element
        return element.source.text[element.start : element.end]

    @property
    def place(self) -> Place:
        """Where the element stands."""
        element = self._element
        return element.source.place(element.start, element.name.end)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it is connected to, as they are written."""
        element = self._element
        count = len(element.words) - 1 if element.letter == "X" else LETTERS[element.letter].nodes
        if element.letter in "DQMJ":
            # Down to the model, after which numbers and words such as `off` may stand: bulk and substrate count.
            words = [word.text.lower() for word in element.words]
            while len(words) > LETTERS[element.letter].words and (
                words[-1] in ("on", "off") or parse_number(words[-1]) is not None
            ):
                words.pop()
            count = len(words) - 1
        return tuple(word.text for word in element.words[:count])

    @property
    def value(self) -> float | str | None:
        """The number of a resistor, source, gain and so on; an expression as text; None if there is no such thing.

        A number may be set as a float or as text with suffix and unit, an expression as text in
        braces or quotes.
        """
        word = value_word(self._element)
        return None if word is None else read_value(word)

    @value.setter
    def value(self, value: float | str) -> None:
        self._netlist.update({self.name: value})

    @property
    def parameters(self) -> Mapping[str, float | str]:
        """The ``name=value`` pairs of the line, names in lower case."""
        return {pair.name.text.lower(): read_value(pair.value) for pair in self._element.assignments}

    def set_parameter(self, name: str, value: float | str) -> None:
        """Set a ``name=value`` pair, or add it to the end of the line."""
        element = self._element
        new = written(value)
        pair = assignment_named(element, name)
        if pair is not None:
            edit = (element.source, pair.value.start, pair.value.end, new)
        else:
            end = _last_word_end(element)
            edit = (element.source, end, end, f" {name}={new}")
        self._netlist.change([edit])

    def __repr__(self) -> str:
        return f"<{self.text}>"


class Elements(Mapping[str, ElementView]):
    """The element lines of a netlist by name, whatever their case.

    The names are those of the top level, included files among it. An element inside a
    subcircuit goes by the path of calls that leads to it, ``X1.R3``; to change it changes
    the definition, and so every instance.
    """

    def __init__(self, netlist: Editable) -> None:
        self._netlist = netlist
        self._places: dict[str, Element | _Row] = {}
        self._names: list[str] = []
        self._definitions: dict[str, Subcircuit] = {}
        self._collect(netlist, netlist.statements)

    def _collect(self, netlist: Editable, statements: Iterator[Statement] | tuple[Statement, ...]) -> None:
        for statement in statements:
            if isinstance(statement, Element):
                self._take(statement.name.text, statement)
            elif isinstance(statement, Block):
                text = statement.source.text
                for row, (start, end) in enumerate(statement.spans[:, 0].tolist()):
                    self._take(text[start:end], (statement, row))
            elif isinstance(statement, Subcircuit):
                self._definitions.setdefault(statement.name.text.lower(), statement)
            elif isinstance(statement, Conditional):
                for branch in statement.alternatives:
                    self._collect(netlist, tuple(branch.body))
            elif isinstance(statement, Card) and statement in netlist.includes:
                part = netlist.includes[statement]
                self._collect(part, part.statements)

    def _take(self, name: str, where: Element | _Row) -> None:
        if self._places.setdefault(name.lower(), where) is where:
            self._names.append(name)

    def statement(self, name: str) -> Element:
        """The line of an element.

        Raises OptionError if there is no such element.
        """
        *calls, last = name.lower().split(".") if name.lower() not in self._places else [name.lower()]
        places, definitions = self._places, self._definitions
        for call in calls:
            instance = places.get(call)
            definition = definitions.get(instance.words[-1].text.lower()) if isinstance(instance, Element) else None
            if definition is None or call[0] != "x":
                raise self._unknown(name)
            places, definitions = _inside(definition, definitions)
        found = places.get(last)
        if found is None:
            raise self._unknown(name)
        return found if isinstance(found, Element) else _row_element(*found)

    def _unknown(self, name: str) -> OptionError:
        return OptionError(f"the netlist has no element '{name}'", hint=did_you_mean(name, self._names[:2000]))

    def find(self, pattern: str) -> list[ElementView]:
        """The elements of the top level whose names match a glob such as ``R*``, in the order of the text."""
        match = re.compile(translate(pattern.lower())).match
        return [ElementView(self._netlist, name) for name in self._names if match(name.lower())]

    def __getitem__(self, name: str) -> ElementView:
        self.statement(name)
        return ElementView(self._netlist, name)

    def __contains__(self, name: object) -> bool:
        try:
            self.statement(str(name))
        except OptionError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _inside(
    definition: Subcircuit, outer: Mapping[str, Subcircuit]
) -> tuple[dict[str, Element | _Row], dict[str, Subcircuit]]:
    """The elements of a subcircuit and the definitions that its calls can mean."""
    places: dict[str, Element | _Row] = {}
    definitions = dict(outer)
    stack: list[Statement] = list(definition.body)[::-1]
    while stack:
        statement = stack.pop()
        if isinstance(statement, Element):
            places.setdefault(statement.name.text.lower(), statement)
        elif isinstance(statement, Block):
            text = statement.source.text
            for row, (start, end) in enumerate(statement.spans[:, 0].tolist()):
                places.setdefault(text[start:end].lower(), (statement, row))
        elif isinstance(statement, Subcircuit):
            definitions[statement.name.text.lower()] = statement
        elif isinstance(statement, Conditional):
            for branch in reversed(statement.alternatives):
                stack += reversed(branch.body)
    return places, definitions


def _row_element(block: Block, row: int) -> Element:
    name, *words = (Word(block.source.text[start:end], start, end) for start, end in block.spans[row].tolist())
    return Element(block.source, name.start, words[-1].end, name, tuple(words))


def _last_word_end(element: Element) -> int:
    ends = [word.end for word in (element.name, *element.words, *element.calls)]
    return max(ends + [pair.value.end for pair in element.assignments])
