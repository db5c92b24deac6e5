"""Programs of others: run with a limit of time, and ended with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netlearn.errors import OptionError

LONGEST = 1e6
"""Limits of time from here on, in seconds, are none: the system's functions take no longer ones."""

_GUARD = """
import os, signal, subprocess, sys, threading
life = int(sys.argv[1])
program = subprocess.Popen(
    sys.argv[2:], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True
)
def end():
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except OSError:
        pass
def watch():
    os.read(life, 1)
    end()
threading.Thread(target=watch, daemon=True).start()
status = program.wait()
end()
os.write(2, b"%d" % status)
os._exit(0)
"""
"""Stands between this process and a program. It ends the program, with what that has started, when nobody holds the
other end of a pipe any more: when this process lets go of it, or is gone. Its error output is the program's status."""


def limit(timeout: float) -> float | None:
    """Seconds to wait at most, None for no limit. Raises OptionError for what is no time."""
    if not timeout > 0:
        raise OptionError(f"a limit of time must be above 0 s, not {timeout:g}")
    return None if timeout >= LONGEST else timeout


@dataclass(frozen=True)
class Finished:
    """What a program wrote, its status as ``subprocess`` has it, and whether it took too long."""

    said: str
    status: int
    late: bool = False

    @property
    def crash(self) -> str:
        """By what it was ended, if that was not for taking too long."""
        return "" if self.late or self.status >= 0 else f"was ended by {signal.Signals(-self.status).name}"


def run(command: Sequence[str], folder: Path, timeout: float) -> Finished:
    """Run a program in a folder, without input, for at most ``timeout`` seconds.

    It runs in a session of its own, so that it does not hear Ctrl-C, and is ended with all that
    it has started when it takes too long, when an error comes here, and when this process ends.

    Raises OSError for a program that cannot be run.
    """
    life, hold = os.pipe()
    late = False
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(life), *command],
            cwd=folder,
            pass_fds=[life],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(life)
        try:
            said, status = guard.communicate(timeout=limit(timeout))
        except subprocess.TimeoutExpired:
            late = True
    finally:
        os.close(hold)
    if late:
        said, status = guard.communicate()
    if guard.returncode != 0:
        raise OSError(f"'{command[0]}' cannot be run")
    return Finished(said.decode("utf-8", "replace"), int(status), late)
