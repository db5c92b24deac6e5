"""The exact gradient from a second circuit: what the analytic rule computes, as hardware that relaxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.generalized import trained_elements
from netlearn.learn.rules.nudged_phase import FreePhase
from netlearn.learn.rules.power import with_power
from netlearn.learn.rules.reading import Reading
from netlearn.learn.rules.reciprocity import Reciprocity
from netlearn.options import option
from netlearn.probes.ends import Probes
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import pullback
from netlearn.solve.transposed import Transposed, adjoint_circuit


@dataclass(frozen=True)
class AdjointCircuit(Reading):
    """A backward circuit, driven by the output errors, settles at the adjoint state; each element multiplies two drops.

    The backward circuit is the adjoint network (Director and Rohrer, IEEE Trans. Circuit Theory
    16, 1969): for each forward element one with the transposed derivatives at the operating
    point, so that no reciprocity is asked for. That is Activation Relaxation in circuit form, in
    which the gradient is what a second, local relaxation settles at (B. Millidge, A. Tschantz, A.
    K. Seth, C. L. Buckley, arXiv 2009.05359, 2020).

    Backward elements are off by factors of which the logarithms have the standard deviation
    ``mismatch``. With ``learn`` they are given the steps of the forward ones, and what they differ
    by decays by the part ``decay`` with each step, as it does for weights that get the same steps
    and the same decay (J. F. Kolen, J. B. Pollack, "Backpropagation without weight transport",
    IEEE ICNN, 1994).

    Deterministic but for readings: the factors follow from ``seed``.
    """

    mismatch: float = option(
        0.0, "how much backward elements differ from the forward ones, relative", least=0.0, part=True
    )
    learn: bool = option(False, "whether backward elements learn to follow the forward ones")
    decay: float = option(0.02, "part of the difference that is gone after each step", above=0.0, most=1.0)
    beta: float = option(1.0, "strength of the backward drive, relative to the conductance that outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    seed: int = option(0, "seed of what the backward elements differ by", least=0)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One operating point of each circuit per sample; random only if readings are."""
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = model.outputs(free)
        seen = self.read(outputs, rng)
        backward, beta = self.backward(model, loss, free, seen, batch)
        settled = model.solver.solve(backward.circuit)
        adjoint = self.read(settled.x[:, backward.unknowns], rng) / beta
        forward = replace(free, x=self.read(free.x, rng))
        columns = pullback(forward, adjoint / len(batch), model.parameters.columns, model.parameters.mixed)
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=model.pullback(theta, columns, batch.inputs),
            outputs=outputs,
            point=free,
            solves=2 * len(batch),
            measurements=self.averages * (outputs.size + 2 * len(batch) * trained_elements(model)),
        )
        return with_power(estimate, model, loss, theta, batch, local=True)

    def backward(
        self, model: Model, loss: Loss, free: OperatingPoint, outputs: Array, batch: Batch
    ) -> tuple[Transposed, float]:
        """The backward circuit, driven by the errors of ``outputs`` (S, o), and the strength of the drive."""
        plain = Reciprocity(np.ones(free.circuit.size))
        unit = FreePhase(model, loss, free, outputs, batch.targets, plain).unit() if self.unit == "relative" else 1.0
        beta = self.beta * unit
        adjoint = adjoint_circuit(free)
        ends = (adjoint.at(end) for end in (model.probes.plus, model.probes.minus))
        drive = Circuitry(current=-beta * loss.gradient(outputs, batch.targets))
        circuit = drive.attach(self._differing(adjoint.circuit, batch.step), Probes(model.probes.names, *ends))
        return Transposed(circuit, adjoint.unknowns), beta

    def _differing(self, circuit: Circuit, step: int) -> Circuit:
        size = self.mismatch * ((1.0 - self.decay) ** step if self.learn else 1.0)
        if size == 0.0:
            return circuit
        rng = np.random.default_rng(self.seed)
        return replace(circuit, groups=tuple(_scaled(circuit.groups, size, rng)))


def _scaled(groups: tuple[Group, ...], size: float, rng: np.random.Generator) -> Iterator[Group]:
    """Resistances and gains off by factors, the same ones for the same circuit at any ``size``."""
    for group in groups:
        for name in ("resistance", "gain"):
            if name in group.values:
                factors = np.exp(size * rng.normal(size=len(group)))
                group = replace(group, values={**group.values, name: group.values[name] * factors})  # noqa: PLW2901
        yield group
