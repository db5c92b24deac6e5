"""Numbers of ``.model`` cards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from netlearn.elaboration.body import Body, ModelCard
from netlearn.elaboration.spreads import TOLERANCE
from netlearn.elaboration.value_text import Text
from netlearn.errors import NetlistError, NetlistWarning, NominalWarning, Place, did_you_mean
from netlearn.netlist.models import is_name, read_model_text
from netlearn.netlist.statements import Assignment, Card, Word

_RENAMED = {"t_measured": "tnom", "t_abs": "temp", "t_rel_global": "dtemp"}
"""PSpice's words for temperatures, which ngspice knows in its PSpice mode only."""
DRAWN = "netlearn tolerance draws it"
_NOTES = frozenset({"mfg", "type", "part", "iave", "vpk", "vceo", "icrating"})
"""What LTspice's libraries note of a part in its model, and LTspice itself only shows: maker, kind and ratings."""


def read_model(body: Body, card: Card, chain: tuple[Place, ...]) -> ModelCard:
    """A model from its card: ``.model name [AKO:base] type (name=value ...)``, ``=`` and parentheses being optional.

    What is wrong with it comes out when it is used.
    """
    text = read_model_text(card)
    model = ModelCard(card, text.kind, chain, body, words=text.loose, based_on=text.based_on)
    model.parameters = _parameters(model, text.pairs)
    return model


def found_model(body: Body, name: str) -> ModelCard | None:
    """The model of that name, with a type. Raises NetlistError for one without."""
    model = body.model(name)
    if model is not None and not model.kind:
        base = _base(model)
        if base is None or not base.kind:
            word = model.card.words[0] if model.card.words else Word("", model.card.start, model.card.end)
            raise NetlistError("cannot read the model", model.place(word), ".model name type(parameter=value ...)")
        model.kind = base.kind
    return model


def _base(model: ModelCard) -> ModelCard | None:
    """The model that a model is based on. Raises NetlistError where there is none, or a circle."""
    if model.based_on is None:
        return None
    seen, at = {model}, model
    while at.based_on is not None:
        base = at.body.model(at.based_on.text.lower().lstrip(":"))
        if base is None or base in seen:
            hint = did_you_mean(at.based_on.text.lower(), at.body.known_models())
            raise NetlistError(f"model '{at.based_on.text}' is not one to be based on", at.place(at.based_on), hint)
        seen.add(base)
        at = base
    base = model.body.model(model.based_on.text.lower().lstrip(":"))
    if base is not None and not base.kind:
        found_model(base.body, base.card.words[0].text.lower())
    return base


def _parameters(model: ModelCard, pairs: Sequence[Assignment]) -> dict[str, Assignment]:
    """The card's parameters by the names that they have here."""
    parameters: dict[str, Assignment] = {}
    latest = ""
    for assignment in pairs:
        name = assignment.name.text.lower()
        if TOLERANCE.fullmatch(name):
            model.tolerances.append((latest, assignment.name, assignment.value))
            continue
        latest = name
        if name == "level" and name in parameters:
            model.notes.append((assignment.name, "is given before, and this one is left out, as ngspice does"))
            continue
        if name in _RENAMED:
            how = f"is read as '{_RENAMED[name]}'; ngspice knows it in its PSpice mode only"
            model.notes.append((assignment.name, how))
        parameters[_RENAMED.get(name, name)] = assignment
    return parameters


def model_names(model: ModelCard) -> dict[str, Assignment]:
    """What the model and those that it is based on give, by lower-case name."""
    base = _base(model)
    return model.parameters if base is None else {**model_names(base), **model.parameters}


def model_quantities(model: ModelCard, knows: Callable[[str], bool]) -> dict[str, int]:
    """The quantities of the parameters that the card gives, by lower-case name.

    Those that mean nothing are not evaluated but warned of, except a maker's notes.
    """
    if model.quantities is None:
        base = _base(model)
        found: dict[str, int] = {} if base is None else dict(model_quantities(base, knows))
        for word, how in model.notes:
            warn_of(model, word, how)
        for _, word, _ in model.tolerances:
            message = f"'{word.text}' is a tolerance: the nominal value is taken"
            model.body.shared.warnings.append(NominalWarning(message, model.place(word), DRAWN))
        for name, assignment in model.parameters.items():
            if knows(name):
                text = Text.of(assignment.value, model.card.source, model.chain)
                found[name] = model.body.scope.quantity(text)
            elif name not in _NOTES:
                warn_of(model, assignment.name)
        model.quantities = found
    return model.quantities


def known_quantities(
    model: ModelCard,
    known: Collection[str],
    aliases: Mapping[str, str],
    ignored: Collection[str] = (),
    lists: bool = False,
) -> dict[str, int]:
    """The same under their own names instead of aliases; with ``lists`` a parameter may have several numbers.

    Raises NetlistError for a word that is not a parameter's.
    """
    everything = {*known, *aliases, *ignored}
    for word in model.words:
        if word.text.lower() not in ignored and not (lists and not is_name(word)):
            message = f"cannot read '{word.text}' in the model '{model.card.words[0].text}'"
            raise NetlistError(message, model.place(word), "name=value")
    found = model_quantities(model, everything.__contains__)
    return {aliases.get(name, name): quantity for name, quantity in found.items() if name not in ignored}


def warn_of(model: ModelCard, word: Word, how: str = "") -> None:
    """Note a parameter that means nothing to ngspice either, which goes on without it, or how it is read."""
    what = f"'{word.text}' {how}" if how else f"a model of type {model.kind} has no parameter '{word.text}'"
    message = what if how else f"{what}; it is left out"
    model.body.shared.warnings.append(NetlistWarning(message, model.place(word)))
