"""Many sets of values of one circuit at once: losses, outputs and exact Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import COMPLEX_STEP
from netlearn.circuit.samples import by_setting
from netlearn.elaboration.design import Design
from netlearn.errors import CircuitError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.goals import HIGH, LOW, SCALE, Goals
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.power import losses_at, losses_of
from netlearn.learn.task import Task
from netlearn.probes.names import probes_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

ROWS = 20_000
"""So many operating points are solved at once: lattices of 3x3 with diodes take 1.10 times as long with half and 1.06
with twice as many (benchmarks/rows_at_a_time.py)."""

APART = 8000
"""From so many unknowns of all samples on each set of values of a linear circuit is solved as a circuit of its own,
whose samples share one factorization: lattices of 20x20 resistors take 0.85 of the time all together with 4000, 1.12 of
it with 8000 and 2.2 of it with 16 000 (benchmarks/rows_at_a_time.py)."""


@dataclass
class Candidates:
    """The circuit as a function of P values; K sets of them are (K, P), all S samples of each are solved."""

    model: Model
    loss: Loss
    inputs: Array
    targets: Array
    solved: int = field(default=0, init=False)
    """Operating points that were found, those of adjoint networks among them."""
    told: Callable[[int], None] = field(default=lambda _: None, repr=False)
    """What is told of them whenever there are more."""

    @classmethod
    def of(cls, design: Design, names: Sequence[str], outputs: Sequence[str], task: Task) -> Candidates:
        """Of a design's parameters of these names, by the loss, the data and the solver of a task."""
        model = model_set_by_samples(design, names, outputs, task.model)
        return cls(model, task.loss, task.data.inputs, task.data.targets)

    def losses(self, theta: Array) -> Array:
        """Mean losses (K,); infinite where there is no operating point."""
        return self.judged(theta)[0]

    def judged(self, theta: Array) -> tuple[Array, Array]:
        """Mean losses (K,) and outputs (K, S, o) at values (K, P)."""
        samples = max(len(self.inputs), 1)
        if self._apart:
            each = [self._alone(one[None]) for one in theta]
            return np.concatenate([losses for losses, _ in each]), np.stack([outputs for _, outputs in each])
        parts = np.array_split(np.arange(len(theta)), max(1, -(-len(theta) * samples // ROWS)))
        outputs, losses = zip(*(self._solved(theta[part]) for part in parts), strict=True)
        return np.concatenate(losses), np.concatenate(outputs)

    def jacobians(self, theta: Array) -> tuple[Array, Array]:
        """Outputs (K, S, o) and their derivatives (K, S, o, P) by the logarithms of the values."""
        if self._apart and len(theta) > 1:
            found = [self.jacobians(each[None]) for each in theta]
            return np.concatenate([each[0] for each in found]), np.concatenate([each[1] for each in found])
        rows = self._rows(theta)
        base = self.model.parameters.initial
        point = self._point(rows) if self._apart else self.model.forward(base, rows)
        outputs = self.model.outputs(point)
        # Each output takes a solution of the adjoint network.
        self._count(len(rows) * (1 + outputs.shape[1]))
        slopes = []
        for j in range(outputs.shape[1]):
            errors = np.zeros_like(outputs)
            errors[:, j] = 1.0
            slopes.append(Adjoint(self.model, base, rows, point, errors).by_inputs()[:, : theta.shape[1]])
        shape = (len(theta), len(self.inputs), outputs.shape[1])
        jacobian = np.stack(slopes, axis=1).reshape(*shape, theta.shape[1])
        return outputs.reshape(shape), jacobian * theta[:, None, None, :]

    def curvature(self, outputs: Array) -> tuple[Array, Array]:
        """Derivatives (K, S, o) of the loss by outputs (K, S, o), and its Hessian (K, S, o, o).

        Within the band of a goal, where there are none, those that draw to its middle.
        """
        if isinstance(self.loss, Goals):
            return self._to_the_middle(outputs)
        flat, targets = outputs.reshape(-1, outputs.shape[-1]), self._tiled(len(outputs))
        hessian = np.empty((*flat.shape, flat.shape[1]))
        for j in range(flat.shape[1]):
            step = np.zeros(flat.shape[1], dtype=complex)
            step[j] = 1j * COMPLEX_STEP
            hessian[:, :, j] = self.loss.gradient(flat + step, targets).imag / COMPLEX_STEP
        gradient = self.loss.gradient(flat, targets)
        return gradient.reshape(outputs.shape), hessian.reshape(*outputs.shape, outputs.shape[-1])

    def off_centre(self, outputs: Array) -> Array:
        """(K,) how far outputs (K, S, o) are from the middles of the goals' bands, as a loss."""
        if not isinstance(self.loss, Goals):
            return np.zeros(len(outputs))
        gradient, _ = self._to_the_middle(outputs)
        return np.asarray(np.mean(np.sum(gradient**2, axis=2), axis=1))

    def part_off_centre(self, outputs: Array) -> Array:
        """(K,) the same as a part of half the bands, root mean square: 0 in their middles, 1 at their ends."""
        if not isinstance(self.loss, Goals):
            return np.zeros(len(outputs))
        low, high = (self.targets[..., k] for k in (LOW, HIGH))
        half = (high - low) / 2
        both = np.isfinite(half) & (half > 0)
        middle, half = np.where(both, low, 0.0) + np.where(both, half, 0.0), np.where(both, half, 1.0)
        off = (outputs[:, :, list(self.loss.outputs)] - middle) / half
        return np.asarray(np.sqrt(np.sum(np.where(both, off, 0.0) ** 2, axis=(1, 2)) / max(np.sum(both), 1)))

    def _to_the_middle(self, outputs: Array) -> tuple[Array, Array]:
        assert isinstance(self.loss, Goals)
        low, high, scale = (self.targets[..., k] for k in (LOW, HIGH, SCALE))
        asked = ~np.isnan(scale)
        width = np.where(asked, scale, 1.0)
        both = np.isfinite(low) & np.isfinite(high)
        gradient, hessian = np.zeros_like(outputs), np.zeros((*outputs.shape, outputs.shape[-1]))
        for g, j in enumerate(self.loss.outputs):
            y = outputs[:, :, j]
            nearest = np.clip(y, np.where(asked[:, g], low[:, g], -np.inf), np.where(asked[:, g], high[:, g], np.inf))
            wanted = np.where(both[:, g], (np.where(both[:, g], low[:, g] + high[:, g], 0.0)) / 2, nearest)
            weight = 2.0 * self.loss.weights[g] * asked[:, g] / width[:, g] ** 2
            gradient[:, :, j] += weight * (y - wanted)
            hessian[:, :, j, j] += weight
        return gradient, hessian

    def _count(self, more: int) -> None:
        self.solved += more
        self.told(self.solved)

    @cached_property
    def _apart(self) -> bool:
        """Whether each set of values is solved as a circuit of its own."""
        model, circuit = self.model, self.model.parameters.circuit
        plain = isinstance(model.solver, InternalSolver) and model.text is None and model.chip is None
        return plain and circuit.linear and len(self.inputs) * circuit.size >= APART

    def _point(self, rows: Array) -> OperatingPoint:
        """The operating points of all samples at one set of values. Raises CircuitError."""
        circuit: Circuit = self.model.circuit(self.model.parameters.initial, rows)
        parts = by_setting(circuit)
        # Data may set more than what sources drive.
        return self.model.solver.solve(parts[0][1] if len(parts) == 1 else circuit)

    def _alone(self, theta: Array) -> tuple[Array, Array]:
        """The mean loss (1,) and the outputs (S, o) at one set of values (1, P)."""
        rows = self._rows(theta)
        self._count(len(rows))
        try:
            point = self._point(rows)
        except CircuitError:
            return np.full(1, np.inf), np.full((len(rows), len(self.model.measured)), np.nan)
        outputs = self.model.outputs(point)
        batch = Batch(rows, self.targets)
        losses = losses_of(self.model, self.loss, self.model.parameters.initial, batch, outputs, point=point)
        return np.mean(losses, keepdims=True), outputs

    def _rows(self, theta: Array) -> Array:
        samples = len(self.inputs)
        return np.concatenate([np.repeat(theta, samples, axis=0), np.tile(self.inputs, (len(theta), 1))], axis=1)

    def _tiled(self, count: int) -> Array:
        return np.tile(self.targets, (count, *(1,) * (self.targets.ndim - 1)))

    def _solved(self, theta: Array) -> tuple[Array, Array]:
        rows, base = self._rows(theta), self.model.parameters.initial
        shape = (len(theta), len(self.inputs))
        try:
            losses, outputs, _ = losses_at(self.model, self.loss, base, rows, self._tiled(len(theta)))
        except CircuitError:
            if len(theta) == 1:
                self._count(len(rows))
                return np.full((*shape, len(self.model.measured)), np.nan), np.full(1, np.inf)
            half = len(theta) // 2
            first, second = self._solved(theta[:half]), self._solved(theta[half:])
            return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])
        self._count(len(rows))
        return outputs.reshape(*shape, -1), losses.reshape(shape).mean(axis=1)


def model_set_by_samples(design: Design, names: Sequence[str], outputs: Sequence[str], like: Model) -> Model:
    """A design with parameters of these names set as data set their columns, solved and converted as by ``like``."""
    settable = design.settable(names)
    fixed = settable.parameters((), ())
    measured = probes_of(fixed.circuit, tuple(outputs))
    return Model(fixed, settable.inputs, measured, like.solver, adc=like.adc)
