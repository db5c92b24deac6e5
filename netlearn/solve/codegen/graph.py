"""Arithmetic as a graph: what a device's equations compute, without the numbers.

Every operation stands once, however often it was written, and what can be worked out or left out
beforehand is: a parameter that is zero takes all that it multiplies away.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlearn.arrays import Array

HUGE = 1e300
"""A number that stands for what no voltage or current reaches, so that comparisons with it are known."""
TINY = 1e-300
"""The other end, by convention: factors whose product is beyond either are left apart."""

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "min": np.minimum,
    "max": np.maximum,
    "pow": np.power,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "select": np.where,
}
"""Operations by name, with what evaluates them over arrays."""

TRUTHS = frozenset({"lt", "le", "eq", "ne", "and", "or", "not", "isnan", "isfinite"})
"""Operations whose results are true or false."""
LEVEL = ("level",)
"""The name under which a number has no derivative."""
COMMUTES = frozenset({"add", "mul", "min", "max", "eq", "ne", "and", "or"})


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A number or truth of a graph: a constant or an input with its ``value``, or an operation on others."""

    graph: Graph
    number: int
    operation: str
    inputs: tuple[Node, ...] = ()
    value: Any = None
    fixed: bool = False
    """Whether it is the same for all samples, being made of values and constants alone."""

    @property
    def is_truth(self) -> bool:
        """Whether it is true or false, and not a number."""
        if self.operation == "constant":
            return isinstance(self.value, bool)
        if self.operation == "select":
            return self.inputs[1].is_truth
        return self.operation in TRUTHS

    @property
    def is_level(self) -> bool:
        """Whether it is another number under a name that no derivative is taken through."""
        return self.operation == "cut" and self.value == LEVEL

    def equals(self, number: float) -> bool:
        """Whether it is this constant."""
        return self.operation == "constant" and not isinstance(self.value, bool) and bool(self.value == number)


class Graph:
    """Nodes, each of them once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[tuple[Any, ...], Node] = {}

    def constant(self, value: Any) -> Node:
        """A number or a truth."""
        value = bool(value) if isinstance(value, bool | np.bool_) else float(value)
        # By its bits: NaN is not equal to itself, and -0 is not 0.
        return self._node("constant", (), value, value if isinstance(value, bool) else value.hex())

    def input(self, *name: Any) -> Node:
        """A number that is given when the graph is evaluated."""
        return self._node("input", (), name, name)

    def cut(self, node: Node, *name: Any) -> Node:
        """The same number under a name of its own: derivatives are taken by it, not through it."""
        return self._node("cut", (node,), name, name)

    def level(self, node: Node) -> Node:
        """The same number as one that has no derivative, which is what the real part is in a complex step."""
        # Of what differs by sample only: the others need no second row of parameters.
        return node if node.fixed or node.is_truth or node.is_level else self.cut(node, *LEVEL)

    def _node(self, operation: str, inputs: tuple[Node, ...], value: Any = None, key: Any = None) -> Node:
        place = (operation, key, *(node.number for node in inputs))
        found = self._known.get(place)
        if found is None:
            fixed = value[0] == "value" if operation == "input" else all(node.fixed for node in inputs)
            found = self._known[place] = Node(self, len(self.nodes), operation, inputs, value, fixed)
            self.nodes.append(found)
        return found

    def apply(self, operation: str, *inputs: Node) -> Node:
        """An operation on nodes, or what is known to be the same."""
        if all(node.operation == "constant" for node in inputs):
            with np.errstate(all="ignore"):
                return self.constant(OPERATIONS[operation](*(node.value for node in inputs))[()])
        if operation in TRUTHS:
            inputs = tuple(node.inputs[0] if node.is_level else node for node in inputs)
        simple = _SIMPLER.get(operation)
        found = simple(self, *inputs) if simple is not None else None
        if found is not None:
            return found
        if operation in COMMUTES:
            inputs = tuple(sorted(inputs, key=lambda node: node.number))
        return self._node(operation, inputs)


class LawProgram:
    """Some nodes made ready to be evaluated over arrays."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes, self._order = tuple(nodes), reached(nodes)

    def __call__(self, given: Mapping[tuple[Any, ...], Array]) -> list[Array]:
        """The nodes' values, with those of the inputs ``given`` by name."""
        values: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for node in self._order:
                if node.operation == "constant":
                    values[node.number] = node.value
                elif node.operation == "input":
                    values[node.number] = given[node.value]
                elif node.operation == "cut":
                    values[node.number] = values[node.inputs[0].number]
                else:
                    values[node.number] = OPERATIONS[node.operation](*(values[part.number] for part in node.inputs))
        return [values[node.number] for node in self._nodes]


