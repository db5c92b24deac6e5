"""The best combination of values that parts can have, which is seldom that of the nearest ones.

Few combinations are all solved. Among many, a continuous optimum is the start. Around it the outputs are linear in
the logarithms of the values, by the exact Jacobian J, and the loss is quadratic with the Gauss-Newton matrix JᵀHJ.
In its Cholesky factor the parts can be chosen one after the other, each adding to a lower bound of the cost of all
that begins with the same choices; those with the lowest bounds are followed (the K-best sphere decoder of lattice
problems: K. Wong, C. Tsui, R. Cheng and W. Mow, ISCAS 2002, III-273), and what they lead to is solved and linearized
anew. Other continuous optima, which there are where only ratios matter, are other starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.discrete.candidates import Candidates
from netlearn.discrete.choices import Choices, Stock, uses
from netlearn.discrete.exchanges import moves_of, neighbours, promising
from netlearn.discrete.kept_steps import KeptSteps, digest_of
from netlearn.discrete.told import tell_of_search
from netlearn.errors import OptionError

BUDGET = 400_000
"""Operating points that a search may take, by convention a bound of time: values of 8 parts take fewer than half of it,
and with a tenth and a hundredth the miss that is left is 1.04 and 2.3 times as large (factors 1.1 and 2.4, n = 6)
(benchmarks/constants_of_search.py)."""
WIDTH = 1500
"""Choices that are followed from one part to the next: with half and with twice as many 8 parts miss 0.99 and 0.98
times as much (factors 1.03 and 1.04, n = 6) in 0.65 and 1.8 times the operating points
(benchmarks/constants_of_search.py)."""
NEAR = 14
"""Values nearest to the best one that are tried for each part: with half and with twice as many 8 parts miss 0.75 and
1.09 times as much (factors 2.0 and 1.2, n = 6: no more than chance) (benchmarks/constants_of_search.py)."""
STARTS = 16
"""Continuous optima that are begun at: with half and with twice as many 8 parts miss 1.34 and 0.79 times as much
(factors 1.9 and 2.4, n = 6) in 0.5 and 2 times the operating points (benchmarks/constants_of_search.py)."""
TURNS = 4
"""Sets of such, of which each has to improve on those before: 8 parts take two at most, as 2 and 8 lead to the same
values (n = 6) (benchmarks/constants_of_search.py)."""
ROUNDS = 8
"""So often what was found is linearized anew: with 4 and with 16 values of 8 parts are the same (n = 6)
(benchmarks/constants_of_search.py)."""
STEPS = 12
"""Gauss-Newton steps to a continuous optimum: with 6 and with 24 values of 8 parts are the same (n = 6)
(benchmarks/constants_of_search.py)."""
FLAT = 1e-7
"""Eigenvalues below so much of the largest are those of directions in which nothing changes: from 1e-9 to 1e-5 values
of 8 parts are the same (n = 6) (benchmarks/constants_of_search.py)."""
NOTHING = 1e-20
"""A loss below so much of the nearest values' is one of zero, up to rounding, as its square root is 1e-10 of theirs:
from 1e-22 to 1e-18 values of 8 parts are the same (n = 6) (benchmarks/constants_of_search.py)."""
ALIKE = 0.1
"""Parts that are as far from the middles of goals' bands, in steps of so much of half a band, are as good: by
convention, a tenth, against which tolerances of parts are large."""

MOST_MOVES = 100_000
"""Beyond so many exchanges of one and two parts, of 112 parts, the best of the quadratic model alone are solved, by
convention: all of them take 90 MB as a table, and more than a budget."""
MOST_PARTS = 4096
"""Of more values the nearest are taken, by convention, as each step of a search is one of a matrix of values by values:
of a crossbar of 32x16 pairs one takes a second or two."""
STEP_NUMBERS = 20_000_000
"""Numbers that the matrices of all continuous optima may have together, by convention 160 MB: 16 of 1118 values."""
FOLLOWED = 2_000_000_000
"""Choices times the square of values, by convention some ten seconds for each time that parts are chosen one after the
other: 1500 choices of 1154 values."""
PROMISING = 256
"""So many of them, by convention: what a derivative by all values costs with a few outputs, and more are solved for
nothing where the first of them is the best."""


@dataclass(frozen=True)
class Found:
    """The chosen numbers (P,) of the choices, their values (P,) and loss, and that of the nearest values.

    ``complete`` says that all combinations were solved; ``solved`` counts operating points.
    """

    chosen: Array
    theta: Array
    loss: float
    nearest: Array
    nearest_loss: float
    complete: bool
    solved: int

    @property
    def searched(self) -> bool:
        """Whether there was a search, and not too many values for it."""
        return self.complete or len(self.chosen) <= MOST_PARTS


def best_choice(
    candidates: Candidates,
    choices: Sequence[Choices],
    stock: Stock,
    start: Array,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    journal: Path | None = None,
    anew: bool = False,
) -> Found:
    """The combination of choices with the least loss, starting from values (P,) of a continuous optimum.

    Where there is a ``journal``, a search that takes seconds keeps its steps there, and goes on from those that it
    has, to the same result. Those of another search are dropped with ``anew``, and refused without it. Raises
    OptionError for them, and where the stock is not enough for any combination.
    """
    search = _Search(candidates, choices, stock, budget, seed, steps=KeptSteps(journal, anew))
    return search.run(np.asarray(start, dtype=float))


class _Search:
    def __init__(
        self,
        candidates: Candidates,
        choices: Sequence[Choices],
        stock: Stock,
        budget: int,
        seed: int,
        *,
        steps: KeptSteps,
    ) -> None:
        self.steps = steps
        self.asked: list[Array | float] = [
            *(of.values for of in choices),
            stock.values,
            stock.counts,
            float(budget),
            float(seed),
            NOTHING,
            ALIKE,
        ]
        self.candidates = replace(candidates, told=lambda solved: tell_of_search(solved, budget))
        self.choices, self.stock = choices, stock
        self.budget, self.rng = budget, np.random.default_rng([seed, 11])
        self.logs = [np.log(of.values) for of in choices]
        self.samples = max(len(candidates.inputs), 1)
        self.complete = prod(len(of.values) for of in choices) * self.samples <= budget
        self.limited = bool(np.isfinite(stock.counts).any())
        self.best: tuple[float, float, float] = (np.inf, np.inf, np.inf)
        self.zero = 0.0
        self.chosen: Array | None = None

    def run(self, start: Array) -> Found:
        self.aim = np.log(start)
        nearest = np.array([np.argmin(np.abs(logs - u)) for logs, u in zip(self.logs, self.aim, strict=True)])
        nearest_loss = float(self.candidates.losses(self._theta(nearest[None]))[0])
        self.zero = NOTHING * nearest_loss if np.isfinite(nearest_loss) else 0.0
        given = self.candidates
        with self.steps.opened(digest_of(start, *self.asked, given.inputs, given.targets, nearest_loss)):
            self._take(nearest[None])
            if self.chosen is None and not self._searchable:
                self._take(self._handed_out())
            if self.complete:
                self._all()
            elif self._searchable:
                self._search(start)
        if self.chosen is None:
            raise OptionError("there are not enough parts of the right values", hint="see the counts in the list")
        return Found(
            self.chosen,
            self._theta(self.chosen[None])[0],
            self.best[0],
            self._theta(nearest[None])[0],
            nearest_loss,
            self.complete,
            self.candidates.solved,
        )

    @property
    def _searchable(self) -> bool:
        return len(self.choices) <= MOST_PARTS

    @property
    def _derivatives(self) -> int:
        """What derivatives by all values take, with one choice that follows from them."""
        return self.samples * (2 + len(self.candidates.model.measured))

    @property
    def _affords_derivatives(self) -> bool:
        return self.candidates.solved + self._derivatives <= self.budget

    @property
    def _affordable_starts(self) -> int:
        """For how many continuous optima there is time yet."""
        left = self.budget - self.candidates.solved - self._derivatives
        return max(left // (STEPS * self._derivatives + self.samples), 0)

    def _handed_out(self) -> Array:
        """The choice (1, P) of the nearest values of which there are parts left, one after the other; none, (0, P)."""
        taken, chosen = (
            np.zeros((1, len(self.stock.values)), dtype=np.int64),
            np.zeros((1, len(self.logs)), dtype=np.intp),
        )
        for part, logs in enumerate(self.logs):
            near = np.argsort(np.abs(logs - self.aim[part]), kind="stable")[None]
            free = self._enough(taken, part, near)[0]
            if not free.any():
                return chosen[:0]
            chosen[0, part] = near[0, np.argmax(free)]
            taken += uses(self.choices[part : part + 1], chosen[:, part : part + 1], self.stock)
        return chosen

    def _all(self) -> None:
        counts = [len(of.values) for of in self.choices]
        total, at_once = prod(counts), 50_000
        for first in range(0, total, at_once):
            numbers = np.arange(first, min(first + at_once, total))
            self._take(np.stack(np.unravel_index(numbers, counts), axis=1))

    def _search(self, start: Array) -> None:
        # The first start is where the user or the training has led; the others are as good, and lie elsewhere.
        for turn in range(TURNS):
            if turn and not self._affordable_starts:
                return
            before = self.best
            starts = self._around(start)
            if not turn:
                self._from(self._polished(starts[:1])[0])
                if self.best[0] == 0:
                    # The others lead further away, and to no lower loss.
                    return
            # Other continuous optima, the best first, as many as there is time for yet.
            others = starts[1 : self._affordable_starts + 1]
            for base in self._polished(others) if len(others) else ():
                self._from(base)
            if self.best == before or self.best[0] == 0 or self.candidates.solved >= self.budget:
                return

    def _from(self, base: Array) -> None:
        """What one continuous optimum (P,) leads to."""
        for _ in range(ROUNDS):
            if not self._affords_derivatives:
                return
            before = self.best
            local = self._decoded(base)
            if local is None:
                return
            self._exchange()
            # Linear again where this start has led, as long as that improves.
            if np.array_equal(self._theta(local[None])[0], base) or self.best >= before:
                return
            base = self._theta(local[None])[0]

    # Continuous optima -----------------------------------------------------------------------

    def _around(self, start: Array) -> Array:
        """The start, and others (starts, P) off it, most of all in directions in which nothing changes."""
        u = np.log(start)
        low, high = (np.array([logs[end] for logs in self.logs]) for end in (0, -1))
        outputs, jacobian = self.candidates.jacobians(start[None])
        _, matrix = self._quadratic(outputs, jacobian)
        values, vectors = np.linalg.eigh(matrix[0])
        flat = vectors[:, values <= FLAT * values[-1]]
        # A part of the budget goes into continuous optima, which many samples make dear.
        count = int(np.clip(self.budget // (4 * STEPS * self.samples * (2 + outputs.shape[2])), 1, STARTS)) - 1
        count = min(count, STEP_NUMBERS // len(u) ** 2, max(self._affordable_starts - 1, 0))
        others = np.tile(u, (count, 1)) + self.rng.normal(0, 0.2, (count, len(u)))
        if flat.shape[1]:
            others += self.rng.normal(0, np.log(10.0), (count, flat.shape[1])) @ flat.T * np.sqrt(len(u))
        return np.asarray(np.exp(np.clip(np.vstack([u, others]), low, high)))

    def _polished(self, theta: Array) -> Array:
        """Continuous optima (starts, P) by damped Gauss-Newton steps, each from its own start, the best first."""
        return self._step(theta, lambda: self._optima(theta)).reshape(theta.shape)

    def _optima(self, theta: Array) -> Array:
        low, high = (np.array([of.values[end] for of in self.choices]) for end in (0, -1))
        damping = np.full(len(theta), 1e-3)
        losses = self._costs(theta)
        for _ in range(STEPS):
            outputs, jacobian = self.candidates.jacobians(theta)
            gradient, matrix = self._quadratic(outputs, jacobian)
            size = np.trace(matrix, axis1=1, axis2=2) / theta.shape[1]
            if not size.max() > 0:
                # Nothing that is asked depends on any value.
                break
            damped = matrix + ((damping * size + 1e-12 * size.max())[:, None, None]) * np.eye(theta.shape[1])
            step = -np.linalg.solve(damped, gradient[..., None])[..., 0]
            trial = np.clip(theta * np.exp(np.clip(step, -1.0, 1.0)), low, high)
            costs = self._costs(trial)
            better = costs < losses
            theta, losses = np.where(better[:, None], trial, theta), np.where(better, costs, losses)
            damping = np.where(better, damping / 5, damping * 8)
        return np.asarray(theta[np.argsort(losses, kind="stable")])

    def _costs(self, theta: Array) -> Array:
        """What continuous optima are found by: the loss, and the distance from the middles of bands."""
        losses, outputs = self.candidates.judged(theta)
        return np.asarray(losses + 1e-3 * self.candidates.off_centre(outputs))

    def _quadratic(self, outputs: Array, jacobian: Array) -> tuple[Array, Array]:
        """The gradient (K, P) and the Gauss-Newton matrix (K, P, P) by the logarithms."""
        slope, curvature = self.candidates.curvature(outputs)
        samples = outputs.shape[1]
        gradient = np.einsum("ksop,kso->kp", jacobian, slope) / samples
        matrix = np.einsum("ksop,ksoq,ksqr->kpr", jacobian, curvature, jacobian, optimize=True) / samples
        return gradient, matrix

    # Choosing one part after the other -------------------------------------------------------

    def _decoded(self, base: Array) -> Array | None:
        """The best choice (P,) that the quadratic model around values (P,) leads to, of those that were solved."""
        outputs, jacobian = self.candidates.jacobians(base[None])
        gradient, matrix = (part[0] for part in self._quadratic(outputs, jacobian))
        values, vectors = np.linalg.eigh(matrix)
        if not values[-1] > 0:
            return None
        floor = 1e-10 * values[-1]
        steep = values > FLAT * values[-1]
        centre = np.log(base) - vectors @ ((vectors.T @ gradient) * steep / np.maximum(values, floor))
        matrix = matrix + floor * np.eye(len(matrix))
        # The last in the order is chosen first: what changes least by itself comes last.
        order = np.argsort(np.diag(matrix), kind="stable")
        upper = np.linalg.cholesky(matrix[np.ix_(order, order)]).T
        found = self._followed(upper, centre, order)
        if not len(found):
            return None
        return self._take(found)

    def _followed(self, upper: Array, centre: Array, order: Array) -> Array:
        """Choices (K, P) with the lowest bounds; ``upper`` is the factor RᵀR of the model in that order."""
        count = len(order)
        width = min(WIDTH, max(1, FOLLOWED // count**2))
        offsets, cost = np.zeros((1, count)), np.zeros(1)
        chosen = np.zeros((1, count), dtype=np.intp)
        taken = np.zeros((1, len(self.stock.values)), dtype=np.int64)
        for k in range(count - 1, -1, -1):
            part = int(order[k])
            logs = self.logs[part]
            pull = offsets[:, k + 1 :] @ upper[k, k + 1 :] / upper[k, k]
            near = self._near(logs, centre[part] - pull)
            # (beam, near): how far each value is off the centre, and what that adds.
            off = logs[near] - centre[part]
            costs = cost[:, None] + (upper[k, k] * (off + pull[:, None])) ** 2
            if self.limited:
                costs = np.where(self._enough(taken, part, near), costs, np.inf)
            flat = costs.ravel()
            keep = np.argsort(flat, kind="stable")[:width]
            keep = keep[np.isfinite(flat[keep])]
            rows, which = np.divmod(keep, near.shape[1])
            cost, offsets, chosen, taken = flat[keep], offsets[rows].copy(), chosen[rows].copy(), taken[rows].copy()
            chosen[:, part] = near[rows, which]
            offsets[:, k] = off[rows, which]
            if self.limited:
                taken += uses(self.choices[part : part + 1], chosen[:, part : part + 1], self.stock)
        return chosen

    @staticmethod
    def _near(logs: Array, wanted: Array) -> Array:
        """(B, near) numbers of the values that are nearest to what is wanted (B,)."""
        count = min(NEAR, len(logs))
        first = np.clip(np.searchsorted(logs, wanted) - count // 2, 0, len(logs) - count)
        return first[:, None] + np.arange(count)

    def _enough(self, taken: Array, part: int, near: Array) -> Array:
        """(B, near) whether there are parts left for each choice."""
        of, counts = self.choices[part], self.stock.counts
        first, second = of.first[near], of.second[near]
        rows = np.arange(len(near))[:, None]
        free = counts[first] - taken[rows, first]
        both = np.where(second < 0, 0, second)
        free_second = np.where(second < 0, np.inf, counts[both] - taken[rows, both])
        return np.asarray((free >= 1 + (first == second)) & (free_second >= 1))

    # What was found --------------------------------------------------------------------------

    def _exchange(self) -> None:
        """Move single parts and pairs of them to neighbouring values, as long as that improves."""
        while self.candidates.solved < self.budget and self.chosen is not None:
            before = self.chosen
            self._take(self._neighbours(before))
            if np.array_equal(before, self.chosen):
                break

    def _neighbours(self, chosen: Array) -> Array:
        """Choices (K, P) that differ from ``chosen`` in one or two parts: all, or those that promise to be better."""
        counts = np.array([len(of.values) for of in self.choices])
        if moves_of(len(chosen)) <= MOST_MOVES:
            return neighbours(chosen, counts)
        if not self._affords_derivatives:
            return chosen[None][:0]
        outputs, jacobian = self.candidates.jacobians(self._theta(chosen[None]))
        gradient, matrix = (part[0] for part in self._quadratic(outputs, jacobian))
        if not self.limited:
            return promising(chosen, self.logs, gradient, matrix, PROMISING)
        # Most of them may take parts that are used up.
        found = promising(chosen, self.logs, gradient, matrix, 16 * PROMISING)
        enough = (uses(self.choices, found, self.stock) <= self.stock.counts).all(axis=1)
        return np.asarray(found[enough][:PROMISING])

    def _take(self, chosen: Array) -> Array | None:
        """Solve choices (K, P), keep the best of all, and give the best of these."""
        if self.limited:
            chosen = chosen[(uses(self.choices, chosen, self.stock) <= self.stock.counts).all(axis=1)]
        if not self.complete:
            # In the order of what they promise, as many as there is time for.
            chosen = chosen[: max(1, (self.budget - self.candidates.solved) // self.samples)]
        if not len(chosen):
            return None
        place, *found_by = self._step(chosen, lambda: self._least(chosen)).tolist()
        at, found = int(place), (found_by[0], found_by[1], found_by[2])
        if found < self.best:
            self.best, self.chosen = found, chosen[at]
        return np.asarray(chosen[at])

    def _least(self, chosen: Array) -> Array:
        """Which of the choices (K, P) is the best: its loss, and how far it is from bands' middles and from the start.

        Where only ratios matter many have no loss: those with values near the given ones are what is wanted. So of
        those that are as far from the middles, but for ``ALIKE`` of half a band, the nearest is taken.
        """
        theta = self._theta(chosen)
        losses, outputs = self.candidates.judged(theta)
        losses = np.where(losses <= self.zero, 0.0, losses)
        ties = np.flatnonzero(losses <= losses.min())
        second = np.floor(self.candidates.part_off_centre(outputs[ties]) / ALIKE)
        moved = np.sum((np.log(theta[ties]) - self.aim) ** 2, axis=1)
        at = int(np.lexsort((moved, second))[0])
        return np.array([ties[at], losses[ties[at]], second[at], moved[at]])

    def _step(self, given: Array, work: Callable[[], Array]) -> Array:
        found, self.candidates.solved = self.steps(given, lambda: self.candidates.solved, work)
        return found

    def _theta(self, chosen: Array) -> Array:
        return np.stack([of.values[chosen[:, k]] for k, of in enumerate(self.choices)], axis=1)
