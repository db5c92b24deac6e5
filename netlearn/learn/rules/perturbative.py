"""Rules that know nothing of the circuit: change the parameters, and look at the outputs.

A parameter is changed by a fraction of itself, as a resistance may lie anywhere between ohms and
megohms, or by that fraction of its size at the beginning where it may pass zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.power import dissipated, weight_of
from netlearn.learn.rules.reading import Reading
from netlearn.options import option
from netlearn.solve.operating_point import OperatingPoint

Free = tuple[OperatingPoint, Array]
"""The free state and its outputs (S, o)."""


@dataclass(frozen=True, kw_only=True)
class Perturbative(Reading):
    """What these rules share: the free state's outputs, and readings of changed ones."""

    reads: ClassVar[Reads] = "outputs"

    def measured(
        self, model: Model, loss: Loss, point: OperatingPoint, targets: Array, rng: np.random.Generator
    ) -> float:
        """The mean loss of outputs as they are read, and of the power that the sources are seen to give."""
        value = float(np.mean(loss.value(self.read(model.outputs(point), rng), targets)))
        weight = weight_of(loss)
        return value + weight * float(np.mean(dissipated(point))) if weight else value

    def result(self, loss: Loss, targets: Array, free: Free, gradient: Array, looks: int) -> Estimate:
        """The estimate after ``looks`` batches of changed outputs."""
        point, outputs = free
        weight = weight_of(loss)
        watts = weight * float(np.mean(dissipated(point))) if weight else 0.0
        return Estimate(
            loss=float(np.mean(loss.value(outputs, targets))) + watts,
            gradient=gradient,
            outputs=outputs,
            point=point,
            solves=(1 + looks) * len(outputs),
            measurements=(1 + looks) * outputs.size * self.averages,
        )


@dataclass(frozen=True)
class FiniteDifferences(Perturbative):
    """One parameter after another: (ℓ(θ + h) - ℓ(θ - h)) / 2h, or forward (ℓ(θ + h) - ℓ(θ)) / h.

    The error is of the order h² for the central and h for the forward difference, and the
    noise of the loss enters divided by h. As a rule for hardware: M. Jabri, B. Flower, "Weight
    perturbation", IEEE Trans. Neural Networks 3, 154 (1992).
    """

    step: float = option(1e-4, "change of each parameter, as a fraction of it", above=0.0, below=1.0)
    form: Literal["central", "forward"] = option("central", "form of the differences")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """2P (central) or P + 1 (forward) operating points per sample."""
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = model.outputs(free)
        steps = self.step * scale(model, theta)
        gradient = np.empty(len(theta))

        def mean_loss(changed: Array) -> float:
            return self.measured(model, loss, model.forward(changed, batch.inputs, free), batch.targets, rng)

        base = self.measured(model, loss, free, batch.targets, rng)
        for p, h in enumerate(steps):
            changed = theta.copy()
            changed[p] += h
            above = mean_loss(changed)
            changed[p] = theta[p] - h
            gradient[p] = (above - base) / h if self.form == "forward" else (above - mean_loss(changed)) / (2 * h)
        looks = len(theta) * (1 if self.form == "forward" else 2)
        return self.result(loss, batch.targets, (free, outputs), gradient, looks)


@dataclass(frozen=True)
class Spsa(Perturbative):
    """Simultaneous perturbation: all parameters by random signs Δ, two losses per direction.

    The estimate (ℓ(θ + cΔ) - ℓ(θ - cΔ)) / 2c · 1/Δ is right in the mean up to c², with a
    variance that grows with the number of parameters. J. C. Spall, IEEE Trans. Automatic
    Control 37, 332 (1992).
    """

    step: float = option(1e-3, "change of each parameter, as a fraction of it", above=0.0, below=1.0)
    directions: int = option(1, "random directions that are averaged", least=1, most=1_000_000)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """2 operating points per sample and direction."""
        free = model.forward(theta, batch.inputs, batch.start)
        steps = self.step * scale(model, theta)
        total = np.zeros(len(theta))
        for signs in rng.choice([-1.0, 1.0], size=(self.directions, len(theta))):
            points = (model.forward(theta + way * steps * signs, batch.inputs, free) for way in (1.0, -1.0))
            above, below = (self.measured(model, loss, point, batch.targets, rng) for point in points)
            total += (above - below) / 2 * signs / steps
        measured = free, model.outputs(free)
        return self.result(loss, batch.targets, measured, total / self.directions, 2 * self.directions)


