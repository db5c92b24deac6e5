"""The gradient of a small network that learns the circuit from what is measured, where there is no model of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError
from netlearn.learn.emulator import Emulator
from netlearn.learn.loss import Loss
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.power import dissipated, weight_of
from netlearn.learn.rules.reading import Reading
from netlearn.options import option
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Emulated(Reading):
    """A network learns outputs from values and inputs, as they are measured, and its derivative takes a model's place.

    At every step the outputs are read at the present values, and at ``explore`` others about them; before the first
    step at ``begin`` of these. Every ``every`` steps a network is trained on the newest ``pairs`` of what was read. The
    error is the measured one, its derivative by the outputs goes back through the network: the neural emulator of H.
    Frezat, R. Fablet, G. Balarac, J. Le Sommer, "Gradient-free online learning of subgrid-scale dynamics with neural
    emulators", arXiv 2310.19385 (2023).

    The network (see :class:`netlearn.learn.emulator.Emulator`) has to find out what each of P values does: until
    it has seen more than P settings, its gradient is far off.
    """

    explore: int = option(2, "settings about the present one that are measured at each step", least=0, most=1000)
    spread: float = option(0.1, "standard deviation of these, as a part of each value", above=0.0, most=1.0)
    begin: int | None = option(
        None, "settings that are measured before the first step, by default as many as values", least=1, absent="auto"
    )
    every: int = option(5, "steps after which the network is trained anew", least=1)
    pairs: int = option(2000, "measured samples that it is trained on, the newest", least=10)
    hidden: int = option(32, "units of the network's hidden layer", least=1, most=10_000)
    remembers: ClassVar[bool] = True
    reads: ClassVar[Reads] = "outputs"

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One operating point per sample and setting."""
        weight, count = weight_of(loss), len(model.measured)
        free = model.forward(theta, batch.inputs, batch.start)
        seen = self._seen(model, free, rng, power=weight > 0)
        pairs = MeasuredPairs.of(batch.memory, model, int(weight > 0))
        pairs = pairs.added(_logs(model, theta), batch.inputs, seen, self.pairs)
        many = self.explore
        if not batch.memory:
            many += len(theta) if self.begin is None else self.begin
        looks = 1
        for other in self._settings(model, theta, many, rng):
            looks += 1
            try:
                point = model.forward(other, batch.inputs, batch.start)
            except CircuitError:
                # There is nothing to be read where a circuit has no operating point.
                continue
            also = self._seen(model, point, rng, power=weight > 0)
            pairs = pairs.added(_logs(model, other), batch.inputs, also, self.pairs)
        network = Emulator.of(batch.memory, "network", (len(theta), len(model.inputs), seen.shape[1]))
        if network is None or batch.step % self.every == 0:
            seed = int(rng.integers(2**31))
            network = Emulator.trained(pairs.theta, pairs.inputs, pairs.outputs, (self.hidden,), seed)
        outputs, watts = seen[:, :count], seen[:, count:]
        errors = np.full(seen.shape, weight / len(batch))
        errors[:, :count] = loss.gradient(outputs, batch.targets) / len(batch)
        own = np.broadcast_to(_logs(model, theta), (len(batch), len(theta)))
        by_logs = network.pullback(own, batch.inputs, errors).sum(axis=0)
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets)) + weight * np.sum(watts) / len(batch)),
            gradient=by_logs / np.where(model.parameters.positive, theta, model.parameters.sizes),
            outputs=outputs,
            point=free,
            solves=looks * len(batch),
            measurements=looks * outputs.size * self.averages,
            memory={**pairs.memory(), **network.memory("network")},
        )

    def check_memory(self, model: Model, memory: Mapping[str, Array]) -> None:
        """Raise ValueError or KeyError for a memory that cannot be of this model."""
        # The power may be read beside the outputs.
        width = len(model.measured)
        more = int(memory["pairs.outputs"].shape[-1] == width + 1)
        MeasuredPairs.of(memory, model, more)
        if Emulator.of(memory, "network", (len(model.parameters), len(model.inputs), width + more)) is None:
            raise ValueError("the emulator is missing")

    def _seen(self, model: Model, point: OperatingPoint, rng: np.random.Generator, *, power: bool) -> Array:
        """What is read (S, o), and where it counts the power in another column."""
        outputs = self.read(model.outputs(point), rng)
        return np.concatenate([outputs, dissipated(point)[:, None]], axis=1) if power else outputs

    def _settings(self, model: Model, theta: Array, many: int, rng: np.random.Generator) -> Iterator[Array]:
        """Values about ``theta`` (P,), within the bounds of what is trained."""
        parameters = model.parameters
        for step in self.spread * rng.normal(size=(many, len(theta))):
            other = np.where(parameters.positive, theta * np.exp(step), theta + parameters.sizes * step)
            yield np.clip(other, parameters.lower, parameters.upper)


def _logs(model: Model, theta: Array) -> Array:
    """What the network is told of values: logarithms of what is positive, and others in their own sizes."""
    parameters = model.parameters
    positive = np.where(parameters.positive, theta, 1.0)
    return np.where(parameters.positive, np.log(positive), theta / parameters.sizes)
