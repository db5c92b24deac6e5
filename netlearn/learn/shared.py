"""One gradient in parts: a rule's estimates of parts of a batch, each somewhere else, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NetlearnError, OptionError
from netlearn.executors import Sent, in_order
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Rule, remembers
from netlearn.learn.rules.second_order import NaturalGradient
from netlearn.solve.operating_point import OperatingPoint


@dataclass
class SharedRule:
    """Another rule, whose estimates of ``parts`` of each batch are made by an executor.

    The mean over the parts, weighted with their samples, is the estimate of the batch. What comes of it depends
    on the number of parts, in the last digits and in what is random, but not on who makes them and how many there are.
    Raises OptionError for a rule whose estimate of a batch is no mean over its samples.
    """

    rule: Rule
    executor: Executor
    parts: int
    _sent: tuple[tuple[Model, Loss], Sent[tuple[Rule, Model, Loss]]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if isinstance(self.rule, NaturalGradient):
            raise OptionError("this rule weighs all samples together", hint="leave the executor out, or take analytic")
        if remembers(self.rule):
            hint = "leave the executor out, or take a rule without a memory"
            raise OptionError("this rule remembers what it measured, which is in one place", hint=hint)
        if self.parts < 1:
            raise OptionError(f"a gradient has at least one part, not {self.parts}")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        rows = np.array_split(np.arange(len(batch)), min(self.parts, len(batch)))
        # Not drawn from the generator itself, so that batches are the same as without parts.
        base = int(deepcopy(rng).integers(2**63))
        seeds = [(base, batch.step, k) for k in range(len(rows))]
        sent = self._model(model, loss)
        starts = [None if batch.start is None else batch.start.x[part] for part in rows]
        items = [
            _Part(sent, theta, batch.inputs[part], batch.targets[part], start, batch.step, seed, int(part[0]))
            for part, start, seed in zip(rows, starts, seeds, strict=True)
        ]
        found = list(in_order(_estimate, items, self.executor))
        return _mean(found, [len(part) / len(batch) for part in rows], model)

    def _model(self, model: Model, loss: Loss) -> Sent[tuple[Rule, Model, Loss]]:
        if self._sent is None or self._sent[0][0] is not model or self._sent[0][1] is not loss:
            self._sent = (model, loss), Sent.of((self.rule, model, loss))
        return self._sent[1]


@dataclass(frozen=True)
class _Part:
    """Samples of a batch that begin with number ``first``, and what is needed to estimate their gradient."""

    sent: Sent[tuple[Rule, Model, Loss]]
    theta: Array
    inputs: Array
    targets: Array
    start: Array | None
    step: int
    seed: tuple[int, ...]
    first: int


@dataclass(frozen=True)
class _Found:
    loss: float
    gradient: Array
    outputs: Array
    x: Array | None
    solves: int
    measurements: int


def _estimate(part: _Part) -> _Found:
    rule, model, loss = part.sent.thing
    start = None if part.start is None else OperatingPoint(model.parameters.circuit, part.start)
    batch = Batch(part.inputs, part.targets, start, part.step)
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = rule.estimate(model, loss, part.theta, batch, np.random.default_rng(part.seed))
    except NetlearnError as error:
        if error.sample is not None:
            error.sample += part.first
        raise
    x = None if found.point is None else found.point.x
    return _Found(found.loss, found.gradient, found.outputs, x, found.solves, found.measurements)


def _mean(found: Sequence[_Found], weights: Sequence[float], model: Model) -> Estimate:
    points = [each.x for each in found if each.x is not None]
    whole = len(points) == len(found)
    return Estimate(
        loss=float(sum(weight * each.loss for weight, each in zip(weights, found, strict=True))),
        gradient=np.sum([weight * each.gradient for weight, each in zip(weights, found, strict=True)], axis=0),
        outputs=np.concatenate([each.outputs for each in found]),
        point=OperatingPoint(model.parameters.circuit, np.concatenate(points)) if whole else None,
        solves=sum(each.solves for each in found),
        measurements=sum(each.measurements for each in found),
    )
