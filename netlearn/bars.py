"""Progress bars for those who call netlearn from Python: in a terminal, and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from netlearn.discrete.told import search_callback
from netlearn.drawn_bars import drawn_bar
from netlearn.learn.state import Callback, Progress


@contextmanager
def step_callback(progress: Callback | Iterable[Callback] | bool | None) -> Iterator[Callback | None]:
    """What is to be told of every step: the callbacks that are given, or a bar where ``progress`` is True.

    While the context lasts, a bar of its own is drawn for a search for parts then, too.
    """
    if progress is True:
        with drawn_bar("epoch") as bar, search_callback(True):

            def move(told: Progress) -> None:
                bar.total = told.epochs
                bar.set_postfix(loss=f"{told.record.loss:.4g}", best=f"{told.best:.4g}", refresh=False)
                bar.update(told.epoch - bar.n)

            yield move
        return
    if progress is None or progress is False:
        yield None
        return
    if callable(progress):
        yield progress
        return
    each = tuple(progress)

    def tell(said: Progress) -> None:
        for callback in each:
            callback(said)

    yield tell


@contextmanager
def run_callback(
    progress: Callable[[Any, int, int], None] | bool | None,
) -> Iterator[Callable[[Any, int, int], None] | None]:
    """The same for many runs, of which it is told each, how many are done, and how many there are."""
    if progress is True:
        with drawn_bar("run") as bar:

            def move(_: Any, done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield move
        return
    yield progress or None
