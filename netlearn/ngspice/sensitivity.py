"""Sensitivities of one probe to the values of all elements: our own, and ngspice's ``.sens``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit, Column, one_sample
from netlearn.ngspice.batch import sens_batch
from netlearn.ngspice.deck import TIGHT, Deck, write_deck
from netlearn.ngspice.forms import column, form_of
from netlearn.ngspice.library import library
from netlearn.ngspice.messages import Crashed, not_found
from netlearn.ngspice.process import WorkerProcess, by_library_or_program
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.solve.sensitivity import Sensitivity, sensitivities

STEP = 1e-4
"""Of a value, for central differences: their error is the square of it, and rounding by it. The worst of six netlists'
derivatives are off by 6e-7 of themselves, by 6e-6 with a tenth of the step, and by 6e-5 with ten times as much
(benchmarks/constants_of_ngspice.py)."""
ROUNDING, POINTS = 1e-8, 9
"""Over such a part of values, at so many points, rounding is all that leaves a straight line, by convention: the square
of it is below float64's."""
QUARTILE = 0.6745
"""The median of a normal distribution's magnitudes, in standard deviations, by definition."""
NEAR = {**TIGHT, "reltol": 1e-7, "abstol": 1e-13, "vntol": 1e-10}
"""Options near an operating point, by convention: Newton's last step, squared, is below float64's rounding. With
tighter ones ngspice finds no end amid the rounding of high gains, and turns to ways to other states."""
SPREAD = 5.0
"""Standard deviations of rounding that a difference may be off by, by convention: one of a million is beyond."""
DOUBT = 1e-3
"""A relative difference beyond what the finite steps of ``.sens`` explain: where it is right in four netlists, it is so
to 5e-4, and elsewhere it is off by 0.3 and more (benchmarks/constants_of_ngspice.py)."""


class Slope(NamedTuple):
    """A difference of operating points over a difference of a value, and how far rounding may take it off."""

    slope: float
    rounding: float

    @classmethod
    def of(cls, change: float, step: float, noise: float) -> Slope:
        """From a ``change`` between a ``step`` up and one down of a value, with ``noise`` as each one's deviation."""
        return cls(change / (2 * step), SPREAD * 2**0.5 * noise / (2 * step))


def against_ngspice(
    solver: Solver, circuit: Circuit, probe: Outputs | Probes, sample: int = 0, timeout: float = 60.0
) -> list[Sensitivity]:
    """The same with ngspice's own sensitivities beside ours.

    Where ``.sens`` has no number or one that is not ours, central differences of ngspice's operating
    points decide: ngspice 39's ``.sens`` crashes with any bipolar transistor, gives zero for a diode's
    rs and a wrong number for the area of a diode with rs. Raises what ``ngspice_sensitivities`` does.
    """
    ours = sensitivities(solver, circuit, probe, sample)
    state = solver.solve(one_sample(circuit, sample))
    try:
        # .sens knows voltages and currents of voltage sources; differences decide on all else.
        by_sens = ngspice_sensitivities(circuit, probe, sample, timeout) if probe.between_unknowns else {}
    except Crashed:
        by_sens = {}

    def differences(keys: list[tuple[str, str]]) -> dict[tuple[str, str], Slope]:
        if not keys:
            return {}
        return ngspice_differences(state, probe, keys, ngspice_noise(state, probe, timeout), timeout)

    return judged(ours, by_sens, differences)


def judged(
    ours: Sequence[Sensitivity],
    by_sens: Mapping[tuple[str, str], float],
    differences: Callable[[list[tuple[str, str]]], Mapping[tuple[str, str], Slope]],
) -> list[Sensitivity]:
    """Sensitivities with those by ``.sens`` beside them, and by differences where these are missing or differ."""
    found = [replace(s, by_sens=by_sens.get((s.element, s.name), float("nan"))) for s in ours]
    doubtful = [
        (s.element, s.name) for s in found if s.value != 0 and s.derivative != 0 and not s.relative_difference < DOUBT
    ]
    decided = differences(doubtful)
    none = Slope(float("nan"), 0.0)
    slopes = [decided.get((s.element, s.name), none) for s in found]
    return [replace(s, by_differences=t.slope, rounding=t.rounding) for s, t in zip(found, slopes, strict=True)]


def ngspice_sensitivities(
    circuit: Circuit,
    probe: Outputs | Probes,
    sample: int = 0,
    timeout: float = 60.0,
    tolerances: Mapping[str, float] = TIGHT,
) -> dict[tuple[str, str], float]:
    """ngspice's ``.sens`` of a probe at one sample, by element and value name.

    ngspice perturbs each value by a finite step, so that some six digits are right. Raises
    NgspiceError where ngspice is missing or hangs, Crashed where it crashes, ConvergenceError where it
    finds no operating point, and CircuitError for a probe that the circuit does not have.
    """
    one = one_sample(circuit, sample)
    deck = write_deck(one, tolerances)
    word, sign = _probe_word(deck, probe)
    vectors = _sens(one, word, timeout, tolerances)
    return {key: sign * value for key, value in _by_element(deck, vectors).items()}


