"""Elements that netlearn has no equations for: their nodes and their numbers, for ngspice to solve them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from netlearn.circuit.devices.foreign import foreign_device
from netlearn.elaboration.body import Body, ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.model_cards import found_model, model_quantities
from netlearn.errors import NetlearnError, NetlearnErrors, NetlistError, Place
from netlearn.netlist.dialect import Dialect
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.model_types import CODE_MODELS, DEVICE_MODELS
from netlearn.netlist.ports import ports

BY_NGSPICE = "--forward ngspice lets ngspice solve it"
AS_SOURCE: Mapping[str, str] = {
    "gain": "V=out_offset+gain*(V(in)+in_offset)",
    "summer": "V=out_offset+out_gain*(in_gain1*(V(in1)+in_offset1)+in_gain2*(V(in2)+in_offset2))",
    "mult": "V=out_offset+out_gain*in_gain1*(V(in1)+in_offset1)*in_gain2*(V(in2)+in_offset2)",
    "divide": "V=out_offset+out_gain*num_gain*(V(num)+num_offset)/(den_gain*(V(den)+den_offset))",
    "limit": "V=min(max(gain*(V(in)+in_offset),out_lower_limit),out_upper_limit)",
}
"""What a B source needs to do the same as a code model, by the names of the model's parameters and ports."""


class Unsolvable(NetlistError):
    """An element that is right, but that netlearn has no equations for; ``title`` says what it is."""

    def __init__(self, message: str, place: Place | None = None, hint: str = "", *, title: str) -> None:
        super().__init__(message, place, "; ".join(filter(None, [hint, BY_NGSPICE])))
        self.title = title


@contextmanager
def comparable() -> Iterator[None]:
    """Say of elements that netlearn has no equations for that ngspice's numbers cannot be compared."""
    try:
        yield
    except Unsolvable as error:
        _incomparable([error])
        raise
    except NetlearnErrors as several:
        _incomparable(several.errors)
        raise


def _incomparable(errors: Sequence[NetlearnError]) -> None:
    for error in errors:
        if isinstance(error, Unsolvable):
            error.message = f"there is nothing to compare ngspice with: {error.message}"


def is_binned(body: Body, name: str) -> bool:
    """Whether there are models ``name.1``, ``name.2``, ... for transistors of different sizes."""
    return any(re.fullmatch(rf"{re.escape(name)}\.\d+", known) for known in body.known_models())


def code_model(line: ElementLine) -> NoReturn:
    """``Aname port ... model``. Raises Unsolvable, or NetlistError for what ngspice does not have or is never given."""
    words = line.element.words
    model = line.body.model(words[-1].text.lower()) if words else None
    if model is None and line.body.shared.settings.dialect is Dialect.LTSPICE:
        message = f"{line.label} is a special function of LTspice's, which neither netlearn nor ngspice has"
        raise line.error(message, hint="write a B source that does the same")
    hint = ""
    if model is not None:
        _check_given(line, [model], len(words) - 1)
        source = AS_SOURCE.get(model.kind)
        hint = f"a B source with {source} does the same" if source else ""
    title = LETTERS["A"].title
    message = f"{line.label} is an {title}, which netlearn cannot solve"
    raise Unsolvable(message, line.error("").place, hint, title=title)


def _check_given(line: ElementLine, models: Sequence[ModelCard], at: int) -> None:
    """Raise NetlistError for a model, of which the word ``at`` tells, of a type that ngspice is never given."""
    allowed = CODE_MODELS if line.element.letter == "A" else DEVICE_MODELS
    for model in models:
        if model.kind not in allowed:
            message = f"{line.label} is of the model type '{model.kind}', which ngspice is never given"
            raise line.error(message, line.element.words[at], "it might read files or start programs")


def foreign(line: ElementLine, title: str) -> None:
    """Put an element into the template by its nodes alone, its numbers being there to be trained and driven.

    Raises NetlistError for one that ngspice is never given.
    """
    element = line.element
    if element.letter == "N":
        hint = "netlearn loads no compiled code, which could do anything"
        raise line.error(
            f"{line.label} is a Verilog-A device, which ngspice knows from a compiled file only", hint=hint
        )
    at, models = _models(line)
    _check_given(line, models, at)
    words = element.words[:at]
    is_code = element.letter == "A"
    nodes = [port for port, is_source in ports(words) if not is_source] if is_code else words
    numbers = tuple(dict.fromkeys(line.body.node(node.text.lower()) for node in nodes))
    # Each kind of element with so many terminals is a group.
    line.add(foreign_device(title, len(numbers)), numbers, {})
    for model in models:
        # Text among the values is none of netlearn's business.
        with suppress(NetlistError):
            model_quantities(model, lambda _: True)
        for selector in ("level", "version"):
            (model.quantities or {}).pop(selector, None)
        line.body.shared.foreign_numbers.update((model.quantities or {}).values())
    stated = {}
    for assignment in element.assignments:
        with suppress(NetlistError):
            stated[assignment.name.text.lower()] = line.quantity(assignment.value)
    line.state(stated)
    line.body.shared.foreign_numbers.update(stated.values())


def _models(line: ElementLine) -> tuple[int, list[ModelCard]]:
    """The place of the model's name among the words, and the model, or those of its bins. Raises NetlistError."""
    words, body = line.element.words, line.body
    first = len(words) - 1 if line.element.letter == "A" else 2
    for at in range(max(first, 0), len(words)):
        name = words[at].text.lower()
        model = found_model(body, name)
        if model is not None:
            return at, [model]
        if is_binned(body, name):
            bins = (body.model(known) for known in body.known_models() if known.rpartition(".")[0] == name)
            return at, [bin_ for bin_ in bins if bin_ is not None]
    word = words[-1] if words else None
    raise line.error(f"unknown model '{word.text}'" if word else f"{line.label} has no model", word)
