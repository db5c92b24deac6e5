"""Independent sources at the operating point."""

from __future__ import annotations

from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.independent import independent
from netlearn.expressions.expression import parse_expression

PRODUCT = parse_expression("x*y")


def voltage_source(line: ElementLine) -> None:
    """``Vname p n [[DC] value] [AC ...] [waveform] [portnum k [z0 r]]``."""
    p, n = line.nodes(2)
    source = independent(line)
    inside = p
    if source.resistance is not None:
        inside = line.body.node(f"{line.name}#res")
        line.add(RESISTOR, (p, inside), {"resistance": source.resistance}, name=f"{line.name}#res")
    line.add(VOLTAGE_SOURCE, (inside, n, line.branch()), {"dc": source.dc}, written=source.dc)


def current_source(line: ElementLine) -> None:
    """``Iname p n [[DC] value] [AC ...] [waveform] [m=...]``."""
    nodes = line.nodes(2)
    dc = independent(line).dc
    line.add(CURRENT_SOURCE, nodes, {"dc": multiplied(line, dc)}, written=dc)


def multiplied(line: ElementLine, value: int) -> int:
    """A current times the multiplier of the element or of the instances around it."""
    own = next((a for a in line.element.assignments if a.name.text.lower() == "m"), None)
    if own is not None:
        line.state({"m": line.quantity(own.value)})
    multiplier = line.multiplier(own)
    return value if multiplier is None else line.formula(PRODUCT, {"x": value, "y": multiplier})
