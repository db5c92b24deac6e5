"""Resistors: values, models, geometry, temperature coefficients and multipliers.

The rules are ngspice's (manual, "Resistors" and "Semiconductor resistors").
"""

from __future__ import annotations

import re

from netlearn.circuit.devices.linear import RESISTOR
from netlearn.elaboration.body import ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.behavioural import resistor_by_expression as by_expression
from netlearn.elaboration.elements.model_cards import DRAWN, found_model, known_quantities
from netlearn.elaboration.elements.temperature import at_temperature
from netlearn.elaboration.spreads import TOLERANCE, element_spread, model_spreads
from netlearn.elaboration.template import NOTHING
from netlearn.errors import NominalWarning, did_you_mean
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.numbers import plain_number
from netlearn.netlist.statements import Assignment, Word

LEAST = 1e-3
"""What a resistor of zero ohms has to ngspice, and one from a model at least, in ohms."""
SHEET = parse_expression("rsh*(l*u-2*short)/(w*u-2*narrow)")
PARALLEL = parse_expression("r/m")
SCALED = parse_expression("r*scale")

_INSTANCE = ("r", "resistance", "tc", "tc1", "tc2", "tce", "temp", "dtemp", "scale", "m", "l", "w")
_PIECES = re.compile(r"\{[^}]*\}|'[^']*'|[^\s,]+")
_IGNORED = ("ac", "noisy", "noise", "bv_max", "c", "pwr")
_MODEL = {
    "r": 0.0, "rsh": 0.0, "narrow": 0.0, "short": 0.0, "defw": 10e-6, "l": 10e-6,
    "tc1": 0.0, "tc2": 0.0, "tce": 0.0, "tnom": 0.0, "scale": 1.0, "temp": 0.0, "dtemp": 0.0,
}  # fmt: skip
"""Parameters of a card, with ngspice's defaults."""
_MODEL_ALIASES = {
    "res": "r", "resistance": "r", "tc1r": "tc1", "tc2r": "tc2", "w": "defw", "dw": "narrow", "dlr": "short",
}  # fmt: skip
# A multiplier on the card has no effect in ngspice.
_MODEL_IGNORED = ("m", "kf", "af", "wf", "lf", "ef", "bv_max", "level", "noisy")


def resistor(line: ElementLine) -> None:
    """``Rname p n [value] [model] [name=value ...]``."""
    if by_expression(line):
        return
    nodes = line.nodes(2)
    given: dict[str, int] = {}
    words, tolerances = _without_tolerances(line)
    stated = tuple(a.name.text.lower() for a in line.element.assignments if TOLERANCE.fullmatch(a.name.text))
    for name, assignment in line.assignments(_INSTANCE, (*_IGNORED, *stated)).items():
        if name == "tc":
            given.update(zip(("tc1", "tc2"), map(line.quantity, _pair(line, assignment, words)), strict=False))
        else:
            given[name] = line.quantity(assignment.value)
    value, model = _value_and_model(line, words, given)
    card = {} if model is None else known_quantities(model, _MODEL, _MODEL_ALIASES, _MODEL_IGNORED)
    written = NOTHING
    if value is None:
        value = _from_model(line, given, card)
    elif line.graph.value(value) == 0:
        value = _least(line)
    else:
        written = value
    value = at_temperature(line, value, {**card, **given})
    scale = given.get("scale", card.get("scale"))
    if scale is not None:
        value = line.formula(SCALED, {"r": value, "scale": scale})
    multiplier = line.body.multiplier
    if multiplier is None:
        multiplier = given.get("m")
    if multiplier is not None:
        if line.graph.value(multiplier) == 0:
            line.warn(f"{line.label} has the multiplier m=0: it is left out")
            return
        value = line.formula(PARALLEL, {"r": value, "m": multiplier})
    if line.graph.value(value) == 0:
        raise line.error(f"{line.label} has a resistance of zero", _place_word(line), "use a small resistance")
    line.state({name: quantity for name, quantity in given.items() if name not in ("r", "resistance")})
    line.spread([element_spread(line, "resistance", *pair) for pair in tolerances])
    if model is not None:
        # Whatever its model gives, in proportion to which its resistance is.
        line.spread(model_spreads(line, model, dict.fromkeys(("r", "res", "resistance", "rsh"), "resistance")))
    line.add(RESISTOR, nodes, {"resistance": value}, written=written)


