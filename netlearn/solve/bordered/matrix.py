"""A matrix that is a diagonal bordered by a few equations, and its elimination."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.solve.bordered.diodes import StraightDiodes
from netlearn.solve.bordered.layout import BorderedLayout
from netlearn.solve.compiled.load import kernels, writable
from netlearn.solve.newton.system import NonlinearModel


@dataclass(frozen=True, eq=False)
class BorderedMatrix:
    """The linear part of the equations: ``diagonal`` (h,), ``beside`` (h, m) and ``square`` (m, m).

    ``corner`` (p,) is the lower triangle of the square. ``sums`` (h,) and (m,) are those of the magnitudes in all rows.
    """

    diagonal: Array
    beside: Array
    square: Array
    corner: Array
    products: Array
    """(p, h): entries of Bᵀ D⁻¹ B are its products with the diagonal of D⁻¹."""
    sums: tuple[Array, Array]
    diodes: StraightDiodes
    columns: Array
    """(m, h): the transpose of ``beside``, in an array of its own."""

    @classmethod
    def of(cls, model: NonlinearModel, layout: BorderedLayout) -> BorderedMatrix | None:
        """None where diodes differ from sample to sample."""
        diodes = layout.diodes(model.equations.prepared)
        if diodes is None:
            return None
        (inner, border), corner = layout.sizes, len(layout.rows)
        diagonal, beside, square = np.empty(inner), np.empty((inner, border)), np.empty((border, border))
        columns, products = np.empty((border, inner)), np.empty((corner, inner))
        sums, places = (np.empty(inner), np.empty(border)), (layout.diagonal, layout.beside, layout.square)
        kernels().take_entries(writable(model.reduced_data), *places, diagonal, beside, square, columns, *sums)
        kernels().multiply_columns(columns, layout.rows, layout.columns, products)
        return cls(diagonal, beside, square, square[layout.rows, layout.columns], products, sums, diodes, columns)

    def pushed(self, conductances: Array, layout: BorderedLayout) -> BorderedMatrix:
        """The same with conductances (m, m) added at the border."""
        square = self.square + conductances
        sums = self.sums[0], self.sums[1] + (np.abs(square) - np.abs(self.square)).sum(axis=1)
        corner = square[layout.rows, layout.columns]
        return BorderedMatrix(
            self.diagonal, self.beside, square, corner, self.products, sums, self.diodes, self.columns
        )

    def same_inside(self, other: BorderedMatrix) -> bool:
        """Whether all but the corner is the same."""
        return (
            np.array_equal(self.diagonal, other.diagonal)
            and np.array_equal(self.beside, other.beside)
            and (
                self.diodes is other.diodes
                or all(np.array_equal(a, b) for a, b in zip(self.diodes, other.diodes, strict=True))
            )
        )


@dataclass(frozen=True, eq=False)
class BorderedFactors:
    """The elimination at states: one over D (h, S), what it takes off the corner (p, S), and the corner's factors."""

    inverse: Array
    taken: Array
    lower: Array
    wrong: Array
    alone: Array
    """(h, S): where the inner nodes are with the border at zero volts."""
    added: list[Array] = field(default_factory=list, repr=False)
    """What ``back`` is, once it is known."""

    def back(self, columns: Array) -> Array:
        """(m, S): what inner nodes add to the border's equations with the border at zero volts.

        It is worked out once, where it is not known yet, for the matrix that the elimination is of.
        """
        if not self.added:
            self.added.append(columns @ self.alone)
        return self.added[0]
