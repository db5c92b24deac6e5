"""Derivatives of a graph, as more of the same graph.

Forward mode (Griewank and Walther, Evaluating Derivatives, SIAM 2008), by directions instead of
variables: devices depend on their unknowns through a few differences of voltages, such as a junction's,
so that everything beyond a difference is differentiated by it once, and not by each of its ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netlearn.solve.codegen.graph import Graph, Node, reached

STEEP = frozenset(("sqrt", "asin", "acos", "acosh"))
"""Operations whose slope is infinite at an end of where they are."""

Rates = dict[int, Node]
"""Derivatives by direction, those that are not identically zero."""


class Differentiation:
    """The derivatives of some nodes by others, the ``variables``, which are inputs or cuts."""

    def __init__(self, graph: Graph, variables: Sequence[Node]) -> None:
        self._graph = graph
        self._one, self._zero = graph.constant(1.0), graph.constant(0.0)
        self._directions: list[Rates] = [{k: self._one} for k in range(len(variables))]
        """What each direction is made of: variables with their coefficients."""
        self._variables = {node.number: k for k, node in enumerate(variables)}
        self._count = len(variables)
        self._by_form: dict[tuple[tuple[int, int], ...], int] = {}
        self._rates: dict[int, Rates] = {}
        self._linear: dict[int, bool] = {}

    def rows(self, nodes: Sequence[Node]) -> list[dict[int, Node]]:
        """For each of ``nodes`` its derivatives by the number of the variable."""
        for node in reached(list(nodes)):
            self._rate(node)
        return [self._by_variables(self._rates[node.number]) for node in nodes]

    def _by_variables(self, rates: Rates) -> Rates:
        total: Rates = {}
        for direction, rate in rates.items():
            for variable, coefficient in self._directions[direction].items():
                part = self._graph.apply("mul", coefficient, rate)
                total[variable] = self._graph.apply("add", total[variable], part) if variable in total else part
        return {variable: rate for variable, rate in total.items() if not rate.equals(0.0)}

    def _rate(self, node: Node) -> None:
        number = node.number
        if number in self._rates:
            return
        if number in self._variables:
            self._rates[number], self._linear[number] = {self._variables[number]: self._one}, True
            return
        if node.operation in ("constant", "input") or node.is_level:
            self._rates[number], self._linear[number] = {}, True
            return
        if node.operation == "cut":
            inner = node.inputs[0].number
            self._rates[number], self._linear[number] = self._rates[inner], self._linear[inner]
            return
        parts = [self._rates[part.number] for part in node.inputs]
        if node.is_truth or not any(parts):
            self._rates[number], self._linear[number] = {}, True
            return
        self._linear[number] = self._is_linear(node, parts)
        if not self._linear[number]:
            parts = [self._as_direction(part, rates) for part, rates in zip(node.inputs, parts, strict=True)]
        slopes = [None if not rates else _slope(self._graph, node, k) for k, rates in enumerate(parts)]
        total: Rates = {}
        for slope, rates in zip(slopes, parts, strict=True):
            for direction, rate in rates.items():
                assert slope is not None
                term = self._graph.apply("mul", slope, rate)
                if node.operation in STEEP and rate.operation != "constant":
                    # What does not move there moves it by nothing.
                    still = self._graph.apply("eq", rate, self._zero)
                    term = self._graph.apply("select", still, self._zero, term)
                total[direction] = self._graph.apply("add", total[direction], term) if direction in total else term
        if node.operation == "select":
            total = self._selected(node, parts)
        self._rates[number] = {direction: rate for direction, rate in total.items() if not rate.equals(0.0)}

    def _is_linear(self, node: Node, parts: list[Rates]) -> bool:
        """Whether a node is a sum of variables with coefficients that depend on none."""
        if node.operation in ("add", "sub", "neg"):
            return all(self._linear[part.number] for part in node.inputs)
        if node.operation == "mul":
            return not all(parts) and all(self._linear[part.number] for part in node.inputs)
        if node.operation == "div":
            return not parts[1] and self._linear[node.inputs[0].number]
        if node.operation == "select":
            # The voltage across a channel, from whichever of its ends is the lower one, is a difference, too.
            return all(parts[1:]) and all(self._linear[part.number] for part in node.inputs[1:])
        return False

    def _as_direction(self, node: Node, rates: Rates) -> Rates:
        """Rates of what enters a function: where they are a sum of variables, that sum is a direction of its own."""
        if not self._linear[node.number] or len(rates) < 2:
            return rates
        form = self._by_variables(rates)
        # A difference times a factor, or the other way round, is the same direction.
        factor = next(iter(form.values()))
        factor = factor.inputs[0] if factor.operation == "neg" else factor
        signs = {variable: self._over(coefficient, factor) for variable, coefficient in form.items()}
        rate = self._one
        if factor.fixed and all(signs.values()):
            form, rate = {variable: sign for variable, sign in signs.items() if sign is not None}, factor
            if next(iter(form.values())).equals(-1.0):
                form = {variable: self._graph.apply("neg", sign) for variable, sign in form.items()}
                rate = self._graph.apply("neg", factor)
        key = tuple(sorted((variable, coefficient.number) for variable, coefficient in form.items()))
        if key not in self._by_form:
            self._by_form[key] = len(self._directions)
            self._directions.append(form)
        return {self._by_form[key]: rate}

    def _over(self, coefficient: Node, factor: Node) -> Node | None:
        """A coefficient in terms of a factor, if it is that or its negative."""
        if coefficient is factor:
            return self._one
        return self._graph.constant(-1.0) if self._graph.apply("neg", factor) is coefficient else None

    def _selected(self, node: Node, parts: list[Rates]) -> Rates:
        # Not a sum of products: the branch that is not taken may be infinite.
        directions = dict.fromkeys((*parts[1], *parts[2]))
        return {
            direction: self._graph.apply(
                "select", node.inputs[0], parts[1].get(direction, self._zero), parts[2].get(direction, self._zero)
            )
            for direction in directions
        }


def _slope(graph: Graph, node: Node, k: int) -> Node:
    """The derivative of an operation by its input number ``k``."""
    slope = _SLOPES.get(node.operation)
    return graph.constant(0.0) if slope is None else slope(Terms(graph), node, k)


class Terms:
    """Short words for the formulas below."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, value: float) -> Node:
        return self.graph.constant(value)

    def add(self, a: Node, b: Node) -> Node:
        return self.graph.apply("add", a, b)

    def sub(self, a: Node, b: Node) -> Node:
        return self.graph.apply("sub", a, b)

    def mul(self, a: Node, b: Node) -> Node:
        return self.graph.apply("mul", a, b)

    def div(self, a: Node, b: Node) -> Node:
        return self.graph.apply("div", a, b)

    def neg(self, a: Node) -> Node:
        return self.graph.apply("neg", a)

    def sqrt(self, a: Node) -> Node:
        return self.graph.apply("sqrt", a)

    def sign(self, a: Node) -> Node:
        low = self.choose(self.less(a, self(0.0)), self(-1.0), self(0.0))
        return self.choose(self.less(self(0.0), a), self(1.0), low)

    def less(self, a: Node, b: Node) -> Node:
        return self.graph.apply("lt", a, b)

    def is_zero(self, a: Node) -> Node:
        return self.graph.apply("eq", a, self(0.0))

    def choose(self, which: Node, a: Node, b: Node) -> Node:
        return self.graph.apply("select", which, a, b)


