"""Energy-based rules: nudge the physics, and compare states element by element.

All are instances of :class:`GeneralizedEP`: a nudge n(β, θ, y), the states to compare, and a
local contrast. J. Lin, A. Desai, F. Barrows, F. Caravelli, "How to Train Your Resistive
Network: Generalized Equilibrium Propagation and Analytical Learning", arXiv 2602.03546.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.circuitry import Circuitry, is_current
from netlearn.learn.rules.contrast import co_content_difference, co_content_product
from netlearn.learn.rules.nudges import ClampNudge, ConductanceNudge, CurrentNudge, Nudge, quadratic_form
from netlearn.learn.rules.reading import Reading
from netlearn.learn.rules.reciprocity import Reciprocity, reciprocity
from netlearn.options import option
from netlearn.solve.linear import SharedLinearization
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.solve.sensitivity import linearize

States = Literal["positive", "negative", "centered"]
Contrast = Literal["energy", "product"]

STATES = {
    "positive": ((1.0, 1.0),),
    "negative": ((-1.0, -1.0),),
    "centered": ((1.0, 0.5), (-1.0, -0.5)),
}
"""The nudged states by name: the sign of β, and the weight of the contrast with the free state."""


@dataclass(frozen=True, kw_only=True)
class Energetic(Reading):
    """What all energy-based rules are told: how well node voltages are read, and what a circuit needs."""

    reciprocal: Literal["warn", "require"] = option("warn", "what to do where the circuit has no co-content")

    def with_nudge(self, nudge: Nudge, beta: float, states: States, contrast: Contrast = "energy") -> GeneralizedEP:
        """The general rule that reads as this one does."""
        return GeneralizedEP(
            nudge, beta, states, contrast, noise=self.noise, averages=self.averages, reciprocal=self.reciprocal
        )


@dataclass(frozen=True)
class GeneralizedEP(Energetic):
    """Any nudge, any pair of states.

    With x_0 the free state, x_β the one with the nudge at strength β, and Φ the co-content,
    the estimate of the gradient is [∂Φ/∂θ(x_β) - ∂Φ/∂θ(x_0)] / β^c at small β, c the nudge's
    ``contrast_order``. For n = β^k ℓ(y) this is ∂ℓ/∂θ with an error of order β^k (positive,
    negative) or β^2k (centered, k odd), because the least co-content with the nudge has the
    derivative ∂Φ/∂θ(x_β) by θ and n/β^k by β^k.

    Parameters
    ----------
    nudge : the circuitry that the targets put at the outputs.
    beta : strength of the nudge, above zero; its unit is the nudge's.
    states : "positive" (x_β against x_0), "negative" (x_0 against x_-β), "centered" (x_β
        against x_-β).
    contrast : "energy", the difference of ∂Φ/∂θ, or "product", which takes only the part
        that is linear in x_β - x_0.
    noise, averages : how well the node voltages of each state are read.
    reciprocal : "warn" or "require". A circuit with elements that break reciprocity has no
        co-content; the estimate then takes the Jacobian for its own transpose, so that it
        is not the gradient at any β. "require" refuses such circuits.

    Raises OptionError for an option that cannot be used, CircuitError for an output that
    cannot be nudged, ConvergenceError for a nudge under which there is no operating point.
    """

    nudge: Nudge
    beta: float = option(1e-3, "strength of the nudge", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("centered", "which states are compared")
    contrast: Literal["energy", "product"] = option("energy", "what each element compares")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.states == "centered" and self.nudge.contrast_order % 2 == 0:
            raise OptionError(
                f"states=centered compares equal states, as this nudge is of even order {self.nudge.contrast_order}",
                hint="use states=positive",
            )

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and one or two nudged states per sample; random only if readings are."""
        free = model.forward(theta, batch.inputs, batch.start)
        outputs = model.outputs(free)
        co_content = co_content_of(model, free, self.reciprocal)
        gradient = np.zeros(len(theta))
        before = self.read(free.x, rng)
        for sign, share in STATES[self.states]:
            nudged = self._nudged_state(model, loss, free, batch.targets, sign, co_content)
            after = self.read(nudged.x[:, : free.x.shape[-1]], rng)
            gradient += share * self._contrast(model, theta, free.circuit, before, after, co_content.weights)
        states = 1 + len(STATES[self.states])
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=gradient / (self.beta**self.nudge.contrast_order * len(batch)),
            outputs=outputs,
            point=free,
            solves=states * len(batch),
            # Two states are compared element by element, however many are made.
            measurements=self.averages * (outputs.size + 2 * len(batch) * trained_elements(model)),
        )

    def general(self, *_: object) -> GeneralizedEP:
        """Itself: the other rules are instances of this one."""
        return self

    def nudged_circuit(
        self, model: Model, loss: Loss, free: OperatingPoint, targets: Array, sign: float = 1.0
    ) -> Circuit:
        """The circuit of the nudged phase, at +β or, with ``sign`` -1, at -β."""
        co_content = co_content_of(model, free, self.reciprocal)
        return self._circuitry(model, loss, free, targets, sign, co_content).attach(free.circuit, model.probes)

    def _nudged_state(
        self, model: Model, loss: Loss, free: OperatingPoint, targets: Array, sign: float, co_content: Reciprocity
    ) -> OperatingPoint:
        """The operating point of :meth:`nudged_circuit`. Raises ConvergenceError."""
        circuitry = self._circuitry(model, loss, free, targets, sign, co_content)
        circuit = circuitry.attach(free.circuit, model.probes)
        nudged = solve_nudged(model.solver, circuit, free, sign * self.beta)
        require_stable(model, free, nudged.x, circuitry.conductance, co_content)
        return nudged

    def _circuitry(
        self, model: Model, loss: Loss, free: OperatingPoint, targets: Array, sign: float, co_content: Reciprocity
    ) -> Circuitry:
        plain = self.nudge.circuitry(sign * self.beta, model.outputs(free), targets, loss)
        return plain.scaled(1.0 / co_content.at_outputs(model.probes))

    def _contrast(
        self, model: Model, theta: Array, circuit: Circuit, before: Array, after: Array, weights: Array
    ) -> Array:
        columns = model.parameters.columns
        if self.contrast == "product":
            local = co_content_product(circuit, before, after - before, columns, weights)
        else:
            local = co_content_difference(circuit, before, after, columns, weights)
        return model.pullback(theta, local)


