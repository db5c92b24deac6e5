"""The command ``netlearn``: reads options, calls the library, prints."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlearn.interrupts import ignore_signals, interrupt_on_signals, lost_interruption

if TYPE_CHECKING:
    from netlearn.cli.group import main

__all__ = ["main", "run"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def run() -> None:
    """The whole life of a process that is the command, from the first moment in which it can be interrupted."""
    code = INTERRUPTED
    try:
        interrupt_on_signals()
        # Imports take a second, in which somebody may think better of it.
        code = import_module("netlearn.cli.process").run()
    except KeyboardInterrupt:
        _say_interrupted()
    except Exception:
        if not lost_interruption():
            raise
        _say_interrupted()
    ignore_signals()
    sys.exit(code)


def _say_interrupted() -> None:
    ignore_signals()
    sys.stderr.write("interrupted\n")


def __getattr__(name: str) -> Any:
    if name != "main":
        raise AttributeError(f"module 'netlearn.cli' has no attribute '{name}'")
    return import_module("netlearn.cli.group").main
