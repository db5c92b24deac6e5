"""Elements that are connected, but of which netlearn has no equations: another simulator's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.errors import CircuitError

ONLY_OUTPUTS = "outputs alone do: --forward ngspice, or a chip, with the rules differences, spsa, homodyne or emulator"


@dataclass(frozen=True, kw_only=True)
class ForeignDevice(Device):
    """An element that has terminals and no equations here; ``title`` says what it is."""

    title: str

    def residual(self, x: Array, prepared: Values) -> Array:
        self.refuse()

    def jacobian(self, x: Array, prepared: Values) -> Array:
        self.refuse()

    def value_jacobian(self, x: Array, values: Values, environment: Environment, name: str) -> Array:
        self.refuse()

    def temperature_jacobian(self, x: Array, values: Values, environment: Environment) -> Array:
        self.refuse()

    def refuse(self, name: str = "", hint: str = ONLY_OUTPUTS) -> NoReturn:
        """Raise CircuitError, as there is nothing to compute."""
        kind = f"{'an' if self.title[0] == 'X' else 'a'} {self.title}"
        what = f"'{name}', {kind}" if name else kind
        raise CircuitError(f"netlearn has no equations for {what}", hint=hint)


@cache
def foreign_device(title: str, terminals: int) -> ForeignDevice:
    """The device of elements of one kind, with so many terminals."""
    unknowns = tuple(f"terminal{k + 1}" for k in range(terminals))
    return ForeignDevice(title, unknowns, title=title, linear=False, reciprocal=False)