@dataclass(frozen=True)
class EquilibriumPropagation(Energetic):
    """Equilibrium propagation: n = β ℓ(y), so k = 1, and the estimate tends to ∂ℓ/∂θ.

    For a resistor, ∂ℓ/∂g = (Δv_β² - Δv_0²) / (2β) as β falls to zero. B. Scellier, Y.
    Bengio, Frontiers in Computational Neuroscience 11, 24 (2017); for circuits J. Kendall and
    others, arXiv 2006.01981; the centered form is due to A. Laborieux and others, Frontiers in
    Neuroscience 15 (2021).

    ``nudge`` is "conductance" (the squared error as a conductance to a source at the target),
    "current" (any loss, as a current held at its value at the free state), or "auto", which
    takes the conductance where the loss is a squared error of voltages. ``beta`` multiplies
    the loss: amperes per volt per unit of ∂ℓ/∂y. See :class:`GeneralizedEP` for the others.
    """

    beta: float = option(1e-6, "strength of the nudge; for mse in V², in siemens", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("centered", "which states are compared")
    nudge: Literal["auto", "conductance", "current"] = option("auto", "what is put at the outputs")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general(model, loss, batch.targets).estimate(model, loss, theta, batch, rng)

    def general(self, model: Model, loss: Loss, targets: Array) -> GeneralizedEP:
        """The rule with the nudge that suits the loss and the outputs."""
        if self.nudge == "auto":
            squared = quadratic_form(loss, np.zeros((len(targets), len(model.probes))), targets) is not None
            voltages = not np.any(is_current(model.parameters.circuit, model.probes))
            conductance = squared and voltages
        else:
            conductance = self.nudge == "conductance"
        return self.with_nudge(ConductanceNudge() if conductance else CurrentNudge(), self.beta, self.states)


@dataclass(frozen=True)
class CoupledLearning(Energetic):
    """Coupled learning: the outputs are clamped at y_free + β (target - y_free), so k = 2.

    With e = y_free - target, y the free outputs and K = (M L⁻¹ Mᵀ)⁻¹ the stiffness of the
    linear circuit as its outputs feel it, the estimate tends to (K e)ᵀ ∂y/∂θ as β falls to
    zero. That is the gradient of eᵀKe/2 at fixed K: the descent of the squared error in the
    circuit's own metric. It differs from the full gradient of eᵀKe/2 by eᵀ(∂K/∂θ)e/2, and
    from the gradient of eᵀe/2 by K. At any β it is ∂/∂θ eᵀKe/2 - (1 - β)/2 eᵀ(∂K/∂θ)e, with
    β negative for the negative form.
    M. Stern, D. Hexner, J. W. Rocks, A. J. Liu, Phys. Rev. X 11, 021045 (2021); the forms by
    sign: B. Scellier and others, arXiv 2312.15103.
    """

    beta: float = option(1e-2, "part of the way to the target at which the outputs are clamped", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("centered", "which states are compared")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(ClampNudge(), self.beta, self.states)


@dataclass(frozen=True)
class ContrastiveLearning(Energetic):
    """Contrastive learning: the outputs are clamped at their targets.

    For the linear circuit, with the symbols of :class:`CoupledLearning`, the estimate is the
    gradient of eᵀKe/2, exactly: the co-content of the clamped circuit above the free one's.
    J. R. Movellan, "Contrastive Hebbian learning in the continuous Hopfield model" (1991);
    for resistor networks A.-M. Huijzer and others, arXiv 2503.00349.
    """

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`. Raises OptionError if the loss names no voltages."""
        if quadratic_form(loss, np.zeros((len(batch), len(model.probes))), batch.targets) is None:
            raise OptionError(
                "contrastive learning clamps the outputs at wanted voltages, and this loss names none",
                hint="use loss mse, or rule ep",
            )
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(ClampNudge(), 1.0, "positive")


@dataclass(frozen=True)
class AdjointCoupledLearning(Energetic):
    """Adjoint learning: each element multiplies its drop in the free and in the adjoint state.

    The error drives the outputs as a current, β ∂ℓ/∂y; the change that it makes, over β, is
    the adjoint state λ of Director and Rohrer (IEEE Trans. Circuit Theory 16, 1969) in a
    linear circuit, whatever β is. The estimate Δv Δλ for a conductance is then the gradient
    of the loss without a bias, which the difference of squares (Δv_β² - Δv_0²)/(2β) has.
    After J. A. McGinnis, X. Li, Y. Mori, "Coercivity and Local Convergence of Physical
    Learning in Linear Circuits", arXiv 2606.15443, where adjoint coupled learning descends a
    natural loss as equilibrium propagation does, and coupled learning does not.

    In a nonlinear circuit λ, and so the estimate, has an error of the order of β.
    """

    beta: float = option(1e-6, "strength of the current at the outputs", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("positive", "which states are compared")

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """See :meth:`GeneralizedEP.estimate`."""
        return self.general().estimate(model, loss, theta, batch, rng)

    def general(self, *_: object) -> GeneralizedEP:
        """The same rule, spelt out."""
        return self.with_nudge(CurrentNudge(), self.beta, self.states, "product")


def solve_nudged(solver: Solver, circuit: Circuit, free: OperatingPoint, beta: complex) -> OperatingPoint:
    """The operating point of a nudged circuit, from the free one. Raises ConvergenceError."""
    dtype = complex if isinstance(beta, complex) else float
    start = np.zeros((len(free.x), circuit.size), dtype)
    start[:, : free.x.shape[-1]] = free.x
    try:
        return solver.solve(circuit, replace(free, circuit=circuit, x=start, linearization=None))
    except CircuitError as error:
        raise ConvergenceError(
            f"the circuit has no operating point under the nudge of beta={beta:g}: {error.message}",
            error.place,
            "make beta smaller, and do not take outputs that fix each other",
        ) from error


def require_stable(
    model: Model, free: OperatingPoint, nudged: Array, conductance: Array | None, co_content: Reciprocity
) -> None:
    """Raise ConvergenceError where the state ``nudged`` (S, N) is unstable because of negative conductances (o,).

    A linear circuit has such a state beyond the β at which it loses stability, too. With A the
    circuit's Jacobian, G the diagonal matrix of the conductances and Z = M A⁻¹ Mᵀ the
    resistances that the outputs see, A and G times the weights of the co-content, A + Mᵀ G M has
    no more negative eigenvalues than A where G⁻¹ + Z has as many as G (E. V. Haynsworth, Linear
    Algebra and its Applications 1, 73, 1968). With weights below zero no state is a minimum.
    """
    weights = co_content.weights
    if conductance is None or not np.any(conductance < 0) or not co_content.exists or np.any(weights < 0):
        return
    conductance = conductance * co_content.at_outputs(model.probes)
    probes = model.probe_matrix.toarray()
    currents = probes / np.where(weights == 0, 1.0, weights)
    linear = linearize(
        free if free.circuit.linear else replace(free, x=nudged[:, : free.x.shape[-1]], linearization=None)
    )
    if isinstance(linear, SharedLinearization):
        seen = (linear.solve(currents) @ probes.T)[None]
    else:
        shape = free.x.shape
        seen = np.stack([linear.solve(np.broadcast_to(current, shape)) @ probes.T for current in currents], axis=1)
    found = np.linalg.eigvalsh(np.diag(1.0 / conductance) + seen)
    wrong = np.flatnonzero(np.sum(found < 0, axis=-1) < np.sum(conductance < 0))
    if len(wrong):
        raise ConvergenceError(
            f"the negative nudge is beyond what the circuit can hold (sample {wrong[0] + 1}): "
            "it has no stable operating point",
            hint="make beta smaller, or use states=positive",
        )


def trained_elements(model: Model) -> int:
    """How many elements a local rule has to read in each state."""
    return sum(len(binding.elements) for binding in model.parameters.bindings)


def co_content_of(model: Model, free: OperatingPoint, policy: str) -> Reciprocity:
    """The weights of the circuit's co-content. Where there is none, what is lost is a warning or a CircuitError."""
    found = reciprocity(free.circuit, free.x, model.probes, model.parameters)
    if found.exists:
        return found
    names = found.breaking
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    message = (
        f"the circuit has no co-content, because {shown} "
        f"{'breaks' if len(names) == 1 else 'break'} reciprocity: an energy-based rule does not follow the gradient"
    )
    if policy == "require":
        raise CircuitError(message, hint="use rule analytic, or reciprocal=warn to train nevertheless")
    warnings.warn(message, stacklevel=2)
    return found
