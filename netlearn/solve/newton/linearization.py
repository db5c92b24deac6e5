"""The equations of a nonlinear circuit, linear around the operating points of its samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from netlearn.arrays import Array, moved_by
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import summing, with_ground
from netlearn.solve.equations.diagnosis import explain_singular
from netlearn.solve.newton.system import NonlinearModel, chunks
from netlearn.solve.reduced_states import ReducedStates, whole
from netlearn.solve.terminals import values_of
from netlearn.solve.threads import one_thread

REFINED_ABOVE = 1e-13
"""Residuals, beside what their terms cancel down from, that one more solve improves: some hundreds of units of
float64's rounding."""
ACCEPTED = 1e-6
"""Residuals beyond this are those of a singular matrix, by convention: of float64's 16 digits not six are left."""
HELD = 2_000_000
"""How many derivatives of elements at sources are held at a time: 16 MB by convention."""
EXACT = 1e-11
"""What is solved in step is taken without refinement up to this error, by convention: a hundred times REFINED_ABOVE,
and still 11 of float64's digits."""


class Together(Protocol):
    """A circuit made ready to be solved for all samples in step."""

    def linearized(self, states: ReducedStates, right: Array, *, transpose: bool) -> tuple[Array, Array]:
        """Solve the reduced equations linear around states, or the transposed ones, for ``right`` (S, m, r).

        Returns the solutions, and what is left (S,) of the equations beside the largest of ``right``.
        """
        ...


