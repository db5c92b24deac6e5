"""Holomorphic equilibrium propagation: exact at a finite nudge, by nudges in the complex plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError, ConvergenceError, OptionError, warn
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.energy import suitable_nudge
from netlearn.learn.rules.generalized import Energetic, trained_elements
from netlearn.learn.rules.power import with_power
from netlearn.options import option
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

ROUNDING = 1e-12
"""What complex operating points keep of a state, relative: derived from the solver's tolerance, 1e-12."""

PIECED = 0.05
"""How far the mean of an element's equations may be from the middle, as a part of what they move: of transistors that
open and shut what passes has a gradient that is off by up to 1e-6 with 0.025 and 0.05, 4e-5 with 0.1, 2 % with 0.25 and
anything with 1 (n = 5) (benchmarks/constants_of_rules.py)."""

SUSPECT, DIVERGENT = 0.01, 0.05
"""Errors of the derivative, as far as the nudges themselves tell them, from which they are warned of, and refused: at
the largest radius that passes in silence gradients of networks with diodes are off by 0.03, 0.1, 0.16 and 0.19 % with
0.001, 0.005, 0.01 and 0.02, and by 0.5 % at the largest that is not refused, by up to 2 % (n = 5); that has a pole so
near that from 0.025 to 0.1 it is the same (benchmarks/constants_of_rules.py)."""


@dataclass(frozen=True)
class HolomorphicEP(Energetic):
    """The derivative at β = 0 as Cauchy's integral around it, from N nudged states on a circle.

    With β_j = r exp(2πij/N) and φ(β) = ∂Φ/∂θ at the nudged state, ∂ℓ/∂θ = φ'(0) =
    1/N Σ_j φ(β_j)/β_j, with an error of the order r^N where one real nudge has r. A.
    Laborieux, F. Zenke, "Holomorphic equilibrium propagation computes exact gradients through
    finite size oscillations", NeurIPS 2022. The circuit is real, so states at conjugate β are
    conjugate and half of them are enough.

    The circle must lie within the circle of convergence of the state's power series in β, which
    ends at the nearest complex β where states meet. Two things tell its error. Every second
    nudge alone gives the derivative of the state up to the order r^(N/2), so that the error is
    about the square of the difference. And the mean around the circle is the free state up to the
    order r^N, as long as no branch of the states was left. Above 1 % a warning says so, and above
    5 % a ConvergenceError. So does a circle that encloses a β of the negative axis at which the
    circuit is singular. Elements whose equations are pieced together have no analytic
    continuation from one piece to another: an element that changes pieces on the circle is
    found by the mean of its equations around it, and refused with a CircuitError.

    For ``beta`` and ``unit`` see EquilibriumPropagation.
    """

    beta: float = option(1e-2, "radius of the nudges, relative to the conductance that the outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    points: int = option(8, "nudges on the circle, an even number", least=2, most=10_000)
    reads: ClassVar[Reads] = "voltages"

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
        phase = self.phase(model, loss, free, outputs, batch.targets)
        nudge = suitable_nudge(model, loss, batch.targets)
        circle = Circle.of(self.points, self.beta * (phase.unit() if self.unit == "relative" else 1.0))
        # The last nudge is the one on the negative axis.
        if phase.told:
            phase.require_stable(nudge, circle.betas[-1].real, None, self.beta)
        states = [phase.nudged(nudge, beta) for beta in circle.betas]
        if not phase.told:
            phase.require_stable(nudge, circle.betas[-1].real, states[-1].real, self.beta)
        circle.require_holomorphic(free, states)
        circle.require_convergence(free, states)
        total = np.zeros(len(theta))
        start = free.x.astype(complex)
        for share, state in zip(circle.shares, states, strict=True):
            local = phase.contrast(start, state)
            shares = {column: np.real(share * each) for column, each in local.items()}
            total += model.pullback(theta, shares, batch.inputs)
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=total / len(batch),
            outputs=outputs,
            point=free,
            solves=(1 + len(states)) * len(batch),
            measurements=outputs.size + (1 + len(states)) * len(batch) * trained_elements(model),
        )
        return with_power(estimate, model, loss, theta, batch, local=True)


