"""Who is told how far a search for parts has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_told: list[Callable[[int, int], None]] = []


@contextmanager
def told_of_search(tell: Callable[[int, int], None]) -> Iterator[None]:
    """Call ``tell`` with the operating points that a search has found and may find, as often as it has found some."""
    _told.append(tell)
    try:
        yield
    finally:
        _told.remove(tell)


def tell_of_search(solved: int, budget: int) -> None:
    """Tell those who want to know how far a search has come."""
    for tell in _told:
        tell(solved, budget)
