"""The analytic rule with a chip in the loop: only outputs are measured, the model gives the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.power import with_power
from netlearn.learn.rules.reading import Reading
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver


@dataclass(frozen=True)
class InTheLoop(Reading):
    """The adjoint gradient with the error measured elsewhere.

    ``chip`` finds the outputs (ngspice, an instrument, another solver); None is the solver
    that the model was given, as by ``--forward ngspice`` or ``--forward command:...``. They are
    read with ``noise``, and loss and output error are the measured ones. The response of the outputs to the
    parameters is the model's at the operating point that the internal solver finds, so that
    no inner voltage of the chip is read (Lin and others, arXiv 2602.03546).
    """

    chip: Solver | None = None
    reads: ClassVar[Reads] = "outputs"

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One operating point on the chip and one of the model per sample."""
        chip = self.chip or model.solver
        circuit = model.circuit(theta, batch.inputs)
        own = self.chip is None
        measured = model.forward(theta, batch.inputs, batch.start) if own else chip.solve(circuit, batch.start)
        alone = isinstance(chip, InternalSolver)
        point = measured if alone else InternalSolver().solve(circuit, batch.start)
        outputs = self.read(model.outputs(measured), rng)
        errors = loss.gradient(outputs, batch.targets) / len(batch)
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=Adjoint(model, theta, batch.inputs, point, errors).by_parameters(),
            outputs=outputs,
            point=point,
            solves=len(batch) * (1 if alone else 2),
            measurements=outputs.size * self.averages,
        )
        return with_power(estimate, model, loss, theta, batch)
