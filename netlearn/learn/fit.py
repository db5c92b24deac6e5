"""How well data determine the trained values: standard errors and correlations of a least squares fit."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from netlearn import memory
from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import CircuitError
from netlearn.learn.data import Dataset
from netlearn.learn.determination import INVOLVED, UNDETERMINED
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.measured_losses import MeasuredLoss
from netlearn.learn.model import Model
from netlearn.learn.rules.second_order import OutputJacobian

NUMBER, COPIES = 8, 4
"""Bytes of a number (float64), and how often the derivatives are held: one by one, together, and by what decomposes
them."""
AT_ONCE = 2000
"""Samples whose derivatives are held at a time: lattices of 5x5 with diodes take 1.07 times as long with half and 0.91
with twice as many, which hold more memory (benchmarks/rows_at_a_time.py)."""


@dataclass(frozen=True)
class Fit:
    """What a least squares fit of P values to n numbers says of them.

    ``standard_errors`` (P,) are in the units of the values, infinite where the data do not determine a value, and
    NaN for one that stands at a bound and is held to be known. ``correlation`` (P, P) is NaN for these. ``sigma``
    is the standard deviation of the residuals, √(Σr²/``freedom``) with n less the number of free values, in the
    measure of the loss: volts or amperes for mse, logarithms of ratios for log, parts of the targets for relative.

    The covariance is sigma² (JᵀJ)⁻¹ with J the derivatives of the residuals by the values, exact at the optimum;
    it holds for residuals that are independent, of one spread, and small enough for the model to be linear over
    them (G. A. F. Seber, C. J. Wild, "Nonlinear Regression", Wiley, 1989, chapter 2).
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    standard_errors: Array
    correlation: Array
    sigma: float
    freedom: int

    def __repr__(self) -> str:
        return f"<fit of {len(self.names)} values: sigma {self.sigma:.3g}, {self.freedom} degrees of freedom>"

    @property
    def covariance(self) -> Array:
        """(P, P) in the units of the values."""
        return np.asarray(self.correlation * np.outer(self.standard_errors, self.standard_errors))

    @checked
    def correlated(self, least: float = 0.95) -> list[tuple[str, str, float]]:
        """Pairs of values that the data hardly tell apart, the most correlated ones first."""
        pairs = [(p, q) for p in range(len(self.names)) for q in range(p) if abs(self.correlation[p, q]) >= least]
        pairs.sort(key=lambda pair: -abs(self.correlation[pair]))
        return [(self.names[q], self.names[p], float(self.correlation[p, q])) for p, q in pairs]


def is_fit(loss: Loss, targets: Array, count: int) -> bool:
    """Whether a loss of these targets is a sum of squares of more numbers than there are ``count`` values."""
    # A subclass of the squared error may be any other function of the outputs.
    squares = (type(loss) is Mse or isinstance(loss, MeasuredLoss)) and not loss.power and targets.ndim == 2
    return squares and int(np.sum(~np.isnan(targets))) > count > 0


def fit_of(model: Model, loss: Loss, data: Dataset, theta: Array) -> Fit:
    """The fit at ``theta`` (P,), which an optimizer has come to.

    Raises what the solver raises, CircuitError where a derivative is not finite, and TooLargeError where all of them do
    not fit into the memory.
    """
    parameters = model.parameters
    at_bound = _at_bound(theta, parameters.lower, parameters.upper)
    free = np.flatnonzero(~at_bound)
    rows, squares, scale = [], 0.0, np.ones(len(theta))
    count = int(np.sum(~np.isnan(data.targets)))
    with memory.asked_for_by(parameters.circuit.place):
        memory.require(
            NUMBER * COPIES * (count + len(theta)) * len(theta),
            f"the derivatives of {count:,} numbers by {len(theta):,} values, and what they are told from,",
            "fit fewer values, named by --train, or fewer samples",
        )
    # What the loss counts less, it takes for less certain.
    shares = _shares(data.targets)
    for first in range(0, len(data), AT_ONCE):
        part = data.part(np.arange(first, min(first + AT_ONCE, len(data))))
        point = model.forward(theta, part.inputs)
        outputs = model.outputs(point)
        jacobian = OutputJacobian(model, theta, point, part.inputs)
        scale = jacobian.scale
        asked = ~np.isnan(part.targets)
        weights = np.sqrt(shares[first : first + AT_ONCE])
        residuals, slopes = _residuals(loss, outputs, np.where(asked, part.targets, 0.0))
        with np.errstate(over="ignore"):
            # Evaluations warn of a loss that is not finite, and errors are not, either.
            squares += float(np.sum((weights * residuals) ** 2))
        units = np.eye(len(theta))[free]
        moves = [np.asarray(weights * slopes * jacobian.forward(unit))[asked] for unit in units]
        rows.append(np.stack(moves, axis=-1) if moves else np.zeros((int(asked.sum()), 0)))
    whole = np.concatenate(rows)
    if not np.isfinite(whole).all():
        raise CircuitError("the derivatives of the outputs by the trained values are not all finite")
    freedom = len(whole) - len(free)
    sigma = float(np.sqrt(squares / freedom)) if freedom > 0 else nan
    errors, correlation = _spread(whole)
    every, table = np.full(len(theta), nan), np.full((len(theta), len(theta)), nan)
    every[free] = sigma * errors * np.abs(scale[free])
    table[np.ix_(free, free)] = correlation
    return Fit(tuple(parameters.names), tuple(theta.tolist()), every, table, sigma, freedom)


def _shares(targets: Array) -> Array:
    """What each number (S, o) counts in the loss, relative to those that count most."""
    asked = ~np.isnan(targets)
    shares = asked / np.maximum(asked.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares / shares.max(initial=np.finfo(float).tiny))


def _residuals(loss: Loss, outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Residuals (S, o) and their derivatives by the outputs."""
    if isinstance(loss, MeasuredLoss):
        return loss.residuals(outputs, targets), loss.slopes(outputs, targets)
    return outputs - targets, np.ones(outputs.shape)


def _spread(jacobian: Array) -> tuple[Array, Array]:
    """√diag (JᵀJ)⁻¹ (P,) and the correlations (P, P); infinite and NaN for what J (n, P) does not determine."""
    count = jacobian.shape[1]
    if not count:
        return np.zeros(0), np.zeros((0, 0))
    # Full where directions would be missing only: n by n is what else would not fit into memory.
    _, singular, directions = np.linalg.svd(jacobian, full_matrices=len(jacobian) < count)
    singular = np.concatenate([singular, np.zeros(count - len(singular))])
    known = singular > UNDETERMINED * singular.max(initial=0.0)
    loose = (np.abs(directions[~known]) > INVOLVED).any(axis=0)
    # In units of the largest, whose squares may be beyond a float64 by themselves.
    unit = singular.max(initial=0.0) or 1.0
    half = directions[known] / (singular[known] / unit)[:, None]
    covariance = half.T @ half
    errors = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        correlation = covariance / np.outer(errors, errors)
        errors = errors / unit
    errors[loose] = np.inf
    correlation[loose, :] = correlation[:, loose] = nan
    np.fill_diagonal(correlation, np.where(loose, nan, 1.0))
    return errors, correlation


def _at_bound(theta: Array, lower: Array, upper: Array) -> Array:
    return np.asarray((theta <= lower) | (theta >= upper))
