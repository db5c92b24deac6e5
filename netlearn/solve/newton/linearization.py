"""The equations of a nonlinear circuit, linear around the operating points of its samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import with_ground
from netlearn.solve.equations.diagnosis import explain_singular
from netlearn.solve.newton.system import NonlinearModel, apply_inner, chunks
from netlearn.solve.threads import one_thread

REFINED_ABOVE = 1e-13
ACCEPTED = 1e-6


@dataclass(frozen=True)
class NonlinearLinearization:
    """The Jacobians at ``x`` (S, N), evaluated and factorized when they are solved with: a Linearization."""

    model: NonlinearModel
    x: Array

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N).

        Raises CircuitError where a sample's Jacobian is singular.
        """
        rhs = np.asarray(rhs)
        with one_thread():
            parts = [_Part(self.model, part, self.x).solve(rhs, transpose) for part in chunks(self.model, len(self.x))]
        return np.concatenate(parts)


class _Part:
    """The Jacobians of some samples: a linear part, and the nonlinear groups' derivatives (S, k, T, T)."""

    def __init__(self, model: NonlinearModel, samples: Array, x: Array) -> None:
        self._model, self._samples = model, samples
        data = model.linear_data
        self._linear = data[:, samples] if data.ndim == 2 else data
        padded = with_ground(x[samples])
        self._slopes = {
            g: model.circuit.groups[g].device.jacobian(model.equations.at(g, padded), model.take(g, samples))
            for g in model.nonlinear
        }

    def _entries(self) -> Array:
        """The reduced Jacobians' entries (nnz, S)."""
        model = self._model
        linear = np.asarray(model.reduction.pattern.adder @ self._linear)
        total: Array = linear if linear.ndim == 2 else np.repeat(linear[:, None], len(self._samples), axis=1)
        for g, slope in self._slopes.items():
            mask = model.equations.topology.masks[g]
            total = total + model.adders[g][1] @ slope[..., mask].reshape(len(slope), -1).T
        return total

    def _apply(self, x: Array, transpose: bool) -> Array:
        """J x or Jᵀ x without the eliminated sources, for x (N, S)."""
        model = self._model
        total = apply_inner(model.reduction, self._linear, x, transpose)
        padded = with_ground(x.T)
        for g, slope in self._slopes.items():
            turned = slope.swapaxes(-1, -2) if transpose else slope
            product = (turned @ model.equations.at(g, padded)[..., None])[..., 0]
            total = total + model.equations.topology.add_currents(g, product)
        return total

    def solve(self, rhs: Array, transpose: bool) -> Array:
        reduction = self._model.reduction
        right = rhs[self._samples].T
        entries = self._entries()
        for pattern in (self._model.pattern, self._model.pivoting):
            with np.errstate(all="ignore"):
                factors = pattern.factorize(entries)
                x = np.zeros(right.shape, np.result_type(right, entries))
                x[reduction.tree] = reduction.potentials(right[reduction.sources])
                left = right - self._apply(x, transpose)
                scale = reduction.gather @ np.abs(right) + np.abs(reduction.gather @ left)
                scale = np.maximum(scale.max(axis=0, initial=0.0), 1e-300)
                for _ in range(3):
                    x += reduction.spread @ factors.solve(reduction.gather @ left, transpose)
                    left = right - self._apply(x, transpose)
                    worst = (np.abs(reduction.gather @ left) / scale).max(initial=0.0)
                    if worst <= REFINED_ABOVE:
                        break
            if worst <= ACCEPTED:
                x[reduction.sources] = reduction.currents(left[reduction.tree])
                return x.T
        raise explain_singular(self._model.circuit, self._model.equations.topology.masks) or CircuitError(
            "the circuit's equations, linear around the operating point, have no unique solution",
            hint="the operating point is at a fold, where a small change of a source makes it jump",
        )
