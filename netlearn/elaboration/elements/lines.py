"""Transmission lines at the operating point: a wire, or the resistance that ngspice puts into them.

The rules are ngspice's (manual, "Transmission Lines"). T is ideal, O has a model of type ltra, Y of type txl and P,
several conductors side by side, of type cpl; U has a model of type urc.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.transmission_line import (
    EQUAL_LINE,
    LEAKY_LINE,
    LOSSLESS_LINE,
    LOSSY_LINE,
    RETURNING_LINE,
)
from netlearn.elaboration.body import ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.model_cards import found_model, known_quantities, model_names
from netlearn.elaboration.template import branch_code
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError, did_you_mean
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.numbers import starts_like_number
from netlearn.netlist.statements import Word

PRODUCT = parse_expression("x*y")
_LENGTHS = {"length": "len"}
_IDEAL = ("z0", "zo", "td", "f", "nl", "ic", "rel", "abs")
_LTRA = (
    *("l", "c", "rel", "abs", "nocontrol", "steplimit", "nosteplimit", "lininterp", "quadinterp", "mixedinterp"),
    *("truncnr", "truncdontcut", "compactrel", "compactabs", "ltra"),
)
_STEEP = 1.6e10
"""Above so many ohms a henry ngspice 39 has another equation for a TXL line, by definition: one with r=15.99 and l=1n
has its resistance, one with r=16.01 has not."""
_URC_LENGTH = "L=length in metres"


def ideal_line(line: ElementLine) -> None:
    """``Tname p1 n1 p2 n2 Z0=... [TD=...]``, and PSpice's ``Tname p1 n1 p2 n2 LEN=... R=... G=...``."""
    given = line.assignments(("r", "g", "len"), (*_IDEAL, "l", "c"))
    nodes = line.nodes(4)
    for word in line.rest(4):
        raise line.error(f"cannot read '{word.text}' in the line {line.label}", word, "name=value")
    if "r" not in given and not {a.name.text.lower() for a in line.element.assignments} & {"z0", "zo"}:
        raise line.error(f"{line.label} has no impedance", hint="Tname p1 n1 p2 n2 Z0=50 TD=1n")
    quantities = {name: line.quantity(assignment.value) for name, assignment in given.items()}
    _add(line, nodes, quantities)


def lossy_line(line: ElementLine) -> None:
    """``Oname p1 n1 p2 n2 model``, with a model of type ltra."""
    nodes = line.nodes(4)
    line.assignments((), ("ic",))
    model = _model(line, 4, "ltra")
    quantities = known_quantities(model, ("r", "g", "len"), {}, _LTRA)
    if line.graph.value(quantities.get("g", line.graph.constant(0.0))) != 0 and any(
        line.graph.value(quantity) != 0 for quantity in _storage(model)
    ):
        word = model_names(model)["g"].name
        hint = "with g, ngspice takes a line with r and without l and c"
        raise NetlistError("a line with g and with l or c is not supported", model.place(word), hint)
    _add(line, nodes, quantities)


def _storage(model: ModelCard, parts: Sequence[str] = ("l", "c")) -> list[int]:
    """The quantities of a card's inductance and capacitance."""
    names = model_names(model)
    found = [names[name].value for name in parts if name in names]
    return [model.body.scope.quantity(Text.of(word, model.card.source, model.chain)) for word in found]


def single_line(line: ElementLine) -> None:
    """``Yname 1 0 2 0 model [LEN=...]``, with a model of type txl."""
    one, _, two, _ = line.nodes(4)
    model = _model(line, 4, "txl")
    quantities = known_quantities(model, ("r", "len"), _LENGTHS, ("l", "c", "g", "txl"))
    inductance = [line.graph.value(quantity) for quantity in _storage(model, ("l",))]
    if "r" in quantities and inductance and line.graph.value(quantities["r"]) > _STEEP * inductance[0]:
        line.warn(
            f"{line.label} has r*len ohms here, and 9/(r*len) in ngspice, as r is more than {_STEEP:g} times l",
            line.element.words[4],
            "write a resistor",
        )
    _add(line, (one, GROUND, two, GROUND), {**quantities, **_own_length(line)})


def coupled_lines(line: ElementLine) -> None:
    """``Pname in1 in2 ... 0 out1 out2 ... 0 model [LEN=...]``, with a model of type cpl."""
    words = line.element.words
    at = next((at for at in range(len(words) - 1, 0, -1) if _is_model(line, words[at])), len(words) - 1)
    count = at // 2 - 1
    if at % 2 or count < 1:
        raise line.error(f"{line.label} needs as many nodes on either side, each with a reference, and a model")
    nodes = line.nodes(at)
    model = _model(line, at, "cpl")
    matrices = {name: _matrix(model, name, count) for name in ("r", "l", "c", "g")}
    used = set(chain.from_iterable(matrices.values()))
    for word in model.words:
        if starts_like_number(word.text) and word not in used:
            raise NetlistError(f"cannot read '{word.text}' in the model", model.place(word), "name=value")
    resistances = _resistances(line, model, matrices["r"], count)
    card = known_quantities(model, ("len",), _LENGTHS, ("r", "l", "c", "g", "cpl"), lists=True)
    length = {**{name: quantity for name, quantity in card.items() if name == "len"}, **_own_length(line)}
    for conductor in range(count):
        ends = (nodes[conductor], GROUND, nodes[count + 1 + conductor], GROUND)
        _add(line, ends, {"r": resistances[conductor], **length}, f"#{conductor + 1}")


