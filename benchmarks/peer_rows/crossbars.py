"""Operating points of linear crossbars with the resistance of their wires: badcrossbar's way."""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu, spsolve

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from peer_rows.rows import Row, agree, beside

CHOSEN = "NETLEARN_CROSSBARS"
"""The variable that names other sizes than SIZES: rows, columns and vectors of each, such as 64x32x16."""
SIZES = tuple(
    f"{size}x{vectors}" for size in ("64x32", "64x64", "128x128", "256x256", "512x512") for vectors in (16, 100, 1000)
)
MINUTES = 20_000_000
"""What has so many cells times vectors takes minutes, and is done once, in a process of its own for each side."""
HELD = 100_000_000
"""Of more voltages than this the peers have some vectors at a time, with one factorization, as they copy them all."""


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
        point = InternalSolver().solve_to_read(circuit.with_values({(g, "dc"): self.volts}))
        rows, columns = self.cells.shape
        return read(point, [circuit.node(f"n{k}") for k in range(2 * rows * columns - columns, 2 * rows * columns)])

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
        point = InternalSolver().solve_to_read(Circuit(nodes, branches, groups))
        return read(point, np.arange(2 * rows * columns - columns, 2 * rows * columns))

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
        matrix = sparse.csc_array((entries, (rows, columns)), shape=(count, count))

        def right(volts: Any) -> Any:
            result = np.zeros((count, len(volts)))
            result[n[driven]] = g[driven][:, None] * volts.T
            return result

        return self._solved(matrix, right, lambda v: v[-self.cells.shape[1] :].T)

    def _solved(self, matrix: Any, right: Callable[[Any], Any], answer: Callable[[Any], Any]) -> Any:
        """What is to be known of the voltages, for all vectors at once where there is room for it."""
        if matrix.shape[0] * len(self.volts) <= HELD:
            return answer(spsolve(matrix, right(self.volts)))
        factors, some = splu(matrix), HELD // matrix.shape[0]
        parts = (self.volts[first : first + some] for first in range(0, len(self.volts), some))
        return np.concatenate([answer(factors.solve(right(part))) for part in parts])

    def badcrossbar(self) -> Any:
        """The same by what badcrossbar 1.1 does: a list-of-lists matrix, line by line, spsolve, then all currents.

        (D. Joksas and A. Mehonic, SoftwareX 12, 100617, 2020.)
        """
        rows, columns = self.cells.shape
        g, size = 1.0 / self.cells, rows * columns
        matrix = sparse.lil_matrix((2 * size, 2 * size))
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

        def right(volts: Any) -> Any:
            result = np.zeros((2 * size, len(volts)))
            result[words[:, 0]] = volts.T
            return result

        def answer(v: Any) -> Any:
            # Of all cells, as the package works them out before it gives the outputs'.
            (v[:size] - v[size:]).reshape(rows, columns, -1) / self.cells[..., None]
            return v[bits[-1]].T

        return self._solved(matrix.tocsc(), right, answer)


def made(word: str) -> Crossbar:
    """The crossbar of so many rows, columns and vectors."""
    rows, columns, vectors = map(int, word.split("x"))
    rng = np.random.default_rng(0)
    return Crossbar(10 ** rng.uniform(3, 5, (rows, columns)), rng.uniform(0, 1, (vectors, rows)))


def read(point: OperatingPoint, nodes: Any) -> Any:
    """The voltages of nodes, others of which need not be known."""
    found = point.drops(np.asarray(nodes), np.full(len(nodes), GROUND))
    return point.x[:, nodes] if found is None else found


def once(word: str, side: str) -> tuple[float, float, Any]:
    """Processor time, the process's most memory in GB and the answer of one side, after a crossbar of few cells."""
    for each in ("32x32x16", word):
        crossbar = made(each)
        given = [crossbar.text()] if side == "from_text" else []
        begun = time.process_time()
        answer = getattr(crossbar, side)(*given)
        spent = time.process_time() - begun
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, answer


def apart(word: str, side: str) -> tuple[float, float, Any]:
    """``once`` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(once, (word, side))


def crossbar(least: float, *, quick: bool) -> Iterator[Row]:
    """badcrossbar's way, restated: the sparse equations of all nodes, solved by scipy for all vectors at once."""
    for word in ("32x32x16",) if quick else os.environ.get(CHOSEN, "").split() or SIZES:
        one = made(word)
        text = one.text()
        for peer, ours, theirs in (
            ("scipy's spsolve, equations to answer", "from_equations", "spsolve"),
            ("badcrossbar's steps, text to answer", "from_text", "badcrossbar"),
        ):
            if one.cells.size * len(one.volts) < MINUTES:
                mine = (lambda: one.from_text(text)) if ours == "from_text" else one.from_equations
                their = getattr(one, theirs)
                ratio, a, b = beside(mine, their, least), mine(), their()
                told = ""
            else:
                (seconds, gigabytes, a), (longer, more, b) = apart(word, ours), apart(word, theirs)
                ratio = longer / seconds
                told = f"; {seconds:.1f} s and {gigabytes:.1f} GB, the peer {longer:.1f} s and {more:.1f} GB"
            said = agree("crossbar", float(np.abs(a - b).max() / np.abs(b).max()), 1e-9)
            yield Row(one.name, peer, ratio, said + told, 1.0)
