"""Training with a readout at the outputs only, of a chip that differs from its model.

Claim: under the analytic rule training needs a readout at the output layer only, not of all
resistors. Here the chip's resistors differ from the model's by fixed factors that nobody knows.
The analytic rule with measured outputs is compared with equilibrium propagation, which reads
every resistor in two states, and with training the model alone and hoping.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from setting import Task, main, task

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Adam
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch, Rule
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Chip:
    """A solver in which the first group of resistors is off by ``factors`` (k,)."""

    factors: Array

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        g = circuit.group("resistor")
        assert g is not None
        resistance = circuit.groups[g].values["resistance"] * self.factors
        point = InternalSolver().solve(circuit.with_values({(g, "resistance"): resistance}), start)
        # Nobody knows the chip's resistances: what it was asked to be stays beside what it does.
        return replace(point, circuit=circuit, linearization=None)


@dataclass(frozen=True)
class Readout:
    """Losses on the chip (epochs,) and measurements (epochs,) by tolerance and rule."""

    losses: dict[tuple[float, str], Array]
    measurements: dict[tuple[float, str], Array]


def run(small: bool) -> Readout:
    size, epochs, tolerances = (4, 100, (0.5,)) if small else (8, 300, (0.05, 0.2, 0.5))
    each = reachable(task("lattice", rows=size, columns=size))
    losses, measurements = {}, {}
    for tolerance in tolerances:
        spread = np.random.default_rng(7).normal(size=len(each.theta))
        chip = Chip(np.exp(tolerance * spread))
        real = Model(each.model.parameters, each.model.inputs, each.model.probes, chip)
        rules: dict[str, tuple[Rule, Model]] = {
            "model alone": (make_rule("analytic"), each.model),
            "in the loop": (InTheLoop(chip=chip), each.model),
            "ep on the chip": (make_rule("ep", unit="siemens", beta=1e-6), real),
        }
        for name, (rule, model) in rules.items():
            losses[tolerance, name], measurements[tolerance, name] = descend(rule, model, real, each, epochs)
    return Readout(losses, measurements)


def reachable(each: Task) -> Task:
    """The same network with targets that other resistances of it give."""
    teacher = each.theta * np.exp(np.random.default_rng(5).normal(scale=0.5, size=len(each.theta)))
    outputs = each.model.outputs(each.model.forward(teacher, each.batch.inputs))
    return Task(each.model, each.theta, Batch(each.batch.inputs, outputs), each.loss)


def descend(rule: Rule, model: Model, real: Model, each: Task, epochs: int) -> tuple[Array, Array]:
    optimizer = Adam(lr=0.03)
    u, state, rng = np.log(each.theta), optimizer.start(len(each.theta)), np.random.default_rng(0)
    losses, counts, count = [], [], 0
    for epoch in range(epochs):
        theta = np.exp(u)
        outputs = real.outputs(real.forward(theta, each.batch.inputs))
        losses.append(float(np.mean(each.loss.value(outputs, each.batch.targets))))
        estimate = rule.estimate(model, each.loss, theta, each.batch, rng)
        count += estimate.measurements if model is real or isinstance(rule, InTheLoop) else 0
        counts.append(count)
        change, state = optimizer.step(state, estimate.gradient * theta)
        u = u + change * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
    return np.array(losses), np.array(counts)


def report(results: Readout) -> list[str]:
    return [
        f"resistors off by {tolerance:4.0%}: {name:15} loss on the chip {losses[0]:.1e} -> {losses[-1]:.1e}, "
        f"{results.measurements[tolerance, name][-1]} measurements"
        for (tolerance, name), losses in results.losses.items()
    ]


def draw(results: Readout) -> Figure:
    tolerances = list(dict.fromkeys(tolerance for tolerance, _ in results.losses))
    figure = Figure(figsize=(5 * len(tolerances), 4), layout="constrained")
    for axes, tolerance in zip(np.ravel(figure.subplots(1, len(tolerances))), tolerances, strict=True):
        for (given, name), losses in results.losses.items():
            if given == tolerance:
                axes.semilogy(losses, label=f"{name}, {results.measurements[given, name][-1]} measurements")
        axes.set(xlabel="epoch", ylabel="loss on the chip", title=f"resistors off by {tolerance:.0%}")
        axes.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    main(run, draw, report, "output_readout")
