"""The two phases of an energy-based rule: the free state of a batch, and what nudges make of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column, taken
from netlearn.circuit.devices.linear import Resistor
from netlearn.errors import CircuitError, ConvergenceError, warn
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.bench import Bench
from netlearn.learn.rules.channel import require_gates, source_contrast
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.contrast import co_content_difference, co_content_product
from netlearn.learn.rules.dependence import Unsaid
from netlearn.learn.rules.nudges import PROPORTIONAL, Nudge, curvature
from netlearn.learn.rules.reciprocity import Reciprocity, reciprocity
from netlearn.learn.rules.source_shifts import SourceShifts
from netlearn.probes.ends import Probes
from netlearn.solve.bordered.system import BorderedSystem
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import numbered
from netlearn.solve.reduced_states import ReducedStates, whole
from netlearn.solve.sensitivity import linearize
from netlearn.solve.transposed import Transposed, corrected_circuit

Policy = Literal["warn", "require", "correct"]

SHOWN = 3
"""Names that a message gives: by convention, so that it stays a sentence."""
SAMPLED = 8
"""Samples of a nonlinear circuit that are asked for the conductances that its outputs see: beside all 20 they give a
unit that is up to 31 % larger with 4, up to 8 % with 8 and the same with 16 (n = 5)
(benchmarks/constants_of_rules.py)."""

SINGULAR = 1e-12
"""Eigenvalues so much smaller than the resistance of the nudge are zero: derived from the solver's tolerance, 1e-12."""


