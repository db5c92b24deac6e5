"""The conductances of the two arrays, as they are meant and as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.netlist.numbers import format_number
from netlearn.onestep.problem import LeastSquares

LITTLE = 100.0
"""A gain that takes no amplifier of its own kind, for a ridge by conductances to ground: by convention, what a single
transistor has."""
CLOSED = 1.0
"""Loop gain below which an amplifier leaves more of the error than it takes away: derived from the 1/(1 + L) that a
loop gain L leaves."""


@dataclass(frozen=True)
class Scaled:
    """The problem in the units of the circuit: ``values`` (n, m) of magnitude 1 at most where columns are scaled.

    Coefficient j is the voltage of its amplifier times ``coefficients`` (m,), ``targets`` (n, K) are what the
    residuals are measured from, in volts, and ``penalties`` (m,) stand beside the squares of the voltages.
    ``means`` (m,) and ``target_means`` (K,) were subtracted, where they were, and there is no column of ones then.
    """

    values: Array
    targets: Array
    coefficients: Array
    penalties: Array
    means: Array
    target_means: Array

    @classmethod
    def of(cls, problem: LeastSquares) -> Scaled:
        """What the options of a problem make of it."""
        values, targets, options = problem.design, problem.targets, problem.options
        means, target_means = np.zeros(values.shape[1]), np.zeros(targets.shape[1])
        penalties = problem.penalties
        if options.center:
            values, penalties = problem.columns, penalties[:-1]
            means, target_means = values.mean(axis=0), targets.mean(axis=0)
            values, targets = values - means, targets - target_means
        size, unit = np.ones(values.shape[1]), 1.0
        if options.scale:
            size = np.abs(values).max(axis=0)
            size[size == 0] = 1.0
            unit = float(np.abs(targets).max()) or 1.0
        return cls(values / size, targets / unit, unit / size, penalties / size**2, means, target_means)


@dataclass(frozen=True)
class Written:
    """What devices and amplifiers get.

    ``forward`` and ``backward`` (n, m) are the signed values of the first array, which makes Xw, and of the second,
    which makes Xᵀr, each with its own errors of writing. ``gains`` (m,) are those of the columns' amplifiers, and
    ``fed_back`` and ``grounded`` (m,) the conductances of the ridge, in units of the option ``conductance``, and
    ``penalties`` (m,) what these are to add to XᵀX.
    """

    forward: Array
    backward: Array
    gain: float
    gains: Array
    fed_back: Array
    grounded: Array
    penalties: Array

    @cached_property
    def rows(self) -> float:
        """The least loop gain of a row's amplifier: by what its input's conductances divide what is fed back."""
        return float(self.gain / (1.0 + self._most_of_a_row))

    @cached_property
    def columns(self) -> float:
        """The loop gain in the direction of coefficients that the data tell least about.

        Of finite gains XᵀX + Λ becomes XᵀX + Λ + E with a diagonal E: the loads of the columns' amplifiers by their
        gains, less what is meant as a ridge. A part 1/(1 + loop gain) of the coefficients is missing at most, with
        the loop gain 1/max σ(E^½ (XᵀX + Λ)⁻¹ E^½).
        """
        loads = np.abs(self.backward).sum(axis=0) + self.fed_back + self.grounded
        root = np.sqrt(np.abs(loads / self.gains - np.where(self.grounded > 0, self.penalties, 0.0)))
        try:
            inverse = np.linalg.inv(self.backward.T @ self.forward + np.diag(self.penalties))
        except np.linalg.LinAlgError:
            return 0.0
        most = float(np.linalg.norm(root[:, None] * inverse * root, 2))
        return 1.0 / most if most else inf

    @property
    def _most_of_a_row(self) -> float:
        return float(np.abs(self.forward).sum(axis=1).max())


def written(problem: LeastSquares, scaled: Scaled) -> Written:
    """What is to be written for a problem. Raises OptionError for amplifiers that cannot do what is wanted."""
    options = problem.options
    rng = np.random.default_rng([options.seed, 3])
    forward = backward = meant = _levels(scaled.values, options.levels, options.scale)
    if options.noise:
        forward, backward = (each * np.exp(options.noise * rng.normal(size=each.shape)) for each in (forward, backward))
    count = scaled.values.shape[1]
    gains, fed_back, grounded = np.full(count, options.gain), np.zeros(count), np.zeros(count)
    if options.ridge and options.penalty == "feedback":
        fed_back = scaled.penalties
    elif options.ridge:
        gains, grounded = _grounded(problem, scaled, np.abs(meant).sum(axis=0))
    found = Written(forward, backward, options.gain, gains, fed_back, grounded, scaled.penalties)
    _check(found, problem)
    return found


def _levels(values: Array, levels: int | None, scaled: bool) -> Array:
    """The nearest of ``levels`` magnitudes from zero to the largest."""
    if levels is None:
        return values
    largest = 1.0 if scaled else float(np.abs(values).max())
    step = largest / (levels - 1)
    return np.asarray(np.rint(values / step) * step)


def _grounded(problem: LeastSquares, scaled: Scaled, loads: Array) -> tuple[Array, Array]:
    """Gains of the columns' amplifiers and conductances to ground that make D/A the ridge, D being all at the input."""
    options, penalised = problem.options, scaled.penalties > 0
    gains = np.full(len(loads), options.gain)
    # One gain that is enough for every column, rounded up; conductances to ground make up for what is missing.
    needed = float(f"{1.001 * np.max(loads[penalised] / scaled.penalties[penalised]):.3e}")
    gain = max(needed, min(LITTLE, options.gain))
    if gain > options.gain:
        raise OptionError(
            f"a ridge of {format_number(options.ridge)} by conductances to ground takes amplifiers with a gain of "
            f"{gain:.3g}, and --gain is {options.gain:.3g}",
            hint="the load of the arrays is a larger ridge already; take --penalty feedback",
        )
    gains[penalised] = gain
    return gains, np.where(penalised, gain * scaled.penalties - loads, 0.0)


def _check(found: Written, problem: LeastSquares) -> None:
    gain = problem.options.gain
    if found.rows < CLOSED:
        raise OptionError(
            f"a gain of {gain:g} is too low to close the loop of the rows: the devices of one load its amplifier so "
            f"that its loop gain is {found.rows:.2g}",
            hint=f"--gain {_more(gain, found.rows)} leaves 1 % of error",
        )
    if found.columns < CLOSED:
        means = problem.options.intercept and not problem.options.center and problem.layer is None
        others = "--center raises it too, and " if means else ""
        hint = f"--gain {_more(gain, found.columns)} leaves 1 % of error; {others}--ridge does without the direction"
        if found.columns <= 0:
            hint = "more levels, less noise or --ridge may help"
        raise OptionError(
            f"a gain of {gain:g} is too low to close the loop: in the direction of the coefficients that the data "
            f"tell least about the loop gain is {found.columns:.2g}",
            hint=hint,
        )


def _more(gain: float, loop: float) -> str:
    return f"{100 * gain / loop:.0e}".replace("e+0", "e").replace("e+", "e")
