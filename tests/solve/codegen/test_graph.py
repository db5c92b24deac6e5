"""Graphs compute what array code does, with fewer operations: held against numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netlearn.solve.codegen.derivatives import Differentiation
from netlearn.solve.codegen.graph import Graph, LawProgram, Node, reached
from netlearn.solve.codegen.trace import Traced

K, X, Y = np.array([2.5, -0.3]), np.array([-2.0, 0.7]), np.array([1.3, -0.4])


def traced(function: Callable[[Any, Any, Any], Any]) -> tuple[Node, Node, Node]:
    """What a function of k, which is the same for all samples, and of x and y is made of; and the latter two."""
    graph = Graph()
    inputs = graph.input("value", "k"), graph.input("y", 0), graph.input("y", 1)
    arrays = (Traced(graph, np.array(node, dtype=object)) for node in inputs)
    found: Node = Traced.of(graph, function(*arrays)).nodes.item()
    return found, inputs[1], inputs[2]


def turned(which: Any, number: Any) -> Any:
    return np.where(which, number, -number)


def operations(*nodes: Node) -> Counter[str]:
    """How often each operation is there that differs by sample."""
    return Counter(node.operation for node in reached(nodes) if not node.fixed and node.operation != "input")


def evaluated(*nodes: Node) -> list[Any]:
    return LawProgram(nodes)({("value", "k"): K, ("y", 0): X, ("y", 1): Y})


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda k, x, y: x / (1.0 / y), {"mul": 1}),
        (lambda k, x, y: 0.5 * (x * 2.0), {}),
        (lambda k, x, y: k * ((x * y) * (3.0 / k)), {"mul": 2}),
        (lambda k, x, y: np.where(x > 0, 1.0, 0.0) * y, {"lt": 1, "select": 1}),
        (lambda k, x, y: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), y), {"lt": 1, "log": 1, "select": 1}),
        (lambda k, x, y: np.where(~(x > 0), y, np.sqrt(np.where(x > 0, x, 1.0))), {"lt": 1, "sqrt": 1, "select": 1}),
        # What follows from either of two is worked out once.
        (lambda k, x, y: turned(x < y, np.exp(np.where(x < y, x, y))), {"lt": 1, "exp": 1, "neg": 1, "select": 2}),
    ],
)
def test_what_can_be_left_out_is(function: Callable[[Any, Any, Any], Any], wanted: dict[str, int]) -> None:
    node, _, _ = traced(function)
    assert operations(node) == wanted
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(evaluated(node)[0], function(K, X, Y), rtol=1e-15)


@pytest.mark.parametrize(
    ("function", "most"),
    [
        # An inverse has a slope without another division, and an exponential is its own.
        (lambda k, x, y: 1.7 / (x - y), {"div": 1}),
        (lambda k, x, y: k * np.exp(k * (x - y)), {"exp": 1}),
        # A voltage that is seen from the lower of two ends is a difference of its own.
        (lambda k, x, y: np.where(x < y, 1.0, -1.0) * np.exp(k * np.where(x < y, y - x, x - y)), {"exp": 1, "lt": 1}),
        (lambda k, x, y: x / y, {"div": 2}),
        (lambda k, x, y: k / y, {"div": 2}),
    ],
)
def test_derivatives_are_those_of_differences(function: Callable[[Any, Any, Any], Any], most: dict[str, int]) -> None:
    node, x, y = traced(function)
    row = Differentiation(node.graph, [x, y]).rows([node])[0]
    slopes = [row.get(k, node.graph.constant(0.0)) for k in range(2)]
    found = operations(node, *slopes)
    assert {name: found[name] for name in most} == most
    for k, slope in enumerate(slopes):
        # By the complex step: numpy compares complex numbers by their real parts first.
        step = 1e-30j * np.eye(2)[k]
        with np.errstate(all="ignore"):
            wanted = np.imag(function(K, X + step[0], Y + step[1])) / 1e-30
        np.testing.assert_allclose(np.broadcast_to(evaluated(slope)[0], wanted.shape), wanted, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("exponent", [np.inf, -np.inf, np.nan])
def test_powers_without_a_finite_exponent_are_left_as_they_are(exponent: float) -> None:
    found, x, _ = traced(lambda k, x, y: x**exponent)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(LawProgram([found])({x.value: X})[0], X**exponent)
