"""Who is told how far a search for parts has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from netlearn.drawn_bars import drawn_bar

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


@contextmanager
def search_callback(progress: Callable[[int, int], None] | bool | None) -> Iterator[None]:
    """While the context lasts, tell a search for parts to a callback, or in a bar where ``progress`` is True.

    A callback is called with the operating points that were found, and how many there may be.
    """
    if progress is None or progress is False:
        yield
        return
    with ExitStack() as opened:
        bars: list[Any] = []

        def searched(solved: int, budget: int) -> None:
            # No bar is drawn for a training that searches for nothing.
            if not bars:
                bars.append(opened.enter_context(drawn_bar(" operating points", "searching for parts")))
            bars[0].total = budget
            bars[0].update(solved - bars[0].n)

        with told_of_search(searched if progress is True else progress):
            yield
