"""The same for few samples, in compiled loops that do all steps at once: calls would take longer than what they do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.bordered.matrix import BorderedFactors, BorderedMatrix
from netlearn.solve.compiled.load import kernels, writable
from netlearn.solve.newton.system import ROUNDING

MOST = 16
"""Of up to so many samples loops are as fast as products of matrices, or faster: products take 1.2 times as long for 4
to 16 samples, 1.06 for 32 and as long for 64, all of an operating point with 100 diodes included
(benchmarks/thresholds.py)."""
UNKNOWN = (np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))


def settle(
    matrix: BorderedMatrix,
    sources: Sequence[Array],
    before: Array | None,
    known: BorderedFactors | None,
    *,
    most: int,
    abstol: float,
    steps: Array,
    excess: Array,
) -> tuple[BorderedFactors, Array]:
    """The elimination at the states of few samples, and these states, the inner voltages and then the border's (r, S).

    ``sources`` are what these add to the inner equations (h, S) and to those of the border (m, S), and the volts that
    they hold diodes' other ends at.
    From inner voltages ``before`` (h, S), whose elimination may be ``known`` but for the corner, or with no diode
    conducting. ``steps`` and ``excess`` (S,) become the number of steps, ``most`` at the most, and how far the samples
    are from Kirchhoff's laws.
    """
    drive, at_border, held = sources
    loops, (inner, samples), corner = kernels(), drive.shape, len(matrix.corner)
    y, pull, wrong = np.empty((inner + len(at_border), samples)), np.empty((inner, samples)), np.empty(samples)
    inverse, alone = np.empty((inner, samples)), np.empty((inner, samples))
    taken, lower = np.empty((corner, samples)), np.empty((corner, samples))
    diodes, equations = matrix.diodes, (matrix.diagonal, matrix.beside, matrix.columns, matrix.products, matrix.corner)
    if before is None:
        begin = np.empty((inner, samples))
        loops.begin_few(diodes, held, *equations, drive, at_border, begin)
    else:
        begin = before.copy()
    first = UNKNOWN if known is None else (known.inverse, known.alone, known.taken)
    own, border = y[:inner], y[inner:]
    last = loops.run_few(
        diodes, held, *equations, drive, at_border, begin, first, most,
        inverse, alone, taken, lower, wrong, own, border, pull, steps,
    )  # fmt: skip
    loops.weigh_few(
        diodes, held, matrix.diagonal, matrix.columns, matrix.square, *matrix.sums, drive, at_border,
        pull, own, border, steps, most, ROUNDING, abstol, excess,
    )  # fmt: skip
    if last and known is not None:
        return BorderedFactors(known.inverse, known.taken, lower, wrong, known.alone, known.added), y
    return BorderedFactors(inverse, taken, lower, wrong, alone), y


def solved(
    matrix: BorderedMatrix, factors: BorderedFactors, inside: Array, at_border: Array
) -> tuple[Array, Array, Array]:
    """Solutions (h, S) and (m, S) for such right-hand sides, and what is left of the equations, relative (S,)."""
    y, border, error = np.empty(inside.shape), np.empty(at_border.shape), np.empty(inside.shape[1])
    kernels().resolve_few(
        matrix.beside, matrix.columns, matrix.square, factors.inverse, factors.lower,
        writable(inside), writable(at_border), y, border, error,
    )  # fmt: skip
    return y, border, error
