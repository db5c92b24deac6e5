"""Functions of differences of two terminals as products of functions of each, which all elements at a node share.

exp(a - b) = exp(a) exp(-b), and sinh(a - b) and cosh(a - b) are sums of two products of sinh and cosh. What the cells
of a crossbar would evaluate once for each cell is then evaluated once for each row and column.

With the middle m of all nodes' a, and their reach r, half of what lies between the least and the most, |a - m| is r at
the most. The rounding of sinh(a - m) and cosh(b - m) leaves an error of some units of cosh(r)² max(|a - m|, |b - m|)
in sinh(a - b), so that voltages are as if rounded by so many units of what lies between the nodes; of exp(a - b) it is
some 2 r units of itself. ``MOST_REACH`` bounds both, and beyond it the functions are evaluated as they are written.

All this is of a as it is rounded itself. A factor k that elements share multiplies each voltage y before the middle is
subtracted: k y - m is rounded once where the processor fuses both, and nothing is lost. It may not, and does not where
k y is used for something else, too, as in sinh(k (p - n)) + exp(k p): then k y is rounded, and voltages are as if
rounded by half a unit of themselves, which is more than one of what lies between nodes that are far from ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netlearn.solve.codegen.graph import Graph, Node, reached, rebuilt

HERE = -2
"""Stands for whichever terminal a function is evaluated at."""
MOST_REACH = {"exp": 100.0, "sinh": 2.0, "cosh": 2.0}
"""Up to these reaches functions are made of products, by convention: cosh² of the second is 14, and so a digit is lost
where all nodes are near each other's end of it; 200 units of float64's rounding of an exponential are 4e-14 of it."""
MOST_FUNCTIONS = 4
"""So many functions of a terminal are shared at the most, by convention, as their values are kept for all nodes."""
COSTLY = frozenset(
    {
        "exp",
        "log",
        "pow",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
    }
)


@dataclass
class Separation:
    """Nodes made of inputs ("function", f, t) and ("reach", m), and what these are.

    ``functions`` are of the inputs ("y", HERE) and ("middle", m), and of what all elements and terminals have in
    common; ``middles`` are what is to be between: reach m is half of the range that number m of them has over all
    nodes, and middle m is the middle of that.
    """

    graph: Graph
    shared: frozenset[str]
    """Values that all elements have in common."""
    nodes: list[Node] = field(default_factory=list)
    functions: list[Node] = field(default_factory=list)
    middles: list[Node] = field(default_factory=list)
    usual: dict[Node, bool] = field(default_factory=dict)
    """Truths that are the same for all elements, with what they are for most samples."""

    @property
    def everything(self) -> list[Node]:
        """All nodes that machine code is to be made of."""
        return [*self.nodes, *self.mostly(self.nodes), *self.usual, *self.functions, *self.middles]

    def mostly(self, nodes: Sequence[Node]) -> list[Node]:
        """What ``nodes`` are where all that is usual holds."""
        return rebuilt(nodes, {node.number: self.graph.constant(value) for node, value in self.usual.items()})

    def shares(self, node: Node) -> bool:
        """Whether a node is made of what all elements have in common alone."""
        return all(part.value[1] in self.shared for part in reached([node]) if part.operation == "input")

    @classmethod
    def of(cls, graph: Graph, nodes: Sequence[Node], shared: frozenset[str]) -> Separation:
        """What ``nodes`` are made of, as far as it separates."""
        separation, nodes = cls(graph, shared), _uncut(nodes)
        order = reached(nodes)
        separation._find_terminals(order)
        made: dict[int, Node] = {}
        at_one = separation._at_one_terminal(order, nodes)
        for node in order:
            parts = [made[part.number] for part in node.inputs]
            changed = any(new is not old for new, old in zip(parts, node.inputs, strict=True))
            made[node.number] = graph.apply(node.operation, *parts) if changed else node
            found = separation._function_of(node) if node.number in at_one else separation._of_two(node, parts)
            if found is not None:
                made[node.number] = found
        separation.nodes = [made[node.number] for node in nodes]
        separation.usual |= {node: False for node in reached(separation.nodes) if separation.is_zero(node)}
        return separation

    def _find_terminals(self, order: Sequence[Node]) -> None:
        """By node, the terminals that it depends on; None where it depends on what differs by element otherwise."""
        self._terminals: dict[int, frozenset[int] | None] = {}
        for node in order:
            found: frozenset[int] | None = frozenset()
            if node.operation == "input":
                kind = node.value[0]
                if kind == "y":
                    found = frozenset({node.value[1]})
                elif kind != "mode" and not (kind == "value" and node.value[1] in self.shared):
                    found = None
            for part in node.inputs:
                own = self._terminals[part.number]
                found = None if found is None or own is None else found | own
            self._terminals[node.number] = found

    def _at_one_terminal(self, order: Sequence[Node], nodes: Sequence[Node]) -> set[int]:
        """The costly nodes that depend on one terminal and are used by what depends on more."""
        costly: dict[int, bool] = {}
        for node in order:
            costly[node.number] = node.operation in COSTLY or any(costly[part.number] for part in node.inputs)
        local = {
            node.number
            for node in order
            if costly[node.number] and not node.is_truth and len(self._terminals[node.number] or ()) == 1
        }
        used = {part.number for node in order if node.number not in local for part in node.inputs}
        return local & (used | {node.number for node in nodes})

    def _function_of(self, node: Node) -> Node | None:
        terminal = min(self._terminals[node.number] or ())
        return self._function(self._here(node, terminal), terminal)

    def _of_two(self, node: Node, parts: Sequence[Node]) -> Node | None:
        """exp, sinh or cosh of a difference of the same function of two terminals, as products."""
        name, graph = node.operation, self.graph
        where = self._terminals[node.number]
        if name not in MOST_REACH or where is None or len(where) != 2:
            return None
        sums: dict[tuple[int, int], Node] = {}
        self._assumed: list[Node] = []
        if not self._add_parts(node.inputs[0], 1, sums) or len(sums) != 2:
            return None
        (p, more), (n, less) = sorted(sums, key=lambda key: -key[1])
        if p == n or more != 1 or less != -1:
            return None
        of = self._here(sums[p, more], p)
        if of is not self._here(sums[n, less], n):
            return None
        middle = self._number(of, self.middles)
        beside = graph.apply("sub", of, graph.input("middle", middle))
        wanted = ("exp",) if name == "exp" else ("sinh", "cosh")
        own = [[self._function(graph.apply(each, beside), t) for each in wanted] for t in (p, n)]
        if name == "exp":
            other = self._function(graph.apply("exp", graph.apply("neg", beside)), n)
            own[1] = [other]
        if any(each is None for functions in own for each in functions):
            return None
        product = _product(graph, name, *own)  # type: ignore[arg-type]
        near = graph.apply("le", graph.input("reach", middle), graph.constant(MOST_REACH[name]))
        self.usual[near] = True
        for zero in self._assumed:
            near = graph.apply("and", near, graph.apply("not", zero))
        return graph.apply("select", near, product, graph.apply(name, *parts))

    def _add_parts(self, node: Node, sign: int, sums: dict[tuple[int, int], Node], scale: Node | None = None) -> bool:
        """Add what ``node`` is the sum of to ``sums``, by terminal and sign; whether it is a sum of such parts."""
        node = self._mostly(node)
        graph, where = self.graph, self._terminals[node.number]
        if where is not None and len(where) == 1:
            part = node if scale is None else graph.apply("mul", scale, node)
            if part.operation == "neg":
                part, sign = part.inputs[0], -sign
            key = min(where), sign
            sums[key] = graph.apply("add", sums[key], part) if key in sums else part
            return True
        if node.operation in ("add", "sub", "neg"):
            signs = (-sign,) if node.operation == "neg" else (sign, -sign if node.operation == "sub" else sign)
            return all(self._add_parts(part, s, sums, scale) for part, s in zip(node.inputs, signs, strict=True))
        if node.operation == "mul":
            factors = [self._mostly(part) for part in node.inputs]
            for factor, other in (factors, factors[::-1]):
                if self._terminals[factor.number] == frozenset():
                    further = factor if scale is None else graph.apply("mul", scale, factor)
                    return self._add_parts(other, sign, sums, further)
        return False

    def _mostly(self, node: Node) -> Node:
        """What is selected where a number that all elements have in common is not zero, as a divisor hardly is."""
        if node.operation == "select" and node.inputs[0].operation == "and":
            for zero in node.inputs[0].inputs:
                if self.is_zero(zero):
                    self._assumed.append(zero)
                    return node.inputs[2]
        return node

    def is_zero(self, node: Node) -> bool:
        """Whether a node says that something which all elements have in common is zero."""
        return node.operation == "eq" and node.fixed and self.shares(node)

    def _here(self, node: Node, terminal: int) -> Node:
        here = self.graph.input("y", HERE)
        return rebuilt([node], {self.graph.input("y", terminal).number: here})[0]

    def _function(self, function: Node, terminal: int) -> Node | None:
        """The value of a function at a terminal; None where there are too many functions."""
        if function not in self.functions and len(self.functions) == MOST_FUNCTIONS:
            return None
        return self.graph.input("function", self._number(function, self.functions), terminal)

    @staticmethod
    def _number(node: Node, known: list[Node]) -> int:
        if node not in known:
            known.append(node)
        return known.index(node)


def _uncut(nodes: Sequence[Node]) -> list[Node]:
    """The same without names that only derivatives are taken by."""
    made: dict[int, Node] = {}
    for node in reached(nodes):
        parts = [made[part.number] for part in node.inputs]
        if node.operation == "cut":
            made[node.number] = parts[0]
            continue
        changed = any(new is not old for new, old in zip(parts, node.inputs, strict=True))
        made[node.number] = node.graph.apply(node.operation, *parts) if changed else node
    return [made[node.number] for node in nodes]


def _product(graph: Graph, name: str, p: Sequence[Node], n: Sequence[Node]) -> Node:
    if name == "exp":
        return graph.apply("mul", p[0], n[0])
    (sine_p, cosine_p), (sine_n, cosine_n) = p, n
    one = (sine_p, cosine_n, cosine_p, sine_n) if name == "sinh" else (cosine_p, cosine_n, sine_p, sine_n)
    return graph.apply("sub", graph.apply("mul", *one[:2]), graph.apply("mul", *one[2:]))
