"""The junction field-effect transistor, ngspice's level 1 (Parker and Skellern's form of Shichman and Hodges)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values
from netlearn.circuit.devices.junction import (
    critical_voltage,
    given,
    inverse,
    junction_conductance,
    junction_current,
    limit_gate,
    limit_junction,
    stamp,
    temperatures,
    thermal_voltage,
)
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")


@dataclass(frozen=True)
class Jfet(Device):
    """Unknowns are drain, gate, source, and the drain and source behind ``rd`` and ``rs``.

    ``polarity`` is 1 for njf and -1 for pjf. A value that is NaN was not given.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        vt, ratio, dt = thermal_voltage(temperature), temperature / nominal, temperature - nominal
        scale = v["area"] * v["m"]
        beta = np.where(
            np.isnan(v["betatce"]), v["beta"] * ratio ** v["bex"], v["beta"] * 1.01 ** (given(v["betatce"], 0.0) * dt)
        )
        saturation = v["is"] * np.exp((ratio - 1.0) * v["eg"] / vt) * ratio ** given(v["xti"], 0.0)
        return {
            "vt": vt,
            "polarity": v["polarity"].real,
            "beta": beta * scale,
            "vto": given(v["vto"] + v["vtotc"] * dt, v["vto"] - v["tcv"] * dt),
            "lambda": v["lambda"],
            "b": v["b"],
            # ngspice takes the threshold and the potential at the nominal temperature here.
            "tail": (1.0 - v["b"]) / (v["pb"] - v["vto"]),
            "saturation": saturation * scale,
            "gd": inverse(v["rd"]) * scale,
            "gs": inverse(v["rs"]) * scale,
            "gmin": environment.gmin * v["m"],
        }

    def residual(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vgd = sign * (x[..., 1] - x[..., 4]), sign * (x[..., 1] - x[..., 3])
        drain = sign * _channel(vgs, vgd, p)
        to_source, to_drain = (
            sign * (junction_current(v, p["vt"], p["saturation"]) + p["gmin"] * v) for v in (vgs, vgd)
        )
        rd, rs = p["gd"] * (x[..., 0] - x[..., 3]), p["gs"] * (x[..., 2] - x[..., 4])
        return np.stack(
            np.broadcast_arrays(rd, to_source + to_drain, rs, drain - to_drain - rd, -drain - to_source - rs), axis=-1
        )

    def jacobian(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vgd = sign * (x[..., 1] - x[..., 4]), sign * (x[..., 1] - x[..., 3])
        by_source, by_drain = _channel_slopes(vgs, vgd, p)
        result = np.zeros((*x.shape, 5), by_source.dtype)
        stamp(result, (0, 3), (0, 3), p["gd"])
        stamp(result, (2, 4), (2, 4), p["gs"])
        stamp(result, (3, 4), (1, 4), by_source)
        stamp(result, (3, 4), (1, 3), by_drain)
        for t, v in ((4, vgs), (3, vgd)):
            stamp(result, (1, t), (1, t), junction_conductance(v, p["vt"], p["saturation"]) + p["gmin"])
        return result

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        vt = p["vt"].real
        critical = critical_voltage(vt, p["saturation"])
        result = x.copy()
        for t in (3, 4):
            new, old = sign * (x[..., 1] - x[..., t]), sign * (previous[..., 1] - previous[..., t])
            limited = limit_gate(limit_junction(new, old, vt, critical), old, p["vto"].real)
            result[..., t] = np.where(limited == new, x[..., t], x[..., 1] - sign * limited)
        return result


def _operating(vgs: Array, vgd: Array, p: Values) -> tuple[Array, Array, Array, Array]:
    """Whether the channel is in normal mode, and its drain-source, overdrive and limited voltages."""
    normal = vgs.real >= vgd.real
    over, other = np.where(normal, vgs, vgd) - p["vto"], np.where(normal, vgd, vgs) - p["vto"]
    drop = over - other
    over = np.where(over.real > 0, over, 0.0)
    # Saturation is the linear law at its edge, where the far end of the channel is just cut off.
    return normal, drop, over, np.where(drop.real < over.real, drop, over)


def _law(over: Array, along: Array, p: Values) -> Array:
    tail, b = p["tail"], p["b"]
    law: Array = along * (along * (tail * along - b) + over * (2.0 * b + 3.0 * tail * (over - along)))
    return law


def _channel(vgs: Array, vgd: Array, p: Values) -> Array:
    """The current from drain to source of an n-channel device."""
    normal, drop, over, along = _operating(vgs, vgd, p)
    current = p["beta"] * (1.0 + p["lambda"] * drop) * _law(over, along, p)
    return np.where(normal, current, -current)


def _channel_slopes(vgs: Array, vgd: Array, p: Values) -> tuple[Array, Array]:
    """The derivatives of ``_channel`` by its two voltages."""
    normal, drop, over, along = _operating(vgs, vgd, p)
    tail, b = p["tail"], p["b"]
    strength, left = p["beta"] * (1.0 + p["lambda"] * drop), over - along
    gm = strength * along * (2.0 * b + 3.0 * tail * (over + left))
    gds = strength * left * (2.0 * b + 3.0 * tail * left) + p["beta"] * p["lambda"] * _law(over, along, p)
    return np.where(normal, gm + gds, gds), np.where(normal, -gds, -(gm + gds))


JFET = Jfet(
    "jfet",
    ("d", "g", "s", "drain", "source"),
    {
        "polarity": 1.0,
        "vto": -2.0,
        "beta": 1e-4,
        "lambda": 0.0,
        "rd": 0.0,
        "rs": 0.0,
        "is": 1e-14,
        "pb": 1.0,
        "b": 1.0,
        "tcv": 0.0,
        "vtotc": NAN,
        "bex": 0.0,
        "betatce": NAN,
        "xti": NAN,
        "eg": 1.11,
        "tnom": NAN,
        "area": 1.0,
        "m": 1.0,
        "temp": NAN,
        "dtemp": 0.0,
    },
    {"drain": Internal("rd", "d"), "source": Internal("rs", "s")},
    linear=False,
    reciprocal=False,
)

MODELS = {
    name: ModelType(
        name,
        "J",
        JFET,
        (3,),
        names("vto=vt0 beta lambda rd rs is pb b tcv vtotc bex betatce xti eg tnom"),
        names("area m temp dtemp"),
        ("area",),
        {"off": None},
        {"polarity": polarity},
        ignored=names("cgs cgd fc kf af nlev gdsnoi njf pjf"),
        ignored_on_element=("off", "ic", "ic-vds", "ic-vgs"),
        only={"level": (1,)},
    )
    for name, polarity in (("njf", 1.0), ("pjf", -1.0))
}
