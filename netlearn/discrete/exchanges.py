"""Choices that differ from one in one or two parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array

ALONE, TOGETHER = (-3, -2, -1, 1, 2, 3), (-2, -1, 1, 2)
"""So far a part moves along its values by itself, and with another one, by convention: what is further off is for
choosing all parts anew."""


def moves_of(parts: int) -> int:
    """How many exchanges there are."""
    return len(ALONE) * parts + len(TOGETHER) ** 2 * (parts * (parts - 1) // 2)


def neighbours(chosen: Array, counts: Array) -> Array:
    """All choices (K, P) that are one exchange from ``chosen`` (P,), where each part has so many values, (P,)."""
    parts = len(chosen)
    moves = [np.eye(parts, dtype=np.intp) * step for step in ALONE]
    a, b = np.triu_indices(parts, 1)
    for i in TOGETHER:
        for j in TOGETHER:
            both = np.zeros((len(a), parts), dtype=np.intp)
            both[np.arange(len(a)), a], both[np.arange(len(a)), b] = i, j
            moves.append(both)
    tried = chosen + np.concatenate(moves)
    return np.asarray(tried[((tried >= 0) & (tried < counts)).all(axis=1)])


def promising(chosen: Array, logs: Sequence[Array], gradient: Array, matrix: Array, most: int) -> Array:
    """Those of them (K, P), ``most`` at most, that lower the quadratic model around ``chosen``, the best first.

    The model is that of the loss by the logarithms of the values, with ``gradient`` (P,) and ``matrix`` (P, P);
    ``logs`` are those of each part's values.
    """
    parts, own = len(chosen), np.diag(matrix)

    def moved(step: int) -> Array:
        """How far each logarithm moves, infinitely where there is no such value."""
        at = chosen + step
        return np.array(
            [of[k] - of[c] if 0 <= k < len(of) else np.inf for of, c, k in zip(logs, chosen, at, strict=True)]
        )

    # What is no move costs more than any other, and infinity times zero is no number.
    with np.errstate(invalid="ignore"):
        steps = {step: moved(step) for step in ALONE}
        costs = {step: gradient * d + 0.5 * own * d * d for step, d in steps.items()}
        for step, d in steps.items():
            costs[step][~np.isfinite(d)] = np.inf
        kept = [
            (costs[step], np.full(parts, step), np.zeros(parts, dtype=np.intp), np.arange(parts), np.arange(parts))
            for step in ALONE
        ]
        for i in TOGETHER:
            for j in TOGETHER:
                both = costs[i][:, None] + costs[j] + matrix * np.outer(steps[i], steps[j])
                both = np.where(np.isfinite(both), both, np.inf)
                both[np.tril_indices(parts)] = np.inf
                flat = both.ravel()
                best = np.argpartition(flat, min(most, len(flat) - 1))[:most]
                a, b = np.divmod(best, parts)
                kept.append((flat[best], np.full(len(best), i), np.full(len(best), j), a, b))
    cost, first, second, a, b = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.argsort(cost, kind="stable")
    order = order[cost[order] < 0.0][:most]
    found = np.tile(chosen, (len(order), 1))
    rows = np.arange(len(order))
    found[rows, a[order]] += first[order]
    found[rows, b[order]] += second[order]
    return found
