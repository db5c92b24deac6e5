"""Holomorphic equilibrium propagation: exact at a finite nudge, by nudges in the complex plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError, OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.contrast import co_content_difference
from netlearn.learn.rules.energy import (
    Energetic,
    co_content_of,
    require_stable,
    solve_nudged,
    trained_elements,
)
from netlearn.learn.rules.nudges import ConductanceNudge, CurrentNudge, quadratic_form
from netlearn.options import option
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

ROUNDING = 1e-12


@dataclass(frozen=True)
class HolomorphicEP(Energetic):
    """The derivative at β = 0 as Cauchy's integral around it, from N nudged states on a circle.

    With β_j = r exp(2πij/N) and φ(β) = ∂Φ/∂θ at the nudged state, ∂ℓ/∂θ = φ'(0) =
    1/N Σ_j φ(β_j)/β_j, with an error of the order r^N where one real nudge has r. A.
    Laborieux, F. Zenke, "Holomorphic equilibrium propagation computes exact gradients through
    finite size oscillations", NeurIPS 2022. The circuit is real, so states at conjugate β are
    conjugate and half of them are enough.

    The circle must not enclose a β at which the circuit is singular; where it does on the
    negative axis, a ConvergenceError says so. Elements whose equations
    are pieced together have no analytic continuation from one piece to another: an element
    that changes pieces on the circle is found by the mean of its equations around it, and
    refused with a CircuitError.
    """

    beta: float = option(1e-5, "radius of the circle of nudges", above=0.0)
    points: int = option(8, "nudges on the circle, an even number", least=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points % 2:
            # -β must be among the nudges, for it is there that a circuit loses stability.
            raise OptionError(f"'points' must be even, not {self.points}")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and N/2 + 1 nudged states per sample."""
        if self.noise:
            raise OptionError("complex states are not read from hardware, so 'noise' has no meaning for them")
        if not isinstance(model.solver, InternalSolver):
            raise OptionError(
                "only the internal solver knows complex states, and rule holomorphic needs them",
                hint="use rule ep, or forward internal",
            )
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = model.outputs(free)
        co_content = co_content_of(model, free, self.reciprocal)
        scale = 1.0 / co_content.at_outputs(model.probes)
        nudge = CurrentNudge() if quadratic_form(loss, outputs, batch.targets) is None else ConductanceNudge()
        total = np.zeros(len(theta))
        states: list[tuple[int, Array]] = []
        for j in range(self.points // 2 + 1):
            beta = self.beta * np.exp(2j * np.pi * j / self.points)
            circuitry = nudge.circuitry(beta, outputs, batch.targets, loss).scaled(scale)
            x = solve_nudged(model.solver, circuitry.attach(free.circuit, model.probes), free, beta).x
            x = x[:, : free.x.shape[-1]]
            # A state off the real axis stands for its conjugate, too.
            count = 1 if j in (0, self.points / 2) else 2
            states.append((count, x))
            local = co_content_difference(
                free.circuit, free.x.astype(complex), x, model.parameters.columns, co_content.weights
            )
            shares = {column: np.real(count * each / beta) for column, each in local.items()}
            total += model.pullback(theta, shares)
        # The last nudge is the one on the negative axis.
        conductance = None if circuitry.conductance is None else circuitry.conductance.real
        require_stable(model, free, x.real, conductance, co_content)
        _require_holomorphic(free, states)
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=total / (self.points * len(batch)),
            outputs=outputs,
            point=free,
            solves=(1 + len(states)) * len(batch),
            measurements=outputs.size + (1 + len(states)) * len(batch) * trained_elements(model),
        )


def _require_holomorphic(free: OperatingPoint, states: list[tuple[int, Array]]) -> None:
    """The mean of an analytic function around a circle is its value in the middle."""
    equations = Equations.of(free.circuit)
    count = sum(weight for weight, _ in states)

    def currents(g: int, x: Array) -> Array:
        padded = np.concatenate([x, np.zeros((len(x), 1), x.dtype)], axis=-1)
        return np.asarray(free.circuit.groups[g].device.residual(equations.at(g, padded), equations.prepared[g]))

    for g, group in enumerate(free.circuit.groups):
        if group.device.linear or not len(group):
            continue
        middle = currents(g, free.x)
        around = [currents(g, x) for _, x in states]
        mean = sum(weight * np.real(each) for (weight, _), each in zip(states, around, strict=True)) / count
        moved = np.max([np.abs(each - middle) for each in around], axis=0)
        wrong = np.abs(mean - middle) > ROUNDING * np.abs(middle) + 0.05 * moved
        if wrong.any():
            k = int(np.flatnonzero(wrong.any(axis=(0, 2)))[0])
            raise CircuitError(
                f"the {group.device.name} {group.names[k]} has no analytic continuation as far as the nudges reach",
                hint="make beta smaller, or use rule ep",
            )
