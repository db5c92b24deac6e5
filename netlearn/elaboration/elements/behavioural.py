"""Behavioural sources: B, and E, G, F, H given by expressions, polynomials and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import combinations_with_replacement, pairwise

from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.behavioural import behavioural_current_source, behavioural_voltage_source
from netlearn.circuit.devices.linear import CURRENT_SOURCE, VOLTAGE_SOURCE
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.scope import Text
from netlearn.expressions.expression import Expression, Operation
from netlearn.expressions.functions import OPERATORS, ROUNDED_TABLE
from netlearn.expressions.law import Law
from netlearn.netlist.statements import Word

_PROBE = re.compile(r"([vi])\(([^(),]+)(?:,([^(),]+))?\)")
_HAS_PROBE = re.compile(r"\b[vi]\s*\(", re.IGNORECASE)
_AT_REST: Mapping[str, float] = {"time": 0.0, "hertz": 0.0, "freq": 0.0}
"""Names that only a behavioural source has, and what they are at an operating point."""

_LARGEST_POLYNOMIAL = 50


@lru_cache(maxsize=4096)
def _device(steps: tuple[Operation, ...], differences: tuple[bool, ...], parameters: int, current: bool) -> Device:
    """One device for all sources of one form, so that they are evaluated together."""
    law = Law(Expression("", steps), differences, parameters)
    controls = len(differences) + sum(differences)
    values = {f"p{i}": float("nan") for i in range(parameters)}
    build = behavioural_current_source if current else behavioural_voltage_source
    return replace(build(law, controls, values, law.gradient), linear=_is_affine(law.expression))


def _is_affine(expression: Expression) -> bool:
    """Whether probes occur only in sums and with constant factors."""
    moving: list[bool] = []
    affine = {id(OPERATORS[name]) for name in ("add", "sub", "neg", "pos")}
    product, quotient = OPERATORS["mul"], OPERATORS["div"]
    for step in expression.steps:
        inputs = [moving[i] for i in step.inputs]
        moves = step.kind == "name" and step.name.startswith("#")
        if any(inputs):
            fine = (
                id(step.function) in affine
                or (step.function is product and not all(inputs))
                or (step.function is quotient and not inputs[1])
            )
            if not fine:
                return False
            moves = True
        moving.append(moves)
    return True


def behavioural_source(line: ElementLine) -> None:
    """``Bname p n V=expression`` and ``Bname p n I=expression [m=...]``."""
    given = line.assignments(("v", "i", "m"))
    if ("v" in given) == ("i" in given):
        raise line.error(f"{line.label} needs either V=expression or I=expression")
    _refuse_more(line)
    kind = "i" if "i" in given else "v"
    add_source(line, line.compile(given[kind].value), current=kind == "i", own_multiplier_only=True)


def _refuse_more(line: ElementLine) -> None:
    for word in line.rest(2):
        raise line.error(f"cannot read '{word.text}' in the source {line.label}", word)


def by_expression(line: ElementLine) -> bool:
    """An E, G, F or H line given by VALUE, TABLE or POLY; False if it is none of these."""
    current = line.name[0] in "gf"
    values = [a for a in line.element.assignments if a.name.text.lower() in ("value", "vol", "cur")]
    if values:
        line.assignments(("value", "vol", "cur", *(("m",) if current else ())))
        _refuse_more(line)
        add_source(line, line.compile(values[0].value), current=current)
        return True
    for call in line.element.calls:
        word = call.text[:5].lower()
        if word.startswith("poly"):
            _polynomial(line, call, current)
        elif word == "table":
            _refuse_more(line)
            add_source(line, _table(line, call), current=current)
        else:
            raise line.error(f"{call.text.split('(')[0].split()[0].upper()} sources are not supported", call)
        return True
    return False


def resistor_by_expression(line: ElementLine) -> bool:
    """A resistor whose value depends on voltages or currents: a current of v over that value."""
    named = [a.value for a in line.element.assignments if a.name.text.lower() in ("r", "resistance")]
    word = next((word for word in (*named, *line.rest(2)[:1]) if _HAS_PROBE.search(word.text)), None)
    if word is None:
        return False
    line.assignments(("r", "resistance", "m"), ("ac", "noisy"))
    across = f"v({line.element.words[0].text.lower()},{line.element.words[1].text.lower()})"
    steps = line.compile(word).steps
    last = len(steps) - 1
    current = Operation("call", (last + 1, last), function=OPERATORS["div"])
    add_source(line, Expression(word.text, (*steps, Operation("name", name=across), current)), current=True)
    return True


def _table(line: ElementLine, call: Word) -> Expression:
    """``TABLE {expression} = (x, y) (x, y) ...``."""
    match = re.fullmatch(r"table\s*=?\s*(?:\{(.*?)\}|'(.*?)')\s*=?\s*(.*)", call.text, re.IGNORECASE | re.DOTALL)
    if match is None:
        raise line.error("cannot read the table", call, "TABLE {V(a)} = (x1,y1) (x2,y2)")
    points = re.findall(r"\{[^}]*\}|[^\s,()]+", match[3])
    if len(points) < 4 or len(points) % 2:
        raise line.error("a table needs at least two pairs of numbers", call, "TABLE {V(a)} = (x1,y1) (x2,y2)")
    text = f"{ROUNDED_TABLE}({match[1] or match[2]}, {', '.join(points)})"
    expression = line.body.scope.compile(Text(text, line.source, call.start, line.chain), behavioural=True)
    numbers = [step.value for step in expression.steps if step.kind == "number"][-len(points) :: 2]
    if any(step.kind == "name" and "(" not in step.name for step in expression.steps):
        return expression
    if any(a is None or b is None or a >= b for a, b in pairwise(numbers)):
        raise line.error("the x values of a table must rise", call)
    return expression


def _polynomial(line: ElementLine, call: Word, current: bool) -> None:
    """``POLY(n) controls coefficients``: constant, linear terms, then all products in order."""
    size = re.fullmatch(r"poly\s*\(\s*(\d+)\s*\)", call.text, re.IGNORECASE)
    dimension = int(size[1]) if size else 0
    if not 1 <= dimension <= _LARGEST_POLYNOMIAL:
        raise line.error(f"cannot read '{call.text}'", call, "POLY(1), POLY(2), ...")
    by_current = line.name[0] in "fh"
    words = line.rest(2)
    count = dimension if by_current else 2 * dimension
    if len(words) <= count:
        raise line.error(f"{line.label} needs {count} controls and then coefficients", call)
    controls = [word.text.lower() for word in words[:count]]
    if by_current:
        probes = [f"i({name})" for name in controls]
    else:
        probes = [f"v({p},{n})" for p, n in zip(controls[::2], controls[1::2], strict=True)]
    line.assignments(("m",) if current else ())
    coefficients = words[count:]
    steps, names = _polynomial_steps(probes, len(coefficients))
    quantities = dict(zip(names, (line.quantity(word) for word in coefficients), strict=True))
    add_source(line, Expression(call.text, tuple(steps)), current=current, quantities=quantities)


def _polynomial_steps(probes: list[str], coefficients: int) -> tuple[list[Operation], list[str]]:
    steps = [Operation("name", name=probe) for probe in probes]
    names = [f"coefficient {k}" for k in range(coefficients)]
    total: int | None = None
    degree = 0
    terms: Iterator[tuple[int, ...]] = iter([()])
    for name in names:
        term = next(terms, None)
        if term is None:
            degree += 1
            terms = combinations_with_replacement(range(len(probes)), degree)
            term = next(terms)
        steps.append(Operation("name", name=name))
        for factor in term:
            steps.append(Operation("call", (len(steps) - 1, factor), function=OPERATORS["mul"]))
        if total is not None:
            steps.append(Operation("call", (total, len(steps) - 1), function=OPERATORS["add"]))
        total = len(steps) - 1
    return steps, names


def add_source(
    line: ElementLine,
    expression: Expression,
    *,
    current: bool,
    quantities: Mapping[str, int] | None = None,
    own_multiplier_only: bool = False,
) -> None:
    """Put a source with this value into the template, once all branch currents are known."""
    nodes = line.nodes(2)
    own = () if current else (line.branch(),)
    probes, parameters = _names(line, expression, dict(quantities or {}))
    if current:
        expression, parameters = _with_multiplier(line, expression, parameters, own_multiplier_only)
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
        if quantity is None:
            quantity = line.body.scope.find(name)
        if quantity is None and name in _AT_REST:
            quantity = line.graph.constant(_AT_REST[name])
        if quantity is None:
            raise line.error(f"unknown parameter '{name}' in {line.label}")
        parameters[name] = quantity
    return probes, parameters


def _with_multiplier(
    line: ElementLine, expression: Expression, parameters: dict[str, int], own_only: bool
) -> tuple[Expression, dict[str, int]]:
    """A current times m=; of the instances around, ngspice multiplies E to H sources but not B."""
    factor = _multiplier(line, own_only)
    if factor is None:
        return expression, parameters
    last = len(expression.steps) - 1
    product = Operation("call", (last, last + 1), function=OPERATORS["mul"])
    steps = (*expression.steps, Operation("name", name="multiplier m"), product)
    return Expression(expression.text, steps), {**parameters, "multiplier m": factor}


def _multiplier(line: ElementLine, own_only: bool) -> int | None:
    own = next((a for a in line.element.assignments if a.name.text.lower() == "m"), None)
    if own_only:
        return None if own is None else line.quantity(own.value)
    return line.multiplier(own)
