"""Operating points of linear circuits: one factorization for all samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.graph import two_terminal
from netlearn.circuit.samples import alike
from netlearn.errors import CircuitError
from netlearn.solve.accuracy import errors_at, negligible
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.diagnosis import beyond_range, not_finite
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.linear_states import LinearStates, require_room
from netlearn.solve.matrices.one import require_factors
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import Linearization, OperatingPoint
from netlearn.solve.parts import PartedLinearization
from netlearn.solve.precise.elimination import TooMuchWork
from netlearn.solve.precise.equations import PreciseLinearization
from netlearn.solve.shared import SharedLinearization, topology_matrix

CONTRAST = 1e8
"""Resistances that lie so far apart may make sums lose what the answer depends on: about the square root of what
float64's rounding is to one, half of its digits."""
LOST, CAREFULLY_LOST = 1e-7, 1e-10
"""Where rounding errors of random signs move a solution by this part of itself, fewer than six digits are sure, and
nine if that is asked for: by convention with one to spare."""
TRIED = 8
"""So many of the samples are looked at for that, by convention: samples of one circuit lose about the same digits."""
MOST_FACTORIZATIONS = 16
"""Beyond so many different Jacobians they are solved with together, as those of nonlinear circuits are, which
takes as long within a tenth from 4 to 64 of them (benchmarks/thresholds.py), and does not keep all their factors."""


@dataclass(frozen=True)
class LinearSolver:
    """The Solver for circuits whose every element is linear.

    A ``careful`` one looks after numbers, too, that are negligible beside the largest voltage or current. A ``lazy``
    one leaves the unknowns of large circuits to be worked out when they are asked for.
    """

    careful: bool = False
    lazy: bool = False

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples. Raises CircuitError for a circuit without a unique one."""
        if not self.lazy:
            require_room(circuit)
        equations = Equations.of(circuit)
        samples = circuit.samples or 1
        with np.errstate(divide="ignore", invalid="ignore"):
            drives = equations.drives(samples)
        if not np.isfinite(drives.values).all():
            raise not_finite(circuit)
        linearization = linear_system(circuit, equations, careful=self.careful)
        states = LinearStates.of(linearization, drives) if isinstance(linearization, SharedLinearization) else None
        if self.lazy:
            if states is not None and states.linearization.reads_apart(states.drives):
                return OperatingPoint.of_states(circuit, states, 1, linearization)
            require_room(circuit)
        if states is not None:
            return OperatingPoint(circuit, states.whole(), 1, linearization)
        if isinstance(linearization, PreciseLinearization):
            point = OperatingPoint(circuit, *_precise(linearization, equations, np.arange(samples)))
        else:
            point = OperatingPoint(circuit, linearization.solve(drives.whole()), 1, linearization)
            if isinstance(linearization, PartedLinearization):
                point = _precise_parts(point, equations)
        if not np.isfinite(point.x).all():
            raise beyond_range(circuit, point.x)
        return point


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
        shared = SharedLinearization(circuit, reduction, data, definite).kept()
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
    if not _loses(shared, equations.drives(circuit.samples or 1), samples, careful=careful):
        return shared
    try:
        return PreciseLinearization.of(circuit, equations, int(samples[0]))
    except TooMuchWork:
        return shared


def _loses(shared: SharedLinearization, drives: RightSides, samples: Array, *, careful: bool) -> bool:
    """Whether some of the samples, with what ``drives`` them, have hardly six digits."""
    some = samples if len(samples) > 1 else np.arange(len(drives))
    rhs = drives.rows(some[np.linspace(0, len(some) - 1, min(TRIED, len(some))).astype(int)]).whole()
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
