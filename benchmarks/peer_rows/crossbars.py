"""Operating points of linear crossbars with the resistance of their wires: badcrossbar's way."""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.solve.internal import InternalSolver
from peer_rows.rows import Row, agree, beside

CHOSEN = "NETLEARN_CROSSBARS"
"""The variable that names other sizes than SIZES: rows, columns and vectors of each, such as 64x32x16."""
SIZES = tuple(
    f"{size}x{vectors}" for size in ("64x32", "64x64", "128x128", "256x256", "512x512") for vectors in (16, 100, 1000)
)
MINUTES = 20_000_000
"""What has so many cells times vectors takes minutes, and is done once."""


@dataclass(frozen=True)
class Crossbar:
    """Cells (rows, columns) in ohms between wires of 1 Ω a piece, driven by ``volts`` (vectors, rows)."""

    cells: Any
    volts: Any

    @property
    def name(self) -> str:
        rows, columns = self.cells.shape
        return f"crossbar {rows}×{columns}, 1 Ω wires, {len(self.volts)} vectors"

    def ends(self) -> Any:
        """What each resistor (b, 2) is between: the cells first; sources are numbered last."""
        rows, columns = self.cells.shape
        number = np.arange(2 * rows * columns).reshape(2, rows, columns)
        words, bits, sources = number[0], number[1], 2 * rows * columns + np.arange(rows)
        pairs = [
            (words, bits),
            (sources, words[:, 0]),
            (words[:, :-1], words[:, 1:]),
            (bits[:-1], bits[1:]),
            (bits[-1], np.full(columns, -1)),
        ]
        return np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in pairs])

    def ohms(self, ends: Any) -> Any:
        """Of each resistor."""
        return np.concatenate([self.cells.ravel(), np.ones(len(ends) - self.cells.size)])

    def text(self) -> str:
        """The netlist, whose last wires carry the outputs' currents."""
        ends, (rows, columns) = self.ends(), self.cells.shape
        name = [*(f"n{i}" for i in range(2 * rows * columns)), *(f"in{i}" for i in range(rows)), "0"]
        lines = ["crossbar", *(f"V{i} in{i} 0 0" for i in range(rows))]
        pairs = zip(ends.tolist(), self.ohms(ends).tolist(), strict=True)
        lines += [f"R{k} {name[p]} {name[n]} {r!r}" for k, ((p, n), r) in enumerate(pairs)]
        return "\n".join([*lines, ".end"])

    def from_text(self, text: str) -> Any:
        """The outputs' currents (vectors, columns) by netlearn, from the netlist."""
        circuit = netlearn.elaborate(netlearn.parse(text)).circuit
        g = next(g for g, group in enumerate(circuit.groups) if group.device is VOLTAGE_SOURCE)
        point = InternalSolver().solve(circuit.with_values({(g, "dc"): self.volts}))
        rows, columns = self.cells.shape
        last = [circuit.node(f"n{k}") for k in range(2 * rows * columns - columns, 2 * rows * columns)]
        return point.x[:, last]

    def from_equations(self) -> Any:
        """The same from arrays of numbers."""
        index, (rows, columns) = self.ends(), self.cells.shape
        count = 2 * rows * columns + rows
        nodes, branches = [f"n{i}" for i in range(count)], [f"v{i}" for i in range(rows)]
        sources = 2 * rows * columns + np.arange(rows)
        groups = (
            Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": self.ohms(index)}),
            Group(
                VOLTAGE_SOURCE,
                branches,
                np.stack([sources, np.full(rows, GROUND), count + np.arange(rows)], 1),
                {"dc": self.volts},
            ),
        )
        point = InternalSolver().solve(Circuit(nodes, branches, groups))
        return point.x[:, 2 * rows * columns - columns : 2 * rows * columns]

    def spsolve(self) -> Any:
        """The same by scipy, the matrix made by array operations."""
        index, count = self.ends(), 2 * self.cells.size
        g, (p, n) = 1.0 / self.ohms(index), index.T
        inner, driven, grounded = (n >= 0) & (p < count), p >= count, n < 0
        diagonal = np.zeros(count)
        np.add.at(diagonal, n[~grounded], g[~grounded])
        np.add.at(diagonal, p[~driven], g[~driven])
        rows = np.concatenate([p[inner], n[inner], np.arange(count)])
        columns = np.concatenate([n[inner], p[inner], np.arange(count)])
        entries = np.concatenate([-g[inner], -g[inner], diagonal])
        right = np.zeros((count, len(self.volts)))
        right[n[driven]] = g[driven][:, None] * self.volts.T
        return spsolve(sparse.csc_array((entries, (rows, columns)), shape=(count, count)), right)[
            -self.cells.shape[1] :
        ].T

    def badcrossbar(self) -> Any:
        """The same by what badcrossbar 1.1 does: a list-of-lists matrix, line by line, spsolve, then all currents.

        (D. Joksas and A. Mehonic, SoftwareX 12, 100617, 2020.)
        """
        rows, columns = self.cells.shape
        g, size = 1.0 / self.cells, rows * columns
        matrix, right = sparse.lil_matrix((2 * size, 2 * size)), np.zeros((2 * size, len(self.volts)))
        words = np.arange(size).reshape(rows, columns)
        bits = size + words
        for j in range(columns):
            at = words[:, j]
            matrix[at, at] = (1.0 if j == columns - 1 else 2.0) + g[:, j]
            if j > 0:
                matrix[at, at - 1] = -np.ones(rows)
            if j < columns - 1:
                matrix[at, at + 1] = -np.ones(rows)
            matrix[at, at + size] = -g[:, j]
        for i in range(rows):
            at = bits[i]
            matrix[at, at] = (1.0 if i == 0 else 2.0) + g[i]
            if i > 0:
                matrix[at, at - columns] = -np.ones(columns)
            if i < rows - 1:
                matrix[at, at + columns] = -np.ones(columns)
            matrix[at, at - size] = -g[i]
        right[words[:, 0]] = self.volts.T
        v = spsolve(matrix.tocsc(), right)
        # Of all cells, as the package works them out before it gives the outputs'.
        (v[:size] - v[size:]).reshape(rows, columns, -1) / self.cells[..., None]
        return v[bits[-1]].T


