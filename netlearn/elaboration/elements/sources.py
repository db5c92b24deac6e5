"""Independent and linear controlled sources at the operating point."""

from __future__ import annotations

from netlearn.circuit.devices.linear import CCCS, CCVS, CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.independent import independent
from netlearn.elaboration.elements.resistors import PRODUCT
from netlearn.netlist.statements import Word


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


def voltage_controlled(line: ElementLine) -> None:
    """``Ename p n cp cn gain`` and ``Gname p n cp cn gain [m=...]``."""
    nodes = line.nodes(4)
    rest = line.rest(4)
    line.assignments(("m",) if line.name[0] == "g" else (), ("gain",))
    gains = [*rest, *(a.value for a in line.element.assignments if a.name.text.lower() == "gain")]
    gain = line.quantity(_only(line, tuple(gains), "gain"))
    if line.name[0] == "e":
        line.add(VCVS, (*nodes, line.branch()), {"gain": gain}, written=gain)
    else:
        line.add(VCCS, nodes, {"gain": multiplied(line, gain)}, written=gain)


def current_controlled(line: ElementLine) -> None:
    """``Fname p n source gain [m=...]`` and ``Hname p n source gain``."""
    nodes = line.nodes(2)
    rest = line.rest(2)
    if not rest:
        raise line.error(f"{line.label} needs the name of a voltage source", hint="Fname p n Vname gain")
    line.assignments(("m",) if line.name[0] == "f" else (), ("gain",))
    gains = [*rest[1:], *(a.value for a in line.element.assignments if a.name.text.lower() == "gain")]
    gain = line.quantity(_only(line, tuple(gains), "gain"))
    if line.name[0] == "h":
        own = line.branch()
        line.later(
            lambda: line.add(CCVS, (*nodes, line.controlling_branch(rest[0]), own), {"gain": gain}, written=gain)
        )
        return
    total = multiplied(line, gain)
    line.later(lambda: line.add(CCCS, (*nodes, line.controlling_branch(rest[0])), {"gain": total}, written=gain))


def _only(line: ElementLine, words: tuple[Word, ...], what: str) -> Word:
    if not words:
        raise line.error(f"{line.label} has no {what}")
    if len(words) > 1:
        raise line.error(f"cannot read '{words[1].text}' after the {what} of {line.label}", words[1])
    return words[0]
