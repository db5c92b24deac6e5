"""``.options`` and ``.temp``: what they set of the circuit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.elaboration.body import Body
from netlearn.elaboration.cards import OPTION_CARDS, Active
from netlearn.elaboration.elements.resistors import LEAST
from netlearn.elaboration.known_options import HARMLESS_OPTIONS
from netlearn.elaboration.scope_settings import NodeShunt, ScopeSettings
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError, NetlistWarning
from netlearn.netlist.numbers import cut_by_ngspice, plain_number
from netlearn.netlist.statements import Assignment, Card, Word

_NUMERIC_OPTIONS = ("reltol", "abstol", "vntol", "itl1", "itl2", "pivtol", "pivrel", "gminsteps", "srcsteps")
_TOLERANCES = ("reltol", "abstol", "vntol")
_DEFAULT_SIZES: Mapping[str, str] = {"defl": "l", "defw": "w", "defad": "ad"}
"""What a MOSFET that does not give a size takes from an option."""
SET_OPTIONS = ("temp", "tnom", "gmin", "scale", *_DEFAULT_SIZES, *_NUMERIC_OPTIONS)
"""Options that the circuit itself has."""
_REFUSED_OPTIONS: Mapping[str, str] = {
    "defas": "ngspice takes it for defad; write the area of each source",
}


def read_options(body: Body, items: Iterable[Active]) -> None:
    """``.options`` and ``.temp`` into the settings; ``.temp`` comes before an option."""
    settings = body.shared.settings
    scaled: dict[str, Card] = {}
    for item in items:
        card = item.statement
        if not isinstance(card, Card) or card.name not in OPTION_CARDS:
            continue
        for assignment in card.assignments:
            with body.shared.collecting():
                name = assignment.name.text.lower()
                if name in _REFUSED_OPTIONS and body.shared.foreign:
                    continue
                if name in _REFUSED_OPTIONS:
                    place = card.source.place(assignment.name.start, assignment.name.end, item.chain)
                    raise NetlistError(f"the option '{name}' is not supported: {_REFUSED_OPTIONS[name]}", place)
                if name == "rshunt":
                    settings.shunt = _shunt(body, item, assignment)
                    continue
                if name == "gshunt":
                    _warn_of_conductance(body, item, assignment.name)
                    continue
                if name == "rseries":
                    if assignment is _counting(card, name):
                        _set_series(body, item, assignment.value)
                    else:
                        _warn_of_second(body, item, assignment.name)
                    continue
                if name not in SET_OPTIONS:
                    _warn_of_option(body, item, assignment.name)
                    continue
                if assignment is not _counting(card, name):
                    _warn_of_second(body, item, assignment.name)
                    continue
                if name == "scale" and scaled.setdefault(name, card) is not card:
                    _warn_of_second(body, item, assignment.name)
                    continue
                text = Text.of(assignment.value, card.source, item.chain)
                value = _celsius(body, text) if name in ("temp", "tnom") else body.fixed(text)
                if name in _TOLERANCES and value < 0:
                    raise item.word_error(assignment.name, f"'{name}' must be at least 0, not {value:g}")
                _set_option(settings, name, value)
        for word in card.words:
            if word.text.lower() == "badmos3":
                settings.badmos3 = 1.0
            elif word.text.lower() == "rseries":
                _set_series(body, item, word)
            else:
                _warn_of_option(body, item, word)
    for item in items:
        card = item.statement
        if isinstance(card, Card) and card.name == "temp":
            with body.shared.collecting():
                if not card.words and not card.assignments:
                    # To ngspice it is 0 degrees.
                    raise item.error(".temp needs a temperature", ".temp 27")
                if len(card.words) > 1 or card.assignments:
                    extra = card.words[1] if len(card.words) > 1 else card.assignments[0].name
                    raise item.word_error(extra, ".temp takes one temperature", "run each temperature by itself")
                if card.words[0].text[-1].isalpha():
                    error = item.word_error(
                        card.words[0], "ngspice takes no unit here, and leaves its temperature at 27"
                    )
                    body.shared.warnings.append(NetlistWarning(error.message, error.place, "write a plain number"))
                settings.temperature = _celsius(body, Text.of(card.words[0], card.source, item.chain))


def warn_of_inner_options(body: Body, items: Iterable[Active]) -> None:
    """Warn of what a subcircuit sets for the whole circuit, which counts outside of it only."""
    for item in items:
        card = item.statement
        if not isinstance(card, Card) or card.name not in (*OPTION_CARDS, "temp"):
            continue
        names = [*card.words, *(assignment.name for assignment in card.assignments)]
        if card.name == "temp" or any(name.text.lower() not in HARMLESS_OPTIONS - {*SET_OPTIONS} for name in names):
            message = f"a .{card.name} in a subcircuit is left out, as it is about the whole circuit"
            error = item.error(message, "move it out of the subcircuit")
            body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))


def _celsius(body: Body, text: Text) -> float:
    """A temperature. Raises NetlistError for one that is not above absolute zero."""
    value = body.fixed(text)
    if not value > -ZERO_CELSIUS:
        hint = f"temperatures are in degrees Celsius, of which absolute zero is {-ZERO_CELSIUS:g}"
        raise NetlistError(f"a temperature of {value:g} is not above absolute zero", text.place(), hint)
    return value


def _shunt(body: Body, item: Active, assignment: Assignment) -> NodeShunt | None:
    """The resistor from each node to ground; none, with a warning, where its resistance is not positive."""
    source, word = item.statement.source, assignment.value
    text, graph = Text.of(word, source, item.chain), body.shared.graph
    value = body.fixed(text)
    if value > 0:
        return NodeShunt(graph.constant(value), (graph.source_number(source), word.start, word.end))
    message = f"rshunt={value:g} is too small: as in ngspice, there are no resistors from nodes to ground"
    body.shared.warnings.append(NetlistWarning(message, text.place()))
    return None


def _set_series(body: Body, item: Active, word: Word) -> None:
    """Set the resistance in series with every inductor; ``word`` is its value, or the option's name without one.

    Raises NetlistError for an expression, which ngspice does not read here.
    """
    card, graph = item.statement, body.shared.graph
    if isinstance(card, Card) and card.name == "opt":
        error = item.word_error(word, "ngspice reads rseries in .options only, and this one is left out", ".options")
        body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))
        return
    number = plain_number(word.text)
    value = LEAST if word.text.lower() == "rseries" else cut_by_ngspice(word.text) if number is None else number
    if value is None:
        hint = "ngspice reads no name and no expression here"
        raise item.word_error(word, f"rseries needs a plain number, not '{word.text}'", hint)
    body.shared.settings.series = graph.constant(value or LEAST)


def _warn_of_conductance(body: Body, item: Active, word: Word) -> None:
    message = "gshunt is left out: ngspice adds it to its matrix only where it steps gmin, and to the wrong entries"
    hint = "rshunt=... puts a resistor from every node to ground"
    error = item.word_error(word, message, hint)
    body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))


def _warn_of_option(body: Body, item: Active, word: Word) -> None:
    if word.text.lower() not in HARMLESS_OPTIONS:
        error = item.word_error(word, f"there is no option '{word.text}'; it is left out")
        body.shared.warnings.append(NetlistWarning(error.message, error.place))


def _counting(card: Card, name: str) -> Assignment:
    """Which of several values that a line gives an option counts to ngspice: the first, but of scale the last."""
    found = [pair for pair in card.assignments if pair.name.text.lower() == name]
    return found[-1 if name == "scale" else 0]


def _warn_of_second(body: Body, item: Active, word: Word) -> None:
    # Of several lines the last one counts, but for scale, of which it is the first.
    message = f"'{word.text}' is given elsewhere, and this one is left out, as ngspice does"
    error = item.word_error(word, message, "give it once")
    body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))


def _set_option(settings: ScopeSettings, name: str, value: float) -> None:
    if name == "temp":
        settings.temperature = value
    elif name == "tnom":
        settings.nominal_temperature = value
    elif name == "gmin":
        settings.gmin = value
    elif name == "scale":
        settings.scale = value
    elif name in _DEFAULT_SIZES:
        settings.default_sizes[_DEFAULT_SIZES[name]] = value
    else:
        settings.options[name] = value
