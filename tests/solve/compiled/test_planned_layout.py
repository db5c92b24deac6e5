"""The array that compiled calls for few samples leave to each other."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.solve.bordered.planned_few import _room


@pytest.mark.parametrize(("inner", "border", "samples"), [(5, 3, 4), (7, 0, 1), (1, 1, 16)])
def test_parts_follow_each_other_and_fill_the_room(inner: int, border: int, samples: int) -> None:
    """Each number belongs to one part, and to no other."""
    loops = pytest.importorskip("netlearn.solve.compiled.planned_few_loops")
    work = np.arange(float(_room(inner, border, samples)))
    *matrix, end = loops.matrix_parts(work, inner, border)
    state = loops.state_parts(work, end, inner, border, samples)
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in (*matrix, *state)]), work)
    pairs = border * (border + 1) // 2
    assert [part.shape for part in matrix[1:4]] == [(inner, border), (border, border), (border, inner)]
    assert [part.shape for part in state[:2]] == [(inner + border, samples), (inner, samples)]
    assert [part.shape for part in state[-2:]] == [(pairs, samples)] * 2
