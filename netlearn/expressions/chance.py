"""Random numbers of netlists: what ``agauss`` and its like say of a value, as deviates that can be set.

The functions are ngspice's (manual, ".param Functions"), LTspice's ``mc``, ``flat`` and ``gauss(x)``, and ``wc``, which
LTspice's users write themselves for a value at either end of its tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from netlearn.expressions.expression import Expression, Operation, UserFunction
from netlearn.expressions.functions import CHOOSE, OPERATORS, PARAMETER_FUNCTIONS, is_random
from netlearn.expressions.limits import Number

Distribution = Literal["uniform", "normal", "ends"]
"""Evenly between -1 and 1, Gaussian around 0, or -1 and 1 with nothing between."""

DRAWING = "$drawing"
"""The name of the number that is 1 while values are drawn, and 0 where they stand as they are written."""

FAR = 3.0
"""Standard deviations that count as the end of a distribution that has none, by convention: as tolerances are commonly
stated."""

_RELATIVE = ("gauss", "unif", "mc", "wc")
_AROUND_ZERO = ("flat",)
_EVEN = ("unif", "aunif", "mc", "flat")
_ENDS = ("limit", "wc")


@dataclass(frozen=True, slots=True)
class Deviate:
    """A random number of mean zero.

    ``spread`` is its standard deviation where it is normal, else how far it reaches; ``reach`` is what counts
    as its end on either side.
    """

    distribution: Distribution = "uniform"
    spread: float = 1.0
    reach: float = 1.0

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) independent draws."""
        if self.distribution == "normal":
            return rng.normal(0.0, self.spread, size)
        if self.distribution == "uniform":
            return rng.uniform(-self.spread, self.spread, size)
        return self.spread * rng.choice([-1.0, 1.0], size)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Where the distribution has reached the parts ``u`` of all, between 0 and 1."""
        if self.distribution == "normal":
            return self.spread * ndtri(u)
        return self.spread * (2.0 * u - 1.0 if self.distribution == "uniform" else np.where(u < 0.5, -1.0, 1.0))

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        if self.distribution == "normal":
            return self.spread
        return self.spread / np.sqrt(3.0) if self.distribution == "uniform" else self.spread


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a random function: the name of its deviate in the expression, and what it says of that."""

    name: str
    function: str
    sigma: Expression | None
    """How many standard deviations its width is, where it is normal and says so."""
    offset: int

    def deviate(self, environment: Mapping[str, Number]) -> Deviate:
        """The deviate, with other parameters at ``environment``."""
        if self.function in _ENDS:
            return Deviate("ends")
        if self.function in _EVEN:
            return Deviate("uniform")
        if self.sigma is None:
            return Deviate("normal", 1.0, FAR)
        sigma = float(np.real(self.sigma.evaluate(environment)))
        return Deviate("normal", 1.0 / sigma if sigma > 0 else 1.0, 1.0)


def is_drawn(expression: Expression) -> bool:
    """Whether an expression calls a random function."""
    return any(step.kind == "call" and is_random(step.function, len(step.inputs)) for step in expression.steps)


def with_deviates(expression: Expression) -> tuple[Expression, tuple[Call, ...]]:
    """The expression with a name for each random number in it, at zero of which it has its nominal value."""
    steps: list[Operation] = []
    places: list[int] = []
    calls: list[Call] = []

    def call(function: str, *inputs: int) -> int:
        steps.append(Operation("call", inputs, function=OPERATORS[function]))
        return len(steps) - 1

    for step in expression.steps:
        inputs = tuple(places[i] for i in step.inputs)
        if step.kind != "call" or not is_random(step.function, len(inputs)):
            steps.append(Operation(step.kind, inputs, step.value, step.name, step.function, step.offset))
            places.append(len(steps) - 1)
            continue
        alone = step.name in _AROUND_ZERO or (step.name == "gauss" and len(inputs) == 1)
        sigma = None
        if step.name in ("agauss", "gauss") and len(step.inputs) == 3:
            sigma = Expression(expression.text, expression.steps[: step.inputs[2] + 1])
        calls.append(Call(f"${len(calls)}", step.name, sigma, step.offset))
        steps.append(Operation("name", name=calls[-1].name, offset=step.offset))
        moved = len(steps) - 1
        if alone:
            places.append(call("mul", inputs[0], moved))
            continue
        width = call("mul", inputs[1], moved)
        if step.name in _RELATIVE:
            width = call("mul", inputs[0], width)
        places.append(call("add", inputs[0], width))
    if places[-1] != len(steps) - 1:
        steps.append(Operation("call", (places[-1],), function=OPERATORS["pos"]))
    return Expression(expression.text, tuple(steps)), tuple(calls)


def worst_case_function(function: UserFunction) -> UserFunction:
    """A netlist's own ``wc(nominal, tolerance, ...)`` as it stands, and at either end of the tolerance while drawing.

    LTspice has no such function; its users write one that walks through the ends by the number of the run.
    """
    if len(function.arguments) < 2 or "run" not in function.body.names:
        return function
    nominal, tolerance = function.arguments[:2]
    steps = [*function.body.steps]
    own = len(steps) - 1
    steps += [
        Operation("name", name=nominal),
        Operation("name", name=tolerance),
        Operation("call", (own + 1, own + 2), name="wc", function=PARAMETER_FUNCTIONS["wc"]),
        Operation("name", name=DRAWING),
        Operation("call", (own + 4, own + 3, own), function=CHOOSE),
    ]
    return UserFunction(function.arguments, Expression(function.body.text, tuple(steps)))
