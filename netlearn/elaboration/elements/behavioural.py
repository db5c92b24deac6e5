"""Behavioural sources: B, and E, G, F, H given by expressions, polynomials and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.behavioural import behavioural_current_source, behavioural_voltage_source
from netlearn.circuit.devices.linear import CURRENT_SOURCE, VOLTAGE_SOURCE
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.temperature import TEMPERATURE, at_temperature
from netlearn.expressions.expression import Expression, Operation, parse_expression
from netlearn.expressions.functions import BEHAVIOURAL_OPERATORS, KNOWN_CONSTANTS, OPERATORS
from netlearn.expressions.law import Law
from netlearn.netlist.numbers import starts_like_number
from netlearn.netlist.statements import Assignment, Word

_PROBE = re.compile(r"([vi])\(([^(),]+)(?:,([^(),]+))?\)")
_HAS_PROBE = re.compile(r"\b[vi]\s*\(", re.IGNORECASE)
_AT_REST: Mapping[str, float] = {"freq": 0.0}
"""Names that only a behavioural source has, and what they are at an operating point, by definition."""

RECIPROCAL = parse_expression("1/x")


@lru_cache(maxsize=4096)
def _device(steps: tuple[Operation, ...], differences: tuple[bool, ...], parameters: int, current: bool) -> Device:
    """One device for all sources of one form, so that they are evaluated together."""
    law = Law(Expression("", steps), differences, parameters)
    controls = len(differences) + sum(differences)
    values = {f"p{i}": float("nan") for i in range(parameters)}
    build = behavioural_current_source if current else behavioural_voltage_source
    return replace(build(law, controls, values, law.gradient, law.slope), linear=_is_affine(law.expression))


def _is_affine(expression: Expression) -> bool:
    """Whether probes occur only in sums and with constant factors."""
    moving: list[bool] = []
    affine = {OPERATORS[name] for name in ("add", "sub", "neg", "pos")}
    product, quotient = OPERATORS["mul"], BEHAVIOURAL_OPERATORS["div"]
    for step in expression.steps:
        inputs = [moving[i] for i in step.inputs]
        moves = step.kind == "name" and step.name.startswith("#")
        if any(inputs):
            fine = (
                step.function in affine
                or (step.function is product and not all(inputs))
                or (step.function is quotient and not inputs[1])
            )
            if not fine:
                return False
            moves = True
        moving.append(moves)
    return True


def behavioural_source(line: ElementLine) -> None:
    """``Bname p n V=expression`` and ``Bname p n I=expression``, with a multiplier and temperature coefficients."""
    given = line.assignments(("v", "i", "m", *TEMPERATURE), ("reciprocm",))
    if ("v" in given) == ("i" in given):
        raise line.error(f"{line.label} needs either V=expression or I=expression")
    refuse_more(line)
    kind = "i" if "i" in given else "v"
    factor = warmer(line, given)
    add_source(line, line.compile(given[kind].value), current=kind == "i", own_multiplier_only=True, factor=factor)


def warmer(line: ElementLine, given: Mapping[str, Assignment], names: Sequence[str] = TEMPERATURE) -> int | None:
    """What temperature coefficients multiply the value of a behavioural element by, None without any.

    As in ngspice, they count from 27 degrees Celsius, whatever the nominal temperature.
    """
    quantities = {name: line.quantity(given[name].value) for name in names if name in given}
    if not {"tc1", "tc2"} & set(quantities):
        return None
    constant = line.graph.constant
    return at_temperature(line, constant(1.0), {**quantities, "tnom": constant(27.0)})


def refuse_more(line: ElementLine, count: int = 2) -> None:
    """Raise NetlistError for a word after so many."""
    for word in line.rest(count):
        raise line.error(f"cannot read '{word.text}' in the source {line.label}", word)


def resistor_by_expression(line: ElementLine) -> bool:
    """A resistor whose value depends on voltages or currents: a current of v over that value."""
    named = [a.value for a in line.element.assignments if a.name.text.lower() in ("r", "resistance")]
    word = next((word for word in (*named, *line.rest(2)[:1]) if _HAS_PROBE.search(word.text)), None)
    if word is None:
        return False
    given = line.assignments(("r", "resistance", "m", "tc", *TEMPERATURE), ("ac", "noisy"))
    for name in ("tc", "temp", "dtemp"):
        if name in given:
            line.warn(
                f"'{name}' has no effect on a resistance that depends on voltages or currents, as in ngspice",
                given[name].name,
                "write tc1=... tc2=..." if name == "tc" else "",
            )
    for more in line.rest(2 if word in named else 3):
        hint = "ngspice ends an expression at its first blank: put it into braces or quotes"
        raise line.error(f"cannot read '{more.text}' in the resistor {line.label}", more, hint)
    if starts_like_number(word.text):
        line.warn("ngspice ends this expression at its first number", word, "put it into braces or quotes")
    across = f"v({line.element.words[0].text.lower()},{line.element.words[1].text.lower()})"
    steps = line.compile(word).steps
    last = len(steps) - 1
    current = Operation("call", (last + 1, last), function=BEHAVIOURAL_OPERATORS["div"])
    warmth = warmer(line, given, ("tc1", "tc2"))
    factor = None if warmth is None else line.formula(RECIPROCAL, {"x": warmth})
    expression = Expression(word.text, (*steps, Operation("name", name=across), current))
    add_source(line, expression, current=True, own_multiplier_only=True, factor=factor)
    return True


def add_source(
    line: ElementLine,
    expression: Expression,
    *,
    current: bool,
    quantities: Mapping[str, int] | None = None,
    own_multiplier_only: bool = False,
    factor: int | None = None,
) -> None:
    """Put a source with this value, times ``factor``, into the template, once all branch currents are known."""
    nodes = line.nodes(2)
    own = () if current else (line.branch(),)
    probes, parameters = _names(line, expression, dict(quantities or {}))
    if factor is not None:
        expression, parameters = _times(expression, parameters, "at this temperature", factor)
    multiplier = _multiplier(line, own_multiplier_only) if current or own_multiplier_only else None
    if multiplier is not None:
        expression, parameters = _times(expression, parameters, "multiplier m", multiplier)
    if not probes:
        quantity = line.graph.compute(expression, tuple(parameters[name] for name in expression.names))
        line.add(CURRENT_SOURCE if current else VOLTAGE_SOURCE, (*nodes, *own), {"dc": quantity})
        return
    steps, columns = _canonical(line, expression, list(probes), parameters)
    differences = tuple(match[1] == "v" and match[3] is not None for match in probes.values())
    device = _device(steps, differences, len(columns), current)

    def finish() -> None:
        controls: list[int] = []
        for match in probes.values():
            if match[1] == "i":
                controls.append(line.controlling_branch(_word(line, match[2])))
            else:
                controls += [line.probed_node(name) for name in match.groups()[1:] if name is not None]
        line.add(device, (*nodes, *controls, *own), columns)

    line.later(finish)


def _canonical(
    line: ElementLine, expression: Expression, probes: list[str], parameters: Mapping[str, int]
) -> tuple[tuple[Operation, ...], dict[str, int]]:
    """Steps with probes ``#i`` and all else ``$i``, so that sources of one form share a device; the values."""
    shape, sources = expression.shape
    renamed: dict[str, str] = {}
    columns: dict[str, int] = {}
    for name, source in zip(shape.names, sources, strict=True):
        if source in probes:
            renamed[name] = f"#{probes.index(str(source))}"
        else:
            renamed[name] = f"${len(columns)}"
            quantity = parameters[source] if isinstance(source, str) else line.graph.constant(source)
            columns[f"p{len(columns)}"] = quantity
    steps = (Operation(s.kind, s.inputs, name=renamed.get(s.name, ""), function=s.function) for s in shape.steps)
    return tuple(steps), columns


