"""What learning leaves in a circuit: the Hessians of physics and cost, and what each part has to do with them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Unpack

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from netlearn import memory
from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.learn.data import Layout, check_sample
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.not_finite import finite_losses
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.reciprocity import reciprocity
from netlearn.learn.transforms import Transform
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize, pullback

STEP = 1e-5
"""Of central differences of exact gradients, in the coordinates of training: Hessians of networks with diodes are off
by 9e-10, 1e-10 and 3e-9 of themselves with 1e-6, 1e-5 and 1e-4 (n = 5) (benchmarks/constants_of_rules.py)."""

WHOLE = 400
"""Up to so many parameters the cost Hessian is computed whole, and each resistor taken out: by convention, a bound of
time, as a whole one takes two gradients for each."""

OPEN = 1e12
"""What the resistance of a resistor that is taken out is multiplied by: what it still lets through is derived from the
solver's tolerance, 1e-12 of what it did."""

NUMBER, COPIES = 8, 4
"""Bytes of a number (float64), and how many matrices of its kind are held beside one: it, its inverse's halves and its
eigenvectors."""

LEADING = 20
"""So many of its eigenvalues are found where it is not: by convention, as many as a figure shows."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Spectra and susceptibilities of a circuit with P trained parameters, at its present values.

    ``stiffness`` (m,), in siemens from the softest, are the eigenvalues of the physical Hessian, the
    second derivatives of the (weighted) co-content by the node voltages that can move, and ``modes``
    (n, m) their eigenvectors over all n ``nodes``. ``susceptibility`` (n,) is the mean square voltage
    of each node, in V²/A², under random unit currents into all nodes (M. Stern, A. J. Liu, V.
    Balasubramanian, "Physical effects of learning", Phys. Rev. E 109, 024311, 2024).
    ``dimension`` is the number of dimensions in which the nodes that can move respond to the data: (Σ v)²/Σ v²
    with v the variances along the principal axes of the free states.

    ``curvature`` (k,), from the largest, are eigenvalues of the cost Hessian, the second
    derivatives of the mean loss by the parameters in the coordinates of training (by default
    logarithms), and ``directions`` (P, k) their eigenvectors: all P of them, or the leading ones where
    P is large. That trained circuits link the two Hessians is shown by M. Stern, M. Guzman, F.
    Martins, A. J. Liu, V. Balasubramanian, "Physical networks become what they learn", Phys.
    Rev. Lett. 134 (2025).

    ``response`` (P,) is the root mean square over samples of what the outputs move by, per unit of
    each coordinate. ``importance`` (P,) is by how much the mean loss rises where a resistor is taken out
    (M. Guzman, F. Martins, M. Stern, A. J. Liu, "Microscopic imprints of learned solutions in tunable
    networks", Phys. Rev. X 15, 031056, 2025); NaN for other parameters, and for all where P is large.

    Without data all of that is at the netlist's own values: there are no ``curvature`` and ``directions``, and
    ``importance``, ``loss`` and ``dimension`` are NaN.
    """

    nodes: tuple[str, ...]
    stiffness: Array
    modes: Array
    susceptibility: Array
    parameters: tuple[str, ...]
    curvature: Array
    directions: Array
    response: Array
    importance: Array
    loss: float
    dimension: float

    def __repr__(self) -> str:
        soft, hard = (f"{value:.3g}" for value in (self.stiffness[0], self.stiffness[-1]))
        dimension = "" if np.isnan(self.dimension) else f", dimension {self.dimension:.3g}"
        return f"<spectrum: {len(self.stiffness)} modes of {soft} to {hard} S{dimension}>"