def rebuilt(nodes: Sequence[Node], others: Mapping[int, Node]) -> list[Node]:
    """The same nodes made of ``others`` where these have the number of one."""
    made = dict(others)
    for node in reached(nodes, made):
        if node.number not in made:
            parts = [made[part.number] for part in node.inputs]
            changed = any(new is not old for new, old in zip(parts, node.inputs, strict=True))
            if node.operation == "cut":
                made[node.number] = node.graph.cut(*parts, *node.value) if changed else node
            else:
                made[node.number] = node.graph.apply(node.operation, *parts) if changed else node
    return [made[node.number] for node in nodes]


def chosen(which: Node, yes: Node, no: Node) -> tuple[Node, Node]:
    """Both branches of a selection, made of what inner selections by the same condition say in each of them.

    Selections that both branches are made of stay: what follows from them is worked out once.
    """
    branches = _after(which, yes), _after(which, no)
    both = branches[0].keys() & branches[1].keys()
    made = [
        _where(which, truth, {k: part for k, part in within.items() if k not in both}, branch)
        for truth, within, branch in zip((True, False), branches, (yes, no), strict=True)
    ]
    return made[0], made[1]


def _after(which: Node, node: Node) -> dict[int, Node]:
    """What a node is made of that may depend on a condition: what was there before that does not."""
    seen, pending = dict[int, Node](), [node]
    while pending:
        part = pending.pop()
        if part.number > which.number and part.number not in seen and part.operation != "cut":
            seen[part.number] = part
            pending.extend(part.inputs)
    return seen


def _where(which: Node, truth: bool, within: Mapping[int, Node], node: Node) -> Node:
    """A node made anew of those that it is made of, ``within``, where a condition is true, or false."""
    graph = which.graph
    made: dict[int, Node] = {which.number: graph.constant(truth)}
    for number in sorted(within):
        part = within[number]
        parts = [made.get(each.number, each) for each in part.inputs]
        changed = any(new is not old for new, old in zip(parts, part.inputs, strict=True))
        made[number] = graph.apply(part.operation, *parts) if changed else part
    return made.get(node.number, node)


def reached(nodes: Sequence[Node], known: Container[int] = ()) -> list[Node]:
    """All nodes that some are made of, in an order of evaluation; none beyond those with ``known`` numbers."""
    seen: dict[int, Node] = {}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node.number not in seen:
            seen[node.number] = node
            if node.number not in known:
                pending.extend(node.inputs)
    return [seen[number] for number in sorted(seen)]


def _add(graph: Graph, a: Node, b: Node) -> Node | None:
    if a.equals(0.0):
        return b
    if b.equals(0.0):
        return a
    if b.operation == "neg":
        return graph.apply("sub", a, b.inputs[0])
    return graph.apply("sub", b, a.inputs[0]) if a.operation == "neg" else None


def _sub(graph: Graph, a: Node, b: Node) -> Node | None:
    if b.equals(0.0):
        return a
    if a is b:
        return graph.constant(0.0)
    if a.equals(0.0):
        return graph.apply("neg", b)
    return graph.apply("add", a, b.inputs[0]) if b.operation == "neg" else None


def _mul(graph: Graph, a: Node, b: Node) -> Node | None:
    for one, other in ((a, b), (b, a)):
        if one.equals(0.0):
            return graph.constant(0.0)
        if one.equals(1.0):
            return other
        if one.equals(-1.0):
            return graph.apply("neg", other)
        if one.operation == "neg":
            return graph.apply("neg", graph.apply("mul", one.inputs[0], other))
        if one.operation == "select" and all(part.operation == "constant" for part in one.inputs[1:]):
            which, *parts = one.inputs
            if all(part.value in (0.0, 1.0, -1.0) for part in parts):
                return graph.apply("select", which, *(graph.apply("mul", part, other) for part in parts))
        if one.fixed and not other.fixed and other.operation == "mul":
            # Factors that are the same for all samples are one, worked out once for each element.
            for factor, rest in (other.inputs, other.inputs[::-1]):
                if factor.fixed:
                    product = graph.apply("mul", one, factor)
                    if product.operation != "constant" or TINY < abs(product.value) < HUGE:
                        return graph.apply("mul", product, rest)
    return None


