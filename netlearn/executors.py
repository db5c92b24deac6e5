"""Pieces of work on anything that has the interface of ``concurrent.futures.Executor``: pools, Dask, batch systems."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from netlearn.errors import NetlearnError

Item = TypeVar("Item")
Result = TypeVar("Result")
Thing = TypeVar("Thing")

AHEAD = 32
"""Pieces that are under way at a time where their results are wanted in order. Of pieces of uneven lengths 8 workers
are busy for 0.94 of the time, with half as many under way for 0.74, and 16 workers for 0.66 and 0.40; twice as many,
0.96 and 0.82, would take twice the memory (benchmarks/constants_of_reading.py)."""
AGAIN = "what was kept in a file is not done again; give another executor"
SHUT_DOWN = "the executor was shut down before all was done"
SAME = "install the same version of netlearn where the workers run"


class KilledAgain(Exception):
    """A piece whose processes were ended so often that the executor tries no more."""


@dataclass(frozen=True)
class Sent(Generic[Thing]):
    """Something that is pickled once for many pieces of work, and unpickled once by each process."""

    pickled: bytes

    @classmethod
    def of(cls, thing: Thing) -> Sent[Thing]:
        """Raises NetlearnError for what no other process can be given."""
        try:
            return cls(pickle.dumps(thing))
        except Exception as error:
            raise NetlearnError(
                f"this cannot be sent to other processes: {error}", hint="leave the executor out"
            ) from None

    @property
    def thing(self) -> Thing:
        found: Thing = _unpickled(self.pickled)
        return found


def for_workers(thing: Thing, executor: Executor | None) -> Thing | Sent[Thing]:
    """A thing as pieces of work are given it: sent, or itself where they are done here. Raises NetlearnError."""
    return thing if executor is None else Sent.of(thing)


def received(given: Thing | Sent[Thing]) -> Thing:
    """The thing that a piece of work was given."""
    return given.thing if isinstance(given, Sent) else given


@lru_cache(maxsize=2)
def _unpickled(pickled: bytes) -> Any:
    return pickle.loads(pickled)


def as_they_come(
    function: Callable[[Item], Result], items: Sequence[Item], executor: Executor
) -> Iterator[tuple[int, Result | KilledAgain]]:
    """What a function gives for each item, as it comes, with the number of the item.

    Raises what the function raises, and NetlearnError where nothing can be run there any more.
    """
    futures: dict[Future[Result], int] = {}
    with _ended(futures):
        for number, item in enumerate(items):
            futures[executor.submit(function, item)] = number
        for future in as_completed(list(futures)):
            found: Result | KilledAgain
            try:
                with _explained():
                    found = future.result()
            except KilledAgain as killed:
                found = killed
            yield futures[future], found


def in_order(function: Callable[[Item], Result], items: Iterable[Item], executor: Executor | None) -> Iterator[Result]:
    """What a function gives for each item, in their order; no more than a few are under way at a time.

    Without an executor it is called here, for one after the other.
    Raises as :func:`as_they_come` does, and NetlearnError for an item whose processes were ended again and again.
    """
    if executor is None:
        yield from map(function, items)
        return
    futures: deque[Future[Result]] = deque()

    def first() -> Result:
        try:
            with _explained():
                return futures.popleft().result()
        except KilledAgain as killed:
            raise NetlearnError(str(killed)) from None

    with _ended(futures):
        for item in items:
            futures.append(executor.submit(function, item))
            if len(futures) >= AHEAD:
                yield first()
        while futures:
            yield first()


@contextmanager
def _ended(futures: Iterable[Future[Any]]) -> Iterator[None]:
    """Cancel what is left, whatever happens, and say what is wrong with an executor that takes no work."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, BrokenExecutor) or "shutdown" in str(error):
            raise NetlearnError(f"the executor takes no work: {error}", hint=AGAIN) from None
        raise
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def _explained() -> Iterator[None]:
    """Say what it means that a piece of work came to nothing."""
    try:
        yield
    except BrokenExecutor as error:
        raise NetlearnError(f"the executor's processes have ended: {error}", hint=AGAIN) from None
    except CancelledError:
        raise NetlearnError(SHUT_DOWN, hint=AGAIN) from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "netlearn":
            raise
        raise NetlearnError(f"a worker cannot import {error.name}", hint=SAME) from None
    except Exception as error:
        # Dask's own name for it, which need not be installed.
        if type(error).__name__ == "KilledWorker":
            raise KilledAgain("its worker was ended again and again") from None
        if _is_the_executors(error):
            raise NetlearnError(f"{SHUT_DOWN} ({error})", hint=AGAIN) from None
        raise


def _is_the_executors(error: Exception) -> bool:
    """Whether an error is of Dask's own handing over of results, which stumbles where its scheduler is just gone."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "distributed.cfexecutor"
