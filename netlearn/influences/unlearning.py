"""Values as they would be if some rows had not been trained on, without training again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.atomic import Destination
from netlearn.discrete.chosen import search_for
from netlearn.errors import CircuitError, OptionError, warn
from netlearn.final_values import FinalValues
from netlearn.influences.forgotten import forgotten_rows
from netlearn.influences.local import Local, local_of, pressed, rows_of
from netlearn.influences.ranking import check_damping, check_iterations, tell_unsettled
from netlearn.influences.settled import unsettled
from netlearn.learn.data import Dataset
from netlearn.learn.digits import check_digits
from netlearn.learn.lbfgs import run_lbfgs
from netlearn.learn.loop import begin
from netlearn.learn.loss import CrossEntropy, unit_of
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.schedule import Constant
from netlearn.learn.settings import LoopOptions
from netlearn.learn.task import Task
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.output_check import check_netlist_output
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.writing import converted, steps_of, writing_of

EPOCHS = 500
"""Most iterations of training again: half or twice as many lead to the same loss (n = 5)
(benchmarks/constants_of_learning.py)."""
SMALLEST = 1e-6
"""The damping that is tried first where none leads up instead of down: by convention, what moves no value by more than
its sixth digit."""
TRIES = 12
"""How often the damping is made ten times as large where a step leads up instead of down: by convention, from 1e-6 to
1e5, where a step is one of gradient descent that goes nowhere."""


@dataclass(frozen=True)
class Retraining:
    """Training again without the forgotten rows, by L-BFGS-B from the values before, and the way to it.

    ``theta`` (P,) are its values; ``losses`` the mean losses there of the forgotten rows, those that remain and the
    test data. ``before`` and ``after`` are distances to it by the same parts of the data, as root mean squares of the
    outputs' differences: of the netlist as it was, and of the one that has unlearned. For the cross-entropy, which
    sees differences between outputs only, what all of a sample's outputs have in common is taken off.
    """

    theta: Array
    losses: tuple[float, float, float]
    before: tuple[float, float, float]
    after: tuple[float, float, float]

    def __repr__(self) -> str:
        forgotten, remaining, _ = self.losses
        return f"<training again: loss {forgotten:.6g} on forgotten rows, {remaining:.6g} on those that remain>"


@dataclass(frozen=True)
class Unlearning:
    """A netlist that has unlearned rows of its training data.

    ``before`` and ``after`` (P,) are the values of ``names``, ``rows`` (m,) the forgotten ones, counted from 0.
    ``losses_before`` and ``losses_after`` are mean losses of the forgotten rows, of those that remain and of the
    test data, NaN without any. ``at_bounds`` are values that the step has led to a bound; ``unsettled`` is as for
    :class:`Influence`.
    """

    netlist: Netlist
    names: tuple[str, ...]
    before: Array
    after: Array
    rows: Array
    losses_before: tuple[float, float, float]
    losses_after: tuple[float, float, float]
    at_bounds: tuple[str, ...]
    unsettled: float
    retraining: Retraining | None = None
    notes: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"<unlearning of {len(self.rows)} rows by {self.netlist.source.path}: {len(self.names)} values>"


@checked
def unlearn(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    rows: Iterable[int] | None = None,
    forget: DataLike | None = None,
    steps: int = 1,
    damping: float = 1e-6,
    iterations: int = 300,
    verify: bool = False,
    out: Destination | str | os.PathLike[str] | None = None,
    **settings: Unpack[Overrides],
) -> Unlearning:
    """Change a trained netlist's values to what they would be without some rows of its training data.

    One Gauss-Newton step of the mean loss over the rows that remain, along the gradient that the forgotten ones had
    kept in balance, within the bounds and limits of hardware: exact where outputs are linear in what is trained and
    the error is squared (R. D. Cook, Technometrics 19, 15, 1977), and the influence function of the rows else
    (P. W. Koh, P. Liang, ICML 2017; as unlearning C. Guo, T. Goldstein, A. Hannun, L. van der Maaten, ICML 2020, and
    J. Liu, C. Wu, D. Lian, E. Chen, "Efficient machine unlearning via influence approximation", arXiv 2507.23257,
    2025, who leave the curvature out, which is cheap here).

    Parameters
    ----------
    netlist : a trained netlist or the path of one.
    data : the samples that it was trained on; else the netlist's.
    rows : the rows to forget, by their numbers in the training data, counted from 0.
    forget : or the rows themselves, in anything that data come in. One is forgotten for each.
    steps : Gauss-Newton steps; more than one follow how the outputs bend.
    damping : what is added to the curvature, in that along the gradient.
    iterations : most iterations of conjugate gradients for a step.
    verify : whether to train again without the rows, by L-BFGS-B, and tell the distances to that.
    out : a file that the netlist is written to.
    settings : as for :func:`netlearn.train`.

    Rows at all corners are forgotten with all of their samples. Where the values are not trained, a warning says so,
    and only what the forgotten rows had to do with them is taken away. Raises OptionError and DataError for rows that
    are not there, for all of them, and for what is wrong otherwise.
    """
    check_damping(damping)
    check_iterations(iterations)
    if steps < 1:
        raise OptionError(f"there is at least one step, not {steps}")
    target = Destination.of(out)
    project = open_project(netlist, data, overrides=settings)
    local = local_of(project)
    chosen = forgotten_rows(project, local.data, rows, forget)
    if target is not None:
        _check(project, target, forget)
    forgotten = np.isin(rows_of(local.data), chosen)
    kept = replace(local, data=local.data.part(np.flatnonzero(~forgotten)))
    theta, part = _without(local, kept, steps, damping, iterations)
    task = _task(project, kept)
    retrained = _retrained(task) if verify else None
    theta, written, notes = _final(project, task, theta)
    test = None if project.test_table is None else converted(project, project.dataset(project.test_table))
    parts = (local.data.part(np.flatnonzero(forgotten)), kept.data, test)
    names = tuple(project.parameters.names)
    moved = theta != local.theta
    lower, upper = local.transform.bounds
    found = Unlearning(
        netlist=written,
        names=names,
        before=local.theta,
        after=theta,
        rows=chosen,
        losses_before=_losses(local, local.theta, parts),
        losses_after=_losses(local, theta, parts),
        at_bounds=tuple(names[k] for k in np.flatnonzero(moved & ((theta <= lower) | (theta >= upper)))),
        unsettled=part,
        retraining=None if retrained is None else _compared(local, retrained, theta, parts),
        notes=(*notes, *_still_there(project, data)),
    )
    if target is None:
        return found
    return replace(found, written=tuple(found.netlist.save(target.path, force=target.force, follow=target.named)))


def _check(project: Project, target: Destination, forget: DataLike | None) -> None:
    """Find out before the work whether the netlist can be written, and that it is written over nothing read."""
    read = [table.path for table in (project.table, project.test_table) if table is not None]
    if isinstance(forget, str | os.PathLike):
        read.append(os.fspath(forget))
    check_netlist_output(target, project.design.changed(project.parameters), read)


def _without(local: Local, kept: Local, steps: int, damping: float, iterations: int) -> tuple[Array, float]:
    """The values (P,) that the ``kept`` rows alone lead to, and the part of the loss that all rows left to a step."""
    whole = local.gradient(np.full(len(local), 1.0 / len(local)))
    still = replace(local, held=local.held | pressed(local, whole))
    part = unsettled(still, damping, iterations)
    tell_unsettled(part)
    # What is left of the gradient is not the forgotten rows' doing, but a bound holds against its own part.
    tilt = np.where(pressed(local, whole), 0.0, whole) * len(local) / len(kept)
    theta = local.theta
    for _ in range(steps):
        theta = _stepped(replace(kept, theta=theta), local, tilt, damping, iterations)
    return theta, part


def _stepped(kept: Local, first: Local, tilt: Array, damping: float, iterations: int) -> Array:
    """θ after a Gauss-Newton step of the mean loss over what is kept, less ``tilt`` · u, within the bounds."""
    transform, shares = kept.transform, np.full(len(kept), 1.0 / len(kept))
    u, start = transform.inward(kept.theta), transform.inward(first.theta)
    gradient = np.where(kept.held, 0.0, kept.gradient(shares) - tilt)
    if not np.any(gradient):
        return kept.theta
    low, high = np.minimum(transform.lower - u, 0.0), np.maximum(transform.upper - u, 0.0)
    low, high = np.where(kept.held, 0.0, low), np.where(kept.held, 0.0, high)
    now = float(np.mean(kept.losses)) - float(tilt @ (u - start))
    for _ in range(TRIES):
        step = kept.system(shares, gradient, damping, iterations).minimum(gradient, low, high)
        reached = transform.project(u + step)
        theta = np.where(kept.held, kept.theta, transform.outward(reached))
        try:
            there = float(np.mean(kept.at(theta))) - float(tilt @ (reached - start))
        except CircuitError:
            there = np.nan
        # Where outputs are linear the step is right, and what it gains may be lost in rounding.
        if there <= now + 1e-12 * abs(now):
            return theta
        damping = max(10.0 * damping, SMALLEST)
    warn("no step was found that unlearns: the values are as they were")
    return kept.theta


def _task(project: Project, kept: Local) -> Task:
    """Training again on what is kept."""
    data = kept.data
    unit = unit_of(
        kept.loss,
        data.targets,
        len(project.layout.outputs),
        lambda: float(np.mean(kept.loss.value(kept.outputs, data.targets))),
    )
    return Task(
        model=kept.model,
        loss=kept.loss,
        rule=Analytic(),
        data=data,
        optimizer=Lbfgsb(),
        schedule=Constant(),
        transform=kept.transform,
        subset=replace(project.settings.subset, fraction=1.0),
        options=LoopOptions(epochs=EPOCHS, digits=project.settings.options.digits, seed=project.settings.options.seed),
        unit=unit,
    )


def _retrained(task: Task) -> Array:
    state = run_lbfgs(task, begin(task))
    return task.model.parameters.initial if state.best is None else state.best


def _final(project: Project, task: Task, theta: Array) -> tuple[Array, Netlist, tuple[str, ...]]:
    """The values as hardware and digits leave them, and the netlist with them."""
    search, present = search_for(project), np.asarray(project.parameters.initial, dtype=float)
    writing = writing_of(project)
    check_digits(project.settings.options.digits, steps_of(project), project.settings.places.get("options digits"))
    if writing is not None:
        theta = np.where(theta != present, writing.aim(theta, present), theta)
    final = FinalValues(project, task, search)
    losses = task.loss.value(task.model.outputs(task.model.forward(theta, task.data.inputs)), task.data.targets)
    state = replace(begin(task), theta=theta, best=theta, best_score=float(np.mean(losses)), finished=True)
    return final.of(state), final.netlist(state), final.notes(state)


def _losses(local: Local, theta: Array, parts: tuple[Dataset, Dataset, Dataset | None]) -> tuple[float, float, float]:
    gone, kept, test = (
        np.nan if data is None else float(np.mean(replace(local, data=data).at(theta))) for data in parts
    )
    return gone, kept, test


def _compared(
    local: Local, retrained: Array, theta: Array, parts: tuple[Dataset, Dataset, Dataset | None]
) -> Retraining:
    def distances(here: Array) -> tuple[float, float, float]:
        gone, kept, test = (np.nan if data is None else _apart(local, here, retrained, data) for data in parts)
        return gone, kept, test

    return Retraining(retrained, _losses(local, retrained, parts), distances(local.theta), distances(theta))


def _apart(local: Local, one: Array, other: Array, data: Dataset) -> float:
    """The root mean square of what outputs differ by at two vectors of values."""
    outputs = [local.model.outputs(local.model.forward(theta, data.inputs)) for theta in (one, other)]
    apart = outputs[0] - outputs[1]
    if isinstance(local.loss, CrossEntropy):
        # The softmax sees nothing of what all outputs have in common, so that training leaves that to chance.
        apart -= apart.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.mean(apart**2)))


def _still_there(project: Project, data: DataLike | None) -> tuple[str, ...]:
    named = project.settings.data.train
    if data is not None or named is None:
        return ()
    return (f"the rows stand in '{named}' still, which the netlist trains on: take them out before it trains again",)
