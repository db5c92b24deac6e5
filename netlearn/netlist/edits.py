"""Changes of a text: stretches of it replaced, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netlearn.netlist.source import Source

Edit = tuple[Source, int, int, str]
"""Replace the characters [start, end) of a source by a text."""
Change = Callable[[Iterable[Edit]], None]
