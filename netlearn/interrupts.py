"""Ctrl-C, and the other ways in which a process is asked to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, unless they are ignored (as by ``nohup``)."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    sys.unraisablehook = _raise_again


def ignore_signals() -> None:
    """Let nothing interrupt what is left to do, which should be short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def shielded() -> Iterator[None]:
    """Put off what a signal does until the block is over, so that a file is not left out halfway."""
    if threading.current_thread() is not threading.main_thread():
        # Signals are handled by the main thread alone.
        yield
        return
    came: list[int] = []
    before: dict[int, Any] = {}
    try:
        for each in SIGNALS:
            handler = signal.getsignal(each)
            if handler not in (signal.SIG_IGN, None):
                before[each] = handler
                signal.signal(each, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


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
