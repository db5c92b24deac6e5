"""Why no operating point was found, told by samples, nodes and elements."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.solve.equations.diagnosis import explain_singular, listed
from netlearn.solve.newton.homotopy import LADDER
from netlearn.solve.newton.system import System

SHOWN = 4
"""Names that a message lists: by convention as many as one line has room for."""

BOUNDS = "keep the arguments of functions within bounds, for example sqrt(max(x, 0)) or x / max(y, 1u)"
"""The remedy where a netlist's own expression has no value."""
VALUES = "look for a value of it or of its model that is zero, negative or huge and cannot be"
"""The remedy where a device of a model has none."""


def failure(system: System, y: Array, lost: Array, worst: Array) -> CircuitError:
    """For the samples at the places ``lost``, which ended at ``y`` (r, S), the unknowns ``worst`` (S,) still moving."""
    circuit = system.model.circuit
    named = explain_singular(circuit, system.model.equations.topology.masks)
    if named is not None:
        return named
    others = f" ({len(lost)} samples failed in all)" if len(lost) > 1 else ""
    which, sample = f"no operating point found{others}", int(system.samples[lost[0]])
    undefined = _undefined(system.restricted(lost[:1]), y[:, lost[:1]])
    if undefined is not None:
        what, hint = undefined
        return ConvergenceError(f"{which}: {what}", hint=hint, sample=sample)
    unknown = int(system.model.reduction.members[worst[lost[0]]])
    touching = [
        group.names[k]
        for group in (circuit.groups[g] for g in system.model.nonlinear)
        for k in np.flatnonzero((np.asarray(group.index) == unknown).any(axis=1))[:SHOWN].tolist()
    ]
    at = f", at {listed(touching)}" if touching else ""
    tried = ", ".join(name for name, _ in LADDER)
    return ConvergenceError(
        f"{which}: {_names(circuit)[unknown]} did not settle{at}",
        hint=f"Newton's method, {tried} were tried; give a .nodeset near the solution, raise itl1, "
        "or check the devices' values and the sources' range",
        sample=sample,
    )


def not_finite(system: System, y: Array) -> CircuitError:
    """For samples at whose solutions ``y`` (r, S) a current is not finite."""
    what, hint = _undefined(system, y) or ("a current is larger than any number", BOUNDS)
    return ConvergenceError(f"no operating point: {what}", hint=hint, sample=int(system.samples[0]))


def _undefined(system: System, y: Array) -> tuple[str, str] | None:
    """The first device without a finite value at ``y`` (r, 1) with what it depends on, and the remedy."""
    circuit = system.model.circuit
    for g in system.model.nonlinear:
        group, place = circuit.groups[g], system.local(g, y)
        with np.errstate(all="ignore"):
            current = group.device.residual(place, system.model.take(g, system.samples))
        for k in np.flatnonzero(~np.isfinite(current[0]).all(axis=-1))[:1].tolist():
            touched = dict(zip(np.asarray(group.index)[k].tolist(), place[0, k].real.tolist(), strict=True))
            names = [*(f"v({n})" for n in circuit.nodes), *(f"i({b})" for b in circuit.branches)]
            own = f"i({group.names[k]})"
            values = [f"{names[i]} = {v:.6g}" for i, v in touched.items() if i != GROUND and names[i] != own]
            where = f" at {', '.join(values[:SHOWN])}" if values else ""
            hint = BOUNDS if isinstance(group.device, BehaviouralSource) else VALUES
            return f"'{group.names[k]}' has no finite value{where}", hint
    return None


def _names(circuit: Circuit) -> list[str]:
    return [*(f"node '{n}'" for n in circuit.nodes), *(f"the current of '{b}'" for b in circuit.branches)]
