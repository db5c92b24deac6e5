"""Sparse Gaussian elimination with as many decimal digits as are asked for.

Circuits whose values spread over more decades than float64 has digits lose in sums what the answer
depends on: a milliohm between teraohms is 1e3 + 1e-12 siemens at its nodes. The numbers here are the
standard library's Decimal, whose exponents hardly end.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

Row = dict[int, Decimal]

PIVOT_SHARE = Decimal("1e-3")
"""A pivot is no smaller than this part of the largest number in its row."""
ZERO = Decimal(0)


class Singular(Exception):
    """No pivot is left that is more than rounding."""


class TooMuchWork(Exception):
    """More multiplications than allowed."""


@contextmanager
def digits(count: int) -> Iterator[None]:
    """Arithmetic with so many decimal digits."""
    with localcontext(Context(prec=count, Emax=MAX_EMAX, Emin=MIN_EMIN)):
        yield


@dataclass(frozen=True)
class Elimination:
    """A factorized matrix: pivots by row and column in their order, what each took off other rows, and its row."""

    pivots: tuple[tuple[int, int], ...]
    multipliers: tuple[tuple[tuple[int, Decimal], ...], ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, matrix: Mapping[int, Row], precision: int, most: int) -> Elimination:
        """Factorize a square matrix, given by its rows, in ``most`` multiplications.

        Pivots are chosen by Markowitz's rule (Management Science 3, 1957) among those that are large enough.
        Raises Singular, and TooMuchWork.
        """
        rows = {i: dict(row) for i, row in matrix.items()}
        columns: dict[int, set[int]] = {}
        for i, row in rows.items():
            for j in row:
                columns.setdefault(j, set()).add(i)
        # Half of the digits may cancel before what is left counts as nothing.
        least = {i: _largest(row).scaleb(-precision // 2) for i, row in rows.items()}
        queue = [(len(row), i) for i, row in rows.items()]
        heapq.heapify(queue)
        pivots, multipliers, kept, work = [], [], [], 0
        while queue:
            count, i = heapq.heappop(queue)
            if i not in rows or len(rows[i]) != count:
                continue
            row = rows[i]
            largest = _largest(row)
            if largest <= least[i]:
                raise Singular
            j = min(
                (j for j, value in row.items() if abs(value) >= PIVOT_SHARE * largest), key=lambda j: len(columns[j])
            )
            pivot = row[j]
            del rows[i]
            for k in row:
                columns[k].discard(i)
            taken = []
            for other in columns.pop(j):
                target = rows[other]
                factor = target.pop(j) / pivot
                taken.append((other, factor))
                for k, value in row.items():
                    if k != j:
                        columns[k].add(other)
                        target[k] = target.get(k, ZERO) - factor * value
                work += len(row)
                heapq.heappush(queue, (len(target), other))
            if work > most:
                raise TooMuchWork
            pivots.append((i, j))
            multipliers.append(tuple(taken))
            kept.append(row)
        return cls(tuple(pivots), tuple(multipliers), tuple(kept))

    def solve(self, right: Row) -> Row:
        """x in A x = ``right``, by columns of A; what is not there is zero."""
        left: Row = dict(right)
        x: Row = {}
        for (i, _), taken in zip(self.pivots, self.multipliers, strict=True):
            value = left.get(i, ZERO)
            if value:
                for other, factor in taken:
                    left[other] = left.get(other, ZERO) - factor * value
        for (i, j), row in zip(reversed(self.pivots), reversed(self.rows), strict=True):
            total = left.get(i, ZERO)
            for k, value in row.items():
                if k != j and (known := x.get(k)):
                    total -= value * known
            if total:
                x[j] = total / row[j]
        return x

    def solve_transposed(self, right: Row) -> Row:
        """x in Aᵀ x = ``right``, by rows of A."""
        left: Row = dict(right)
        x: Row = {}
        for (i, j), row in zip(self.pivots, self.rows, strict=True):
            value = left.get(j, ZERO)
            if value:
                value /= row[j]
                x[i] = value
                for k, entry in row.items():
                    if k != j:
                        left[k] = left.get(k, ZERO) - entry * value
        for (i, _), taken in zip(reversed(self.pivots), reversed(self.multipliers), strict=True):
            for other, factor in taken:
                if known := x.get(other):
                    x[i] = x.get(i, ZERO) - factor * known
        return x


def _largest(row: Row) -> Decimal:
    return max((abs(value) for value in row.values()), default=ZERO)
