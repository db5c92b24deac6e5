"""The analytic rule with a chip in the loop: only outputs are measured, the model gives the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.calibration import calibrated, true_slope, true_values
from netlearn.learn.loss import Loss
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.power import with_power
from netlearn.learn.rules.reading import Reading
from netlearn.options import option
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint, Solver

SEARCHED = 20
"""Steps of one calibration, as the next one goes on where it ended: for ladders with diodes 2 lead to the same values
to three digits as 40 (n = 5), each time that the noise is found anew (benchmarks/constants_of_learning.py)."""


@dataclass(frozen=True)
class InTheLoop(Reading):
    """The adjoint gradient with the error measured elsewhere.

    ``chip`` finds the outputs (ngspice, an instrument, another solver); None is the solver
    that the model was given, as by ``--forward ngspice`` or ``--forward command:...``. They are
    read with ``noise``, and loss and output error are the measured ones. The response of the outputs to the
    parameters is the model's at the operating point that the internal solver finds, so that
    no inner voltage of the chip is read (Lin and others, arXiv 2602.03546).

    With ``calibrate`` the model's own values are fitted to what was measured, at the first step and then every so many:
    what the chip has of each value is a factor off it, or a difference where the value may pass zero. The model is then
    an emulator that learns beside what it trains, as in H. Frezat, R. Fablet, G. Balarac, J. Le Sommer, "Gradient-free
    online learning of subgrid-scale dynamics with neural emulators", arXiv 2310.19385 (2023), but a physical one.
    """

    calibrate: int | None = option(
        None, "steps after which the model is fitted to what was measured", least=1, absent="never", prefix="every"
    )
    pairs: int = option(500, "measured samples that this goes by, the newest", least=1)
    prior: float = option(
        0.3, "standard deviation of what the chip's values are off by, as a part of them", above=0.0, part=True
    )
    offsets: bool = option(False, "whether outputs are read with offsets, which are fitted with the values")
    chip: Solver | None = None
    reads: ClassVar[Reads] = "outputs"

    @property
    def remembers(self) -> bool:
        """Whether there is something to remember."""
        return self.calibrate is not None

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One operating point on the chip and one of the model per sample, and those of a calibration where one is due.

        The latter are not counted: they are the model's.
        """
        chip = self.chip or model.solver
        circuit = model.circuit(theta, batch.inputs)
        own = self.chip is None
        measured = model.forward(theta, batch.inputs, batch.start) if own else chip.solve(circuit, batch.start)
        outputs = self.read(model.outputs(measured), rng)
        memory, real, slope = self._calibrated(model, theta, batch, outputs)
        alone = isinstance(chip, InternalSolver) and memory is None
        point = measured if alone else self._modelled(model, real, batch)
        errors = loss.gradient(outputs, batch.targets) / len(batch)
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=Adjoint(model, real, batch.inputs, point, errors).by_parameters(),
            outputs=outputs,
            point=point,
            solves=len(batch) * (1 if alone else 2),
            measurements=outputs.size * self.averages,
        )
        estimate = with_power(estimate, model, loss, real, batch)
        return estimate if memory is None else replace(estimate, gradient=slope * estimate.gradient, memory=memory)

    def check_memory(self, model: Model, memory: Mapping[str, Array]) -> None:
        """Raise ValueError or KeyError for a memory that cannot be of this model."""
        MeasuredPairs.of(memory, model)
        deviation = memory["deviation"]
        if deviation.shape != (len(model.parameters),) or not np.isfinite(deviation).all():
            raise ValueError(f"the deviations are of shape {deviation.shape}")

    def notes(self, memory: Mapping[str, Array]) -> tuple[str, ...]:
        """What a calibration has come to."""
        if "deviation" not in memory:
            return ()
        off = np.sqrt(np.mean(memory["deviation"] ** 2))
        count = len(memory["pairs.theta"])
        return (f"calibrated by {count} measured samples: values are off by {off:.2g} of themselves, root mean square",)

    def _calibrated(
        self, model: Model, theta: Array, batch: Batch, outputs: Array
    ) -> tuple[dict[str, Array] | None, Array, Array]:
        """What is to be remembered, and what the chip has of ``theta``, with the derivative of that by ``theta``."""
        if self.calibrate is None:
            return None, theta, np.ones_like(theta)
        pairs = MeasuredPairs.of(batch.memory, model).added(theta, batch.inputs, outputs, self.pairs)
        deviation = batch.memory.get("deviation", np.zeros(len(theta)))
        if batch.step % self.calibrate == 0:
            try:
                found = calibrated(
                    model, pairs, offsets=self.offsets, prior=self.prior, start=deviation, steps=SEARCHED
                )
                deviation = found.deviation
            except (CircuitError, ConvergenceError):
                # The model has no operating point where the chip has one: what it was before is all there is.
                pass
        parameters = model.parameters
        memory = {**pairs.memory(), "deviation": deviation}
        return memory, true_values(parameters, deviation, theta), true_slope(parameters, deviation)

    def _modelled(self, model: Model, theta: Array, batch: Batch) -> OperatingPoint:
        """The model's operating points."""
        return InternalSolver().solve(model.circuit(theta, batch.inputs), batch.start)
