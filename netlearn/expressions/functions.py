"""The functions, operators and constants of expressions, each with its derivatives.

Values may be floats or arrays, real or complex: what branches does so on the real part, so
that derivatives by complex step pass through.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.expressions import limits
from netlearn.expressions.limits import Number
from netlearn.expressions.straight_lines import StraightLines


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """``value(*arguments)`` and ``slopes(*arguments)``, the derivatives by each argument; equal to itself only."""

    value: Callable[..., Number]
    slopes: Callable[..., Sequence[Number]]
    least: int
    most: int

    def __reduce__(self) -> tuple[object, ...]:
        # By name: what a function is made of cannot be pickled, and identity has to survive.
        for table, functions in _TABLES.items():
            for name, function in functions.items():
                if function is self:
                    return _look_up, (table, name)
        return super().__reduce__()  # type: ignore[return-value]

    @property
    def is_level(self) -> bool:
        """Whether the derivatives are zero wherever there are any."""
        return self.slopes is _flat


def _real(x: Number) -> Number:
    return np.real(x)


def _sign(x: Number) -> Number:
    return np.sign(_real(x))


def _absolute(x: Number) -> Number:
    return x * _sign(x)


def _power(x: Number, y: Number) -> Number:
    """|x|^y, which is ngspice's power of a negative base."""
    return np.power(_absolute(x), y)


def _power_slopes(x: Number, y: Number) -> tuple[Number, Number]:
    base = _absolute(x)
    # The logarithm's limit at a zero base: 0^y stays zero for every y > 0.
    by_exponent = np.where(_real(base) > 0, np.power(base, y) * np.log(np.where(base == 0, 1.0, base)), 0.0)
    return _by_base(base, y) * _sign(x), by_exponent


def _by_base(base: Number, y: Number) -> Number:
    """The slope of base^y, and zero at a base of zero where it would be infinite, or zero times that."""
    steep = _is_steep(base, y)
    return np.where(steep, 0.0, y * np.power(np.where(steep, 1.0, base), y - 1))


def _is_steep(base: Number, y: Number) -> Number:
    """Whether base^y has a value and no finite slope."""
    return (base == 0) & (_real(y) >= 0) & (_real(y) < 1)


def _odd_power(x: Number, y: Number) -> Number:
    return _sign(x) * _power(x, y)


def _odd_power_slopes(x: Number, y: Number) -> tuple[Number, Number]:
    by_base, by_exponent = _power_slopes(x, y)
    return by_base * _sign(x), by_exponent * _sign(x)


def _signed_power(x: Number, y: Number) -> Number:
    """LTspice's power: of a negative base by its sign where the exponent is whole, else zero."""
    odd = np.where(np.mod(_real(y), 2.0) == 0, 1.0, np.where(np.mod(_real(y), 1.0) == 0, -1.0, 0.0))
    return np.where(_real(x) < 0, odd, 1.0) * _power(x, y)


def _signed_power_slopes(x: Number, y: Number) -> tuple[Number, Number]:
    steep = _is_steep(x, y)
    by_base = np.where(steep, 0.0, y * _signed_power(np.where(steep, 1.0, x), y - 1))
    return by_base, np.where(_real(x) > 0, _power_slopes(x, y)[1], 0.0)


def _c_power(x: Number, y: Number) -> Number:
    """The C library's pow: a negative base keeps its sign under an odd whole exponent."""
    return np.power(x, y)


def _c_power_slopes(x: Number, y: Number) -> tuple[Number, Number]:
    by_exponent = np.where(_real(x) > 0, np.power(x, y) * np.log(np.where(_real(x) > 0, x, 1.0)), 0.0)
    return _by_base(x, y), by_exponent


def _angle(y: Number, x: Number) -> Number:
    """The angle of (x, y); the real parts choose the quadrant, the rest is a small rotation."""
    near = np.arctan2(_real(y), _real(x))
    sine, cosine = np.sin(near), np.cos(near)
    return near + np.arctan((y * cosine - x * sine) / (x * cosine + y * sine))


def _flat(*arguments: Number) -> tuple[float, ...]:
    return (0.0,) * len(arguments)


def _step(x: Number) -> Number:
    return np.heaviside(_real(x), 0.5)


def _ramp(x: Number) -> Number:
    # A product, whose slope at zero is half as large by any rule.
    return np.where(_real(x) < 0, 0.0, x * _step(x))


