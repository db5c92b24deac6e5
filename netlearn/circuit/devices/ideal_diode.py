"""The ideal diode of the literature: three straight lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.circuit.devices.junction import given
from netlearn.circuit.devices.model_type import ModelType, names

NEVER = 1e300
"""The reverse voltage in volts, by convention, of a diode that breaks down at none."""


@dataclass(frozen=True)
class IdealDiode(Device):
    """Conductance 1/roff up to ``vfwd``, 1/ron beyond it, and 1/rrev beyond -``vrev``, without jumps.

    In a netlist it is a diode model with LTspice's parameters for it, such as
    ``.model d1 d(ron=1 roff=1meg vfwd=0.3)``. ngspice reads that model with
    ``set ngbehavior=lt``, and has the same law in its own ``sidiode``. ``rrev`` is ``ron``
    where it is not given. At the corners the derivative is that of the conducting side.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        scale = v["area"] * v["m"]
        has = np.isfinite(v["vrev"].real)
        return {
            "on": scale / v["ron"],
            "off": scale / v["roff"],
            "reverse": scale / given(v["rrev"], v["ron"]),
            "vfwd": v["vfwd"],
            "vrev": np.where(has, v["vrev"], NEVER),
        }

    def residual(self, x: Array, prepared: Values) -> Array:
        v, p = x[..., 0] - x[..., 1], prepared
        forward, reverse = v.real >= p["vfwd"].real, v.real <= -p["vrev"].real
        bent = np.where(
            forward,
            (p["on"] - p["off"]) * (v - p["vfwd"]),
            (p["reverse"] - p["off"]) * (v + np.where(reverse, p["vrev"], 0.0)),
        )
        current = p["off"] * v + np.where(forward | reverse, bent, 0.0)
        return np.stack([current, -current], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        v, p = (x[..., 0] - x[..., 1]).real, prepared
        g = np.where(v >= p["vfwd"].real, p["on"], np.where(v <= -p["vrev"].real, p["reverse"], p["off"]))
        result = np.empty((*g.shape, 2, 2), g.dtype)
        result[..., 0, 0] = result[..., 1, 1] = g
        result[..., 0, 1] = result[..., 1, 0] = -g
        return result


IDEAL_DIODE = IdealDiode(
    "ideal diode",
    ("a", "c"),
    {
        "ron": 1.0,
        "roff": 1e12,
        "vfwd": 0.0,
        "vrev": float("inf"),
        "rrev": float("nan"),
        "area": 1.0,
        "m": 1.0,
    },
    linear=False,
)

IDEAL_DIODE_WORDS = ("ron", "roff", "vfwd", "vrev", "rrev")
IDEAL_DIODE_MODEL = ModelType(
    "d",
    "D",
    IDEAL_DIODE,
    (2,),
    names("ron roff vfwd vrev rrev area"),
    names("area m"),
    ("area",),
    {"off": None},
    ignored_on_element=("ic", "off", "temp", "dtemp"),
    refused=dict.fromkeys(
        ("epsilon", "revepsilon", "ilimit", "revilimit"), "a smooth or limited corner of an ideal diode"
    ),
)