def _word(line: ElementLine, name: str) -> Word:
    return Word(name, line.element.name.start, line.element.name.end)


def _names(
    line: ElementLine, expression: Expression, quantities: dict[str, int]
) -> tuple[dict[str, re.Match[str]], dict[str, int]]:
    """The expression's probes, and the quantities of its other names."""
    probes: dict[str, re.Match[str]] = {}
    parameters: dict[str, int] = {}
    for name in expression.names:
        match = _PROBE.fullmatch(name)
        if match is not None:
            probes[name] = match
            continue
        quantity = quantities.get(name)
        if quantity is None and name in KNOWN_CONSTANTS:
            quantity = line.graph.constant(KNOWN_CONSTANTS[name])
        if quantity is None:
            quantity = line.body.scope.find(name)
        if quantity is None and name in _AT_REST:
            quantity = line.graph.constant(_AT_REST[name])
        if quantity is None:
            raise line.error(f"unknown parameter '{name}' in {line.label}")
        parameters[name] = quantity
    return probes, parameters


def _times(
    expression: Expression, parameters: dict[str, int], name: str, factor: int
) -> tuple[Expression, dict[str, int]]:
    """An expression times a quantity."""
    last = len(expression.steps) - 1
    product = Operation("call", (last, last + 1), function=OPERATORS["mul"])
    steps = (*expression.steps, Operation("name", name=name), product)
    return Expression(expression.text, steps), {**parameters, name: factor}


def _multiplier(line: ElementLine, own_only: bool) -> int | None:
    """What m= multiplies; of the instances around, ngspice multiplies E to H sources but not B."""
    own = next((a for a in line.element.assignments if a.name.text.lower() == "m"), None)
    if own_only:
        return None if own is None else line.quantity(own.value)
    return line.multiplier(own)
