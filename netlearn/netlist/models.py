"""Numbers of ``.model`` cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netlearn.errors import NetlistError, did_you_mean
from netlearn.netlist.body import Model
from netlearn.netlist.scope import Text


def model_quantities(
    model: Model, known: Mapping[str, float], aliases: Mapping[str, str], ignored: Sequence[str] = ()
) -> dict[str, int]:
    """The quantities of the parameters that the card gives, by name; aliases are written out.

    Raises
    ------
    NetlistError : at a parameter that is neither known nor known not to matter here.
    """
    found: dict[str, int] = {}
    card = model.card
    for assignment in card.assignments:
        name = assignment.name.text.lower()
        name = aliases.get(name, name)
        if name in ignored:
            continue
        if name not in known:
            place = card.source.place(assignment.name.start, assignment.name.end, model.chain)
            hint = did_you_mean(name, [*known, *aliases])
            raise NetlistError(f"a model of type {model.kind} has no parameter '{name}'", place, hint)
        found[name] = model.body.scope.quantity(Text.of(assignment.value, card.source, model.chain))
    return found
