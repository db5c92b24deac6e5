"""Dot-cards: parameters, functions, models, subcircuits, conditions, options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from netlearn.elaboration.body import Body, Definition
from netlearn.elaboration.elements.model_cards import read_model
from netlearn.elaboration.value_text import FunctionText, Text, is_wrapped
from netlearn.errors import NetlearnErrors, NetlistError, NetlistWarning, Place, did_you_mean
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.node_names import node_name
from netlearn.netlist.parser import DEEPEST
from netlearn.netlist.statements import (
    PARAMETER_CARDS,
    Alternative,
    Block,
    Broken,
    Card,
    Conditional,
    Element,
    Statement,
    Subcircuit,
    Word,
    first_step,
)
from netlearn.netlist.values import has_bare_blank

HARMLESS = frozenset((
    "ac", "acmatch", "aliases", "ananoise", "asteady", "autoconverge", "backanno", "biaschk", "check", "control",
    "csparam", "dc", "dcmatch", "dcvolt", "disto", "distribution", "embeddedsampling", "end", "endaliases", "endc",
    "endl", "ends", "envelope", "external", "ferret", "fft", "four", "fourier", "func", "global", "graph", "hb",
    "hbac", "hbnoise", "hbosc", "hbxf", "hdl", "ic", "inc", "incl", "include", "iprobe", "lib", "lin", "load",
    "loadbias", "loadpull", "lstb", "machine", "mc", "meas", "measure", "model", "monitor", "mpde", "net",
    "nodeset", "noise", "noisetran", "op", "opt", "option", "options", "pac", "param", "params", "pce",
    "phasenoise", "pkg", "plot", "pnoise", "preprocess", "print", "probe", "probe64", "prot", "pss", "ptdnoise",
    "pxf", "pz", "result", "sampling", "save", "savebias", "sens", "shooting", "sn", "snac", "snnoise", "snosc",
    "snxf", "sp", "stb", "stim", "stmlib", "store", "subckt", "temp", "text", "tf", "title", "tran", "trannoise",
    "unprot", "vec", "vector", "view", "watch", "wave", "wcase", "width",
))  # fmt: skip
"""Cards that are read elsewhere or do not change an operating point, in any dialect."""

OPTION_CARDS = ("option", "options", "opt")
UNCONDITIONAL = frozenset((*PARAMETER_CARDS, "func", "global", *OPTION_CARDS))
"""Cards that ngspice takes wherever in a condition they stand."""


class Active(NamedTuple):
    """A statement that takes part, and the include lines and instances that led to it."""

    statement: Statement
    netlist: Netlist
    chain: tuple[Place, ...]

    def error(self, message: str, hint: str = "") -> NetlistError:
        """An error that stands at the whole statement."""
        statement = self.statement
        return NetlistError(message, statement.source.place(statement.start, statement.end, self.chain), hint)

    def word_error(self, word: Word, message: str, hint: str = "") -> NetlistError:
        """An error that stands at one word of it."""
        return NetlistError(message, self.statement.source.place(word.start, word.end, self.chain), hint)


def active(body: Body, netlist: Netlist, statements: Iterable[Statement], chain: tuple[Place, ...]) -> list[Active]:
    """The statements that conditions leave, includes opened; definitions are registered in ``body``."""
    opened = list(_opened(netlist, statements, chain))
    for item in opened:
        if isinstance(item.statement, Element | Block):
            continue
        # A condition may use what is defined after it, so conditions come second.
        for one in _unconditional(item) if isinstance(item.statement, Conditional) else [item]:
            with body.shared.collecting():
                register(body, one)
    return list(_chosen(body, opened))


def _opened(netlist: Netlist, statements: Iterable[Statement], chain: tuple[Place, ...]) -> Iterator[Active]:
    for statement in statements:
        included = netlist.includes.get(statement) if isinstance(statement, Card) else None
        if included is None or not isinstance(statement, Card):
            yield Active(statement, netlist, chain)
            continue
        place = statement.source.place(statement.start, statement.end, chain)
        yield from _opened(included, included.statements, (*chain, place))


def _chosen(body: Body, items: Iterable[Active], depth: int = 0) -> Iterator[Active]:
    """Of each condition only the first branch that holds."""
    for item in items:
        if not isinstance(item.statement, Conditional):
            yield item
            continue
        if depth >= DEEPEST:
            raise item.error(f"more than {DEEPEST} conditions within each other")
        for alternative in item.statement.alternatives:
            _condition(alternative, item)
        branch = next((b for b in item.statement.alternatives if _holds(body, b, item)), None)
        if branch is not None:
            inside = list(_opened(item.netlist, branch.body, item.chain))
            for inner in inside:
                if isinstance(inner.statement, Conditional) or _is_unconditional(inner.statement):
                    continue
                with body.shared.collecting():
                    register(body, inner)
            yield from (one for one in _chosen(body, inside, depth + 1) if not _is_unconditional(one.statement))
        for one in _unconditional(item):
            what = f"'.{one.statement.name}'" if isinstance(one.statement, Card) else ""
            message = (
                f"ngspice takes a {what} in every branch of a condition, and so does netlearn: the last one counts"
            )
            error = one.error(message, "write its value as an expression of the condition: {x ? 1k : 2k}")
            body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))
            yield one


def _unconditional(item: Active, depth: int = 0) -> Iterator[Active]:
    """The cards of a condition that count in all its branches, as they do in ngspice, in the order of the text."""
    assert isinstance(item.statement, Conditional)
    if depth >= DEEPEST:
        raise item.error(f"more than {DEEPEST} conditions within each other")
    for alternative in item.statement.alternatives:
        for inner in _opened(item.netlist, alternative.body, item.chain):
            if isinstance(inner.statement, Conditional):
                yield from _unconditional(inner, depth + 1)
            elif _is_unconditional(inner.statement):
                yield inner


def _is_unconditional(statement: Statement) -> bool:
    return isinstance(statement, Card) and statement.name in UNCONDITIONAL


def _holds(body: Body, branch: Alternative, item: Active) -> bool:
    text = _condition(branch, item)
    return text is None or body.fixed(text) != 0


def _condition(branch: Alternative, item: Active) -> Text | None:
    """The condition of a branch, None for ``.else``. Raises NetlistError for one without parentheses around it."""
    if branch.condition is None:
        return None
    text = Text.of(branch.condition, branch.source, item.chain, braced=True)
    if not is_wrapped(text.text):
        # ngspice takes other forms for false, or refuses them.
        raise text.error("a condition stands in parentheses", ".if (expression)")
    return text


def register(body: Body, item: Active) -> None:
    """Take note of a definition; elements and other cards are left for later."""
    statement = item.statement
    if isinstance(statement, Broken):
        raise statement.error
    if isinstance(statement, Subcircuit):
        name = statement.name.text.lower()
        if name in body.definitions:
            _warn_of_second(body, item, f"subcircuit '{statement.name.text}'")
        else:
            body.definitions[name] = Definition(statement, item.netlist, item.chain, body)
    if not isinstance(statement, Card):
        return
    broken = item.netlist.broken.get(statement)
    if broken is not None:
        for error in broken.errors if isinstance(broken, NetlearnErrors) else (broken,):
            body.shared.report(error)
        return
    read = CARDS.get(statement.name)
    if read is not None:
        read(body, item, statement)
    elif statement.name not in HARMLESS:
        known = sorted({*CARDS, *HARMLESS})
        raise item.error(f"'.{statement.name}' is not supported", did_you_mean(statement.name, known))


def _refuse_words(item: Active, card: Card, form: str) -> None:
    """Raise NetlistError for a word that stands alone where only ``name=value`` may."""
    for word in card.words:
        raise item.word_error(word, f"cannot read '{word.text}' on the .{card.name} line", form)


def _register_parameters(body: Body, item: Active, card: Card) -> None:
    _refuse_words(item, card, ".param name=value")
    for assignment in card.assignments:
        if len(card.assignments) > 1 and has_bare_blank(assignment.value.text):
            shown = assignment.name.text
            error = item.word_error(
                assignment.value,
                f"'{shown}' is all of this expression; ngspice ends it at its first blank",
                "put it into braces or quotes",
            )
            body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))
        text = Text.of(assignment.value, card.source, item.chain, braced=True)
        name, _, arguments = assignment.name.text.lower().partition("(")
        if arguments:
            body.scope.function_texts[name.strip()] = FunctionText(_argument_names(arguments), text)
        else:
            body.scope.define(name, text)


def _register_globals(body: Body, item: Active, card: Card) -> None:
    for name, _ in card.assignments:
        raise item.word_error(name, f"cannot read '{name.text}' on the .{card.name} line", ".global node ...")
    body.shared.globals.update(node_name(word.text) for word in card.words)


def _argument_names(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z_][\w.]*", text.lower()))


def _register_function(body: Body, item: Active, card: Card) -> None:
    if len(card.words) < 3:
        raise item.error("cannot read the function", ".func name(a, b) {expression}")
    name, arguments, value = card.words[0], card.words[1], card.words[-1]
    text = Text.of(value, card.source, item.chain, braced=True)
    body.scope.function_texts[name.text.lower()] = FunctionText(_argument_names(arguments.text), text)


def _register_model(body: Body, item: Active, card: Card) -> None:
    if not card.words:
        raise item.error("cannot read the model", ".model name type(parameter=value ...)")
    name = card.words[0].text.lower()
    if name in body.models:
        _warn_of_second(body, item, f"model '{card.words[0].text}'")
    else:
        body.models[name] = read_model(body, card, item.chain)


# ".step dec V1 1 10 3", ".step temp -40 125 5", ".step NPN q2n2222(bf) 50 100 25"
_SWEPT = re.compile(
    r"(?:(?:lin|dec|oct)\s+)?(?:\w+\s+(?P<model>[^\s()]+)\s*\(\s*(?P<parameter>\w+)\s*\)|(?P<name>\S+))", re.IGNORECASE
)


def _register_step(body: Body, item: Active, card: Card) -> None:
    """``.step param name list value ...`` and the like: its first value; others leave the circuit as it is."""
    stepped, hint = first_step(card), ""
    name = stepped.name.text if stepped is not None else ""
    if stepped is None:
        message = "a circuit is solved once, with the values that it has without .step"
        swept = _SWEPT.match(card.words[0].text) if card.words else None
        if swept is not None:
            what = f"{swept['model']}.{swept['parameter']}" if swept["model"] else swept["name"]
            hint = f"*@corner {what}=value,value,... takes a circuit at several values"
    elif body.scope.is_kept(name.lower()):
        message = f"an earlier .step gives '{name}' its value; this one is left out"
    else:
        body.scope.define(name.lower(), Text.of(stepped.value, card.source, item.chain, braced=True))
        body.scope.keep(name.lower())
        message = f"of what .step gives to '{name}' the first value is taken, {stepped.value.text}"
        hint = f"*@corner {name}=value,value,... takes a circuit at several values"
    error = item.error(message, hint)
    body.shared.warnings.append(NetlistWarning(error.message, error.place, error.hint))


CARDS: dict[str, Callable[[Body, Active, Card], None]] = {
    **dict.fromkeys(PARAMETER_CARDS, _register_parameters),
    "func": _register_function,
    "model": _register_model,
    "global": _register_globals,
    "step": _register_step,
    "csparam": lambda body, item, card: _refuse_words(item, card, ".csparam name=value"),
}
"""What takes note of each card that defines something."""


def _warn_of_second(body: Body, item: Active, what: str) -> None:
    error = item.error(f"{what} is defined before; this second definition is left out")
    body.shared.warnings.append(NetlistWarning(error.message, error.place))


def node_guesses(body: Body, items: Iterable[Active]) -> Mapping[str, int]:
    """``.nodeset``: quantities by node name. ``.ic`` says what a transient starts from, not an operating point."""
    guesses: dict[str, int] = {}
    for item in items:
        card = item.statement
        if not isinstance(card, Card) or card.name not in ("nodeset", "ic"):
            continue
        for name, value in [*card.assignments, *zip(card.words[::2], card.words[1::2], strict=False)]:
            with body.shared.collecting():
                node = re.fullmatch(r"v\s*\(\s*([^\s()]+)\s*\)|(all)", name.text.lower())
                if node is None and card.name == "ic" and re.fullmatch(r"i\s*\(.*\)|uic", name.text.lower()):
                    continue
                if node is None:
                    raise item.word_error(name, f"cannot read '{name.text}'", f".{card.name} v(node)=value")
                quantity = body.scope.quantity(Text.of(value, card.source, item.chain))
                known = body.template.nodes
                for guessed in known.all() if node[2] else [node_name(node[1])]:
                    if card.name == "nodeset":
                        guesses[guessed] = quantity
                    if known.anywhere(guessed) is None:
                        error = item.word_error(name, f"there is no node '{guessed}'")
                        body.shared.warnings.append(NetlistWarning(error.message, error.place))
        for word in card.words[len(card.words) // 2 * 2 :]:
            body.shared.report(item.word_error(word, f"cannot read '{word.text}'", f".{card.name} v(node)=value"))
    return guesses
