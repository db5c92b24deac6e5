"""One Jacobian for all samples of a linear circuit, factorized once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import get_ident
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.solve.accuracy import TINY
from netlearn.solve.equations.assembly import MatrixTopology
from netlearn.solve.equations.diagnosis import singular
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.cholmod import CholmodFactorization
from netlearn.solve.matrices.one import Factorization, SingularMatrix, factorize
from netlearn.solve.matrices.triangle import Sums
from netlearn.solve.newton.linearization import ACCEPTED, REFINED_ABOVE
from netlearn.solve.threads import one_thread

SPARSE_SHARE = 0.25
"""Up to this part of the unknowns right-hand sides are looked at where they are not zero, and nowhere else, so that
nothing large is copied; whole solutions with 64 samples on a lattice of 60x60 take as long within a fortieth either
way, for 0.06 to 0.25 of them (benchmarks/thresholds.py)."""
REFINED_NUMBERS = 4_000_000
"""Solutions are improved some at a time, of no more unknowns than this: 32 MB by convention."""


@dataclass(frozen=True)
class SharedLinearization:
    """One Jacobian for all samples, factorized: a Linearization.

    ``data`` (nnz,) are its entries, ``definite`` says that the reduced matrix is symmetric
    positive definite.
    """

    circuit: Circuit
    reduction: SourceReduction
    data: Array
    definite: bool
    _factors: list[Factorization] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        return f"<linearization of {self.circuit!r}>"

    def _factorized(self, columns: int) -> Factorization:
        """The factorized reduced matrix, made for so many right-hand sides.

        Raises CircuitError that names what makes it singular.
        """
        if not self._factors:
            try:
                self._factors.append(factorize(self.reduction.matrix(self.data), self.definite, columns))
            except SingularMatrix:
                raise singular(self.circuit, self.reduction.topology, self.data) from None
        return self._factors[0]

    def kept(self) -> SharedLinearization:
        """The same with the factors of the circuit's last one, if its Jacobian was this one, and kept for the next.

        Of many samples that are solved some at a time only the sources differ.
        """
        last: list[tuple[int, SharedLinearization]] = self.circuit.wiring.once(SharedLinearization, list)
        # Factors are solved with by one thread at a time; another one may put its own there meanwhile.
        thread = get_ident()
        for owner, each in tuple(last):
            if owner == thread and each.definite == self.definite and same_numbers(each.data, self.data):
                return replace(each, circuit=self.circuit)
        last[:] = [(thread, self)]
        return self

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N)."""
        return self.solve_drives(RightSides.of(np.asarray(rhs)), transpose=transpose)

    def solve_drives(self, drives: RightSides, *, transpose: bool = False) -> Array:
        """The same for right-hand sides that are zero but at few unknowns."""
        with one_thread():
            return self._refined(drives, transpose)

    def reads_apart(self, drives: RightSides) -> bool:
        """Whether solutions can be had at some unknowns alone. Raises CircuitError for a singular matrix."""
        real = not np.iscomplexobj(drives.values)
        return real and isinstance(self._factorized(len(drives)), CholmodFactorization)

    def read(self, drives: RightSides, unknowns: Array) -> Array:
        """The solutions of J x = rhs at ``unknowns`` (w,) alone, (S, w), which must differ: no others are kept."""
        reduction, factors = self.reduction, self._factorized(len(drives))
        assert isinstance(factors, CholmodFactorization)
        with one_thread():
            equations, right, dictated = reduction.reduce_at(self.data, drives, kept_for_next=False)
            needed, sums = reduction.needed_for(unknowns), Sums.of(_signs(len(drives)), reduction.size)
            x = factors.solve_at(equations, right, reduction.source[needed], sums)
            if not self._right(equations, right, sums):
                some = max(1, REFINED_NUMBERS // drives.size)
                parts = (drives.rows(slice(first, first + some)) for first in range(0, len(drives), some))
                return np.concatenate([self._refined(part, False)[:, unknowns] for part in parts])
            x[:, reduction.place[needed] < 0] = 0.0
            tree = reduction.at_tree[needed]
            x[:, tree >= 0] += dictated.volts[:, tree[tree >= 0]]
            if needed is unknowns:
                return x
            place = np.full(drives.size, -1)
            place[needed] = np.arange(len(needed))
            place[reduction.sources] = len(needed) + np.arange(len(reduction.sources))
            both = np.concatenate([x, reduction.currents(self.data, needed, x, dictated)], axis=1)
            return np.asarray(both[:, place[unknowns]])

    def _right(self, equations: Array, right: Array, sums: Sums) -> bool:
        """Whether the reduced equations hold as well as can be, with ``right`` (S, d) in some and zero elsewhere."""
        matrix = self.reduction.matrix(self.data)
        driving, scale = np.zeros(len(sums.signed)), abs(matrix) @ np.sqrt(sums.squares)
        driving[equations] = sums.signs @ right
        scale[equations] += _norms(right)
        return _worst(driving - matrix @ sums.signed, scale) <= REFINED_ABOVE

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (1, m, o)."""
        return np.asarray((self.solve(drives) @ reads.T)[None])

    def _refined(self, drives: RightSides, transpose: bool) -> Array:
        given = drives.given
        x = self._solve(drives, transpose)
        matrix = topology_matrix(self.reduction.topology, self.data, transpose)
        # A sum with random signs shows what is wrong anywhere, at the price of one right-hand side. It is as large as
        # the root of the squares' sum, but for places where it happens to vanish.
        signs = _signs(len(drives))
        driving = np.zeros(drives.size, np.result_type(drives.values, float))
        driving[given] = signs @ drives.values
        scale = np.asarray(abs(matrix) @ _norms(x))
        scale[given] += _norms(drives.values)
        if _worst(driving - matrix @ (signs @ x), scale) <= REFINED_ABOVE:
            return x
        some = max(1, REFINED_NUMBERS // drives.size)
        for first in range(0, len(drives), some):
            rows = slice(first, first + some)
            x[rows] = self._once_more(matrix, x[rows], drives.rows(rows).whole(), transpose)
        return x

    def _once_more(self, matrix: Any, x: Array, rhs: Array, transpose: bool) -> Array:
        """Solutions ``x`` (S, N) improved, where they are not as good as can be. Raises CircuitError."""
        left, scale = _residual(matrix, x, rhs)
        worst = _worst(left, scale)
        if worst > REFINED_ABOVE:
            x = x + self._solve(RightSides.of(left), transpose)
            worst = _worst(rhs - (matrix @ x.T).T, scale)
        if not worst <= ACCEPTED:
            raise singular(self.circuit, self.reduction.topology, self.data)
        return x

    def _solve(self, drives: RightSides, transpose: bool) -> Array:
        """Solutions (S, N)."""
        reduction, factors = self.reduction, self._factorized(len(drives))
        if not isinstance(factors, CholmodFactorization) or np.iscomplexobj(drives.values):
            right, dictated = reduction.reduce(self.data, drives.whole(), transpose=transpose)
            y = factors.solve(np.ascontiguousarray(right.T), transpose)
            return reduction.recover(self.data, y.T, dictated, transpose=transpose)
        # The matrix is symmetric. Arrays of all unknowns of all samples take longer to copy than to solve for.
        if len(drives.given) < SPARSE_SHARE * drives.size:
            equations, right, dictated = reduction.reduce_at(self.data, drives, kept_for_next=False)
        else:
            equations = np.arange(reduction.size)
            right, dictated = reduction.reduce(self.data, drives.whole())
        x = factors.solve_at(equations, right, reduction.source)
        x[:, reduction.fixed] = 0.0
        return reduction.with_sources(self.data, x, dictated)


def same_numbers(one: Array, other: Array) -> bool:
    """Whether two arrays have the same numbers of the same type."""
    return one.dtype == other.dtype and np.array_equal(one, other)


@lru_cache(maxsize=16)
def _signs(count: int) -> Array:
    return np.random.default_rng(0).choice([-1.0, 1.0], size=count)


def _norms(x: Array) -> Array:
    """The roots (N,) of the sums of squares of x (S, N)."""
    if np.iscomplexobj(x):
        return np.hypot(_norms(x.real), _norms(x.imag))
    result: Array = np.sqrt(np.einsum("sn,sn->n", x, x))
    return result


def _residual(matrix: Any, x: Array, rhs: Array) -> tuple[Array, Array]:
    """What is left of the equations, (S, N), and what their own terms cancel down from, which is its measure."""
    return rhs - (matrix @ x.T).T, np.abs(rhs) + (abs(matrix) @ np.abs(x).T).T


def topology_matrix(topology: MatrixTopology, data: Array, transpose: bool) -> sparse.csc_array | sparse.csr_array:
    """The full Jacobian or its transpose."""
    matrix = topology.matrix(data)
    return matrix.T if transpose else matrix


def _worst(residual: Array, scale: Array) -> float:
    with np.errstate(invalid="ignore"):
        # At the end of a long ladder of dividers there are fewer digits, and then none.
        ratio = np.where(scale > TINY, np.abs(residual) / np.where(scale > 0, scale, 1.0), 0.0)
    return float(ratio.max(initial=0.0)) if np.isfinite(ratio).all() else np.inf
