"""Operating points of linear circuits: one factorization for all samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.graph import two_terminal
from netlearn.circuit.samples import alike
from netlearn.solve.equations.assembly import Equations, MatrixTopology
from netlearn.solve.equations.diagnosis import not_finite, singular
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.one import Factorization, SingularMatrix, factorize
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import Linearization, OperatingPoint
from netlearn.solve.parts import PartedLinearization
from netlearn.solve.threads import one_thread

REFINED_ABOVE = 1e-13
"""Residuals, beside what their terms cancel down from, that one more solve improves."""
ACCEPTED = 1e-6
"""Residuals beyond this are those of a singular matrix."""
MOST_FACTORIZATIONS = 16
"""Beyond so many different Jacobians they are solved with together, as those of nonlinear circuits are."""


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

    @cached_property
    def factorization(self) -> Factorization:
        """The factorized reduced matrix. Raises CircuitError that names what makes it singular."""
        try:
            return factorize(self.reduction.matrix(self.data), self.definite)
        except SingularMatrix:
            raise singular(self.circuit, self.reduction.topology, self.data) from None

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N)."""
        with one_thread():
            return self._refined(np.asarray(rhs), transpose)

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (1, m, o)."""
        return np.asarray((self.solve(drives) @ reads.T)[None])

    def _refined(self, rhs: Array, transpose: bool) -> Array:
        x = self._solve(rhs, transpose)
        matrix = topology_matrix(self.reduction.topology, self.data, transpose)
        # A sum with random signs shows what is wrong anywhere, at the price of one right-hand side.
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=len(rhs))
        if _worst(*_residual(matrix, (signs @ x)[None], (signs @ rhs)[None])) <= REFINED_ABOVE:
            return x
        left, scale = _residual(matrix, x, rhs)
        worst = _worst(left, scale)
        if worst > REFINED_ABOVE:
            x = x + self._solve(left, transpose)
            worst = _worst(rhs - (matrix @ x.T).T, scale)
        if not worst <= ACCEPTED:
            raise singular(self.circuit, self.reduction.topology, self.data)
        return x

    def _solve(self, rhs: Array, transpose: bool) -> Array:
        reduction = self.reduction
        drops = reduction.potentials(rhs[:, reduction.sources].T)
        right = np.ascontiguousarray(reduction.gathered(rhs).T)
        if drops.any():
            equations, driven = reduction.from_sources(self.data, drops, transpose=transpose)
            right = right.astype(np.result_type(right, driven), copy=False)
            right[equations] -= driven
        y = self.factorization.solve(right, transpose)
        x = np.zeros(rhs.shape, np.result_type(rhs, y))
        moving = np.flatnonzero(reduction.place >= 0)
        x[:, moving] = y[reduction.place[moving]].T
        x[:, reduction.tree] += drops.T
        leaving = rhs[:, reduction.tree].T - reduction.at_sources(self.data, x, transpose=transpose)
        x[:, reduction.sources] = reduction.currents(leaving).T
        return x


def _residual(matrix: Any, x: Array, rhs: Array) -> tuple[Array, Array]:
    """What is left of the equations, (S, N), and what their own terms cancel down from, which is its measure."""
    return rhs - (matrix @ x.T).T, np.abs(rhs) + (abs(matrix) @ np.abs(x).T).T


def topology_matrix(topology: MatrixTopology, data: Array, transpose: bool) -> sparse.csc_array | sparse.csr_array:
    """The full Jacobian or its transpose."""
    matrix = topology.matrix(data)
    return matrix.T if transpose else matrix


def _worst(residual: Array, scale: Array) -> float:
    with np.errstate(invalid="ignore"):
        ratio = np.abs(residual) / np.where(scale > 0, scale, 1.0)
    return float(ratio.max(initial=0.0)) if np.isfinite(ratio).all() else np.inf


class LinearSolver:
    """The Solver for circuits whose every element is linear."""

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples. Raises CircuitError for a circuit without a unique one."""
        equations = Equations.of(circuit)
        linearization = linear_system(circuit, equations)
        constant = equations.constant()
        if not np.isfinite(constant).all():
            raise not_finite(circuit)
        samples = circuit.samples or 1
        rhs = -np.broadcast_to(constant.T if constant.ndim == 2 else constant, (samples, circuit.size))
        if isinstance(linearization, SharedLinearization):
            return OperatingPoint(circuit, _superposed(linearization, rhs), 1, linearization)
        return OperatingPoint(circuit, linearization.solve(rhs), 1, linearization)


def _superposed(linearization: SharedLinearization, rhs: Array) -> Array:
    """Solutions (S, N) for ``rhs`` (S, N); by superposition where fewer sources than samples vary."""
    varying = np.flatnonzero((rhs != rhs[0]).any(axis=0))
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


def linear_system(circuit: Circuit, equations: Equations) -> Linearization:
    """The equations of a linear circuit, ready to be solved; samples with equal Jacobians share one factorization.

    Raises CircuitError.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        data = equations.jacobian()
    if not np.isfinite(data).all():
        raise not_finite(circuit)
    reduction = SourceReduction.of(circuit)
    definite = two_terminal(circuit) and positive(circuit)
    if data.ndim == 1:
        return SharedLinearization(circuit, reduction, data, definite)
    parts = alike([data.T])
    if len(parts) > MOST_FACTORIZATIONS:
        return NonlinearLinearization(NonlinearModel.of(circuit), np.zeros((data.shape[1], circuit.size), data.dtype))
    shared = [SharedLinearization(circuit, reduction, np.array(data[:, rows[0]]), definite) for rows in parts]
    return PartedLinearization(tuple(zip(parts, shared, strict=True)))


def positive(circuit: Circuit) -> bool:
    """Whether every resistance is real and positive."""
    values = [np.asarray(g.values["resistance"]) for g in circuit.groups if isinstance(g.device, Resistor)]
    return all(not np.iscomplexobj(v) and bool((v > 0).all()) for v in values)
