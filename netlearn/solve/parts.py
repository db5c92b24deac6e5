"""Samples solved in parts, each as a circuit of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import NetlearnError
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.operating_point import Linearization, OperatingPoint


@contextmanager
def numbered(samples: Array) -> Iterator[None]:
    """Errors that count samples within a part, said with their numbers among all."""
    try:
        yield
    except NetlearnError as error:
        if error.sample is not None and error.sample < len(samples):
            error.sample = int(samples[error.sample])
        raise


@dataclass(frozen=True)
class PartedLinearization:
    """The linearizations of parts of the samples, with the samples' numbers: a Linearization of them all."""

    parts: Sequence[tuple[Array, Linearization]]

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N)."""
        rhs = np.asarray(rhs)
        found = [(rows, each.solve(rhs[rows], transpose=transpose)) for rows, each in self.parts]
        x = np.empty(rhs.shape, np.result_type(*(part for _, part in found)))
        for rows, part in found:
            x[rows] = part
        return x

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (S, m, o)."""
        found = [(rows, each.transfer(drives, reads)) for rows, each in self.parts]
        count = sum(len(rows) for rows, _ in found)
        seen = np.empty((count, *found[0][1].shape[1:]), np.result_type(*(part for _, part in found)))
        for rows, part in found:
            seen[rows] = part
        return seen


def solve_parts(
    circuit: Circuit,
    parts: Sequence[tuple[Array, Circuit]],
    solve: Callable[[Circuit, OperatingPoint | None], OperatingPoint],
    start: OperatingPoint | None,
) -> OperatingPoint:
    """The operating points of a circuit's samples from those of its parts: numbers of samples, and their circuit."""
    x = np.empty((circuit.samples or 1, circuit.size))
    linearizations: list[tuple[Array, Linearization]] = []
    iterations, rest = 0, None
    for rows, part in parts:
        with numbered(rows):
            point = solve(part, _part(start, rows, part, len(x)))
        x = x.astype(np.result_type(x, point.x), copy=False)
        x[rows] = point.x
        if point.rest is not None:
            rest = np.zeros(x.shape) if rest is None else rest
            rest[rows] = point.rest
        iterations = max(iterations, point.iterations)
        if point.linearization is not None:
            linearizations.append((rows, _repeated(point.linearization, len(rows))))
    whole = PartedLinearization(tuple(linearizations)) if len(linearizations) == len(parts) else None
    return OperatingPoint(circuit, x, iterations, whole, rest)


def _part(start: OperatingPoint | None, rows: Array, circuit: Circuit, count: int) -> OperatingPoint | None:
    if start is None or len(start.x) not in (1, count):
        return start
    x = start.x if len(start.x) == 1 else start.x[rows if circuit.samples else rows[:1]]
    return replace(start, circuit=circuit, x=x, linearization=None)


def _repeated(linearization: Linearization, count: int) -> Linearization:
    """That of ``count`` samples, where a circuit without a sample axis stands for all of them."""
    if isinstance(linearization, NonlinearLinearization) and len(linearization.states) != count:
        return replace(linearization, states=np.broadcast_to(linearization.x, (count, linearization.x.shape[1])))
    return linearization
