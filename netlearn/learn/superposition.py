"""Linear circuits have no need of a solution for every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.model import Model
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Superposition:
    """The operating points of S samples as weighted sums of p + 1 of them, for p inputs.

    ``point`` holds the operating points without input and at each unit input. The state of a
    linear circuit is an affine function of its inputs, so that sample s is at
    Σ_i ``weights``[s, i] x_i, with weights that sum to one. Derivatives of linear elements'
    equations are affine in x too. Therefore a sum over samples of λ_s ∂F/∂p(x_s) is the sum
    over i of (Σ_s weights[s, i] λ_s) ∂F/∂p(x_i), and a full-batch gradient takes p + 1
    forward and p + 1 adjoint solutions of one factorization, however many samples there are.
    """

    point: OperatingPoint
    weights: Array

    def outputs(self, model: Model) -> Array:
        """What the probes read, (S, o)."""
        return np.asarray(self.weights @ model.outputs(self.point))

    def gathered(self, errors: Array) -> Array:
        """Σ_s weights[s, i] errors[s], (p + 1, o), of errors (S, o)."""
        return np.asarray(self.weights.T @ errors)


def superposes(model: Model, samples: int) -> bool:
    """Whether superposition is possible, and less work than ``samples`` solutions.

    Measured outputs are never superposed: only the internal solver is a model.
    """
    linear = model.parameters.circuit.linear and isinstance(model.solver, InternalSolver)
    return linear and samples > 2 * (len(model.inputs) + 1)


def superpose(model: Model, theta: Array, inputs: Array) -> Superposition:
    """The operating points at ``inputs`` (S, p). Raises what the solver raises."""
    size = inputs.shape[1]
    # Units of the size of the inputs keep the sums free of cancellation.
    units = np.abs(inputs).max(axis=0, initial=0.0)
    units[units == 0] = 1.0
    corners = np.vstack([np.zeros(size), np.diag(units)])
    parts = inputs / units
    weights = np.column_stack([1.0 - parts.sum(axis=1), parts])
    return Superposition(model.forward(theta, corners), weights)


def outputs_of(
    model: Model, theta: Array, inputs: Array, start: OperatingPoint | None = None
) -> tuple[Array, OperatingPoint | None]:
    """Outputs (S, o) at ``inputs`` (S, p), and the operating points if they had to be found."""
    if superposes(model, len(inputs)):
        return superpose(model, theta, inputs).outputs(model), None
    point = model.forward(theta, inputs, start)
    return model.outputs(point), point
