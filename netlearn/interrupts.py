"""Ctrl-C, and the other ways in which a process is asked to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

from netlearn.errors import NetlearnError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, unless they are ignored (as by ``nohup``)."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _raise_again


def _interrupt(number: int, frame: FrameType | None) -> None:
    _Came.last = number
    signal.default_int_handler(number, frame)


class _Came:
    """The last signal that has raised KeyboardInterrupt, and that nobody has heard."""

    last: int | None = None


def lost_interruption() -> bool:
    """Whether an interruption was raised, which is forgotten by this. An error may be what came of it.

    Compiled code of libraries calls Python, and some of it makes an error of its own of any exception.
    """
    came, _Came.last = _Came.last is not None, None
    return came


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interruption be one, though the library in which it came has made another error of it."""
    try:
        yield
    except KeyboardInterrupt:
        lost_interruption()
        raise
    except Exception as error:
        if not isinstance(error, NetlearnError) and lost_interruption():
            raise KeyboardInterrupt from error
        raise


def ignore_signals() -> None:
    """Let nothing interrupt what is left to do, which should be short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Shield:
    """Puts off what a signal does until the ``with`` block is over; the block may enter it again.

    Signals are handled by the main thread alone: in others nothing is put off.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._came: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if _in_main_thread():
            if self._depth == 0:
                self._raise()
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        if _in_main_thread():
            self._depth -= 1
            if self._depth == 0:
                self._lower()

    def let_through(self) -> None:
        """Let a signal that has come do what it does."""
        if _in_main_thread() and self._came:
            self._lower()
            # Not if it has raised an exception, which ends the block.
            self._raise()

    def _raise(self) -> None:
        try:
            for each in SIGNALS:
                handler = signal.getsignal(each)
                if handler not in (signal.SIG_IGN, None):
                    self._before[each] = handler
                    signal.signal(each, lambda number, _: self._came.append(number))
        except BaseException:
            self._lower()
            raise

    def _lower(self) -> None:
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, handler)
        came, self._came = self._came, []
        if came:
            signal.raise_signal(came[0])


def shielded() -> Shield:
    """Put off what a signal does until the block is over, so that a file is not left out halfway."""
    return Shield()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def whole_import(name: str) -> Any:
    """Import a module, interruptions put off until it is there.

    A library that was imported by half is one that lacks something whenever it is imported again, as those of its
    parts that were there stay; and what follows an interruption may need it. Raises ImportError.
    """
    with shielded():
        return import_module(name)


def _raise_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Where an interruption came while nobody could hear it (in a callback of compiled code), let it come again."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        main = threading.main_thread().ident
        threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(unraisable)
