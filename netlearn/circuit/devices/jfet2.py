"""The level 2 JFET or MESFET (Parker and Skellern, IEEE Trans. Microwave Theory Tech. 45, 1997), as in ngspice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Environment, Values
from netlearn.circuit.devices.jfet import JFET, Jfet
from netlearn.circuit.devices.jfet import MODELS as LEVEL_1
from netlearn.circuit.devices.junction import inverse, junction_potential, temperatures, thermal_voltage
from netlearn.circuit.devices.model_type import names

LOWEST, HIGHEST = -10.0, 40.0
"""Exponents below which an exponential is taken for zero, and above which it goes on as a straight line, as ngspice has
them."""
GAP = 1.11
"""The band gap in electronvolts that the gate's saturation current rises with, as ngspice has it."""


@dataclass(frozen=True)
class Jfet2(Jfet):
    """A power law with another power in the triode region, early saturation, and a soft threshold.

    With feedback from the drain to the threshold (``lfgam``, ``lfg1``, ``lfg2``) and a current that falls with
    the power (``delta``). Only what holds at low frequencies counts at an operating point.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        vt, scale = thermal_voltage(temperature), v["area"] * v["m"]
        depth = junction_potential(v["pb"], temperature, nominal) - v["vto"]
        return {
            "vt": v["n"] * vt,
            "polarity": v["polarity"].real,
            "beta": v["beta"] * scale,
            "lambda": v["lambda"],
            "vto": v["vto"],
            "feedback": v["lfgam"],
            "feedback_by_source": v["lfg1"],
            "feedback_by_drain": v["lfg2"],
            "soft": v["vst"],
            "softer": v["mvst"],
            "power": v["q"],
            "more_power": v["p"] - v["q"],
            "triode": v["p"] / v["q"] / depth ** (v["p"] - v["q"]),
            "knee": v["z"],
            "saturation_potential": v["xi"] * depth,
            "modulation": v["mxi"],
            "heating": v["delta"] / scale,
            "saturation": v["is"] * np.exp((temperature / nominal - 1.0) * GAP / vt) * scale,
            "breakdown": v["ibd"] * scale,
            "breakdown_voltage": v["vbd"],
            "gd": inverse(v["rd"]) * scale,
            "gs": inverse(v["rs"]) * scale,
            "gmin": environment.gmin * v["m"],
        }

    def gate_current(self, v: Array, p: Values) -> Array:
        forward = p["saturation"] * _exponential_less_one(v / p["vt"])
        backward = p["breakdown"] * _exponential_less_one(-v / p["breakdown_voltage"])
        current: Array = forward - backward + p["gmin"] * v
        return current

    def gate_conductance(self, v: Array, p: Values) -> Array:
        forward = p["saturation"] / p["vt"] * _exponential_slope(v / p["vt"])
        backward = p["breakdown"] / p["breakdown_voltage"] * _exponential_slope(-v / p["breakdown_voltage"])
        conductance: Array = forward + backward + p["gmin"]
        return conductance

    def forward(self, vgs: Array, vds: Array, p: Values) -> Array:
        vgd = vgs - vds
        feedback = p["feedback"] - p["feedback_by_source"] * vgs + p["feedback_by_drain"] * vgd
        over = vgs - p["vto"] - feedback * vgd
        soft = p["soft"] * (1.0 + p["softer"] * vds)
        on = over.real > np.where(soft.real != 0, LOWEST, 0.0) * soft.real
        # Off, the values of a channel that is just on stand in: the result is not used.
        over = _softened(np.where(on, over, 1.0), soft)
        along = vds * p["triode"] * over ** p["more_power"]
        limit = over / (1.0 + over / (p["modulation"] * over + p["saturation_potential"]))
        steep = 0.5 * np.sqrt(1.0 + p["knee"]) * along
        bend = 0.25 * p["knee"] * limit * limit
        upper, lower = steep + 0.5 * limit, steep - 0.5 * limit
        along = np.sqrt(upper * upper + bend) - np.sqrt(lower * lower + bend)
        # Where the channel is all but saturated the difference of roots may round to more than there is.
        along = np.where(along.real < over.real, along, over)
        near, far = over ** (p["power"] - 1.0), (over - along) ** (p["power"] - 1.0)
        current = p["beta"] * (1.0 + p["lambda"] * vds) * (along * far + over * (near - far))
        current = np.where(on, current, 0.0)
        cooled: Array = current / (1.0 + p["heating"] * vds * current)
        return cooled


def _softened(over: Array, soft: Array) -> Array:
    """The overdrive, which below the threshold vanishes as an exponential."""
    has = soft.real != 0
    scale = np.where(has, soft, 1.0)
    exponent = np.where(has, over, HIGHEST + 1.0) / scale
    bent = has & (exponent.real <= HIGHEST)
    return np.where(bent, scale * np.log1p(np.exp(np.where(bent, exponent, 0.0))), over)


def _exponential_less_one(x: Array) -> Array:
    above = x.real >= HIGHEST
    growth = np.where(above, x - (HIGHEST - 1.0), 1.0)
    rising = np.expm1(np.where(above, HIGHEST, x)) * growth + (growth - 1.0)
    result: Array = np.where(x.real > LOWEST, rising, -1.0)
    return result


def _exponential_slope(x: Array) -> Array:
    slope: Array = np.where(x.real > LOWEST, np.exp(np.where(x.real >= HIGHEST, HIGHEST, x)), 0.0)
    return slope


JFET2 = Jfet2(
    "level 2 jfet",
    JFET.unknowns,
    {
        "polarity": 1.0,
        "vto": -2.0,
        "beta": 1e-4,
        "lambda": 0.0,
        "lfgam": 0.0,
        "lfg1": 0.0,
        "lfg2": 0.0,
        "vst": 0.0,
        "mvst": 0.0,
        "p": 2.0,
        "q": 2.0,
        "z": 1.0,
        "xi": 1000.0,
        "mxi": 0.0,
        "delta": 0.0,
        "pb": 1.0,
        "is": 1e-14,
        "n": 1.0,
        "ibd": 0.0,
        "vbd": 1.0,
        "rd": 0.0,
        "rs": 0.0,
        "tnom": float("nan"),
        "area": 1.0,
        "m": 1.0,
        "temp": float("nan"),
        "dtemp": 0.0,
    },
    JFET.internal,
    linear=False,
    reciprocal=False,
)

MODELS = {
    name: replace(
        kind,
        device=JFET2,
        model=names("vto=vt0 beta lambda lfgam lfg1 lfg2 vst mvst p q z xi mxi delta pb=vbi is n ibd vbd rd rs tnom"),
        ignored=names("acgam af cds cgd cgs hfeta hfe1 hfe2 hfg1 hfg2 hfgam fc kf taud taug ver xc njf pjf"),
        level=2,
    )
    for name, kind in LEVEL_1.items()
}
