"""Operating points of linear circuits: one factorization for all samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.graph import two_terminal
from netlearn.circuit.samples import alike
from netlearn.errors import CircuitError
from netlearn.solve.accuracy import TINY, errors_at, negligible
from netlearn.solve.equations.assembly import Equations, MatrixTopology
from netlearn.solve.equations.diagnosis import beyond_range, not_finite, singular
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.cholmod import CholmodFactorization
from netlearn.solve.matrices.one import Factorization, SingularMatrix, factorize, require_factors
from netlearn.solve.newton.linearization import ACCEPTED, REFINED_ABOVE, NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import Linearization, OperatingPoint
from netlearn.solve.parts import PartedLinearization
from netlearn.solve.precise.elimination import TooMuchWork
from netlearn.solve.precise.equations import PreciseLinearization
from netlearn.solve.threads import one_thread

CONTRAST = 1e8
"""Resistances that lie so far apart may make sums lose what the answer depends on: about the square root of what
float64's rounding is to one, half of its digits."""
LOST, CAREFULLY_LOST = 1e-7, 1e-10
"""Where rounding errors of random signs move a solution by this part of itself, fewer than six digits are sure, and
nine if that is asked for: by convention with one to spare."""
SPARSE_SHARE = 0.25
"""Up to this part of the unknowns right-hand sides are looked at where they are not zero, and nowhere else, so that
nothing large is copied; whole solutions with 64 samples on a lattice of 60x60 take as long within a fortieth either
way, for 0.06 to 0.25 of them (benchmarks/thresholds.py)."""
REFINED_NUMBERS = 4_000_000
"""Solutions are improved some at a time, of no more unknowns than this: 32 MB by convention."""
TRIED = 8
"""So many of the samples are looked at for that, by convention: samples of one circuit lose about the same digits."""
MOST_FACTORIZATIONS = 16
"""Beyond so many different Jacobians they are solved with together, as those of nonlinear circuits are, which
takes as long within a tenth from 4 to 64 of them (benchmarks/thresholds.py), and does not keep all their factors."""


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

    @cached_property
    def _factors(self) -> list[Factorization]:
        return []

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N)."""
        with one_thread():
            return self._refined(np.asarray(rhs), transpose)

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (1, m, o)."""
        return np.asarray((self.solve(drives) @ reads.T)[None])

    def _refined(self, rhs: Array, transpose: bool) -> Array:
        given = np.flatnonzero(rhs.any(axis=0))
        x = self._solve(rhs, given, transpose)
        matrix = topology_matrix(self.reduction.topology, self.data, transpose)
        # A sum with random signs shows what is wrong anywhere, at the price of one right-hand side. It is as large as
        # the root of the squares' sum, but for places where it happens to vanish.
        signs = _signs(len(rhs))
        driving = np.zeros(rhs.shape[1], np.result_type(rhs, float))
        driving[given] = signs @ rhs[:, given]
        scale = np.asarray(abs(matrix) @ _norms(x))
        scale[given] += _norms(rhs[:, given])
        if _worst(driving - matrix @ (signs @ x), scale) <= REFINED_ABOVE:
            return x
        some = max(1, REFINED_NUMBERS // rhs.shape[1])
        for first in range(0, len(rhs), some):
            rows = slice(first, first + some)
            x[rows] = self._once_more(matrix, x[rows], rhs[rows], transpose)
        return x

    def _once_more(self, matrix: Any, x: Array, rhs: Array, transpose: bool) -> Array:
        """Solutions ``x`` (S, N) improved, where they are not as good as can be. Raises CircuitError."""
        left, scale = _residual(matrix, x, rhs)
        worst = _worst(left, scale)
        if worst > REFINED_ABOVE:
            x = x + self._solve(left, np.flatnonzero(left.any(axis=0)), transpose)
            worst = _worst(rhs - (matrix @ x.T).T, scale)
        if not worst <= ACCEPTED:
            raise singular(self.circuit, self.reduction.topology, self.data)
        return x

    def _solve(self, rhs: Array, given: Array, transpose: bool) -> Array:
        """Solutions (S, N) for ``rhs`` (S, N), which are zero but at the unknowns ``given``."""
        reduction, factors = self.reduction, self._factorized(len(rhs))
        if not isinstance(factors, CholmodFactorization) or np.iscomplexobj(rhs):
            right, dictated = reduction.reduce(self.data, rhs, transpose=transpose)
            y = factors.solve(np.ascontiguousarray(right.T), transpose)
            return reduction.recover(self.data, y.T, dictated, transpose=transpose)
        # The matrix is symmetric. Arrays of all unknowns of all samples take longer to copy than to solve for.
        if len(given) < SPARSE_SHARE * rhs.shape[1]:
            equations, right, dictated = reduction.reduce_at(self.data, rhs, given, kept_for_next=False)
        else:
            equations = np.arange(reduction.size)
            right, dictated = reduction.reduce(self.data, rhs)
        x = factors.solve_at(equations, right, reduction.source)
        x[:, reduction.fixed] = 0.0
        return reduction.with_sources(self.data, x, dictated)


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


@dataclass(frozen=True)
class LinearSolver:
    """The Solver for circuits whose every element is linear.

    A ``careful`` one looks after numbers, too, that are negligible beside the largest voltage or current.
    """

    careful: bool = False

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples. Raises CircuitError for a circuit without a unique one."""
        point = self._solve(circuit)
        if not np.isfinite(point.x).all():
            raise beyond_range(circuit, point.x)
        return point

    def _solve(self, circuit: Circuit) -> OperatingPoint:
        equations = Equations.of(circuit)
        with np.errstate(divide="ignore", invalid="ignore"):
            constant = equations.constant()
        if not np.isfinite(constant).all():
            raise not_finite(circuit)
        linearization = linear_system(circuit, equations, careful=self.careful)
        samples = circuit.samples or 1
        if isinstance(linearization, PreciseLinearization):
            return OperatingPoint(circuit, *_precise(linearization, equations, np.arange(samples)))
        # Few of the equations have sources: zeros that nobody writes to take no memory.
        driven = np.flatnonzero(constant.any(axis=1) if constant.ndim == 2 else constant)
        constant[driven] = -constant[driven]
        rhs = np.broadcast_to(constant.T if constant.ndim == 2 else constant, (samples, circuit.size))
        if isinstance(linearization, SharedLinearization):
            return OperatingPoint(circuit, _superposed(linearization, rhs), 1, linearization)
        point = OperatingPoint(circuit, linearization.solve(rhs), 1, linearization)
        return _precise_parts(point, equations) if isinstance(linearization, PartedLinearization) else point


def _precise(
    linearization: PreciseLinearization, equations: Equations, samples: Array
) -> tuple[Array, int, Linearization, Array]:
    """What makes an operating point of some samples."""
    x, rest = linearization.operating_points(equations, samples.tolist())
    return x, 1, linearization, rest


def _precise_parts(point: OperatingPoint, equations: Equations) -> OperatingPoint:
    """The same with those samples solved with more digits whose equations need it."""
    assert isinstance(point.linearization, PartedLinearization)
    parts = [part for part in point.linearization.parts if isinstance(part[1], PreciseLinearization)]
    if not parts:
        return point
    x, rest = point.x.copy(), np.zeros(point.x.shape)
    for rows, each in parts:
        assert isinstance(each, PreciseLinearization)
        x[rows], rest[rows] = each.operating_points(equations, rows.tolist())
    return replace(point, x=x, rest=rest)


def _superposed(linearization: SharedLinearization, rhs: Array) -> Array:
    """Solutions (S, N) for ``rhs`` (S, N); by superposition where fewer sources than samples vary."""
    given = np.flatnonzero(rhs.any(axis=0))
    varying = given[(rhs[:, given] != rhs[0, given]).any(axis=0)]
    if len(varying) + 1 >= len(rhs):
        return linearization.solve(rhs)
    drives = np.zeros((len(varying) + 1, rhs.shape[1]), rhs.dtype)
    drives[0] = rhs[0]
    drives[0, varying] = 0.0
    drives[np.arange(1, len(drives)), varying] = 1.0
    responses = linearization.solve(drives)
    with one_thread():
        result: Array = rhs[:, varying] @ responses[1:] + responses[0]
    return result


def linear_system(circuit: Circuit, equations: Equations, *, careful: bool = False) -> Linearization:
    """The equations of a linear circuit, ready to be solved; samples with equal Jacobians share one factorization.

    Where float64 would lose too many digits, more are used. Raises CircuitError.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        data = equations.jacobian()
    if not np.isfinite(data).all():
        raise not_finite(circuit)
    reduction = SourceReduction.of(circuit)
    definite = two_terminal(circuit) and positive(circuit)
    if data.ndim == 1:
        shared = SharedLinearization(circuit, reduction, data, definite)
        return _trusted(shared, equations, np.arange(1), careful=careful)
    parts = alike([data.T])
    if len(parts) > MOST_FACTORIZATIONS and not _contrasting(circuit):
        return NonlinearLinearization(NonlinearModel.of(circuit), np.zeros((data.shape[1], circuit.size), data.dtype))
    # All of them are kept.
    require_factors(reduction.matrix(data[:, parts[0][0]]), definite, len(parts))
    own = [SharedLinearization(circuit, reduction, np.array(data[:, rows[0]]), definite) for rows in parts]
    trusted = [_trusted(each, equations, rows, careful=careful) for each, rows in zip(own, parts, strict=True)]
    return PartedLinearization(tuple(zip(parts, trusted, strict=True)))


def _trusted(
    shared: SharedLinearization, equations: Equations, samples: Array, *, careful: bool
) -> SharedLinearization | PreciseLinearization:
    """The linearization of some samples, with more digits where it loses too many and that is not too much work."""
    circuit = shared.circuit
    if np.iscomplexobj(shared.data) or not (careful or not shared.definite or _contrasting(circuit)):
        return shared
    if not _loses(shared, equations.constant(), samples, careful=careful):
        return shared
    try:
        return PreciseLinearization.of(circuit, equations, int(samples[0]))
    except TooMuchWork:
        return shared


def _loses(shared: SharedLinearization, constant: Array, samples: Array, *, careful: bool) -> bool:
    """Whether some of the samples, with the sources ``constant`` (N,) or (N, S), have hardly six digits."""
    if constant.ndim == 2:
        some = samples if len(samples) > 1 else np.arange(constant.shape[1])
        constant = constant[:, some[np.linspace(0, len(some) - 1, min(TRIED, len(some))).astype(int)]]
    rhs = -np.atleast_2d(constant.T)
    if np.iscomplexobj(rhs):
        return False
    try:
        with np.errstate(all="ignore"):
            x = shared.solve(rhs)
    except CircuitError:
        return True
    matrix = abs(topology_matrix(shared.reduction.topology, shared.data, transpose=False))
    error = errors_at((matrix @ np.abs(x).T).T + np.abs(rhs), shared)
    lost = error > (CAREFULLY_LOST if careful else LOST) * np.abs(x)
    if not careful:
        lost &= ~negligible(x, error, len(shared.circuit.nodes))
    return bool(lost.any())


def _contrasting(circuit: Circuit) -> bool:
    """Whether resistances lie far apart."""
    values = [np.abs(g.values["resistance"]) for g in circuit.groups if isinstance(g.device, Resistor) and len(g)]
    if not values:
        return False
    return max(float(v.max()) for v in values) >= CONTRAST * min(float(v.min()) for v in values)


def positive(circuit: Circuit) -> bool:
    """Whether every resistance is real and positive."""
    values = [np.asarray(g.values["resistance"]) for g in circuit.groups if isinstance(g.device, Resistor)]
    return all(not np.iscomplexobj(v) and bool((v > 0).all()) for v in values)
