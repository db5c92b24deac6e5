"""A worker process with an ngspice in it, as seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, cast

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.ngspice.deck import Deck, write_deck
from netlearn.ngspice.library import INSTALL, executable, missing
from netlearn.ngspice.messages import Crashed, Unloadable, took_longer
from netlearn.options import Option
from netlearn.programs import limit

T = TypeVar("T")
_PROCESSES = Option("processes", int, None, optional=True, least=1)
SAMPLES_PER_PROCESS = 200
"""Another process is started for so many samples more: where both are there already, two take 0.55 to 0.7 of the time
of one for 200 samples, and 0.5 to 0.8 for 100; with their start 0.95 to 1.2 for 200, and 0.8 to 1.05 for 800
(benchmarks/constants_of_ngspice.py)."""


def count_of(processes: int | None) -> int | None:
    """How many processes share the samples, None for what suits. Raises OptionError for what is not a number."""
    return cast(int | None, _PROCESSES.check(processes))


def shared_by(samples: int, processes: int | None) -> int:
    """How many processes share so many samples, where ``processes`` does not say."""
    return processes or min(os.cpu_count() or 1, 1 + samples // SAMPLES_PER_PROCESS)


def by_library_or_program(path: str | None, by_library: Callable[[str], T], by_program: Callable[[], T]) -> T:
    """What the library at ``path`` finds, or the executable where there is none or it cannot be loaded.

    Raises NgspiceError where neither is installed, and Unloadable where there is a library alone.
    """
    if path is not None:
        try:
            return by_library(path)
        except Unloadable:
            if executable() is None:
                raise
    elif executable() is None:
        raise missing()
    return by_program()


class WorkerProcess:
    """ngspice in a process of its own, which may hang or crash without harm to this one."""

    def __init__(self, library: str, tolerances: Mapping[str, float]) -> None:
        self.tolerances = tolerances
        self.deck: Deck | None = None
        # In a folder of its own: ngspice would run a .spiceinit in the working or the home folder.
        self._folder = tempfile.TemporaryDirectory(prefix="netlearn-", ignore_cleanup_errors=True)
        self.connection, self.process = _start(library, self._folder.name)
        self._abandoned = weakref.finalize(self, _end, self.connection, self.process, self._folder)

    def prepare(self, circuit: Circuit, saves: bool = True) -> Deck:
        """The circuit's deck, loaded if the one that is loaded does not serve.

        ``saves`` asks ngspice for internal nodes, too, where the circuit has some.
        """
        deck = self.deck
        if deck is None or not deck.serves(circuit):
            self.deck = deck = write_deck(circuit, self.tolerances)
            values, _, _ = deck.values(deck.circuit)
            self.send("load", deck.lines, deck.vectors, deck.targets, values, saves and deck.explicit)
        return deck

    def sens(self, values: Array, probe: str, timeout: float) -> tuple[dict[str, float] | None, str]:
        """``.sens`` of the loaded circuit at ``values``: by vector name, if there is any, and what was said.

        Raises NgspiceError if it takes longer than ``timeout`` seconds, and Crashed.
        """
        self.send("sens", values, probe)
        while self.connection.poll(limit(timeout)):
            kind, content = self.receive()
            if kind == "sens":
                return dict(content), ""
            if kind == "failed":
                return None, content
        raise took_longer(timeout)

    def send(self, *request: Any) -> None:
        """Send a request. Raises Crashed, or Unloadable if the worker has said so."""
        try:
            self.connection.send(request)
        except (BrokenPipeError, ConnectionResetError):
            if self.connection.poll():
                self.receive()
            raise Crashed(self._how()) from None

    def receive(self) -> tuple[str, Any]:
        """The next reply. Raises Crashed and Unloadable."""
        try:
            reply: tuple[str, Any] = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise Crashed(self._how()) from None
        if reply[0] == "unloadable":
            raise Unloadable(f"libngspice cannot be loaded: {reply[1]}", hint=INSTALL)
        return reply

    def close(self) -> None:
        """End the process and whatever it is doing."""
        self._abandoned()

    def _how(self) -> str:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"


def _start(library: str, folder: str) -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    # The working folder may hold modules of a stranger's: only what is imported from here is seen there.
    places = [os.path.abspath(path) for path in (*sys.path, str(Path(__file__).parents[2])) if path]
    environment = {
        **os.environ,
        "HOME": folder,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(places)),
        # Each worker is one of several; ngspice's and BLAS's own threads would only be in their way.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    # Not multiprocessing's spawn, which would run the user's main module again.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "netlearn.ngspice.worker", str(theirs.fileno()), library, str(os.getpid())],
        cwd=folder,
        env=environment,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    return ours, process


def _end(connection: Connection, process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    connection.close()
    process.kill()
    process.wait()
    folder.cleanup()
