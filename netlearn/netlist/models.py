"""Numbers of ``.model`` cards."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from netlearn.errors import NetlistError, did_you_mean
from netlearn.netlist.body import Model
from netlearn.netlist.scope import Text


def model_quantities(model: Model) -> dict[str, int]:
    """The quantities of the parameters that the card gives, by lower-case name."""
    if model.quantities is None:
        scope, source = model.body.scope, model.card.source
        model.quantities = {
            assignment.name.text.lower(): scope.quantity(Text.of(assignment.value, source, model.chain))
            for assignment in model.card.assignments
            if not assignment.value.text.startswith('"')
        }
    return model.quantities


def known_quantities(
    model: Model, known: Collection[str], aliases: Mapping[str, str], ignored: Collection[str] = ()
) -> dict[str, int]:
    """The same under their own names instead of aliases, warning of parameters that there are not."""
    found: dict[str, int] = {}
    for name, quantity in model_quantities(model).items():
        own = aliases.get(name, name)
        if own in known:
            found[own] = quantity
        elif own not in ignored:
            warn_of(model, name, [*known, *aliases])
    return found


def warn_of(model: Model, name: str, known: Collection[str]) -> None:
    """Note a parameter that means nothing to ngspice either, which goes on without it."""
    words = (assignment.name for assignment in model.card.assignments)
    word = next(word for word in words if word.text.lower() == name)
    warning = NetlistError(
        f"a model of type {model.kind} has no parameter '{name}'; it is left out",
        model.place(word),
        did_you_mean(name, known),
    )
    shared = model.body.shared
    if all(str(other.place) != str(warning.place) for other in shared.warnings):
        shared.warnings.append(warning)
