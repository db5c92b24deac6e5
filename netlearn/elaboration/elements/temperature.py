"""How temperature coefficients on a line change its value."""

from __future__ import annotations

from collections.abc import Mapping

from netlearn.elaboration.element_line import ElementLine
from netlearn.expressions.expression import parse_expression

TEMPERATURE = ("tc1", "tc2", "temp", "dtemp")
"""What may stand on the lines of resistors and behavioural sources."""

_POLYNOMIAL = parse_expression("r*((tc2*dt+tc1)*dt+1)")
_EXPONENTIAL = parse_expression("r*1.01^(tce*dt)")
_DIFFERENCE = parse_expression("temp-tnom")
_SUM = parse_expression("x+y")


def at_temperature(line: ElementLine, value: int, given: Mapping[str, int]) -> int:
    """The quantity of a value at the element's temperature.

    ``given`` holds the quantities of tc1, tc2, tce, tnom, temp and dtemp that the element or its model has.
    """
    constant = line.graph.constant
    if all(name not in given for name in ("tc1", "tc2", "tce")):
        return value
    ambient = line.graph.temperature(line.settings.temperature)
    if "temp" in given:
        ambient = given["temp"]
    elif "dtemp" in given:
        ambient = line.formula(_SUM, {"x": ambient, "y": given["dtemp"]})
    nominal = given.get("tnom", constant(line.settings.nominal_temperature))
    difference = line.formula(_DIFFERENCE, {"temp": ambient, "tnom": nominal})
    if "tce" in given:
        return line.formula(_EXPONENTIAL, {"r": value, "tce": given["tce"], "dt": difference})
    zero = constant(0.0)
    tc1, tc2 = given.get("tc1", zero), given.get("tc2", zero)
    return line.formula(_POLYNOMIAL, {"r": value, "tc1": tc1, "tc2": tc2, "dt": difference})