def _matrix(model: ModelCard, name: str, count: int) -> list[Word]:
    """The numbers of a matrix of a line's model, none where it is not given.

    Raises NetlistError where there are too few or too many.
    """
    names = model_names(model)
    given = names.get(name)
    if given is None:
        return []
    starts = (assignment.name.start for assignment in names.values())
    end = min((start for start in starts if start > given.name.start), default=model.card.end)
    words = [given.value, *(word for word in model.words if given.value.end <= word.start < end)]
    wanted = count * (count + 1) // 2
    if len(words) != wanted:
        message = f"a line of {count} conductors needs {wanted} numbers for {name}, not {len(words)}"
        raise NetlistError(message, model.place(given.name), "the upper half of their matrix, row by row")
    return words


def _resistances(line: ElementLine, model: ModelCard, words: Sequence[Word], count: int) -> Mapping[int, int]:
    """The resistance of each conductor: the diagonal of the matrix whose upper half ``words`` are, row by row."""
    if not words:
        return dict.fromkeys(range(count), line.graph.constant(0.0))
    found, at = {}, 0
    for conductor in range(count):
        text = Text.of(words[at], model.card.source, model.chain)
        found[conductor] = model.body.scope.quantity(text)
        at += count - conductor
    return found


def uniform_line(line: ElementLine) -> None:
    """``Uname 1 2 3 model L=length [N=sections]``, with a model of type urc."""
    one, two, _ = line.nodes(3)
    given = line.assignments(("l",), ("n",))
    model = _model(line, 3, "urc")
    card = known_quantities(model, ("rperl", "isperl"), {}, ("k", "fmax", "cperl", "rsperl", "urc"))
    constant = line.graph.constant
    if "isperl" in card and line.graph.value(card["isperl"]) != 0:
        place = model.place(model_names(model)["isperl"].name)
        raise NetlistError("a line of diodes is not supported", place, "without isperl it is one of capacitors")
    if "l" not in given:
        raise line.error(f"{line.label} has no length", hint=_URC_LENGTH)
    quantities = {"r": card.get("rperl", constant(1000.0)), "len": line.quantity(given["l"].value)}
    _add(line, (one, GROUND, two, GROUND), quantities)


def _own_length(line: ElementLine) -> dict[str, int]:
    given = line.assignments(("len",))
    return {name: line.quantity(assignment.value) for name, assignment in given.items()}


def _is_model(line: ElementLine, word: Word) -> bool:
    return found_model(line.body, word.text.lower()) is not None


def _model(line: ElementLine, at: int, kind: str) -> ModelCard:
    words = line.element.words
    if len(words) <= at:
        raise line.error(f"{line.label} has no model")
    model = found_model(line.body, words[at].text.lower())
    if model is None:
        hint = did_you_mean(words[at].text, line.body.known_models())
        raise line.error(f"unknown model '{words[at].text}'", words[at], hint)
    if model.kind != kind:
        raise line.error(f"model '{words[at].text}' is of type {model.kind}, not {kind}", words[at])
    for word in words[at + 1 :]:
        raise line.error(f"cannot read '{word.text}' after the model of {line.label}", word)
    for word in model.words:
        if word.text.lower() not in _LTRA and not starts_like_number(word.text):
            raise NetlistError(f"cannot read '{word.text}' in the model", model.place(word), "name=value")
    return model


def _add(line: ElementLine, ends: tuple[int, ...], quantities: Mapping[str, int], part: str = "") -> None:
    """A line with the resistance ``r`` and the conductance ``g`` for each unit of the length ``len``."""
    line.leave_out("the inductance, capacitance or delay")
    name = f"{line.name}{part}"
    length = quantities.get("len")
    totals = {
        value: quantities[word] if length is None else line.formula(PRODUCT, {"x": quantities[word], "y": length})
        for value, word in (("resistance", "r"), ("conductance", "g"))
        if word in quantities and line.graph.value(quantities[word]) != 0
    }
    for value, quantity in totals.items():
        if not line.graph.value(quantity) > 0:
            raise line.error(f"{line.label} has a {value} that is not positive")
    if "resistance" not in totals:
        if "conductance" in totals:
            raise line.error(f"{line.label} has a conductance and no resistance", hint="give r")
        # Not by the element's own name: ngspice does not take this current for a control either.
        branch = branch_code(line.body.template.branches.local(f"{name}#i1"))
        device = EQUAL_LINE if line.element.letter == "O" and ends[1] != ends[3] else LOSSLESS_LINE
        line.add(device, (*ends, branch), {}, name=name)
    elif "conductance" in totals:
        line.add(LEAKY_LINE, ends, totals, name=name)
    elif ends[1] == ends[3]:
        line.add(LOSSY_LINE, (ends[0], GROUND, ends[2], GROUND), totals, name=name)
    else:
        line.add(RETURNING_LINE, ends, totals, name=name)
