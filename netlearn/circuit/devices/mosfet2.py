"""The level 2 MOSFET (Vladimirescu and Liu, memorandum UCB/ERL M80/7, 1980), as ngspice has it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Internal, Values
from netlearn.circuit.devices.junction import CHARGE, given, junction_potential
from netlearn.circuit.devices.mosfet import (
    MODELS as LEVEL_1,
)
from netlearn.circuit.devices.mosfet import (
    MOSFET,
    SILICON,
    Mosfet,
    channel_length,
    oxide_capacitance,
    transconductance,
)
from netlearn.circuit.devices.polynomial import least_positive_root

AT_REST = 1e-10
"""The drain-source voltage up to which a channel is linear whatever saturation says, by convention: it is far below any
voltage that counts."""

LEAST_WIDTH = 0.25e-6
"""The depletion width in metres that limits channel shortening where the doping is not given, as SPICE has it."""


@dataclass(frozen=True)
class Mosfet2(Mosfet):
    """A channel worked out from the depletion charge along it (Grove and Frohman).

    With short- and narrow-channel effects on the threshold (``xj``, ``delta``), mobility that falls with
    the field (``ucrit``, ``uexp``), conduction below the threshold (``nfs``), and saturation by pinch-off or,
    where ``vmax`` is given, by the carriers' velocity (Baum and Beneking).
    """

    def prepare_channel(self, v: Values, temperature: Array, nominal: Array, shared: Values) -> Values:
        oxide, length = oxide_capacitance(v), channel_length(v)
        doped = ~np.isnan(v["nsub"])
        doping = np.where(doped, v["nsub"], 1.0) * 1e6
        depletion = np.where(doped, np.sqrt(2.0 * SILICON / (CHARGE * doping)), 0.0)
        bulk = junction_potential(v["pb"], temperature, nominal)
        narrowing = depletion * np.sqrt(np.where(bulk.real > 0, bulk, 0.0))
        beta = transconductance(v, 2e-5) / (temperature / nominal) ** 1.5 * v["m"] * v["w"] / length
        return {
            "beta": beta,
            "lambda": v["lambda"],
            "length": length,
            "depletion": depletion,
            "doped": doped,
            "junction_depth": v["xj"],
            # ngspice divides by the oxide of all m transistors together.
            "narrow": 0.25 * np.pi * v["delta"] * SILICON / (oxide * v["m"] * v["w"]),
            "surface_states": CHARGE * v["nfs"] * 1e4 / oxide,
            "field": v["ucrit"] * 100.0 * SILICON / oxide,
            "field_exponent": v["uexp"],
            "mobility": given(v["uo"], 600.0) * 1e-4,
            "velocity": v["vmax"],
            "charge_factor": np.sqrt(v["neff"]),
            "unshortened": length - narrowing,
            "least_length": np.where(doped, narrowing, LEAST_WIDTH),
        }

    def threshold(self, vds: Array, vbs: Array, p: Values) -> Array:
        return self._turn_on(vds, vbs, p)[2]

    def _turn_on(self, vds: Array, vbs: Array, p: Values) -> tuple[Array, Array, Array, Array]:
        """Flat band with surface potential, body factor, threshold, and the slope factor below it."""
        root, by_bulk = _bent_root(vbs, p["phi"])
        end_root, end_by_bulk = _bent_root(vbs - vds, p["phi"])
        flat = p["built_in"] + p["narrow"] * (p["phi"] - vbs)
        # What the depletion regions of source and drain take of the charge under the gate (Yau).
        source, source_slope = _charge_shared(root, by_bulk, p)
        drain, drain_slope = _charge_shared(end_root, end_by_bulk, p)
        body = p["gamma"] * (1.0 - source - drain)
        on = flat + body * root
        body_slope = -p["gamma"] * (source_slope + drain_slope)
        slope = 1.0 + p["surface_states"] - (body * by_bulk + body_slope * root) + p["narrow"]
        weak = p["surface_states"].real != 0
        return flat, body, np.where(weak, on + p["vt"] * slope, on), slope

    def forward(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> Array:
        flat, body, on, slope = self._turn_on(vds, vbs, p)
        weak, eta, surface = p["surface_states"].real != 0, 1.0 + p["narrow"], p["phi"] - vbs
        below = weak & (vgs.real <= on.real)
        gate = np.where(below, on, vgs)
        over = vgs - on
        bent = over.real > p["field"].real
        ratio = p["field"] / np.where(bent, over, p["field"])
        reduction = np.where(bent, np.exp(p["field_exponent"] * np.log(ratio)), 1.0)
        root = _bent_root(vbs, p["phi"])[0]
        saturation = _pinch_off((gate - flat) / eta, surface, body / eta)
        limited = p["velocity"].real > 0
        mobility = p["mobility"] * reduction
        if limited.any():
            velocity = np.where(limited, p["velocity"], 1.0)
            drift = velocity * p["length"] / mobility
            by_drift, found = _velocity_limit((gate - flat) / eta, surface, body / eta, drift, root)
            saturation = np.where(limited & found, by_drift, saturation)
        else:
            velocity = np.asarray(1.0)
        # Below the threshold the velocity's limit may give a negative voltage, and with it a current at rest.
        rest = vds.real <= AT_REST
        linear = rest | (vds.real <= saturation.real)
        along = np.where(linear, vds, saturation)
        end = _bent_root(vbs - along, p["phi"])[0]
        # The difference of the cubes, which would leave its rounding where both are large and nothing conducts.
        cubes = (end - root) * (end * end + end * root + root * root)
        charge = (gate - flat - 0.5 * eta * along) * along - body * cubes / 1.5
        shortened = self._shortening(vds, saturation, velocity / mobility, limited, p)
        current = p["beta"] * reduction / shortened * charge
        exponent = np.where(below, over, 0.0) / (p["vt"] * slope)
        current = current * np.exp(exponent)
        off = np.where(
            weak,
            below & (saturation.real <= 0) & ~rest,
            (vgs.real <= flat.real) | (rest & (vgs.real <= on.real)),
        )
        result: Array = np.where(off, 0.0, current)
        return result

    def _shortening(self, vds: Array, saturation: Array, velocity: Array, limited: Array, p: Values) -> Array:
        """The channel's length as a part of what it is at rest, limited at punch-through."""
        beyond = vds - saturation
        reach = p["depletion"] / p["length"]
        quarter = beyond / 4.0
        by_voltage = reach * np.sqrt(quarter + np.sqrt(1.0 + quarter * quarter))
        width = p["depletion"] / p["charge_factor"]
        knee = 0.5 * velocity * width
        clipped = np.where(beyond.real > 0, beyond, 0.0)
        # Where nothing is beyond, the root of a square would lose the derivative at a zero knee.
        safe = np.where((beyond.real > 0) | (knee.real > 0), knee * knee + clipped, 1.0)
        by_velocity = width / p["length"] * np.where(clipped.real > 0, np.sqrt(safe) - knee, 0.0)
        own = ~p["doped"] | (p["lambda"].real > 0)
        part = np.where(own, p["lambda"] * vds, np.where(limited, by_velocity, by_voltage))
        left, least = p["length"] * (1.0 - part), p["least_length"]
        through = left.real < least.real
        excess = np.where(through, (part * p["length"] - p["unshortened"]) / least, 0.0)
        result: Array = np.where(through, least / (1.0 + excess), left) / p["length"]
        return result


