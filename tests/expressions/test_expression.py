"""Expressions: values judged by ngspice, derivatives by differences, and no depth that breaks them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlearn.expressions.expression import Expression, ExpressionError, UserFunction, parse_expression
from netlearn.expressions.functions import BEHAVIOURAL_FUNCTIONS, CONSTANTS, PARAMETER_FUNCTIONS, ROUNDED_TABLE

NUMBERS = st.sampled_from(["1", "2", "0.5", "3.25", "1k", "20m", "1e-1", ".7", "4.", "x", "y", "z"])
VALUES = {"x": 1.7, "y": -0.6, "z": 0.3}
UNARY = ("sin", "cos", "tanh", "atan", "arctan", "abs", "sgn", "sqr", "floor", "ceil", "int", "nint")


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.builds(lambda name, a: f"{name}({a})", st.sampled_from(UNARY), inner),
        st.builds(lambda op, p: f"{p[0]}{op}{p[1]}", st.sampled_from(["+", " - ", "*"]), pairs),
        st.builds(lambda op, p: f"({p[0]}){op}({p[1]})", st.sampled_from([">", "<", ">=", "<=", "&&", "||"]), pairs),
        st.builds(lambda p: f"({p[0]})/(1+abs({p[1]}))", pairs),
        st.builds(lambda a, n: f"({a})^{n}", inner, st.sampled_from(["2", "3"])),
        st.builds(lambda name, p: f"{name}({p[0]},{p[1]})", st.sampled_from(["min", "max"]), pairs),
        st.builds(lambda p, c: f"(({c})>0.4 ? {p[0]} : {p[1]})", pairs, inner),
        st.builds(lambda a: f"(-{a})", NUMBERS),
        st.builds(lambda a: f"ln(1+sqr({a}))+sqrt(0.1+abs({a}))+exp(-abs({a}))", inner),
    )


EXPRESSIONS = st.recursive(NUMBERS, _combined, max_leaves=8)


@pytest.mark.ngspice
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(EXPRESSIONS, min_size=30, max_size=30))
def test_values_are_ngspices(texts, ngspice):
    chosen = []
    for text in texts:
        value = float(parse_expression(text).evaluate(VALUES))
        if math.isfinite(value) and abs(value) < 1e12 and len(text) < 400:
            chosen.append((text, value))
    parameters = ".param " + " ".join(f"{name}={value}" for name, value in VALUES.items())
    lines = [f"V{k} n{k} 0 {{{text}}}" for k, (text, _) in enumerate(chosen)]
    found = ngspice.run("\n".join(["expressions", parameters, "V 1 0 0", *lines]))
    for k, (text, value) in enumerate(chosen):
        # ngspice passes results on as text with a limited number of digits.
        assert found[f"v(n{k})"] == pytest.approx(value, rel=1e-9, abs=1e-12), text


PRECEDENCE = {
    "-2^2": -4.0,
    "2^3^2": 64.0,
    "2**-1": 0.5,
    "2*-3": -6.0,
    "7%4": 3.0,
    "-7%4": -3.0,
    "7\\2": 3.0,
    "-7\\2": -3.0,
    "1+2<4": 1.0,
    "2<3==1": 1.0,
    "1||0&&0": 1.0,
    "1<2?3:4": 3.0,
    "0?1:0?2:3": 3.0,
    "1?2:3+4": 2.0,
    "!0+1": 2.0,
    "1=1": 1.0,
    "1<>1": 0.0,
    "(-2)^3": 8.0,
    "pow(-2,3)": -8.0,
    "pwr(-2,3)": 8.0,
    "0x10": 16.0,
    "1mil": 1e-3,
    "agauss(3,1,1)": 3.0,
}


@pytest.mark.ngspice
def test_rules_of_precedence_are_ngspices(ngspice):
    lines = [f"V{k} n{k} 0 {{{text}}}" for k, text in enumerate(PRECEDENCE) if "gauss" not in text]
    found = ngspice.run("\n".join(["precedence", *lines]))
    for k, (text, value) in enumerate(PRECEDENCE.items()):
        assert float(parse_expression(text).evaluate({})) == pytest.approx(value, rel=1e-15), text
        if "gauss" not in text:
            assert found[f"v(n{k})"] == pytest.approx(value, rel=1e-12), text


# A point at which each function is smooth, and the arguments besides the first.
POINTS = {"acosh": 1.8, "ln": 0.7, "log": 0.7, "log10": 0.7, "sqrt": 0.7, "table": 0.4, "pwl": 0.4, ROUNDED_TABLE: 0.17}
FIXED = ("pwl", "table", ROUNDED_TABLE)


@pytest.mark.parametrize("behavioural", [False, True])
def test_derivatives_are_the_limit_of_differences(behavioural):
    functions = BEHAVIOURAL_FUNCTIONS if behavioural else PARAMETER_FUNCTIONS
    for name, function in functions.items():
        first = POINTS.get(name, 0.6)
        if name in FIXED:
            arguments, text = ["x"], f"{name}(x, 0,0, 1,2, 4,3)"
        else:
            arguments = ["x", "y", "z"][: function.least]
            text = f"{name}({','.join(arguments)})"
        expression = parse_expression(text, behavioural)
        at = dict(zip(("x", "y", "z"), (first, 1.3, 0.4), strict=True))
        value, slopes = expression.evaluate_with_derivatives(at, arguments)
        assert value == expression.evaluate(at)
        for argument, slope in zip(arguments, slopes, strict=True):
            step = 1e-6
            above = expression.evaluate({**at, argument: at[argument] + step})
            below = expression.evaluate({**at, argument: at[argument] - step})
            assert slope == pytest.approx((above - below) / (2 * step), rel=1e-7, abs=1e-7), (text, argument)
            complex_step = expression.evaluate({**at, argument: at[argument] + 1e-30j}).imag / 1e-30
            assert slope == pytest.approx(complex_step, rel=1e-12, abs=1e-15), (text, argument)


@settings(max_examples=60, deadline=None)
@given(text=EXPRESSIONS)
def test_forward_derivatives_agree_with_the_complex_step(text):
    expression = parse_expression(text)
    _, slopes = expression.evaluate_with_derivatives(VALUES, list(VALUES))
    for name, slope in zip(VALUES, slopes, strict=True):
        stepped = np.imag(expression.evaluate({**VALUES, name: VALUES[name] + 1e-30j})) / 1e-30
        assert slope == pytest.approx(stepped, rel=1e-9, abs=1e-9), name


def test_arrays_are_evaluated_element_by_element():
    expression = parse_expression("x > 0 ? x*y : ln(0-x)")
    x, y = np.array([1.0, -2.0, 3.0]), np.array([2.0, 5.0, 7.0])
    value, (by_x, by_y) = expression.evaluate_with_derivatives({"x": x, "y": y}, ["x", "y"])
    np.testing.assert_allclose(value, [2.0, math.log(2.0), 21.0])
    np.testing.assert_allclose(by_x, [2.0, -0.5, 7.0])
    np.testing.assert_allclose(by_y, [1.0, 0.0, 3.0])


def test_the_branch_not_taken_may_be_infinite():
    value, (slope,) = parse_expression("x > 0 ? x : 1/x").evaluate_with_derivatives({"x": 0.0}, ["x"])
    assert not np.isfinite(value)
    value, (slope,) = parse_expression("x >= 0 ? 2*x : 1/x").evaluate_with_derivatives({"x": 0.0}, ["x"])
    assert (value, slope) == (0.0, 2.0)


def test_points_of_a_table_have_derivatives_too():
    for name in ("pwl", "table", ROUNDED_TABLE):
        expression = parse_expression(f"{name}(x, a,b, 1,c, 4,d)")
        at: dict[str, Any] = {"x": np.array([-0.5, 0.05, 0.4, 0.95, 2.5, 5.0]), "a": 0.1, "b": 0.2, "c": 2.3, "d": 3.0}
        for key, slope in zip("abcd", expression.evaluate_with_derivatives(at, "abcd")[1], strict=True):
            above, below = (expression.evaluate({**at, key: at[key] + step}) for step in (1e-6, -1e-6))
            np.testing.assert_allclose(slope, (above - below) / 2e-6, rtol=1e-6, atol=1e-8)


def test_probes_are_names_without_blanks():
    expression = parse_expression("V(a, b)*I( V1 ) + v(x1.n#2)^2", behavioural=True)
    assert expression.names == ("v(a,b)", "i(v1)", "v(x1.n#2)")


def test_user_functions_are_written_out_in_every_order_of_arguments():
    body = parse_expression("a/b+k")
    expression = parse_expression("f(y, f(x, 2)) - f(x, y)").with_functions({"f": UserFunction(("a", "b"), body)})
    x, y, k = 3.0, 5.0, 7.0
    assert expression.evaluate({"x": x, "y": y, "k": k}) == pytest.approx(y / (x / 2 + k) + k - (x / y + k))
    same = parse_expression("f(x+1, y)").with_functions({"f": UserFunction(("a", "b"), parse_expression("a"))})
    assert same.evaluate({"x": 3.0, "y": 0.0}) == 4.0


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("1+", 1, "cannot read"),
        ("(2*3", 3, "cannot read"),
        ("2 3", 2, "cannot read"),
        ("", 0, "cannot read|too early"),
        ("a~b", 1, "cannot read"),
        ("1.2.3", 3, "cannot read"),
        ("sin(1,2)", 0, "takes 1"),
        ("max(1)", 0, "takes 2"),
    ],
)
def test_mistakes_are_located(text, offset, message):
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_expression(text)
    assert abs(caught.value.offset - offset) <= 1


def test_unknown_functions_are_named():
    with pytest.raises(ExpressionError, match="unknown function 'sine'") as caught:
        parse_expression("2*sine(1)").with_functions({})
    assert caught.value.offset == 2
    assert "sin" in caught.value.hint


@pytest.mark.parametrize("depth", [20_000])
@pytest.mark.parametrize(
    "shape", [("(", "1", ")"), ("-", "1", ""), ("abs(", "1", ")"), ("1+(", "1", ")"), ("1?", "1", ":2")]
)
def test_nesting_costs_no_stack(depth, shape):
    opening, middle, closing = shape
    expression = parse_expression(opening * depth + middle + closing * depth)
    assert np.isfinite(expression.evaluate({}))
    assert expression.evaluate_with_derivatives({}, ["x"])[1] == [0.0]


def test_constants_are_ngspices_to_their_digits():
    # CODATA 2014, as ngspice 39 has them; the speed of light and pi are exact.
    assert CONSTANTS["c"] == 299792458.0
    assert CONSTANTS["pi"] == math.pi
    assert CONSTANTS["boltz"] == pytest.approx(1.380649e-23, rel=1e-6)
    assert CONSTANTS["echarge"] == pytest.approx(1.602176634e-19, rel=1e-7)
    assert CONSTANTS["planck"] == pytest.approx(6.62607015e-34, rel=1e-7)


def test_an_expression_is_a_value():
    assert parse_expression("x+1") is parse_expression("x+1")
    assert isinstance(parse_expression("x+1"), Expression)
