"""What junction field-effect transistors have in common, and ngspice's level 1 (Parker and Skellern's form of
Shichman and Hodges's law).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values, derivative
from netlearn.circuit.devices.junction import (
    critical_voltage,
    given,
    inverse,
    junction_conductance,
    junction_current,
    limit_gate,
    limit_junction,
    near_on_channel,
    near_on_junction,
    stamp,
    temperatures,
    thermal_voltage,
)
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")


@dataclass(frozen=True)
class Jfet(Device):
    """A channel that conducts both ways, with a gate junction at either end and series resistances.

    Unknowns are drain, gate, source, and the drain and source behind ``rd`` and ``rs``.
    ``polarity`` is 1 for njf and -1 for pjf. A value that is NaN was not given. A level of ngspice's is a
    subclass that says how the channel conducts forwards, that is with the drain above the source.
    """

    def forward(self, vgs: Array, vds: Array, p: Values) -> Array:
        """The current from drain to source of an n-channel device with ``vds`` >= 0."""
        raise NotImplementedError

    def forward_slopes(self, vgs: Array, vds: Array, p: Values) -> tuple[Array, Array]:
        """The derivatives of ``forward`` by its two voltages."""
        return (
            derivative(lambda v: self.forward(v, vds, p), vgs),
            derivative(lambda v: self.forward(vgs, v, p), vds),
        )

    def gate_current(self, v: Array, p: Values) -> Array:
        """The current of a gate junction."""
        current: Array = junction_current(v, p["vt"], p["saturation"]) + p["gmin"] * v
        return current

    def gate_conductance(self, v: Array, p: Values) -> Array:
        """The derivative of ``gate_current``."""
        conductance: Array = junction_conductance(v, p["vt"], p["saturation"]) + p["gmin"]
        return conductance

    def residual(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vgd = sign * (x[..., 1] - x[..., 4]), sign * (x[..., 1] - x[..., 3])
        normal, gate, drop = _turned(vgs, vgd)
        current = self.forward(gate, drop, p)
        drain = sign * np.where(normal, current, -current)
        to_source, to_drain = (sign * self.gate_current(v, p) for v in (vgs, vgd))
        rd, rs = p["gd"] * (x[..., 0] - x[..., 3]), p["gs"] * (x[..., 2] - x[..., 4])
        return np.stack(
            np.broadcast_arrays(rd, to_source + to_drain, rs, drain - to_drain - rd, -drain - to_source - rs), axis=-1
        )

    def jacobian(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vgd = sign * (x[..., 1] - x[..., 4]), sign * (x[..., 1] - x[..., 3])
        normal, gate, drop = _turned(vgs, vgd)
        gm, gds = self.forward_slopes(gate, drop, p)
        result = np.zeros((*x.shape, 5), np.result_type(gm, gds))
        stamp(result, (0, 3), (0, 3), p["gd"])
        stamp(result, (2, 4), (2, 4), p["gs"])
        stamp(result, (3, 4), (1, 4), np.where(normal, gm + gds, gds))
        stamp(result, (3, 4), (1, 3), np.where(normal, -gds, -(gm + gds)))
        for t, v in ((4, vgs), (3, vgd)):
            stamp(result, (1, t), (1, t), self.gate_conductance(v, p))
        return result

    def channel_slope(self, prepared: Values) -> Array:
        _, conductance = self.forward_slopes(prepared["vto"] + 1.0, np.zeros_like(prepared["vto"].real), prepared)
        return np.asarray(prepared["polarity"].real * conductance)

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

    def near(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        steps = [(sign * (x[..., 1] - x[..., t]), sign * (previous[..., 1] - previous[..., t])) for t in (3, 4)]
        by_drain, by_source = (near_on_junction(*step, p["vt"].real) & near_on_channel(*step) for step in steps)
        return np.asarray(by_drain & by_source)


def _turned(vgs: Array, vgd: Array) -> tuple[Array, Array, Array]:
    """Whether the drain is above the source, and the gate's and the channel's voltages seen from the lower one."""
    normal = vgs.real >= vgd.real
    return normal, np.where(normal, vgs, vgd), np.where(normal, vgs - vgd, vgd - vgs)


@dataclass(frozen=True)
class Jfet1(Jfet):
    """A square law with a doping tail."""

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

    def forward(self, vgs: Array, vds: Array, p: Values) -> Array:
        over, along = _overdrive(vgs, vds, p)
        current: Array = p["beta"] * (1.0 + p["lambda"] * vds) * _law(over, along, p)
        return current

    def forward_slopes(self, vgs: Array, vds: Array, p: Values) -> tuple[Array, Array]:
        over, along = _overdrive(vgs, vds, p)
        tail, b = p["tail"], p["b"]
        strength, left = p["beta"] * (1.0 + p["lambda"] * vds), over - along
        gm = strength * along * (2.0 * b + 3.0 * tail * (over + left))
        gds = strength * left * (2.0 * b + 3.0 * tail * left) + p["beta"] * p["lambda"] * _law(over, along, p)
        return gm, gds

    def start(self, x: Array, prepared: Values) -> Array:
        # At a volt of reverse bias, as in SPICE.
        result = np.zeros_like(x)
        result[..., 1] = -prepared["polarity"].real
        return result


def _overdrive(vgs: Array, vds: Array, p: Values) -> tuple[Array, Array]:
    """The gate's overdrive, and the voltage along the channel, which saturates at it."""
    over = vgs - p["vto"]
    over = np.where(over.real > 0, over, 0.0)
    # Saturation is the linear law at its edge, where the far end of the channel is just cut off.
    return over, np.where(vds.real < over.real, vds, over)


def _law(over: Array, along: Array, p: Values) -> Array:
    tail, b = p["tail"], p["b"]
    law: Array = along * (along * (tail * along - b) + over * (2.0 * b + 3.0 * tail * (over - along)))
    return law


JFET = Jfet1(
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
    )
    for name, polarity in (("njf", 1.0), ("pjf", -1.0))
}
