"""What each element compares between two states: the derivative of the co-content by its values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column
from netlearn.circuit.devices.base import Device
from netlearn.solve.contraction import contract
from netlearn.solve.reduced_states import ReducedStates, between, difference, whole

QUADRATURE = 6
"""Gauss-Legendre points between two states for a nonlinear element, exact to degree 11: gradients by diodes' areas with
a nudge as large as the network are off by 8 %, 0.2 % and 0.002 % with 3, 6 and 12 points (n = 5)
(benchmarks/constants_of_rules.py)."""


def co_content_difference(
    circuit: Circuit,
    before: ReducedStates | Array,
    after: ReducedStates | Array,
    columns: Sequence[Column],
    weights: Array | float = 1.0,
    *,
    apart: Collection[Column] = (),
) -> dict[Column, Array]:
    """∂Φ/∂p at the state ``after`` minus at ``before``, (S, N) each, summed over samples: {column: (k,)}.

    Columns that are ``apart`` are not summed: (S, k).

    Φ is the co-content (Millar, Phil. Mag. 42, 1951; Cherry, Phil. Mag. 42, 1951), the
    function of the unknowns whose gradient are the circuit's equations. Hence
    ∂Φ/∂p(b) - ∂Φ/∂p(a) = ∫ (b - a) · ∂F/∂p ds on the way from a to b, and every factor is
    local to the element. For a conductance g the integral is (Δv_b² - Δv_a²)/2, the rule of
    contrastive Hebbian learning. Taking it as an integral loses no digits when the states
    lie close together. Where the element has no co-content, the straight way is taken.

    ``weights`` (N,) are those of the equations in a weighted co-content (see reciprocity.py): the integrand is
    then (b - a) · weights ∂F/∂p.
    """
    return _integrate(circuit, (before, after), columns, weights, apart, along_path=True)


def co_content_product(
    circuit: Circuit,
    state: ReducedStates | Array,
    after: ReducedStates | Array,
    columns: Sequence[Column],
    weights: Array | float = 1.0,
    *,
    apart: Collection[Column] = (),
) -> dict[Column, Array]:
    """(after - state) · weights ∂F/∂p at ``state``, (S, N) each, summed over samples: {column: (k,)}.

    But for those ``apart``. For a conductance Δv δ, the product of the drop in the state and of its change.
    """
    return _integrate(circuit, (state, after), columns, weights, apart, along_path=False)


def _integrate(
    circuit: Circuit,
    states: tuple[ReducedStates | Array, ReducedStates | Array],
    columns: Sequence[Column],
    weights: Array | float,
    apart: Collection[Column],
    *,
    along_path: bool,
) -> dict[Column, Array]:
    result = {}
    before, after = states
    weighted = difference(after, before)
    if np.any(weights != 1.0):
        weighted = weights * whole(weighted)
    for column in columns:
        places, shares = path(circuit.groups[column[0]].device) if along_path else (np.zeros(1), np.ones(1))
        parts = (contract(circuit, column, weighted, between(before, after, s), apart=column in apart) for s in places)
        found = [part if share == 1.0 else share * part for part, share in zip(parts, shares, strict=True)]
        result[column] = found[0] if len(found) == 1 else np.asarray(sum(found))
    return result


def path(device: Device) -> tuple[Array, Array]:
    """Places in 0..1 and their weights. The midpoint is exact where ∂F/∂p is affine in x."""
    return _quadrature(1 if device.linear else QUADRATURE)


@cache
def _quadrature(count: int) -> tuple[Array, Array]:
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2
