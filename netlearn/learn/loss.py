"""Losses over the outputs of a circuit, and what else is said about outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.options import Declared, option


@dataclass(frozen=True)
class Mse(Declared):
    """The mean over the outputs of (output - target)², in V² or A².

    Where the targets are classes, the output of the sample's own class should be ``on`` and
    the others ``off``.
    """

    on: float = option(1.0, "wanted output of a sample's own class, in V or A")
    off: float = option(0.0, "wanted output of the other classes, in V or A")

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        error = outputs - self._wanted(outputs, targets)
        return np.asarray(np.mean(error * error, axis=-1))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        return np.asarray(2.0 / outputs.shape[-1] * (outputs - self._wanted(outputs, targets)))

    def _wanted(self, outputs: Array, targets: Array) -> Array:
        if targets.ndim == 2:
            return targets
        return np.where(_own_class(outputs, targets), self.on, self.off)


@dataclass(frozen=True)
class CrossEntropy(Declared):
    """-log softmax(scale * outputs) at the sample's class, in nats.

    Voltages that a resistor network can give differ little, so ``scale`` (per volt) sets how
    sure the network can be.
    """

    scale: float = option(1.0, "what outputs are multiplied by before the softmax, per V or A", above=0.0)

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        logits = self.scale * outputs
        # Shifting by a real constant changes nothing but keeps the exponentials in range.
        shifted = logits - logits.real.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1))
        return np.asarray(total - np.take_along_axis(shifted, targets[:, None], axis=-1)[:, 0])

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        return np.asarray(self.scale * (self.probabilities(outputs) - _own_class(outputs, targets)))

    def probabilities(self, outputs: Array) -> Array:
        """softmax(scale * outputs) (S, o): how likely each class is held to be."""
        logits = self.scale * outputs
        weights = np.exp(logits - logits.real.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


LOSSES: Mapping[str, type] = {"mse": Mse, "cross_entropy": CrossEntropy}


def accuracy(outputs: Array, targets: Array) -> float | None:
    """The fraction of samples whose own class has the largest output; None without classes."""
    if targets.ndim == 2:
        return None
    return float(np.mean(np.argmax(outputs.real, axis=-1) == targets))


def _own_class(outputs: Array, targets: Array) -> Array:
    return np.asarray(np.arange(outputs.shape[-1]) == targets[:, None])


class Loss(Protocol):
    """A loss of one sample's outputs. The loss of a batch is the mean over its samples.

    Both methods are analytic in the outputs wherever the loss is, so that complex outputs
    pass through them.
    """

    def value(self, outputs: Array, targets: Array) -> Array:
        """Losses (S,) of outputs (S, o)."""
        ...

    def gradient(self, outputs: Array, targets: Array) -> Array:
        """Derivatives (S, o) of each sample's loss by its outputs."""
        ...
