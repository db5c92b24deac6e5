"""Laws as sums of products of what is an element's own, what is beside it, and what is here, at the hub.

The current of a cell g sinh(k (u - y)) is g sinh(k u) cosh(k y) - g cosh(k u) sinh(k y). What stands here, cosh(k y)
and sinh(k y), is the same for all elements at the hub, and is multiplied once with the sums of the rest over these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from netlearn.solve.codegen.graph import Graph, Node

MOST_TERMS = 8
"""So many products are made of a law at the most, by convention: with more, nothing is gained by them."""
OWN, BESIDE, HERE = "own", "beside", "here"
"""What a factor may depend on: the element, its other terminals, and the hub."""


class Inseparable(Exception):
    """A law that is no sum of few such products."""


@dataclass(frozen=True)
class Term:
    """One product, whose part ``here`` has all that is common to all elements, too."""

    own: Node
    beside: Node
    here: Node


Terms = dict[tuple[int, int], Term]
"""Products by the numbers of their first two factors, which no two of them have in common."""


class Expansion:
    """Makes nodes of one graph out; ``kind`` says what an input depends on, None for what all elements have alike.

    It may raise ``Inseparable``.
    """

    def __init__(self, graph: Graph, kind: Callable[[Node], str | None]) -> None:
        self._graph, self._kind = graph, kind
        self._one, self._zero = graph.constant(1.0), graph.constant(0.0)
        self._kinds: dict[int, frozenset[str]] = {}
        self._known: dict[int, Terms] = {}

    def terms(self, node: Node) -> Terms:
        """The products that a node is the sum of. Raises Inseparable."""
        if node.number not in self._known:
            self._known[node.number] = found = self._terms(node)
            if len(found) > MOST_TERMS:
                raise Inseparable
        return self._known[node.number]

    def _terms(self, node: Node) -> Terms:
        kinds, parts = self._kinds_of(node), node.inputs
        if kinds <= {HERE}:
            return self._sum([Term(self._one, self._one, node)])
        if kinds == {BESIDE}:
            return self._sum([Term(self._one, node, self._one)])
        if node.operation in ("add", "sub"):
            second = self.terms(parts[1]).values()
            negative = [Term(each.own, each.beside, self._apply("neg", each.here)) for each in second]
            return self._sum([*self.terms(parts[0]).values(), *(second if node.operation == "add" else negative)])
        if node.operation == "neg":
            return self._mapped(parts[0], lambda here: self._apply("neg", here))
        if node.operation == "cut":
            return self.terms(parts[0])
        if node.operation == "mul":
            pairs = ((a, b) for a in self.terms(parts[0]).values() for b in self.terms(parts[1]).values())
            return self._sum([self._product(a, b) for a, b in pairs])
        if node.operation == "div" and not parts[0].equals(1.0):
            inverse = self._apply("div", self._one, parts[1])
            pairs = ((a, b) for a in self.terms(parts[0]).values() for b in self._inverse(inverse, parts[1]).values())
            return self._sum([self._product(a, b) for a, b in pairs])
        if node.operation == "div":
            return self._inverse(node, parts[1])
        if node.operation == "select" and self._kinds_of(parts[0]) <= {HERE}:
            return self._selected(parts[0], self.terms(parts[1]), self.terms(parts[2]))
        if kinds == {OWN}:
            return self._sum([Term(node, self._one, self._one)])
        raise Inseparable

    def _inverse(self, inverse: Node, below: Node) -> Terms:
        """Those of 1 / below, which is ``inverse``."""
        found = self.terms(below)
        if len(found) == 1:
            (one,) = found.values()
            over = (each if each is self._one else self._apply("div", self._one, each) for each in
                    (one.own, one.beside, one.here))  # fmt: skip
            return self._sum([Term(*over)])
        if self._kinds_of(below) == {OWN}:
            return self._sum([Term(inverse, self._one, self._one)])
        raise Inseparable

    def _selected(self, which: Node, yes: Mapping[tuple[int, int], Term], no: Mapping[tuple[int, int], Term]) -> Terms:
        found = []
        for key in dict.fromkeys((*yes, *no)):
            some = yes[key] if key in yes else no[key]
            here = [each[key].here if key in each else self._zero for each in (yes, no)]
            found.append(Term(some.own, some.beside, self._apply("select", which, *here)))
        return self._sum(found)

    def _mapped(self, node: Node, change: Callable[[Node], Node]) -> Terms:
        return self._sum([Term(each.own, each.beside, change(each.here)) for each in self.terms(node).values()])

    def _product(self, a: Term, b: Term) -> Term:
        return Term(*(self._apply("mul", *pair) for pair in ((a.own, b.own), (a.beside, b.beside), (a.here, b.here))))

    def _apply(self, operation: str, *parts: Node) -> Node:
        return self._graph.apply(operation, *parts)

    def _sum(self, terms: list[Term]) -> Terms:
        found: Terms = {}
        for term in terms:
            key = term.own.number, term.beside.number
            here = term.here if key not in found else self._apply("add", found[key].here, term.here)
            found[key] = Term(term.own, term.beside, here)
        return {key: term for key, term in found.items() if not term.here.equals(0.0)}

    def _kinds_of(self, node: Node) -> frozenset[str]:
        """What a node depends on."""
        pending = [node]
        while pending:
            part = pending[-1]
            if part.number in self._kinds:
                pending.pop()
                continue
            lacking = [each for each in part.inputs if each.number not in self._kinds]
            if lacking:
                pending.extend(lacking)
                continue
            self._kinds[part.number] = frozenset(self._own_kinds(part))
        return self._kinds[node.number]

    def _own_kinds(self, node: Node) -> Iterator[str]:
        if node.operation == "input":
            kind = self._kind(node)
            if kind is not None:
                yield kind
        for part in node.inputs:
            yield from self._kinds[part.number]
