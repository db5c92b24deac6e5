"""Devices biased by voltage sources at every terminal, in netlearn and in ngspice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS, Device, Environment
from netlearn.circuit.devices.models import MODEL_TYPES


@dataclass(frozen=True)
class Bias:
    """One device between voltage sources: what netlearn and ngspice each say of its terminal currents."""

    kind: str
    model: Mapping[str, float]
    volts: Sequence[float]
    element: Mapping[str, float] = field(default_factory=dict)
    celsius: float = 27.0
    flag: str = ""
    card: str = ""
    """A word on the model's card, such as ``pchan``."""

    def lines(self, number: int) -> list[str]:
        """The element, its model and its sources as netlist lines, named by ``number``."""
        letter = MODEL_TYPES[self.kind].letter.lower()
        nodes = [f"n{number}_{t}" for t in range(len(self.volts))]
        given = " ".join(f"{name}={value!r}" for name, value in self.element.items())
        model = " ".join(f"{name}={value!r}" for name, value in self.model.items())
        sources = [
            f"v{number}_{t} {node} 0 {volt!r}" for t, (node, volt) in enumerate(zip(nodes, self.volts, strict=True))
        ]
        element = f"{letter}{number} {' '.join(nodes)} mod{number} {self.flag} {given}"
        return [element, f".model mod{number} {self.kind}({self.card} {model})", *sources]

    @property
    def environment(self) -> Environment:
        return Environment(temperature=self.celsius + ZERO_CELSIUS)

    def device(self) -> tuple[Device, dict[str, Array]]:
        """The device with its values as columns of one element."""
        kind = MODEL_TYPES[self.kind].variant(self.model).at_level(self.model.get("level", 1))
        model = {named: value for name, value in self.model.items() if (named := kind.model_value(name, value))}
        element = {named: value for name, value in self.element.items() if (named := kind.element_value(name, value))}
        for flag in map(kind.flags.get, (self.card, self.flag)):
            if flag is not None:
                element[flag[0]] = flag[1]
        values = kind.complete(model, element)
        return kind.device_for(values), {name: np.array([value]) for name, value in values.items()}

    def solve(self) -> tuple[Device, dict[str, Array], Array]:
        """The device, its values and its unknowns (1, T), internal ones at rest."""
        device, values = self.device()
        unknowns, count = device.unknowns, len(device.unknowns)
        place = list(range(count))
        for t, name in enumerate(unknowns):
            internal = device.internal.get(name)
            if internal is not None and values[internal.parameter][0] == 0:
                place[t] = unknowns.index(internal.alias)
        outer = np.array([*self.volts, *[0.0] * (count - len(self.volts))])
        free = [t for t in range(count) if place[t] == t and unknowns[t] in device.internal]
        prepared = device.prepare(values, self.environment)

        def unknown(inner: Array) -> Array:
            x = outer.copy()
            x[free] = inner
            return x[place][None]

        def balance(inner: Array) -> Array:
            return device.residual(unknown(inner), prepared)[0, free]

        def slope(inner: Array) -> Array:
            return device.jacobian(unknown(inner), prepared)[0][np.ix_(free, free)]

        inner = np.array([outer[unknowns.index(device.internal[unknowns[t]].alias)] for t in free])
        for _ in range(500 if free else 0):
            balance_now = balance(inner)
            step = np.linalg.solve(slope(inner), balance_now)
            # Damped, for from far up a junction's exponential full steps do not come back.
            while np.abs(step).max() > 1e-13 and np.abs(balance(inner - step)).max() > np.abs(balance_now).max():
                step /= 2
            inner = inner - step
            if np.abs(step).max() <= 1e-13:
                break
        return device, values, unknown(inner)

    def currents(self) -> Array:
        """The currents into the element's terminals, in amperes."""
        device, values, x = self.solve()
        residual = device.residual(x, device.prepare(values, self.environment))[0]
        result = residual[: len(self.volts)].copy()
        for t, name in enumerate(device.unknowns):
            internal = device.internal.get(name)
            if internal is not None and values[internal.parameter][0] == 0:
                result[device.unknowns.index(internal.alias)] += residual[t]
        return result


@pytest.fixture
def bias() -> type[Bias]:
    """Makes biased devices."""
    return Bias