def _one(value: Callable[[Number], Number], slope: Callable[[Number], Number]) -> Function:
    return Function(value, lambda x: (slope(x),), 1, 1)


def _two(value: Callable[[Number, Number], Number], slopes: Callable[[Number, Number], tuple[Number, ...]]) -> Function:
    return Function(value, slopes, 2, 2)


def _level(value: Callable[..., Number], least: int, most: int | None = None) -> Function:
    """A function whose derivative is zero wherever it has one."""
    return Function(value, _flat, least, least if most is None else most)


def _truth(test: Callable[[Number, Number], Number]) -> Function:
    return _level(lambda x, y: np.where(test(_real(x), _real(y)), 1.0, 0.0), 2)


def _greater(x: Number, y: Number) -> Number:
    # Where both are the same, the slopes of max and min are the second one's, as in ngspice: max(0, x) starts at zero.
    return _real(x) > _real(y)


def _less(x: Number, y: Number) -> Number:
    return _real(x) < _real(y)


OPERATORS: Mapping[str, Function] = {
    "add": _two(lambda x, y: x + y, lambda x, y: (1.0, 1.0)),
    "sub": _two(lambda x, y: x - y, lambda x, y: (1.0, -1.0)),
    "mul": _two(lambda x, y: x * y, lambda x, y: (y, x)),
    "div": _two(np.divide, lambda x, y: (1.0 / y, -(x / y) / y)),
    "mod": _two(lambda x, y: x - y * np.trunc(_real(x) / _real(y)), lambda x, y: (1.0, -np.trunc(_real(x) / _real(y)))),
    # ngspice has this of the absolute values.
    "quotient": _level(lambda x, y: np.floor(np.abs(_real(x) / _real(y))), 2),
    "pow": _two(_power, _power_slopes),
    "neg": _one(lambda x: -x, lambda x: -1.0),
    "pos": _one(lambda x: x, lambda x: 1.0),
    "not": _level(lambda x: np.where(_real(x) == 0, 1.0, 0.0), 1),
    "or": _truth(lambda x, y: (x != 0) | (y != 0)),
    "and": _truth(lambda x, y: (x != 0) & (y != 0)),
    "eq": _truth(np.equal),
    "ne": _truth(np.not_equal),
    "lt": _truth(np.less),
    "gt": _truth(np.greater),
    "le": _truth(np.less_equal),
    "ge": _truth(np.greater_equal),
}

POWERS: Mapping[str, Function] = {
    "pwr": _two(_power, _power_slopes),
    "pwrs": _two(_odd_power, _odd_power_slopes),
}
"""|x|^y and the same with the sign of x, as LTspice and PSpice document them, wherever they stand."""

SIGNED_POWER = _two(_signed_power, _signed_power_slopes)
"""``^`` and ``**`` in a netlist of LTspice's."""

CHOOSE = Function(
    lambda c, x, y: np.where(_real(c) != 0, x, y),
    lambda c, x, y: (0.0, np.where(_real(c) != 0, 1.0, 0.0), np.where(_real(c) != 0, 0.0, 1.0)),
    3,
    3,
)

ROUNDED_TABLE = "_rounded_table"
"""The name under which an E or G source's TABLE is evaluated."""


def _first(least: int, most: int) -> Function:
    """The first of its arguments."""
    return Function(lambda x, *rest: x, lambda x, *rest: (1.0, *_flat(*rest)), least, most)


_LTSPICE: Mapping[str, Function] = {
    "arctan": _one(np.arctan, lambda x: 1.0 / (1.0 + x * x)),
    "buf": _level(lambda x: np.where(_real(x) > 0.5, 1.0, 0.0), 1),
    "inv": _level(lambda x: np.where(_real(x) > 0.5, 0.0, 1.0), 1),
    "round": _level(lambda x: np.sign(_real(x)) * np.floor(np.abs(_real(x)) + 0.5), 1),
    "pwrs": POWERS["pwrs"],
    "stp": _level(_step, 1),
    "uplim": Function(limits.ceiling, limits.ceiling_slopes, 3, 3),
    "dnlim": Function(limits.floor, limits.floor_slopes, 3, 3),
}
"""Functions of LTspice and PSpice that ngspice lacks, or has in its modes for these only."""


CLAMP = Function(limits.between, limits.between_slopes, 3, 3)
"""``limit(x, a, b)``: x, but not beyond a or b, whichever of them is the larger."""


