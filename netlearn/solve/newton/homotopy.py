"""Ways to an operating point where Newton's method alone finds none.

They are SPICE's: gmin stepping, source stepping, and a pseudo-transient. Each sample goes its own
pace: a step that converged is followed by a longer one, a step that did not by a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.matrices.many import Pattern
from netlearn.solve.newton.iteration import IterationOutcome, Tolerances, iterate
from netlearn.solve.newton.system import NonlinearModel, System

GMIN_FROM, GMIN_TO = -2.0, -13.0
"""Decimal logarithms of the conductance to ground, in siemens, between which it is lowered: from one that outweighs
most elements to one below ngspice's own gmin of 1e-12. Of 73 hard circuits one is lost from a hundredth or a hundred
times as much, and none to a thousand times as much (benchmarks/hard_circuits.py, with 40 networks)."""
SHORTEST = 1e-5
"""Steps of progress below which a continuation is given up, by convention: seven failures in a row from the first step
on. Other numbers were not measured: the next way is tried then."""
MOST_STEPS = 150
"""Steps of a continuation, after which it is given up: with half and with twice as many 57 hard circuits are all solved
in as many steps (benchmarks/hard_circuits.py). It bounds how long one without an operating point takes."""
MOST_FAILURES = 20
"""Failed steps of a continuation, after each of which it shortens its step, by convention as MOST_STEPS."""

Attempt = Callable[[Array, Array, Array, Array | None], IterationOutcome]
"""attempt(samples, y, progress, before): Newton's method for some samples at their progress from 0 to 1.

``y`` are the solutions at the progress ``before``; without that they are no solutions yet.
"""


def hurried(tolerances: Tolerances) -> Tolerances:
    """The same with as many iterations as SPICE gives to one point of a sweep."""
    return replace(tolerances, iterations=min(tolerances.iterations, 50))


def follow(attempt: Attempt, y: Array, first: float) -> tuple[Array, Array, Array]:
    """Take all samples from progress 0 to 1 in adaptive steps, ``first`` the first one.

    Returns y (r, S), which samples arrived, and the unknown (S,) that failed last.
    """
    count = y.shape[1]
    begun = attempt(np.arange(count), y, np.zeros(count), None)
    y, alive, worst = begun.y, begun.converged.copy(), begun.worst.copy()
    progress, length = np.zeros(count), np.full(count, first)
    for _ in range(MOST_STEPS):
        going = np.flatnonzero(alive & (progress < 1.0))
        if not len(going):
            break
        target = np.minimum(progress[going] + length[going], 1.0)
        outcome = attempt(going, y[:, going], target, progress[going])
        won, lost = going[outcome.converged], going[~outcome.converged]
        y[:, won], progress[won] = outcome.y[:, outcome.converged], target[outcome.converged]
        # A step that took few iterations may be doubled next time.
        quick = outcome.iterations[outcome.converged] <= 12
        length[won] *= np.where(quick, 2.0, 1.0)
        length[lost] /= 4.0
        worst[lost] = outcome.worst[~outcome.converged]
        alive[lost[length[lost] < SHORTEST]] = False
    return y, progress >= 1.0, worst


def gmin_stepping(
    model: NonlinearModel, samples: Array, tolerances: Tolerances, pattern: Pattern
) -> tuple[Array, Array, Array]:
    """From conductances to ground at every node, made smaller and then left out."""
    system = System.of(model, samples)
    nodes = model.reduction.is_node[:, None]

    def attempt(kept: Array, y: Array, progress: Array, before: Array | None) -> IterationOutcome:
        # The last part of the way is the step to no conductance at all.
        gmin = np.where(progress < 1.0, 10.0 ** (GMIN_FROM + (GMIN_TO - GMIN_FROM) * progress), 0.0)
        here = system.restricted(kept).shunted(nodes * gmin, np.zeros_like(y))
        return iterate(here, y, tolerances, pattern, cold=before is None, damped=True)

    return follow(attempt, np.zeros((model.reduction.size, len(samples)), model.dtype), 1.0 / (GMIN_FROM - GMIN_TO))


def source_stepping(
    model: NonlinearModel, samples: Array, tolerances: Tolerances, pattern: Pattern
) -> tuple[Array, Array, Array]:
    """From independent sources of zero, raised together to their values."""

    def attempt(kept: Array, y: Array, progress: Array, before: Array | None) -> IterationOutcome:
        here = System.of(model, samples[kept], progress)
        # The first step is along the tangent at the last solution, where sources have not yet moved.
        at = None if before is None else System.of(model, samples[kept], before).places(y)
        return iterate(here, y, tolerances, pattern, at=at, cold=before is None, damped=True)

    return follow(attempt, np.zeros((model.reduction.size, len(samples)), model.dtype), 0.05)


def pseudo_transient(
    model: NonlinearModel, samples: Array, tolerances: Tolerances, pattern: Pattern
) -> tuple[Array, Array, Array]:
    """From zero along the charging of a capacitor at every node, in ever longer steps of time."""
    system = System.of(model, samples)
    nodes = model.reduction.is_node[:, None]
    count = len(samples)
    y = np.zeros((model.reduction.size, count), model.dtype)
    conductance = np.full(count, 1.0)
    arrived, worst, failures = np.zeros(count, bool), np.zeros(count, int), np.zeros(count, int)
    for step in range(MOST_STEPS):
        going = np.flatnonzero(~arrived & (failures < MOST_FAILURES))
        if not len(going):
            break
        start = y[:, going]
        here = system.restricted(going).shunted(nodes * conductance[going], start)
        outcome = iterate(here, start, tolerances, pattern, cold=step == 0, damped=True)
        won, lost = going[outcome.converged], going[~outcome.converged]
        y[:, won] = outcome.y[:, outcome.converged]
        worst[lost] = outcome.worst[~outcome.converged]
        conductance[won] /= 2.0
        conductance[lost] *= 8.0
        failures[lost] += 1
        ripe = won[conductance[won] < 1e-3]
        if len(ripe):
            final = iterate(system.restricted(ripe), y[:, ripe], tolerances, pattern, damped=True)
            y[:, ripe[final.converged]] = final.y[:, final.converged]
            arrived[ripe[final.converged]] = True
            failures[ripe[~final.converged]] += 1
    return y, arrived, worst


LADDER = (
    ("gmin stepping", gmin_stepping),
    ("source stepping", source_stepping),
    ("pseudo-transient", pseudo_transient),
)