def _div(graph: Graph, a: Node, b: Node) -> Node | None:
    if a.equals(0.0):
        return a
    if b.equals(1.0):
        return a
    if b.fixed and not a.fixed:
        # The inverse is worked out once for each element, and a division takes as long as ten products.
        return graph.apply("mul", a, graph.apply("div", graph.constant(1.0), b))
    if b.operation == "div" and b.inputs[0].equals(1.0):
        return graph.apply("mul", a, b.inputs[1])
    if b.operation == "select" and b.inputs[1].fixed and b.inputs[2].fixed:
        over = a if a.fixed else graph.constant(1.0)
        inverse = graph.apply("select", b.inputs[0], *(graph.apply("div", over, part) for part in b.inputs[1:]))
        return inverse if a.fixed else graph.apply("mul", a, inverse)
    return graph.apply("neg", graph.apply("div", a.inputs[0], b)) if a.operation == "neg" else None


def _neg(graph: Graph, a: Node) -> Node | None:
    if a.operation == "neg":
        return a.inputs[0]
    return graph.apply("sub", a.inputs[1], a.inputs[0]) if a.operation == "sub" else None


def _abs(graph: Graph, a: Node) -> Node | None:
    return graph.apply("abs", a.inputs[0]) if a.operation == "neg" else None


def _pow(graph: Graph, a: Node, b: Node) -> Node | None:
    if a.equals(1.0) or b.equals(0.0):
        return graph.constant(1.0)
    if b.operation != "constant" or not np.isfinite(b.value):
        return None
    if b.value == 0.5:
        return graph.apply("sqrt", a)
    if b.value == round(b.value) and 1 <= abs(b.value) <= 4:
        product = a
        for _ in range(abs(round(b.value)) - 1):
            product = graph.apply("mul", product, a)
        return product if b.value > 0 else graph.apply("div", graph.constant(1.0), product)
    return None


def _select(graph: Graph, which: Node, a: Node, b: Node) -> Node | None:
    if which.operation == "constant":
        return a if which.value else b
    if a is b:
        return a
    if which.operation == "not":
        return graph.apply("select", which.inputs[0], b, a)
    yes, no = _branch(graph, which, 1, a), _branch(graph, which, 2, b)
    if yes is not a or no is not b:
        return graph.apply("select", which, yes, no)
    if a.operation == b.operation == "mul":
        for factor, other in (a.inputs, a.inputs[::-1]):
            if factor.fixed and factor in b.inputs:
                rest = b.inputs[1 - b.inputs.index(factor)]
                return graph.apply("mul", factor, graph.apply("select", which, other, rest))
    return None


def _branch(graph: Graph, which: Node, k: int, node: Node) -> Node:
    """A branch of a selection without selections by the same condition at its top."""
    if node.operation == "neg":
        inner = _branch(graph, which, k, node.inputs[0])
        return node if inner is node.inputs[0] else graph.apply("neg", inner)
    return _branch(graph, which, k, node.inputs[k]) if node.operation == "select" and node.inputs[0] is which else node


def _less(graph: Graph, a: Node, b: Node) -> Node | None:
    for node, at_left in ((a, True), (b, False)):
        if node.operation == "constant" and abs(node.value) >= HUGE:
            return graph.constant((node.value < 0) == at_left)
    return graph.constant(False) if a is b else None


def _at_most(graph: Graph, a: Node, b: Node) -> Node | None:
    return graph.constant(True) if a is b else _less(graph, a, b)


def _equal(graph: Graph, a: Node, b: Node) -> Node | None:
    return graph.constant(True) if a is b else None


def _unequal(graph: Graph, a: Node, b: Node) -> Node | None:
    return graph.constant(False) if a is b else None


def _junction(dominant: bool) -> Callable[[Graph, Node, Node], Node | None]:
    def simpler(graph: Graph, a: Node, b: Node) -> Node | None:
        for one, other in ((a, b), (b, a)):
            if one.operation == "constant":
                return one if one.value == dominant else other
        return a if a is b else None

    return simpler


def _not(graph: Graph, a: Node) -> Node | None:
    return a.inputs[0] if a.operation == "not" else None


_SIMPLER: Mapping[str, Callable[..., Node | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "abs": _abs,
    "pow": _pow,
    "select": _select,
    "lt": _less,
    "le": _at_most,
    "eq": _equal,
    "ne": _unequal,
    "and": _junction(False),
    "or": _junction(True),
    "not": _not,
}
