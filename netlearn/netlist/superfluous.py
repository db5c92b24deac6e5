"""Words of other programs on lines of elements and subcircuits that say nothing more than the line does."""

from __future__ import annotations

from netlearn.netlist.statements import Assignment, Word

_BEFORE_PARAMETERS = ("params:", "optional:", "text:")


def without_params(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """``params:`` before the parameters of a subcircuit says nothing that ``=`` does not."""
    if all(word.text[-1:] != ":" for word in words):
        return words
    return tuple([word for word in words if word.text.lower() not in _BEFORE_PARAMETERS])


def without_slash(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """CDL has a slash between the nodes and the subcircuit's name."""
    return (*words[:-2], words[-1]) if len(words) > 2 and words[-2].text == "/" else words


def without_kind(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """HSPICE says after the nodes of a controlled source what it is, which its letter says, too."""
    kinds = ("vcvs", "vccs", "cccs", "ccvs")
    return (*words[:2], *words[3:]) if len(words) > 4 and words[2].text.lower() in kinds else words


def named(assignments: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
    """The assignments without a ``params:`` that stands right before a name."""
    if all(":" not in assignment.name.text for assignment in assignments):
        return assignments
    found = []
    for assignment in assignments:
        name = assignment.name
        prefix = next((word for word in _BEFORE_PARAMETERS if name.text.lower().startswith(word)), "")
        cut = Word(name.text[len(prefix) :], name.start + len(prefix), name.end)
        found.append(Assignment(cut, assignment.value) if prefix and cut.text else assignment)
    return tuple(found)
