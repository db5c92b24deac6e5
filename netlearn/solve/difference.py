"""How far two solvers' operating points of one circuit are apart, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Difference:
    """One unknown at one sample: a node voltage in volts or a branch current in amperes."""

    sample: int
    name: str
    """``v(out)`` or ``i(v1)``."""
    values: tuple[float, float]
    absolute: float
    relative: float


@dataclass(frozen=True)
class Differences:
    """Differences between two operating points with S samples and N unknowns, all (S, N).

    ``relative`` is the absolute difference over the larger magnitude of the two values, and zero
    where the absolute difference is not above ``floor`` (V or A), below which digits mean nothing.
    """

    circuit: Circuit
    first: Array
    second: Array
    absolute: Array
    relative: Array
    outputs: tuple[str, ...] = ()
    """What the last columns are, which are no unknowns."""
    compared: Array | None = None
    """(N,) which of the unknowns were compared; None for all. Others count as equal."""
    lost: tuple[str, ...] = ()
    """Nodes that only one of the two operating points has."""

    def __repr__(self) -> str:
        samples, unknowns = self.absolute.shape
        return f"<differences: {samples} samples, {unknowns} unknowns, at most {self.relative.max():.3g} relative>"

    @property
    def largest_absolute(self) -> Difference:
        """The unknown and sample with the largest absolute difference."""
        return self.at(int(np.argmax(self.absolute)))

    @property
    def largest_relative(self) -> Difference:
        """The unknown and sample with the largest relative difference."""
        return self.at(int(np.argmax(self.relative)))

    @checked
    def by_unknown(self, count: int | None = None) -> list[Difference]:
        """Each unknown at its worst sample, the worst unknown first; at most ``count`` of them."""
        by_size = np.where(np.any(self.relative > 0, axis=0), self.relative, self.absolute)
        samples = np.argmax(by_size, axis=0)
        unknowns = np.arange(self.absolute.shape[1])
        order = np.lexsort((-self.absolute[samples, unknowns], -self.relative[samples, unknowns]))
        if self.compared is not None:
            uncompared = set(np.flatnonzero(~self.compared).tolist())
            order = np.array([k for k in order.tolist() if k not in uncompared], dtype=int)
        order = order[:count]
        return [self.at(int(samples[k]) * len(unknowns) + int(k)) for k in order]

    @checked
    def within(self, relative: float) -> bool:
        """Whether both have the same nodes, and all differences above the floor are within a relative tolerance."""
        return not self.lost and bool(np.all(self.relative <= relative))

    @property
    def count(self) -> int:
        """How many unknowns and outputs were compared."""
        columns = self.absolute.shape[1]
        return int(columns if self.compared is None else columns - np.sum(~self.compared))

    def at(self, flat: int) -> Difference:
        """The entry at a flat position of the (S, N) arrays."""
        sample, unknown = divmod(flat, self.absolute.shape[1])
        place = sample, unknown
        return Difference(
            sample,
            self._name(unknown),
            (float(self.first[place]), float(self.second[place])),
            float(self.absolute[place]),
            float(self.relative[place]),
        )

    def _name(self, column: int) -> str:
        n, size = len(self.circuit.nodes), self.circuit.size
        if column >= size:
            return self.outputs[column - size]
        return f"v({self.circuit.nodes[column]})" if column < n else f"i({self.circuit.branches[column - n]})"


@dataclass(frozen=True)
class MeasuredTwice:
    """What two ways to measure the outputs ``names`` find, (S, o) each."""

    names: tuple[str, ...]
    first: Array
    second: Array


def compare(
    first: OperatingPoint,
    second: OperatingPoint,
    floor: float = 1e-9,
    outputs: MeasuredTwice | None = None,
    compared: Array | None = None,
    *,
    lost: tuple[str, ...] = (),
) -> Differences:
    """Compare two operating points of circuits with the same unknowns, and outputs if there are any, by sample.

    ``compared`` (N,) says of which unknowns; ``lost`` are nodes that only one of them has.

    Raises CircuitError where their unknowns or numbers of samples differ, or where there are none.
    """
    a, b = first.x.real, second.x.real
    if a.shape != b.shape or list(first.circuit.nodes) != list(second.circuit.nodes):
        raise CircuitError(f"operating points of different circuits cannot be compared: {a.shape} and {b.shape}")
    if a.size == 0:
        raise CircuitError("there is nothing to compare: the circuit has no node besides ground")
    if outputs is not None:
        a, b = np.hstack([a, outputs.first]), np.hstack([b, outputs.second])
    absolute = np.abs(a - b)
    if compared is not None:
        absolute[:, : len(compared)][:, ~compared] = 0.0
    # A difference that is not a number is one beyond every tolerance.
    absolute[np.isnan(absolute)] = np.inf
    larger = np.maximum(np.abs(a), np.abs(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(absolute > floor, np.where(np.isinf(absolute), np.inf, absolute / larger), 0.0)
    names = () if outputs is None else outputs.names
    return Differences(first.circuit, a, b, absolute, relative, names, compared, lost)