def timed(ours: Callable[[], Any], theirs: Callable[[], Any], least: float) -> tuple[float, Any, Any]:
    """As ``beside``, with both results; without ``least`` seconds each is done once, and nothing before it."""
    if least > 0.0:
        return beside(ours, theirs, least), ours(), theirs()
    begun = time.process_time()
    a = ours()
    between = time.process_time()
    b = theirs()
    return (time.process_time() - between) / (between - begun), a, b


def crossbar(least: float, *, quick: bool) -> Iterator[Row]:
    """badcrossbar's way, restated: the sparse equations of all nodes, solved by scipy for all vectors at once."""
    for word in ("32x32x16",) if quick else os.environ.get(CHOSEN, "").split() or SIZES:
        rows, columns, vectors = map(int, word.split("x"))
        rng = np.random.default_rng(0)
        made = Crossbar(10 ** rng.uniform(3, 5, (rows, columns)), rng.uniform(0, 1, (vectors, rows)))
        text = made.text()
        spent = least if rows * columns * vectors < MINUTES else 0.0
        for peer, ours, theirs in (
            ("scipy's spsolve, equations to answer", made.from_equations, made.spsolve),
            ("badcrossbar's steps, text to answer", lambda: made.from_text(text), made.badcrossbar),
        ):
            ratio, a, b = timed(ours, theirs, spent)
            said = agree("crossbar", float(np.abs(a - b).max() / np.abs(b).max()), 1e-9)
            yield Row(made.name, peer, ratio, said, 1.0)
