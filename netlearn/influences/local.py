"""A loss around the present values: outputs linear in the coordinates of training, curvature as Gauss-Newton has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.chip_training import measured_model
from netlearn.errors import DataError, OptionError
from netlearn.influences.boxed import Positive
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.data import Dataset
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.not_finite import finite_losses
from netlearn.learn.rules.power import weight_of
from netlearn.learn.rules.second_order import GaussNewton, OutputJacobian
from netlearn.learn.transforms import Transform
from netlearn.project import Project
from netlearn.solve.internal import InternalSolver
from netlearn.writing import training_parts, writing_of

HELD = 20_000_000
"""Up to so many numbers of ∂y/∂u are held: by convention, a bound of memory, 160 MB."""
WHOLE = 400
"""Up to so many values the curvature is held, and rows are left out exactly instead of to first order: by convention, a
bound of time; a step of a lattice with 20 samples takes 0.9, 1.9, 4.8 and 29 times as long as by conjugate gradients
for 100, 200, 400 and 800 values (benchmarks/rows_at_a_time.py)."""
UNSETTLED = 0.01
"""From this part of the loss on that a step could still take away, the values are not held to be trained: by
convention, a hundredth."""


@dataclass(frozen=True, eq=False)
class Local:
    """S samples at ``theta`` (P,): what their losses do where the coordinates u of training move.

    ``held`` (P,) are the values that do not move.
    """

    model: Model
    loss: Loss
    transform: Transform
    theta: Array
    data: Dataset
    held: Array

    def __len__(self) -> int:
        return len(self.data)

    @cached_property
    def _jacobian(self) -> OutputJacobian:
        return OutputJacobian(
            self.model, self.theta, self.model.forward(self.theta, self.data.inputs), self.data.inputs
        )

    @cached_property
    def outputs(self) -> Array:
        """(S, o) the outputs."""
        return self.model.outputs(self._jacobian.point)

    @cached_property
    def losses(self) -> Array:
        """(S,) the losses. Raises NotFiniteError."""
        return finite_losses(self.loss, self.outputs, self.data)

    @cached_property
    def errors(self) -> Array:
        """(S, o) derivatives of each sample's loss by its outputs. Raises NotFiniteError for a loss that has none."""
        _ = self.losses
        return self.loss.gradient(self.outputs, self.data.targets)

    @cached_property
    def _curved(self) -> Callable[[Array], Array]:
        return GaussNewton().curvature(self.loss, self.outputs, self.data.targets)

    @cached_property
    def _slope(self) -> Array:
        """∂θ/∂u (P,), zero where a value does not move."""
        return np.where(self.held, 0.0, self.transform.gradient(self.theta, np.ones(len(self.theta))))

    @cached_property
    def small(self) -> bool:
        """Whether ∂y/∂u is held as an array, which makes products with it cheap."""
        return self.outputs.size * len(self.theta) <= HELD

    def moves(self, step: Array) -> Array:
        """∂y/∂u · step, (S, o) for (P,)."""
        if self.small:
            return np.asarray(self.jacobian @ step)
        return self._jacobian.forward(self._slope * step / self._jacobian.scale)

    def gathered(self, weights: Array) -> Array:
        """Σ (∂y/∂u)ᵀ weights, (P,) for (S, o)."""
        if self.small:
            return np.asarray(weights.ravel() @ self.jacobian.reshape(weights.size, -1))
        return self._slope / self._jacobian.scale * self._jacobian.backward(weights)

    def gradient(self, shares: Array) -> Array:
        """Σ shares ∂ℓ/∂u (P,), for shares (S,) of the samples."""
        return self.gathered(shares[:, None] * self.errors)

    def curvature(self, step: Array, shares: Array) -> Array:
        """Σ shares (∂y/∂u)ᵀ H (∂y/∂u) · step (P,), with H the second derivatives of each loss by the outputs."""
        return self.gathered(shares[:, None] * self._curved(self.moves(step)))

    def system(self, shares: Array, gradient: Array, damping: float, iterations: int, least: float = 0.0) -> Positive:
        """The curvature with these shares (S,), and ``damping`` times that along a gradient (P,), or ``least``."""
        norm = float(gradient @ gradient)
        added = damping * float(gradient @ self.curvature(gradient, shares)) / norm if norm else 0.0
        added = max(added, least)
        if self.small and len(self.theta) <= WHOLE:
            rows = np.sqrt(shares)[:, None, None] * (self.roots @ self.jacobian)
            rows = rows.reshape(-1, len(self.theta))
            return Positive.held(rows.T @ rows + added * np.eye(len(self.theta)))
        return Positive(None, lambda v: self.curvature(v, shares) + added * v, iterations)

    @cached_property
    def jacobian(self) -> Array:
        """∂y/∂u as an array (S, o, P)."""
        point, inputs = self._jacobian.point, self.data.inputs
        units = (np.broadcast_to(unit, self.outputs.shape) for unit in np.eye(self.outputs.shape[1]))
        adjoints = (Adjoint(self.model, self.theta, inputs, point, np.array(unit)) for unit in units)
        return np.stack([self._slope * adjoint.by_samples() for adjoint in adjoints], axis=1)

    @cached_property
    def roots(self) -> Array:
        """(S, o, o) matrices R with Rᵀ R = H."""
        count = self.outputs.shape[1]
        hessians = np.stack([self._curved(np.tile(unit, (len(self), 1))) for unit in np.eye(count)], axis=-1)
        values, vectors = np.linalg.eigh((hessians + hessians.transpose(0, 2, 1)) / 2)
        return np.asarray(np.sqrt(np.maximum(values, 0.0))[..., None] * vectors.transpose(0, 2, 1))

    def at(self, theta: Array) -> Array:
        """(S,) the losses at other values (P,)."""
        return self.loss.value(self.model.outputs(self.model.forward(theta, self.data.inputs)), self.data.targets)


