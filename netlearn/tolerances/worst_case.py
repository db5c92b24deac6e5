"""The worst case of each output: the ends of the tolerances that exact gradients lead to, confirmed by solving.

An output that rises and falls monotonically with every part has its extremes at corners of the box of tolerances,
which the signs of its gradient name. Where they change on the way, the search goes on from corner to corner, tries
every single part at its other end, and at last goes inside the box (L-BFGS-B). Nothing of this tries 2ⁿ corners.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from netlearn.arrays import Array
from netlearn.errors import CircuitError
from netlearn.tolerances.trials import Trials

ROUNDS = 12
"""So often signs are followed, and single parts tried: in rings with diodes worst cases are those of all corners after
2, and after 1 they fall short by up to 3e-5 of the range (n = 5) (benchmarks/constants_of_search.py)."""
MOST_TRIED = 20_000
"""Operating points of one round of trying single parts, a bound of time: in rings of ten resistors with diodes 200 are
enough, and 20 fall short by up to 7e-13 of the range (n = 5) (benchmarks/constants_of_search.py)."""
SAMPLES = 16
"""Of more samples than this, those with the most extreme predictions are looked at: of 12 samples of rings with diodes
8 give what all corners do, and 1 or 2 fall short by up to 4 % of the range (n = 5)
(benchmarks/constants_of_search.py)."""
INSIDE = 1e-6
"""A derivative by so much of the whole effect that points inwards says that the extreme is inside: from 1e-10 to 1e-2
rings with diodes have the same worst cases, one of which is inside, 0.3 % of the range beyond all corners (n = 5)
(benchmarks/constants_of_search.py)."""


@dataclass(frozen=True)
class WorstCase:
    """The lowest or highest that an output gets, in the sample where it does.

    ``deviations`` (n,) are the random numbers there, as parts of their reach between -1 and 1, and ``predicted`` what
    the gradient at the nominal values says; ``by_ngspice`` is ngspice's output there, NaN where it was not asked.
    """

    output: str
    unit: str
    side: str
    sample: str
    nominal: float
    predicted: float
    value: float
    deviations: Array
    by_ngspice: float = float("nan")

    def __repr__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"<{self.side} of {self.output} in {self.sample}: {self.value:.6g}{unit}>"


def worst_cases(trials: Trials, v: Array, outputs: Array) -> list[WorstCase]:
    """The lowest and the highest case of each output; draws ``v`` (D, n) with ``outputs`` (D, S, o) are starts too.

    Raises CircuitError where not even the nominal circuit can be solved.
    """
    reach, count = trials.population.reach, len(trials.names)
    samples = len(trials.inputs)
    slopes = slopes_at_nominal(trials)
    effects = np.abs(slopes) @ reach
    nominal = trials.nominal
    searches: list[tuple[int, int, int, Array]] = []
    for j in range(count):
        for side in (-1, 1):
            order = np.argsort(-side * (nominal[:, j] + side * effects[:, j]), kind="stable")[: min(samples, SAMPLES)]
            for s in order.tolist():
                searches.append((j, side, s, side * np.sign(slopes[s, j]) * reach))
                if len(v):
                    extreme = int(np.argmax(np.nan_to_num(side * outputs[:, s, j], nan=-np.inf)))
                    searches.append((j, side, s, np.sign(v[extreme]) * reach))
    found = _searched(trials, searches)
    cases = []
    for j in range(count):
        for side, word in ((-1, "low"), (1, "high")):
            of = [k for k, search in enumerate(searches) if search[:2] == (j, side)]
            best = max(of, key=lambda k: side * found[1][k])
            s = searches[best][2]
            cases.append(
                WorstCase(
                    trials.names[j],
                    trials.units[j],
                    word,
                    trials.labels[s],
                    float(nominal[s, j]),
                    float(nominal[s, j] + side * effects[s, j]),
                    float(found[1][best]),
                    found[0][best] / reach,
                )
            )
    return cases


def slopes_at_nominal(trials: Trials) -> Array:
    """Derivatives (S, o, n) of the outputs by the random numbers where nothing is off."""
    samples, count, n = len(trials.inputs), len(trials.names), len(trials.population.variables)
    which = np.repeat(np.arange(samples), count)
    _, slopes = trials.slopes(np.zeros((samples * count, n)), which, np.tile(np.arange(count), samples))
    return slopes.reshape(samples, count, n)


def confirmed(trials: Trials, cases: list[WorstCase], other: Trials) -> list[WorstCase]:
    """The cases with what another solver finds for them."""
    reach = trials.population.reach
    v = np.stack([case.deviations * reach for case in cases])
    samples = np.array([trials.labels.index(case.sample) for case in cases])
    theirs = other.at(v, samples)
    return [replace(case, by_ngspice=float(theirs[k, trials.names.index(case.output)])) for k, case in enumerate(cases)]


def _searched(trials: Trials, searches: list[tuple[int, int, int, Array]]) -> tuple[Array, Array]:
    """Where each search ends (R, n), and the outputs there (R,)."""
    reach = trials.population.reach
    j, side, s = (np.array([search[k] for search in searches]) for k in (0, 1, 2))
    v = np.stack([search[3] for search in searches])
    # A part without influence may stand anywhere.
    v = np.where(v == 0, reach, v)
    best = np.full(len(v), -np.inf)
    places = v.copy()
    active = np.arange(len(v))
    slopes = np.zeros_like(v)
    for _ in range(ROUNDS):
        values, gradients = _slopes(trials, v[active], s[active], j[active])
        scores = np.nan_to_num(side[active] * values, nan=-np.inf)
        better = scores > best[active]
        rows = active[better]
        best[rows], places[rows], slopes[rows] = scores[better], v[rows], gradients[better]
        towards = np.where(gradients == 0, np.sign(v[active]), side[active, None] * np.sign(gradients)) * reach
        moved = better & (towards != v[active]).any(axis=1)
        v[active] = towards
        active = active[moved]
        if not len(active):
            break
    places, best, slopes = _singly(trials, (j, side, s), places, best, slopes)
    _inside(trials, (j, side, s), places, best, slopes)
    return places, side * best


def _slopes(trials: Trials, v: Array, s: Array, j: Array) -> tuple[Array, Array]:
    try:
        return trials.slopes(v, s, j)
    except CircuitError:
        if len(v) == 1:
            return np.full(1, np.nan), np.zeros_like(v)
    half = len(v) // 2
    parts = [_slopes(trials, v[p], s[p], j[p]) for p in (slice(None, half), slice(half, None))]
    return np.concatenate([parts[0][0], parts[1][0]]), np.concatenate([parts[0][1], parts[1][1]])


def _singly(
    trials: Trials, which: tuple[Array, Array, Array], places: Array, best: Array, slopes: Array
) -> tuple[Array, Array, Array]:
    """Move single random numbers to their other end as long as that is worse."""
    j, side, s = which
    n = places.shape[1]
    for _ in range(ROUNDS):
        # One that helps by its own derivative at its end, and in second order, has no use of the other end.
        allowed = max(1, MOST_TRIED // n)
        rows = np.argsort(-best, kind="stable")[:allowed]
        flips = np.repeat(places[rows], n, axis=0)
        flips[np.arange(len(flips)), np.tile(np.arange(n), len(rows))] *= -1.0
        owners = np.repeat(rows, n)
        values = trials.at(flips, s[owners])[np.arange(len(flips)), j[owners]]
        scores = np.nan_to_num(side[owners] * values, nan=-np.inf).reshape(len(rows), n)
        choice = scores.argmax(axis=1)
        gained = scores[np.arange(len(rows)), choice] > best[rows] + 1e-12 * np.abs(np.nan_to_num(best[rows], neginf=0))
        if not gained.any():
            break
        moved = rows[gained]
        places[moved, choice[gained]] *= -1.0
        best[moved] = scores[gained, choice[gained]]
        slopes[moved] = _slopes(trials, places[moved], s[moved], j[moved])[1]
    return places, best, slopes


def _inside(trials: Trials, which: tuple[Array, Array, Array], places: Array, best: Array, slopes: Array) -> None:
    """Where a derivative points into the box, look for the extreme inside."""
    j, side, s = which
    reach = trials.population.reach
    free = np.array([variable.deviate.distribution != "ends" for variable in trials.population.variables])
    inwards = side[:, None] * slopes * np.sign(places) * reach < -INSIDE * np.abs(slopes * reach).sum(
        axis=1, keepdims=True
    )
    for k in np.flatnonzero((inwards & free).any(axis=1)).tolist():
        held, scale = places[k], max(abs(best[k]), 1e-30)

        def cost(x: Array, k: int = k, held: Array = held, scale: float = scale) -> tuple[float, Array]:
            at = np.where(free, x * reach, held)[None]
            value, slope = trials.slopes(at, s[k : k + 1], j[k : k + 1])
            return -side[k] * value[0] / scale, np.where(free, -side[k] * slope[0] * reach / scale, 0.0)

        try:
            found = minimize(cost, held / reach, jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * len(reach))
        except CircuitError:
            continue
        if -found.fun * scale > best[k]:
            best[k], places[k] = -found.fun * scale, np.where(free, found.x * reach, held)
