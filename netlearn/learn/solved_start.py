"""The first values of training, where the read-out layer is solved by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array
from netlearn.circuit.parameters import REACH
from netlearn.errors import OptionError
from netlearn.interrupts import whole_import
from netlearn.learn.data import Dataset
from netlearn.learn.linear_start import linear_start
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.not_finite import finite_losses
from netlearn.learn.readout import Readout, readout_of
from netlearn.learn.superposition import outputs_of
from netlearn.solve.internal import InternalSolver

RIDGE = 1e-12
"""How much less a change of a conductance counts than an error of the outputs, which decides what these leave open: of
18 resistors for 10 outputs 1e-16 to 1e-6 lead to the same resistances, and leave 6e-30 to 4e-10 of the loss; 1e-4
leaves 4e-6 (n = 5) (benchmarks/constants_of_learning.py)."""
NOTHING = 1e-9
"""A change of the outputs that is none, in V or A: by convention, a nanovolt."""
AGREED = 0.01
"""By which part of the change of the outputs they may differ from what was computed: by convention, as from 1e-4 to 1
the same read-outs with a feedback pass (n = 5): it guards against what the read-out's own conditions do not see
(benchmarks/constants_of_learning.py)."""


@dataclass(frozen=True)
class SolvedStart:
    """Values θ (P,) of which ``numbers`` (K,) were solved for, and the loss before and with them."""

    theta: Array
    numbers: Array
    before: float
    after: float

    @property
    def note(self) -> str:
        """What there is to say of it."""
        return (
            f"start least-squares: {len(self.numbers)} of {len(self.theta)} values solved in one step, "
            f"loss {self.before:.6g} -> {self.after:.6g}"
        )


def solved_start(model: Model, loss: Loss, data: Dataset, theta: Array, bounds: tuple[Array, Array]) -> SolvedStart:
    """The parameters with the best read-out for the data, all others at ``theta`` (P,), within ``bounds`` (P,) each.

    Raises OptionError where the circuit has no read-out that is linear, the loss is no sum of squares, or the solver
    knows nothing of the circuit's equations, and NotFiniteError for a loss that is not finite.
    """
    if type(loss) is not Mse or loss.power:
        hint = (
            "take '*@loss mse', with on= and off= for classes; a second training can go on from there by another loss"
        )
        raise OptionError("least squares are those of loss mse, without power", hint=hint)
    if not isinstance(model.solver, InternalSolver):
        hint = "start with the internal solver and --epochs 0, and go on from its result"
        raise OptionError("a start by least squares takes the internal solver's equations", hint=hint)
    point = model.forward(theta, data.inputs)
    outputs = model.outputs(point)
    wanted = loss.wanted(outputs, data.targets)
    # The readings' own weights: where something is asked of few outputs each counts more.
    asked = ~np.isnan(wanted)
    weights = np.where(asked, 1.0, 0.0) / np.sqrt(np.maximum(asked.sum(axis=1, keepdims=True), 1))
    errors = np.where(asked, wanted - outputs, 0.0)
    before = float(np.mean(finite_losses(loss, outputs, data)))
    linear = linear_start(model, theta, data.inputs, bounds, outputs=outputs, weights=weights, errors=errors)
    if linear is not None:
        result, numbers = linear
        reached, _ = outputs_of(model, result, data.inputs)
        return SolvedStart(result, numbers, before, float(np.mean(loss.value(reached, data.targets))))
    readout = readout_of(model, theta, data.inputs[:1])
    grounded = np.concatenate([point.x.real, np.zeros((len(point.x), 1))], axis=1)
    drops = grounded[:, readout.held] - grounded[:, readout.free]
    numbers = readout.numbers
    low, high = (np.asarray(bound)[numbers] * readout.scales for bound in bounds)
    least = np.maximum(1.0 / np.where(high > 0, high, np.inf), readout.conductances / REACH)
    most = np.minimum(1.0 / np.maximum(low, np.finfo(float).tiny), readout.conductances * REACH)
    limits = _Limits(readout.conductances, least, most)
    eta = np.zeros(len(numbers))
    for rows, columns in _parts(readout):
        # Derivatives of the weighted outputs by η.
        slopes = drops[:, None, columns] * readout.moved[np.ix_(rows, readout.hub[columns])] * weights[:, rows, None]
        right = (errors[:, rows] * weights[:, rows]).ravel()
        eta[columns] = _solved(slopes.reshape(-1, len(columns)), right, limits.of(columns), readout, columns)
    predicted = outputs + (eta * drops) @ readout.moved.T[readout.hub]
    shared = 1.0 - readout.seen * np.bincount(readout.hub, eta, len(readout.hubs))
    found = np.clip(readout.conductances + eta / shared[readout.hub], least, most)
    result = np.array(theta, dtype=float)
    result[numbers] = np.clip(
        1.0 / found / readout.scales, np.asarray(bounds[0])[numbers], np.asarray(bounds[1])[numbers]
    )
    reached, _ = outputs_of(model, result, data.inputs)
    apart, change = (np.abs(each)[asked].max(initial=0.0) for each in (reached - predicted, predicted - outputs))
    if apart > AGREED * max(change, NOTHING):
        raise OptionError(
            "there is no read-out to solve by least squares: the outputs do not follow its conductances linearly in "
            "all samples",
            hint="columns of the data that set what the read-out sees, such as loads, make it another one in each",
        )
    return SolvedStart(result, numbers, before, float(np.mean(loss.value(reached, data.targets))))


def _parts(readout: Readout) -> list[tuple[Array, Array]]:
    """Outputs and resistors that have nothing to do with each other, as numbers of both."""
    count, hubs = readout.moved.shape
    joined = np.abs(readout.moved) > 1e-9 * np.abs(readout.moved).max(initial=0.0)
    rows, columns = np.nonzero(joined)
    graph = sparse.coo_array((np.ones(len(rows)), (rows, count + columns)), shape=(count + hubs, count + hubs))
    _, labels = connected_components(graph, directed=False)
    return [
        (np.flatnonzero(labels[:count] == label), np.flatnonzero(labels[count:][readout.hub] == label))
        for label in np.unique(labels[count:])
    ]


@dataclass(frozen=True)
class _Limits:
    """Present, least and largest conductances (K,)."""

    present: Array
    least: Array
    most: Array

    def of(self, columns: Array) -> _Limits:
        """Those of some resistors."""
        return _Limits(self.present[columns], self.least[columns], self.most[columns])


def _solved(slopes: Array, right: Array, limits: _Limits, readout: Readout, columns: Array) -> Array:
    """η of some resistors: the least squares of ``slopes`` η = ``right``, with conductances within their limits."""
    present, hub, count = limits.present, readout.hub[columns], len(columns)
    matrix = slopes * present
    scale = float(np.linalg.norm(matrix, axis=0).max(initial=0.0)) or 1.0
    stacked = np.vstack([matrix / scale, np.sqrt(RIDGE) * np.eye(count)])
    wanted = np.concatenate([right / scale, np.zeros(count)])
    # In units of the conductances, η + b z Ση <= b with b = most/present - 1, and the other way for the least.
    pulled = (hub[:, None] == hub[None, :]) * (readout.seen[hub] * present)[None, :]
    above, below = limits.most / present - 1.0, limits.least / present - 1.0
    left = np.vstack([np.eye(count) + above[:, None] * pulled, -(np.eye(count) + below[:, None] * pulled)])
    room = np.concatenate([above, -below])
    free = np.linalg.lstsq(stacked, wanted, rcond=None)[0]
    if (left @ free <= room).all():
        return np.asarray(free * present)
    cvxopt, solvers = whole_import("cvxopt"), whole_import("cvxopt.solvers")
    # Rows of one size, or a bound far away would drown the others.
    size = np.abs(left).max(axis=1)
    try:
        found = solvers.qp(
            cvxopt.matrix(stacked.T @ stacked),
            cvxopt.matrix(-(stacked.T @ wanted)),
            cvxopt.matrix(left / size[:, None]),
            cvxopt.matrix(room / size),
            options={"show_progress": False, "abstol": 1e-14, "reltol": 1e-12, "feastol": 1e-12, "maxiters": 200},
        )
    except (ArithmeticError, ValueError):
        # Squares of what is wanted leave float64 inside of it.
        far = f"the read-out's targets are {np.abs(wanted).max():.1g} times what its conductances move the outputs by"
        raise OptionError(f"{far}, too far for least squares", hint="look at the targets' units") from None
    return np.asarray(found["x"]).ravel() * present
