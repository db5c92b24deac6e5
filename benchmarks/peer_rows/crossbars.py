"""Operating points of linear crossbars with the resistance of their wires: badcrossbar's way."""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peer_rows.rows import Row, agree, beside


def crossbar(least: float, *, quick: bool) -> Iterator[Row]:
    """badcrossbar's way, restated: the sparse equations of all nodes, solved by scipy for all vectors at once."""
    import numpy as np
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    from netlearn.circuit.circuit import GROUND, Circuit, Group
    from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
    from netlearn.solve.internal import InternalSolver

    for side, vectors in ((32, 16),) if quick else ((64, 16), (128, 100)):
        rng = np.random.default_rng(0)
        cells, volts = 10 ** rng.uniform(3, 5, (side, side)), rng.uniform(0, 1, (vectors, side))
        number = np.arange(2 * side * side).reshape(2, side, side)
        words, bits, sources = number[0], number[1], 2 * side * side + np.arange(side)
        ends = [
            np.stack([words.ravel(), bits.ravel()], 1),
            np.stack([sources, words[:, 0]], 1),
            np.stack([words[:, :-1].ravel(), words[:, 1:].ravel()], 1),
            np.stack([bits[:-1].ravel(), bits[1:].ravel()], 1),
            np.stack([bits[-1], np.full(side, GROUND)], 1),
        ]
        index = np.concatenate(ends)
        ohms = np.concatenate([cells.ravel(), np.ones(len(index) - side * side)])
        nodes, branches = [f"n{i}" for i in range(2 * side * side + side)], [f"v{i}" for i in range(side)]
        held = np.stack([sources, np.full(side, GROUND), len(nodes) + np.arange(side)], 1)

        def ours() -> Any:
            groups = (
                Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": ohms}),
                Group(VOLTAGE_SOURCE, branches, held, {"dc": volts}),
            )
            return InternalSolver().solve(Circuit(nodes, branches, groups)).x[:, bits[-1]]

        def theirs() -> Any:
            count = 2 * side * side
            g, (p, n) = 1.0 / ohms, index.T
            inner, driven, grounded = (n >= 0) & (p < count), p >= count, n < 0
            diagonal = np.zeros(count)
            np.add.at(diagonal, n[~grounded], g[~grounded])
            np.add.at(diagonal, p[~driven], g[~driven])
            rows = np.concatenate([p[inner], n[inner], np.arange(count)])
            columns = np.concatenate([n[inner], p[inner], np.arange(count)])
            entries = np.concatenate([-g[inner], -g[inner], diagonal])
            right = np.zeros((count, len(volts)))
            right[n[driven]] = g[driven][:, None] * volts.T
            matrix = sparse.csc_array((entries, (rows, columns)), shape=(count, count))
            return spsolve(matrix, right)[bits[-1]].T

        difference = float(np.abs(ours() - theirs()).max() / np.abs(theirs()).max())
        work = f"crossbar {side}×{side}, 1 Ω wires, {vectors} vectors"
        yield Row(
            work,
            "scipy's spsolve, as badcrossbar uses it",
            beside(ours, theirs, least),
            agree("crossbar", difference, 1e-9),
            1.0,
        )
