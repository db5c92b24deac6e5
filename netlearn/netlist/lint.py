"""What a netlist says that its writer may not have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from netlearn.errors import NetlistWarning
from netlearn.netlist.bodies import elements_in
from netlearn.netlist.files import flattened, unquoted
from netlearn.netlist.grammar import BadLine, parse_line
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.lines import comment_start
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.slips import ODD_BLANK, dropped_values, odd_blank_name
from netlearn.netlist.statements import Block, Card, Element, Kept, Section, Subcircuit, Word

_BEGINS_COMMENT = re.compile(r"(?<=[^\s;/*])(?:;|//)")
"""What begins a comment without a blank before it."""
_PAIR_IN_PARENTHESES = re.compile(r"\([ \t]*\w+[ \t]*=")


def remarks(netlist: Netlist) -> list[NetlistWarning]:
    """Warnings of files that are not there, of what is not read, and of what may not have been meant."""
    found = [
        *_title(netlist),
        *_missing(netlist),
        *_directives(netlist),
        *_kept(netlist),
        *_odd_blanks(netlist),
        *_commas(netlist),
        *_dropped(netlist),
        *_in_parentheses(netlist),
    ]
    return [*found, *left_out(netlist)]


UNREADABLE = {
    "encrypted": (
        "this is encrypted: what it holds is left out",
        "only the program that it was encrypted for reads it",
    ),
    "protected": ("this is encrypted for HSPICE: what it holds is left out", ""),
    "spectre": ("this is in Spectre's language: what it holds is left out", "netlearn reads SPICE"),
}
"""Message and remedy for each kind of stretch that is kept and not read."""


def left_out(netlist: Netlist) -> list[NetlistWarning]:
    """Warnings of what files hold and netlearn does not read: encrypted text, other languages, sections unasked for."""
    return [*_unreadable(netlist), *_sections(netlist)]


def _unreadable(netlist: Netlist) -> Iterator[NetlistWarning]:
    for part in netlist.walk():
        for kept in part.statements:
            if isinstance(kept, Kept) and kept.what in UNREADABLE:
                message, hint = UNREADABLE[kept.what]
                yield NetlistWarning(message, part.place(kept.start, kept.end), hint)


def _sections(netlist: Netlist) -> Iterator[NetlistWarning]:
    """Of libraries that are included as a whole, which leaves out all that stands in their sections."""
    parts = list(netlist.walk())
    chosen = {part.source for part in parts if part.section is not None}
    for part in parts:
        for card, included in part.includes.items():
            names = [unquoted(s.name.text) for s in included.statements if isinstance(s, Section)]
            if included.section is not None or included.source in chosen or not names:
                continue
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            file = card.words[0]
            yield NetlistWarning(
                f"'{unquoted(file.text)}' has the sections {shown}, and this line asks for none: they are left out",
                part.place(file.start, file.end),
                f".lib {file.text} {names[0]}",
            )


def _commas(netlist: Netlist) -> Iterator[NetlistWarning]:
    """Of numbers with decimal commas that can be read as two: the coefficients of a controlled source."""
    for part in netlist.walk():
        if not _has_comma_in_digits(part.source.text):
            continue
        for statement in flattened(part.statements):
            if not isinstance(statement, Element) or statement.letter not in "EFGH" or statement.calls:
                continue
            words = statement.words[LETTERS[statement.letter].value_after :]
            for first, second in pairwise(words):
                between = statement.source.text[first.end : second.start]
                if between == "," and first.text[-1].isdigit() and second.text[0].isdigit():
                    message = f"'{first.text},{second.text}' is two coefficients, as a comma separates words"
                    hint = f"write {first.text}.{second.text} for one number, and a blank between two"
                    yield NetlistWarning(message, part.place(first.start, second.end), hint)


def _dropped(netlist: Netlist) -> Iterator[NetlistWarning]:
    """Of values right behind a ``;`` or ``//``, which are a comment: a blank before it says that one is meant."""
    for part in netlist.walk():
        if _BEGINS_COMMENT.search(part.source.text) is None:
            continue
        text = part.source.text
        for statement in flattened(part.statements):
            span = statement.start, statement.end
            if not isinstance(statement, Element | Card) or _BEGINS_COMMENT.search(text, *span) is None:
                continue
            for start, end, rest in dropped_values(part.source, *span):
                if not text[start - 1].isspace():
                    mark = ";" if text[start] == ";" else "//"
                    message = f"'{mark}' begins a comment, so that '{rest}' is not read"
                    hint = f"put a blank in place of the '{mark}', or before it where a comment is meant"
                    yield NetlistWarning(message, part.place(start, end), hint)


def _in_parentheses(netlist: Netlist) -> Iterator[NetlistWarning]:
    """Of parameters of subcircuits in parentheses, which ngspice reads as none: it ends, or takes the definition's."""
    for part in netlist.walk():
        text = part.source.text
        if _PAIR_IN_PARENTHESES.search(text) is None:
            continue
        for statement in flattened(part.statements):
            if not isinstance(statement, Element | Subcircuit) or not statement.assignments:
                continue
            called = isinstance(statement, Element)
            if isinstance(statement, Element) and statement.letter != "X":
                continue
            words = statement.words if isinstance(statement, Element) else (statement.name, *statement.nodes)
            first, last = statement.assignments[0].name, statement.assignments[-1].value
            at = _opening(text, words[-1].end if words else statement.start, first.start)
            if at >= 0:
                does = "leaves them out" if called else "ends there"
                message = f"parameters in parentheses are read, and ngspice {does}"
                yield NetlistWarning(message, part.place(at, last.end), "write them without the parentheses")


def _opening(text: str, start: int, end: int) -> int:
    """Where the first parenthesis in [start, end) opens that stands in no comment; -1 for none."""
    at = start
    for line in text[start:end].splitlines(keepends=True):
        stop = at + len(line)
        is_comment = at > start and line.lstrip().startswith("*")
        found = text.find("(", at, at if is_comment else comment_start(text, at, stop))
        if found >= 0:
            return found
        at = stop
    return -1


def _has_comma_in_digits(text: str) -> bool:
    # What begins with a comma is found many times faster than what begins with any digit.
    return any(text[match.start() - 1 : match.start()].isdecimal() for match in re.finditer(r",\d", text))


def _odd_blanks(netlist: Netlist) -> Iterator[NetlistWarning]:
    """Of no-break spaces and the like in what is read, which are parts of words."""
    for part in netlist.walk():
        if part.source.text.isascii() or ODD_BLANK.search(part.source.text) is None:
            continue
        for statement in flattened(part.statements):
            if not isinstance(statement, Element | Block | Card):
                continue
            if ODD_BLANK.search(part.source.text, statement.start, statement.end) is None:
                continue
            for word in _words(statement):
                found = ODD_BLANK.search(word.text)
                if found is not None:
                    at = word.start + found.start()
                    message = f"{odd_blank_name(found[0])} is a part of the word that it stands in"
                    yield NetlistWarning(message, part.place(at, at + 1), "put a plain blank, or nothing")


def _words(statement: Element | Block | Card) -> Iterator[Word]:
    for line in [statement] if isinstance(statement, Card) else elements_in(statement):
        if isinstance(line, Element):
            yield line.name
        yield from line.words
        for pair in line.assignments:
            yield from pair


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
