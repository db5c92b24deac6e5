"""ngspice as a solver, through PySpice where libngspice is there, else through its executable."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import TracebackType

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.samples import by_setting
from netlearn.errors import NgspiceError
from netlearn.ngspice.batch import run_batch
from netlearn.ngspice.deck import TIGHT, alterable, check_connected
from netlearn.ngspice.library import library
from netlearn.ngspice.messages import SINGULAR, Crashed, not_found, took_longer
from netlearn.ngspice.process import WorkerProcess, by_library_or_program, count_of, shared_by
from netlearn.programs import limit
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import solve_parts


@dataclass
class NgspiceSolver:
    """Operating points from ngspice; follows ``Solver``.

    The circuit is loaded once into each worker process; from sample to sample, and from one call to
    the next with the same topology, only the values that differ are altered. Workers live until
    ``close`` or the end of a ``with`` block.

    Parameters
    ----------
    timeout : seconds that one sample (or loading the circuit) may take before ngspice is cut off.
    processes : how many workers share the samples; None chooses by their number.
    tolerances : ngspice's options reltol, abstol (A), vntol (V) and itl1.
    """

    timeout: float = 60.0
    processes: int | None = None
    tolerances: Mapping[str, float] = field(default_factory=lambda: dict(TIGHT))
    workers: list[WorkerProcess] = field(default_factory=list, init=False, repr=False, compare=False)
    """The processes that are running."""

    def __post_init__(self) -> None:
        limit(self.timeout)
        self.processes = count_of(self.processes)

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample; ``start`` is not used, as ngspice starts by itself.

        Raises NgspiceError where ngspice is missing, hangs, crashes twice at a sample or lacks a
        device; ConvergenceError or CircuitError where it finds no operating point, with the sample.
        """
        check_connected(circuit)
        # What alter cannot change is written into a deck: one for each combination of such values.
        return solve_parts(circuit, by_setting(circuit, alterable), self._solved, None)

    def close(self) -> None:
        """End the worker processes."""
        for worker in self.workers:
            worker.close()
        self.workers.clear()

    def __enter__(self) -> NgspiceSolver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _solved(self, circuit: Circuit, _: OperatingPoint | None) -> OperatingPoint:
        return OperatingPoint(circuit, self._solve(circuit, circuit.samples or 1, first=0))

    def _solve(self, circuit: Circuit, samples: int, first: int) -> Array:
        def by_library(path: str) -> Array:
            count = shared_by(samples, self.processes)
            shares = [share for share in np.array_split(np.arange(samples), count) if len(share)]
            x = np.full((samples, circuit.size), np.nan)
            self._run(path, circuit, x, shares, first=first, retry=True)
            return x

        return by_library_or_program(
            library(), by_library, lambda: run_batch(circuit, self.tolerances, self.timeout, first)
        )

    def _run(self, path: str, circuit: Circuit, x: Array, shares: Sequence[Array], *, first: int, retry: bool) -> None:
        """Fill ``x`` (S, N) at the shares' samples, each share in a worker of its own."""
        while len(self.workers) < len(shares):
            self.workers.append(WorkerProcess(path, self.tolerances))
        tasks = [_Task(worker, list(share)) for worker, share in zip(self.workers, shares, strict=False)]
        left: list[Array] = []
        how = ""
        try:
            for task in tasks:
                task.begin(circuit)
            while running := [task for task in tasks if task.todo]:
                for task in self._ready(running, first):
                    try:
                        task.advance(circuit, x, first)
                    except Crashed as crash:
                        how = str(crash)
                        left.append(np.array(task.todo))
                        task.todo = []
                        self._drop(task.worker)
        except Crashed as crash:
            how = str(crash)
            left = [np.array(task.todo) for task in tasks if task.todo]
            self.close()
        except BaseException:
            # Workers in the middle of something would answer the next request with old results.
            self.close()
            raise
        if left:
            if not retry:
                raise NgspiceError(
                    f"ngspice {how}",
                    hint="try the internal solver, or another version of ngspice",
                    sample=first + int(left[0][0]),
                )
            self._run(path, circuit, x, left, first=first, retry=False)

    def _ready(self, running: Sequence[_Task], first: int) -> list[_Task]:
        """The tasks with a reply to read. Raises NgspiceError for one that has taken too long."""
        allowed = limit(self.timeout)
        if allowed is not None:
            allowed = max(0.0, min(task.since for task in running) + allowed - time.monotonic())
        ready = wait([task.worker.connection for task in running], allowed)
        if not ready:
            late = min(running, key=lambda task: task.since)
            raise took_longer(self.timeout, first + int(late.todo[0]))
        return [task for task in running if task.worker.connection in ready]

    def _drop(self, worker: WorkerProcess) -> None:
        worker.close()
        self.workers.remove(worker)


@dataclass
class _Task:
    """A worker and the samples that it has still to give, in order."""

    worker: WorkerProcess
    todo: list[int]
    since: float = 0.0
    loading: str = ""

    def begin(self, circuit: Circuit) -> None:
        base, places, values = self.worker.prepare(circuit).values(circuit)
        self.worker.send("run", base, places, values[self.todo])
        self.since = time.monotonic()

    def advance(self, circuit: Circuit, x: Array, first: int) -> None:
        """Take in one reply."""
        kind, content = self.worker.receive()
        self.since = time.monotonic()
        if kind == "loaded":
            self.loading = content
            return
        sample = self.todo[0]
        if kind == "failed":
            raise not_found(circuit, first + sample, f"{content}\n{self.loading}")
        values, warnings = content
        if circuit.linear and SINGULAR.search(warnings):
            raise not_found(circuit, first + sample, warnings)
        x[sample] = values
        self.todo = self.todo[1:]