@dataclass(frozen=True)
class FreePhase:
    """The free state of S samples, and all that their nudges are made from.

    ``outputs`` (S, o) are the free outputs as they were read, ``targets`` as in a Batch. ``corrected``
    is the circuit that is nudged in the place of the free one where that has no co-content.
    """

    model: Model
    loss: Loss
    point: OperatingPoint
    outputs: Array
    targets: Array
    co_content: Reciprocity
    corrected: Transposed | None = None
    bench: Bench | None = None
    """The chip whose states these are; ``point`` is then the model's, which tells units and weights."""

    def circuitry(self, nudge: Nudge, beta: complex) -> Circuitry:
        """What stands at the outputs at strength ``beta``."""
        if beta not in self._weighted or self._weighted[beta][0] is not nudge:
            made = self._plain(nudge, beta).scaled(1.0 / self.co_content.at_outputs(self.model.probes))
            self._weighted[beta] = nudge, made
        return self._weighted[beta][1]

    def _plain(self, nudge: Nudge, beta: complex) -> Circuitry:
        """The same before the weights of the co-content."""
        if type(nudge) in PROPORTIONAL:
            return self._at(nudge, 1.0).times(beta)
        return self._at(nudge, beta)

    def _at(self, nudge: Nudge, beta: complex) -> Circuitry:
        if beta not in self._made or self._made[beta][0] is not nudge:
            self._made[beta] = nudge, nudge.circuitry(beta, self.outputs, self.targets, self.loss)
        return self._made[beta][1]

    @cached_property
    def _made(self) -> dict[complex, tuple[Nudge, Circuitry]]:
        return {}

    @cached_property
    def _weighted(self) -> dict[complex, tuple[Nudge, Circuitry]]:
        return {}

    @cached_property
    def _definite(self) -> dict[complex, Array | None]:
        """By strength, at which samples the nudged circuit's Jacobian is known to be positive definite, (S,)."""
        return {}

    def circuit(self, nudge: Nudge, beta: complex) -> Circuit:
        """The circuit of the nudged phase."""
        probes, circuitry = self.model.probes, self.circuitry(nudge, beta)
        if self.corrected is None:
            return circuitry.attach(self.point.circuit, probes)
        ends = (self.corrected.at(end) for end in (probes.plus, probes.minus))
        return circuitry.attach(self.corrected.circuit, Probes(probes.names, *ends))

    def nudged(self, nudge: Nudge, beta: complex) -> Array:
        """The nudged state (S, N) of the free circuit's unknowns. Raises ConvergenceError where there is none.

        Samples that are clamped at different outputs are circuits of different form, each solved by itself.
        """
        if self.bench is not None:
            return self.bench.nudged(self.circuitry(nudge, beta))
        return whole(self.nudged_states(nudge, beta))

    def nudged_states(self, nudge: Nudge, beta: complex) -> ReducedStates | Array:
        """The same, of which not all unknowns need be worked out."""
        if self.bench is not None:
            return self.nudged(nudge, beta)
        parts = self.circuitry(nudge, beta).clamped()
        if len(parts) < 2:
            return self._nudged(nudge, beta)
        state = np.array(self.point.x, dtype=complex if isinstance(beta, complex) else float)
        for rows in parts:
            with numbered(rows):
                state[rows] = whole(self.part(rows)._nudged(nudge, beta))
        return state

    def part(self, rows: Array) -> FreePhase:
        """The phase of some of the samples."""
        point = OperatingPoint(taken(self.point.circuit, rows), self.point.x[rows])
        corrected = None if self.corrected is None else corrected_circuit(point)
        return replace(self, point=point, outputs=self.outputs[rows], targets=self.targets[rows], corrected=corrected)

    def _pushed(self, nudge: Nudge, beta: complex) -> ReducedStates | None:
        """The same from what the solver has left of the free state; None where that is not enough."""
        states, known, solver = self.point.states, self.point.linearization, self.model.solver
        if not isinstance(states, ReducedStates) or not isinstance(known, NonlinearLinearization):
            return None
        system, elements = known.together, self.circuitry(nudge, beta)
        if not isinstance(system, BorderedSystem) or self.corrected is not None or np.iscomplexobj(beta):
            return None
        if not isinstance(solver, InternalSolver) or solver.careful or elements.clamp is not None:
            return None
        push = self.model.probes.plus, self.model.probes.minus
        conductance, current = (0.0 if each is None else each for each in (elements.conductance, elements.current))
        found = system.pushed(states, push, conductance, current)
        if found is None or not found.converged.all():
            return None
        self._definite[beta] = found.definite
        return found.states

    def _nudged(self, nudge: Nudge, beta: complex) -> ReducedStates | Array:
        pushed = self._pushed(nudge, beta)
        if pushed is not None:
            return pushed
        circuit, free = self.circuit(nudge, beta), self.point
        states, same = free.states, circuit.size == free.circuit.size and self.corrected is None
        if same and isinstance(states, ReducedStates) and not np.iscomplexobj(beta):
            # What the solver knows of the free state's circuit holds for this one, too, but for the nudge.
            start = OperatingPoint.of_states(circuit, states, linearization=free.linearization)
        else:
            places = slice(free.x.shape[1]) if self.corrected is None else self.corrected.unknowns
            x = np.zeros((len(free.x), circuit.size), complex if isinstance(beta, complex) else float)
            x[:, places] = free.x
            start = replace(free, circuit=circuit, x=x, linearization=None)
        try:
            point = self.model.solver.solve(circuit, start)
        except CircuitError as error:
            raise ConvergenceError(
                f"the circuit has no operating point under the nudge of beta={beta:g}: {error.message}",
                error.place,
                "make beta smaller, and do not take outputs that fix each other",
            ) from None
        known = point.linearization
        self._definite[beta] = known.definite if isinstance(known, NonlinearLinearization) else None
        return point.states if same else np.asarray(point.x[:, places])

    @property
    def additive(self) -> bool:
        """Whether what elements compare between two states is what one of these has beside a third less the other.

        Of a resistor that is so: Δv_b² - Δv_a². Weights that differ would not be symmetric in the two states.
        """
        groups, weights = self.point.circuit.groups, self.co_content.weights
        plain = all(isinstance(groups[g].device, Resistor) for g, _ in self.model.parameters.columns)
        return plain and self.corrected is None and bool((weights == weights[:1]).all())

    def contrast(
        self, before: ReducedStates | Array, after: ReducedStates | Array, *, product: bool = False, drops: bool = False
    ) -> dict[Column, Array]:
        """What each element compares between two states (S, N), summed over samples but for the mixed columns.

        The difference of ∂Φ/∂p, or with ``product`` the part of it that is linear in the change. A trained source
        is not asked for its current where elements at the nodes that it holds do not answer as they act, but these
        elements are: see channel.py, also for ``drops``.
        """
        circuit, weights = self.point.circuit, self.co_content.weights
        columns, mixed = self.model.parameters.columns, self.model.parameters.mixed
        if product:
            found = co_content_product(circuit, before, after, columns, weights, apart=mixed)
        else:
            found = co_content_difference(circuit, before, after, columns, weights, apart=mixed)
        answered = self.corrected is not None or (self.co_content.exists and not self.co_content.sourceless)
        if answered and not drops:
            return found
        shifts = SourceShifts.of(circuit, self.model.probes, self.model.parameters)
        if drops:
            require_gates(circuit, shifts)
        if len(shifts.elements):
            each = source_contrast(circuit, shifts, whole(before), whole(after), weights, product=product, drops=drops)
            for column, (mine, places) in shifts.columns().items():
                found[column][..., places] = each[:, mine] if column in mixed else each[:, mine].sum(axis=0)
        return found

    @property
    def told(self) -> bool:
        """Whether the free state tells what nudges are stable: that of a linear circuit, or of a bench."""
        return self.point.circuit.linear or self.bench is not None

    def require_stable(self, nudge: Nudge, beta: float, state: ReducedStates | Array | None, said: float) -> None:
        """Raise ConvergenceError where the nudged ``state`` (S, N) is unstable because of negative conductances.

        Where the free state has ``told``, that is known before it is solved for, and it may be None.
        ``said`` is β as the rule was given it, of which the message says how large it may be.
        A linear circuit has such a state beyond the β at which it loses stability, too. With A
        the circuit's Jacobian, G the diagonal matrix of the conductances and Z = M A⁻¹ Mᵀ the
        resistances that the outputs see, A and G times the weights of the co-content, A + Mᵀ G M
        has no more negative eigenvalues than A where G⁻¹ + Z has as many as G (E. V.
        Haynsworth, Linear Algebra and its Applications 1, 73, 1968). With weights below zero no
        state is a minimum.
        """
        plain = self._plain(nudge, beta).conductance
        if plain is None or not np.any(plain < 0) or not self.co_content.exists:
            return
        if np.any(self.co_content.weights < 0):
            return
        definite = self._definite.get(beta)
        if definite is not None and definite.all() and self.co_content.plain:
            # A minimum of the co-content with the nudge.
            return
        at = self.point if self.told or state is None else self._free_at(state)
        own, seen = np.diag(1.0 / plain), self.resistances(at)
        # At the limit itself an eigenvalue is zero up to rounding, and what is solved is rounding divided by itself.
        least = SINGULAR * float(np.abs(own).max())
        wrong = np.flatnonzero(np.sum(np.linalg.eigvalsh(own + seen) < -least, axis=-1) < np.sum(plain < 0))
        if not len(wrong):
            return
        smaller = "make beta smaller"
        if type(nudge) in PROPORTIONAL and np.all(plain < 0):
            root = np.sqrt(-plain)
            limit = said / float(np.linalg.eigvalsh(root[:, None] * seen * root).max())
            smaller = f"make beta smaller than {limit:.3g}, where the two cancel"
            smaller += "" if self.point.circuit.linear else ", and by more where it changes with the state"
        raise ConvergenceError(
            "the negative nudge takes away all of the conductance that an output sees, or more: the circuit has no "
            "stable operating point",
            hint=f"{smaller}, or use states=positive where the rule has it",
            sample=int(wrong[0]),
        )

    def _free_at(self, state: ReducedStates | Array) -> OperatingPoint:
        """The free circuit in another state."""
        known = self.point.linearization
        if isinstance(state, ReducedStates) and isinstance(known, NonlinearLinearization):
            return OperatingPoint.of_states(self.point.circuit, state, linearization=replace(known, states=state))
        return replace(self.point, x=whole(state), linearization=None)

    def resistances(self, point: OperatingPoint) -> Array:
        """Z = M (D J)⁻¹ Mᵀ at each sample of ``point``, (S, o, o), or (1, o, o) where all are equal.

        In ohms between the nodes of outputs that are voltages, siemens for currents.
        """
        probes, weights = self.model.probe_matrix.toarray(), self.co_content.weights
        currents = probes / np.where(weights == 0, 1.0, weights)
        return linearize(point).transfer(currents, probes)

    def unit(self) -> float:
        """What a relative strength of 1 is: the β at which a negative conductance β h takes stability away.

        That is 1 over the greatest eigenvalue of h^½ Z h^½, h the curvature of the loss by each output and Z the
        resistances that the outputs see, so that it scales with the circuit and with the loss. In a nonlinear
        circuit the most resistive of a few samples counts. Where other nodes move farther than outputs, as amplifiers
        have them do with reciprocal=correct, it is so many times less, for diodes there bend as much as any.
        """
        point = self.point
        if not point.circuit.linear:
            rows = sampled(len(point.states))
            point = OperatingPoint(taken(point.circuit, rows), point.x[rows])
        seen = self.resistances(point)
        unit = unit_strength(seen, curvature(self.loss, self.outputs, self.targets))
        return unit if point.circuit.linear or self.corrected is None else unit / self._gain(point, seen)

    def _gain(self, point: OperatingPoint, seen: Array) -> float:
        """How many times as far as an output, which a nudge moves, other nodes move in the corrected circuit.

        ``seen`` (S, o, o) are what :meth:`resistances` says. Without amplifiers it is once at the most. With Jᵀ in
        place of J, A times the current that a nudge makes at an amplifier's output flows at its inputs.
        """
        probes = self.model.probe_matrix.toarray()
        drives = np.broadcast_to(probes, (len(point.states), *probes.shape))
        moves = np.abs(linearize(point).solve(drives, transpose=True)[..., : len(point.circuit.nodes)])
        own = np.abs(np.diagonal(seen, axis1=1, axis2=2))
        gains = moves.max(axis=-1, initial=0.0)[own > 0] / own[own > 0]
        return float(gains.max(initial=1.0))


