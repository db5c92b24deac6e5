"""The compiled loop that makes all unknowns of those that Newton's method solves for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import Recovery


@compiled
def recover(
    recovery: Recovery,
    entries: Array,
    y: Array,
    volts: Array,
    into: Array,
    others: Array,
    x: Array,
    first_sample: int,
    last_sample: int,
) -> None:
    """All unknowns ``x`` (S, N) of samples, as ``SourceReduction.recover`` has them.

    They are made of the reduced unknowns ``y`` (S, r), the tree nodes' ``volts`` (S, s) and currents ``into`` (S, s)
    that sources dictate there, (1, s) each for all alike, and the currents ``others`` (S, t) that nonlinear elements
    take from tree nodes. ``entries`` are the linear elements' part of the equations of the tree nodes.
    """
    place, tree, starts = recovery.place, recovery.tree, recovery.starts
    for s in range(first_sample, last_sample):
        v, c = s if len(volts) > 1 else 0, s if len(into) > 1 else 0
        for i in range(len(place)):
            x[s, i] = y[s, place[i]] if place[i] >= 0 else 0.0
        for k in range(len(tree)):
            x[s, tree[k]] += volts[v, k]
        for b in range(len(recovery.branches)):
            k = recovery.node[b]
            total = into[c, k]
            if recovery.other[k] >= 0:
                total -= others[s, recovery.other[k]]
            for p in range(starts[k], starts[k + 1]):
                total -= entries[p] * x[s, recovery.columns[p]]
            x[s, recovery.branches[b]] = recovery.sign[b] * total
