"""What each row of the training data has to do with a loss or a probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import OptionError, warn
from netlearn.influences.local import UNSETTLED, WHOLE, Local, local_of, pressed, rows_of
from netlearn.influences.settled import unsettled
from netlearn.learn.data import Dataset, check_sample
from netlearn.learn.model import Model
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.probes.names import probes_of
from netlearn.project import Project, open_project
from netlearn.writing import converted


@dataclass(frozen=True, eq=False)
class Influence:
    """By how much a quantity would change if each of n rows had not been trained on.

    ``rows`` (n,) are the rows of the training data, counted from 0, and ``changes`` (n,) the changes of what
    ``of`` says, which is ``value`` now: above zero where a loss would rise, for a row that helps. ``losses`` (n,)
    are what the rows' own samples have of the training loss. ``curvature`` says whether each row was left out
    with its own part of the curvature, which is exact where outputs are linear in what is trained and the error is
    squared; if not, changes are of first order. ``unsettled`` is the part of the training loss that a step could
    still take away.
    """

    of: str
    value: float
    rows: Array
    changes: Array
    losses: Array
    curvature: bool
    unsettled: float

    @property
    def order(self) -> Array:
        """(n,) places in ``rows``, those with the largest changes first."""
        return np.argsort(-np.abs(self.changes), kind="stable")

    def __repr__(self) -> str:
        first = int(self.rows[self.order[0]]) + 1
        return f"<influence of {len(self.rows)} rows on {self.of}: row {first} has the most>"


@checked
def influence(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    probe: str | None = None,
    sample: int | None = None,
    damping: float = 1e-6,
    iterations: int = 300,
    **settings: Unpack[Overrides],
) -> Influence:
    """The influence of each row of the training data on the test loss, or on a probe.

    With the values at the minimum of the mean loss, the step that leaving row r out leads to is (Σℓ'' less that
    of r)⁻¹ Σ_r ∂ℓ/∂u, with the Gauss-Newton curvature (P. W. Koh, P. Liang, "Understanding black-box predictions
    via influence functions", ICML 2017; R. D. Cook, Technometrics 19, 15, 1977, for linear regression).

    Parameters
    ----------
    netlist : a trained netlist or the path of one.
    data : the samples that it was trained on; else the netlist's.
    probe : such as ``V(out)``; else the mean loss of the test data, or of the training data where there are none.
    sample : at which sample the probe is read, counted from 0 through the training and then the test data; else it
        is the mean over the test data, or over the training data where there are none.
    damping : what is added to the curvature, in that along the gradient.
    iterations : most iterations of conjugate gradients, where there are too many values for a matrix.
    settings : as for :func:`netlearn.train`. ``coordinates`` are those in which outputs are taken to be linear.

    Rows at all corners are left out with all of their samples. Where the values are not trained, a warning says so.
    Raises OptionError for a sample that there is not, a damping that is not a number, and losses that count power.
    """
    check_damping(damping)
    project = open_project(netlist, data, overrides=settings)
    check_iterations(iterations)
    if sample is not None and probe is None:
        raise OptionError("a sample is where a probe is read", hint="name a probe, too")
    local = local_of(project)
    shares = np.full(len(local), 1.0 / len(local))
    whole = local.gradient(shares)
    local = replace(local, held=local.held | pressed(local, whole))
    part = unsettled(local, damping, iterations)
    tell_unsettled(part)
    target = _target(project, local, probe, sample)
    rows = np.unique(rows_of(local.data))
    small = len(local.theta) <= WHOLE and local.small and target.local.small
    if small:
        changes = _each_left_out(local, target, rows, damping)
    else:
        changes = _first_order(local, target, rows, damping, iterations)
    own = np.array([local.losses[rows_of(local.data) == row].sum() for row in rows]) / len(local)
    return Influence(target.name, target.value(np.zeros(target.local.outputs.shape)), rows, changes, own, small, part)


def check_damping(damping: float) -> None:
    """Raise OptionError for a damping that is none."""
    if not (np.isfinite(damping) and damping >= 0):
        raise OptionError(f"the damping must be a number at least 0, not {damping!r}")


def check_iterations(iterations: int) -> None:
    """Raise OptionError for less than one iteration."""
    if iterations < 1:
        raise OptionError(f"there is at least one iteration, not {iterations}")


def tell_unsettled(part: float) -> None:
    """Warn where values are not trained."""
    if part > UNSETTLED:
        warn(
            f"the values are not at a minimum of the training loss: a step could still take {part:.2g} of it away; "
            "influence is told of trained values, so train first, or further (--optimizer lbfgs)"
        )


@dataclass(frozen=True, eq=False)
class _Target:
    """A mean over samples of a loss, or of a probe: ``local`` are those samples."""

    name: str
    local: Local
    reads: bool

    def value(self, moves: Array) -> float:
        """What it is where the outputs have moved by ``moves`` (S, o)."""
        outputs = self.local.outputs + moves
        if self.reads:
            return float(np.mean(outputs))
        return float(np.mean(self.local.loss.value(outputs, self.local.data.targets)))

    @property
    def gradient(self) -> Array:
        """Its derivatives by the coordinates, (P,)."""
        count = len(self.local)
        if self.reads:
            return self.local.gathered(np.full((count, 1), 1.0 / count))
        return self.local.gradient(np.full(count, 1.0 / count))


def _target(project: Project, local: Local, probe: str | None, sample: int | None) -> _Target:
    test = project.test_table
    if probe is None:
        data = local.data if test is None else converted(project, project.dataset(test))
        name = "the training loss" if test is None else "the test loss"
        return _Target(name, replace(local, data=data), reads=False)
    train = project.dataset(project.table)
    tested = None if test is None else project.dataset(test)
    if sample is None:
        chosen, at = (train, "the training data") if tested is None else (tested, "the test data")
        inputs, where = chosen.inputs, f"mean over {at}"
    else:
        every = train.inputs if tested is None else np.concatenate([train.inputs, tested.inputs])
        check_sample(sample, len(every))
        inputs, where = every[sample : sample + 1], f"at sample {sample + 1}"
    layout = replace(project.layout, outputs=(probe,), aims=(), classes=())
    design = project.design_for(layout)
    parameters = design.parameters(project.selections, project.settings.fix)
    model = Model(parameters, design.inputs, probes_of(parameters.circuit, (probe,), {}), local.model.solver)
    read = replace(local, model=model, data=Dataset(inputs, np.full((len(inputs), 1), np.nan)))
    return _Target(f"{probe}, {where}", read, reads=True)


def _each_left_out(local: Local, target: _Target, rows: Array, damping: float) -> Array:
    """The changes (n,) as each row is left out, with the curvature of the others."""
    numbers, size = rows_of(local.data), len(local.theta)
    roots = local.roots @ local.jacobian
    slopes = np.einsum("so,sop->sp", local.errors, local.jacobian)
    system = local.system(np.ones(len(local)), target.gradient, damping, 0)
    steps = system.solve(np.stack([slopes[numbers == row].sum(axis=0) for row in rows], axis=1))
    behind = system.solve(roots.reshape(-1, size).T).T.reshape(roots.shape)
    moved = target.local.jacobian
    now, changes = target.value(np.zeros(target.local.outputs.shape)), np.zeros(len(rows))
    for k, row in enumerate(rows.tolist()):
        own = numbers == row
        part, back = roots[own].reshape(-1, size), behind[own].reshape(-1, size)
        # The inverse of a matrix less a few of its rows (Sherman, Morrison, Woodbury).
        lost = np.linalg.lstsq(np.eye(len(part)) - part @ back.T, part @ steps[:, k], rcond=None)[0]
        changes[k] = target.value(moved @ (steps[:, k] + lost @ back)) - now
    return changes


def _first_order(local: Local, target: _Target, rows: Array, damping: float, iterations: int) -> Array:
    """The changes (n,) by one solution, for the derivatives of what changes."""
    state = local.system(np.ones(len(local)), target.gradient, damping, iterations).solve(target.gradient)
    by_sample = np.sum(local.moves(state) * local.errors, axis=1)
    return np.bincount(np.searchsorted(rows, rows_of(local.data)), by_sample, minlength=len(rows))
