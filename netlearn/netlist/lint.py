"""What a netlist says that its writer may not have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlearn.errors import NetlistWarning
from netlearn.netlist.files import flattened
from netlearn.netlist.grammar import BadLine, parse_line
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Kept


def remarks(netlist: Netlist) -> list[NetlistWarning]:
    """Warnings of files that are not there, directives that are not read, and a title that is an element line."""
    return [*_title(netlist), *_missing(netlist), *_directives(netlist), *_kept(netlist)]


def _title(netlist: Netlist) -> Iterator[NetlistWarning]:
    first = netlist.statements[0] if netlist.statements else None
    if not isinstance(first, Kept) or first.what != "title":
        return
    text = netlist.source.text[first.start : first.end]
    if _is_element(text) and _is_connected(text, netlist.source.text[first.end :]):
        yield NetlistWarning(
            f"the first line is the title, so that '{text.split()[0]}' is not an element",
            netlist.place(first.start, first.end),
            "put a line with a title before it",
        )


def _is_element(text: str) -> bool:
    form = LETTERS.get(text[:1].upper())
    if form is None or not form.nodes or form.value_after is None:
        return False
    try:
        words = [text[start:end].lower() for start, end in parse_line(text).words]
    except BadLine:
        return False
    after = words[form.nodes :]
    if len(words) < form.words or not after:
        return False
    return after[0] in ("dc", "ac") or parse_number(after[0 if form.value_after == form.nodes else -1]) is not None


def _is_connected(text: str, rest: str) -> bool:
    """Whether the first two words after the name are nodes of other lines, as those of "Lattice 10 x 10" are not."""
    nodes = re.split(r"[\s,()]+", text)[1:3]
    return all(
        node.lower() in ("0", "gnd") or re.search(rf"(?<![^\s,(]){re.escape(node)}(?![^\s,)])", rest, re.IGNORECASE)
        for node in nodes
    )


def _missing(netlist: Netlist) -> Iterator[NetlistWarning]:
    for part in netlist.walk():
        for error in part.missing.values():
            yield NetlistWarning(f"{error.message}; what it may hold is left out", error.place)


def _kept(netlist: Netlist) -> Iterator[NetlistWarning]:
    for part in netlist.walk():
        for kept in flattened(part.statements):
            if not isinstance(kept, Kept):
                continue
            if kept.what == "alter":
                message = "what follows .alter is another run of the circuit and is left out"
                yield NetlistWarning(message, part.place(kept.start, kept.start + len(".alter")))
            elif kept.what == "stray":
                word = kept.source.text[kept.start : kept.end]
                yield NetlistWarning(f"'{word}' means nothing here", part.place(kept.start, kept.end))


def _directives(netlist: Netlist) -> Iterator[NetlistWarning]:
    for part in netlist.walk():
        if part is not netlist and part.directives:
            first = part.directives[0]
            yield NetlistWarning(
                "directives in included files are not read",
                part.place(first.start, first.end),
                "write them into the netlist itself",
            )
