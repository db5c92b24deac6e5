"""Subcircuits, conditions and sections while they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from netlearn.netlist.lines import LogicalLine
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Alternative, Assignment, Conditional, Section, Statement, Subcircuit, Word


@dataclass(slots=True)
class OpenBlock:
    """A block that is still open: the opening line, and what has been read of it."""

    what: str
    opening: LogicalLine
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    body: list[Statement] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    branch: str = "if"
    """which card the current branch of a condition has"""
    branch_line: LogicalLine | None = None


def finished(source: Source, start: int, end: int, block: OpenBlock) -> Statement:
    body = tuple(block.body)
    if block.what == "subckt":
        return Subcircuit(source, start, end, block.words[0], block.words[1:], block.assignments, body)
    if block.what == "lib":
        return Section(source, start, end, block.words[0], body)
    return Conditional(source, start, end, tuple(block.alternatives))
