"""What stands after the nodes of a V or I line: a value, and then keywords in any order, each with its numbers.

Parentheses, commas and ``=`` between them count as blanks, as they do in ngspice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.resistors import of_instances
from netlearn.elaboration.elements.waveforms import WAVEFORMS, value_at_start
from netlearn.errors import NetlistError
from netlearn.netlist.statements import Word

_PIECES = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|'[^']*'|\"[^\"]*\"|[^\s,()=]+")

_SMALL_SIGNAL = {"ac": 2, "acmag": 1, "acphase": 1, "distof1": 2, "distof2": 2, "pwr": 1, "freq": 1, "phase": 1}
"""Keywords that are of no concern to an operating point, with how many numbers may follow, as in ngspice."""
_LTSPICE = {"load": 0, "cpar": 1}
"""The same, as in LTspice."""
_FILE = "file"
"""Where a waveform stands that is in a file."""
_NUMBERS = _SMALL_SIGNAL | _LTSPICE
_ONE = ("dc", "portnum", "z0", "td", "r", "m", "rser")
_KEYWORDS = frozenset((*_NUMBERS, *_ONE, _FILE, *WAVEFORMS))
_OF_VOLTAGES = _KEYWORDS - {"m"}
_PORT_RESISTANCE = 50.0
"""ngspice's default of z0, in ohms."""


@dataclass(frozen=True, slots=True)
class Independent:
    """An independent source at the operating point: the quantities of its value and of what is in series with it."""

    dc: int
    resistance: int | None = None


def independent(line: ElementLine) -> Independent:
    """Read a V or I line. Raises NetlistError for any word that has no meaning there."""
    plain = _plain_value(line)
    if plain is not None:
        return Independent(plain)
    found = dict(_keywords(line))
    if len(found) == 1 and WAVEFORMS.keys() >= found.keys():
        [(name, (keyword, *arguments))] = found.items()
        value = value_at_start(line, name, arguments, {}, keyword)
        _keep(line, found, [name])
        return Independent(value)
    _leave_out_file(line, found)
    waveforms = [name for name in found if name in WAVEFORMS]
    if len(waveforms) > 1:
        raise line.error(f"{line.label} has more than one waveform", found[waveforms[1]][0])
    for name in _ONE:
        if name in found and len(found[name]) != 2:
            raise line.error(f"{line.label} needs one value after {name.upper()}", found[name][0])
    for name in (name for name in found if name in _NUMBERS):
        most = _NUMBERS[name]
        if len(found[name]) > most + 1:
            raise line.error(f"{line.label} has too many values after {name.upper()}", found[name][most + 1])
        for word in found[name][1:]:
            line.quantity(word)
    options: dict[str, Word] = {name: found[name][1] for name in ("td", "r") if name in found}
    if options and waveforms != ["pwl"]:
        word = found[next(iter(options))][0]
        raise line.error(f"'{word.text}' belongs to PWL, and {line.label} has none", word)
    start = None
    for name in waveforms:
        keyword, *arguments = found[name]
        # Read even if a DC value comes before it, so that what is wrong in it is found.
        start = value_at_start(line, name, arguments, options, keyword)
    if "load" in found:
        line.warn(f"{line.label} is a constant current here; as a load in LTspice it gives no power", found["load"][0])
    _keep(line, found, waveforms)
    dc = line.quantity(found["dc"][1]) if "dc" in found else start
    return Independent(line.graph.constant(0.0) if dc is None else dc, _resistance(line, found))


def _plain_value(line: ElementLine) -> int | None:
    """The quantity of ``[DC] number`` where the line has nothing else, as most have; else None."""
    element = line.element
    words = element.words[2:]
    if element.assignments or element.calls or not 1 <= len(words) <= 2:
        return None
    if len(words) == 2 and words[0].text.lower() != "dc":
        return None
    return line.literal(words[-1])


