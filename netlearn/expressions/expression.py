"""Expressions as flat programs: parsed by grammar, evaluated over numbers or arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from typing import cast

import numpy as np
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from lark.lexer import PatternRE, TerminalDef

from netlearn.errors import NetlistError, did_you_mean
from netlearn.expressions.functions import (
    BEHAVIOURAL_FUNCTIONS,
    BEHAVIOURAL_OPERATORS,
    CHOOSE,
    OPERATORS,
    PARAMETER_FUNCTIONS,
    POWERS,
    SIGNED_POWER,
    STEEP,
    Function,
)
from netlearn.expressions.limits import Number
from netlearn.netlist.dialect import Dialect
from netlearn.netlist.grammar import grammar_text
from netlearn.netlist.numbers import parse_number

LONGEST = 50_000
"""Steps in an expression with its functions written out, by convention: guards against functions of functions that
double; the expressions of manufacturers' models have some hundreds."""


class ExpressionError(NetlistError):
    """Something wrong in an expression, at ``offset`` characters from its start."""

    def __init__(self, message: str, offset: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.offset = offset

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.offset, self.hint)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: a number, a name, or a function of earlier steps."""

    kind: str
    """``number``, ``name`` or ``call`` (of an operator or a function)."""
    inputs: tuple[int, ...] = ()
    value: np.float64 | None = None
    name: str = ""
    function: Function | None = None
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Expression:
    """A program whose last step is the result; every step uses only earlier ones.

    Being flat it is evaluated in a loop, so that no depth of nesting exhausts the stack.
    ``names`` are what the environment has to hold: parameters, and probes such as ``v(a,b)``
    and ``i(v1)``, lower case and without blanks. An expression equals itself only.
    """

    text: str
    steps: tuple[Operation, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.name for step in self.steps if step.kind == "name"))

    @property
    def single(self) -> Operation | None:
        """The only step of an expression that is just a number or just a name."""
        return self.steps[0] if len(self.steps) == 1 else None

    @cached_property
    def factors(self) -> frozenset[str]:
        """Names that the result is a product or quotient of: where it cannot be zero or infinite, none of them can.

        >>> sorted(parse_expression("2*r*(1+d)/m", behavioural=False).factors)
        ['m', 'r']
        """
        products, found, at = {"mul", "div", "neg", "pos"}, [], [len(self.steps) - 1]
        while at:
            step = self.steps[at.pop()]
            if step.kind == "name":
                found.append(step.name)
            elif any(step.function is OPERATORS[name] for name in products):
                at += step.inputs
        return frozenset(found)

    @cached_property
    def calls(self) -> frozenset[str]:
        """Names of functions that are not built in."""
        return frozenset(step.name for step in self.steps if step.kind == "call" and step.function is None)

    @cached_property
    def odd_power(self) -> Operation | None:
        """The exponent of a power of something that moves, if it is odd: a sign is lost where that is negative."""
        if all(step.function is not OPERATORS["pow"] for step in self.steps):
            return None
        moving: list[bool] = []
        tables, names = (PARAMETER_FUNCTIONS, BEHAVIOURAL_FUNCTIONS), ("abs", "sqrt", "exp", "cosh")
        signless = {OPERATORS["pow"], *(table[name] for table in tables for name in names)}
        for step in self.steps:
            if step.function is OPERATORS["pow"] and moving[step.inputs[0]]:
                exponent = self.steps[step.inputs[1]]
                number = exponent.value if exponent.kind == "number" else None
                if number is not None and isfinite(number) and number % 2 == 1:
                    return exponent
            moving.append("(" in step.name if step.kind == "name" else self._moves(step, moving, signless))
        return None

    @staticmethod
    def _moves(step: Operation, moving: Sequence[bool], signless: Collection[Function | None]) -> bool:
        return step.function not in signless and any(moving[i] for i in step.inputs)

    @cached_property
    def shape(self) -> tuple[Expression, tuple[str | float, ...]]:
        """The same program with its numbers as further names, and what each of its names stands for.

        Expressions that differ only in names and numbers have the same (identical) shape.
        """
        sources: dict[str | int, tuple[str, str | float]] = {}
        steps = []
        for i, step in enumerate(self.steps):
            if step.kind == "call":
                steps.append(Operation("call", step.inputs, function=step.function))
                continue
            key: str | int = step.name if step.kind == "name" else i
            source = step.name if step.kind == "name" else float(cast(np.float64, step.value))
            name, _ = sources.setdefault(key, (f"${len(sources)}", source))
            steps.append(Operation("name", name=name))
        return _interned(tuple(steps)), tuple(source for _, source in sources.values())

    def evaluate(self, environment: Mapping[str, Number]) -> Number:
        """The value, with the shape that the values of ``environment`` broadcast to."""
        with np.errstate(all="ignore"):
            return self._values(environment)[-1]

    def evaluate_with_derivatives(
        self, environment: Mapping[str, Number], names: Sequence[str]
    ) -> tuple[Number, list[Number]]:
        """The value and its derivative by each of ``names``, forward and exact."""
        with np.errstate(all="ignore"):
            values = self._values(environment)
            return values[-1], [self._derivative(values, name) for name in names]

    def _values(self, environment: Mapping[str, Number]) -> list[Number]:
        values: list[Number] = []
        for step in self.steps:
            if step.kind == "number":
                values.append(cast(np.float64, step.value))
            elif step.kind == "name":
                given = environment[step.name]
                values.append(np.float64(given) if isinstance(given, int | float) else given)
            else:
                values.append(_known(step).value(*(values[i] for i in step.inputs)))
        return values

    def _derivative(self, values: list[Number], name: str) -> Number:
        rates: list[Number | None] = []
        for step in self.steps:
            if step.kind == "name":
                rates.append(1.0 if step.name == name else None)
                continue
            moving = [i for i, k in enumerate(step.inputs) if rates[k] is not None]
            # A step function of something still: zero times an infinite slope further up is no number.
            if not moving or _known(step).is_level:
                rates.append(None)
                continue
            arguments = [values[i] for i in step.inputs]
            if step.function is CHOOSE:
                # Not a sum of products: the branch that is not taken may be infinite.
                yes, no = (0.0 if rates[i] is None else rates[i] for i in step.inputs[1:])
                rates.append(CHOOSE.value(arguments[0], yes, no))
                continue
            slopes = _known(step).slopes(*arguments)
            if step.function in STEEP:
                rate = cast(Number, rates[step.inputs[0]])
                rates.append(np.where(np.equal(rate, 0), 0.0, slopes[0] * rate))
                continue
            rates.append(sum(slopes[i] * rates[step.inputs[i]] for i in moving))
        result = rates[-1] if rates else None
        return 0.0 if result is None else result

    def with_functions(self, functions: Mapping[str, UserFunction]) -> Expression:
        """The same expression with calls of ``.func`` functions written out."""
        if not self.calls:
            return self
        steps: list[Operation] = []
        places: list[int] = []
        for step in self.steps:
            inputs = tuple(places[i] for i in step.inputs)
            if step.kind == "call" and step.function is None:
                function = functions.get(step.name)
                if function is None:
                    hint = did_you_mean(step.name, [*functions, *PARAMETER_FUNCTIONS])
                    raise ExpressionError(f"unknown function '{step.name}'", step.offset, hint)
                places.append(function.write_out(inputs, steps, step))
            else:
                steps.append(Operation(step.kind, inputs, step.value, step.name, step.function, step.offset))
                places.append(len(steps) - 1)
            if len(steps) > LONGEST:
                raise ExpressionError(
                    f"the expression has more than {LONGEST} steps once its functions are written out"
                )
        if places[-1] != len(steps) - 1:
            # A function that returns its argument as it is: the result must stand last.
            steps.append(Operation("call", (places[-1],), function=OPERATORS["pos"]))
        return Expression(self.text, tuple(steps))


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A ``.func`` function whose body calls built-in functions only."""

    arguments: tuple[str, ...]
    body: Expression

    def write_out(self, inputs: tuple[int, ...], steps: list[Operation], call: Operation) -> int:
        """Append the body with its arguments put in; the place of its result."""
        if len(inputs) != len(self.arguments):
            message = f"function '{call.name}' takes {len(self.arguments)} arguments, not {len(inputs)}"
            raise ExpressionError(message, call.offset)
        given = dict(zip(self.arguments, inputs, strict=True))
        places: list[int] = []
        for step in self.body.steps:
            if step.kind == "name" and step.name in given:
                places.append(given[step.name])
                continue
            moved = tuple(places[i] for i in step.inputs)
            steps.append(Operation(step.kind, moved, step.value, step.name, step.function, call.offset))
            places.append(len(steps) - 1)
        return places[-1]


