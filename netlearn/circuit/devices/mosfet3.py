"""The level 3 MOSFET, semi-empirical (Vladimirescu and Liu, memorandum UCB/ERL M80/7, 1980), as ngspice has it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Internal, Values
from netlearn.circuit.devices.junction import (
    CHARGE,
    K_OVER_Q,
    band_gap,
    given,
    junction_conductance,
    junction_current,
)
from netlearn.circuit.devices.mosfet import (
    INTRINSIC,
    MOSFET,
    SILICON,
    Mosfet,
    channel_length,
    oxide_capacitance,
    transconductance,
)
from netlearn.circuit.devices.mosfet import (
    MODELS as LEVEL_1,
)
from netlearn.circuit.devices.refused import refuse

# Dang's polynomial for the width of the depletion region around a cylindrical junction, with SPICE's numbers.
CYLINDER = (0.0631353, 0.8013292, -0.01110777)
LEAST_SLOPE = 1e-12
"""The least output conductance in siemens that velocity saturation leaves, as SPICE has it."""


@dataclass(frozen=True)
class Mosfet3(Mosfet):
    """A channel with empirical short-channel corrections.

    With drain-induced barrier lowering (``eta``), mobility that falls with the gate's voltage (``theta``) and
    with the carriers' velocity (``vmax``), a threshold that depends on the channel's length (``xj``) and width
    (``delta``), conduction below it (``nfs``), and channel length modulation (``kappa``). ``badmos3`` is
    ngspice's option for the modulation that SPICE had once, which sets in at saturation with a corner.
    """

    def prepare_channel(self, v: Values, temperature: Array, nominal: Array, shared: Values) -> Values:
        oxide = oxide_capacitance(v)
        length, width = channel_length(v) + v["xl"], v["w"] - 2.0 * v["wd"] + v["xw"]
        refuse(
            (length.real <= 0) | (width.real <= 0),
            "its channel has no positive length and width",
            "l - 2 * ld + xl and w - 2 * wd + xw must be above zero",
        )
        doped = ~np.isnan(v["nsub"])
        doping = np.where(doped, v["nsub"], 1.0) * 1e6
        alpha = np.where(doped, 2.0 * SILICON / (CHARGE * doping), 0.0)
        cooling = (temperature / nominal) ** -1.5
        return {
            "beta": transconductance(v, 2e-5) * cooling * v["m"] * width / length,
            "built_in": shared["built_in"] + shared["polarity"] * v["delvto"],
            "length": length,
            "feedback": v["eta"] * 8.15e-22 / (oxide * length**3),
            "narrow": 0.5 * np.pi * v["delta"] * SILICON / (oxide * width),
            "depletion": np.where(doped, np.sqrt(2.0 * SILICON / (CHARGE * doping)), 0.0),
            "junction_depth": v["xj"],
            "diffusion": v["ld"],
            "surface_states": CHARGE * v["nfs"] * 1e4 / oxide,
            "theta": v["theta"],
            "mobility": given(v["uo"], 600.0) * 1e-4 * cooling,
            "velocity": v["vmax"],
            "alpha": alpha,
            "modulation": v["kappa"] * alpha,
            "kappa": v["kappa"],
            "old": v["badmos3"].real != 0,
        }

    def intrinsic(self, nominal: Array) -> Array:
        gap = 0.5 * band_gap(nominal) * (1.0 / 300.0 - 1.0 / nominal) / K_OVER_Q
        intrinsic: Array = INTRINSIC * (nominal / 300.0) ** 1.5 * np.exp(gap)
        return intrinsic

    def bulk_current(self, v: Array, saturation: Array, p: Values) -> Array:
        current: Array = junction_current(v, p["vt"], saturation) + p["gmin"] * v
        return current

    def bulk_conductance(self, v: Array, saturation: Array, p: Values) -> Array:
        conductance: Array = junction_conductance(v, p["vt"], saturation) + p["gmin"]
        return conductance

    def threshold(self, vds: Array, vbs: Array, p: Values) -> Array:
        return self._turn_on(vds, vbs, p)[1]

    def _turn_on(self, vds: Array, vbs: Array, p: Values) -> tuple[Array, Array, Array, Array]:
        """Threshold, the voltage where conduction turns weak, the slope factor below it, and the body factor."""
        forward = vbs.real > 0
        root = np.sqrt(p["phi"] - np.where(forward, 0.0, vbs))
        root = root / (1.0 + np.where(forward, vbs, 0.0) / (2.0 * p["phi"]))
        gamma = p["gamma"] * self._short_channel(root, p)
        charge = gamma * root + p["narrow"] * root * root
        threshold = p["built_in"] - p["feedback"] * vds + charge
        slope = 1.0 + p["surface_states"] + charge / (2.0 * root * root)
        weak = p["surface_states"].real != 0
        on = np.where(weak, threshold + p["vt"] * slope, threshold)
        return threshold, on, slope, 0.25 * gamma / root + p["narrow"]

    def _short_channel(self, root: Array, p: Values) -> Array:
        """The part of the bulk charge that the gate has to balance (Dang)."""
        short = (p["junction_depth"].real != 0) & (p["depletion"].real != 0)
        depth = np.where(short, p["junction_depth"], 1.0)
        width, reach = p["depletion"] * root / depth, p["diffusion"] / depth
        cylinder = CYLINDER[0] + CYLINDER[1] * width + CYLINDER[2] * width * width
        flat = np.sqrt(1.0 - (width / (1.0 + width)) ** 2)
        return np.where(short, 1.0 - depth / p["length"] * ((cylinder + reach) * flat - reach), 1.0)

    def forward(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> Array:
        threshold, on, slope, body = self._turn_on(vds, vbs, p)
        weak = p["surface_states"].real != 0
        below = vgs.real < on.real
        # Off, the values of a channel that is just on stand in: the result is not used.
        over = np.where(below, np.where(weak, on, threshold + 1.0), vgs) - threshold
        gate = 1.0 / (1.0 + p["theta"] * over)
        pinch_off = over / (1.0 + body)
        limited = p["velocity"].real > 0
        critical = p["length"] * np.where(limited, p["velocity"], 1.0) / (p["mobility"] * gate)
        by_velocity = pinch_off + critical - np.sqrt(pinch_off * pinch_off + critical * critical)
        saturation = np.where(limited, by_velocity, pinch_off)
        along = np.where(vds.real < saturation.real, vds, saturation)
        current = p["beta"] * gate * (over - 0.5 * (1.0 + body) * along) * along
        slowed = np.where(limited, 1.0 / (1.0 + along / critical), 1.0)
        current = current * slowed
        output = current * (1.0 - slowed) / critical
        field = (
            np.where(p["old"], 1.0, p["kappa"])
            * current
            / (p["length"] * np.where(output.real > LEAST_SLOPE, output, LEAST_SLOPE))
        )
        current = current / (1.0 - self._shortening(vds, saturation, field, limited, p))
        exponent = np.where(below & weak, vgs - on, 0.0) / (p["vt"] * slope)
        result: Array = np.where(below & ~weak, 0.0, current * np.exp(exponent))
        return result

    def _shortening(self, vds: Array, saturation: Array, field: Array, limited: Array, p: Values) -> Array:
        """The part of its length that the channel loses at the drain, limited at punch-through.

        ``field`` in volts per metre is the one at the end of the channel where the velocity saturates.
        """
        modulated = p["modulation"].real != 0
        beyond = vds.real > saturation.real
        # Up to saturation the length falls smoothly, with the fourth power of the drain's voltage.
        part = np.where(beyond, 1.0, np.where(p["old"], 0.0, vds / np.where(saturation.real > 0, saturation, 1.0)))
        eighth = np.where(beyond, vds - saturation, 0.0) + np.where(p["old"], 0.0, saturation / 8.0)
        by_voltage = np.sqrt(np.where(modulated & (eighth.real > 0), p["modulation"] * eighth, 1.0)) * part**4
        knee = 0.5 * p["alpha"] * field
        square = knee * knee + p["modulation"] * np.where(beyond, vds - saturation, 0.0)
        by_velocity = np.where(beyond, np.sqrt(np.where(square.real > 0, square, 1.0)) - knee, 0.0)
        lost = np.where(modulated, np.where(limited, by_velocity, by_voltage), 0.0) / p["length"]
        through = lost.real > 0.5
        result: Array = np.where(through, 1.0 - 0.25 / np.where(through, lost, 1.0), lost)
        return result


MOSFET3 = Mosfet3(
    "level 3 mosfet",
    ("d", "g", "s", "b", "internal#drain", "internal#source"),
    {
        **{name: value for name, value in MOSFET.parameters.items() if name != "lambda"},
        "tox": 1e-7,
        "delta": 0.0,
        "vmax": 0.0,
        "xj": 0.0,
        "nfs": 0.0,
        "eta": 0.0,
        "theta": 0.0,
        "kappa": 0.2,
        "delvto": 0.0,
        "xl": 0.0,
        "wd": 0.0,
        "xw": 0.0,
        "badmos3": 0.0,
    },
    {"internal#drain": Internal("rd", "d"), "internal#source": Internal("rs", "s")},
    linear=False,
    reciprocal=False,
)

_OWN = ("delta", "vmax", "xj", "nfs", "eta", "theta", "kappa", "xl", "wd", "xw")

MODELS = {
    name: replace(
        kind,
        device=MOSFET3,
        model={
            **{word: value for word, value in kind.model.items() if value != "lambda"},
            **{word: word for word in _OWN},
            "delvto": "delvto",
            "delvt0": "delvto",
        },
        refused=dict.fromkeys(("alpha", "xd", "input_delta"), "ngspice lists it, and does not read a card that has it"),
        level=3,
    )
    for name, kind in LEVEL_1.items()
}
