"""SPICE numbers: ``1k``, ``2.2meg``, ``100uF``, ``4k7``."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from math import isfinite

EXPONENTS = {"t": 12, "g": 9, "meg": 6, "k": 3, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15}
"""Suffixes and their powers of ten, as in SPICE."""
_MIL = Decimal("25.4e-6")

# After the suffix come unit letters, which are ignored: 100uF, 1kOhm, 3mA, 5Ω, 20%, 25°C. Letters such as the Â of 10Âµ
# are none: they come of a file in another encoding, and what they stand for may be a suffix.
NUMBER = re.compile(
    r"(?P<mantissa>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:[ed](?P<exponent>[+-]?[0-9]+))?"
    r"(?P<suffix>meg|mil|[tgkmunpfµμ])?"
    r"(?P<unit>(?!\w*(?-i:[\u00c0-\u024f]))[^\W\d_][^\W\d]*|%|°C?)?",
    re.IGNORECASE,
)
# The letter stands for the decimal point: 4k7, 2R2, 1meg5.
_LIKE_NUMBER = re.compile(r"[+-]?\.?[0-9]")
_LETTER_AS_POINT = re.compile(r"(?P<whole>[+-]?[0-9]+)(?P<suffix>meg|[rtgkmunpfµμ])(?P<part>[0-9]+)", re.IGNORECASE)
# ngspice knows the sign for micro, U+00B5, and not the letter that it is made of, U+03BC.
_GREEK = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)μ")


# The values of parts are a few standard ones, and several passes ask for each.
@lru_cache(maxsize=4096)
def parse_number(text: str) -> float | None:
    """The value of a SPICE number, or None if ``text`` as a whole is not one.

    >>> parse_number("2.2MEGohm"), parse_number("4k7"), parse_number("1mil")
    (2200000.0, 4700.0, 2.54e-05)
    >>> parse_number("1.2.3") is None
    True
    """
    match = NUMBER.fullmatch(text)
    if match is not None:
        mantissa, exponent, suffix = match["mantissa"], match["exponent"], match["suffix"]
    else:
        match = _LETTER_AS_POINT.fullmatch(text)
        if match is None:
            return None
        mantissa, exponent, suffix = f"{match['whole']}.{match['part']}", None, match["suffix"]
    # The suffix is joined to the decimal exponent, so that 4.7k is the float nearest to 4700.
    suffix = (suffix or "").lower()
    if suffix == "mil":
        return _bounded(mantissa, exponent, _MIL)
    power = EXPONENTS.get(suffix, 0)
    if exponent:
        if len(exponent) > 6:
            return _bounded(mantissa, exponent, Decimal(1))
        power += int(exponent)
    return float(f"{mantissa}e{power}")


@lru_cache(maxsize=4096)
def plain_number(text: str) -> float | None:
    """The same of a finite number that all simulators read alike."""
    value = parse_number(text)
    return None if value is None or not isfinite(value) or cut_by_ngspice(text) is not None else value


def cut_by_ngspice(text: str) -> float | None:
    """The value of a number that ngspice ends at a letter: one for the decimal point, or a Greek μ; None for others.

    >>> cut_by_ngspice("4k7"), cut_by_ngspice("2.5μA"), cut_by_ngspice("4.7k"), cut_by_ngspice("2.5µA")
    (4700.0, 2.5e-06, None, None)
    """
    return parse_number(text) if _LETTER_AS_POINT.fullmatch(text) or _GREEK.match(text) else None


def _bounded(mantissa: str, exponent: str | None, factor: Decimal) -> float:
    """The rare ways of writing, an exponent of any length among them."""
    number = float(f"{mantissa}e{exponent or 0}")
    if number == 0 or abs(number) == float("inf") or factor == 1:
        return number
    return float(Decimal(f"{mantissa}e{exponent or 0}") * factor)


def format_number(value: float) -> str:
    """The shortest decimal that reads back to the same float64.

    >>> format_number(4700.0), format_number(0.1), format_number(1e-7)
    ('4700', '0.1', '1e-07')
    """
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def starts_like_number(text: str) -> bool:
    """Whether a word can only be meant as a number."""
    return _LIKE_NUMBER.match(text) is not None


def milli_for_mega(low: float, high: float) -> str:
    """The remedy where a range is empty because its end is given with an M, which is a thousandth; else empty."""
    return "in SPICE 1M is 0.001, and a million is 1meg" if high < low <= high * 1e9 and high < 1 <= low else ""