def of_instances(line: ElementLine, resistance: int) -> int:
    """A resistance inside an element, in as many instances in parallel as there are around it."""
    multiplier = line.body.multiplier
    return resistance if multiplier is None else line.formula(PARALLEL, {"r": resistance, "m": multiplier})


def _without_tolerances(line: ElementLine) -> tuple[list[Word], list[tuple[Word, Word]]]:
    """The words after the nodes, and the tolerances, in pairs or as ``name=value``, of which is warned."""
    words = list(line.rest(2))
    found = [(a.name, a.value) for a in line.element.assignments if TOLERANCE.fullmatch(a.name.text)]
    for at in range(len(words) - 2, 0, -1):
        if TOLERANCE.fullmatch(words[at].text):
            found.append((words[at], words[at + 1]))
            del words[at : at + 2]
    words = [word for word in words if word.text.lower() != "noiseless"]
    for word, _ in found:
        line.warn(f"'{word.text}' is a tolerance: {line.label} has its nominal value", word, DRAWN, NominalWarning)
    return words, found


def _place_word(line: ElementLine) -> Word | None:
    rest = line.rest(2)
    return rest[0] if rest else None


def _pair(line: ElementLine, assignment: Assignment, words: list[Word]) -> list[Word]:
    """One or both coefficients of ``tc=first second``, a blank or a comma between; takes a second one off ``words``.

    Without a blank after the comma ngspice refuses the pair, and LTspice reads it.
    """
    text, start, end = assignment.value
    found = [Word(piece[0], start + piece.start(), start + piece.end()) for piece in _PIECES.finditer(text)]
    if len(found) == 1:
        later = min((a.name.start for a in line.element.assignments if a.name.start > end), default=line.element.end)
        found += [word for word in words if end <= word.start < later][:1]
        words[:] = [word for word in words if word not in found]
    if len(found) > 2:
        raise line.error(f"{line.label} has more than two temperature coefficients", assignment.value)
    return found


def _value_and_model(
    line: ElementLine, words: list[Word], given: dict[str, int]
) -> tuple[int | None, ModelCard | None]:
    value = given.get("r", given.get("resistance"))
    model = None
    for word in words:
        name = word.text.lower()
        # To ngspice a number is one, and a parameter's name its value, wherever they stand.
        is_value = plain_number(name) is not None or line.body.scope.defines(name)
        found = None if is_value else found_model(line.body, name)
        if found is not None and model is None:
            if found.kind not in ("r", "res"):
                raise line.error(f"model '{word.text}' is of type {found.kind}, not r", word)
            model = found
        elif value is None:
            if name.isidentifier() and line.body.scope.find(name) is None:
                known = [*line.body.known_models(), *line.body.scope.known()]
                raise line.error(
                    f"'{word.text}' is neither a number nor a resistor model", word, did_you_mean(name, known)
                )
            value = line.quantity(word)
        else:
            before = line.source.text[: word.start]
            hint = f"a tolerance is written tol={word.text}" if word.text.endswith("%") else ""
            if before.endswith(",") and before[:-1][-1:].isdigit():
                hint = "a decimal point is written as one"
            if found_model(line.body, name) is not None:
                hint = f"'{word.text}' is a parameter, too, and means its value here"
            raise line.error(f"{line.label} has more than one value", word, hint)
    if value is None and model is None:
        raise line.error(f"{line.label} has no resistance", hint="write the value in ohms after the two nodes")
    return value, model


def _least(line: ElementLine) -> int:
    word = _place_word(line) or line.element.name
    line.body.shared.shorted.append((line.label, line.source.place(word.start, word.end, line.chain)))
    return line.graph.constant(LEAST)


def _from_model(line: ElementLine, given: dict[str, int], card: dict[str, int]) -> int:
    constant = line.graph.constant
    if "rsh" in card:
        quantities = {
            "rsh": card["rsh"],
            "l": given.get("l", card.get("l", constant(_MODEL["l"]))),
            "w": given.get("w", card.get("defw", constant(_MODEL["defw"]))),
            "short": card.get("short", constant(0.0)),
            "narrow": card.get("narrow", constant(0.0)),
            "u": constant(line.settings.scale),
        }
        value = line.formula(SHEET, quantities)
        return value if line.graph.value(value) >= LEAST else _least(line)
    if "r" in card:
        return card["r"] if line.graph.value(card["r"]) >= LEAST else _least(line)
    raise line.error(f"{line.label} has no resistance, and neither has its model", hint="give a value, or r or rsh")
