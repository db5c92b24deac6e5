"""Changes of a text: stretches of it replaced, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netlearn.errors import OptionError
from netlearn.netlist.source import Source

Edit = tuple[Source, int, int, str]
"""Replace the characters [start, end) of a source by a text."""
Change = Callable[[Iterable[Edit]], None]


def refuse_repeated(named: Iterable[tuple[str, object]]) -> None:
    """Raise OptionError where two names stand for the same of what is to be changed."""
    known: dict[object, str] = {}
    for name, what in named:
        if what in known:
            other = known[what]
            same = other.lower() == name.lower()
            raise OptionError(f"'{name}' is given twice" if same else f"'{other}' and '{name}' stand in the same line")
        known[what] = name
