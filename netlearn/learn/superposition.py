"""Linear circuits have no need of a solution for every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.samples import alike
from netlearn.learn.model import Model
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Superposition:
    """The operating points of S samples as weighted sums of p + 1 of them, for p driven sources.

    ``point`` holds the operating points at ``inputs``: without any source, and with a unit of each. The
    state of a linear circuit is an affine function of its sources, so that sample s is at
    Σ_i ``weights``[s, i] x_i, with weights that sum to one. Derivatives of linear elements'
    equations are affine in x too. Therefore a sum over samples of λ_s ∂F/∂p(x_s) is the sum
    over i of (Σ_s weights[s, i] λ_s) ∂F/∂p(x_i), and a full-batch gradient takes p + 1
    forward and p + 1 adjoint solutions of one factorization, however many samples there are.
    Where samples set other numbers, too, it takes p + 1 for each combination of these.
    """

    point: OperatingPoint
    weights: Array | sparse.csr_array
    inputs: Array

    def outputs(self, model: Model) -> Array:
        """What the probes read, (S, o)."""
        return model.converted(np.asarray(self.weights @ model.read(self.point)))

    def gathered(self, errors: Array) -> Array:
        """Σ_s weights[s, i] errors[s], one row for each operating point, of errors (S, o)."""
        return np.asarray(self.weights.T @ errors)


def superposes(model: Model, inputs: Array) -> bool:
    """Whether superposition is possible, and less work than a solution for each of ``inputs`` (S, p).

    Measured outputs are never superposed: only the internal solver is a model.
    """
    circuit = model.parameters.circuit
    if not (circuit.linear and isinstance(model.solver, InternalSolver) and model.measured.affine(circuit)):
        return False
    if model.solver.by_blocks:
        return False
    settings = model.settings(inputs)
    sources = len(model.inputs) - len(model.parameters.settings)
    least = 2 * (sources + 1)
    return len(inputs) > least and (settings is None or len(inputs) > least * len(alike([settings])))


def superpose(model: Model, theta: Array, inputs: Array, *, whole: bool = True) -> Superposition:
    """The operating points at ``inputs`` (S, p), as a ``whole`` or to be read. Raises what the solver raises."""
    driven = np.array([isinstance(place, tuple) for place in model.inputs], dtype=bool)
    sources, count = inputs[:, driven], int(driven.sum())
    # Units of the size of the inputs keep the sums free of cancellation.
    units = np.abs(sources).max(axis=0, initial=0.0)
    units[units == 0] = 1.0
    parts = sources / units
    weights = np.column_stack([1.0 - parts.sum(axis=1), parts])
    corners = np.zeros((count + 1, inputs.shape[1]))
    corners[1:, driven] = np.diag(units)
    settings = model.settings(inputs)
    if settings is None:
        return Superposition(model.forward(theta, corners, whole=whole), weights, corners)
    alikes = alike([settings])
    number = np.empty(len(inputs), dtype=np.intp)
    blocks = []
    for i, rows in enumerate(alikes):
        number[rows] = i
        blocks.append(np.where(driven, corners, inputs[rows[0]]))
    places = number[:, None] * (count + 1) + np.arange(count + 1)
    starts = np.arange(len(inputs) + 1) * (count + 1)
    shape = (len(inputs), len(alikes) * (count + 1))
    every = np.concatenate(blocks)
    mixed = sparse.csr_array((weights.ravel(), places.ravel(), starts), shape=shape)
    return Superposition(model.forward(theta, every, whole=whole), mixed, every)


def outputs_of(
    model: Model, theta: Array, inputs: Array, start: OperatingPoint | None = None
) -> tuple[Array, OperatingPoint | None]:
    """Outputs (S, o) at ``inputs`` (S, p), and the operating points if they had to be found."""
    if superposes(model, inputs):
        return superpose(model, theta, inputs, whole=False).outputs(model), None
    point = model.forward(theta, inputs, start)
    return model.outputs(point), point


def read_of(model: Model, theta: Array, inputs: Array) -> Array:
    """The outputs (S, o) alone, for which a large linear circuit's states need not be held."""
    if superposes(model, inputs):
        return superpose(model, theta, inputs, whole=False).outputs(model)
    return model.outputs(model.forward(theta, inputs, whole=False))
