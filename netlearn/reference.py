"""Every directive, choice, option, unit and default in words, from the declarations that they are read by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netlearn.argument_types import checked
from netlearn.errors import OptionError, did_you_mean
from netlearn.generate import Start
from netlearn.learn.settings import DIRECTIVES
from netlearn.onestep.options import OneStep
from netlearn.options import Directive, Option, options_of
from netlearn.topologies.kinds import TOPOLOGIES, start_of

NETWORK = "new"
"""What kinds of network are listed under."""
ONE_STEP = "onestep"
"""What is listed there and is no network: it is made of data."""
_NEW: Mapping[str, type] = {**TOPOLOGIES, ONE_STEP: OneStep}
_UNITS = {
    **{"ohms": "Ω", "siemens": "S", "volts": "V", "amperes": "A", "watts": "W", "seconds": "s"},
    **{"V or A": "V or A", "kelvin": "K"},
}
_IN = re.compile(rf"\bin ({'|'.join(_UNITS)})\b")
"""How the help of an option says its unit."""


@dataclass(frozen=True)
class Row:
    """One option: what may be given, in which unit, and what is taken where nothing is."""

    name: str
    values: str
    unit: str
    default: str
    help: str


@dataclass(frozen=True)
class Entry:
    """A directive, or one of the kinds that it chooses from: how it is written, what it does, and its options."""

    title: str
    usage: str
    text: str
    rows: tuple[Row, ...] = ()
    kinds: tuple[str, ...] = ()


@checked
def explain(*words: str) -> str:
    """What a directive, a choice or an option is, as text: ``explain("rule", "cl")``, ``explain("optimizer.lr")``.

    Without words, all directives in a line each. Raises OptionError for what there is not.

    >>> print(explain("schedule", "constant").splitlines()[0])
    *@schedule constant
    """
    words = tuple(part for word in words for part in word.lower().removeprefix("*@").split(".") if part)
    if not words:
        lines = [f"{name:<11}{directive.help}" for name, directive in DIRECTIVES.items()]
        lines.append(f"{NETWORK:<11}kinds of network that 'netlearn new' makes")
        return "\n".join(
            [*lines, "", "More: netlearn help rule, netlearn help rule cl, netlearn help optimizer.lr", ""]
        )
    known = (*DIRECTIVES, NETWORK)
    name, rest = words[0], words[1:]
    if name not in known:
        return _of_a_kind(name, rest, known)
    kinds = _kinds(name)
    if rest and rest[0] in kinds:
        entry, rest = entry_of(name, rest[0]), rest[1:]
    elif not rest or not kinds:
        entry = entry_of(name)
    else:
        found = [kind for kind in kinds if any(row.name == rest[0] for row in entry_of(name, kind).rows)]
        if not found:
            raise OptionError(f"'{name}' has no '{rest[0]}'", hint=did_you_mean(rest[0], kinds))
        return "\n".join(_text(entry_of(name, kind), rest[0]) for kind in found)
    if rest and all(row.name != rest[0] for row in entry.rows):
        hint = did_you_mean(rest[0], (row.name for row in entry.rows))
        raise OptionError(f"'{entry.title}' has no option '{rest[0]}'", hint=hint)
    return _text(entry, rest[0] if rest else "")


def entries() -> Iterator[Entry]:
    """All directives, each followed by what can be chosen in it, and the kinds of network."""
    for name in (*DIRECTIVES, NETWORK):
        yield entry_of(name)
        for kind in _kinds(name):
            yield entry_of(name, kind)


def entry_of(name: str, kind: str = "") -> Entry:
    """What there is to say of a directive (or of "new"), or of one kind in it."""
    kinds = _kinds(name)
    if kind:
        own = _rows(options_of(kinds[kind]))
        if name == NETWORK and kind in TOPOLOGIES and start_of(kind) is not Start:
            own += _rows(options_of(start_of(kind)))
        title = f"netlearn new {kind}" if name == NETWORK else f"*@{name} {kind}"
        options = " --option value..." if name == NETWORK else " option=value..."
        if (name, kind) == (NETWORK, ONE_STEP):
            options = f" DATA{options}"
        return Entry(title, f"{title}{options if own else ''}", _doc(kinds[kind]), own)
    if name == NETWORK:
        general = _rows(options_of(Start))
        text = (
            "Kinds of network that 'netlearn new' makes, with data that stand for the user's own, and "
            "'onestep', which is made of data; options of all kinds of network but transistors:"
        )
        return Entry("netlearn new", "netlearn new KIND FILE --option value...", text, general, tuple(kinds))
    directive = DIRECTIVES[name]
    text = f"{directive.help}.\n\n{_doc(directive.made)}" if directive.made else f"{directive.help}."
    return Entry(f"*@{name}", _usage(directive), text, _rows(directive.options), tuple(kinds))


def markdown(entry: Entry, level: int = 2) -> str:
    """An entry as a section of a page."""
    lines = [f"{'#' * level} `{entry.title}`", "", f"    {entry.usage}", "", entry.text, ""]
    if entry.kinds:
        lines += [f"One of: {', '.join(f'`{kind}`' for kind in entry.kinds)}.", ""]
    if entry.rows:
        lines += ["| option | values | unit | default | |", "|---|---|---|---|---|"]
        cells = ((f"`{r.name}`", r.values, r.unit, f"`{r.default}`", r.help) for r in entry.rows)
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        lines.append("")
    return "\n".join(lines)


def _of_a_kind(name: str, rest: tuple[str, ...], known: Iterable[str]) -> str:
    """What is known by the name of a kind alone, such as "cl"."""
    places = [each for each in known if name in _kinds(each)]
    if not places:
        every = [*known, *(kind for each in known for kind in _kinds(each))]
        raise OptionError(f"there is nothing called '{name}'", hint=did_you_mean(name, every))
    return "\n".join(explain(place, name, *rest) for place in places)


def _kinds(name: str) -> Mapping[str, type]:
    return _NEW if name == NETWORK else DIRECTIVES[name].kinds


def _usage(directive: Directive) -> str:
    options = " option=value..." if directive.options or directive.kinds else ""
    if directive.assigns:
        options = f" [= {directive.assigns}]{options}"
    if directive.any_name is not None:
        options = " NAME=VALUE,..."
    words = f" {directive.words}" if directive.words else ""
    return f"*@{directive.name}{words}{options}"


def _rows(options: Iterable[Option]) -> tuple[Row, ...]:
    return tuple(_row(option) for option in options)


def _row(option: Option) -> Row:
    said = _IN.search(option.help)
    values = option.noun + option.limits + (f", or {option.absent}" if option.optional else "")
    return Row(option.name, values, _UNITS[said[1]] if said else "", _default(option), option.help)


def _default(option: Option) -> str:
    value = option.default
    if value is None:
        return option.absent
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or option.absent
    return f"{value:g}" if isinstance(value, float) else str(value)


def _doc(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


def _text(entry: Entry, only: str = "") -> str:
    """An entry for a terminal, or one option of it."""
    lines = [entry.usage, "", entry.text, ""]
    if entry.kinds:
        lines += [f"One of: {', '.join(entry.kinds)}.", ""]
    for row in entry.rows:
        if only and row.name != only:
            continue
        lines += [f"  {row.name} = {row.values} [{row.default}]", f"      {row.help}"]
    return "\n".join(lines).rstrip() + "\n"