def _division_slope(t: Terms, node: Node, k: int) -> Node:
    above, below = node.inputs
    if k == 0:
        return t.div(t(1.0), below)
    if above.operation == "constant":
        # Without another division, which takes as long as ten products.
        return t.mul(t(-1.0 / above.value), t.mul(node, node))
    return t.neg(t.div(node, below) if above.fixed else t.mul(node, t.div(t(1.0), below)))


def _power_slope(t: Terms, node: Node, k: int) -> Node:
    base, exponent = node.inputs
    if k == 0:
        slope = t.mul(exponent, t.graph.apply("pow", base, t.sub(exponent, t(1.0))))
        # Neither infinite at a zero base nor zero times that, where there is a value.
        steep = t.choose(t.less(exponent, t(0.0)), slope, t(0.0))
        return t.choose(t.is_zero(base), t.choose(t.less(exponent, t(1.0)), steep, slope), slope)
    positive = t.less(t(0.0), base)
    return t.choose(positive, t.mul(node, t.graph.apply("log", t.choose(positive, base, t(1.0)))), t(0.0))


def _angle_slope(t: Terms, node: Node, k: int) -> Node:
    y, x = node.inputs
    square = t.add(t.mul(x, x), t.mul(y, y))
    return t.div(x if k == 0 else t.neg(y), square)


