"""A model's own values from what a chip gave at known settings: nonlinear least squares with the exact Jacobian.

What a chip has of each programmed value is θ·exp(c) where the value is positive by nature, as a resistance is, and
θ + c·s with s the value's size elsewhere; c (P,) is the same for all that is ever programmed. A reading is
y(θ_true, x) + b_j + noise, b (o,) being offsets of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from scipy.optimize import least_squares

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.learn.determination import UNDETERMINED, Determination
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.learn.per_sample import PerSample
from netlearn.memory import in_words, most
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.threads import one_thread

WIDE = float(np.log(1e3))
"""Where a standard error of c is larger, the data tell nothing of a value: by convention, a factor of a thousand."""
HOLDING = 1e-2
"""What c itself counts in a plain fit, beside residuals in units of the noise: with 1e-6 to 1e-2 ladders with diodes
have the same values and standard errors, which hold (n = 5); from 1 on it is a prior
(benchmarks/constants_of_learning.py)."""
ROUGH, FINE = 1e-4, 1e-10
"""By what part a step may lower the squares of residuals for the search to end: until the noise is known, and then.
From 1e-8 to 1, and from 1e-14 to 1e-4, ladders with diodes have the same values to three digits, in 19 to 12 and in 16
solutions (n = 5) (benchmarks/constants_of_learning.py)."""
ROUNDS = 8
"""How often the noise, which weighs units and the prior, is found anew: ladders with diodes take up to 4; after one
they are off by 2.6 of their standard errors, after two by 0.86 and after four or more by 0.83 (n = 5)
(benchmarks/constants_of_learning.py)."""
SETTLED = 0.01
"""A change of the noise by this part is none: from 1e-4 to 0.1 ladders with diodes have the same values to three digits
(n = 5) (benchmarks/constants_of_learning.py)."""
LEAST = 1e-9
"""The least noise that is reckoned with, as a part of what was read: by convention, as no instrument reads nine
digits."""
_QUIETLY = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def true_values(parameters: Parameters, deviation: Array, theta: Array) -> Array:
    """What a chip with the deviations c (P,) has of programmed values (..., P)."""
    return np.where(parameters.positive, theta * np.exp(deviation), theta + parameters.sizes * deviation)


def true_slope(parameters: Parameters, deviation: Array) -> Array:
    """The derivative (P,) of what the chip has by what is programmed."""
    return np.where(parameters.positive, np.exp(deviation), 1.0)


@dataclass(frozen=True)
class Calibrated:
    """What measured pairs say of a chip.

    ``deviation`` and ``errors`` (P,) are c and its standard errors; ``offsets`` and ``offset_errors`` (o,) those of the
    outputs, in their units. ``determination`` says which values the data determine; for the others errors are infinite,
    and what is known up to a common factor has the errors of keeping that factor. ``sigma`` (o,) is the noise of each
    output, from the residuals with n less the number of values, NaN where no reading is left over for it; ``residuals``
    (n, o) are readings less the model's.
    """

    deviation: Array
    errors: Array
    offsets: Array
    offset_errors: Array
    correlation: Array
    determination: Determination
    sigma: Array
    freedom: float
    residuals: Array


def calibrated(
    model: Model,
    pairs: MeasuredPairs,
    *,
    offsets: bool = False,
    prior: float | None = None,
    start: Array | None = None,
    steps: int = 100,
) -> Calibrated:
    """The deviations that explain measured pairs best, in the sense of least squares.

    Parameters
    ----------
    offsets : whether outputs have offsets of their own.
    prior : the standard deviation that c is known to have; then what the data do not tell stays near zero (ridge, with
        its weight from the noise, which is found from what the effective number of values leaves: D. J. C. MacKay,
        Neural Computation 4, 415, 1992).
    start : c to begin from, by default zero.
    steps : how many steps the search may take.

    Outputs of one unit have one noise; units are weighed by theirs. Raises CircuitError and ConvergenceError where
    the model has no operating point at the start, and OptionError where the derivatives take too much memory.
    """
    with one_thread():
        return _Fit(model, pairs, offsets, prior, steps).run(start)


class _Fit:
    """One fit: z holds c, and the offsets in units of what was read."""

    def __init__(self, model: Model, pairs: MeasuredPairs, offsets: bool, prior: float | None, steps: int) -> None:
        self.parameters, self.pairs, self.prior, self.steps = model.parameters, pairs, prior, steps
        self.plain = PerSample(model)
        self.read = ~np.isnan(pairs.outputs)
        count = self.read.sum(axis=0)
        sizes = np.sqrt(np.nansum(pairs.outputs**2, axis=0) / np.maximum(count, 1))
        self.units = _groups(model)
        # Of one unit all are as certain.
        self.size = np.array([np.sqrt(np.mean(sizes[self.units == unit] ** 2)) or 1.0 for unit in self.units])
        self.noise = self.size.copy()
        self.many = len(self.parameters)
        self.offsets = np.flatnonzero(count > 0) if offsets else np.zeros(0, dtype=np.intp)
        self._last: tuple[Array, OperatingPoint, Array] | None = None
        needed = 8 * 4 * int(self.read.sum()) * (self.many + len(self.offsets))
        if needed > most():
            raise OptionError(
                f"the derivatives of {int(self.read.sum())} readings by {self.many} values take {in_words(needed)}, "
                f"and at most {in_words(most())} are taken on this machine",
                hint="train fewer values, or measure fewer samples",
            )

    @_QUIETLY
    def run(self, start: Array | None) -> Calibrated:
        """The fit, with the noise of units, and what a prior weighs beside it, found in turn."""
        z = np.concatenate([np.zeros(self.many) if start is None else start, np.zeros(len(self.offsets))])
        begun = self.residuals(z)
        if not np.isfinite(begun).all():
            wrong = int(np.argwhere(self.read)[np.argmin(np.isfinite(begun))][0])
            raise CircuitError("the model has no finite output there", sample=wrong)
        self.noise *= max(float(np.sqrt(np.mean(begun**2))), LEAST)
        for _ in range(ROUNDS):
            before = self.noise.copy()
            z = self.searched(z, 1.0 / self.spread, precision=ROUGH)
            left, values, _ = self.decomposed(z)
            self.weigh(self.residuals(z), np.sum(left**2 * self.shares(values), axis=1))
            if np.all(np.abs(np.log(self.noise / before)) < SETTLED):
                break
        # Values that the data tell nothing of would run away and take others along: they stay as they were.
        first = self.said(z)
        silent = np.union1d(first.determination.silent, np.flatnonzero(first.errors > WIDE)).astype(np.intp)
        silent = silent[~np.isin(silent, [p for group in first.determination.together for p in group])]
        z[silent] = 0.0
        # What is left needs nothing to hold it, but for rounding where only a combination is told.
        weight = HOLDING if self.prior is None else 1.0 / self.prior
        z = self.searched(z, weight, np.setdiff1d(np.arange(len(z)), silent))
        return self.said(z, silent)

    def searched(self, z: Array, weight: float, free: Array | None = None, precision: float = FINE) -> Array:
        """The least squares solution from ``z``, in which c itself counts by a ``weight``; what is not free is kept."""
        free = np.arange(len(z)) if free is None else free
        damping = np.where(free < self.many, weight, 0.0)

        def whole(v: Array) -> Array:
            result = z.copy()
            result[free] = v
            return result

        def residuals(v: Array) -> Array:
            return np.concatenate([self.residuals(whole(v)), damping * v])

        def jacobian(v: Array) -> Array:
            return np.concatenate([self.jacobian(whole(v))[:, free], np.diag(damping)])

        found = least_squares(
            self._tried(residuals, z[free]),
            z[free],
            jacobian,
            method="trf",
            xtol=1e-2 * precision,
            ftol=precision,
            gtol=1e-15,
            max_nfev=self.steps,
        )
        return whole(found.x)

    def _tried(self, residuals: Callable[[Array], Array], start: Array) -> Callable[[Array], Array]:
        """Residuals that are NaN, from which the search turns back, where there is no operating point."""
        size = int(self.read.sum()) + len(start)

        def at(z: Array) -> Array:
            try:
                return residuals(z)
            except (CircuitError, ConvergenceError):
                if np.array_equal(z, start):
                    raise
                return np.full(size, nan)

        return at

    @property
    def spread(self) -> float:
        """What c is held within."""
        return WIDE if self.prior is None else self.prior

    def shares(self, values: Array) -> Array:
        """How much of each direction the data decide, and not what holds it, by singular values."""
        return np.asarray(values**2 / (values**2 + self.spread**-2))

    def weigh(self, residuals: Array, leverage: Array) -> None:
        """Find the noise of each unit anew, by what the values leave of its readings."""
        unit = np.broadcast_to(self.units, self.read.shape)[self.read]
        for each in set(self.units.tolist()):
            own = unit == each
            freedom = float(np.sum(1.0 - leverage[own]))
            if own.any():
                # Where there are no more readings than values, nothing is left of them.
                factor = float(np.sqrt(np.sum(residuals[own] ** 2) / max(freedom, 0.5)))
                at = self.units == each
                self.noise[at] = np.maximum(self.noise[at] * factor, LEAST * self.size[at])

    def state(self, z: Array) -> tuple[Array, Array]:
        """What the chip has of what was programmed (n, P), and the offsets (o,)."""
        offsets = np.zeros(self.read.shape[1])
        offsets[self.offsets] = z[self.many :] * self.size[self.offsets]
        return true_values(self.parameters, z[: self.many], self.pairs.theta), offsets

    def differences(self, z: Array) -> Array:
        """The model's outputs less what was read, (n, o), NaN where nothing was."""
        return self.solved(z)[1]

    def solved(self, z: Array) -> tuple[OperatingPoint, Array]:
        """The operating points and the differences, which are asked for several times at the same place."""
        if self._last is None or not np.array_equal(self._last[0], z):
            theta, offsets = self.state(z)
            point = self.plain.forward(theta, self.pairs.inputs, None if self._last is None else self._last[1])
            self._last = z.copy(), point, self.plain.outputs(point) + offsets - self.pairs.outputs
        return self._last[1:]

    def residuals(self, z: Array) -> Array:
        """The same (m,) in units of the noise."""
        return np.asarray((self.differences(z) / self.noise)[self.read])

    def jacobian(self, z: Array) -> Array:
        """Derivatives (m, P and offsets) of the residuals."""
        theta, _ = self.state(z)
        by_theta = self.plain.jacobian(theta, self.pairs.inputs, self.solved(z)[0])
        by_theta *= np.where(self.parameters.positive, theta, self.parameters.sizes)[:, None, :]
        by_offset = np.diag(self.size)[:, self.offsets]
        whole = np.concatenate([by_theta, np.broadcast_to(by_offset, (len(theta), *by_offset.shape))], axis=2)
        return np.asarray((whole / self.noise[:, None])[self.read])

    def decomposed(self, z: Array) -> tuple[Array, Array, Array]:
        """The singular value decomposition of the Jacobian, with a direction for each column of it."""
        jacobian = self.jacobian(z)
        missing = max(jacobian.shape[1] - len(jacobian), 0)
        left, values, vectors = np.linalg.svd(jacobian, full_matrices=missing > 0)
        if missing:
            left = np.concatenate([left, np.zeros((len(left), missing))], axis=1)
            values = np.concatenate([values, np.zeros(missing)])
        return left, values, vectors

    def known(self, values: Array) -> Array:
        """Which directions the data determine, by their singular values."""
        return np.asarray(values > UNDETERMINED * values.max(initial=0.0))

    def said(self, z: Array, silent: Sequence[int] | Array = ()) -> Calibrated:
        """What the fit comes to at its solution, where it had to keep the values that are ``silent``."""
        _, values, vectors = self.decomposed(z)
        residuals = self.residuals(z)
        known = self.known(values)
        freedom = len(residuals) - float(np.sum(known if self.prior is None else self.shares(values)))
        sigma = float(np.sqrt(np.sum(residuals**2) / freedom)) if freedom > 0.5 else nan
        held = 0.0 if self.prior is None else self.prior**-2
        inverse = np.where(known | (held > 0), 1.0 / np.maximum(values**2 + held, np.finfo(float).tiny), 0.0)
        covariance = (vectors.T * inverse) @ vectors
        logarithmic = np.concatenate([self.parameters.positive, np.zeros(len(self.offsets), dtype=bool)])
        determination = Determination.of(vectors[~known], logarithmic).without(silent)
        loose = ~determination.known
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.sqrt(np.diag(covariance))
            correlation = covariance / np.outer(errors, errors)
        errors = np.where(loose, np.inf, sigma * errors)
        correlation[loose, :] = correlation[:, loose] = nan
        offsets, offset_errors = np.zeros(len(self.units)), np.zeros(len(self.units))
        offsets[self.offsets] = z[self.many :] * self.size[self.offsets]
        offset_errors[self.offsets] = errors[self.many :] * self.size[self.offsets]
        return Calibrated(
            deviation=z[: self.many],
            errors=errors[: self.many],
            offsets=offsets,
            offset_errors=offset_errors,
            correlation=correlation[: self.many, : self.many],
            determination=determination.first(self.many),
            sigma=sigma * self.noise,
            freedom=freedom,
            residuals=-self.differences(z),
        )


def determines_offsets(model: Model, pairs: MeasuredPairs) -> bool:
    """Whether data tell the offsets of outputs from the model's own values, at the values as they were programmed."""
    ranks = []
    for offsets in (False, True):
        fit = _Fit(model, pairs, offsets, None, 1)
        values = fit.decomposed(np.zeros(fit.many + len(fit.offsets)))[1]
        ranks.append(int(fit.known(values).sum()))
    count = int((~np.isnan(pairs.outputs)).any(axis=0).sum())
    return ranks[1] == ranks[0] + count and int((~np.isnan(pairs.outputs)).sum()) > ranks[1]


def _groups(model: Model) -> Array:
    """The unit of each output, as texts."""
    names = model.measured.names
    return np.array(getattr(model.measured, "units", None) or ("",) * len(names))
