"""Expressions in ngspice's own words, written out from what was understood, never copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netlearn.errors import NgspiceError
from netlearn.netlist.expression import Expression, Step
from netlearn.netlist.functions import CHOOSE, OPERATORS

LONGEST = 1_000_000
"""Characters; an expression whose parts are used again and again could grow without limit."""

Write = Callable[..., str]


def _whole(x: str) -> str:
    """Towards zero."""
    return f"(sgn({x})*floor(abs({x})))"


_INFIX = {
    **{"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "or": "||", "and": "&&"},
    **{"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="},
}
_WRITTEN: Mapping[str, Write] = {
    **{name: (lambda x, y, sign=sign: f"({x}{sign}{y})") for name, sign in _INFIX.items()},
    "mod": lambda x, y: f"({x}-{y}*{_whole(f'({x}/{y})')})",
    "quotient": lambda x, y: _whole(f"({x}/{y})"),
    "int": _whole,
    "neg": lambda x: f"(-{x})",
    "pos": lambda x: x,
    "not": lambda x: f"({x}==0)",
    "sqr": lambda x: f"({x}*{x})",
    "hypot": lambda x, y: f"sqrt({x}*{x}+{y}*{y})",
    "log": lambda x: f"ln({x})",
    "if": lambda c, x, y: f"ternary_fcn({c},{x},{y})",
    "table": lambda *arguments: f"pwl({','.join(arguments)})",
}
"""Operators, and functions that ngspice's behavioural sources lack or call otherwise."""

_OPERATOR_NAMES = {id(function): name for name, function in OPERATORS.items()} | {id(CHOOSE): "if"}


def ngspice_expression(expression: Expression, words: Mapping[str, str]) -> str:
    """The text of an expression for a behavioural source, as one word without blanks.

    ``words`` gives what stands for each name: a probe such as ``v(n1)`` or a number. ``temper`` may
    stay as it is. Raises NgspiceError for a text that would be absurdly long.
    """
    texts: list[str] = []
    for step in expression.steps:
        text = _text(step, texts, words)
        if len(text) > LONGEST:
            raise NgspiceError("an expression is too long once it is written out")
        texts.append(text)
    return texts[-1]


def _text(step: Step, texts: list[str], words: Mapping[str, str]) -> str:
    if step.kind == "number" and step.value is not None:
        return f"({float(step.value)!r})"
    if step.kind == "name":
        return f"({words[step.name]})" if step.name in words else _own_name(step.name)
    name = step.name or _OPERATOR_NAMES[id(step.function)]
    arguments = [texts[i] for i in step.inputs]
    if name in _WRITTEN:
        return _WRITTEN[name](*arguments)
    return f"{name}({','.join(arguments)})"


def _own_name(name: str) -> str:
    """The one name that ngspice knows by itself; any other would be the user's text."""
    if name != "temper":
        raise NgspiceError(f"'{name}' in an expression has no meaning for ngspice")
    return name
