"""Compiling the loops in a process of its own, while array operations answer in this one.

Where a folder does not hold the loops' machine code, one process compiles them for all that want them: whoever holds
a lock on a file there. The lock goes to the process that compiles and ends with it, however it ends, so that none is
ever stale. Until the code is whole, array operations give the same results to rounding; from then on the loops do.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numba
from numba.core.registry import cpu_target

from netlearn.environment import choice_named
from netlearn.errors import warn
from netlearn.solve.compiled import jit
from netlearn.solve.compiled.load import Here

VARIABLE = "NETLEARN_COMPILE"
MEANWHILE, FIRST = "meanwhile", "first"
"""Whether arrays answer while the loops are compiled, or they are compiled first, which makes all runs of one kind."""
LOOKS_EVERY = 0.2
"""Seconds after which it is asked again whether somebody compiles: by convention far less than compiling takes."""
MOST_STARTS = 2
"""So often a process compiles for this one, if it is ended by something else: by convention once more than should be
needed."""
TRIED_AGAIN = 3600.0
"""Seconds after which what could not be compiled is tried again, by convention an hour: a full disk, say, may be empty
by then."""

# What else the package needs is found where this process found it, but never in the working folder.
PROCESS = """
import sys
root, *sys.path = sys.argv[1:]
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("netlearn", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["netlearn"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["netlearn"])
from netlearn.ahead import compile_for_others
compile_for_others()
"""


class Compilation:
    """The loops' machine code in a folder, and the process that makes it, if there is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        name = _name()
        self._whole, self._failed = folder / f"whole-{name}", folder / f"failed-{name}"
        self._lock, self._log = folder / "lock", folder / f"log-{name}"
        self._ready = False
        self._given_up = False
        self._next_look = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._owner, self._ended = os.getpid(), 0

    @property
    def going_on(self) -> bool:
        """Whether another process is compiling, as far as was seen."""
        return not (self._ready or self._given_up)

    def ready(self) -> bool:
        """Whether the loops are there. Else a process is started that compiles them, if there is none."""
        if not self._ready and not self._given_up:
            if self._whole.exists():
                self._ready = True
            elif time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + LOOKS_EVERY
                self._look()
        return self._ready

    def finished(self) -> None:
        """Note that the code is whole."""
        self._failed.unlink(missing_ok=True)
        self._whole.touch()
        self._ready = True

    def failed(self, said: str) -> None:
        """Note why it could not be compiled."""
        with suppress(OSError):
            self._failed.write_text(said, encoding="utf-8", errors="backslashreplace")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else compiles, and let nobody else meanwhile."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Some network file systems have no locks.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _look(self) -> None:
        if os.getpid() != self._owner:
            # A copy of the process that has started it.
            self._process, self._owner = None, os.getpid()
        if self._process is not None and self._process.poll() not in (None, 0, -signal.SIGINT):
            code, self._process = self._process.returncode, None
            self._ended += 1
            if self._ended >= MOST_STARTS and not self._failed.exists():
                said = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
                self.failed(said.strip() or f"the process that compiles was ended, with status {code}")
        with suppress(OSError):
            if time.time() - self._failed.stat().st_mtime < TRIED_AGAIN:
                self._give_up(self._failed.read_text("utf-8"))
                return
        try:
            self._start()
        except OSError:
            # Without locks or processes it is left to this one.
            self._ready = True

    def _start(self) -> None:
        if not _python():
            self._ready = True
            return
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self._whole.exists():
                self._ready = True
                return
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", PROCESS, *_paths()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=os.path.abspath(os.sep),
                    env=os.environ | {"NUMBA_CACHE_DIR": str(self.folder.parent)},
                    # The lock is that process's from now on.
                    pass_fds=(lock,),
                )
        finally:
            os.close(lock)

    def _give_up(self, said: str) -> None:
        self._given_up = True
        nothing = f"not even why could be written to {self.folder}, whose disk may be full"
        last = (said.strip().splitlines() or [nothing])[-1]
        warn(
            f"the solver's loops cannot be compiled, so that the slower array operations take their place ({last}); "
            "'python -m netlearn.ahead' tries again and shows all of it"
        )


def compilation() -> Compilation | Here:
    """How this process comes by the loops. Raises OptionError where the environment names no way."""
    if choice_named(VARIABLE, (MEANWHILE, FIRST)) == FIRST:
        return Here()
    if jit.CACHE is None:
        warn(
            "there is no folder that you alone can write to, in which the machine code of the solver's loops could be "
            "kept, so that every process compiles them anew, for ten seconds or more; name one by NUMBA_CACHE_DIR"
        )
        return Here()
    return Compilation(Path(jit.CACHE))


def _name() -> str:
    """What has to be the same for machine code to be found again: Python, numba, the processor and the sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    stamps = [(str(source), source.stat().st_mtime_ns, source.stat().st_size) for source in sources]
    machine = cpu_target.target_context.codegen().magic_tuple()
    told = repr((sys.implementation.cache_tag, numba.__version__, machine, stamps))
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _python() -> bool:
    """Whether ``sys.executable`` is Python, and not a program that Python is part of."""
    named = Path(sys.executable or "").name.lower()
    return named.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


def _paths() -> Sequence[str]:
    """The package's folder, and where others are found."""
    here = os.getcwd()
    return [
        str(Path(__file__).parents[2]),
        *(path for path in sys.path if os.path.isabs(path) and os.path.realpath(path) != here),
    ]
