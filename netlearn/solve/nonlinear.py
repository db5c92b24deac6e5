"""Operating points of nonlinear circuits by Newton's method, all samples in step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from netlearn.arrays import Array, all_finite
from netlearn.circuit.circuit import Circuit, one_sample, taken
from netlearn.circuit.devices.base import Values
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.errors import ConvergenceError, warn
from netlearn.solve.accuracy import FEW_DIGITS, digits_of
from netlearn.solve.bordered.diodes import rises
from netlearn.solve.bordered.matrix import BorderedFactors
from netlearn.solve.bordered.system import BorderedSystem
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.failure import failure, not_finite
from netlearn.solve.newton.homotopy import hurried, source_stepping
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.linearization import NonlinearLinearization, Together
from netlearn.solve.newton.system import NonlinearModel, System, chunks
from netlearn.solve.newton.ways import FoundSoFar, find
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.precise.newton import settle
from netlearn.solve.reduced_states import ReducedStates, moving_of
from netlearn.solve.threads import one_thread

FAR = 10.0
"""Node voltages beyond so many times what sources supply are hardly meant: by convention, as only gain takes a node
there."""
NEARER = 0.1
"""A solution has to be so much nearer than another to be preferred, by convention: what FAR is to one."""
LOOKED_AT, MOST_PRECISE = 16, 16
"""So many samples are asked how many digits hold, and so many are solved with more: by convention, as one takes some
tenths of a second."""


@dataclass(frozen=True)
class NonlinearSolver:
    """The Solver for circuits of any devices.

    Where Newton's method fails from the given start it is tried from where nodes are held at their
    ``.nodeset``, from zero, then along gmin stepping, source stepping and a pseudo-transient, each only
    for the samples that still lack an operating point. A ``careful`` one uses more digits where float64 loses too many.
    """

    careful: bool = False

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples.

        Raises CircuitError for a circuit whose graph rules out a unique operating point, and
        ConvergenceError, naming samples, node and devices, where none was found.
        """
        try:
            point = self._solve(circuit, start)
        except ConvergenceError:
            found = self._precise(circuit, None, range(min(circuit.samples or 1, MOST_PRECISE))) if self.careful else []
            if not found or len(found) < (circuit.samples or 1) or any(each is None for each in found):
                raise
            x, rest = (np.stack(part) for part in zip(*(each for each in found if each is not None), strict=True))
            return OperatingPoint(circuit, x, 1, NonlinearLinearization(NonlinearModel.of(circuit), x), rest)
        return self._improved(point) if self.careful else point

    def _solve(self, circuit: Circuit, start: OperatingPoint | None) -> OperatingPoint:
        near = None if start is None else start.linearization
        model = NonlinearModel.of(circuit, near.model if isinstance(near, NonlinearLinearization) else None)
        tolerances, count = Tolerances.of(circuit), circuit.samples or 1
        guess = _guess(model, start, count)
        unique = _unique(model)
        iterations, lost, alone = 0, np.arange(count), guess is None and not circuit.nodeset and not unique
        with one_thread():
            near_by = unique or guess is not None
            bordered = BorderedSystem.of(model, count) if near_by and count > 1 and not circuit.nodeset else None
            if bordered is not None:
                last = near.together if isinstance(near, NonlinearLinearization) else None
                reached = bordered.solve(guess, tolerances, last if isinstance(last, BorderedSystem) else None)
                if reached.converged.all():
                    return _point(model, reached.states, reached.steps, bordered, reached.definite)
            # Where .nodeset has a say, the first guess is found below.
            known = near.together if isinstance(near, NonlinearLinearization) else None
            known = known if isinstance(known, Lockstep) else None
            together = Lockstep.of(model, count, known) if count > 1 and not circuit.nodeset else None
            if together is not None:
                outcome = together.solve(guess, tolerances, unique=unique)
                iterations, lost = int(outcome.steps.max(initial=0)), np.flatnonzero(~outcome.converged)
                states = outcome.states
                if not len(lost) and not (alone and _may_be_far(states)):
                    return _point(model, states, iterations, together, outcome.definite)
                x = states.x
            else:
                x = np.empty((count, circuit.size), model.dtype)
            for part in chunks(model, len(lost)):
                samples = lost[part]
                system = System.of(model, samples)
                found = find(system, None if guess is None else guess[:, samples], tolerances, model.pattern)
                if len(found.lost):
                    raise failure(system, found.y, found.lost, found.worst)
                x[samples] = system.unknowns(found.y).T
                iterations = max(iterations, int(found.iterations.max(initial=0)))
            if alone:
                _bring_back(model, x, tolerances)
            _finite(model, x)
        return OperatingPoint(circuit, x, iterations, NonlinearLinearization(model, x, together))

    def _improved(self, point: OperatingPoint) -> OperatingPoint:
        """The same with more digits at those samples of which few are sure."""
        count = len(point.x)
        if np.iscomplexobj(point.x):
            return point
        doubtful = _doubtful(point, np.linspace(0, count - 1, min(LOOKED_AT, count)).astype(int))
        if not len(doubtful):
            return point
        if count > LOOKED_AT:
            doubtful = _doubtful(point, np.arange(count))
        if len(doubtful) > MOST_PRECISE:
            said = f"fewer than six digits hold at {len(doubtful)} samples, the first of them sample {doubtful[0] + 1}"
            warn(f"{said}: in the circuit's equations large terms nearly cancel")
            return point
        x, rest, places = point.x.copy(), np.zeros(point.x.shape), doubtful.tolist()
        for sample, found in zip(places, self._precise(point.circuit, point, places), strict=True):
            if found is not None:
                x[sample], rest[sample] = found
        return replace(point, x=x, rest=rest)

    def _precise(
        self, circuit: Circuit, point: OperatingPoint | None, samples: Iterable[int]
    ) -> list[tuple[Array, Array] | None]:
        """Solutions of samples with many digits, from those of ``point`` or from where devices start."""
        own = (circuit if circuit.samples is None else one_sample(circuit, sample) for sample in samples)
        starts = (None if point is None else point.x[sample] for sample in samples)
        return [settle(each, start) for each, start in zip(own, starts, strict=True)]


