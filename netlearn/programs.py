"""Programs of others: run with a limit of time, and ended with all that they have started."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netlearn.errors import OptionError

LONGEST = 1e6
"""Limits of time from here on, in seconds, are none, by convention: it is 12 days, and the system's functions take no
longer ones than POSIX' 2³¹ milliseconds, which are 25."""
LONGEST_LINE = 2**28
"""Bytes that a program may write without ending a line, by convention: guards memory; a line of 10 million numbers is
as long."""
HEARD = 4000
"""Bytes of a program's standard error that are kept, the last ones, by convention: some fifty lines."""

_GUARD = """
import os, signal, subprocess, sys, threading, time
life, told, grace = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
try:
    program = subprocess.Popen(sys.argv[4:], start_new_session=True)
except OSError as error:
    os.write(told, b"e%d" % (error.errno or 0))
    os._exit(0)
def end():
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except OSError:
        pass
def watch():
    os.read(life, 1)
    time.sleep(grace)
    end()
threading.Thread(target=watch, daemon=True).start()
status = program.wait()
end()
os.write(told, b"s%d" % status)
os._exit(0)
"""
"""Stands between this process and a program. It ends the program, with what that has started, when nobody holds the
other end of a pipe any more: when this process lets go of it, or is gone. Another pipe tells the program's status."""


def limit(timeout: float) -> float | None:
    """Seconds to wait at most, None for no limit. Raises OptionError for what is not a time."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise OptionError(f"a limit of time must be a number of seconds, not {timeout!r:.80}")
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
    late = False
    guard, hold, told = _guarded(
        command, 0.0, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        try:
            said, _ = guard.communicate(timeout=limit(timeout))
        except subprocess.TimeoutExpired:
            late = True
        finally:
            os.close(hold)
        if late:
            said, _ = guard.communicate()
        status = _status(told, command[0])
    finally:
        os.close(told)
    return Finished(said.decode("utf-8", "replace"), status, late)


class Late(Exception):
    """A program that said nothing for as long as it was given."""


class Ended(Exception):
    """A program that is no longer there; says how it ended."""


class Dialogue:
    """A program that is kept, and spoken to line by line through its standard input and output.

    It runs in a session of its own, so that it does not hear Ctrl-C. When it is closed, and when this process ends
    in whatever way, its standard input ends; ``grace`` seconds later it is ended, with all that it has started.

    The first line that is sent or waited for raises OSError where the program cannot be run.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], grace: float = 2.0) -> None:
        pipe = subprocess.PIPE
        guard, hold, told = _guarded(command, grace, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)
        assert guard.stdin is not None
        assert guard.stdout is not None
        assert guard.stderr is not None
        self._guard, self._told, self._name = guard, told, command[0]
        self._into, self._out, self._errors = (each.fileno() for each in (guard.stdin, guard.stdout, guard.stderr))
        for number in (self._into, self._out, self._errors):
            os.set_blocking(number, False)
        self._read, self._heard = bytearray(), bytearray()
        self._ending = ""
        self._end = weakref.finalize(self, _let_go, guard, hold, told, grace)

    @property
    def heard(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._heard.decode("utf-8", "replace").strip()

    def send(self, line: str, timeout: float) -> None:
        """Write a line. Raises Late, and Ended."""
        left = memoryview(line.encode() + b"\n")
        deadline = _deadline(timeout)
        while left:
            if self._wait(deadline, writing=True):
                try:
                    left = left[os.write(self._into, left) :]
                except BlockingIOError:
                    continue
                except OSError:
                    raise Ended(self._how()) from None

    def line(self, timeout: float) -> str:
        """The next line that it writes, without its end. Raises Late, and Ended."""
        deadline = _deadline(timeout)
        searched = 0
        while (end := self._read.find(b"\n", searched)) < 0:
            searched = len(self._read)
            if searched > LONGEST_LINE:
                raise Ended(f"wrote {searched} bytes without ending a line")
            self._wait(deadline)
            if not self._take(self._out, self._read):
                # What stands there without an end is a line, too.
                if not self._read:
                    raise Ended(self._how())
                end = len(self._read)
                break
        found = bytes(self._read[:end])
        del self._read[: end + 1]
        return found.decode("utf-8", "replace").rstrip("\r")

    def close(self) -> None:
        """End it, after the time that it is given for ending by itself."""
        self._end()

    def _wait(self, deadline: float | None, writing: bool = False) -> bool:
        """Wait until its output can be read, or until something can be written: whether it can. Raises Late, Ended."""
        reading = [self._out, self._errors]
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            readable, writable, _ = select.select(reading, [self._into] if writing else [], [], left)
            if not readable and not writable:
                raise Late
            if self._errors in readable and not self._take(self._errors, self._heard):
                reading = [self._out]
            del self._heard[:-HEARD]
            # Who writes while it is written to must be heard, or both would wait for ever.
            if writing and self._out in readable and not self._take(self._out, self._read):
                raise Ended(self._how())
            if self._out in readable or writable:
                return bool(writable)

    def _take(self, number: int, into: bytearray) -> bool:
        """Read what is there; False at the end."""
        try:
            found = os.read(number, 2**16)
        except BlockingIOError:
            return True
        into += found
        return bool(found)

    def _how(self) -> str:
        """How it ended. Raises OSError for a program that could not be run."""
        if self._ending:
            return self._ending
        with suppress(Late):
            # What it said last may tell why.
            while select.select([self._errors], [], [], 1.0)[0]:
                if not self._take(self._errors, self._heard):
                    break
        if not select.select([self._told], [], [], 5.0)[0]:
            return "closed its standard output"
        status = _status(self._told, self._name)
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self._ending = how
        return how


def _guarded(command: Sequence[str], grace: float, **more: object) -> tuple[subprocess.Popen[bytes], int, int]:
    """The guard of a program, the end of the pipe by which it lives, and the one that tells its status."""
    life, hold = os.pipe()
    told, tell = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(life), str(tell), str(grace), *command],
            pass_fds=[life, tell],
            start_new_session=True,
            **more,  # type: ignore[call-overload]
        )
    except BaseException:
        os.close(hold)
        os.close(told)
        raise
    finally:
        os.close(life)
        os.close(tell)
    return guard, hold, told


def _status(told: int, name: str) -> int:
    """The status that a guard has told. Raises OSError for a program that could not be run."""
    said = os.read(told, 64).decode()
    if said.startswith("e") or not said:
        number = int(said[1:] or errno.EIO)
        raise OSError(number, f"'{name}' cannot be run: {os.strerror(number).lower()}")
    return int(said[1:])


def _deadline(timeout: float) -> float | None:
    seconds = limit(timeout)
    return None if seconds is None else time.monotonic() + seconds


def _let_go(guard: subprocess.Popen[bytes], hold: int, told: int, grace: float) -> None:
    for pipe in (guard.stdin, guard.stdout, guard.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    os.close(hold)
    try:
        guard.wait(grace + 5.0)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    finally:
        os.close(told)
