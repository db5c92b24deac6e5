"""The least-squares problem that a table of data poses, and what makes it one without an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError, did_you_mean
from netlearn.learn.data import classes_in
from netlearn.learn.table import CLASS, Table
from netlearn.onestep.options import OneStep

INTERCEPT = "intercept"
"""The name of the coefficient of the constant."""
_DEPENDENT = 1e-10
"""A column that is nearer to a combination of others, relative to its length, is one: by convention, between float64's
rounding and the six to nine digits that files have."""


@dataclass(frozen=True)
class HiddenLayer:
    """A random layer of logistic units, h = 1/(1 + exp(-(z W + b))), z the inputs in standard deviations from the mean.

    ``weights`` (p, h) and ``bias`` (h,) are normal numbers, the weights divided by √p.
    """

    mean: Array
    deviation: Array
    weights: Array
    bias: Array

    @classmethod
    def drawn(cls, inputs: Array, units: int, seed: int) -> HiddenLayer:
        """A layer for inputs (S, p)."""
        rng = np.random.default_rng([seed, 2])
        deviation = inputs.std(axis=0)
        weights = rng.normal(size=(inputs.shape[1], units)) / np.sqrt(inputs.shape[1])
        return cls(inputs.mean(axis=0), np.where(deviation > 0, deviation, 1.0), weights, rng.normal(size=units))

    def __call__(self, inputs: Array) -> Array:
        """(S, h) of inputs (S, p)."""
        drive = (inputs - self.mean) / self.deviation @ self.weights + self.bias
        return np.asarray(0.5 + 0.5 * np.tanh(drive / 2))


@dataclass(frozen=True)
class LeastSquares:
    """Find w with the least |y - X w|² + ridge |w|², the intercept not counted.

    ``features`` are the columns of the table that are predicted from, ``names`` (m,) those of the m coefficients, as
    they can stand in a netlist, the intercept the last if there is one; ``targets`` (n, K) are what is wanted,
    ``wanted`` what each of the K targets is called. ``columns`` (n, q) are the data of the q coefficients that are
    penalised, or their activations behind the ``layer``.
    """

    features: Sequence[str]
    names: Sequence[str]
    columns: Array
    targets: Array
    wanted: Sequence[str]
    classes: Sequence[str]
    options: OneStep
    layer: HiddenLayer | None = None

    @cached_property
    def design(self) -> Array:
        """X (n, m), with a column of ones for the intercept."""
        return self.designed(self.columns)

    @cached_property
    def penalties(self) -> Array:
        """(m,) what multiplies the square of each coefficient."""
        ridge = np.full(len(self.names), self.options.ridge)
        ridge[self.columns.shape[1] :] = 0.0
        return ridge

    @cached_property
    def solution(self) -> Array:
        """(m, K) the exact coefficients, by orthogonal factors in double precision."""
        more = np.diag(np.sqrt(self.penalties))
        stacked = np.vstack([self.design, more[self.penalties > 0]])
        zeros = np.zeros((len(stacked) - len(self.targets), self.targets.shape[1]))
        # Columns of very different sizes are brought to one length, or small ones would pass for nothing.
        lengths = np.linalg.norm(stacked, axis=0)
        lengths[lengths == 0] = 1.0
        found = np.linalg.lstsq(stacked / lengths, np.vstack([self.targets, zeros]), rcond=None)[0]
        return np.asarray(found / lengths[:, None])

    def designed(self, columns: Array) -> Array:
        """Columns (S, q) with that of the intercept, if there is one."""
        ones = np.ones((len(columns), len(self.names) - columns.shape[1]))
        return np.hstack([columns, ones])

    def predicted(self, coefficients: Array, inputs: Array) -> Array:
        """What coefficients (m, K) say of inputs (S, p): values (S, K), or for classes their labels (S,).

        Raises DataError for inputs of another width.
        """
        inputs = np.atleast_2d(np.asarray(inputs, dtype=float))
        if inputs.shape[1] != len(self.features):
            raise DataError(f"there are {inputs.shape[1]} columns of inputs for {len(self.features)} features")
        values = self.designed(inputs if self.layer is None else self.layer(inputs)) @ coefficients
        if not self.classes:
            return np.asarray(values)
        best = (values[:, 0] > 0).astype(int) if values.shape[1] == 1 else np.argmax(values, axis=1)
        return np.asarray(np.array(self.classes)[best])


def least_squares(table: Table, options: OneStep) -> LeastSquares:
    """The problem that a table poses.

    Raises DataError for more coefficients than rows, columns that are combinations of others, a class that is
    missing, and OptionError for a target that there is not.
    """
    for name, column in table.columns.items():
        # Columns that are named as probes may have empty cells elsewhere.
        missing = np.flatnonzero(np.isnan(column))
        if len(missing):
            row = int(missing[0])
            raise DataError(f"{table.row(row)}, column '{name}': there is no number", table.place(row))
    targets, wanted, classes, taken = _targets(table, options)
    features = [name for name in table.columns if name not in taken]
    if not features:
        raise DataError("there is no column to predict from", table.header)
    inputs = np.column_stack([table.columns[name] for name in features])
    layer = None if options.hidden is None else HiddenLayer.drawn(inputs, options.hidden, options.seed)
    columns = inputs if layer is None else layer(inputs)
    called = features if layer is None else [f"h{k + 1}" for k in range(columns.shape[1])]
    names = node_names([*called, INTERCEPT] if options.intercept else called)
    problem = LeastSquares(features, names, columns, targets, wanted, classes, options, layer)
    if not options.ridge:
        _check(problem, [*called, "the intercept"], table)
    return problem


def node_names(names: Sequence[str]) -> list[str]:
    """Names of columns as they can stand in those of nodes, each another one."""
    found: list[str] = []
    for j, name in enumerate(names):
        plain = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or f"x{j + 1}"
        number, unique = 2, plain
        while unique in found:
            unique, number = f"{plain}_{number}", number + 1
        found.append(unique)
    return found


def _targets(table: Table, options: OneStep) -> tuple[Array, list[str], tuple[str, ...], set[str]]:
    """Targets (n, K), what they are called, the classes, and the columns that are no features."""
    words = [] if options.target is None else [word.strip() for word in options.target.split(",")]
    known = {name.lower(): name for name in table.columns}
    if table.labels is not None and (not words or [word.lower() for word in words] == [CLASS]):
        return _of_classes(table)
    if table.labels is not None:
        hint = "take the column out of the data, or leave --target out to predict the classes"
        raise OptionError(f"the column '{CLASS}' is not a feature, and is not what is to be predicted", hint=hint)
    if not words:
        words = list(table.columns)[-1:]
    chosen = []
    for word in words:
        if word.lower() not in known:
            raise OptionError(f"there is no column '{word}' to predict", hint=did_you_mean(word, table.columns))
        chosen.append(known[word.lower()])
    columns = np.column_stack([table.columns[name] for name in dict.fromkeys(chosen)])
    return columns, list(dict.fromkeys(chosen)), (), set(chosen)


def _of_classes(table: Table) -> tuple[Array, list[str], tuple[str, ...], set[str]]:
    labels = table.labels
    assert labels is not None
    missing = np.flatnonzero(labels == "")
    if len(missing):
        row = int(missing[0])
        raise DataError(f"{table.row(row)} has no class", table.place(row))
    classes = classes_in(table)
    if len(classes) < 2:
        raise DataError(f"there is one class only, '{classes[0]}'", table.header)
    if len(classes) == 2:
        return np.where(labels == classes[1], 1.0, -1.0)[:, None], [classes[1]], classes, set()
    return np.where(labels[:, None] == np.array(classes), 1.0, -1.0), list(classes), classes, set()


def _check(problem: LeastSquares, called: Sequence[str], table: Table) -> None:
    """Raise DataError where more than one vector of coefficients is the best."""
    rows, count = problem.design.shape
    if rows < count:
        said = "is 1 row" if rows == 1 else f"are {rows} rows"
        raise DataError(
            f"there {said} for {count} coefficients, so that many of them fit exactly",
            table.header,
            "give more rows or fewer columns, or take the smallest coefficients by a --ridge",
        )
    lengths = np.linalg.norm(problem.design, axis=0)
    zero = np.flatnonzero(lengths == 0)
    hint = "leave it out, or add a --ridge, which takes the smallest of the coefficients that are as good"
    if len(zero):
        name = called[int(zero[0])]
        raise DataError(f"the column '{name}' is zero in all rows", table.heading(name), hint)
    # The intercept comes first, so that a constant column is what depends on it and not the other way round.
    order = np.roll(np.arange(count), 1) if problem.options.intercept else np.arange(count)
    upper = linalg.qr(problem.design[:, order] / lengths[order], mode="r")[0][:count]
    for k in range(count):
        if abs(upper[k, k]) > _DEPENDENT:
            continue
        shares = linalg.lstsq(upper[:k, :k], upper[:k, k])[0]
        parts = [called[order[j]] for j in np.flatnonzero(np.abs(shares) > 1e-6 * np.abs(shares).max())]
        quoted = [part if part == called[-1] and problem.options.intercept else f"'{part}'" for part in parts]
        among = " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
        name = called[order[k]]
        raise DataError(f"the columns are collinear: '{name}' is a combination of {among}", table.heading(name), hint)