def _or_clamp(x: Number, *rest: Number) -> Number:
    return limits.between(x, *rest) if len(rest) == 2 else x


def _or_clamp_slopes(x: Number, *rest: Number) -> Sequence[Number]:
    return limits.between_slopes(x, *rest) if len(rest) == 2 else (1.0, *_flat(*rest))


_RANDOM: Mapping[str, Function] = {
    "agauss": _first(3, 3),
    # With one argument, the spread around zero, it is LTspice's.
    "gauss": Function(
        lambda x, *rest: x if rest else 0.0 * _real(x), lambda x, *rest: (1.0 if rest else 0.0, *_flat(*rest)), 1, 3
    ),
    "unif": _first(2, 2),
    "aunif": _first(2, 2),
    # With three arguments it is LTspice's, and no random number.
    "limit": Function(_or_clamp, _or_clamp_slopes, 2, 3),
    "mc": _first(2, 2),
    # No simulator has it, and LTspice's users write their own: a value at either end of its tolerance.
    "wc": _first(2, 2),
    "flat": _level(lambda x: 0.0 * _real(x), 1),
}
"""Functions that draw lots stand at their nominal value: an operating point is no draw of lots.

What they say of the distribution is in ``netlearn.expressions.chance``.
"""


def is_random(function: Function | None, arguments: int) -> bool:
    """Whether a function of so many arguments draws lots in a simulator."""
    return any(function is one for one in _RANDOM.values()) and not (function is _RANDOM["limit"] and arguments == 3)


def is_clamp(function: Function | None) -> bool:
    """Whether a function is ``limit``, which is one of three arguments where it draws no lots."""
    return function is CLAMP or function is _RANDOM["limit"]