@dataclass(frozen=True)
class Circle:
    """The nudges ``betas`` (N/2 + 1,) of the upper half of a circle; each stands for ``count`` of all N."""

    betas: Array
    count: Array

    @classmethod
    def of(cls, points: int, radius: float) -> Circle:
        """N points, the first on the positive real axis and the last on the negative one."""
        half = np.arange(points // 2 + 1)
        # A nudge off the real axis stands for its conjugate, too.
        return cls(radius * np.exp(2j * np.pi * half / points), np.where((half == 0) | (2 * half == points), 1, 2))

    @property
    def shares(self) -> Array:
        """What the derivative by β counts of each state."""
        return np.asarray(self.count / self.betas / self.count.sum())

    @property
    def every_second(self) -> Circle:
        """Half of the nudges. Those are still symmetric about the real axis."""
        return Circle(self.betas[::2], self.count[::2])

    def require_convergence(self, free: OperatingPoint, states: list[Array]) -> None:
        """Warn or raise ConvergenceError where the nudges are too few or reach too far for the derivative."""
        n, nodes = int(self.count.sum()), len(free.circuit.nodes)
        volts = np.stack(states)[:, :, :nodes] - free.x[:, :nodes]
        whole = np.einsum("j,jsn->sn", self.shares, volts).real
        half = np.einsum("j,jsn->sn", self.every_second.shares, volts[::2]).real
        mean = np.einsum("j,jsn->sn", self.count / n, volts).real / np.abs(self.betas[0])
        size = np.linalg.norm(whole, axis=1)
        # What moves by no more than rounding tells nothing.
        least = ROUNDING * np.linalg.norm(free.x[:, :nodes], axis=1) / np.abs(self.betas[0])
        apart, off = (
            np.linalg.norm(each, axis=1) / np.where(size > least, size, np.inf) for each in (whole - half, mean)
        )
        error = np.maximum(apart**2, off ** (n / (n - 1)))
        worst = int(np.argmax(error))
        if error[worst] <= SUSPECT:
            return
        message, hint = (
            f"{n} nudges leave an error of about {error[worst]:.0%} (sample {worst + 1})",
            "make beta smaller",
        )
        if error[worst] > DIVERGENT:
            raise ConvergenceError(f"{message}: they reach beyond the circle of convergence, or are too few", hint=hint)
        warn(f"{message}: {hint}, or points larger")

    def require_holomorphic(self, free: OperatingPoint, states: list[Array]) -> None:
        """Raise CircuitError for an element that changes pieces on the circle.

        The mean of an analytic function around a circle is its value in the middle. So it is for one in pieces
        only by chance; but also a smooth one's is off where the nudges are too few, and only the former is
        off its own derivatives' integral from one nudge to the next.
        """
        equations, padded = Equations.of(free.circuit), with_ground(np.stack([free.x.astype(complex), *states]))
        for g, group in enumerate(free.circuit.groups):
            if group.device.linear or not len(group):
                continue
            x = equations.at(g, padded)
            middle, *around = (group.device.residual(each, equations.prepared[g]) for each in x)
            moved = np.abs(np.stack(around) - middle).max(axis=0)
            off = np.abs(np.tensordot(self.count / self.count.sum(), np.stack(around), 1).real - middle)
            if not np.any(off > ROUNDING * np.abs(middle) + PIECED * moved):
                continue
            slopes = partial(group.device.jacobian, prepared=equations.prepared[g])
            steps = zip(x[1:-1], x[2:], around[:-1], around[1:], strict=True)
            gaps = np.max([np.abs(after - before - _integral(slopes, a, b)) for a, b, before, after in steps], axis=0)
            wrong = gaps > ROUNDING * np.abs(middle) + PIECED * moved
            if wrong.any():
                k = int(np.flatnonzero(wrong.any(axis=(0, 2)))[0])
                raise CircuitError(
                    f"the {group.device.name} {group.names[k]} has no analytic continuation as far as the nudges reach",
                    hint="make beta smaller, or use rule ep",
                )


def _integral(jacobian: Callable[[Array], Array], a: Array, b: Array) -> Array:
    """∫ J dx on the straight way from ``a`` to ``b`` (S, k, T), by Gauss-Legendre."""
    points, weights = np.polynomial.legendre.leggauss(4)
    return np.asarray(
        sum(
            weight / 2 * np.einsum("...tu,...u->...t", jacobian(a + (point + 1) / 2 * (b - a)), b - a)
            for point, weight in zip(points, weights, strict=True)
        )
    )
