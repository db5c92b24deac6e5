"""Losses over the outputs of a circuit, and what else is said about outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.dissipating import Dissipating
from netlearn.learn.measured_losses import Logarithmic, Relative, mean_variance
from netlearn.options import option


@dataclass(frozen=True)
class Mse(Dissipating):
    """The mean over the outputs of which something is asked of (output - target)², in V² or A².

    A target that is NaN asks nothing. Where the targets are classes, the output of the sample's own
    class should be ``on`` and the others ``off``.
    """

    on: float = option(1.0, "wanted output of a sample's own class, in V or A")
    off: float = option(0.0, "wanted output of the other classes, in V or A")

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        error, count = self._errors(outputs, targets)
        return np.asarray(np.einsum("...o,...o->...", error, error)[..., None] / count)[..., 0]

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        error, count = self._errors(outputs, targets)
        return np.asarray(2.0 / count * error)

    def quadratic(self, outputs: Array, targets: Array) -> tuple[Array, Array] | None:
        """h (o,) and t (S, o) of the form Σ_j h_j (y_j - t_j)²/2; None where not all outputs are asked for."""
        wanted = self.wanted(outputs, targets)
        if wanted.shape != outputs.shape or np.count_nonzero(np.isfinite(wanted)) < wanted.size:
            return None
        return np.full(outputs.shape[-1], 2.0 / outputs.shape[-1]), wanted

    def unit(self, targets: Array, outputs: int) -> float:
        """The variance of the targets over the samples, what losses are small or large against.

        Where targets do not differ from sample to sample it is their mean square.
        """
        wanted = self.wanted(np.zeros((len(targets), outputs)), targets)
        wanted = wanted[:, ~np.isnan(wanted).all(axis=0)]
        if not wanted.size:
            return 0.0
        variance = mean_variance(wanted)
        return variance if variance > 0 else float(np.nanmean(wanted * wanted))

    def wanted(self, outputs: Array, targets: Array) -> Array:
        """Where the outputs (S, o) should be, NaN where nothing is asked."""
        if targets.ndim == 2:
            return targets
        wanted = np.where(_own_class(outputs, targets), self.on, self.off)
        return np.where(targets[:, None] < 0, np.nan, wanted)

    def _errors(self, outputs: Array, targets: Array) -> tuple[Array, Array | int]:
        """Errors (S, o), zero where nothing is asked, and of how many outputs something is, (S, 1) if not of all."""
        wanted = self.wanted(outputs, targets)
        error, missing = outputs - wanted, np.isnan(wanted)
        if not np.count_nonzero(missing):
            return error, max(1, error.shape[-1])
        asked = np.broadcast_to(~missing, error.shape)
        return np.where(asked, error, 0.0), np.maximum(np.sum(asked, axis=-1, keepdims=True), 1)


@dataclass(frozen=True)
class CrossEntropy(Dissipating):
    """-log softmax(scale * outputs) at the sample's class, in nats; a class of -1 asks nothing.

    Voltages that a resistor network can give differ little, so ``scale`` (per volt) sets how
    sure the network can be. None stands for a scale that is to be chosen. With ``weights`` each
    sample counts by the weight of its class, and the loss stays a mean over the samples.
    """

    scale: float | None = option(
        None,
        "what outputs are multiplied by before the softmax, per V or A; auto: one over the spread of the outputs",
        above=0.0,
        absent="auto",
    )
    weights: tuple[float, ...] = option((), "how much samples of each class count, in the order of the outputs: 1,1,5")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights and not (min(self.weights) >= 0 and 0 < max(self.weights) < np.inf):
            shown = ",".join(f"{weight:g}" for weight in self.weights)
            raise OptionError(f"'weights' must be finite, at least 0 and not all 0, not {shown}")

    def chosen(self, outputs: Array) -> CrossEntropy:
        """The loss with the scale that suits outputs (S, o) before training.

        It makes the softmax's arguments spread by one around each sample's mean: large enough for
        gradients to tell classes apart, small enough for none to be certain yet.
        """
        if self.scale is not None:
            return self
        spread = float(np.sqrt(np.mean((outputs - outputs.mean(axis=-1, keepdims=True)) ** 2)))
        # Outputs that hardly differ from each other are not made to by any scale.
        spread = max(spread, SMALLEST_SPREAD * float(np.sqrt(np.mean(outputs * outputs))))
        return replace(self, scale=float(f"{1.0 / spread:.2g}") if spread > 0 else 1.0)

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        logits = self._scale * outputs
        # Shifting by a real constant changes nothing but keeps the exponentials in range.
        shifted = logits - logits.real.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1))
        losses = total - np.take_along_axis(shifted, targets[:, None], axis=-1)[:, 0]
        return np.asarray(np.where(targets < 0, 0.0, self._weights(targets) * losses))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        slopes = self._scale * (self.probabilities(outputs) - _own_class(outputs, targets))
        return np.asarray(np.where(targets[:, None] < 0, 0.0, np.reshape(self._weights(targets), (-1, 1)) * slopes))

    def probabilities(self, outputs: Array) -> Array:
        """softmax(scale * outputs) (S, o): how likely each class is held to be."""
        logits = self._scale * outputs
        weights = np.exp(logits - logits.real.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def _weights(self, targets: Array) -> Array | float:
        """The weights (S,) of the samples of classes (S,), or 1 for all."""
        return np.array(self.weights)[targets] if self.weights else 1.0

    @property
    def _scale(self) -> float:
        if self.scale is None:
            raise OptionError(
                "the scale of the cross-entropy is not chosen yet", hint="give a number, or take chosen()"
            )
        return self.scale


SMALLEST_SPREAD = 0.01
"""The least spread of outputs that a scale is chosen by, relative to their size: by convention, guards against scales
that only rounding and offsets would set; not measured, as networks whose outputs hardly differ are rare and ``scale``
sets it."""

LOSSES: Mapping[str, type] = {"mse": Mse, "cross_entropy": CrossEntropy, "log": Logarithmic, "relative": Relative}


def unit_of(loss: Loss, targets: Array, count: int, before: Callable[[], float]) -> float:
    """What the loss of ``count`` outputs is small or large against, in its own unit.

    Losses of currents are 1e-12 A² where those of voltages are 1 V². Whatever follows gradients
    is given them in this unit, so that it need not know. It is what the loss itself says, as the
    variance of the targets; ``before()``, the mean loss before training, where the
    targets are all zero; and 1 for a loss that says nothing. One that counts in tolerances names its
    ``least_unit``, for it may begin thousands of them away.
    """
    least = float(getattr(loss, "least_unit", 0.0))
    if not hasattr(loss, "unit") and not least:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        # The first step tells of a loss that overflows, as this does where targets do.
        unit = 0.0 if least else float(loss.unit(targets, count))  # type: ignore[attr-defined]
    if unit > 0:
        return unit
    first = before()
    return max(first, least) if first > 0 and np.isfinite(first) else 1.0


def mean_loss(loss: Loss, outputs: Array, targets: Array) -> float:
    """The mean of the losses of outputs (S, o)."""
    losses = np.asarray(loss.value(outputs, targets))
    return float(np.add.reduce(losses, axis=None) / losses.size)


def accuracy(outputs: Array, targets: Array) -> float | None:
    """The fraction of samples with a class whose own class has the largest output; None without classes."""
    asked = np.asarray(targets >= 0) if targets.ndim == 1 else np.zeros(len(targets), dtype=bool)
    if not asked.any():
        return None
    return float(np.mean(np.argmax(outputs[asked].real, axis=-1) == targets[asked]))


def _own_class(outputs: Array, targets: Array) -> Array:
    return np.asarray(np.arange(outputs.shape[-1]) == targets[:, None])


class Loss(Protocol):
    """A loss of one sample's outputs. The loss of a batch is the mean over its samples.

    Targets are (S, o) wanted outputs, NaN where nothing is asked, (S,) class numbers, -1 where nothing
    is asked, or what else the loss itself makes of them. Both methods are analytic in the outputs
    wherever the loss is, so that complex outputs pass through them.
    """

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        ...

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        ...
