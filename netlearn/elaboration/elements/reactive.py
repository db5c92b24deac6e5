"""Capacitors, inductors and their couplings at the operating point, where only their resistances count.

A capacitor is open and an inductor a short. LTspice's ``Rser`` is in series with either, ``Rpar`` in parallel
with both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE, WINDING
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.model_cards import found_model
from netlearn.elaboration.elements.resistors import of_instances
from netlearn.elaboration.kept import ElementWord, Piece
from netlearn.errors import did_you_mean
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.statements import Assignment, Word

_HARMLESS = ("ic", "m", "scale", "temp", "dtemp", "tc1", "tc2", "tc", "tol", "noiseless", "noisy", "lser", "cpar")
_CAPACITOR = (*_HARMLESS, "c", "cap", "capacitance", "q", "w", "l", "bv_max", "rlshunt", "irms", "vrms", "pwr", "mfg")
_INDUCTOR = (*_HARMLESS, "ind", "inductance", "l", "nt", "ipk", "pwr", "mfg")
_SUM = parse_expression("x+y")
_RESISTANCES = ("rser", "rpar")
_KINDS = {"c": ("c", "cap"), "l": ("l", "ind")}
_KEPT = frozenset((*_KINDS["c"], *_KINDS["l"], "capacitance", "inductance", "rpar", "noiseless", "noisy"))
"""What needs no mention where the rest is kept."""
_PROBED = re.compile(r"\b[vi]\s*\(|\btime\b|\bx\b", re.IGNORECASE)


def capacitor(line: ElementLine) -> None:
    """``Cname p n [value] [model] [name=value ...]``: open, but for a resistance in parallel."""
    given = line.assignments(_RESISTANCES, _CAPACITOR)
    nodes = line.nodes(2)
    value = _value(line, "c", ("c", "cap", "capacitance"))
    _keep(line, value, nodes)
    if "rser" in given:
        line.quantity(given["rser"].value)
    if "rpar" in given:
        _parallel(line, given["rpar"].value, nodes)


def inductor(line: ElementLine) -> None:
    """``Lname p n [value] [model] [name=value ...]``: a short, whose current is an unknown."""
    given = line.assignments(_RESISTANCES, _INDUCTOR)
    nodes = line.nodes(2)
    inductance = _value(line, "l", ("l", "ind", "inductance"))
    if "rpar" in given:
        _parallel(line, given["rpar"].value, nodes)
    _keep(line, inductance)
    series = _series(line, given)
    settings = line.body.shared.settings
    if series is not None and settings.series is not None and settings.shunt is not None:
        # ngspice has a node between the inductor and the option's resistor, which rshunt is for as for all.
        inside = line.body.node(f"{line.name}#rser")
        line.add(RESISTOR, (inside, nodes[1]), {"resistance": series}, name=f"{line.name}#rser")
        nodes, series = (nodes[0], inside), None
    if series is not None:
        line.add(WINDING, (*nodes, line.branch()), {"resistance": series, "inductance": inductance})
        return
    line.keep("inductance", inductance)
    line.add(VOLTAGE_SOURCE, (*nodes, line.branch()), {"dc": line.graph.constant(0.0)}, written=inductance)


def _parallel(line: ElementLine, value: Word, nodes: tuple[int, ...]) -> None:
    """Put the resistance ``Rpar`` beside an element."""
    resistance = of_instances(line, line.quantity(value))
    line.add(RESISTOR, nodes, {"resistance": resistance}, name=f"{line.name}#rpar")


def _series(line: ElementLine, given: Mapping[str, Assignment]) -> int | None:
    """The quantity of the resistance in series with an inductor: its own, and what ``.options rseries`` adds.

    Raises NetlistError for an inductor with a law, whose model in ngspice has rseries where it is no resistance.
    """
    own, every = given.get("rser"), line.body.shared.settings.series
    if every is not None:
        values = [*line.rest(2), *(a.value for a in line.element.assignments)]
        law = next((word for word in values if _PROBED.search(word.text)), None)
        if law is not None:
            hint = "leave out rseries, and put a resistor in series with each inductor"
            raise line.error(f"{line.label} has a law, to which ngspice's option rseries adds no resistor", law, hint)
    if own is None:
        return every
    resistance = of_instances(line, line.quantity(own.value))
    # ngspice's resistor for the option is not multiplied.
    return resistance if every is None else line.formula(_SUM, {"x": resistance, "y": every})


def coupling(line: ElementLine) -> None:
    """``Kname Lname Lname [...] coefficient``: nothing at the operating point."""
    given = line.assignments(("k", "coupling"))
    words = list(line.element.words)
    factors = [words.pop()] if not given else [assignment.value for assignment in given.values()]
    quantities = [line.quantity(word) for word in factors]
    line.keep("line", *(ElementWord(word.text.lower()) for word in words), quantities[-1])
    line.later(lambda: _check_coupled(line, words))


def _keep(line: ElementLine, value: int, nodes: tuple[int, ...] = ()) -> None:
    """Keep a capacitor, or what an inductor has beside its inductance."""
    kept: list[Piece] = [value] if nodes else []
    for assignment in line.element.assignments:
        name = assignment.name.text.lower()
        if name in ("ic", "m"):
            kept += [f"{name}=", line.quantity(assignment.value)]
        elif name not in _KEPT and (nodes or name != "rser"):
            line.leave_out(f"'{name}'", assignment.name)
    if not line.body.shared.keeping:
        return
    words = line.rest(2)
    if any(line.body.model(word.text.lower()) for word in words) or (words and _PROBED.search(words[0].text)):
        line.leave_out("the model or the law", words[0])
    if nodes or kept:
        line.keep("line" if nodes else "words", *kept, nodes=nodes)


def _check_coupled(line: ElementLine, words: list[Word]) -> None:
    for word in words:
        name = word.text.lower()
        if name[0] != "l" or name not in line.body.elements:
            raise line.error(
                f"{line.label} couples '{word.text}', which is not an inductor here",
                word,
                "Kname Lname Lname coefficient",
            )
    if len(words) < 2:
        raise line.error(f"{line.label} couples fewer than two inductors", hint="Kname Lname Lname coefficient")


def _value(line: ElementLine, kind: str, names: tuple[str, ...]) -> int:
    """The quantity of the value, 1 where it is none or moves; every other word has to name a model."""
    element = line.element
    if len(element.words) == 3 and not element.assignments and line.body.model(element.words[2].text.lower()) is None:
        # A number and nothing else, as most lines have.
        literal = line.literal(element.words[2])
        if literal is not None:
            return literal
    values = [a.value for a in line.element.assignments if a.name.text.lower() in names]
    model = None
    for word in line.rest(2):
        name = word.text.lower()
        unknown = line.body.model(name) is None or line.body.scope.defines(name)
        named = None if unknown else found_model(line.body, name)
        if named is not None and named.kind not in _KINDS[kind]:
            raise line.error(f"model '{word.text}' is of type {named.kind}, not {kind}", word)
        if named is not None and model is None:
            model = named
        elif not values and (line.body.scope.defines(name) or not name.isidentifier()):
            values.append(word)
        elif name not in _HARMLESS:
            hint = did_you_mean(name, line.body.known_models())
            raise line.error(f"cannot read '{word.text}' in {line.label}", word, hint)
    found = line.graph.constant(1.0)
    for word in values:
        literal = line.literal(word)
        if literal is not None:
            found = literal
        elif _PROBED.search(word.text):
            line.compile(word)
        else:
            found = line.quantity(word)
    return found
