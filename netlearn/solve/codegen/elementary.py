"""Exponentials, logarithms and hyperbolic functions of a vector, as instructions.

The C library's take one number at a time, and would take most of a device's time. These are good to two
units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

LOG2_E = 1.0 / math.log(2.0)
"""How many powers of two e is, by definition."""
LN_2_HIGH, LN_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 in two parts (fdlibm, 1993), the first one short enough that its products with exponents are exact."""
TO_INTEGER = 1.5 * 2.0**52
"""Added to a small number it leaves the nearest integer in the last bits of a float64, which has 53 of them."""


def _economized(reach: float, degree: int, terms: int) -> tuple[float, ...]:
    """Coefficients of the exponential up to ``reach`` on either side of zero, the highest power's first.

    The Taylor series' powers beyond ``degree`` are taken for what Chebyshev's polynomials leave of them: lower powers
    (economization; Lanczos, Journal of Mathematics and Physics 17, 1938).
    """
    series = [1.0 / math.factorial(k) for k in range(terms)]
    for n in range(terms - 1, degree, -1):
        last = series.pop()
        for k, part in enumerate(np.polynomial.chebyshev.cheb2poly([0.0] * n + [1.0])[:-1].tolist()):
            series[k] -= last * reach ** (n - k) * part / 2.0 ** (n - 1)
    return tuple(reversed(series))


POWERS = _economized(math.log(2.0) / 2.0, 11, 16)
"""What they leave out for half of ln 2 is 3e-18, a fortieth of float64's rounding, by the first power that is replaced:
(ln 2 / 2)¹² / 12! / 2¹¹."""
LEAST, MOST = -708.0, 709.0
"""Beyond these the exponential is taken for 0 and for infinite: where float64's normal numbers end, but for a third of
a unit or more."""
FLAT = 40.0
"""Beyond this tanh is 1 to all of float64's digits."""
LEAST_NORMAL, SHIFT = 2.0**-1022, 54
"""Below the former float64's numbers lose digits; two to the power of the latter takes all of them above it."""
LOGARITHM = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)
"""Coefficients of the logarithm's series in ((m - 1) / (m + 1))², fitted to all m from √½ to √2 (fdlibm, 1993)."""


def intrinsic(module: ir.Module, name: str, kind: ir.VectorType) -> ir.Function:
    """LLVM's own function of one vector of numbers."""
    full = f"{name}.v{kind.count}f64"
    found = module.globals.get(full)
    return found if found is not None else ir.Function(module, ir.FunctionType(kind, [kind]), full)


