"""Changing an option in the text of a directive, or adding a directive."""

from __future__ import annotations

import re

from netlearn.netlist.edits import Edit
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.statements import DirectiveLine

_PLAIN_WORD = re.compile(r"[^\s\"';=,()$]+|[^\s\"';=,()]*\([^()\n]*\)")
COMMENT = re.compile(r";|\$(?=\s|$)")


def with_directive_option(netlist: Netlist, name: str, word: str, option: str, value: str) -> Netlist:
    """A copy in which ``*@name word ... option=value`` stands.

    Where the netlist has the directive, the option's value is replaced, or the option is added after
    the word; else the line is added after the last directive, or after the title.
    """
    for line in netlist.directives:
        start = line.text.start
        text = COMMENT.split(line.text.text, maxsplit=1)[0]
        if not re.match(rf"{name}\b", text, re.IGNORECASE):
            continue
        found = re.search(rf"\b{option}\s*=\s*(\S+)", text, re.IGNORECASE)
        if found:
            return netlist.edit([(line.source, start + found.start(1), start + found.end(1), value)])
        after = re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)
        if after:
            end = start + after.end()
            return netlist.edit([(line.source, end, end, f" {option}={value}")])
    return with_directive(netlist, name, f"{word} {option}={value}")


def with_directive(netlist: Netlist, name: str, text: str) -> Netlist:
    """A copy with the line ``*@name text`` after the last directive, or after the title."""
    return netlist.edit([_added(netlist, f"*@{name} {text}")])


def with_comment(netlist: Netlist, text: str) -> Netlist:
    """A copy with a line of comment after the last directive, or after the title."""
    return netlist.edit([_added(netlist, f"* {text}")])


def _added(netlist: Netlist, text: str) -> Edit:
    """The edit that adds a line after the last directive of the top level, or after the title."""
    source = netlist.source
    lines = [line for line in netlist.statements if isinstance(line, DirectiveLine) and line.source is source]
    place = lines[-1] if lines else netlist.statements[0]
    position = source.whole_lines(place.start, place.end)[1]
    before = "" if position == 0 or source.text[position - 1] in "\r\n" else source.newline
    return source, position, position, before + text + source.newline


def quoted_word(text: str) -> str | None:
    """A word of a directive as it is to be written, in quotes if it needs them; None for one that no line can have."""
    if "\n" in text or "\r" in text:
        return None
    if _PLAIN_WORD.fullmatch(text):
        return text
    quote = '"' if '"' not in text else "'"
    return None if quote in text else f"{quote}{text}{quote}"
