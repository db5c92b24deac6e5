"""Equilibrium propagation at finite nudges that are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.energy import Contrasting, suitable_nudge
from netlearn.learn.rules.generalized import GeneralizedEP
from netlearn.options import option


@dataclass(frozen=True)
class FiniteEP(Contrasting):
    """The contrast integrated over finite nudges, exact up to a high power of β, from real states.

    With ψ(b) = ∂Φ/∂θ at the state nudged by b, the contrast ψ(β) - ψ(0) at any finite β is β times
    the gradient of the mean of ℓ(y_b) over b from 0 to β: E. Litman, "Equilibrium Propagation
    Without Limits", arXiv 2511.22024 (2025), for states without noise. What it is of b = 0 is an
    integral of ψ over b, too: ∂ℓ/∂θ = ψ'(0) = (1/β) ∫ K(s) ψ(βs) ds over -1..1, K = Σ_n (n + 1/2)
    P_n'(0) P_n(s) with Legendre's polynomials, for every ψ that is a polynomial of lower degree
    than the ``points`` that Gauss and Legendre's quadrature has. The error is of the order
    β^points, as that of the holomorphic rule, but the nudges are real, so that ngspice and
    hardware can make them.

    ``states`` is centered (nudges of both signs, an even number of points) or positive (from 0
    to β). Noise counts more than in ``ep``: the contrasts are multiplied by numbers that grow
    with the points. For ``beta`` and ``unit`` see EquilibriumPropagation.
    """

    beta: float = option(0.1, "largest nudge, relative to the conductance that the outputs see", above=0.0)
    unit: Literal["relative", "siemens"] = option("relative", "unit of beta")
    points: int = option(4, "nudges in the interval", least=1, most=10_000)
    states: Literal["positive", "centered"] = option("centered", "nudges of one sign or of both")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.states == "centered" and self.points % 2:
            # The middle one of an odd number would be the free state.
            raise OptionError(f"'points' must be even with states=centered, not {self.points}")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and ``points`` nudged ones per sample. See :meth:`GeneralizedEP.estimate`."""
        return self.general(model, loss, batch.targets).estimate(model, loss, theta, batch, rng)

    def general(self, model: Model, loss: Loss, targets: Array) -> GeneralizedEP:
        """The rule with the nudge that suits the loss and the outputs."""
        return Integrated(
            suitable_nudge(model, loss, targets),
            self.beta,
            self.states,
            relative=self.unit == "relative",
            noise=self.noise,
            averages=self.averages,
            reciprocal=self.reciprocal,
            gates=self.contrast,
            points=self.points,
        )


@dataclass(frozen=True)
class Integrated(GeneralizedEP):
    """Generalized EP with ``points`` nudges at Gauss and Legendre's places in place of one or two."""

    points: int = 4

    @property
    def scheme(self) -> Sequence[tuple[float, float]]:
        """The nudges, and the derivative at zero of the polynomial through their contrasts."""
        places, _ = np.polynomial.legendre.leggauss(self.points)
        if self.states != "centered":
            places = (places + 1) / 2
        # Contrasts vanish at zero. Between nudges of both signs that follows from symmetry.
        powers = np.arange(self.points) if self.states == "centered" else 1 + np.arange(self.points)
        matrix = places[:, None] ** powers
        shares = np.linalg.solve(matrix.T, (powers == 1).astype(float))
        return list(zip(places.tolist(), shares.tolist(), strict=True))