_COMMON: Mapping[str, Function] = {
    **_LTSPICE,
    "sqrt": _one(np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "sin": _one(np.sin, np.cos),
    "cos": _one(np.cos, lambda x: -np.sin(x)),
    "tan": _one(np.tan, lambda x: 1.0 / np.cos(x) ** 2),
    "asin": _one(np.arcsin, lambda x: 1.0 / np.sqrt(1.0 - x * x)),
    "acos": _one(np.arccos, lambda x: -1.0 / np.sqrt(1.0 - x * x)),
    "atan": _one(np.arctan, lambda x: 1.0 / (1.0 + x * x)),
    "sinh": _one(np.sinh, np.cosh),
    "cosh": _one(np.cosh, np.sinh),
    "tanh": _one(np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "asinh": _one(np.arcsinh, lambda x: 1.0 / np.sqrt(x * x + 1.0)),
    "acosh": _one(np.arccosh, lambda x: 1.0 / np.sqrt(x * x - 1.0)),
    "atanh": _one(np.arctanh, lambda x: 1.0 / (1.0 - x * x)),
    "exp": _one(np.exp, np.exp),
    "ln": _one(np.log, lambda x: 1.0 / x),
    "log": _one(np.log, lambda x: 1.0 / x),
    "log10": _one(np.log10, lambda x: 1.0 / (x * np.log(10.0))),
    "abs": _one(_absolute, _sign),
    "sgn": _level(_sign, 1),
    "ceil": _level(lambda x: np.ceil(_real(x)), 1),
    "floor": _level(lambda x: np.floor(_real(x)), 1),
    "int": _level(lambda x: np.trunc(_real(x)), 1),
    "nint": _level(lambda x: np.rint(_real(x)), 1),
    "sqr": _one(lambda x: x * x, lambda x: 2.0 * x),
    "max": _two(
        lambda x, y: np.where(_greater(x, y), x, y),
        lambda x, y: (np.where(_greater(x, y), 1.0, 0.0), np.where(_greater(x, y), 0.0, 1.0)),
    ),
    "min": _two(
        lambda x, y: np.where(_less(x, y), x, y),
        lambda x, y: (np.where(_less(x, y), 1.0, 0.0), np.where(_less(x, y), 0.0, 1.0)),
    ),
    "ternary_fcn": CHOOSE,
    "if": CHOOSE,
    "u": _level(_step, 1),
    "uramp": _one(_ramp, _step),
    "u2": _one(
        lambda x: np.where(_real(x) < 0, 0.0, np.where(_real(x) > 1, 1.0, _ramp(x) - _ramp(x - 1.0))),
        lambda x: _step(x) - _step(x - 1.0),
    ),
    "pwl": Function(StraightLines(False).value, StraightLines(False).slopes, 5, 10**6),
    "table": Function(StraightLines(True).value, StraightLines(True).slopes, 5, 10**6),
    ROUNDED_TABLE: Function(StraightLines(True, True).value, StraightLines(True, True).slopes, 5, 10**6),
    "atan2": _two(
        _angle,
        lambda y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
    ),
    "hypot": _two(
        lambda x, y: np.sqrt(x * x + y * y),
        lambda x, y: (_ratio(x, np.sqrt(x * x + y * y)), _ratio(y, np.sqrt(x * x + y * y))),
    ),
}

STEEP = tuple(_COMMON[name] for name in ("sqrt", "asin", "acos", "acosh"))
"""Functions whose slope is infinite at an end of where they are. What does not move there, as |v| at its corner at zero
volts, moves them by nothing."""

PARAMETER_FUNCTIONS: Mapping[str, Function] = {
    **_COMMON,
    "pow": _two(_c_power, _c_power_slopes),
    "pwr": _two(_power, _power_slopes),
    **_RANDOM,
}
"""Functions in ``.param``, ``.func`` and braces."""

LARGEST_EXPONENTIAL = 1e99
"""ngspice's exponentials in behavioural sources go no further."""


def _ratio(x: Number, y: Number) -> Number:
    """x / y, and zero for 0 / 0, as in ngspice; its slopes there are those of zero, too."""
    nothing = (x == 0) & (y == 0)
    return np.where(nothing, 0.0, np.divide(x, np.where(nothing, 1.0, y)))


def _ratio_slopes(x: Number, y: Number) -> tuple[Number, Number]:
    nothing = (x == 0) & (y == 0)
    below = np.where(nothing, 1.0, y)
    return np.where(nothing, 0.0, 1.0 / below), np.where(nothing, 0.0, -(x / below) / below)


def _bounded_exponential(x: Number) -> Number:
    real = _real(x)
    # Level, but as steep as it is high, so that Newton's method comes down from there, as in ngspice.
    # Infinity less itself would be no number.
    finite = np.where(real > sys.float_info.max, sys.float_info.max, x)
    level = LARGEST_EXPONENTIAL * (1.0 + (finite - _real(finite)))
    return np.where(real > np.log(LARGEST_EXPONENTIAL), level, np.exp(x))


BEHAVIOURAL_OPERATORS: Mapping[str, Function] = {
    **OPERATORS,
    "div": Function(_ratio, _ratio_slopes, 2, 2),
}
"""Operators in behavioural sources."""

BEHAVIOURAL_FUNCTIONS: Mapping[str, Function] = {
    **_COMMON,
    "pow": _two(_power, _power_slopes),
    "pwr": _two(_odd_power, _odd_power_slopes),
    "limit": CLAMP,
    "exp": _one(_bounded_exponential, _bounded_exponential),
    # At an operating point nothing changes with time.
    "ddt": _level(lambda x: 0.0 * _real(x), 1),
}
"""Functions in behavioural sources, where ngspice's pow and pwr differ from its parameters'."""

_TABLES: Mapping[str, Mapping[str, Function]] = {
    "operators": OPERATORS,
    "choose": {"choose": CHOOSE, "signed power": SIGNED_POWER, **POWERS},
    "parameters": PARAMETER_FUNCTIONS,
    "behavioural": BEHAVIOURAL_FUNCTIONS,
    "behavioural operators": BEHAVIOURAL_OPERATORS,
}


def _look_up(table: str, name: str) -> Function:
    return _TABLES[table][name]


CONSTANTS: Mapping[str, float] = {
    "pi": np.pi,
    "e": np.e,
    "c": 2.99792458e8,
    "kelvin": -273.15,
    "echarge": 1.60217662e-19,
    "boltz": 1.38064852e-23,
    "planck": 6.626070040e-34,
    "yes": 1.0,
    "true": 1.0,
    "no": 0.0,
    "false": 0.0,
}
"""ngspice's constants in what is computed of results."""
KNOWN_CONSTANTS: Mapping[str, float] = {name: CONSTANTS[name] for name in ("e", "pi")}
"""The constants of a netlist's own expressions. In behavioural sources they come before parameters of these names,
elsewhere after them."""
