"""Elements with a ``.model``: diodes, transistors, switches."""

from __future__ import annotations

from collections.abc import Sequence

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.model_type import ModelType
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.body import ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.model_cards import found_model, model_names, model_quantities
from netlearn.errors import CircuitError, NetlistError, did_you_mean
from netlearn.netlist.statements import Word

_SELECTORS = ("level", "version")


def modelled(line: ElementLine) -> None:
    """``name node ... model [number ...] [on|off] [name=value ...]``."""
    letter = line.element.letter
    at, model = _model(line, [kind for kind in MODEL_TYPES.values() if kind.letter == letter])
    kind = MODEL_TYPES[model.kind].variant(model_names(model))
    nodes = line.nodes(at - kind.controls)
    if len(nodes) not in kind.terminals:
        counts = " or ".join(str(count) for count in kind.terminals)
        raise line.error(f"{line.label} has {len(nodes)} nodes before its model, not {counts}")
    if letter == "M" and line.settings.scale != 1:
        raise line.error(f"{line.label} has a size that .options scale changes, which is not supported")
    element = _element_quantities(line, kind, line.element.words[at + 1 :])
    quantities = {**_model_quantities(line, model, kind), **element}
    value = line.graph.value
    values = kind.complete({name: value(q) for name, q in quantities.items()}, {})
    device = kind.device_for(values)
    # What completion has left alone keeps its quantity, and with it its gradient.
    columns = {
        name: quantities[name]
        if name in quantities and value(quantities[name]) == values[name]
        else line.graph.constant(float(values[name]))
        for name in device.parameters
    }
    terminals = len(device.unknowns) - len(device.internal)
    filler = (GROUND,) * len(device.internal)
    if not kind.controls:
        line.add(device, (*nodes, *(GROUND,) * (terminals - len(nodes)), *filler), columns)
        return
    controls = line.element.words[len(nodes) : at]
    line.later(lambda: line.add(device, (*nodes, *(line.controlling_branch(word) for word in controls)), columns))


def _model(line: ElementLine, kinds: Sequence[ModelType]) -> tuple[int, ModelCard]:
    """The model and its place among the words: the first word after the nodes that names one."""
    words = line.element.words
    first = min(min(kind.terminals) + kind.controls for kind in kinds)
    for at in range(first, len(words)):
        model = found_model(line.body, words[at].text.lower())
        if model is not None:
            if all(model.kind != kind.name for kind in kinds):
                wanted = " or ".join(kind.name for kind in kinds)
                raise line.error(f"model '{words[at].text}' is of type {model.kind}, not {wanted}", words[at])
            return at, model
    if len(words) <= first:
        raise line.error(f"{line.label} has no model")
    name = words[-1].text if len(words) <= max(max(kind.terminals) for kind in kinds) else ""
    word = words[-1] if name else words[first]
    raise line.error(f"unknown model '{word.text}'", word, did_you_mean(word.text, line.body.known_models()))


def _model_quantities(line: ElementLine, model: ModelCard, kind: ModelType) -> dict[str, int]:
    found: dict[str, int] = {}
    quantities = model_quantities(model, lambda name: kind.knows(name) or name in _SELECTORS)
    for name, quantity in quantities.items():
        try:
            own = kind.model_value(name, line.graph.value(quantity))
        except CircuitError as problem:
            raise NetlistError(problem.message, model.place(model_names(model)[name].name), problem.hint) from None
        if own is not None:
            found[own] = quantity
    for word in model.words:
        name = word.text.lower()
        if name not in kind.flags and not kind.knows(name):
            message = f"cannot read '{word.text}' in the model '{model.card.words[0].text}'"
            raise NetlistError(message, model.place(word), "name=value")
        flag = kind.flags.get(name)
        if flag is not None:
            found[flag[0]] = line.graph.constant(flag[1])
    return found


def _element_quantities(line: ElementLine, kind: ModelType, words: tuple[Word, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    positions = list(kind.positional)
    for word in words:
        name = word.text.lower()
        if name in kind.flags:
            flag = kind.flags[name]
            if flag is not None:
                found[flag[0]] = line.graph.constant(flag[1])
        elif positions:
            found[positions.pop(0)] = line.quantity(word)
        else:
            raise line.error(f"cannot read '{word.text}' after the model of {line.label}", word)
    own = None
    for assignment in line.element.assignments:
        name = assignment.name.text.lower()
        if name == "m":
            own = assignment
            continue
        try:
            value = kind.element_value(name)
            if value is not None:
                found[value] = line.quantity(assignment.value)
        except CircuitError as problem:
            raise line.error(problem.message, assignment.name, problem.hint) from None
    multiplier = line.multiplier(own)
    if multiplier is not None and "m" in kind.element:
        found[kind.element["m"]] = multiplier
    elif own is not None:
        raise line.error(f"{line.label} takes no multiplier", own.name)
    return found
