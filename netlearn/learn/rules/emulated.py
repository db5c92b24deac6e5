"""The gradient of a small network that learns the circuit from what is measured, where there is no model of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError, OptionError
from netlearn.learn.emulator import Emulator
from netlearn.learn.loss import Loss
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.power import weight_of
from netlearn.learn.rules.reading import Reading
from netlearn.options import option


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

    explore: int = option(2, "settings about the present one that are measured at each step", least=0)
    spread: float = option(0.1, "standard deviation of these, as a part of each value", above=0.0, most=1.0)
    begin: int | None = option(
        None, "settings that are measured before the first step, by default as many as values", least=1, absent="auto"
    )
    every: int = option(5, "steps after which the network is trained anew", least=1)
    pairs: int = option(2000, "measured samples that it is trained on, the newest", least=10)
    hidden: int = option(32, "units of the network's hidden layer", least=1)
    remembers: ClassVar[bool] = True
    reads: ClassVar[Reads] = "outputs"

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One operating point per sample and setting. Raises OptionError for a loss of power."""
        if weight_of(loss):
            raise OptionError("an emulator knows the outputs alone, and the loss counts power", hint="leave power= out")
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = self.read(model.outputs(free), rng)
        pairs = MeasuredPairs.of(batch.memory, model).added(_logs(model, theta), batch.inputs, outputs, self.pairs)
        many = self.explore
        if not batch.memory:
            many += len(theta) if self.begin is None else self.begin
        looks = 1
        for other in self._settings(model, theta, many, rng):
            looks += 1
            try:
                seen = self.read(model.outputs(model.forward(other, batch.inputs, batch.start)), rng)
            except CircuitError:
                # There is nothing to be read where a circuit has no operating point.
                continue
            pairs = pairs.added(_logs(model, other), batch.inputs, seen, self.pairs)
        network = Emulator.of(batch.memory, "network", _widths(model))
        if network is None or batch.step % self.every == 0:
            seed = int(rng.integers(2**31))
            network = Emulator.trained(pairs.theta, pairs.inputs, pairs.outputs, (self.hidden,), seed)
        errors = loss.gradient(outputs, batch.targets) / len(batch)
        own = np.broadcast_to(_logs(model, theta), (len(batch), len(theta)))
        by_logs = network.pullback(own, batch.inputs, errors).sum(axis=0)
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=by_logs / np.where(model.parameters.positive, theta, model.parameters.sizes),
            outputs=outputs,
            point=free,
            solves=looks * len(batch),
            measurements=looks * outputs.size * self.averages,
            memory={**pairs.memory(), **network.memory("network")},
        )

    def check_memory(self, model: Model, memory: Mapping[str, Array]) -> None:
        """Raise ValueError or KeyError for a memory that cannot be of this model."""
        MeasuredPairs.of(memory, model)
        if Emulator.of(memory, "network", _widths(model)) is None:
            raise ValueError("the emulator is missing")

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


def _widths(model: Model) -> tuple[int, int, int]:
    return len(model.parameters), len(model.inputs), len(model.measured)
