"""The command as a process: its streams, and what it ends with."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

import click

from netlearn.cli.group import main
from netlearn.cli.output import say
from netlearn.errors import NetlearnError


def run() -> int:
    """Run the command that the process was started with, and give its exit code. Raises KeyboardInterrupt."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name may hold what a terminal's encoding lacks.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main.main(prog_name="netlearn", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    return _flushed(int(code))


def _flushed(code: int) -> int:
    """The exit code, or another one where the output could not be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 1
    except OSError as error:
        with suppress(OSError):
            say(f"error: cannot write the standard output: {error.strerror}", err=True)
        code = NetlearnError.exit_code
    else:
        return code
    # The interpreter would try again when it ends, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
