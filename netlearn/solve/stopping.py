"""When Newton's method ends, and when Kirchhoff's laws hold: the numbers and what is done with them, said once.

Every function takes arrays, element by element, and single numbers alike, so that numba compiles the same
statement for the loops of ``compiled`` that array code evaluates.
"""

from __future__ import annotations

from typing import Any

EXACT = 1e-6
"""Steps end at this part of the tolerances that SPICE stops at: 1e-9 relative by default."""
SETTLED = 1e-2
"""From this part of the tolerances on, a step that is known to be followed by a negligible one ends: by convention, as
only near the end steps shrink by their square."""
STALLED = 0.3
"""Steps that shrink by less than this near the end are rounding: Newton's method squares its error there."""
UNBALANCED = 1e-6
"""Currents may be out of balance by this part of their magnitudes: derived from what a step of EXACT leaves of them at
most."""


def relative_step(change: Any, largest: Any, reltol: Any, floor: Any) -> Any:
    """A step beside SPICE's tolerance for an unknown of magnitude ``largest``, ``floor`` being its absolute one."""
    return abs(change) / (reltol * largest + floor)


def small(move: Any, rest: Any) -> Any:
    """Whether a step, or what is known to be left after it, ``rest``, is negligible."""
    return (move <= EXACT) | ((move <= SETTLED) & (rest <= EXACT))


def stalled(move: Any, before: Any) -> Any:
    """Whether steps no longer shrink."""
    return move > STALLED * before


def imbalance(total: Any, size: Any, floor: Any) -> Any:
    """What Kirchhoff's law misses beside what is allowed, for terms of magnitude ``size`` in all."""
    return abs(total) / (floor + UNBALANCED * size)
