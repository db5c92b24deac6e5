"""Expressions in ngspice's own words, written out from what was understood, never copied."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from netlearn.errors import NgspiceError
from netlearn.expressions.expression import Expression, Operation
from netlearn.expressions.functions import (
    BEHAVIOURAL_FUNCTIONS,
    BEHAVIOURAL_OPERATORS,
    CHOOSE,
    OPERATORS,
    PARAMETER_FUNCTIONS,
    POWERS,
    ROUNDED_TABLE,
    SIGNED_POWER,
)

LONGEST = 1_000_000
"""Characters, by convention: guards against an expression whose parts are used again and again, which could grow
without limit."""


def _whole(x: str) -> str:
    """Towards zero."""
    return f"(sgn({x})*floor(abs({x})))"


def _signed_power(x: str, y: str) -> str:
    sign = f"ternary_fcn({y}==floor({y}),cos({math.pi!r}*{y}),0)"
    return f"(({x}^{y})*ternary_fcn({x}<0,{sign},1))"


def _ceiling(x: str, limit: str, zone: str) -> str:
    inside = f"{limit}-({limit}+{zone}-{x})*({limit}+{zone}-{x})/(4*{zone})"
    return f"ternary_fcn({x}<={limit}-{zone},{x},ternary_fcn({x}>={limit}+{zone},{limit},{inside}))"


_INFIX = {
    **{"add": "+", "sub": "-", "mul": "*", "div": "/", "power": "^", "or": "||", "and": "&&"},
    **{"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="},
}
_WRITTEN: Mapping[str, Callable[..., str]] = {
    **{name: (lambda x, y, sign=sign: f"({x}{sign}{y})") for name, sign in _INFIX.items()},
    "mod": lambda x, y: f"({x}-{y}*{_whole(f'({x}/{y})')})",
    "quotient": lambda x, y: f"floor(abs({x}/{y}))",
    "int": _whole,
    "neg": lambda x: f"(-{x})",
    "pos": lambda x: x,
    "not": lambda x: f"({x}==0)",
    "sqr": lambda x: f"({x}*{x})",
    "hypot": lambda x, y: f"sqrt({x}*{x}+{y}*{y})",
    "atan2": lambda y, x: f"(2*atan({y}/(sqrt({x}*{x}+{y}*{y})+{x})))",
    "log": lambda x: f"ln({x})",
    "signed power": _signed_power,
    "arctan": lambda x: f"atan({x})",
    "buf": lambda x: f"ternary_fcn({x}>0.5,1,0)",
    "inv": lambda x: f"ternary_fcn({x}>0.5,0,1)",
    "round": lambda x: f"(sgn({x})*floor(abs({x})+0.5))",
    # The power of ngspice's behavioural sources that keeps the sign.
    "pwrs": lambda x, y: f"pwr({x},{y})",
    "stp": lambda x: f"u({x})",
    "limit": lambda x, a, b: f"min(max({x},min({a},{b})),max({a},{b}))",
    "uplim": _ceiling,
    "dnlim": lambda x, limit, zone: f"(-{_ceiling(f'(-{x})', f'(-{limit})', zone)})",
    "choose": lambda c, x, y: f"ternary_fcn({c},{x},{y})",
}
"""Operators, and functions that ngspice's behavioural sources lack or call otherwise."""

_NAMES = {
    **{function: name for name, function in BEHAVIOURAL_FUNCTIONS.items()},
    **{
        function: name if name != "pow" else "power"
        for table in (OPERATORS, BEHAVIOURAL_OPERATORS)
        for name, function in table.items()
    },
    PARAMETER_FUNCTIONS["exp"]: "exp",
    CHOOSE: "choose",
    POWERS["pwr"]: "power",
    SIGNED_POWER: "signed power",
}
"""A function is known by itself: what a step calls it may have been dropped."""


def ngspice_expression(expression: Expression, words: Mapping[str, str]) -> str:
    """The text of an expression for a behavioural source, as one word without blanks.

    ``words`` gives what stands for each name: a probe such as ``v(n1)`` or a number. ``temper`` may
    stay as it is. Raises NgspiceError for a text that would be absurdly long, and for a table
    between points that are not constant.
    """
    texts: list[str] = []
    numbers: list[float | None] = []
    for step in expression.steps:
        inputs = [numbers[i] for i in step.inputs]
        if step.kind == "call" and _name(step) in ("table", ROUNDED_TABLE):
            text = _table(texts[step.inputs[0]], inputs[1:], rounded=_name(step) == ROUNDED_TABLE)
        else:
            text = _text(step, texts, words)
        if len(text) > LONGEST:
            raise NgspiceError("an expression is too long once it is written out")
        texts.append(text)
        numbers.append(_number(step, inputs, words))
    return texts[-1]


def _text(step: Operation, texts: Sequence[str], words: Mapping[str, str]) -> str:
    if step.kind == "number" and step.value is not None:
        if not math.isfinite(float(step.value)):
            raise NgspiceError("a number in an expression is infinite, which no line can say")
        return f"({float(step.value)!r})"
    if step.kind == "name":
        if step.name in words:
            return f"({words[step.name]})"
        if step.name != "temper":
            raise NgspiceError(f"'{step.name}' in an expression has no meaning for ngspice")
        return "temper"
    name = _name(step)
    arguments = [texts[i] for i in step.inputs]
    return _WRITTEN[name](*arguments) if name in _WRITTEN else f"{name}({','.join(arguments)})"


def _name(step: Operation) -> str:
    name = None if step.function is None else _NAMES.get(step.function)
    if name is None:
        raise NgspiceError(f"ngspice's behavioural sources do not have the function '{step.name}'")
    return name


def _number(step: Operation, inputs: Sequence[float | None], words: Mapping[str, str]) -> float | None:
    """The value of a step that no probe has a part in."""
    if step.kind == "number":
        return None if step.value is None else float(step.value)
    if step.kind == "name":
        try:
            return float(words.get(step.name, ""))
        except ValueError:
            return None
    if step.function is None or any(value is None for value in inputs):
        return None
    return float(np.real(step.function.value(*(np.float64(value) for value in inputs if value is not None))))


def _table(x: str, points: Sequence[float | None], *, rounded: bool) -> str:
    """Straight lines that are level at the ends, as a sum over their corners.

    A corner adds its change of slope times max(u, 0), with u the distance from it. If it is rounded,
    to a parabola over ``half`` on either side, max(u, 0) becomes
    min(max(u + half, 0), 2 half)² / (4 half) + max(u - half, 0).
    """
    if any(point is None for point in points):
        raise NgspiceError("the points of a table must be constant to be written for ngspice")
    xs, ys = np.array(points[0::2], dtype=float), np.array(points[1::2], dtype=float)
    lengths = np.diff(xs)
    turns = np.diff(np.diff(ys) / lengths, prepend=0.0, append=0.0)
    halves = 0.1 * np.minimum(np.append(lengths[0], lengths), np.append(lengths, lengths[-1]))
    text = f"({float(ys[0])!r}"
    for corner, turn, half in zip(xs.tolist(), turns.tolist(), halves.tolist(), strict=True):
        bend = f"max({x}-({corner!r}),0)"
        if rounded:
            bend = f"(min(max({x}-({corner - half!r}),0),{2 * half!r})^2*{1 / (4 * half)!r}"
            bend += f"+max({x}-({corner + half!r}),0))"
        text += f"+({turn!r})*{bend}"
    return text + ")"