def _bent_root(v: Array, phi: Array) -> tuple[Array, Array]:
    """sqrt(phi - v), for a forward bulk a rational function that stays positive, and its derivative by ``v``."""
    forward = v.real > 0
    root = np.sqrt(phi - np.where(forward, 0.0, v))
    bent = root / (1.0 + 0.5 * np.where(forward, v, 0.0) / phi)
    slope = np.where(forward, -0.5 * bent * bent / (phi * np.sqrt(phi)), -0.5 / root)
    return bent, slope


def _charge_shared(root: Array, slope: Array, p: Values) -> tuple[Array, Array]:
    """The part of the bulk charge that a junction of depth xj holds, and its derivative by the bulk voltage."""
    deep = p["junction_depth"].real > 0
    depth = np.where(deep, p["junction_depth"], 1.0)
    spread = np.sqrt(1.0 + 2.0 * p["depletion"] * root / depth)
    part = np.where(deep, 0.5 * depth / p["length"] * (spread - 1.0), 0.0)
    return part, np.where(deep, 0.5 * p["depletion"] * slope / (p["length"] * spread), 0.0)


def _pinch_off(over: Array, surface: Array, body: Array) -> Array:
    """The drain voltage at which the channel's charge vanishes at the drain."""
    bodied = body.real > 0
    square = np.where(bodied, body * body, 1.0)
    reach = over + surface
    positive = reach.real > 0
    root = np.sqrt(1.0 + 4.0 * np.where(positive, reach, 0.0) / square)
    voltage = np.where(bodied, np.where(positive, over + square * (1.0 - root) / 2.0, 0.0), over)
    result: Array = np.where(voltage.real > 0, voltage, 0.0)
    return result


def _velocity_limit(over: Array, surface: Array, body: Array, drift: Array, root: Array) -> tuple[Array, Array]:
    """The drain voltage at which carriers reach their greatest velocity, and where there is one.

    The square of the root of a polynomial of fourth degree in sqrt(surface + vds).
    """
    reach = over + surface
    x, found = least_positive_root(
        4.0 / 3.0 * body,
        -2.0 * (reach + drift),
        -2.0 * body * drift,
        2.0 * reach * (surface + drift) - surface * surface - 4.0 / 3.0 * body * root**3,
    )
    return x * x - surface, found


MOSFET2 = Mosfet2(
    "level 2 mosfet",
    ("d", "g", "s", "b", "internal#drain", "internal#source"),
    {
        **MOSFET.parameters,
        "tox": 1e-7,
        "pb": 0.8,
        "delta": 0.0,
        "uexp": 0.0,
        "ucrit": 1e4,
        "vmax": 0.0,
        "xj": 0.0,
        "neff": 1.0,
        "nfs": 0.0,
    },
    {"internal#drain": Internal("rd", "d"), "internal#source": Internal("rs", "s")},
    linear=False,
    reciprocal=False,
)

_OWN = ("pb", "delta", "uexp", "ucrit", "vmax", "xj", "neff", "nfs")

MODELS = {
    name: replace(
        kind,
        device=MOSFET2,
        model={**kind.model, **{word: word for word in _OWN}},
        ignored={word for word in kind.ignored if word not in _OWN},
        level=2,
    )
    for name, kind in LEVEL_1.items()
}
