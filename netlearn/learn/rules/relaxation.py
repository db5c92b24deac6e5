"""Linear systems solved by a network that relaxes: the mean of an Ornstein-Uhlenbeck process after a finite time.

M. Aifer and others, "Thermodynamic linear algebra", arXiv 2308.05660, 2023; K. Donatella, S. Duffield, M. Aifer,
D. Melanson, G. Crooks, P. J. Coles, "Thermodynamic natural gradient descent", arXiv 2405.13817, 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import ConvergenceError

EXACT = 1e-11
"""What the last Krylov vector still contributes where the others are enough: of a function of a matrix over six decades
1e-13, 1e-11 and 1e-9 leave errors of 7e-15, 1e-12 and 2e-10 in 41, 38 and 35 products (n = 5)
(benchmarks/constants_of_rules.py)."""


@dataclass(frozen=True)
class Relaxation:
    """dx = (b - A x) ds + √(2T) dW, from x = 0 or x = b at s = 0, read at ``time`` or averaged from then on.

    Times are in the inverse unit of A. ``average`` is how long the reading is averaged, ``temperature`` T and
    ``noise``, the standard deviation of a reading, are relative: to the mean square, and to the root mean square, of b.
    """

    time: float
    average: float = 0.0
    temperature: float = 0.0
    noise: float = 0.0
    charged: bool = False
    """Whether it starts from b."""

    def mean(self, rates: Array) -> Array:
        """What the reading is in the mean, in parts of b, for eigenvalues of A: 1/a for a time without end."""
        # What is left of the distance from where it started to where it comes to rest.
        left = np.exp(-rates * self.time) * _averaged(rates * self.average)
        if self.charged:
            return np.asarray((1.0 - left) / rates + left)
        if self.average:
            return np.asarray((1.0 - left) / rates)
        return np.asarray(-np.expm1(-rates * self.time) / rates)

    def variance(self, rates: Array) -> Array:
        """The variance of the reading by thermal noise, in T, for eigenvalues of A: 1/a for a time without end."""
        window = rates * self.average
        stationary = np.where(
            window < 1e-3, 1.0 - window / 3, 2.0 * (1.0 - _averaged(window)) / np.maximum(window, 1e-3)
        )
        left = np.exp(-2.0 * rates * self.time) * _averaged(window) ** 2
        if not self.average:
            return np.asarray(-np.expm1(-2.0 * rates * self.time) / rates)
        return np.asarray(np.maximum(stationary - left, 0.0) / rates)

    def read(self, product: Callable[[Array], Array], right: Array, iterations: int, rng: np.random.Generator) -> Array:
        """One reading (P,) for b = ``right``, with ``product`` that with A. Raises ConvergenceError."""
        (found,) = functions_of(product, right, (self.mean,), iterations)
        size = float(np.sqrt(np.mean(right**2)))
        if self.temperature:
            root = functions_of(product, rng.normal(size=len(right)), (self._deviation,), iterations)[0]
            found = found + size * np.sqrt(self.temperature) * root
        if self.noise:
            found = found + size * self.noise * rng.normal(size=len(right))
        if not np.isfinite(found).all():
            raise ConvergenceError("the relaxation has come to no end", hint="make damping larger")
        return found

    def _deviation(self, rates: Array) -> Array:
        return np.sqrt(self.variance(rates))


def _averaged(window: Array) -> Array:
    """(1 - exp(-z))/z, the mean of exp(-s) for s from 0 to z."""
    return np.where(window < 1e-12, 1.0, -np.expm1(-window) / np.maximum(window, 1e-12))


def functions_of(
    product: Callable[[Array], Array], vector: Array, functions: Sequence[Callable[[Array], Array]], iterations: int
) -> list[Array]:
    """f(A) · vector (P,) for functions f of the eigenvalues of a positive matrix A, from products with it.

    By Lanczos's method, with all vectors kept orthogonal (N. J. Higham, "Functions of matrices", SIAM, 2008, chapter
    13); it takes as many products as conjugate gradients do, and at most ``iterations``.
    """
    size = float(np.linalg.norm(vector))
    if not size:
        return [np.zeros(len(vector)) for _ in functions]
    basis = [vector / size]
    diagonal: list[float] = []
    beside: list[float] = []
    weights: list[Array] = []
    for _ in range(min(iterations, len(vector))):
        ahead = product(basis[-1])
        diagonal.append(float(ahead @ basis[-1]))
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        values = np.maximum(values, np.finfo(float).tiny)
        weights = [vectors @ (f(values) * vectors[0]) for f in functions]
        for _ in range(2):
            ahead = ahead - np.stack(basis, axis=1) @ (np.stack(basis) @ ahead)
        norm = float(np.linalg.norm(ahead))
        small = all(abs(w[-1]) <= EXACT * np.linalg.norm(w) for w in weights)
        if norm <= 1e-13 * float(np.abs(values).max()) or small:
            break
        beside.append(norm)
        basis.append(ahead / norm)
    count = len(weights[0])
    return [size * np.stack(basis[:count], axis=1) @ w for w in weights]
