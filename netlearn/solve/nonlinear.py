"""Operating points of nonlinear circuits by Newton's method, all samples in step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.solve.equations.diagnosis import explain_singular, listed
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.matrices.many import Pattern
from netlearn.solve.newton.homotopy import LADDER, hurried
from netlearn.solve.newton.iteration import Shunt, Tolerances, balanced, iterate
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel, System, chunks
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.threads import one_thread

NODESET_CONDUCTANCE = 1e3


@dataclass(frozen=True)
class _Found:
    y: Array
    converged: Array
    iterations: Array
    worst: Array


class NonlinearSolver:
    """The Solver for circuits of any devices.

    Where Newton's method fails from the given start it is tried from zero, then along gmin
    stepping, source stepping and a pseudo-transient, each only for the samples that still lack
    an operating point.
    """

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of all samples.

        Raises CircuitError for a circuit whose graph rules out a unique operating point, and
        ConvergenceError, naming samples, node and devices, where none was found.
        """
        model, tolerances = NonlinearModel.of(circuit), Tolerances.of(circuit)
        count = circuit.samples or 1
        x = np.empty((count, circuit.size), model.dtype)
        guess = _guess(model, start, count)
        iterations, lost = 0, np.arange(count)
        with one_thread():
            # Where .nodeset has a say, the first guess is found below.
            together = Lockstep.of(model, count) if count > 1 and not circuit.nodeset else None
            if together is not None:
                x, converged, steps = together.solve(guess, tolerances, unique=_unique(model))
                iterations, lost = int(steps.max(initial=0)), np.flatnonzero(~converged)
            for part in chunks(model, len(lost)):
                samples = lost[part]
                system = System.of(model, samples)
                found = _solve(system, None if guess is None else guess[:, samples], tolerances, model.pattern)
                if not found.converged.all():
                    raise _failure(model, samples, found)
                x[samples] = system.unknowns(found.y).T
                iterations = max(iterations, int(found.iterations.max(initial=0)))
        return OperatingPoint(circuit, x, iterations, NonlinearLinearization(model, x, together))


def _unique(model: NonlinearModel) -> bool:
    """Whether every element is a passive one whose current rises with its voltage: then one operating point exists."""
    kinds = (Diode, IdealDiode, VoltageSource, CurrentSource)
    groups = [group for group in model.circuit.groups if len(group)]
    resistors = [group for group in groups if isinstance(group.device, Resistor)]
    real = model.dtype.kind != "c"
    return (
        real
        and all(isinstance(group.device, (*kinds, Resistor)) for group in groups)
        and all(bool((np.asarray(group.values["resistance"]) > 0).all()) for group in resistors)
    )


def _guess(model: NonlinearModel, start: OperatingPoint | None, count: int) -> Array | None:
    """Where to start from (r, S), if ``start`` belongs to a circuit of this kind."""
    if start is None or start.x.shape[1] != model.circuit.size or len(start.x) not in (1, count):
        return None
    y = np.broadcast_to(start.x[:, model.reduction.members], (count, model.reduction.size)).T
    return y if np.isfinite(y).all() else None


def _solve(system: System, guess: Array | None, tolerances: Tolerances, pattern: Pattern) -> _Found:
    model, samples = system.model, system.samples
    first = guess if guess is not None else _from_nodeset(system, tolerances)
    found = iterate(system, first, tolerances, pattern, cold=guess is None and not model.circuit.nodeset)
    y, converged, worst = found.y, found.converged, found.worst
    good, unbalanced = balanced(system, y, tolerances)
    worst = np.where(converged & ~good, unbalanced, worst)
    converged = converged & good
    if not converged.all() and guess is not None:
        lost = np.flatnonzero(~converged)
        again = _solve(system.restricted(lost), None, tolerances, model.pattern)
        y[:, lost], converged[lost], worst[lost] = again.y, again.converged, again.worst
        return _Found(y, converged, found.iterations, worst)
    for _, method in LADDER:
        lost = np.flatnonzero(~converged)
        if not len(lost):
            break
        reached, arrived, last = method(model, samples[lost], hurried(tolerances), model.pivoting)
        good, _ = balanced(system.restricted(lost), reached, tolerances)
        y[:, lost], converged[lost], worst[lost] = reached, arrived & good, last
    return _Found(y, converged, found.iterations, worst)


def _from_nodeset(system: System, tolerances: Tolerances) -> Array:
    """The first guess: zero, or the operating point with the ``.nodeset`` nodes held at their voltages."""
    model, zero = system.model, np.zeros((system.model.reduction.size, len(system.samples)), system.model.dtype)
    place = model.reduction.place
    held = {int(place[node]): volts for node, volts in model.circuit.nodeset.items() if place[node] >= 0}
    if not held:
        return zero
    conductance, anchor = zero.copy(), zero.copy()
    for unknown, volts in held.items():
        conductance[unknown], anchor[unknown] = NODESET_CONDUCTANCE, volts
    pinned = iterate(system, anchor, tolerances, model.pivoting, Shunt(conductance, anchor), cold=True)
    return np.where(pinned.converged, pinned.y, anchor)


def _failure(model: NonlinearModel, samples: Array, found: _Found) -> CircuitError:
    circuit = model.circuit
    named = explain_singular(circuit, model.equations.topology.masks)
    if named is not None:
        return named
    lost = np.flatnonzero(~found.converged)
    unknown = int(model.reduction.members[found.worst[lost[0]]])
    names = [*(f"node '{n}'" for n in circuit.nodes), *(f"the current of '{b}'" for b in circuit.branches)]
    touching = [
        group.names[k]
        for group in (circuit.groups[g] for g in model.nonlinear)
        for k in np.flatnonzero((np.asarray(group.index) == unknown).any(axis=1))[:4].tolist()
    ]
    at = f", at {listed(touching)}" if touching else ""
    others = f" ({len(lost)} samples failed in all)" if len(lost) > 1 else ""
    tried = ", ".join(name for name, _ in LADDER)
    return ConvergenceError(
        f"no operating point found{others}: {names[unknown]} did not settle{at}",
        hint=f"Newton's method, {tried} were tried; give a .nodeset near the solution, raise itl1, "
        "or check the devices' values and the sources' range",
        sample=int(samples[lost[0]]),
    )