def _known(step: Operation) -> Function:
    if step.function is None:
        raise ExpressionError(f"unknown function '{step.name}'", step.offset)
    return step.function


@lru_cache(maxsize=4096)
def _interned(steps: tuple[Operation, ...]) -> Expression:
    return Expression("", steps)


MEASURED = r"(?:[vp]|i[cbesdg]?)\s*\(\s*[^\s(),]*\s*(?:,\s*[^\s(),]+\s*)?\)|@[^\s\[\]]+\[\s*\w+\s*\]"
"""What may stand for a measurement: voltages, currents and powers, ``v(a,b)``, ``ic(q1)``, ``p(r1)``, ``@q1[ic]``."""


_NEVER = r"[^\s\S]"


@lru_cache(maxsize=4)
def _grammar(measured: bool, behavioural: bool) -> Lark:
    def edit(terminal: TerminalDef) -> None:
        if terminal.name == "PROBE" and measured:
            terminal.pattern = PatternRE(MEASURED, ("i",))
        elif terminal.name.startswith("_TIGHT" if behavioural else "_LOOSE"):
            terminal.pattern = PatternRE(_NEVER)

    return Lark(grammar_text("expression"), parser="lalr", edit_terminals=edit)


@lru_cache(maxsize=4096)
def parse_expression(
    text: str,
    behavioural: bool = False,
    dialect: Dialect = Dialect.NGSPICE,
    own: frozenset[str] = frozenset(),
    *,
    measured: bool = False,
) -> Expression:
    """An expression, without outer braces or quotes or with them.

    ``behavioural`` gives the meaning that functions have in behavioural sources, ``dialect`` the one that powers
    of negative numbers have there; where it is ``measured``, currents and powers of any element may stand in it.
    Functions that are not built in, and those of the names ``own``, stay as calls. Raises ExpressionError
    with the offset in ``text``.
    """
    try:
        tree = _grammar(measured, behavioural).parse(text)
    except UnexpectedInput as problem:
        offset = getattr(problem, "pos_in_stream", None)
        offset = len(text.rstrip()) if offset is None or offset < 0 else offset
        shown = text[offset : offset + 12]
        message = f"cannot read the expression at '{shown}'" if shown.strip() else "the expression ends too early"
        raise ExpressionError(
            message, min(offset, max(len(text) - 1, 0)), "operators, parentheses and commas"
        ) from None
    return Expression(text, tuple(_steps(cast("Tree[Token] | Token", tree), behavioural, dialect, own)))


