"""Elements with a ``.model``: diodes, transistors, switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netlearn.circuit.circuit import GROUND, GROUND_NAMES
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE, IDEAL_DIODE_WORDS
from netlearn.circuit.devices.model_type import ModelType
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.body import LikeDevice, ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.foreign import Unsolvable, is_binned
from netlearn.elaboration.elements.model_cards import found_model, model_names, model_quantities, warn_of
from netlearn.elaboration.spreads import model_spreads
from netlearn.elaboration.value_text import Text
from netlearn.errors import CircuitError, NetlistError, did_you_mean
from netlearn.expressions.expression import parse_expression
from netlearn.netlist.dialect import Dialect
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.statements import Assignment, Word

_SELECTORS = ("level", "version")


def modelled(line: ElementLine) -> None:
    """``name node ... model [number ...] [on|off] [name=value ...]``."""
    letter = line.element.letter
    at, model = _model(line, [kind for kind in MODEL_TYPES.values() if kind.letter == letter])
    kind = _kind(line, model)
    count = at - kind.controls
    if count not in kind.terminals:
        counts = " or ".join(str(count) for count in kind.terminals)
        hint = "a thermal node belongs to models with self-heating, which netlearn lacks" if count > 4 else ""
        raise line.error(f"{line.label} has {count} nodes before its model, not {counts}", hint=hint)
    _tell_of_ideal_diode(line, kind, model)
    line.keep("called", line.element.words[at].text.lower())
    element = _element_quantities(line, kind, line.element.words[at + 1 :])
    flags = {flag[0] for flag in kind.flags.values() if flag is not None}
    line.state({name: quantity for name, quantity in element.items() if name not in flags})
    device, columns = _device_like_others(line, model, kind, element)
    line.spread(model_spreads(line, model, {**kind.element, **kind.model}))
    terminals = len(device.unknowns) - len(device.internal) - kind.controls
    nodes = line.nodes(min(count, terminals))
    for word in line.element.words[terminals:count] if not kind.controls else ():
        if line.body.template.nodes.anywhere(word.text.lower()) is None and word.text.lower() not in GROUND_NAMES:
            line.warn(f"a {kind.name} has no bulk: the node '{word.text}' of {line.label} is left out", word)
    filler = (GROUND,) * len(device.internal)
    if not kind.controls:
        line.add(device, (*nodes, *(GROUND,) * (terminals - len(nodes)), *filler), columns)
        return
    controls = line.element.words[count:at]
    line.later(lambda: line.add(device, (*nodes, *(line.controlling_branch(word) for word in controls)), columns))


def _device_like_others(
    line: ElementLine, model: ModelCard, kind: ModelType, element: Mapping[str, int]
) -> tuple[Device, Mapping[str, int]]:
    """The same as ``_device``, in which elements of the same values differ by what they give themselves."""
    given = tuple([(name, line.graph.value(quantity)) for name, quantity in element.items()])
    known = model.devices.get(given)
    if known is None or line.body.shared.keeping or (known.derived and element != known.element):
        device, columns, derived = _device(line, model, kind, element)
        model.devices[given] = LikeDevice(element, device, columns, derived)
        return device, columns
    if element == known.element:
        return known.device, known.columns
    columns = dict(known.columns)
    columns.update((name, q) for name, q in element.items() if columns.get(name) == known.element[name])
    return known.device, columns


def _device(
    line: ElementLine, model: ModelCard, kind: ModelType, element: Mapping[str, int]
) -> tuple[Device, Mapping[str, int], bool]:
    """The device of an element of this model that gives the quantities ``element`` itself, and all its quantities.

    The last result is whether some of them are worked out from what the element gives.
    """
    given = {**_model_quantities(line, model, kind), **element}
    quantities = _derived(line, kind, given)
    derived = quantities != given
    if "badmos3" in kind.device.parameters:
        quantities["badmos3"] = line.graph.constant(line.settings.badmos3)
    if kind.name in ("nmos", "pmos"):
        for name, size in line.settings.default_sizes.items():
            quantities.setdefault(name, line.graph.constant(size))
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
    return device, columns, derived


def _tell_of_ideal_diode(line: ElementLine, kind: ModelType, model: ModelCard) -> None:
    if kind.device is IDEAL_DIODE and line.settings.dialect is not Dialect.LTSPICE and model.quantities is None:
        names = model_names(model)
        word = next(names[name].name for name in IDEAL_DIODE_WORDS if name in names)
        warn_of(model, word, "makes an ideal diode of it, as in LTspice; ngspice reads it so in its LTspice mode only")


def _model(line: ElementLine, kinds: Sequence[ModelType]) -> tuple[int, ModelCard]:
    """The model and its place among the words: the first word after the nodes that names one."""
    words = line.element.words
    first = min(min(kind.terminals) + kind.controls for kind in kinds)
    by_name = {kind.name: kind for kind in kinds}
    found: list[tuple[int, ModelCard]] = []
    for at in range(first, len(words)):
        model = found_model(line.body, words[at].text.lower())
        if model is not None:
            kind = by_name.get(model.kind)
            if kind is not None and at - kind.controls in kind.terminals:
                return at, model
            # Perhaps a node that has a model's name.
            found.append((at, model))
    fitting = [(at, model) for at, model in found if model.kind in by_name]
    if fitting:
        return fitting[0]
    if found:
        at, model = found[0]
        message = f"model '{words[at].text}' is of type {model.kind}, not {' or '.join(by_name)}"
        raise line.error(message, words[at])
    if len(words) <= first:
        raise line.error(f"{line.label} has no model", hint=line.comment_hint())
    for word in words[first:]:
        if is_binned(line.body, word.text.lower()):
            message = f"'{word.text}' is a family of models for several sizes, which netlearn cannot solve"
            place = line.source.place(word.start, word.end, line.chain)
            raise Unsolvable(message, place, title=f"{LETTERS[line.element.letter].title} of binned models")
    name = words[-1].text if len(words) <= max(max(kind.terminals) for kind in kinds) else ""
    word = words[-1] if name else words[first]
    hint = line.comment_hint() or did_you_mean(word.text, line.body.known_models())
    raise line.error(f"unknown model '{word.text}'", word, hint)


def _kind(line: ElementLine, model: ModelCard) -> ModelType:
    """The type that a model really is, by its parameters and its level."""
    given = model_names(model)
    kind = MODEL_TYPES[model.kind].variant(given)
    level = given.get("level")
    if level is None:
        return kind
    quantity = model.body.scope.quantity(Text.of(level.value, model.card.source, model.chain))
    try:
        return kind.at_level(line.graph.value(quantity))
    except CircuitError as problem:
        title = f"{LETTERS[kind.letter].title} of level {line.graph.value(quantity):g}"
        raise Unsolvable(problem.message, model.place(level.name), problem.hint, title=title) from None


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
        elif name not in _SELECTORS:
            line.keep("model", f"{name}=", quantity)
    for word in model.words:
        name = word.text.lower()
        flag = kind.flags.get(name)
        if flag is None:
            # To ngspice the value of a known name without one is zero.
            why = ": it has no value" if kind.knows(name) else ""
            message = f"cannot read '{word.text}' in the model '{model.card.words[0].text}'{why}"
            raise NetlistError(message, model.place(word), "name=value")
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
                if value in found:
                    line.warn(f"{line.label} has its {value} twice: the last one counts", assignment.name)
                found[value] = line.quantity(assignment.value)
            elif line.body.shared.keeping:
                _keep(line, assignment)
        except CircuitError as problem:
            raise line.error(problem.message, assignment.name, problem.hint) from None
    multiplier = line.multiplier(own)
    if multiplier is not None and "m" in kind.element:
        found[kind.element["m"]] = multiplier
    elif own is not None:
        raise line.error(f"{line.label} takes no multiplier", own.name)
    return found


def _keep(line: ElementLine, assignment: Assignment) -> None:
    """Keep what an operating point does not need of an element: areas of its junctions, what it starts from."""
    try:
        line.keep("words", f"{assignment.name.text.lower()}=", line.quantity(assignment.value))
    except NetlistError:
        line.leave_out(f"'{assignment.name.text.lower()}'", assignment.name)


def _derived(line: ElementLine, kind: ModelType, quantities: dict[str, int]) -> dict[str, int]:
    """The same with what follows from them, such as sizes times ``.options scale``."""
    constant = line.graph.constant
    known = {**quantities, "scale": constant(line.settings.scale)}
    found = dict(quantities)
    for name, text in kind.derived(quantities).items():
        expression = parse_expression(text)
        if expression.names == (name, "scale") and line.settings.scale == 1:
            continue
        inputs = {n: known[n] if n in known else constant(kind.device.parameters[n]) for n in expression.names}
        found[name] = line.formula(expression, inputs)
    return found
