"""Voltage- and current-controlled switches, as ngspice sees them at an operating point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.circuit.devices.junction import given
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")


@dataclass(frozen=True)
class Switch(Device):
    """A resistance that is ``ron`` or ``roff`` by a control value.

    It is on above threshold + |hysteresis| and off below threshold - |hysteresis|. In between,
    an operating point has no history: as in ngspice, a switch with positive hysteresis is then in
    its initial state (``on``; a current-controlled one is off), any other is on. A piecewise
    constant law has no derivative by the control or the threshold, only by ``ron`` and ``roff``;
    ``roff`` is 1 / gmin where it is not given.
    """

    threshold: str = "vt"
    hysteresis: str = "vh"

    def prepare(self, values: Values, environment: Environment) -> Values:
        hysteresis = np.asarray(values[self.hysteresis]).real
        threshold = np.asarray(values[self.threshold]).real
        remembers_on = np.asarray(values["on"]).real > 0 if "on" in values else np.zeros_like(hysteresis, dtype=bool)
        return {
            "low": threshold - np.abs(hysteresis),
            "high": threshold + np.abs(hysteresis),
            "between": np.where(hysteresis > 0, remembers_on, True),
            "on_conductance": 1.0 / np.asarray(values["ron"]),
            "off_conductance": 1.0 / given(np.asarray(values["roff"]), 1.0 / environment.gmin),
        }

    def residual(self, x: Array, prepared: Values) -> Array:
        current = self._conductance(x, prepared) * (x[..., 0] - x[..., 1])
        silent = 0.0 * current
        return np.stack([current, -current, *[silent] * (x.shape[-1] - 2)], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        g = self._conductance(x, prepared)
        result = np.zeros((*g.shape, x.shape[-1], x.shape[-1]), g.dtype)
        result[..., 0, 0] = result[..., 1, 1] = g
        result[..., 0, 1] = result[..., 1, 0] = -g
        return result

    def _conductance(self, x: Array, p: Values) -> Array:
        control = (x[..., 2] - x[..., 3] if x.shape[-1] == 4 else x[..., 2]).real
        on = np.where(control > p["high"], True, np.where(control < p["low"], False, p["between"]))
        return np.where(on, p["on_conductance"], p["off_conductance"])


VOLTAGE_SWITCH = Switch(
    "voltage-controlled switch",
    ("p", "n", "cp", "cn"),
    {"vt": 0.0, "vh": 0.0, "ron": 1.0, "roff": NAN, "on": 0.0},
    linear=False,
    reciprocal=False,
)
CURRENT_SWITCH = Switch(
    "current-controlled switch",
    ("p", "n", "ic"),
    {"it": 0.0, "ih": 0.0, "ron": 1.0, "roff": NAN},
    linear=False,
    reciprocal=False,
    threshold="it",
    hysteresis="ih",
)

MODELS = {
    "sw": ModelType(
        "sw",
        "S",
        VOLTAGE_SWITCH,
        (4,),
        names("vt vh ron roff"),
        flags={"on": ("on", 1.0), "off": ("on", 0.0)},
        ignored=("sw",),
    ),
    "csw": ModelType(
        "csw",
        "W",
        CURRENT_SWITCH,
        (2,),
        names("it ih ron roff"),
        controls=1,
        flags={"on": None, "off": None},
        ignored=("csw",),
    ),
}
