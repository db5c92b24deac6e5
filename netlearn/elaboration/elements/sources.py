"""Independent and linear controlled sources, capacitors and inductors at the operating point."""

from __future__ import annotations

import re

from netlearn.circuit.devices.linear import CCCS, CCVS, CURRENT_SOURCE, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.elaboration.element_line import Line
from netlearn.elaboration.elements.resistors import PRODUCT
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.statements import Word

_ARGUMENTS = re.compile(r"\{[^}]*\}|'[^']*'|[^\s,()=]+")
_SINE_START = parse_expression("vo+va*sin(phase*pi/180)")
# What may stand on these lines without a say at an operating point; a parallel or series resistance has one.
_REACTIVE = ("ic", "m", "scale", "temp", "dtemp", "tc1", "tc2", "tc")
_CAPACITOR = (*_REACTIVE, "c", "cap", "capacitance", "q", "w", "l", "bv_max", "rser", "lser", "cpar")
_INDUCTOR = (*_REACTIVE, "ind", "inductance", "l", "nt")
_WAVEFORMS = ("pulse", "sin", "pwl", "exp", "sffm", "am")


def voltage_source(line: Line) -> None:
    """``Vname p n [[DC] value] [AC ...] [waveform]``."""
    nodes = line.nodes(2)
    dc = _dc_value(line, ())
    line.add(VOLTAGE_SOURCE, (*nodes, line.branch()), {"dc": dc})


def current_source(line: Line) -> None:
    """``Iname p n [[DC] value] [AC ...] [waveform] [m=...]``."""
    nodes = line.nodes(2)
    dc = multiplied(line, _dc_value(line, ("m",)))
    line.add(CURRENT_SOURCE, nodes, {"dc": dc})


def _dc_value(line: Line, extra: tuple[str, ...]) -> int:
    given = line.assignments(("dc", *extra), ("ac", "acmag", "acphase", "portnum", "z0", "pwr", "freq", "phase"))
    value = line.quantity(given["dc"].value) if "dc" in given else None
    words = list(line.rest(2))
    while words:
        word = words.pop(0)
        name = word.text.lower()
        if name == "dc":
            if not words:
                raise line.error(f"{line.label} has no value after DC", word)
            value = line.quantity(words.pop(0))
        elif name in ("ac", "distof1", "distof2"):
            # Small-signal magnitude and phase: of no concern to the operating point.
            while words and words[0].text.lower() not in ("dc", "ac", "distof1", "distof2"):
                words.pop(0)
        elif value is None:
            value = line.quantity(word)
        else:
            raise line.error(f"cannot read '{word.text}' in the source {line.label}", word)
    if value is None:
        value = _start_of_waveform(line)
    return line.graph.constant(0.0) if value is None else value


def _start_of_waveform(line: Line) -> int | None:
    """What a waveform is at time zero, which ngspice takes where no DC value is given."""
    for call in line.element.calls:
        kind, _, _ = call.text.partition("(")
        kind = kind.split()[0].lower()
        if kind not in _WAVEFORMS:
            raise line.error(f"unknown waveform '{kind}'", call)
        arguments = [
            Word(match.group(), call.start + match.start(), call.start + match.end())
            for match in _ARGUMENTS.finditer(call.text, len(kind))
        ]
        if len(arguments) < 2:
            raise line.error(f"the waveform {kind.upper()} needs more numbers", call)
        if kind == "am":
            return line.graph.constant(0.0)
        if kind == "pwl":
            return line.quantity(arguments[1])
        if kind == "sin" and len(arguments) > 5:
            quantities = {
                "vo": line.quantity(arguments[0]),
                "va": line.quantity(arguments[1]),
                "phase": line.quantity(arguments[5]),
                "pi": line.graph.constant(3.141592653589793),
            }
            return line.formula(_SINE_START, quantities)
        return line.quantity(arguments[0])
    return None


def multiplied(line: Line, value: int) -> int:
    """A current times the multiplier of the element or of the instances around it."""
    own = next((a for a in line.element.assignments if a.name.text.lower() == "m"), None)
    multiplier = line.multiplier(own)
    return value if multiplier is None else line.formula(PRODUCT, {"x": value, "y": multiplier})


def voltage_controlled(line: Line) -> None:
    """``Ename p n cp cn gain`` and ``Gname p n cp cn gain [m=...]``."""
    nodes = line.nodes(4)
    rest = line.rest(4)
    line.assignments(("m",) if line.name[0] == "g" else (), ("gain",))
    gains = [*rest, *(a.value for a in line.element.assignments if a.name.text.lower() == "gain")]
    gain = line.quantity(_only(line, tuple(gains), "gain"))
    if line.name[0] == "e":
        line.add(VCVS, (*nodes, line.branch()), {"gain": gain})
    else:
        line.add(VCCS, nodes, {"gain": multiplied(line, gain)})


def current_controlled(line: Line) -> None:
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
        line.later(lambda: line.add(CCVS, (*nodes, line.controlling_branch(rest[0]), own), {"gain": gain}))
        return
    gain = multiplied(line, gain)
    line.later(lambda: line.add(CCCS, (*nodes, line.controlling_branch(rest[0])), {"gain": gain}))


def _only(line: Line, words: tuple[Word, ...], what: str) -> Word:
    if not words:
        raise line.error(f"{line.label} has no {what}")
    if len(words) > 1:
        raise line.error(f"cannot read '{words[1].text}' after the {what} of {line.label}", words[1])
    return words[0]


def capacitor(line: Line) -> None:
    """Open at the operating point: its nodes exist and nothing flows."""
    line.assignments((), _CAPACITOR)
    line.nodes(2)


def inductor(line: Line) -> None:
    """A short at the operating point, with its current as an unknown."""
    line.assignments((), _INDUCTOR)
    nodes = line.nodes(2)
    line.add(VOLTAGE_SOURCE, (*nodes, line.branch()), {"dc": line.graph.constant(0.0)})


def nothing(line: Line) -> None:
    """Couplings of inductors: nothing at the operating point."""
