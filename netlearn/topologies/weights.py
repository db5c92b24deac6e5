"""Matrices of weights as conductances of a crossbar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError
from netlearn.matrix_files import NamedMatrix

ROUNDS = 30
"""Rounds in which the scale is lowered until the wires leave room: weights of 32x16 and wires of 0.1 Ω to 1 kΩ take up
to 3, and after 1 the largest conductance is at the bound (n = 5) (benchmarks/constants_of_learning.py)."""


@dataclass(frozen=True)
class Lines:
    """What the lines of a crossbar resist, in ohms: from one crossing to the next, and at the drivers.

    ``both`` says that rows are driven from both ends.
    """

    wire: float = 0.0
    driver: float = 0.0
    both: bool = False

    def compensated(self, conductances: Array) -> Array:
        """About what conductances (n, k) have to become for the lines to make no difference, in siemens.

        To first order a line takes from the voltage at its crossing a what the currents at all crossings b cause,
        G_b R_ab, where R_ab is what the paths of both have in common.
        """
        rows, columns = conductances.shape
        along = self.driver + self.wire * np.arange(1, columns + 1)
        below = self.wire * np.arange(rows, 0, -1)
        shared = np.minimum.outer(along, along)
        if self.both:
            length = 2 * self.driver + self.wire * (columns + 1)
            shared = shared * (1 - np.maximum.outer(along, along) / length) if length else shared
        down = np.minimum.outer(below, below)
        needed = conductances
        for _ in range(3):
            needed = conductances * (1 + needed @ shared) * (1 + down @ needed)
        return np.asarray(needed)


@dataclass(frozen=True)
class Programmed:
    """Conductances (n, k) in siemens that stand for weights, ``scale`` siemens for each unit of them.

    ``held`` of them are at the lower bound where their weights are less than it.
    """

    conductances: Array
    scale: float
    held: int = 0


def programmed(weights: Array, lowest: float, highest: float, lines: Lines, *, pairs: bool) -> Programmed:
    """Weights (n, m) as conductances between two bounds, with pairs (n, 2 m), plus and minus by turns.

    Of a pair one is at the lower bound. The scale is the largest that leaves room for making up for the lines.
    Raises OptionError for weights that no conductance can stand for.
    """
    largest = float(np.abs(weights).max())
    if not largest:
        raise OptionError("all weights are zero", hint="a crossbar stands for a matrix by its largest weight")
    if not pairs and (weights < 0).any():
        i, j = (int(k) for k in np.argwhere(weights < 0)[0])
        message = f"the weight {weights[i, j]:g} of row {i + 1}, column {j + 1} is negative"
        raise OptionError(message, hint="a conductance is not: take pairs of columns")
    offset = lowest if pairs else 0.0
    scale = (highest - offset) / largest
    for _ in range(ROUNDS):
        parts = [scale * np.maximum(sign * weights, 0.0) + offset for sign in ((1, -1) if pairs else (1,))]
        conductances = np.stack(parts, axis=-1).reshape(len(weights), -1)
        needed = float(lines.compensated(np.maximum(conductances, lowest)).max())
        if needed <= highest * (1 + 1e-9):
            break
        scale *= highest / needed
    held = int(np.count_nonzero(conductances < lowest * (1 - 1e-12)))
    return Programmed(np.clip(conductances, lowest, highest), scale, held)


def fitting(weights: NamedMatrix, rows: int | None, columns: int | None) -> Array:
    """The matrix (rows, columns). Raises DataError where it does not fit the numbers that were asked for."""
    there = weights.values.shape
    if (rows or there[0], columns or there[1]) == there:
        return weights.values
    asked = f"{rows or there[0]} rows and {columns or there[1]} columns"
    hint = "rows are inputs, columns outputs"
    if (rows or there[1], columns or there[0]) == there[::-1]:
        hint += ": its transpose would fit"
    raise DataError(f"'{weights.path}' has {there[0]} rows and {there[1]} columns, the crossbar {asked}", hint=hint)