class _Words:
    """Short words for instructions on vectors like ``like``."""

    def __init__(self, builder: ir.IRBuilder, like: Any) -> None:
        self.builder, self.numbers = builder, like.type
        self.count = like.type.count
        self.integers = ir.VectorType(ir.IntType(64), self.count)

    def all(self, value: float) -> Any:
        return ir.Constant(self.numbers, [ir.Constant(self.numbers.element, value)] * self.count)

    def whole(self, value: int) -> Any:
        return ir.Constant(self.integers, [ir.Constant(self.integers.element, value)] * self.count)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=("contract",))

    def sub(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=("contract",))

    def mul(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=("contract",))

    def series(self, x: Any, coefficients: Sequence[float]) -> Any:
        """The polynomial with these coefficients, the highest power's first.

        Terms are joined in pairs, and pairs in pairs (Estrin, 1960), so that few of them wait for others.
        """
        terms = [self.all(coefficient) for coefficient in reversed(coefficients)]
        power = x
        while len(terms) > 1:
            pairs = [self.add(self.mul(high, power), low) for low, high in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[2 * len(pairs) :]
            power = self.mul(power, power) if len(terms) > 1 else power
        return terms[0]

    def where(self, test: str, a: Any, b: Any, yes: Any, no: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(test, a, b), yes, no)


def exponential(builder: ir.IRBuilder, x: Any, least: float = -math.inf, most: float = math.inf) -> Any:
    """exp(x): a polynomial of what is left after taking powers of 2 out.

    Where x is not between ``least`` and ``most``, it may be any number.
    """
    w, inside, low, high = _Words(builder, x), x, least < LEAST, most > MOST
    if high:
        inside = w.where(">", x, w.all(MOST), w.all(MOST), inside)
    if low:
        inside = w.where("<", x, w.all(LEAST), w.all(LEAST), inside)
    rest, two = _reduced(w, inside)
    result = w.mul(w.series(rest, POWERS), two)
    if low:
        result = w.where("<", x, w.all(LEAST), w.all(0.0), result)
    return w.where(">", x, w.all(MOST), w.all(math.inf), result) if high else result


def _reduced(w: _Words, x: Any) -> tuple[Any, Any]:
    """What is left of x, half of ln 2 at the most, and the power of 2 that its exponential is to be multiplied with."""
    builder = w.builder
    # Without contraction, which would undo the rounding to an integer.
    shifted = builder.fadd(builder.fmul(x, w.all(LOG2_E)), w.all(TO_INTEGER))
    power = builder.fsub(shifted, w.all(TO_INTEGER))
    rest = w.sub(w.sub(x, w.mul(power, w.all(LN_2_HIGH))), w.mul(power, w.all(LN_2_LOW)))
    bits = builder.shl(builder.add(builder.bitcast(shifted, w.integers), w.whole(1023)), w.whole(52))
    return rest, builder.bitcast(bits, w.numbers)


def logarithm(builder: ir.IRBuilder, x: Any) -> Any:
    """ln(x), -inf at zero and NaN below."""
    w = _Words(builder, x)
    # Subnormal numbers have no leading one.
    subnormal = builder.fcmp_ordered("<", x, w.all(LEAST_NORMAL))
    bits = builder.bitcast(builder.select(subnormal, w.mul(x, w.all(2.0**SHIFT)), x), w.integers)
    mantissa = builder.bitcast(builder.or_(builder.and_(bits, w.whole((1 << 52) - 1)), w.whole(1023 << 52)), w.numbers)
    exponent = builder.and_(builder.lshr(bits, w.whole(52)), w.whole(2047))
    # An integer below 2^52 as a number: put into the last bits of 2^52, which is then taken away.
    power = builder.fsub(builder.bitcast(builder.or_(exponent, w.whole(0x433 << 52)), w.numbers), w.all(2.0**52))
    large = builder.fcmp_ordered(">", mantissa, w.all(math.sqrt(2.0)))
    mantissa = builder.select(large, w.mul(mantissa, w.all(0.5)), mantissa)
    power = w.sub(power, builder.select(large, w.all(1022.0), w.all(1023.0)))
    power = w.sub(power, builder.select(subnormal, w.all(float(SHIFT)), w.all(0.0)))
    f = w.sub(mantissa, w.all(1.0))
    s = builder.fdiv(f, w.add(f, w.all(2.0)))
    z = w.mul(s, s)
    tail = w.mul(z, w.series(z, LOGARITHM))
    half = w.mul(w.all(0.5), w.mul(f, f))
    low = w.add(w.mul(s, w.add(half, tail)), w.mul(power, w.all(LN_2_LOW)))
    result = w.sub(w.mul(power, w.all(LN_2_HIGH)), w.sub(w.sub(half, low), f))
    result = w.where("==", x, w.all(math.inf), x, result)
    result = w.where("==", x, w.all(0.0), w.all(-math.inf), result)
    return w.where(">=", x, w.all(0.0), result, w.all(math.nan))


def hyperbolic(builder: ir.IRBuilder, name: str, x: Any) -> Any:
    """sinh, cosh or tanh of x, from exp(|x|) - 1, which does not cancel."""
    w = _Words(builder, x)
    size = builder.call(intrinsic(builder.module, "llvm.fabs", x.type), [x])
    most = FLAT if name == "tanh" else MOST
    inside = w.where(">", size, w.all(most), w.all(most), size)
    rest, two = _reduced(w, inside)
    # two (1 + rest (1 + rest / 2 + ...)) - 1
    less = w.add(w.mul(w.mul(w.series(rest, POWERS[:-1]), rest), two), builder.fsub(two, w.all(1.0)))
    power = w.add(less, w.all(1.0))
    inverse = builder.fdiv(w.all(1.0), power)
    if name == "tanh":
        found = builder.fdiv(w.add(w.mul(less, inverse), less), w.add(power, inverse))
    elif name == "cosh":
        found = w.mul(w.all(0.5), w.add(power, inverse))
    else:
        found = w.mul(w.all(0.5), w.add(w.mul(less, inverse), less))
    if name != "tanh":
        found = w.where(">", size, w.all(MOST), w.all(math.inf), found)
    if name == "cosh":
        return found
    return builder.call(_sign_of(builder.module, x.type), [found, x])


def _sign_of(module: ir.Module, kind: ir.VectorType) -> ir.Function:
    full = f"llvm.copysign.v{kind.count}f64"
    known = module.globals.get(full)
    return known if known is not None else ir.Function(module, ir.FunctionType(kind, [kind, kind]), full)