def _by_one(formula: Callable[[Terms, Node, Node], Node]) -> Callable[[Terms, Node, int], Node]:
    return lambda t, node, k: formula(t, node.inputs[0], node)


def _root(t: Terms, x: Node, sign: float, one: float) -> Node:
    """√(one + sign x²)."""
    return t.sqrt(t.add(t(one), t.mul(t(sign), t.mul(x, x))))


_SLOPES: Mapping[str, Callable[[Terms, Node, int], Node]] = {
    "add": lambda t, node, k: t(1.0),
    "sub": lambda t, node, k: t(1.0 if k == 0 else -1.0),
    "neg": lambda t, node, k: t(-1.0),
    "mul": lambda t, node, k: node.inputs[1 - k],
    "div": _division_slope,
    "min": lambda t, node, k: t.choose(t.less(node.inputs[1], node.inputs[0]), t(float(k == 1)), t(float(k == 0))),
    "max": lambda t, node, k: t.choose(t.less(node.inputs[0], node.inputs[1]), t(float(k == 1)), t(float(k == 0))),
    "abs": _by_one(lambda t, x, y: t.sign(x)),
    "pow": _power_slope,
    "sqrt": _by_one(lambda t, x, y: t.div(t(0.5), y)),
    "exp": _by_one(lambda t, x, y: y),
    "log": _by_one(lambda t, x, y: t.div(t(1.0), x)),
    "sin": _by_one(lambda t, x, y: t.graph.apply("cos", x)),
    "cos": _by_one(lambda t, x, y: t.neg(t.graph.apply("sin", x))),
    "tan": _by_one(lambda t, x, y: t.add(t(1.0), t.mul(y, y))),
    "asin": _by_one(lambda t, x, y: t.div(t(1.0), _root(t, x, -1.0, 1.0))),
    "acos": _by_one(lambda t, x, y: t.div(t(-1.0), _root(t, x, -1.0, 1.0))),
    "atan": _by_one(lambda t, x, y: t.div(t(1.0), t.add(t(1.0), t.mul(x, x)))),
    "atan2": _angle_slope,
    "sinh": _by_one(lambda t, x, y: t.graph.apply("cosh", x)),
    "cosh": _by_one(lambda t, x, y: t.graph.apply("sinh", x)),
    "tanh": _by_one(lambda t, x, y: t.sub(t(1.0), t.mul(y, y))),
    "asinh": _by_one(lambda t, x, y: t.div(t(1.0), _root(t, x, 1.0, 1.0))),
    "acosh": _by_one(lambda t, x, y: t.div(t(1.0), _root(t, x, 1.0, -1.0))),
    "atanh": _by_one(lambda t, x, y: t.div(t(1.0), t.sub(t(1.0), t.mul(x, x)))),
}
"""slope(terms, node, k): the derivative by input k. Operations without one are level wherever they have a slope."""
