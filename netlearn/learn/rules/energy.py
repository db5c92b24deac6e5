"""Energy-based rules, all of which are instances of :class:`GeneralizedEP`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.generalized import Contrast, Energetic, GeneralizedEP, States
from netlearn.learn.rules.nudges import (
    ClampNudge,
    ConductanceNudge,
    CurrentNudge,
    Nudge,
    quadratic_form,
    wanted_outputs,
)
from netlearn.options import option

NUDGES: Mapping[str, Nudge] = {"conductance": ConductanceNudge(), "current": CurrentNudge()}


@dataclass(frozen=True, kw_only=True)
class Contrasting(Energetic):
    """Rules that say what a transistor compares whose gate is trained (see channel.py)."""

    contrast: Literal["channel", "drops"] = option(
        "channel", "what a transistor compares whose gate is trained: its channel's derivative, or its squared drop"
    )

    def with_nudge(
        self, nudge: Nudge, beta: float, states: States, contrast: Contrast = "energy", *, relative: bool = False
    ) -> GeneralizedEP:
        """The general rule that reads as this one does."""
        said = (nudge, beta, states, contrast, relative)
        for before, rule in self._general:
            if before == said:
                return rule
        made = GeneralizedEP(
            nudge,
            beta,
            states,
            contrast,
            relative,
            noise=self.noise,
            averages=self.averages,
            reciprocal=self.reciprocal,
            gates=self.contrast,
        )
        self._general[:] = [(said, made)]
        return made

    @cached_property
    def _general(self) -> list[tuple[tuple[object, ...], GeneralizedEP]]:
        """The last general rule, and what it was made of."""
        return []


@dataclass(frozen=True)
class EquilibriumPropagation(Contrasting):
    """Equilibrium propagation: n = β ℓ(y), so k = 1, and the estimate tends to ∂ℓ/∂θ.

    For a resistor, ∂ℓ/∂g = (Δv_β² - Δv_0²) / (2β) as β falls to zero. B. Scellier, Y.
    Bengio, Frontiers in Computational Neuroscience 11, 24 (2017); for circuits J. Kendall and
    others, arXiv 2006.01981; the centered form is due to A. Laborieux and others, Frontiers in
    Neuroscience 15 (2021).

    ``nudge`` is "conductance" (the squared error as a conductance to a source at the target),
    "current" (any loss, as a current held at its value at the free state), or "auto", which
    takes the conductance where the loss is a squared error of voltages. ``beta`` multiplies
    the loss. It is relative to the conductance that the outputs see, so that at 1 a negative
    nudge takes the stability of a linear circuit away; with ``unit`` siemens it is in amperes
    per volt, per unit of ∂ℓ/∂y. See :class:`GeneralizedEP` for the others.
    """

    beta: float = option(1e-3, "strength of the nudge, relative to the conductance that the outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    states: Literal["positive", "negative", "centered"] = option("centered", "states to compare")
    nudge: Literal["auto", "conductance", "current"] = option("auto", "circuitry that nudges the outputs")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general(model, loss, batch.targets).estimate(model, loss, theta, batch, rng)

    def general(self, model: Model, loss: Loss, targets: Array) -> GeneralizedEP:
        """The rule with the nudge that suits the loss and the outputs."""
        nudge = suitable_nudge(model, loss, targets) if self.nudge == "auto" else NUDGES[self.nudge]
        return self.with_nudge(nudge, self.beta, self.states, relative=self.unit == "relative")


@dataclass(frozen=True)
class CoupledLearning(Contrasting):
    """Coupled learning: the outputs are clamped at y_free + β (target - y_free), so k = 2.

    With e = y_free - target, y the free outputs and K = (M L⁻¹ Mᵀ)⁻¹ the stiffness of the
    linear circuit as its outputs feel it, the estimate tends to (K e)ᵀ ∂y/∂θ as β falls to
    zero. That is the gradient of eᵀKe/2 at fixed K: the descent of the squared error in the
    circuit's own metric. It differs from the full gradient of eᵀKe/2 by eᵀ(∂K/∂θ)e/2, and
    from the gradient of eᵀe/2 by K. At any β it is ∂/∂θ eᵀKe/2 - (1 - β)/2 eᵀ(∂K/∂θ)e, with
    β negative for the negative form.
    M. Stern, D. Hexner, J. W. Rocks, A. J. Liu, Phys. Rev. X 11, 021045 (2021); the forms by
    sign: B. Scellier and others, arXiv 2312.15103.

    With ``overclamp`` the outputs are clamped so many volts further, whatever is left of the
    error. The learning signal then does not vanish with it, and outweighs what the devices do
    by themselves at every step (``*@hardware bias=``): S. Dillavou, M. Guzman, A. J. Liu, D. J.
    Durian, arXiv 2505.22887 (2025).
    """

    beta: float = option(1e-2, "part of the way to the target at which the outputs are clamped", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("centered", "states to compare")
    overclamp: float = option(0.0, "further voltage of the clamps, in V", least=0.0)

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(ClampNudge(self.overclamp), self.beta, self.states)


@dataclass(frozen=True)
class ContrastiveLearning(Contrasting):
    """Contrastive learning: the outputs are clamped at their targets.

    For the linear circuit, with the symbols of :class:`CoupledLearning`, the estimate is the
    gradient of eᵀKe/2, exactly: the co-content of the clamped circuit above the free one's.
    J. R. Movellan, "Contrastive Hebbian learning in the continuous Hopfield model" (1991);
    for resistor networks A.-M. Huijzer and others, arXiv 2503.00349.
    """

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`. Raises OptionError if the loss names no voltages."""
        if wanted_outputs(loss, np.zeros((len(batch), len(model.probes))), batch.targets) is None:
            raise OptionError(
                "contrastive learning clamps the outputs at wanted voltages, and this loss names none",
                hint="use loss mse, or rule ep",
            )
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(ClampNudge(), 1.0, "positive")


@dataclass(frozen=True)
class AdjointCoupledLearning(Contrasting):
    """Adjoint learning: each element multiplies its drop in the free and in the adjoint state.

    The error drives the outputs as a current, β ∂ℓ/∂y; the change that it makes, over β, is
    the adjoint state λ of Director and Rohrer (IEEE Trans. Circuit Theory 16, 1969) in a
    linear circuit, whatever β is. The estimate Δv Δλ for a conductance is then the gradient
    of the loss without a bias, which the difference of squares (Δv_β² - Δv_0²)/(2β) has.
    After J. A. McGinnis, X. Li, Y. Mori, "Coercivity and Local Convergence of Physical
    Learning in Linear Circuits", arXiv 2606.15443, where adjoint coupled learning descends a
    natural loss as equilibrium propagation does, and coupled learning does not.

    In a nonlinear circuit λ, and so the estimate, has an error of the order of β. For ``beta``
    and ``unit`` see :class:`EquilibriumPropagation`.
    """

    beta: float = option(1e-3, "strength of the current, relative to the conductance that the outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    states: Literal["positive", "negative", "centered"] = option("positive", "states to compare")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(CurrentNudge(), self.beta, self.states, "product", relative=self.unit == "relative")


def suitable_nudge(model: Model, loss: Loss, targets: Array) -> Nudge:
    """A conductance where the loss is a squared error of voltages, or else a current."""
    squared = quadratic_form(loss, np.zeros((len(targets), len(model.probes))), targets) is not None
    if model.chip is not None and "conductance" not in model.chip.nudges():
        squared = False
    return NUDGES["conductance" if squared and not model.reads_currents else "current"]
