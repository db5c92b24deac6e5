"""Exchanges of one and two parts, and those that a quadratic model promises to be better, against all of them."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.discrete.exchanges import moves_of, neighbours, promising


@pytest.mark.parametrize("seed", range(5))
def test_the_promising_exchanges_are_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = [np.sort(rng.normal(size=count)) for count in rng.integers(1, 8, 9)]
    counts = np.array([len(each) for each in logs])
    chosen = np.array([rng.integers(count) for count in counts])
    root, gradient = rng.normal(size=(9, 9)), rng.normal(size=9)
    matrix = root @ root.T

    def model(choices: np.ndarray) -> np.ndarray:
        moved = np.stack([of[choices[:, k]] - of[chosen[k]] for k, of in enumerate(logs)], axis=1)
        return moved @ gradient + 0.5 * np.einsum("kp,pq,kq->k", moved, matrix, moved)

    every = neighbours(chosen, counts)
    assert len(every) <= moves_of(9)
    assert len(np.unique(every, axis=0)) == len(every)
    costs = np.sort(model(every))
    for most in (1, 7, 10_000):
        found = promising(chosen, logs, gradient, matrix, most)
        assert ((found >= 0) & (found < counts)).all()
        np.testing.assert_allclose(model(found), costs[costs < 0][:most], rtol=1e-9, atol=1e-12)
