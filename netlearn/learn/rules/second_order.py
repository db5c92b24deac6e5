"""Gauss-Newton and natural gradient: the exact gradient, measured by what it does to the outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from netlearn.arrays import Array
from netlearn.circuit.devices.base import COMPLEX_STEP
from netlearn.errors import ConvergenceError, OptionError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.loss import Loss
from netlearn.learn.measured_losses import MeasuredLoss
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Optimizer, Sgd
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.relaxation import Relaxation
from netlearn.options import Declared, option, options_of
from netlearn.solve.contraction import sample_parts, some_samples
from netlearn.solve.equations.assembly import MatrixTopology, with_ground
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize

TIME = 100.0
"""The time that a network which relaxes has where none is given: of 10, 100 and 1000 it leaves the least loss at a
temperature of 10, and a thirtieth of that of 10 at none (docs/claims/thermodynamic.py)."""


class OutputJacobian:
    """∂y/∂u at an operating point, as a product from either side; never held as a matrix.

    u are logarithms of the positive parameters and the others in their own sizes: ``scale`` (P,) is
    ∂θ/∂u.
    """

    def __init__(self, model: Model, theta: Array, point: OperatingPoint, inputs: Array | None = None) -> None:
        self.linear = linearize(point)
        self.model, self.theta, self.inputs = model, theta, inputs
        self.point = replace(point, linearization=self.linear)
        self.scale = np.where(model.parameters.positive, theta, model.parameters.sizes)
        parameters = model.parameters
        self.slopes = model.measured.slopes(point.circuit, point.x, parameters.columns, parameters.trained_quantities)

    def forward(self, direction: Array) -> Array:
        """∂y/∂u · direction, (S, o) for (P,)."""
        circuit, x = self.point.circuit, with_ground(self.point.x)
        settings = None if self.inputs is None else self.model.settings(self.inputs)
        stepped = self.model.parameters.apply(self.theta + 1j * COMPLEX_STEP * self.scale * direction, settings)
        topology = MatrixTopology.of(circuit)
        rhs = np.zeros(self.point.x.shape)
        changes = {}
        for g, name in self.model.parameters.columns:
            group = circuit.groups[g]
            change = self.model.undriven((g, name), np.imag(stepped.groups[g].values[name]) / COMPLEX_STEP)
            changes[g, name] = change
            index, each = np.asarray(group.index), change.ndim == 2 and len(change) > 1
            for part in sample_parts(len(x), index.size):
                values, environment = some_samples(group.values, part), circuit.environment.taken(part)
                slope = group.device.value_jacobian(x[part][:, index], values, environment, name)
                moved = change[part] if each else change
                rhs[part] -= topology.add_currents(g, slope * moved[..., None]).T
        quantities = {
            name: np.imag(stepped.quantities[name]) / COMPLEX_STEP for name in self.model.parameters.trained_quantities
        }
        return self.slopes.forward(self.linear.solve(rhs), changes, quantities, len(self.model.measured))

    def backward(self, weights: Array) -> Array:
        """Σ_s (∂y_s/∂u)ᵀ weights_s, (P,) for (S, o)."""
        inputs = np.zeros((len(weights), 0)) if self.inputs is None else self.inputs
        return self.scale * Adjoint(self.model, self.theta, inputs, self.point, weights).by_parameters()


class Metric:
    """F + λI at an operating point of S samples, as products, and the gradient (P,) that it is to be solved for.

    ``along`` is the curvature along the gradient, of which λ is a part.
    """

    def __init__(
        self, jacobian: OutputJacobian, curvature: Callable[[Array], Array], gradient: Array, damping: float
    ) -> None:
        self.jacobian, self.curvature, self.gradient = jacobian, curvature, gradient
        self.scale, self.solves, self.damping = jacobian.scale, 0, 0.0
        curved = float(gradient @ self.product(gradient)) / float(gradient @ gradient)
        # Where no output moves along the gradient there is none that counts, and any unit will do.
        self.along = curved if curved > 0 else 1.0
        self.damping = damping * curved

    def product(self, direction: Array) -> Array:
        """(F + λI) · direction, (P,)."""
        moves = self.jacobian.forward(direction)
        self.solves += 2 * len(moves)
        return self.jacobian.backward(self.curvature(moves)) / len(moves) + self.damping * direction


@dataclass(frozen=True)
class NaturalGradient(Declared):
    """(F + λI)⁻¹ ∂ℓ/∂u with F the mean of (∂y/∂u)ᵀ(∂y/∂u): steepest descent by outputs moved.

    F is the Fisher information of outputs that are read with Gaussian errors of unit size, or that of their
    goals' scales (S. Amari, Neural Computation 10, 251, 1998). u are logarithms of resistances; what is
    returned acts as a gradient by θ whose step in log coordinates is the natural one. The
    system is solved by conjugate gradients, from products alone, at two linear solves per
    sample and iteration. λ is ``damping`` times the curvature along the gradient.

    The step has its size already: an optimizer that takes it for a direction only, as Adam does,
    throws away what the curvature told.

    ``solver=thermodynamic`` takes the step from a network of resistors and capacitors in place of conjugate gradients:
    its conductances are F + λI and its currents the gradient g, and its voltages x relax as dx = (g - (F + λI) x) ds
    with thermal noise, to a mean of (F + λI)⁻¹ g (K. Donatella, S. Duffield and others, arXiv 2405.13817, 2024). What
    is read is their state after a finite ``time``, in that in which a voltage along the gradient relaxes.
    """

    suits: ClassVar[Optimizer] = Sgd(lr=0.3)
    """What trains with it where no optimizer is named: a part of each step, for that the model is local."""

    damping: float = option(1e-3, "damping, relative to the curvature along the gradient", above=0.0)
    iterations: int = option(100, "most conjugate-gradient iterations", least=1)
    solver: Literal["cg", "thermodynamic"] = option(
        "cg", "what solves for the step: conjugate gradients, or a network that relaxes"
    )
    time: float | None = option(
        None,
        "time that this has, in that of the curvature along the gradient; auto: 100",
        least=0.0,
        absent="auto",
    )
    start: Literal["zero", "gradient"] = option("zero", "where it starts; gradient: descent at a time of zero")
    average: float = option(0.0, "time over which it is then averaged", least=0.0)
    temperature: float = option(0.0, "thermal noise, relative to the mean square of the gradient", least=0.0)
    noise: float = option(0.0, "standard deviation of its readings, relative to the gradient", least=0.0, part=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        own = ("time", "start", "average", "temperature", "noise")
        given = [entry.name for entry in options_of(type(self)) if entry.name in own]
        given = [name for name in given if getattr(self, name) != getattr(type(self), name)]
        if self.solver == "cg" and given:
            raise OptionError(f"'{given[0]}' is of the thermodynamic solver", hint="add solver=thermodynamic")
        if self.time == 0 and self.start == "zero" and not self.average:
            hint = "give a time above zero, or start=gradient, which is gradient descent then"
            raise OptionError("at a 'time' of zero the network has not moved, and no step would be made", hint=hint)

    @property
    def relaxation(self) -> Relaxation:
        """What the thermodynamic solver does."""
        time = TIME if self.time is None else self.time
        return Relaxation(time, self.average, self.temperature, self.noise, charged=self.start == "gradient")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """The exact gradient, and what it becomes in the metric. Raises ConvergenceError."""
        exact, metric = self.metric(model, loss, theta, batch)
        if metric is None:
            return exact
        size = len(theta)
        if self.solver == "thermodynamic":
            # What is read is scaled as the network is: a unit of conductance is the curvature along the gradient.
            step = self.relaxation.read(
                lambda v: metric.product(v) / metric.along, metric.gradient / metric.along, self.iterations, rng
            )
        else:
            damped = LinearOperator((size, size), matvec=metric.product, dtype=float)
            step, failed = cg(damped, metric.gradient, rtol=1e-8, maxiter=self.iterations)
            if failed < 0 or not np.isfinite(step).all():
                hint = "make damping larger, or take rule natural where the loss itself does not curve, or a smaller lr"
                raise ConvergenceError("the conjugate gradients broke down", hint=hint)
        return replace(exact, gradient=step / metric.scale, solves=exact.solves + metric.solves)

    def metric(self, model: Model, loss: Loss, theta: Array, batch: Batch) -> tuple[Estimate, Metric | None]:
        """The exact gradient, and what it is to be measured in, unless it is zero."""
        exact = Analytic(superpose=False).estimate(model, loss, theta, batch, np.random.default_rng(0))
        assert exact.point is not None
        jacobian = OutputJacobian(model, theta, exact.point, batch.inputs)
        gradient = jacobian.scale * exact.gradient
        if not np.any(gradient):
            return exact, None
        return exact, Metric(jacobian, self.curvature(loss, exact.outputs, batch.targets), gradient, self.damping)

    def curvature(self, loss: Loss, outputs: Array, targets: Array) -> Callable[[Array], Array]:
        """How moves of the outputs (S, o) are weighed: all alike, or as the loss itself measures them."""
        if not hasattr(loss, "metric"):
            return lambda moves: moves
        metric = np.asarray(loss.metric(outputs, targets))
        return lambda moves: metric * moves


@dataclass(frozen=True)
class GaussNewton(NaturalGradient):
    """(G + λI)⁻¹ ∂ℓ/∂u with G the mean of (∂y/∂u)ᵀ H (∂y/∂u), H the loss's Hessian by the outputs.

    For the squared error it is Levenberg's and Marquardt's method; for the cross-entropy
    after a softmax G is the Fisher information of the classes, so that this is the natural
    gradient of the classifier (N. N. Schraudolph, Neural Computation 14, 1723, 2002).
    """

    def curvature(self, loss: Loss, outputs: Array, targets: Array) -> Callable[[Array], Array]:
        """H times moves, from the loss's gradient by a complex step.

        Where residuals bend by themselves, only their slopes count, so that H has no negative part.
        """
        if isinstance(loss, MeasuredLoss):
            metric = 2.0 * loss.metric(outputs, targets)
            return lambda moves: metric * moves
        return lambda moves: loss.gradient(outputs + 1j * COMPLEX_STEP * moves, targets).imag / COMPLEX_STEP
