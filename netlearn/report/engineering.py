"""Numbers as engineers write them: 4.7 kΩ, 12.3 mA."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_SYMBOLS = {"ohm": "Ω"}


def engineering(value: float | None, unit: str = "", digits: int = 5) -> str:
    """A number with so many significant digits and the prefix that suits it.

    >>> engineering(4700.0, "ohm"), engineering(-0.0123456, "A"), engineering(0.0), engineering(2.5)
    ('4.7 kΩ', '-12.346 mA', '0', '2.5')
    """
    symbol = _SYMBOLS.get(unit, unit)
    if value is None or isnan(value):
        return "–"
    if not isfinite(value) or value == 0:
        return f"{'-' if value < 0 else ''}{'∞' if value else '0'} {symbol}".strip()
    # Rounded first, so that 999.999 becomes 1 k and not 1000.
    rounded = float(f"{value:.{digits - 1}e}")
    power = 3 * floor(log10(abs(rounded)) / 3)
    if not symbol and -3 <= power <= 3:
        return f"{rounded:.{digits}g}"
    if power not in _PREFIXES:
        return f"{rounded:.{digits}g} {symbol}".strip()
    return f"{rounded / 10.0**power:.{digits}g} {_PREFIXES[power]}{symbol}".strip()