def _point(
    model: NonlinearModel, states: ReducedStates, iterations: int, together: Together, definite: Array | None
) -> OperatingPoint:
    """The operating points at states that are found, whose other unknowns are looked at when somebody asks for them."""
    checked = ReducedStates(states.reduction, states.held, states.moving, lambda: _finite(model, states.x))
    linearization = NonlinearLinearization(model, checked, together, definite)
    return OperatingPoint.of_states(model.circuit, checked, iterations, linearization)


def bordered_point(
    circuit: Circuit, held: Array | None, moving: Array, iterations: int, factors: list[BorderedFactors] | None
) -> OperatingPoint:
    """The operating points that a plan of the circuit has found, with nothing worked out but the reduced unknowns.

    These are ``moving`` (S, r), and ``held`` (S, s) what sources hold. ``factors`` are the eliminations there as
    ``BorderedSystem`` keeps them, if they are known.
    """
    whole = _Bordered(circuit, moving, iterations, factors)
    states = ReducedStates(SourceReduction.of(circuit), held, moving, lambda: whole.point.x)
    return OperatingPoint.later(circuit, states, iterations, lambda: whole.point.linearization)


@dataclass(frozen=True, eq=False)
class _Bordered:
    """What ``bordered_point`` is given."""

    circuit: Circuit
    moving: Array
    iterations: int
    factors: list[BorderedFactors] | None

    @cached_property
    def point(self) -> OperatingPoint:
        """The operating points as the solver has them."""
        model = NonlinearModel.of(self.circuit)
        system = BorderedSystem.of(model, len(self.moving))
        if system is None:
            # Diodes' values were changed in place meanwhile, so that a current falls.
            x = System.of(model, np.arange(len(self.moving))).unknowns(self.moving.T).T
            return OperatingPoint(self.circuit, x, self.iterations)
        system.kept = None if self.factors is None else (self.moving, self.factors)
        return _point(model, system.states(self.moving), self.iterations, system, None)


def _doubtful(point: OperatingPoint, samples: Array) -> Array:
    """Those of the samples of which some number holds fewer than six digits."""
    circuit = point.circuit if point.circuit.samples is None else taken(point.circuit, samples)
    part = OperatingPoint(circuit, point.x[samples])
    digits = digits_of(part, NonlinearLinearization(NonlinearModel.of(circuit), part.x))
    return np.asarray(samples[(digits < FEW_DIGITS).any(axis=1)])


def _finite(model: NonlinearModel, x: Array) -> Array:
    """The unknowns (S, N). Raises ConvergenceError where one of them is not finite."""
    if not all_finite(x):
        wrong = np.flatnonzero(~np.isfinite(x).all(axis=1))[:1]
        raise not_finite(System.of(model, wrong), x[wrong][:, model.reduction.members].T)
    return x


