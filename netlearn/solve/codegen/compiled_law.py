"""The machine code of a law, and what it takes and is made for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.solve.codegen.graph import LawProgram


@dataclass(frozen=True)
class CompiledLaw:
    """The machine code for elements whose terminals coincide in one way.

    ``terminals`` (c,) are the device's unknowns that are left, ``entries`` (e, 2) pairs of them
    (row, column) at which the Jacobian may not be zero, ``kept`` how many rows the step keeps
    for limiting the next one. ``step``, ``balance`` and ``curve`` are addresses; the last one is 0
    for laws made of straight lines, and for those of transistors and those that would be too long
    with it, which are not ``corrected``.
    """

    device: Device
    terminals: tuple[int, ...]
    entries: tuple[tuple[int, int], ...]
    kept: int
    step: int
    balance: int
    curve: int
    corrected: bool
    hoisted: LawProgram

    def parameters(self, prepared: Values, count: int) -> Array:
        """What the functions take of the ``count`` elements' prepared values, (p, count)."""
        return parameters_of(self.hoisted, prepared, count)


def parameters_of(hoisted: LawProgram, prepared: Values, count: int) -> Array:
    """The values (p, count) of what is worked out once for each of ``count`` elements with prepared values."""
    given = {("value", name): np.asarray(value) for name, value in prepared.items()}
    values = hoisted(given)
    result = np.empty((len(values), count))
    for row, value in zip(result, values, strict=True):
        row[:] = value
    return result


@dataclass(frozen=True)
class CompiledWeights:
    """The machine code that sums, over samples, states times a law's derivatives by one of its values.

    ``terminals`` are as in ``CompiledLaw``; ``weigh`` is an address, 0 where there is nothing to sum.
    """

    terminals: tuple[int, ...]
    weigh: int
    hoisted: LawProgram

    def parameters(self, prepared: Values, count: int) -> Array:
        """What the function takes of the ``count`` elements' prepared values, (p, count)."""
        return parameters_of(self.hoisted, prepared, count)