@dataclass(frozen=True)
class NonlinearLinearization:
    """The Jacobians at states (S, N), evaluated and factorized when they are solved with: a Linearization.

    ``together``, where there is one, solves all samples in step.
    """

    model: NonlinearModel
    states: ReducedStates | Array
    together: Together | None = None
    definite: Array | None = None
    """(S,) where the Jacobians are symmetric and positive definite; None where nobody knows."""

    def __repr__(self) -> str:
        return f"<linearization of {self.model.circuit!r}>"

    @property
    def x(self) -> Array:
        """The states as (S, N) unknowns."""
        return whole(self.states)

    @cached_property
    def _states(self) -> ReducedStates:
        states = self.states
        return states if isinstance(states, ReducedStates) else ReducedStates.of(self.model.reduction, states)

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) of J x = rhs, or with ``transpose`` of Jᵀ x = rhs, for ``rhs`` (S, N).

        With ``rhs`` (S, m, N) there are m of them for each sample. Raises CircuitError where a
        sample's Jacobian is singular.
        """
        rhs = np.asarray(rhs)
        if rhs.ndim == 2:
            return self._solve(rhs[:, None], transpose)[:, 0]
        return self._solve(rhs, transpose)

    def _solve(self, rhs: Array, transpose: bool) -> Array:
        with one_thread():
            if self.together is not None and not rhs[..., self.model.reduction.sources].any():
                solved = self._in_step(self.together, rhs, transpose)
                if solved is not None:
                    return solved
            columns = []
            for m in range(rhs.shape[1]):
                parts = (_Part(self.model, part, self.x) for part in chunks(self.model, len(self.x)))
                columns.append(np.concatenate([part.solve(rhs[:, m], transpose) for part in parts]))
        return np.stack(columns, axis=1)

    def reduced(self, right: Array, *, transpose: bool = False) -> Array | None:
        """Solutions (S, r) of the reduced equations for ``right`` (S, r); None where this is no way to exact ones."""
        if self.together is None:
            return None
        with one_thread():
            solved, error = self.together.linearized(self._states, right[:, None], transpose=transpose)
        return solved[:, 0] if (error <= EXACT).all() else None

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (S, m, o)."""
        reduction, count = self.model.reduction, len(self.states)
        eliminated = reduction.sources
        if self.together is not None and not (drives[:, eliminated].any() or reads[:, eliminated].any()):
            right = np.broadcast_to(reduction.gathered(drives), (count, len(drives), reduction.size))
            with one_thread():
                solved, error = self.together.linearized(self._states, right, transpose=False)
            if (error <= EXACT).all():
                return np.asarray(solved @ reduction.gathered(reads).T)
        return np.asarray(self.solve(np.broadcast_to(drives, (count, *drives.shape))) @ reads.T)

    def _in_step(self, together: Together, rhs: Array, transpose: bool) -> Array | None:
        """For right-hand sides that leave the eliminated sources alone; None where a sample is too inexact."""
        model, reduction = self.model, self.model.reduction
        flat = rhs.reshape(-1, rhs.shape[-1])
        right, dictated = reduction.reduce(model.linear_data, flat, transpose=transpose)
        solved, error = together.linearized(self._states, right.reshape(*rhs.shape[:-1], -1), transpose=transpose)
        if not (error <= EXACT).all():
            return None

        def others(solution: Array) -> Array:
            return self._at_tree(solution.reshape(rhs.shape), transpose).reshape(len(flat), -1)

        # Nothing may be left where sources hold all nodes.
        y = solved.reshape(len(flat), reduction.size)
        found = reduction.recover(model.linear_data, y, dictated, transpose=transpose, others=others)
        return found.reshape(rhs.shape)

    def _at_tree(self, solution: Array, transpose: bool) -> Array:
        """What nonlinear elements make of the ``solution`` (S, m, N) at the sources' tree nodes, (S, m, s)."""
        model, at_tree = self.model, self.model.reduction.at_tree
        total = np.zeros((*solution.shape[:-1], len(model.reduction.tree)))
        for g in model.nonlinear:
            group = model.circuit.groups[g]
            index = np.asarray(group.index)
            touching = np.flatnonzero((at_tree[index] >= 0).any(axis=1))
            if not len(touching):
                continue
            places = at_tree[index[touching]].ravel()
            adder = summing(np.where(places < 0, total.shape[-1], places), total.shape[-1])
            step = max(1, HELD // (len(places) * index.shape[1]))
            for first in range(0, len(self.x), step):
                part = slice(first, min(first + step, len(self.x)))
                prepared = values_of(model.take(g, np.arange(part.start, part.stop)), touching, len(index))
                padded, moves = with_ground(self.x[part]), with_ground(solution[part])
                slopes = group.device.jacobian(padded[:, index[touching]], prepared)
                turned = slopes.swapaxes(-1, -2) if transpose else slopes
                currents = moved_by(turned[:, None], moves[..., index[touching]])
                flat = currents.reshape(-1, len(places))
                total[part] += (adder @ flat.T).T.reshape(total[part].shape)
        return total


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

    def _others(self, x: Array, transpose: bool) -> Array:
        """What nonlinear elements make of x (S, N), (S, N)."""
        model, padded = self._model, with_ground(x)
        total = np.zeros((model.equations.topology.size, len(x)), x.dtype)
        for g, slope in self._slopes.items():
            turned = slope.swapaxes(-1, -2) if transpose else slope
            product = moved_by(turned, model.equations.at(g, padded))
            total = total + model.equations.topology.add_currents(g, product)
        return total.T

    def solve(self, rhs: Array, transpose: bool) -> Array:
        reduction, rhs = self._model.reduction, rhs[self._samples]
        entries = self._entries()
        reduced, dictated = reduction.reduce(
            self._linear, rhs, transpose=transpose, others=lambda x: self._others(x, transpose)
        )
        right = np.ascontiguousarray(reduced.T)
        scale = np.abs(reduction.gathered(np.abs(rhs))).T + np.abs(right)
        scale = np.maximum(scale.max(axis=0, initial=0.0), 1e-300)
        for pattern in (self._model.pattern, self._model.pivoting):
            with np.errstate(all="ignore"):
                factors = pattern.factorize(entries)
                y, left = np.zeros(right.shape, np.result_type(right, entries)), right
                for _ in range(3):
                    y += factors.solve(left, transpose)
                    left = right - reduction.product(entries, y, transpose=transpose)
                    worst = (np.abs(left) / scale).max(initial=0.0)
                    if worst <= REFINED_ABOVE:
                        break
            if worst <= ACCEPTED:
                return reduction.recover(
                    self._linear,
                    y.T,
                    dictated,
                    transpose=transpose,
                    others=lambda x: self._others(x, transpose)[:, reduction.tree],
                )
        raise (
            self._steep()
            or explain_singular(self._model.circuit, self._model.equations.topology.masks)
            or CircuitError(
                "the circuit's equations, linear around the operating point, have no unique solution",
                hint="the operating point is at a fold, where a small change of a source makes it jump",
            )
        )

    def _steep(self) -> CircuitError | None:
        """The error for an element whose slope is infinite at the operating point, if there is one."""
        for g, slope in self._slopes.items():
            steep = np.argwhere(~np.isfinite(slope).all(axis=(-1, -2)))
            if len(steep):
                _, k = steep[0]
                message = f"'{self._model.circuit.groups[g].names[k]}' has no finite slope at the operating point"
                return CircuitError(message, hint="a root has none at zero: write sqrt(x+1u), or begin elsewhere")
        return None
