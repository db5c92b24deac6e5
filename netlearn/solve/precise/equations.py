"""Linear circuits whose equations are summed up and solved with more digits than float64 has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.diagnosis import singular
from netlearn.solve.precise.elimination import ZERO, Elimination, Row, Singular, digits

PRECISIONS = (80, 320)
"""Decimal digits that are tried in turn: float64's 16 are left where sums cancel by 64 of them, and by 304, nearly as
far as its numbers reach."""
EXACT = Decimal("1e-18")
"""A correction by this part of each number leaves float64's last digit as it is."""
NOTHING = Decimal("1e-60")
"""What is left of a number, beside the largest one, that is zero but for rounding."""
MOST_WORK = 400_000
"""Multiplications, of half a microsecond each, that a factorization may take: 0.2 s by convention."""


@dataclass(frozen=True)
class PreciseLinearization:
    """The Jacobian that all samples of a linear circuit share, factorized with many digits: a Linearization."""

    circuit: Circuit
    matrix: dict[int, Row]
    elimination: Elimination
    precision: int

    @classmethod
    def of(cls, circuit: Circuit, equations: Equations, sample: int = 0, most: int = MOST_WORK) -> PreciseLinearization:
        """That of one sample of the circuit, with as many digits as its operating point asks for.

        Raises CircuitError for a singular one, and TooMuchWork.
        """
        found = None
        for precision in PRECISIONS:
            with digits(precision):
                matrix = matrix_of(circuit, equations, sample)
                try:
                    found = cls(circuit, matrix, Elimination.of(matrix, precision, most), precision)
                except Singular:
                    continue
                _, corrected = found._solved(drive_of(circuit, equations, sample))
            if corrected <= EXACT:
                break
        if found is None:
            data = equations.jacobian()
            error = singular(circuit, equations.topology, data if data.ndim == 1 else data[:, sample])
            error.sample = sample if (circuit.samples or 1) > 1 else None
            raise error
        return found

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N)."""
        if np.iscomplexobj(rhs):
            return np.asarray(
                self.solve(rhs.real, transpose=transpose) + 1j * self.solve(rhs.imag, transpose=transpose)
            )
        with digits(self.precision):
            solve = self.elimination.solve_transposed if transpose else self.elimination.solve
            return self._floats(solve(_row(right)) for right in np.asarray(rhs, dtype=float))

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (1, m, o)."""
        return np.asarray((self.solve(drives) @ reads.T)[None])

    def operating_points(self, equations: Equations, samples: Iterable[int]) -> tuple[Array, Array]:
        """The solutions x (S, N) for the circuit's sources at some samples, and what rounding took off them (S, N)."""
        with digits(self.precision):
            found = [self._solved(drive_of(self.circuit, equations, sample))[0] for sample in samples]
            x = self._floats(found)
            rest = self._floats(
                {k: value - Decimal(x[s, k].item()) for k, value in solution.items()}
                for s, solution in enumerate(found)
            )
        return x, rest

    def _solved(self, drive: Row) -> tuple[Row, Decimal]:
        """The solution for a right-hand side, once corrected, and by which part of a number it was at the most."""
        x = self.elimination.solve(drive)
        left = {
            i: drive.get(i, ZERO) - sum((value * x[j] for j, value in row.items() if j in x), ZERO)
            for i, row in self.matrix.items()
        }
        change = self.elimination.solve(left)
        least = NOTHING * max((abs(value) for value in x.values()), default=ZERO)
        corrected = max((abs(change[k] / x[k]) for k in change if abs(x.get(k, ZERO)) > least), default=ZERO)
        total = {k: x.get(k, ZERO) + change.get(k, ZERO) for k in x.keys() | change.keys()}
        return {k: value for k, value in total.items() if abs(value) > least}, corrected

    def _floats(self, rows: Iterable[Row]) -> Array:
        listed = list(rows)
        result = np.zeros((len(listed), self.circuit.size))
        for s, row in enumerate(listed):
            for k, value in row.items():
                result[s, k] = float(value)
        return result


def _row(numbers: Array) -> Row:
    return {k: Decimal(value) for k, value in enumerate(numbers.tolist()) if value}


def matrix_of(
    circuit: Circuit, equations: Equations, sample: int, groups: Sequence[int] | None = None
) -> dict[int, Row]:
    """The rows of the Jacobian of linear groups, or some of them, each element's part added by itself."""
    rows: dict[int, Row] = {i: {} for i in range(circuit.size)}
    for g in range(len(circuit.groups)) if groups is None else groups:
        group = circuit.groups[g]
        index = np.asarray(group.index)
        if not len(index):
            continue
        slopes = group.device.jacobian(np.zeros(index.shape), equations.prepared[g])
        slopes = np.broadcast_to(slopes[sample] if slopes.ndim == 4 else slopes, (*index.shape, index.shape[1]))
        for k, t, u in np.argwhere(slopes != 0).tolist():
            i, j = int(index[k, t]), int(index[k, u])
            if GROUND not in (i, j):
                # The sum is rounded to the digits at hand, which its parts, exact as they are, need not be.
                rows[i][j] = rows[i].get(j, ZERO) + Decimal(slopes[k, t, u].item())
    return {i: {j: value for j, value in row.items() if value} for i, row in rows.items()}


def drive_of(circuit: Circuit, equations: Equations, sample: int, groups: Sequence[int] | None = None) -> Row:
    """The right-hand side that the sources make, each added by itself."""
    drive: Row = {}
    for g in range(len(circuit.groups)) if groups is None else groups:
        group = circuit.groups[g]
        index = np.asarray(group.index)
        if not len(index) or group.device.homogeneous:
            continue
        current = group.device.residual(np.zeros(index.shape), equations.prepared[g])
        current = np.broadcast_to(current[sample] if current.ndim == 3 else current, index.shape)
        for k, t in np.argwhere(current != 0).tolist():
            i = int(index[k, t])
            if i != GROUND:
                drive[i] = drive.get(i, ZERO) - Decimal(current[k, t].item())
    return drive