@checked
def spectrum(
    netlist: NetlistLike, data: DataLike | None = None, *, sample: int = 0, **settings: Unpack[Overrides]
) -> Spectrum:
    """The spectrum of a netlist at its present values.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : the samples; else the netlist's; else its own source values, which tell of physics alone.
    sample : the one, counted from 0, at whose operating point the physical Hessian is taken; in a
        linear circuit all are the same.
    settings : as for :func:`netlearn.train`.

    Raises OptionError for a sample that there is not, CircuitError for a circuit without a co-content, which has no
    Hessian, or with one that is not a minimum, NetlearnError for a loss that is not finite, and TooLargeError where it
    does not fit into the memory.
    """
    project = open_project(netlist, data, overrides=settings)
    if not project.has_samples:
        return _of_physics(project, sample)
    given = project.samples()
    model, loss, theta = project.model, project.loss, project.parameters.initial
    check_sample(sample, len(given))
    batch = Batch(given.inputs, given.targets)
    point = model.forward(theta, given.inputs)
    mean = float(np.mean(finite_losses(loss, model.outputs(point), given)))
    one = model.forward(theta, given.inputs[sample : sample + 1])
    stiffness, modes, susceptibility = _physical(model, one)
    transform = Transform.of(project.parameters, project.settings.options.coordinates)
    curvature, directions = _cost(model, loss, transform, batch)
    moving = susceptibility > 1e-20 * susceptibility.max(initial=0.0)
    states = point.x[:, : len(point.circuit.nodes)][:, moving]
    variances = np.linalg.svd(states - states.mean(axis=0), compute_uv=False) ** 2
    return Spectrum(
        nodes=tuple(point.circuit.nodes),
        stiffness=stiffness,
        modes=modes,
        susceptibility=susceptibility,
        parameters=tuple(project.parameters.names),
        curvature=curvature,
        directions=directions,
        response=_response(model, transform, point, given.inputs),
        importance=_importance(project, batch),
        loss=mean,
        dimension=float(variances.sum() ** 2 / np.sum(variances**2)) if variances.any() else 0.0,
    )


def _of_physics(project: Project, sample: int) -> Spectrum:
    """What needs no data, at the netlist's own source values."""
    check_sample(sample, None)
    layout = Layout((), project.settings.output)
    design = project.design_for(layout)
    try:
        parameters = design.parameters(project.selections, project.settings.fix)
    except OptionError:
        if project.settings.train:
            raise
        # Physics has a spectrum without anything to train, too.
        parameters = design.parameters((), ())
    model = replace(project.model_of(layout), parameters=parameters)
    transform = Transform.of(parameters, project.settings.options.coordinates)
    inputs = np.zeros((1, 0))
    point = model.forward(parameters.initial, inputs)
    stiffness, modes, susceptibility = _physical(model, point)
    count = len(parameters)
    return Spectrum(
        nodes=tuple(point.circuit.nodes),
        stiffness=stiffness,
        modes=modes,
        susceptibility=susceptibility,
        parameters=tuple(parameters.names),
        curvature=np.zeros(0),
        directions=np.zeros((count, 0)),
        response=_response(model, transform, point, inputs) if layout.outputs else np.full(count, np.nan),
        importance=np.full(count, np.nan),
        loss=float("nan"),
        dimension=float("nan"),
    )


def _physical(model: Model, point: OperatingPoint) -> tuple[Array, Array, Array]:
    """Eigenvalues and -vectors of the Hessian by the node voltages, from its inverse, and the susceptibilities.

    What branch currents and the voltages of sources are follows from the nodes that can move.
    """
    circuit = point.circuit
    found = reciprocity(circuit, point.x, model.probes, model.parameters)
    if not found.exists:
        raise CircuitError(f"there is no Hessian without a co-content, and {found.breaking[0]} leaves none")
    n = len(circuit.nodes)
    if n == 0:
        raise CircuitError("there is no Hessian where no voltage can move", hint="there are no nodes besides ground")
    with memory.asked_for_by(circuit.place):
        memory.require(
            NUMBER * COPIES * n * circuit.size,
            f"the Hessian by the voltages of {n:,} nodes, with its eigenvectors,",
            "take a smaller circuit, or a machine with more memory",
        )
    weights = np.where(found.weights == 0, 1.0, found.weights)[:n]
    linear = linearize(point)
    currents = np.eye(n, circuit.size)
    # One after the other: a matrix that a sample's temperature has changed is of one sample, not of all currents.
    response = np.stack([linear.solve(current[None])[0, :n] for current in currents], axis=1)
    inverse = response / weights
    values, vectors = np.linalg.eigh((inverse + inverse.T) / 2)
    moving = np.abs(values) > 1e-12 * np.abs(values).max()
    if np.any(values[moving] < 0):
        raise CircuitError("the co-content has no minimum at the operating point", hint="look for negative resistances")
    if not moving.any():
        raise CircuitError("there is no Hessian where no voltage can move", hint="sources hold all nodes")
    order = np.flatnonzero(moving)[::-1]
    return 1.0 / values[order], vectors[:, order], np.sum(inverse**2, axis=1)


