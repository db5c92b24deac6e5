"""Resistors, independent sources and linear controlled sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values

NAN = float("nan")


def _constant(matrix: list[list[float]], x: Array) -> Array:
    """One T x T Jacobian for all k instances, without a sample axis."""
    template = np.array(matrix)
    return np.broadcast_to(template, (x.shape[-2], *template.shape))


def _with_gain(constant: Sequence[Sequence[int]], gained: Sequence[Sequence[int]], prepared: Values) -> Array:
    """The Jacobian (..., k, T, T) of a controlled source, the part ``gained`` times its gain."""
    gain = np.asarray(prepared["gain"])[..., None, None]
    result: Array = np.array(constant, dtype=float) + gain * np.array(gained, dtype=float)
    return result


@dataclass(frozen=True)
class Resistor(Device):
    """Ohm's law, i = (v_p - v_n) / resistance."""

    def jacobian(self, x: Array, prepared: Values) -> Array:
        conductance, pattern = self.scaled_slopes(prepared)
        stamps: Array = conductance[..., None, None] * pattern
        return stamps

    def scaled_slopes(self, prepared: Values) -> tuple[Array, Array]:
        return 1.0 / np.asarray(prepared["resistance"]), np.array([[1.0, -1.0], [-1.0, 1.0]])

    def residual(self, x: Array, prepared: Values) -> Array:
        current = (x[..., 0] - x[..., 1]) / prepared["resistance"]
        return np.stack([current, -current], axis=-1)

    def value_jacobian(self, x: Array, values: Values, environment: Environment, name: str) -> Array:
        current = -(x[..., 0] - x[..., 1]) / np.asarray(values["resistance"]) ** 2
        return np.stack([current, -current], axis=-1)


@dataclass(frozen=True)
class VoltageSource(Device):
    """v_p - v_n = dc; its current flows from p through the source to n, as SPICE counts it."""

    def residual(self, x: Array, prepared: Values) -> Array:
        current = x[..., 2]
        return np.stack(np.broadcast_arrays(current, -current, x[..., 0] - x[..., 1] - prepared["dc"]), axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        return _constant([[0, 0, 1], [0, 0, -1], [1, -1, 0]], x)

    def scaled_slopes(self, prepared: Values) -> tuple[Array, Array]:
        return np.ones(np.shape(prepared["dc"])[-1:]), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [1.0, -1.0, 0.0]])

    def driven(self, prepared: Values) -> tuple[tuple[int, Array], ...]:
        return ((2, -np.asarray(prepared["dc"])),)


@dataclass(frozen=True)
class Winding(Device):
    """v_p - v_n = resistance * i: an inductor at an operating point, with its series resistance."""

    def residual(self, x: Array, prepared: Values) -> Array:
        current = x[..., 2]
        branch = x[..., 0] - x[..., 1] - prepared["resistance"] * current
        return np.stack(np.broadcast_arrays(current, -current, branch), axis=-1)


@dataclass(frozen=True)
class CurrentSource(Device):
    """The current dc flows from p through the source to n."""

    def residual(self, x: Array, prepared: Values) -> Array:
        current = prepared["dc"] + 0 * x[..., 0]
        return np.stack([current, -current], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        return _constant([[0, 0], [0, 0]], x)

    def driven(self, prepared: Values) -> tuple[tuple[int, Array], ...]:
        return (0, np.asarray(prepared["dc"])), (1, -np.asarray(prepared["dc"]))


@dataclass(frozen=True)
class Vccs(Device):
    """G: a current gain * (v_cp - v_cn) from p through the source to n."""

    def residual(self, x: Array, prepared: Values) -> Array:
        current = prepared["gain"] * (x[..., 2] - x[..., 3])
        return np.stack([current, -current, 0 * current, 0 * current], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        none = [[0] * 4] * 4
        return _with_gain(none, [[0, 0, 1, -1], [0, 0, -1, 1], *none[:2]], prepared)


@dataclass(frozen=True)
class Vcvs(Device):
    """E: v_p - v_n = gain * (v_cp - v_cn)."""

    def residual(self, x: Array, prepared: Values) -> Array:
        branch = x[..., 0] - x[..., 1] - prepared["gain"] * (x[..., 2] - x[..., 3])
        current = x[..., 4] + 0 * branch
        return np.stack([current, -current, 0 * branch, 0 * branch, branch], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        none = [[0] * 5] * 4
        constant = [[0, 0, 0, 0, 1], [0, 0, 0, 0, -1], *none[:2], [1, -1, 0, 0, 0]]
        return _with_gain(constant, [*none, [0, 0, -1, 1, 0]], prepared)


@dataclass(frozen=True)
class Cccs(Device):
    """F: a current gain * i_c from p through the source to n, i_c a branch current."""

    def residual(self, x: Array, prepared: Values) -> Array:
        current = prepared["gain"] * x[..., 2]
        return np.stack([current, -current, 0 * current], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        return _with_gain([[0] * 3] * 3, [[0, 0, 1], [0, 0, -1], [0, 0, 0]], prepared)


@dataclass(frozen=True)
class Ccvs(Device):
    """H: v_p - v_n = gain * i_c, i_c a branch current."""

    def residual(self, x: Array, prepared: Values) -> Array:
        branch = x[..., 0] - x[..., 1] - prepared["gain"] * x[..., 2]
        current = x[..., 3] + 0 * branch
        return np.stack([current, -current, 0 * branch, branch], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        none = [[0] * 4] * 3
        constant = [[0, 0, 0, 1], [0, 0, 0, -1], none[0], [1, -1, 0, 0]]
        return _with_gain(constant, [*none, [0, 0, -1, 0]], prepared)


RESISTOR = Resistor("resistor", ("p", "n"), {"resistance": NAN}, homogeneous=True)
SHUNT = Resistor("shunt", ("p", "n"), {"resistance": NAN}, homogeneous=True)
"""What ``.options rshunt`` puts between each node, also inside elements, and ground."""
VOLTAGE_SOURCE = VoltageSource("voltage source", ("p", "n", "i"), {"dc": 0.0})
WINDING = Winding("inductor", ("p", "n", "i"), {"resistance": 0.0, "inductance": 0.0}, homogeneous=True)
CURRENT_SOURCE = CurrentSource("current source", ("p", "n"), {"dc": 0.0})
VCCS = Vccs("vccs", ("p", "n", "cp", "cn"), {"gain": NAN}, homogeneous=True, reciprocal=False)
VCVS = Vcvs("vcvs", ("p", "n", "cp", "cn", "i"), {"gain": NAN}, homogeneous=True, reciprocal=False)
CCCS = Cccs("cccs", ("p", "n", "ic"), {"gain": NAN}, homogeneous=True, reciprocal=False)
CCVS = Ccvs("ccvs", ("p", "n", "ic", "i"), {"gain": NAN}, homogeneous=True, reciprocal=False)
