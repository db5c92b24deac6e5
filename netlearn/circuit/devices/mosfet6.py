"""The level 6 MOSFET, the n-th power law (Sakurai and Newton, IEEE Trans. Electron Devices 38, 1991), as in ngspice."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Values
from netlearn.circuit.devices.junction import given
from netlearn.circuit.devices.mosfet import (
    MODELS as LEVEL_1,
)
from netlearn.circuit.devices.mosfet import (
    MOSFET,
    Mosfet,
    channel_length,
    oxide_capacitance,
)

NAN = float("nan")


@dataclass(frozen=True)
class Mosfet6(Mosfet):
    """Saturation current and voltage as powers of the gate's overdrive, a parabola below saturation."""

    def prepare_channel(self, v: Values, temperature: Array, nominal: Array, shared: Values) -> Values:
        oxide = oxide_capacitance(v)
        kc = given(v["kc"], np.where(oxide.real != 0, 0.5 * given(v["uo"], 600.0) * oxide * 1e-4, 5e-5))
        return {
            "beta": kc / (temperature / nominal) ** 1.5 * v["m"] * v["w"] / channel_length(v),
            # Here m multiplies all of a transistor.
            "gmin": v["m"] * shared["gmin"],
            "kv": v["kv"],
            "nv": v["nv"],
            "nc": v["nc"],
            "gamma1": v["gamma1"],
            "sigma": v["sigma"],
            "lambda0": given(v["lambda0"], v["lambda"]),
            "lambda1": v["lambda1"],
        }

    def threshold(self, vds: Array, vbs: Array, p: Values) -> Array:
        forward = vbs.real > 0
        root = np.sqrt(p["phi"] - np.where(forward, 0.0, vbs))
        root = root - np.where(forward, vbs, 0.0) / (2.0 * root)
        root = np.where(root.real > 0, root, 0.0)
        threshold: Array = p["built_in"] + p["gamma"] * root - p["gamma1"] * vbs - p["sigma"] * vds
        return threshold

    def forward(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> Array:
        over = vgs - self.threshold(vds, vbs, p)
        on = over.real > 0
        logarithm = np.log(np.where(on, over, 1.0))
        saturation = p["kv"] * np.exp(logarithm * p["nv"])
        current = p["beta"] * np.exp(logarithm * p["nc"]) * (1.0 + (p["lambda0"] - p["lambda1"] * vbs) * vds)
        linear = saturation.real > vds.real
        part = np.where(linear, vds / np.where(linear, saturation, 1.0), 1.0)
        result: Array = np.where(on, current * (2.0 - part) * part, 0.0)
        return result


MOSFET6 = Mosfet6(
    "level 6 mosfet",
    MOSFET.unknowns,
    {
        **{name: value for name, value in MOSFET.parameters.items() if name != "kp"},
        "kv": 2.0,
        "nv": 0.5,
        "kc": NAN,
        "nc": 1.0,
        "gamma1": 0.0,
        "sigma": 0.0,
        "lambda0": NAN,
        "lambda1": 0.0,
        # Unlike the other levels', rsh counts only where squares are given.
        "nrd": 0.0,
        "nrs": 0.0,
    },
    MOSFET.internal,
    linear=False,
    reciprocal=False,
)


def _unscaled(given: Collection[str]) -> dict[str, str]:
    return {}


_OWN = ("kv", "nv", "kc", "nc", "gamma1", "sigma", "lambda0", "lambda1")

MODELS = {
    name: replace(
        kind,
        device=MOSFET6,
        model={
            **{word: value for word, value in kind.model.items() if value != "kp"},
            **{word: word for word in _OWN},
        },
        ignored={*kind.ignored, "nvth", "ps"},
        level=6,
        # ngspice scales the sizes of the other levels only.
        derived=_unscaled,
    )
    for name, kind in LEVEL_1.items()
}
