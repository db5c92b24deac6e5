"""Controlled sources: E, F, G and H with a gain, a polynomial, an expression or a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from netlearn.circuit.devices.linear import CCCS, CCVS, VCCS, VCVS
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.behavioural import add_source, refuse_more, warmer
from netlearn.elaboration.elements.sources import multiplied
from netlearn.elaboration.elements.temperature import TEMPERATURE
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError
from netlearn.expressions.expression import Expression, Operation
from netlearn.expressions.functions import OPERATORS, ROUNDED_TABLE
from netlearn.netlist.statements import Word

_LARGEST_POLYNOMIAL = 50
"""Controls of a POLY source, by convention: those of manufacturers' models have up to about ten, larger ones are
mistakes."""
_EXPRESSIONS = ("value", "vol", "cur")
_TABLE_FORM = "TABLE {V(a)} = (x1,y1) (x2,y2)"


def controlled(line: ElementLine) -> None:
    """``Ename p n cp cn gain``, ``Fname p n source gain``, the like of G and H, and what may stand for the gain."""
    current = line.name[0] in "gf"
    expression = _expression(line)
    if expression is not None:
        given = {assignment.name.text.lower(): assignment for assignment in line.element.assignments}
        add_source(line, line.compile(expression), current=current, factor=warmer(line, given))
        return
    for call in line.element.calls:
        word = call.text[:5].lower()
        if word.startswith("poly"):
            _polynomial(line, _dimension(line, call), current, call)
        elif word == "table":
            line.assignments(("m",) if current else ())
            controls = [word.text for word in line.rest(2)]
            if len(controls) == 2:
                form = f"TABLE {{V({controls[0]},{controls[1]})}} = (x1,y1) (x2,y2)"
                raise line.error("a table between nodes is LTspice's, and not supported", call, f"write {form}")
            refuse_more(line)
            add_source(line, _table(line, call), current=current)
        else:
            raise _of_frequency(line, call, call.text[:7] if word == "lapla" else call.text[:4])
        return
    kinds = [word for word in line.rest(2)[:1] if word.text.lower() in _OF_FREQUENCY and len(line.rest(2)) > 4]
    if kinds:
        raise _of_frequency(line, kinds[0], kinds[0].text)
    if line.name[0] in "eg":
        _by_voltage(line)
    else:
        _by_current(line)


_OF_FREQUENCY = ("laplace", "pole", "freq")
"""What HSPICE writes before the nodes that control, where four words and more follow: after nodes two at most do."""


def _of_frequency(line: ElementLine, at: Word, kind: str) -> NetlistError:
    hint = "at an operating point only the gain at zero frequency counts: VALUE={gain*V(...)}"
    return line.error(f"{kind.upper()} sources are not supported", at, hint)


def _expression(line: ElementLine) -> Word | None:
    """What stands after VALUE, with ``=`` or without."""
    for assignment in line.element.assignments:
        if assignment.name.text.lower() in _EXPRESSIONS:
            line.assignments((*_EXPRESSIONS, *(("m",) if line.name[0] in "gf" else ()), *TEMPERATURE))
            refuse_more(line)
            return assignment.value
    words = line.rest(2)
    if len(words) > 1 and words[0].text.lower() in _EXPRESSIONS and words[1].text[0] in "{'":
        line.assignments((*(("m",) if line.name[0] in "gf" else ()), *TEMPERATURE))
        refuse_more(line, 4)
        return words[1]
    return None


def _by_voltage(line: ElementLine) -> None:
    nodes = line.nodes(4)
    gains = _gains(line, line.rest(4), "g")
    if len(gains) > 1:
        _polynomial(line, 1, line.name[0] == "g")
        return
    gain = line.quantity(gains[0])
    if line.name[0] == "e":
        line.add(VCVS, (*nodes, line.branch()), {"gain": gain}, written=gain)
    else:
        line.add(VCCS, nodes, {"gain": multiplied(line, gain)}, written=gain)


def _by_current(line: ElementLine) -> None:
    nodes = line.nodes(2)
    rest = line.rest(2)
    if not rest:
        raise line.error(f"{line.label} needs the name of a voltage source", hint="Fname p n Vname gain")
    gains = _gains(line, rest[1:], "f")
    if len(gains) > 1:
        _polynomial(line, 1, line.name[0] == "f")
        return
    gain = line.quantity(gains[0])
    if line.name[0] == "h":
        own = line.branch()
        line.later(
            lambda: line.add(CCVS, (*nodes, line.controlling_branch(rest[0]), own), {"gain": gain}, written=gain)
        )
        return
    total = multiplied(line, gain)
    line.later(lambda: line.add(CCCS, (*nodes, line.controlling_branch(rest[0])), {"gain": total}, written=gain))


def _gains(line: ElementLine, words: Sequence[Word], current: str) -> list[Word]:
    """The gain; where there are more numbers, they are the coefficients of a polynomial, as in ngspice."""
    named = line.assignments(("gain", *(("m",) if line.name[0] == current else ())))
    gains = [*words, *([named["gain"].value] if "gain" in named else [])]
    if not gains:
        raise line.error(f"{line.label} has no gain")
    if "gain" in named and len(gains) > 1:
        raise line.error(f"cannot read '{words[0].text}' beside the gain of {line.label}", words[0])
    return gains


def _table(line: ElementLine, call: Word) -> Expression:
    """``TABLE {expression} = (x, y) (x, y) ...``."""
    match = re.fullmatch(r"table\s*=?\s*(?:\{(.*?)\}|'(.*?)')\s*=?\s*(.*)", call.text, re.IGNORECASE | re.DOTALL)
    if match is None:
        raise line.error("cannot read the table", call, _TABLE_FORM)
    points = [
        Word(piece[0], call.start + piece.start(), call.start + piece.end())
        for piece in re.compile(r"\{[^}]*\}|[^\s,()]+").finditer(call.text, match.start(3))
    ]
    if len(points) < 4 or len(points) % 2:
        raise line.error("a table needs at least two pairs of numbers", call, _TABLE_FORM)
    scope = line.body.scope
    text = f"{ROUNDED_TABLE}({match[1] or match[2]}, {', '.join(point.text for point in points)})"
    expression = scope.compile(Text(text, line.source, call.start, line.chain), behavioural=True)
    values = [line.graph.value(scope.quantity(Text.of(x, line.source, line.chain, braced=True))) for x in points[::2]]
    for (before, after), point in zip(pairwise(values), points[2::2], strict=True):
        if before > after:
            raise line.error(f"the x values of a table must rise, and {after:g} follows {before:g}", point)
    return expression


def _dimension(line: ElementLine, call: Word) -> int:
    """The n of ``POLY(n)``."""
    size = re.fullmatch(r"poly\s*\(\s*(\d{1,9})\s*\)", call.text, re.IGNORECASE)
    dimension = int(size[1]) if size else 0
    if not 1 <= dimension <= _LARGEST_POLYNOMIAL:
        raise line.error(f"cannot read '{call.text}'", call, f"POLY(1), POLY(2), ... POLY({_LARGEST_POLYNOMIAL})")
    return dimension


def _polynomial(line: ElementLine, dimension: int, current: bool, call: Word | None = None) -> None:
    """Controls and then coefficients: the constant, linear terms, then all products in order."""
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
    steps, names = polynomial_steps(probes, len(coefficients))
    quantities = dict(zip(names, (line.quantity(word) for word in coefficients), strict=True))
    add_source(line, Expression(call.text if call else "", tuple(steps)), current=current, quantities=quantities)


def polynomial_steps(probes: list[str], coefficients: int) -> tuple[list[Operation], list[str]]:
    """The operations of a polynomial of so many coefficients, and what these are called."""
    steps = [Operation("name", name=probe) for probe in probes]
    names = [f"coefficient {k}" for k in range(coefficients)]
    products: list[int] = []
    total = 0
    for name, (before, factor) in zip(names, _terms(len(probes)), strict=False):
        # Each product is one factor more than another that was there before.
        if before is None or before == 0:
            products.append(factor)
        else:
            steps.append(Operation("call", (products[before], factor), function=OPERATORS["mul"]))
            products.append(len(steps) - 1)
        steps.append(Operation("name", name=name))
        if before is not None:
            steps.append(Operation("call", (len(steps) - 1, products[-1]), function=OPERATORS["mul"]))
            steps.append(Operation("call", (total, len(steps) - 1), function=OPERATORS["add"]))
        total = len(steps) - 1
    return steps, names


def _terms(factors: int) -> Iterator[tuple[int | None, int]]:
    """The terms of a polynomial in SPICE's order, the constant first: the number of the term that each is one factor
    more than, and this factor."""
    yield None, 0
    last, degree = [0], range(1)
    while True:
        for before in degree:
            for factor in range(last[before], factors):
                yield before, factor
                last.append(factor)
        degree = range(degree.stop, len(last))
