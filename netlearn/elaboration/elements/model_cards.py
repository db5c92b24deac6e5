"""Numbers of ``.model`` cards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from netlearn.elaboration.body import Model
from netlearn.elaboration.scope import Text
from netlearn.errors import NetlistWarning
from netlearn.netlist.statements import Assignment, Word


def model_names(model: Model) -> dict[str, Assignment]:
    """The card's assignments by lower-case name."""
    return {assignment.name.text.lower(): assignment for assignment in model.card.assignments}


def model_quantities(model: Model, knows: Callable[[str], bool]) -> dict[str, int]:
    """The quantities of the parameters that the card gives, by lower-case name.

    Those that mean nothing, such as a maker's name, are not evaluated but warned of.
    """
    if model.quantities is None:
        found: dict[str, int] = {}
        for name, assignment in model_names(model).items():
            if knows(name):
                text = Text.of(assignment.value, model.card.source, model.chain)
                found[name] = model.body.scope.quantity(text)
            else:
                warn_of(model, assignment.name)
        model.quantities = found
    return model.quantities


def known_quantities(
    model: Model, known: Collection[str], aliases: Mapping[str, str], ignored: Collection[str] = ()
) -> dict[str, int]:
    """The same under their own names instead of aliases."""
    everything = {*known, *aliases, *ignored}
    found = model_quantities(model, everything.__contains__)
    return {aliases.get(name, name): quantity for name, quantity in found.items() if name not in ignored}


def warn_of(model: Model, word: Word) -> None:
    """Note a parameter that means nothing to ngspice either, which goes on without it."""
    message = f"a model of type {model.kind} has no parameter '{word.text}'; it is left out"
    model.body.shared.warnings.append(NetlistWarning(message, model.place(word)))
