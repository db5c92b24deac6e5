"""Generalized equilibrium propagation: nudge the physics, and compare states element by element.

A nudge n(β, θ, y), the states to compare, and a local contrast. J. Lin, A. Desai, F. Barrows, F. Caravelli, "How to
Train Your Resistive Network: Generalized Equilibrium Propagation and Analytical Learning", arXiv 2602.03546.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss, mean_loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate, Reads
from netlearn.learn.rules.bench import Bench, free_state
from netlearn.learn.rules.nudged_phase import FreePhase, free_phase, sampled, unit_strength
from netlearn.learn.rules.nudges import PROPORTIONAL, STATED, Nudge, curvature
from netlearn.learn.rules.orders import NudgedLoss, nudged_loss, require_order
from netlearn.learn.rules.planned import PlannedStep, planned_step
from netlearn.learn.rules.power import with_power
from netlearn.learn.rules.reading import Reading
from netlearn.options import option
from netlearn.solve.bordered.plan import Compared
from netlearn.solve.operating_point import OperatingPoint

States = Literal["positive", "negative", "centered"]
Contrast = Literal["energy", "product"]

STATES = {
    "positive": ((1.0, 1.0),),
    "negative": ((-1.0, -1.0),),
    "centered": ((1.0, 0.5), (-1.0, -0.5)),
}
"""The nudged states by name: the sign of β, and what the contrast with the free state counts, derived from one-sided
and central differences."""


@dataclass(frozen=True, kw_only=True)
class Energetic(Reading):
    """What all energy-based rules are told: how well node voltages are read, and what a circuit needs."""

    reads: ClassVar[Reads] = "nudges"

    reciprocal: Literal["warn", "require", "correct"] = option(
        "warn",
        "what to do where the circuit has no co-content: correct adds what is not reciprocal to the nudged phase",
    )

    def phase(
        self,
        model: Model,
        loss: Loss,
        free: OperatingPoint,
        outputs: Array,
        targets: Array,
        *,
        bench: Bench | None = None,
    ) -> FreePhase:
        """The free phase of a batch, whose outputs were read as ``outputs`` (S, o), perhaps of a chip on a bench."""
        return free_phase(model, loss, free, outputs, targets, policy=self.reciprocal, bench=bench)


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
    beta : strength of the nudge, above zero; its unit is the nudge's, or with ``relative``
        what :meth:`FreePhase.unit` says.
    states : "positive" (x_β against x_0), "negative" (x_0 against x_-β), "centered" (x_β
        against x_-β).
    contrast : "energy", the difference of ∂Φ/∂θ, or "product", which takes only the part
        that is linear in x_β - x_0.
    gates : "channel" or "drops", what a transistor compares whose gate is trained.
    noise, averages : how well the node voltages of each state are read.
    reciprocal : "warn", "require" or "correct". A circuit with elements that break reciprocity,
        and that no weights mend (see reciprocity.py), has no co-content; the estimate then takes
        the Jacobian J for its own transpose, so that it is not the gradient at any β. "require"
        refuses such circuits. "correct" adds (Jᵀ - J)(x - x_0) to the equations of the nudged
        phase, sources that pass on backwards what moves, and the estimate tends to the gradient
        of any circuit's loss (A. E. Scurria, D. Vanden Abeele, B. M. Mognetti, S. Massar,
        "Equilibrium Propagation for Non-Conservative Systems", arXiv 2602.03670, 2026).

    Raises OptionError for an option that cannot be used, CircuitError for an output that
    cannot be nudged, ConvergenceError for a nudge under which there is no operating point.
    """

    nudge: Nudge
    beta: float = option(1e-3, "strength of the nudge", above=0.0)
    states: Literal["positive", "negative", "centered"] = option("centered", "states to compare")
    contrast: Literal["energy", "product"] = option("energy", "quantity that each element compares")
    relative: bool = False
    gates: Literal["channel", "drops"] = option("channel", "what a transistor compares whose gate is trained")

    def __post_init__(self) -> None:
        super().__post_init__()
        named = all(hasattr(self.nudge, name) for name in ("order", "contrast_order", "circuitry"))
        if not named or isinstance(self.nudge, type):
            hint = "a nudge says its order and contrast_order, and has circuitry(); give an object of such a class"
            raise OptionError(f"{self.nudge!r:.80} is not a nudge", hint=hint)
        if self.states == "centered" and self.nudge.contrast_order % 2 == 0:
            raise OptionError(
                f"states=centered compares equal states, as this nudge is of even order {self.nudge.contrast_order}",
                hint="use states=positive",
            )

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """One free state and one or two nudged states per sample; random only if readings are."""
        step = planned_step(model, theta, batch, nudged=True) if self._plannable else None
        bench: Bench | None = None
        if step is None:
            free, bench = free_state(model, theta, batch)
            outputs = model.outputs(free)
        else:
            free, outputs = step.point, model.converted(step.read)
        gradient = None if step is None else self._planned(step, outputs, batch, loss)
        if gradient is None:
            phase = self.phase(model, loss, free, self.read(outputs, rng), batch.targets, bench=bench)
            gradient = self._compared(phase, free, theta, batch, rng)
            free = phase.point
        states = 1 + len(self.scheme)
        estimate = Estimate(
            loss=mean_loss(loss, outputs, batch.targets),
            gradient=gradient,
            outputs=outputs,
            point=free,
            solves=states * len(batch),
            # Two states are compared element by element, however many are made.
            measurements=self.averages * (outputs.size + 2 * len(batch) * trained_elements(model)),
        )
        return with_power(estimate, model, loss, theta, batch, local=True)

    @property
    def _plannable(self) -> bool:
        """Whether a model's plan may know what is compared."""
        plain = not self.noise and self.contrast == "energy" and self.gates == "channel"
        return plain and type(self.nudge) in PROPORTIONAL

    def _planned(self, step: PlannedStep, outputs: Array, batch: Batch, loss: Loss) -> Array | None:
        """What is compared by the model's plan, (P,); None where the general way is to say it."""
        beta = float(self.beta)
        if self.relative:
            found = step.transfer(sampled(len(outputs)))
            if found is None:
                return None
            beta *= unit_strength(found, curvature(loss, outputs, batch.targets)) ** (1.0 / self.nudge.contrast_order)
        assert isinstance(self.nudge, PROPORTIONAL)
        conductance, current = self.nudge.elements(outputs, batch.targets, loss)
        scale = 1.0 / (beta**self.nudge.contrast_order * len(batch))
        return step.contrast(conductance, current, beta, self._planned_scheme, scale)

    @cached_property
    def _planned_scheme(self) -> Compared:
        """The scheme for plans: it follows from the rule alone."""
        return Compared.of(self.scheme)

    def _compared(
        self, phase: FreePhase, free: OperatingPoint, theta: Array, batch: Batch, rng: np.random.Generator
    ) -> Array:
        """What is compared of the states of a phase and the ``free`` ones that are read, (P,)."""
        model, loss = phase.model, phase.loss
        beta = self.strength(phase)
        if type(self.nudge) not in STATED:
            require_order(self.nudge, phase.outputs, batch.targets, loss, beta)
        before = self.read_states(free.states, rng)
        product, drops = self.contrast == "product", self.gates == "drops"
        compared = []
        for factor, share in self.scheme:
            if phase.told:
                phase.require_stable(self.nudge, factor * beta, None, self.beta)
            state = phase.nudged_states(self.nudge, factor * beta)
            if not phase.told:
                phase.require_stable(self.nudge, factor * beta, state, self.beta)
            compared.append((share, before, self.read_states(state, rng)))
        opposite = len(compared) == 2 and compared[0][0] == -compared[1][0]
        if opposite and not (product or drops) and phase.additive:
            # The free state drops out of the difference of the two.
            (share, _, after), (_, _, before) = compared
            compared = [(share, before, after)]
        gradient: Array | None = None
        for share, before, after in compared:
            local = phase.contrast(before, after, product=product, drops=drops)
            # One pass over all parameters, of which there may be more than of anything else.
            counts = share / (beta**self.nudge.contrast_order * len(batch))
            part = counts * model.pullback(theta, local, batch.inputs)
            gradient = part if gradient is None else gradient + part
        return np.zeros(len(theta)) if gradient is None else gradient

    @property
    def scheme(self) -> Sequence[tuple[float, float]]:
        """The nudged states: what β is multiplied by, and what the contrast with the free state counts."""
        return STATES[self.states]

    def general(self, *_: object) -> GeneralizedEP:
        """Itself: the other rules are instances of this one."""
        return self

    def nudged_loss(self, model: Model, loss: Loss, theta: Array, batch: Batch) -> NudgedLoss | None:
        """ℓ = (1/k!) ∂ᵏn/∂βᵏ at the free states of a batch, see :func:`nudged_loss`."""
        outputs = model.outputs(model.forward(theta, batch.inputs, batch.start))
        return nudged_loss(self.nudge, outputs, batch.targets, loss, self.beta)

    def strength(self, phase: FreePhase) -> float:
        """β in the nudge's own unit."""
        return self.beta * phase.unit() ** (1.0 / self.nudge.contrast_order) if self.relative else self.beta

    def nudged_circuit(
        self, model: Model, loss: Loss, free: OperatingPoint, targets: Array, sign: float = 1.0
    ) -> Circuit:
        """The circuit of the nudged phase, at +β or, with ``sign`` -1, at -β."""
        phase = self.phase(model, loss, free, model.outputs(free), targets)
        return phase.circuit(self.nudge, sign * self.strength(phase))


def trained_elements(model: Model) -> int:
    """How many elements a local rule has to read in each state."""
    return sum(len(binding.elements) for binding in model.parameters.bindings)
