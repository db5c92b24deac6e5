"""Frequency propagation: activations and errors in one phase, told apart by their frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.bench import free_state
from netlearn.learn.rules.energy import Contrasting
from netlearn.learn.rules.generalized import trained_elements
from netlearn.learn.rules.nudges import CurrentNudge
from netlearn.learn.rules.power import with_power
from netlearn.options import option


@dataclass(frozen=True)
class FrequencyPropagation(Contrasting):
    """The error swings at the outputs as a current β sin(ωt) ∂ℓ/∂y, slowly, while the inputs stand still.

    Each element's drop is then Δa + Δb sin(ωt) + ..., Δa the activation and Δb the error signal,
    and Δa Δb/β is the derivative of the loss by its conductance, up to the order β²: no phase has to be
    held in memory, and a lock-in averages noise away. V. R. Anisetti, A. Kandala, B.
    Scellier, J. M. Schwarz, "Frequency propagation: Multimechanism learning in nonlinear physical
    networks", Neural Computation 36, 596 (2024). Here with activations at frequency zero.

    A period is read ``readings`` times, ``averages`` periods are averaged. Linear circuits have
    no error at any β. For ``beta`` and ``unit`` see EquilibriumPropagation.
    """

    beta: float = option(1e-2, "swing of the current, relative to the conductance that the outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    readings: int = option(8, "readings in a period", least=3)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and ``readings`` driven ones per sample; random only if readings are."""
        free, bench = free_state(model, theta, batch)
        outputs = model.outputs(free)
        phase = self.phase(model, loss, free, self.read(outputs, rng), batch.targets, bench=bench)
        beta = self.beta * (phase.unit() if self.unit == "relative" else 1.0)
        swing = np.sin(2 * np.pi * np.arange(self.readings) / self.readings)
        activation, error = np.zeros(free.x.shape), np.zeros(free.x.shape)
        for now in swing:
            # A nudge of zero is the free state.
            state = self.read(phase.nudged(CurrentNudge(), now * beta) if abs(now) > 1e-12 else free.x, rng)
            activation += state / self.readings
            error += 2 * now * state / self.readings
        drops = self.contrast == "drops"
        local = phase.contrast(activation, activation + error / beta, product=True, drops=drops)
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=model.pullback(theta, local, batch.inputs) / len(batch),
            outputs=outputs,
            point=phase.point,
            solves=(1 + self.readings) * len(batch),
            measurements=self.averages * (outputs.size + self.readings * len(batch) * trained_elements(model)),
        )
        return with_power(estimate, model, loss, theta, batch, local=True)
