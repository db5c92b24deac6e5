"""Newton's method with more digits than float64 has, for nonlinear circuits whose values lie far apart.

What is linear is summed up and solved with many digits. Devices see the voltages between their
terminals, as differences of numbers that have these digits, and answer in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.precise.elimination import ZERO, Elimination, Row, Singular, TooMuchWork, digits
from netlearn.solve.precise.equations import drive_of, matrix_of

PRECISION = 80
"""Decimal digits of what is linear: float64's 16 are left where a factor of 1e64 cancels."""
MOST_STEPS = 100
"""Steps of Newton's method before it is given up: SPICE's default of itl1."""
STEP_WORK = 40_000
"""Multiplications, of half a microsecond each, that a step may take: 20 ms by convention, as few samples are solved
so."""
SETTLED = Decimal("1e-9")
"""Steps end at this part of each unknown."""
ROUGHLY = Decimal("1e-6")
"""Steps that no longer shrink, for the rounding of the devices, may end at this part."""
NEGLIGIBLE = Decimal("1e-30")
"""Unknowns below this part of the largest one of all are not waited for."""
FARTHEST = 1e-12, 1e-9
"""Volts, and part of a voltage, by which a device may be taken beside its place without being limited: some thousands
of units of float64's rounding at a volt, far below SPICE's tolerances."""


def settle(circuit: Circuit, start: Array | None) -> tuple[Array, Array] | None:
    """The operating point x (N,) of a circuit of one sample, and what rounding took off it (N,).

    Newton's method starts at ``start`` (N,), or where devices start. None where it does not settle.
    """
    with digits(PRECISION):
        try:
            x = _Equations.of(circuit).settled(start)
        except (Singular, TooMuchWork, OverflowError):
            return None
        if x is None:
            return None
        rounded = np.zeros(circuit.size)
        for k, value in x.items():
            rounded[k] = float(value)
        rest = np.array([float(x.get(k, ZERO) - Decimal(value)) for k, value in enumerate(rounded.tolist())])
    return (rounded, rest) if np.isfinite(rounded).all() else None


@dataclass(frozen=True)
class _Equations:
    """The linear part, as rows of the matrix and what sources drive, and the devices that are not linear."""

    circuit: Circuit
    equations: Equations
    matrix: dict[int, Row]
    drive: Row
    nonlinear: tuple[int, ...]

    @classmethod
    def of(cls, circuit: Circuit) -> _Equations:
        equations = Equations.of(circuit)
        groups = range(len(circuit.groups))
        linear = [g for g in groups if circuit.groups[g].device.linear]
        others = tuple(g for g in groups if g not in linear and len(circuit.groups[g]))
        matrix, drive = matrix_of(circuit, equations, 0, linear), drive_of(circuit, equations, 0, linear)
        return cls(circuit, equations, matrix, drive, others)

    def settled(self, start: Array | None) -> Row | None:
        x: Row = {} if start is None else {k: Decimal(value) for k, value in enumerate(start.tolist())}
        last: dict[int, Array] | None = None
        before = None
        for _ in range(MOST_STEPS):
            change, last, limited = self._step(x, last, cold=start is None)
            x = {k: x.get(k, ZERO) + change.get(k, ZERO) for k in x.keys() | change.keys()}
            least = NEGLIGIBLE * max((abs(value) for value in x.values()), default=ZERO)
            moves = (abs(change.get(k, ZERO)) / (abs(value) + least) for k, value in x.items() if value)
            move = max(moves, default=ZERO)
            stalled = before is not None and move > before / 2
            if not limited and (move <= SETTLED or (stalled and move <= ROUGHLY)):
                return x
            before = None if limited else move
        return None

    def _step(self, x: Row, last: dict[int, Array] | None, *, cold: bool) -> tuple[Row, dict[int, Array], bool]:
        """Newton's step, the devices' places, and whether any was limited."""
        rows = {i: dict(row) for i, row in self.matrix.items()}
        left = {
            i: self.drive.get(i, ZERO) - sum((value * x.get(j, ZERO) for j, value in row.items()), ZERO)
            for i, row in self.matrix.items()
        }
        places, limited = {}, False
        for g in self.nonlinear:
            group, prepared = self.circuit.groups[g], self.equations.prepared[g]
            device, index = group.device, np.asarray(group.index)
            wanted = place = self._place(group, x)
            with np.errstate(all="ignore"):
                if last is not None:
                    place = device.limit(wanted, last[g], prepared)
                elif cold:
                    place = device.start(wanted, prepared)
                moved = wanted - place
                slope = np.broadcast_to(device.jacobian(place, prepared), (*place.shape, place.shape[-1]))
                current = device.residual(place, prepared) + (slope @ moved[..., None])[..., 0]
            if not (np.isfinite(current).all() and np.isfinite(slope).all()):
                raise OverflowError
            limited |= bool((np.abs(moved) > FARTHEST[0] + FARTHEST[1] * np.abs(wanted)).any())
            places[g] = place
            for k, t in np.argwhere(index != GROUND).tolist():
                i = int(index[k, t])
                left[i] = left.get(i, ZERO) - Decimal(current[0, k, t].item())
                for u in np.flatnonzero((slope[0, k, t] != 0) & (index[k] != GROUND)).tolist():
                    j = int(index[k, u])
                    rows[i][j] = rows[i].get(j, ZERO) + Decimal(slope[0, k, t, u].item())
        kept = {i: {j: value for j, value in row.items() if value} for i, row in rows.items()}
        return Elimination.of(kept, PRECISION, STEP_WORK).solve(left), places, limited

    def _place(self, group: Group, x: Row) -> Array:
        """The unknowns (1, k, T) of a group, voltages from one of the element's own terminals.

        All devices depend on voltages between these only, but for behavioural sources.
        """
        index, nodes = np.asarray(group.index), len(self.circuit.nodes)
        result = np.zeros((1, *index.shape))
        for k, row in enumerate(index.tolist()):
            voltages = [i for i in row if i < nodes]
            anchored = GROUND in voltages or not voltages or isinstance(group.device, BehaviouralSource)
            anchor = ZERO if anchored else x.get(voltages[0], ZERO)
            for t, i in enumerate(row):
                value = ZERO if i == GROUND else x.get(i, ZERO)
                result[0, k, t] = float(value - anchor if i < nodes else value)
        return result