@lru_cache(maxsize=16)
def sampled(count: int) -> Array:
    """Which of ``count`` samples of a nonlinear circuit are asked for the conductances that outputs see."""
    result = np.unique(np.linspace(0, count - 1, SAMPLED).astype(int))
    result.flags.writeable = False
    return result


def unit_strength(resistances: Array, curvatures: Array) -> float:
    """What :meth:`FreePhase.unit` says, for what the outputs see (S, o, o) and the loss's curvature by each (o,)."""
    root = np.sqrt(curvatures)
    greatest = np.linalg.svd(root[:, None] * resistances * root, compute_uv=False).max()
    return float(1.0 / greatest) if np.isfinite(greatest) and greatest > 0 else 1.0


def free_phase(
    model: Model,
    loss: Loss,
    point: OperatingPoint,
    outputs: Array,
    targets: Array,
    *,
    policy: Policy,
    bench: Bench | None = None,
) -> FreePhase:
    """The phase that a batch begins with. Where the circuit has no co-content, what ``policy`` says."""
    if bench is not None:
        point = bench.simulated
    found = reciprocity(point.circuit, point.states, model.probes, model.parameters)
    if not found.exists and policy == "correct" and bench is not None:
        raise CircuitError("reciprocal=correct adds sources inside the circuit, and a chip has none")
    if not found.exists and policy == "correct":
        return FreePhase(model, loss, point, outputs, targets, found, corrected_circuit(point))
    if not found.exists:
        names = found.breaking
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        message = (
            f"the circuit has no co-content, because {shown} "
            f"{'breaks' if len(names) == 1 else 'break'} reciprocity: an energy-based rule does not follow the gradient"
        )
        if policy == "require":
            raise CircuitError(message, hint="use rule analytic, or reciprocal=correct")
        unsaid = Unsaid.of(point.circuit, model.probes, model.parameters)
        of = unsaid.mistaken or unsaid.voltages or (() if unsaid.others else unsaid.silent)
        if of:
            # Of what sets the voltage of a gate through a resistor, for one, such a rule would say zero.
            raise CircuitError(
                f"{message}, and of {of[0]} it says nothing",
                hint="use rule analytic, gauss-newton, in-the-loop, differences or spsa, or reciprocal=correct",
            )
        if unsaid.silent:
            several = len(unsaid.silent) - SHOWN
            more = f" and {several} more" if several > 0 else ""
            message = f"{message}, and of {', '.join(unsaid.silent[:SHOWN])}{more} it says nothing"
        warn(message)
    return FreePhase(model, loss, point, outputs, targets, found, bench=bench)