def _keep(line: ElementLine, found: dict[str, list[Word]], waveforms: list[str]) -> None:
    """Keep the small signal and the waveform."""
    if not line.body.shared.keeping:
        return
    if "ac" in found:
        line.keep("words", "ac", *(line.quantity(word) for word in found["ac"][1:]))
    for name in (*_SMALL_SIGNAL, "portnum", "cpar"):
        if name in found and name != "ac":
            line.leave_out(name.upper(), found[name][0])
    for name in waveforms:
        try:
            numbers = [line.quantity(word) for word in found[name][1:]]
            options = [
                piece for key in ("td", "r") if key in found for piece in (f"{key}=", line.quantity(found[key][1]))
            ]
        except NetlistError:
            line.leave_out(f"the waveform {name.upper()}", found[name][0])
            continue
        line.keep("words", f"{name.replace('sine', 'sin')}(", *numbers, ")", *options)


def _leave_out_file(line: ElementLine, found: dict[str, list[Word]]) -> None:
    """Take out a waveform that is in a file, which is not read: where there is a DC value, it is not needed."""
    if _FILE not in found:
        return
    keyword, *names = found.pop(_FILE)
    if len(names) != 1 or "pwl" not in found:
        raise line.error(f"cannot read '{keyword.text}' in the source {line.label}", keyword)
    if "dc" not in found:
        message = f"the waveform of {line.label} is in a file, which is not read"
        raise line.error(message, keyword, "give its value at time zero: DC value")
    line.warn(f"the waveform of {line.label} is in a file and left out: its DC value counts", keyword)
    del found["pwl"]


def _resistance(line: ElementLine, found: dict[str, list[Word]]) -> int | None:
    """What is in series with a voltage source: LTspice's Rser, or a port's impedance, which ngspice has at DC too."""
    for name in ("portnum", "rser"):
        if name in found and line.name[0] != "v":
            raise line.error(f"'{found[name][0].text}' belongs to voltage sources", found[name][0])
    if "rser" in found:
        resistance = line.quantity(found["rser"][1])
        # ngspice's ports are not multiplied.
        return None if line.graph.value(resistance) == 0 else of_instances(line, resistance)
    if "portnum" not in found:
        return None
    resistance = line.quantity(found["z0"][1]) if "z0" in found else line.graph.constant(_PORT_RESISTANCE)
    if not line.graph.value(resistance) > 0:
        raise line.error(f"{line.label} needs a positive impedance z0", found["z0"][0])
    return resistance


def _keywords(line: ElementLine) -> Iterator[tuple[str, list[Word]]]:
    """Each keyword in lower case with its word and those that follow; a value at the start goes as ``dc``."""
    current: list[Word] = []
    known = _OF_VOLTAGES if line.name[0] == "v" else _KEYWORDS
    seen: set[str] = set()
    name = ""
    for word in _tokens(line):
        keyword = word.text.lower()
        if keyword in known:
            if name:
                yield name, current
            if keyword in seen and keyword == "dc":
                line.warn(f"{line.label} has two DC values: the last one counts", word)
            elif keyword in seen:
                raise line.error(f"{line.label} has '{word.text}' twice", word, "leave one of them out")
            name, current = keyword, [word]
            seen.add(keyword)
        elif not name:
            name, current = "dc", [word, word]
            seen.add(name)
        elif len(current) > _longest(name):
            raise line.error(f"cannot read '{word.text}' in the source {line.label}", word)
        else:
            current.append(word)
    if name:
        yield name, current


def _longest(name: str) -> int:
    return _NUMBERS.get(name, WAVEFORMS[name][1] if name in WAVEFORMS else 1)


def _tokens(line: ElementLine) -> Sequence[Word]:
    """The words after the two nodes, those of waveforms and of ``name=value`` pairs among them, in order."""
    element = line.element
    whole = [*element.words[2:], *element.calls]
    for assignment in element.assignments:
        whole += assignment
    tokens = [
        Word(piece[0], word.start + piece.start(), word.start + piece.end())
        for word in whole
        for piece in _PIECES.finditer(word.text)
    ]
    return tokens if len(whole) == 1 else sorted(tokens, key=lambda word: word.start)