def ngspice_differences(
    state: OperatingPoint,
    probe: Outputs | Probes,
    keys: Sequence[tuple[str, str]],
    noise: float,
    timeout: float = 60.0,
) -> dict[tuple[str, str], Slope]:
    """Central differences of ngspice's operating points by the values ``keys`` (element, value name).

    They are those near the ``state`` of one sample, of which a circuit may have several. The step is STEP of a value,
    which leaves about five digits; the ``noise`` is what ``ngspice_noise`` says. Raises what NgspiceSolver does.
    """
    one, columns = _held_near(state), dict[Column, list[int]]()
    for element, name in keys:
        g, k = one.element(element)
        columns.setdefault((g, name), []).append(k)
    found = {}
    with NgspiceSolver(timeout, tolerances=NEAR) as solver:
        for (g, name), places in columns.items():
            group = one.groups[g]
            values = np.broadcast_to(np.asarray(group.values[name], dtype=float), len(group))
            steps = STEP * np.where(values[places] == 0, 1.0, np.abs(values[places]))
            stepped = np.tile(values, (2, len(places), 1))
            stepped[:, np.arange(len(places)), places] += np.stack([steps, -steps])
            moved = one.with_values({(g, name): stepped.reshape(-1, len(group))})
            upper, lower = probe.read(moved, solver.solve(moved).x).reshape(2, -1)
            for k, step, change in zip(places, steps.tolist(), (upper - lower).tolist(), strict=True):
                found[group.names[k], name] = Slope.of(change, step, noise)
    return found


def ngspice_noise(state: OperatingPoint, probe: Outputs | Probes, timeout: float = 60.0) -> float:
    """The standard deviation that rounding gives to what a probe of ngspice's reads at the ``state`` of one sample.

    With amplifiers of high gain it is far more than float64's. Raises what NgspiceSolver does.
    """
    one = one_sample(state.circuit, 0)
    columns = [
        (g, name) for g, group in enumerate(one.groups) if len(group) for name in form_of(group.device).alterable
    ]
    if not columns:
        return 0.0
    g, name = columns[0]
    values = column(one.groups[g], name).astype(float)
    steps = ROUNDING * np.linspace(-1.0, 1.0, POINTS)[:, None] * np.where(values == 0, 1.0, np.abs(values))
    moved = one.with_values({(g, name): values + steps})
    with NgspiceSolver(timeout) as solver:
        bends = np.diff(probe.read(moved, solver.solve(moved).x)[:, 0], 2)
    # Each is of a variance six times as large. Some may be steps to other states, so that the median tells.
    return float(np.median(np.abs(bends)) / (QUARTILE * 6**0.5))


def circuits_slope(
    circuits: tuple[Circuit, Circuit], state: OperatingPoint, probe: Outputs | Probes, step: float, noise: float
) -> Slope:
    """The same from two circuits near the ``state``, a ``step`` up and one down of something that both depend on."""
    with NgspiceSolver(tolerances=NEAR) as solver:
        pair = [replace(each, nodeset=_held_near(state).nodeset) for each in circuits]
        upper, lower = (float(probe.read(each, solver.solve(each).x)[0, 0]) for each in pair)
        return Slope.of(upper - lower, step, noise)


def _held_near(state: OperatingPoint) -> Circuit:
    """The circuit of one sample with its voltages as ``.nodeset``, so that ngspice finds no other state."""
    one = one_sample(state.circuit, 0)
    return replace(one, nodeset=dict(enumerate(state.x[0, : len(one.nodes)].tolist())))


def _probe_word(deck: Deck, probe: Outputs | Probes) -> tuple[str, float]:
    """The probe in the deck's names, and the sign with which it is the user's. Raises CircuitError for another kind."""
    plus, minus = int(probe.ends.plus[0]), int(probe.ends.minus[0])
    order, sign = ([plus, minus], 1.0) if plus != GROUND else ([minus], -1.0)
    vectors = [deck.vectors[k] for k in order if k != GROUND]
    branch = order[0] >= len(deck.circuit.nodes)
    return (f"i({vectors[0].removesuffix('#branch')})" if branch else f"v({','.join(vectors)})"), sign


def _by_element(deck: Deck, vectors: Mapping[str, float]) -> dict[tuple[str, str], float]:
    found = {}
    for group, elements in zip(deck.circuit.groups, deck.elements, strict=True):
        # What an option of the deck stands for has no elements there.
        if not elements:
            continue
        form = form_of(group.device)
        for name, element in zip(group.names, elements, strict=True):
            for value in group.values:
                vector = form.sens_name(element, value)
                if vector is not None and vector in vectors:
                    found[name, value] = vectors[vector]
    return found


def _sens(circuit: Circuit, word: str, timeout: float, tolerances: Mapping[str, float]) -> dict[str, float]:
    def by_library(path: str) -> dict[str, float]:
        return _through_library(path, circuit, word, timeout, tolerances)

    return by_library_or_program(library(), by_library, lambda: sens_batch(circuit, word, timeout, tolerances))


def _through_library(
    path: str, circuit: Circuit, word: str, timeout: float, tolerances: Mapping[str, float]
) -> dict[str, float]:
    # In a process of its own: after a save command, ngspice 39's sens crashes.
    worker = WorkerProcess(path, tolerances)
    try:
        deck = worker.prepare(circuit, saves=False)
        found, said = worker.sens(deck.values(circuit)[0], word, timeout)
    finally:
        worker.close()
    if found is None:
        raise not_found(circuit, 0, said)
    return found
