"""What array code computes, as a graph: the code runs once, on arrays of nodes in place of numbers.

Devices state their equations for arrays, with branches by ``np.where``. Run on ``Traced`` arrays they
leave the graph of what they would compute for one element and one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from netlearn.arrays import Array
from netlearn.solve.codegen.graph import Graph, Node, chosen


class Untraceable(Exception):
    """Code that cannot be run on nodes, for what it does depends on the numbers."""


class Traced(NDArrayOperatorsMixin):
    """An array whose entries are nodes."""

    __array_priority__ = 1000.0

    def __init__(self, graph: Graph, nodes: Array) -> None:
        self.graph, self.nodes = graph, np.asarray(nodes, dtype=object)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.nodes.shape

    @property
    def ndim(self) -> int:
        return self.nodes.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        truths = all(node.is_truth for node in self.nodes.flat)
        return np.dtype(bool if truths and self.nodes.size else float)

    @property
    def real(self) -> Traced:
        return _elementwise(Graph.level, self.graph, [self])

    @property
    def imag(self) -> Traced:
        return Traced.of(self.graph, np.zeros(self.shape))

    @classmethod
    def of(cls, graph: Graph, value: Any) -> Traced:
        """Numbers, nodes, or arrays of either, as nodes."""
        if isinstance(value, Traced):
            return value
        array = np.asarray(value)
        nodes = np.empty(array.shape, dtype=object)
        for place in np.ndindex(array.shape):
            entry: Any = array[place]
            if isinstance(entry, Traced):
                entry = entry.nodes[()]
            nodes[place] = entry if isinstance(entry, Node) else graph.constant(entry)
        return cls(graph, nodes)

    def __getitem__(self, key: Any) -> Traced:
        return Traced(self.graph, self.nodes[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.nodes[key] = Traced.of(self.graph, value).nodes

    def copy(self) -> Traced:
        return Traced(self.graph, self.nodes.copy())

    def astype(self, dtype: Any) -> Traced:
        return as_numbers(self)

    def any(self) -> bool:
        """Whether any entry may be true."""
        return any(node.operation != "constant" or bool(node.value) for node in self.nodes.flat)

    def all(self) -> bool:
        """Whether all entries are known to be true."""
        return all(node.operation == "constant" and bool(node.value) for node in self.nodes.flat)

    def __bool__(self) -> bool:
        node = self.nodes[()]
        if not isinstance(node, Node) or node.operation != "constant":
            raise Untraceable("a branch that depends on a number")
        return bool(node.value)

    def __float__(self) -> float:
        raise Untraceable("a number that is taken out of its array")

    def __array__(self, *arguments: Any, **options: Any) -> Array:
        # numpy would take the entries apart: as one object it keeps the array whole.
        result = np.empty((), dtype=object)
        if self.ndim == 0:
            result[()] = self
            return result
        result = np.empty(self.shape, dtype=object)
        for place in np.ndindex(self.shape):
            result[place] = Traced(self.graph, self.nodes[place])
        return result

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        operation = _UFUNCS.get(function.__name__)
        out = options.pop("out", None)
        if method != "__call__" or operation is None or options:
            raise Untraceable(f"{function.__name__} with {method}")
        result = operation(self.graph, *(Traced.of(self.graph, part) for part in inputs))
        if out is not None:
            out[0][...] = result
            return out[0]
        return result

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        known = _FUNCTIONS.get(function.__name__)
        if known is None:
            raise Untraceable(function.__name__)
        return known(self.graph, *arguments, **options)


def _elementwise(make: Callable[..., Node], graph: Graph, parts: Sequence[Traced]) -> Traced:
    nodes = np.broadcast_arrays(*(part.nodes for part in parts))
    result = np.empty(nodes[0].shape, dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = make(graph, *(each[place] for each in nodes))
    return Traced(graph, result)


def _ufunc(make: Callable[..., Node]) -> Callable[..., Traced]:
    return lambda graph, *parts: _elementwise(make, graph, parts)


def _number(graph: Graph, node: Node) -> Node:
    """A truth as 0 or 1."""
    return graph.apply("select", node, graph.constant(1.0), graph.constant(0.0)) if node.is_truth else node


def _truth(graph: Graph, node: Node) -> Node:
    """A number as whether it is not 0."""
    return node if node.is_truth else graph.apply("ne", node, graph.constant(0.0))


def as_numbers(array: Traced) -> Traced:
    """Truths as 0 and 1."""
    return _elementwise(_number, array.graph, [array])


def _of_numbers(operation: str) -> Callable[..., Node]:
    return lambda graph, *nodes: graph.apply(operation, *(_number(graph, node) for node in nodes))


def _of_truths(operation: str) -> Callable[..., Node]:
    return lambda graph, *nodes: graph.apply(operation, *(_truth(graph, node) for node in nodes))


def _swapped(operation: str) -> Callable[..., Node]:
    return lambda graph, a, b: graph.apply(operation, _number(graph, b), _number(graph, a))


def _choose(graph: Graph, which: Node, yes: Node, no: Node) -> Node:
    if yes.is_truth != no.is_truth:
        yes, no = _number(graph, yes), _number(graph, no)
    which = _truth(graph, which)
    if which.operation == "not":
        which, yes, no = which.inputs[0], no, yes
    # Array code keeps functions from numbers that they are not for, which are of no use here.
    return graph.apply("select", which, *chosen(which, yes, no))


def _sign(graph: Graph, node: Node) -> Node:
    one, zero, node = graph.constant(1.0), graph.constant(0.0), _number(graph, node)
    negative = graph.apply("select", graph.apply("lt", node, zero), graph.constant(-1.0), zero)
    return graph.apply("select", graph.apply("lt", zero, node), one, negative)


def _heaviside(graph: Graph, node: Node, middle: Node) -> Node:
    one, zero = graph.constant(1.0), graph.constant(0.0)
    upper = graph.apply("select", graph.apply("lt", zero, node), one, middle)
    return graph.apply("select", graph.apply("lt", node, zero), zero, upper)


_UFUNCS: Mapping[str, Callable[..., Traced]] = {
    **{
        theirs: _ufunc(_of_numbers(ours))
        for theirs, ours in {
            **{name: name for name in ("add", "exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
            **{name: name for name in ("floor", "ceil", "trunc", "rint", "isnan", "isfinite")},
            "subtract": "sub",
            "multiply": "mul",
            "divide": "div",
            "true_divide": "div",
            "negative": "neg",
            "absolute": "abs",
            "minimum": "min",
            "maximum": "max",
            "power": "pow",
            "arcsin": "asin",
            "arccos": "acos",
            "arctan": "atan",
            "arctan2": "atan2",
            "arcsinh": "asinh",
            "arccosh": "acosh",
            "arctanh": "atanh",
            "less": "lt",
            "less_equal": "le",
            "equal": "eq",
            "not_equal": "ne",
        }.items()
    },
    "greater": _ufunc(_swapped("lt")),
    "greater_equal": _ufunc(_swapped("le")),
    **{name: _ufunc(_of_truths("and")) for name in ("bitwise_and", "logical_and")},
    **{name: _ufunc(_of_truths("or")) for name in ("bitwise_or", "logical_or")},
    **{name: _ufunc(_of_truths("not")) for name in ("invert", "logical_not")},
    "sign": _ufunc(_sign),
    "heaviside": _ufunc(_heaviside),
    "positive": _ufunc(lambda graph, node: node),
    "conjugate": _ufunc(lambda graph, node: node),
    "square": _ufunc(lambda graph, node: graph.apply("mul", node, node)),
    "reciprocal": _ufunc(lambda graph, node: graph.apply("div", graph.constant(1.0), node)),
    "log10": _ufunc(lambda graph, node: graph.apply("div", graph.apply("log", node), graph.constant(np.log(10.0)))),
    "expm1": _ufunc(lambda graph, node: graph.apply("sub", graph.apply("exp", node), graph.constant(1.0))),
    "log1p": _ufunc(lambda graph, node: graph.apply("log", graph.apply("add", node, graph.constant(1.0)))),
}


def _where(graph: Graph, which: Any, yes: Any, no: Any) -> Traced:
    return _elementwise(_choose, graph, [Traced.of(graph, part) for part in (which, yes, no)])


def _joined(function: Callable[..., Array]) -> Callable[..., Traced]:
    def join(graph: Graph, parts: Sequence[Any], axis: int = 0) -> Traced:
        return Traced(graph, function([Traced.of(graph, part).nodes for part in parts], axis=axis))

    return join


def _broadcast_arrays(graph: Graph, *parts: Any) -> tuple[Traced, ...]:
    return tuple(
        Traced(graph, nodes) for nodes in np.broadcast_arrays(*(Traced.of(graph, part).nodes for part in parts))
    )


def _clip(graph: Graph, value: Any, low: Any, high: Any) -> Traced:
    return _UFUNCS["minimum"](
        graph,
        _UFUNCS["maximum"](graph, Traced.of(graph, value), Traced.of(graph, low)),
        Traced.of(graph, high),
    )


def _sum(graph: Graph, value: Any, axis: int) -> Traced:
    array = as_numbers(Traced.of(graph, value))
    total = Traced.of(graph, np.zeros(np.delete(array.shape, axis).astype(int)))
    for part in np.moveaxis(array.nodes, axis, 0):
        total = total + Traced(graph, np.asarray(part, dtype=object))
    return total


def _take_along(graph: Graph, value: Any, places: Any, axis: int) -> Traced:
    """Entries of ``value`` along its first axis at the one place that ``places`` names."""
    array, place = Traced.of(graph, value), Traced.of(graph, places)
    if axis != 0 or place.shape[0] != 1:
        raise Untraceable("take_along_axis along another axis")
    result = Traced(graph, array.nodes[-1])
    for k in range(len(array.nodes) - 2, -1, -1):
        result = _where(graph, place[0] <= float(k), Traced(graph, array.nodes[k]), result)
    return Traced(graph, result.nodes[None])


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "where": _where,
    "stack": _joined(np.stack),
    "concatenate": _joined(np.concatenate),
    "broadcast_arrays": _broadcast_arrays,
    "broadcast_to": lambda graph, value, shape: Traced(graph, np.broadcast_to(Traced.of(graph, value).nodes, shape)),
    "zeros_like": lambda graph, value, **options: Traced.of(graph, np.zeros(np.shape(value))),
    "ones_like": lambda graph, value, **options: Traced.of(graph, np.ones(np.shape(value))),
    "clip": _clip,
    "sum": _sum,
    "any": lambda graph, value: value.any(),
    "all": lambda graph, value: value.all(),
    "take_along_axis": _take_along,
    "diff": lambda graph, value, axis=-1: Traced.of(graph, np.diff(value.nodes, axis=axis)),
    "real": lambda graph, value: value.real,
    "imag": lambda graph, value: value.imag,
    "iscomplexobj": lambda graph, value: False,
    "shape": lambda graph, value: value.shape,
    "ndim": lambda graph, value: value.ndim,
    "result_type": lambda graph, *values: np.dtype(float),
}
