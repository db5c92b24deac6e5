"""The process that holds libngspice: ``python -m netlearn.ngspice.worker FD LIBRARY PARENT``.

It answers requests on the connection FD until that closes, or says ``("unloadable", why)`` and ends
where the library cannot be used. A request and its replies:

- ``("load", lines, vectors, targets, values, saves)``: ``("loaded", what ngspice said)``;
- ``("run", base, places, samples)``: for every sample ``("sample", (values, what ngspice said))`` or
  ``("failed", what ngspice said)``; the latter is the last one;
- ``("text", lines, behaviour, targets, saves, samples)``: ``("loaded", what ngspice said)``, and then for every sample
  ``("sample", {vector name: value})`` or ``("failed", what ngspice said)``; the latter is the last one;
- ``("sens", base, probe)``: ``("sens", {vector name: value})`` or ``("failed", what ngspice said)``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.ngspice.library import names, shared, text
from netlearn.ngspice.names import SETTLED_ONLY, quoted
from netlearn.workers import end_with_parent


class Worker:
    """One ngspice, and the circuit that is loaded into it."""

    def __init__(self, library: str) -> None:
        self.ngspice = shared(library)
        self.library = self.ngspice._ngspice_shared
        # ngspice heeds no OMP_NUM_THREADS: two threads of it take hundreds of times as long over a few BSIM
        # transistors as one, where other processes want the processors, too.
        self._command("set num_threads=1")
        self.vectors: list[bytes] = []
        self.targets: Sequence[str] = ()
        self.current = np.empty(0)
        self.loaded = False
        self.heard = ""
        """What ngspice said of the last operating point."""

    def load(
        self, lines: Sequence[str], vectors: Sequence[str], targets: Sequence[str], values: Array, saves: bool
    ) -> str:
        """Replace the loaded circuit; gives what ngspice said of it."""
        if self.vectors:
            self._command("remcirc")
            self._command("delete all")
        self.ngspice.load_circuit("\n".join(lines))
        said = self.said()
        self.vectors = [vector.encode() for vector in vectors]
        self.targets = targets
        self.current = values
        if saves:
            self._save(vectors)
        return said

    def load_text(self, lines: Sequence[str], behaviour: str, targets: Sequence[str], saves: Sequence[str]) -> str:
        """Load a circuit whose vectors are not known beforehand; gives what ngspice said of it."""
        if self.loaded:
            self._command("remcirc")
            self._command("delete all")
        self.loaded = True
        self._command(f"set ngbehavior={behaviour}" if behaviour else "unset ngbehavior")
        with contextlib.suppress(NameError):
            self.ngspice.load_circuit("\n".join(lines))
        if self.ngspice.exited:
            raise SystemExit(1)
        self.targets = targets
        self.current = np.full(len(targets), np.nan)
        said = self.said()
        self._command(SETTLED_ONLY)
        self._save(saves)
        return said

    def every_vector(self) -> dict[str, float] | None:
        """All vectors at the operating point by name, or None where there is none."""
        self._command("op")
        self.heard = self.said()
        plot = text(self.library.ngSpice_CurPlot())
        if not plot.startswith("op"):
            return None
        found = {}
        for name in names(self.library.ngSpice_AllVecs(plot.encode())):
            # With the plot's name before it, a vector with a dot in its own is found too.
            vector = self.library.ngGet_Vec_Info(plot.encode() + b"." + name)
            if vector and vector.v_length > 0:
                found[name.decode("utf-8", "replace")] = float(vector.v_realdata[0])
        self._command("destroy all")
        return found or None

    def alter(self, values: Array) -> None:
        """Change the loaded circuit's values (A,) where they differ."""
        changed = np.flatnonzero(values != self.current)
        commands = [self.targets[k] + repr(v) for k, v in zip(changed.tolist(), values[changed].tolist(), strict=True)]
        # ngspice reads at most 1023 characters at once.
        for start in range(0, len(commands), 16):
            self._command(";".join(commands[start : start + 16]))
        self.current = values

    def operating_point(self) -> Array | None:
        """The vectors (N,) at the operating point, or None where there is none."""
        self._command("destroy all")
        self._command("op")
        self.heard = self.said()
        values = np.empty(len(self.vectors))
        for k, name in enumerate(self.vectors):
            vector = self.library.ngGet_Vec_Info(name)
            if not vector or vector.v_length < 1:
                return None
            values[k] = vector.v_realdata[0]
        return values

    def sensitivities(self, probe: str) -> dict[str, float] | None:
        self._command("destroy all")
        self._command(f"sens {probe}")
        plot = self.ngspice.last_plot
        if not plot.startswith("sens"):
            return None
        vectors = self.ngspice.plot(None, plot)
        return {name: float(vector._data[0].real) for name, vector in vectors.items()}

    def said(self) -> str:
        return str(self.ngspice.said())

    def _save(self, vectors: Sequence[str]) -> None:
        """Keep these vectors alone."""
        for start in range(0, len(vectors), 20):
            self._command("save " + " ".join(map(quoted, vectors[start : start + 20])))

    def _command(self, text: str) -> None:
        # PySpice's errors are NameErrors. What a failed command should have made will be missing.
        with contextlib.suppress(NameError):
            self.ngspice.exec_command(text)
        if self.ngspice.exited:
            raise SystemExit(1)


def serve(connection: Connection, worker: Worker) -> None:
    """Answer requests until the other side is gone."""
    while True:
        try:
            request: tuple[Any, ...] = connection.recv()
        except EOFError:
            return
        for reply in _answers(worker, request):
            connection.send(reply)


def _answers(worker: Worker, request: tuple[Any, ...]) -> Any:
    kind, *arguments = request
    if kind == "load":
        yield "loaded", worker.load(*arguments)
    elif kind == "run":
        base, places, samples = arguments
        for sample in samples:
            values = base.copy()
            values[places] = sample
            worker.alter(values)
            x = worker.operating_point()
            if x is None:
                yield "failed", worker.heard
                return
            yield "sample", (x, _warnings(worker.heard))
    elif kind == "text":
        lines, behaviour, targets, saves, samples = arguments
        yield "loaded", worker.load_text(lines, behaviour, targets, saves)
        for sample in samples:
            worker.alter(sample)
            point = worker.every_vector()
            if point is None:
                yield "failed", worker.heard
                return
            yield "sample", point
    elif kind == "sens":
        base, probe = arguments
        worker.alter(base)
        found = worker.sensitivities(probe)
        yield ("sens", found) if found is not None else ("failed", worker.said())


def _warnings(said: str) -> str:
    return "\n".join(line for line in said.splitlines() if "warning" in line.lower() or "singular" in line.lower())


def leave() -> None:
    """End this process, and remove its folder, which is empty and which nobody else may be left to remove."""
    with contextlib.suppress(OSError):
        os.rmdir(os.getcwd())
    os._exit(0)


def main() -> None:
    end_with_parent(int(sys.argv[3]), leave)
    connection = Connection(int(sys.argv[1]))
    # ngspice and PySpice print as they please; nobody should see it.
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    try:
        worker = Worker(sys.argv[2])
    except Exception as error:
        # A library that cannot be loaded, or PySpice missing: the other side knows another way.
        connection.send(("unloadable", str(error)))
    else:
        serve(connection, worker)
    connection.close()
    leave()


if __name__ == "__main__":
    main()
