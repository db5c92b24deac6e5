"""Held nodes of which half are at the negative volts of the other half, as inputs of deep resistive networks are.

Conductances are positive, so that networks are given each input with both signs (B. Scellier, arXiv 2402.11674, 2024).
What two such nodes drive is the one's voltage times the difference of their conductances, and sums of products with
the voltages of one half are those of the other half but for the sign: both products of matrices are half as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.compiled.load import in_rows, kernels
from netlearn.solve.resistor_blocks import ROWS
from netlearn.solve.threads import in_parts


@dataclass(frozen=True, eq=False)
class Mirrored:
    """Which held nodes are at some volts, which at the negative ones in the same order, and which are left."""

    volts: Array
    first: slice
    second: slice
    rest: slice

    @classmethod
    def of(cls, volts: Array) -> Mirrored | None:
        """The halves of nodes at ``volts`` (S, t), whatever samples they are; None where there are none.

        The second half follows the first, or each node its counterpart; one more may stand before all, or after them.
        """
        volts, nodes = in_rows(volts), volts.shape[1]
        pairs, odd = divmod(nodes, 2)
        if not pairs:
            return None
        for begin in range(odd + 1):
            for step, apart in ((1, pairs), (2, 1)):
                if kernels().opposite(volts, begin, apart, step, pairs):
                    first, second = (slice(at, at + step * (pairs - 1) + 1, step) for at in (begin, begin + apart))
                    return cls(volts, first, second, slice(0, odd) if begin else slice(2 * pairs, nodes))
        return None

    def driven(self, matrix: Array, result: Array, parts: int) -> None:
        """``matrix`` (t, d) transposed times the volts, into (d, S), so many samples at a time."""
        difference, rest = matrix[self.first] - matrix[self.second], matrix[self.rest]

        def work(first: int, last: int) -> None:
            some = self.volts[first:last]
            np.matmul(difference.T, some[:, self.first].T, out=result[:, first:last])
            if len(rest):
                result[:, first:last] += rest.T @ some[:, self.rest].T

        in_parts(work, len(self.volts), parts)

    def products(self, driving: Array, result: Array) -> None:
        """The sums over samples of the volts times ``driving`` (d, S), into (t, d)."""
        (one, other), volts = (result[half] for half in (self.first, self.second)), self.volts[:, self.first]

        def work(first: int, last: int) -> None:
            np.matmul(volts[:, first:last].T, driving.T, out=one[first:last])
            np.negative(one[first:last], out=other[first:last])

        in_parts(work, len(one), ROWS)
        if self.rest.start < self.rest.stop:
            result[self.rest] = self.volts[:, self.rest].T @ driving.T