def _steps(tree: Tree[Token] | Token, behavioural: bool, dialect: Dialect, own: frozenset[str]) -> list[Operation]:
    functions = BEHAVIOURAL_FUNCTIONS if behavioural else PARAMETER_FUNCTIONS
    operators = BEHAVIOURAL_OPERATORS if behavioural else OPERATORS
    if dialect is not Dialect.NGSPICE:
        functions = {**functions, **POWERS}
    if dialect is Dialect.LTSPICE:
        functions, operators = {**functions, "pow": SIGNED_POWER}, {**operators, "pow": SIGNED_POWER}
    if own:
        functions = {name: function for name, function in functions.items() if name not in own}
    steps: list[Operation] = []
    results: list[int] = []
    # Depth first without recursion: a tree is visited once to queue its children, then again.
    pending: list[tuple[Tree[Token], bool]] = [(cast("Tree[Token]", tree), False)]
    while pending:
        node, visited = pending.pop()
        children = [child for child in node.children if isinstance(child, Tree)]
        if children and not visited:
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(children))
            continue
        count = len(results) - len(children)
        inputs = tuple(results[count:])
        del results[count:]
        steps.append(_step(node, inputs, functions, operators, behavioural))
        results.append(len(steps) - 1)
    return steps


def _step(
    node: Tree[Token],
    inputs: tuple[int, ...],
    functions: Mapping[str, Function],
    operators: Mapping[str, Function],
    behavioural: bool,
) -> Operation:
    kind = str(node.data)
    if kind == "choose":
        return Operation("call", inputs, function=CHOOSE)
    if kind in operators:
        return Operation("call", inputs, function=operators[kind])
    token = cast("Token", node.children[0])
    offset = token.start_pos or 0
    word = "".join(str(token).lower().split())
    if kind == "number":
        return Operation("number", value=np.float64(_number(word, offset, behavioural)), offset=offset)
    if kind in ("name", "probe"):
        return Operation("name", name=word, offset=offset)
    function = functions.get(word)
    if function is not None and not function.least <= len(inputs) <= function.most:
        takes = f"{function.least}" + (f" to {function.most}" if function.least < function.most < 10 else "")
        raise ExpressionError(f"function '{word}' takes {takes} arguments, not {len(inputs)}", offset)
    if function is not None and function.most > 5 and len(inputs) % 2 == 0:
        raise ExpressionError(f"function '{word}' takes x and then pairs of numbers", offset)
    return Operation("call", inputs, name=word, function=function, offset=offset)


def _number(word: str, offset: int, behavioural: bool) -> float:
    if word.startswith("0x") and len(word) > 2:
        return float(int(word[2:18], 16)) * 16.0 ** max(0, min(len(word) - 18, 250))
    # Within braces ngspice takes 'mil' for milli; elsewhere it is a thousandth of an inch.
    value = parse_number(word.replace("mil", "m") if not behavioural else word)
    if value is None:
        raise ExpressionError(
            f"cannot read the number '{word}'", offset, "digits, a decimal point, an exponent, a suffix"
        )
    return value
