"""Transmission lines at the operating point, where only their resistance and their leakage count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class LosslessLine(Device):
    """The same voltage at both ports, and the same current in at the first and out at the second.

    Unknowns are the nodes p1 and n1 of the first port, p2 and n2 of the second, and that current. As in an ideal
    line, no current flows from one port's nodes to the other's beside it. One that is not ``differential`` makes p1
    and p2 equal whatever n1 and n2 are, as ngspice's O lines do.
    """

    differential: bool = True

    def residual(self, x: Array, prepared: Values) -> Array:
        current, difference = x[..., 4], x[..., 0] - x[..., 2]
        if self.differential:
            difference = difference - x[..., 1] + x[..., 3]
        return np.stack([current, -current, -current, current, difference], axis=-1)


@dataclass(frozen=True)
class LossyLine(Device):
    """A current through a ``resistance`` in ohms from p1 to p2, which comes back from n2 to n1 without any.

    As in ngspice's O lines, the voltages of n1 and n2 do not matter.
    """

    def residual(self, x: Array, prepared: Values) -> Array:
        current = (x[..., 0] - x[..., 2]) / prepared["resistance"]
        return np.stack([current, -current, -current, current], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        pattern = np.outer([1.0, -1.0, -1.0, 1.0], [1.0, 0.0, -1.0, 0.0])
        slopes: Array = pattern / np.asarray(prepared["resistance"])[..., None, None]
        return slopes


@dataclass(frozen=True)
class LeakyLine(Device):
    """A series ``resistance`` in ohms between two ports, and a ``conductance`` in siemens spread along it.

    It is the limit of many sections in a row, whose solution has hyperbolic functions of
    sqrt(resistance * conductance).
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        resistance, conductance = np.asarray(values["resistance"]), np.asarray(values["conductance"])
        length, root = np.sqrt(resistance * conductance), np.sqrt(conductance / resistance)
        return {"own": root / np.tanh(length), "through": root / np.sinh(length)}

    def residual(self, x: Array, prepared: Values) -> Array:
        first, second = x[..., 0] - x[..., 1], x[..., 2] - x[..., 3]
        into_first = prepared["own"] * first - prepared["through"] * second
        into_second = prepared["own"] * second - prepared["through"] * first
        return np.stack([into_first, -into_first, into_second, -into_second], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        port = np.array([[1.0, -1.0], [-1.0, 1.0]])
        own, through = np.kron(np.eye(2), port), np.kron(np.eye(2)[::-1], port)
        slopes: Array = prepared["own"][..., None, None] * own - prepared["through"][..., None, None] * through
        return slopes


_PORTS = ("p1", "n1", "p2", "n2")
LOSSLESS_LINE = LosslessLine("lossless line", (*_PORTS, "i"), homogeneous=True)
EQUAL_LINE = LosslessLine(
    "lossless line of any reference", (*_PORTS, "i"), homogeneous=True, reciprocal=False, differential=False
)
LOSSY_LINE = LossyLine("lossy line", _PORTS, {"resistance": NAN}, homogeneous=True)
"""For lines whose references are at ground: elsewhere it is not reciprocal."""
RETURNING_LINE = LossyLine(
    "lossy line of any reference", _PORTS, {"resistance": NAN}, homogeneous=True, reciprocal=False
)
LEAKY_LINE = LeakyLine("leaky line", _PORTS, {"resistance": NAN, "conductance": NAN}, homogeneous=True)
