"""Names in a netlist's own text that ngspice takes for something else, and what they are called in its deck.

ngspice reads most names, but a node ``temper`` ends it in a crash, ``v(a+b)`` in a command is a sum, and what is no
plain word may be half a command. So all but plain words are renamed, wherever they stand, and renamed back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netlearn.netlist.files import flattened
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.node_names import node_name
from netlearn.netlist.ports import ports
from netlearn.netlist.statements import Element, Word

Span = tuple[int, int, str]
"""Characters [start, end) of a source, and what stands in the deck instead."""

STEM = "renamed"
"""What new names end with, and an ``x`` or more where the netlist has that word itself."""

RESERVED = frozenset((
    "all", "ally", "allv", "alli", "null", "gnd", "temper", "temp", "time", "hertz", "freq", "frequency", "value",
    "table", "laplace", "poly", "vol", "cur", "params", "const", "yes", "no", "true", "false", "title", "off", "on",
))  # fmt: skip
"""Words that mean something else to ngspice where a node's name stands, somewhere or other."""
PLAIN_NODE = re.compile(r"[a-z_][a-z0-9_]*|[1-9][0-9]*|0")
PLAIN_ELEMENT = re.compile(r"[a-z][a-z0-9_]*")
"""Without dots, which stand between the names of instances and what is in them."""

_VOLTAGE = re.compile(r"\bv\s*\(([^()]*)\)", re.IGNORECASE)
_CURRENT = re.compile(r"\bi\s*\(([^()]*)\)|@([^\s\[\]@]+)\[", re.IGNORECASE)
_GROUND = ("0", "gnd")


def is_plain_node(name: str) -> bool:
    """Whether ngspice reads a node's name (in lower case) as such, on lines and in commands."""
    return PLAIN_NODE.fullmatch(name) is not None and name not in RESERVED


@dataclass
class DeckNames:
    """The renamed nodes and elements of one deck: own names in lower case, and those in the deck."""

    stem: str = STEM
    nodes: dict[str, str] = field(default_factory=dict)
    elements: dict[str, str] = field(default_factory=dict)
    instances: frozenset[str] = frozenset()
    """The instances of the netlist and of its subcircuits: a node may be in one of them, by its path."""

    @classmethod
    def of(cls, netlist: Netlist) -> DeckNames:
        """Names that nothing in the netlist has."""
        stem = STEM
        while any(stem in part.source.text.lower() for part in netlist.walk()):
            stem += "x"
        lines = (line for part in netlist.walk() for line in flattened(part.statements, into_subcircuits=True))
        instances = (line.name.text.lower() for line in lines if isinstance(line, Element) and line.letter == "X")
        return cls(stem, instances=frozenset(instances))

    def node(self, text: str) -> str:
        """What a node is called in the deck."""
        own = node_name(text)
        if own in _GROUND or is_plain_node(own):
            return text.strip('"')
        if own.partition(".")[0] in self.instances and "." in own:
            return self.path(text, element=False)
        return self.nodes.setdefault(own, f"n{len(self.nodes)}_{self.stem}")

    def element(self, text: str) -> str:
        """What an element is called in the deck, with the letter that it begins with."""
        own = text.lower()
        if PLAIN_ELEMENT.fullmatch(own) is not None:
            return text
        return self.elements.setdefault(own, f"{own[0]}{len(self.elements)}_{self.stem}")

    def node_spans(self, words: Iterable[Word]) -> list[Span]:
        """The words that are nodes and have to change."""
        return [(w.start, w.end, new) for w in words if (new := self.node(w.text)) != w.text]

    def element_spans(self, words: Iterable[Word]) -> list[Span]:
        """The words that are elements and have to change."""
        return [(w.start, w.end, new) for w in words if (new := self.element(w.text)) != w.text]

    def source_spans(self, words: Iterable[Word]) -> Iterator[Span]:
        """The words that are controlling elements, perhaps inside instances, and have to change."""
        for word in words:
            within = word.text.lower().partition(".")[2].partition(".")[0] in self.instances
            new = self.path(word.text, element=True) if within else self.element(word.text)
            if new != word.text:
                yield word.start, word.end, new

    def port_spans(self, words: Iterable[Word]) -> Iterator[Span]:
        """The nodes of a code model that have to change, its ports' kinds staying as they are."""
        for port, is_source in ports(words):
            new = self.element(port.text) if is_source else self.node(port.text)
            if new != port.text:
                yield port.start, port.end, new

    def expression_spans(self, text: str, offset: int = 0) -> Iterator[Span]:
        """The nodes in ``v(...)`` and the elements in ``i(...)`` of an expression that have to change."""
        for match in _VOLTAGE.finditer(text):
            yield from self._inside(match, 1, offset, element=False)
        for match in _CURRENT.finditer(text):
            yield from self._inside(match, 1 if match[1] is not None else 2, offset, element=True)

    def _inside(self, match: re.Match[str], group: int, offset: int, *, element: bool) -> Iterator[Span]:
        for piece in re.finditer(r"[^,]+", match[group]):
            name = piece[0].strip()
            if not name:
                continue
            start = offset + match.start(group) + piece.start() + piece[0].index(name)
            new = self.path(name, element=element) if "." in name else self._single(name, element=element)
            if new != name:
                yield start, start + len(name), new

    def _single(self, name: str, *, element: bool) -> str:
        return self.element(name) if element else self.node(name)

    def path(self, name: str, *, element: bool) -> str:
        """What the deck has for a node or an element, perhaps inside an instance, written as ngspice writes it."""
        own = name.lower()
        table = self.elements if element else self.nodes
        last = next((key for key in sorted(table, key=len, reverse=True) if own == key or own.endswith(f".{key}")), "")
        if not last:
            last = own if not element and own in _GROUND else own.rpartition(".")[2]
        head, tail = name[: len(name) - len(last)], name[len(name) - len(last) :]
        return self._instances(head) + self._single(tail, element=element)

    def _instances(self, head: str) -> str:
        """The names of instances before a name, each with a dot after it."""
        known = sorted((key for key in self.elements if key[0] == "x"), key=len, reverse=True)
        pieces = []
        while head:
            key = next((key for key in known if head.lower().startswith(f"{key}.")), "")
            part = head[: len(key)] or head.partition(".")[0]
            pieces.append(self.element(part) if part[:1].lower() == "x" else part)
            head = head[len(part) + 1 :]
        return "".join(f"{piece}." for piece in pieces)


def renamed_comments(names: DeckNames) -> Iterator[str]:
    """Which name stands for which, as comments in plain ASCII."""
    for own, written in (*names.nodes.items(), *names.elements.items()):
        yield f"* {written} stands for {own!a}"