@dataclass(frozen=True)
class Homodyne(Perturbative):
    """Each parameter swings at a frequency of its own; lock-in detection tells their effects apart.

    θ_p(t) = θ_p (1 + a sin 2π f_p t), all at once, slowly enough for the circuit to stay at
    its operating points; ∂y/∂θ_p = 2/(a θ_p) <y(t) sin 2π f_p t>, and ∂ℓ/∂θ follows by the
    chain rule from the free outputs. Products of two swings come out in the cosine phase, so
    the error is of the order a². M. N. Boon and others, "Gradient descent in materia through
    homodyne gradient extraction", arXiv 2105.11233 (2021).

    The p-th frequency is ``lowest`` + p periods in a frame, and ``oversampling`` times the highest
    one is how often the outputs are read in it. ``frames`` are integrated over: noise in the
    estimate falls with the root of that time. Below the frequency ``corner``, in periods per frame, the
    readings' noise is mostly 1/f noise, of the spectral density noise² (1 + corner/f): parameters that swing
    slowly then suffer most, unless ``lowest`` lifts all above it.
    """

    amplitude: float = option(1e-3, "swing of each parameter, as a fraction of it", above=0.0, below=1.0)
    oversampling: int = option(4, "readings per period of the highest frequency", least=3)
    frames: int = option(1, "frames to integrate over: periods of the common divisor of the frequencies", least=1)
    lowest: int = option(1, "lowest frequency, in periods per frame", least=1)
    corner: float = option(0.0, "corner frequency of 1/f noise, in periods per frame", least=0.0)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """``oversampling`` (P + ``lowest``) operating points per sample and frame."""
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = model.outputs(free)
        instants = self.oversampling * (len(theta) + self.lowest)
        steps = self.amplitude * scale(model, theta)
        slope = loss.gradient(self.read(outputs, rng), batch.targets) / len(batch)
        errors = self.frame_noise(instants, outputs.shape, rng)
        weight, watts = weight_of(loss) / len(batch), np.zeros(len(batch))
        if weight:
            watts = dissipated(free)
        locked = np.zeros(len(theta))
        for t in range(instants):
            reference = np.sin(2 * np.pi * (np.arange(len(theta)) + self.lowest) * t / instants)
            point = model.forward(theta + steps * reference, batch.inputs, free)
            locked += reference * np.sum(slope * (model.outputs(point) + errors[t] - outputs))
            if weight:
                locked += weight * reference * np.sum(dissipated(point) - watts)
        looks = self.frames * instants
        return self.result(loss, batch.targets, (free, outputs), 2 / instants * locked / steps, looks)

    def frame_noise(self, instants: int, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """What the readings of a frame are off by, (instants, ...), in the mean over all frames."""
        if self.noise == 0.0:
            return np.zeros((instants, *shape))
        count = self.frames * instants
        errors = rng.normal(scale=self.noise / np.sqrt(self.averages), size=(count, *shape))
        if self.corner:
            # In periods per frame; what drifts more slowly than is looked at counts as the slowest.
            frequency = np.maximum(np.arange(count // 2 + 1), 1) / self.frames
            factor = np.sqrt(1.0 + self.corner / frequency).reshape(-1, *[1] * len(shape))
            errors = np.fft.irfft(factor * np.fft.rfft(errors, axis=0), count, axis=0)
        return np.asarray(errors.reshape(self.frames, instants, *shape).mean(axis=0))


def scale(model: Model, theta: Array) -> Array:
    """What a fraction of each parameter is taken of: itself, and of one that may pass zero at least its size."""
    positive, size = model.parameters.positive, np.abs(theta)
    return np.where(positive, size, np.maximum(size, model.parameters.sizes))
