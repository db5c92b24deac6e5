"""How arrays of ``bordered.plan`` are laid out, for compiled loops and those who call them, with numba or without."""

FROM_HELD, TO_HELD, FROM_INNER, FROM_BORDER, AT_BORDER, NOWHERE = range(6)
"""What the ends of runs are: of the one that all have, and the others. ``FROM_HELD`` runs lead from a node that sources
hold, or from ground, number -1, to unknowns, ``TO_HELD`` ones from an unknown to held nodes, ``FROM_INNER`` and
``FROM_BORDER`` ones from there to the other, ``AT_BORDER`` ones join the border's unknowns, and ``NOWHERE`` no two
unlike potentials."""