def _cost(model: Model, loss: Loss, transform: Transform, batch: Batch) -> tuple[Array, Array]:
    """Eigenvalues, from the largest, and eigenvectors of the cost Hessian."""
    size = len(transform.start)

    def gradient(u: Array) -> Array:
        theta = transform.outward(u)
        found = Analytic().estimate(model, loss, theta, batch, np.random.default_rng(0)).gradient
        return transform.gradient(theta, found)

    def product(direction: Array) -> Array:
        step = STEP / max(float(np.abs(direction).max()), np.finfo(float).tiny)
        return (gradient(transform.start + step * direction) - gradient(transform.start - step * direction)) / (
            2 * step
        )

    if size <= WHOLE:
        hessian = np.stack([product(unit) for unit in np.eye(size)], axis=1)
        values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    else:
        operator = LinearOperator((size, size), matvec=lambda v: product(np.ravel(v)), dtype=float)
        start = np.random.default_rng(0).normal(size=size)
        values, vectors = eigsh(operator, LEADING, which="LM", v0=start, tol=1e-6)
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def _response(model: Model, transform: Transform, point: OperatingPoint, inputs: Array) -> Array:
    """The root mean square of ∂y/∂u over samples and outputs, (P,), from an adjoint state for each output."""
    theta, parameters = transform.outward(transform.start), model.parameters
    total = np.zeros(len(theta))
    with memory.asked_for_by(point.circuit.place):
        memory.require(
            NUMBER * COPIES * len(inputs) * len(theta),
            f"the derivatives of {len(inputs):,} samples by {len(theta):,} values",
            "take fewer samples",
        )
    for probe in model.probe_matrix.toarray():
        adjoint = linearize(point).solve(np.broadcast_to(probe, point.x.shape), transpose=True)
        columns = pullback(point, adjoint, parameters.columns, parameters.columns)
        for s in range(len(inputs)):
            row = {c: v[s : s + 1] if c in parameters.mixed else v[s] for c, v in columns.items()}
            by_theta = model.pullback(theta, row, inputs[s : s + 1])
            total += transform.gradient(theta, by_theta) ** 2
    return np.sqrt(total / (len(inputs) * len(model.probes)))


def _importance(project: Project, batch: Batch) -> Array:
    """By how much the mean loss rises where each resistor is taken out, (P,)."""
    model, theta = project.model, project.parameters.initial
    mean = partial(_mean_loss, model, project.loss, batch)
    now, out = mean(theta), np.full(len(theta), np.nan)
    if len(theta) > WHOLE:
        return out
    for p in np.flatnonzero(project.parameters.resistive):
        changed = theta.copy()
        changed[p] *= OPEN
        # Without it there may be no operating point.
        with suppress(ConvergenceError):
            out[p] = mean(changed) - now
    return out


def _mean_loss(model: Model, loss: Loss, batch: Batch, theta: Array) -> float:
    outputs = model.outputs(model.forward(theta, batch.inputs))
    return float(np.mean(loss.value(outputs, batch.targets)))
