"""Pieces of work in several processes, which may be killed without harm to the others."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from netlearn.executors import KilledAgain, as_they_come
from netlearn.interrupts import SIGNALS, shielded

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 2
"""How often a piece is begun whose process is ended by something else, by convention: the system ends processes for
want of memory, and what they did ends the next one, too."""


@dataclass(frozen=True)
class Lost:
    """What comes instead of a result whose process was ended again and again."""

    how: str
    tries: int = TRIES

    def __str__(self) -> str:
        return f"its process {self.how}, {self.tries} times" if self.tries > 1 else self.how


def results_of(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int | None = None,
    executor: Executor | None = None,
) -> Iterator[tuple[int, Result | Lost]]:
    """What a function gives for each item, as it comes, with the number of the item.

    The function runs in as many processes as are asked for (None: as there are processors), or
    in this one if one is enough. A process that is killed, or runs out of memory, costs only the
    item that it was at: that is tried once more at the end, and is Lost if it happens again. An
    error that the function raises is raised here. Processes end when this one does, however it
    ends, and do not hear Ctrl-C, which this one does.

    With an ``executor`` the function runs there instead. An item whose process ends there is Lost after the
    executor has done what it does to try again. Raises NetlearnError where nothing can be run there any more.
    """
    if executor is not None:
        for number, found in as_they_come(function, items, executor):
            yield number, Lost(str(found), 1) if isinstance(found, KilledAgain) else found
        return
    count = min(processes or os.cpu_count() or 1, len(items))
    if count <= 1:
        for number, item in enumerate(items):
            yield number, function(item)
        return
    todo = deque((number, 1) for number in range(len(items)))
    workers: list[_Worker[Item, Result]] = []
    try:
        while todo or any(worker.busy for worker in workers):
            while todo and len(workers) < count:
                workers.append(_Worker(function))
            for worker in workers:
                if todo and not worker.busy:
                    worker.begin(*(task := todo.popleft()), items[task[0]])
            for worker in _with_news(workers):
                number, tries, reply = worker.reply()
                if isinstance(reply, Lost):
                    worker.end()
                    workers.remove(worker)
                if isinstance(reply, Lost) and tries < TRIES:
                    todo.append((number, tries + 1))
                else:
                    yield number, reply
    finally:
        with shielded():
            for worker in workers:
                worker.end()


class _Worker(Generic[Item, Result]):
    """A process that works on one item after another, as seen from outside."""

    def __init__(self, function: Callable[[Item], Result]) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=_serve, args=(function, theirs, os.getpid()), name="netlearn worker", daemon=True
        )
        with _imports_from_elsewhere():
            self._process.start()
        theirs.close()
        self._task: tuple[int, int] | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None

    @property
    def news(self) -> tuple[Connection, int]:
        """What can be waited for: a reply, or the end of the process."""
        return self._ours, self._process.sentinel

    def begin(self, number: int, tries: int, item: Item) -> None:
        self._task = number, tries
        # If it has ended while it had nothing to do, its sentinel says so.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._ours.send(item)

    def reply(self) -> tuple[int, int, Result | Lost]:
        """The number of the item, how often it was begun, and what came of it. Raises what the function raised."""
        assert self._task is not None
        (number, tries), self._task = self._task, None
        result: Result | Lost
        try:
            # A process that has ended may have given its result before.
            error, result = self._ours.recv() if self._ours.poll() else (None, self._how())
        except (EOFError, OSError, pickle.UnpicklingError):
            error, result = None, self._how()
        if isinstance(error, MemoryError):
            result = Lost("ran out of memory")
        elif error is not None:
            raise error
        return number, tries, result

    def end(self) -> None:
        """End the process and whatever it is doing."""
        self._ours.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def _how(self) -> Lost:
        self._process.join()
        code = self._process.exitcode or 0
        return Lost(f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}")


def _with_news(workers: Sequence[_Worker[Item, Result]]) -> list[_Worker[Item, Result]]:
    """The busy workers of which there is something to hear, once there are any."""
    busy = [worker for worker in workers if worker.busy]
    ready = set(wait([each for worker in busy for each in worker.news]))
    return [worker for worker in busy if not ready.isdisjoint(worker.news)]


def _serve(function: Callable[[Any], Any], connection: Connection, parent: int) -> None:
    """The life of a worker's process."""
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in SIGNALS[1:]:
        signal.signal(number, signal.SIG_DFL)
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        try:
            reply: tuple[Exception | None, Any] = None, function(item)
        except Exception as error:
            reply = error, None
        try:
            connection.send(reply)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            connection.send((RuntimeError(f"what came of a piece of work cannot be given back: {error}"), None))


def end_with_parent(parent: int, leave: Callable[[], None] | None = None) -> None:
    """End this process soon after the one with the number ``parent``, even in the middle of a hanging command."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        if leave is not None:
            leave()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _imports_from_elsewhere() -> Iterator[None]:
    """Where a process is not a copy of this one, keep it from importing modules of the working folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before