def rows_of(data: Dataset) -> Array:
    """(S,) the row of the table, counted from 0, that each sample comes from."""
    return np.arange(len(data)) if data.rows is None else data.rows


def local_of(project: Project) -> Local:
    """The training data of a project at its present values. Raises OptionError for what has no influence to tell."""
    if weight_of(project.loss):
        place = project.settings.places.get("loss")
        raise OptionError(
            "influence is told of losses of outputs, and this one counts power", place, "leave power= out"
        )
    parameters, settings = project.parameters, project.settings
    transform = Transform.of(parameters, settings.options.coordinates, project.design.parameter_place)
    held, (low, high) = ~settings.subset.candidates(parameters), transform.bounds
    hardware, devices = settings.hardware, writing_of(project)
    if devices is not None:
        held |= devices.known
        low = np.where(devices.chosen, np.maximum(low, devices.states.lower), low)
        high = np.where(devices.chosen, np.minimum(high, devices.states.upper), high)
    elif hardware is not None and hardware.searches:
        ends = (-np.inf if hardware.min is None else hardware.min, np.inf if hardware.max is None else hardware.max)
        low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1])
    transform = replace(transform, bounds=(low, high))
    model = replace(measured_model(project), solver=InternalSolver())
    theta = np.asarray(parameters.initial, dtype=float)
    data, _ = training_parts(project, project.dataset(project.table))
    if not data.asked.any():
        raise DataError("nothing is asked of the outputs in what is trained on")
    return Local(model, project.loss, transform, theta, data, held)


def pressed(local: Local, gradient: Array) -> Array:
    """(P,) the values that stand at a bound which a ``gradient`` (P,) presses them against."""
    u = local.transform.inward(local.theta)
    lower, upper = local.transform.lower, local.transform.upper
    return np.asarray(((u <= lower) & (gradient >= 0)) | ((u >= upper) & (gradient <= 0)))