def _unique(model: NonlinearModel) -> bool:
    """Whether every element is a passive one whose current rises with its voltage: then one operating point exists."""
    return model.dtype.kind != "c" and model.equations.own.once("unique", lambda: _passive(model))


def _passive(model: NonlinearModel) -> bool:
    circuit, prepared = model.circuit, model.equations.prepared
    groups = circuit.wiring.once(_passive, lambda: _two_terminals(circuit))
    if groups is None:
        return False
    resistors, junctions, straight = groups
    return (
        all(bool(np.asarray(circuit.groups[g].values["resistance"]).min() > 0) for g in resistors)
        and all(_junction_rises(prepared[g]) for g in junctions)
        and all(rises(prepared[g]) for g in straight)
    )


def _junction_rises(prepared: Values) -> bool:
    saturation, slope = np.min(prepared["saturation"], initial=0.0), np.min(prepared["vte"], initial=np.inf)
    return bool(saturation >= 0 and slope > 0 and np.min(prepared.get("series", 0.0), initial=0.0) >= 0)


def _two_terminals(circuit: Circuit) -> tuple[list[int], ...] | None:
    """The groups of resistors, diodes and ideal ones; None if there is more than these and independent sources."""
    groups = [(g, group.device) for g, group in enumerate(circuit.groups) if len(group)]
    kinds = (Resistor, Diode, IdealDiode)
    if not all(isinstance(device, (*kinds, VoltageSource, CurrentSource)) for _, device in groups):
        return None
    return tuple([g for g, device in groups if isinstance(device, kind)] for kind in kinds)


def _bring_back(model: NonlinearModel, x: Array, tolerances: Tolerances) -> None:
    """Replace solutions x (S, N) far beyond what sources supply where one near by is reached from sources of zero."""
    nodes = len(model.circuit.nodes)

    def extent(of: Array) -> Array:
        return np.asarray(np.abs(of[:, :nodes]).max(axis=1, initial=0.0))

    if not np.iscomplexobj(x) and max(x[:, :nodes].max(initial=0.0), -x[:, :nodes].min(initial=0.0)) <= FAR:
        return
    far = np.flatnonzero(extent(x) > FAR * _supply(model.circuit))
    for part in chunks(model, len(far)):
        samples = far[part]
        system = System.of(model, samples)
        found = FoundSoFar.nothing(system, tolerances)
        found.take(np.arange(len(samples)), *source_stepping(model, samples, hurried(tolerances), model.pivoting))
        other = system.unknowns(found.y).T
        better = found.converged & (extent(other) < NEARER * extent(x[samples]))
        x[samples[better]] = other[better]


def _may_be_far(states: ReducedStates) -> bool:
    """Whether a node may be at a voltage that ``_bring_back`` looks at: from the sums that voltages are."""
    volts = states.moving if states.reduction.is_node.all() else states.moving[:, states.reduction.is_node]
    parts = [volts] if states.held is None else [volts, states.held]
    return not sum(max(part.max(initial=0.0), -part.min(initial=0.0)) for part in parts) <= FAR


def _supply(circuit: Circuit) -> Array:
    """The most volts (S,) or () that independent sources make of their own, one volt at the least."""
    total: Array = np.ones(1)
    groups = [group for group in circuit.groups if len(group)]
    resistances = [np.abs(group.values["resistance"]).max() for group in groups if isinstance(group.device, Resistor)]
    for group in groups:
        if isinstance(group.device, VoltageSource):
            total = total + np.abs(group.values["dc"]).sum(axis=-1)
        elif isinstance(group.device, CurrentSource):
            total = total + np.abs(group.values["dc"]).sum(axis=-1) * max(resistances, default=0.0)
    return total


def _guess(model: NonlinearModel, start: OperatingPoint | None, count: int) -> Array | None:
    """Where to start from (r, S), if ``start`` belongs to a circuit of this kind."""
    if start is None:
        return None
    states = start.states
    if isinstance(states, ReducedStates) and start.circuit is model.circuit and len(states) == count:
        # A nudged state begins at the free one, whose reduced unknowns are the same.
        y = states.moving.T
        return y if states.moving.shape[1] == model.reduction.size and np.isfinite(y).all() else None
    moving = moving_of(states, model.reduction)
    if moving is None or len(moving) not in (1, count):
        return None
    y = np.broadcast_to(moving, (count, model.reduction.size)).T
    return y if np.isfinite(y).all() else None
