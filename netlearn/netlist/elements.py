"""Elements of a netlist as objects with values that can be read and set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from functools import cached_property
from typing import Protocol

from netlearn.argument_types import checked
from netlearn.errors import OptionError, Place, UnknownNameError, did_you_mean
from netlearn.netlist.bodies import BodyNames, GivenPair, Part, row_element
from netlearn.netlist.edits import Change, Edit
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.pairs import Pairs, new_name
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Assignment, Element, Word
from netlearn.netlist.values import read_value, value_word


class Editable(Part, Protocol):
    """A netlist whose statements can be read and whose text can be changed."""

    @property
    def body(self) -> BodyNames: ...

    @property
    def elements(self) -> Elements: ...

    @property
    def known(self) -> Elements: ...

    def now(self, source: Source, word: Word) -> Word: ...

    def update(self, values: Mapping[str, float | str]) -> None: ...

    @property
    def change(self) -> Change: ...


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
        return self._netlist.known.statement(self.name).letter

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
        element = self._netlist.known.statement(self.name)
        count = _model_at(element)
        if count is None:
            count = len(element.words) - 1 if element.letter == "X" else LETTERS[element.letter].nodes
        return tuple(self._netlist.now(element.source, word).text for word in element.words[:count])

    @property
    def value(self) -> float | str | None:
        """The number of a resistor, source, gain and so on; a name or an expression as text; None without a value.

        A number may be set as a float or as text with suffix and unit, an expression as text in
        braces or quotes. A source without a DC value gets one before its AC values and its waveform,
        and a resistor, capacitor or inductor that has only a model gets one before that.
        """
        element, body = self._netlist.known.found(self.name)
        word = value_word(element, body.is_model)
        return None if word is None else read_value(self._netlist.now(element.source, word))

    @value.setter
    @checked
    def value(self, value: float | str) -> None:
        self._netlist.update({self.name: value})

    @property
    def parameters(self) -> ElementPairs:
        """The ``name=value`` pairs of the line, names in lower case, to be read, set and added.

        What may stand after a model without a name, the area of a diode or transistor, is ``area``.
        """
        return ElementPairs(self._netlist, self.name)

    def set_parameter(self, name: str, value: float | str) -> None:
        """Set a ``name=value`` pair, or add it to the end of the line; the same as ``parameters[name] = value``."""
        self.parameters[name] = value

    def __repr__(self) -> str:
        return f"<{self.text}>"


class ElementPairs(Pairs):
    """The parameters of an element or instance: the ``name=value`` pairs of its line."""

    def __init__(self, netlist: Editable, name: str) -> None:
        super().__init__(netlist, braced=netlist.known.statement(name).letter == "X")
        self._elements, self._name = netlist, name

    def _given(self) -> Mapping[str, GivenPair]:
        element = self._elements.known.statement(self._name)
        return {pair.name.text.lower(): GivenPair(element.source, pair) for pair in _pairs(element)}

    def _what(self) -> str:
        return f"element '{self._name}'"

    def _added(self, name: str, text: str) -> Edit:
        element = self._elements.known.statement(self._name)
        end = _last_word_end(element)
        return element.source, end, end, f" {new_name(name)}={text}"


class Elements(Mapping[str, ElementView]):
    """The element lines of a netlist by name, whatever their case.

    The names are those of the top level, included files among it. An element inside a
    subcircuit goes by the path of calls that leads to it, ``X1.R3``; to change it changes
    the definition, and so every instance.
    """

    def __repr__(self) -> str:
        return f"<{len(self)} elements of {self._netlist!r}>"

    def __init__(self, netlist: Editable) -> None:
        self._netlist = netlist
        self._inside: dict[str, BodyNames | None] = {}

    def statement(self, name: str) -> Element:
        """The line of an element.

        Raises OptionError if there is no such element.
        """
        return self.found(name)[0]

    def found(self, name: str) -> tuple[Element, BodyNames]:
        """The line of an element and the body that it stands in. Raises OptionError if there is no such element."""
        path, last = ("", name.lower()) if name.lower() in self.body.elements else _split(name.lower())
        body = self.body_at(path)
        where = None if body is None else body.elements.get(last)
        if body is None or where is None:
            raise UnknownNameError(
                f"the netlist has no element '{name}'", hint=did_you_mean(name, self.body.names[:2000])
            )
        return (where if isinstance(where, Element) else row_element(*where)), body

    @cached_property
    def body(self) -> BodyNames:
        """What the netlist defines by name at its top level."""
        return self._netlist.body

    @property
    def _names(self) -> list[str]:
        """Those of the elements, for which no text has to be written."""
        return self._netlist.known.body.names

    def body_at(self, path: str) -> BodyNames | None:
        """The body that a path of instances such as ``x1.x2`` leads to; None if there is none."""
        if path not in self._inside:
            self._inside[path] = self.body.at(path.split(".") if path else [])
        return self._inside[path]

    @checked
    def find(self, pattern: str) -> list[ElementView]:
        """The elements of the top level whose names match a glob such as ``R*``, in the order of the text."""
        match = re.compile(translate(pattern.lower())).match
        return [ElementView(self._netlist, name) for name in self._names if match(name.lower())]

    @checked
    def __getitem__(self, name: str) -> ElementView:
        self._netlist.known.statement(name)
        return ElementView(self._netlist, name)

    def __contains__(self, name: object) -> bool:
        try:
            self._netlist.known.statement(str(name))
        except OptionError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _split(name: str) -> tuple[str, str]:
    path, _, last = name.rpartition(".")
    return path, last


def _model_at(element: Element) -> int | None:
    """How many words stand before the model of a diode or transistor; None for elements of other kinds.

    After the model numbers and words such as ``off`` may stand; before it bulk and substrate count.
    """
    if element.letter not in "DQMJZ":
        return None
    words = [word.text.lower() for word in element.words]
    while len(words) > LETTERS[element.letter].words and (
        words[-1] in ("on", "off") or parse_number(words[-1]) is not None
    ):
        words.pop()
    return len(words) - 1


def _pairs(element: Element) -> list[Assignment]:
    """The ``name=value`` pairs of a line, an area that stands without its name among them."""
    pairs = list(element.assignments)
    model = _model_at(element)
    if model is not None and element.letter != "M":
        after = element.words[model + 1 :]
        number = next((word for word in after if parse_number(word.text) is not None), None)
        if number is not None and not any(pair.name.text.lower() == "area" for pair in pairs):
            pairs.insert(0, Assignment(Word("area", number.start, number.start), number))
    return pairs


def _last_word_end(element: Element) -> int:
    ends = [word.end for word in (element.name, *element.words, *element.calls)]
    return max(ends + [pair.value.end for pair in element.assignments])
