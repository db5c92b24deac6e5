"""How arrays of ``bordered.plan`` are laid out, for compiled loops and those who call them, with numba or without."""

FROM_HELD, TO_HELD, FROM_INNER, FROM_BORDER, AT_BORDER, NOWHERE = range(6)
"""What the ends of runs are: of the one that all have, and the others. ``FROM_HELD`` runs lead from a node that sources
hold, or from ground, number -1, to unknowns, ``TO_HELD`` ones from an unknown to held nodes, ``FROM_INNER`` and
``FROM_BORDER`` ones from there to the other, ``AT_BORDER`` ones join the border's unknowns, and ``NOWHERE`` no two
unlike potentials."""


def matrix_ends(h: int, m: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Where in ``work`` the parts of the matrix end, which stand one after another, for h inner unknowns and m others.

    They are those of ``planned_few_loops.MatrixParts``, in that order, and the last end is where states begin.
    """
    p = m * (m + 1) // 2
    diagonal = h + m
    beside = diagonal + h * m
    square = beside + m * m
    columns = square + m * h
    corner = columns + p
    products = corner + p * h
    inner = products + h
    return diagonal, beside, square, columns, corner, products, inner, inner + m


def state_ends(at: int, h: int, m: int, n: int) -> tuple[int, int, int, int, int, int, int]:
    """The same for those of n states, ``planned_few_loops.StateParts``, which begin ``at`` a place."""
    p = m * (m + 1) // 2
    y = at + (h + m) * n
    drive = y + h * n
    at_border = drive + m * n
    inverse = at_border + h * n
    alone = inverse + h * n
    taken = alone + p * n
    return y, drive, at_border, inverse, alone, taken, taken + p * n
