"""What MOSFETs have in common, and the level 1 MOSFET (Shichman and Hodges, IEEE J. Solid-State Circuits 3, 1968)."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values, derivative
from netlearn.circuit.devices.junction import (
    CHARGE,
    band_gap,
    critical_voltage,
    exponential_less_one,
    given,
    inverse,
    junction_conductance,
    junction_potential,
    limit_junction,
    limit_transistor,
    near_on_channel,
    near_on_junction,
    stamp,
    temperatures,
    thermal_voltage,
)
from netlearn.circuit.devices.model_type import ModelType, names
from netlearn.circuit.devices.refused import refuse

NAN = float("nan")
PERMITTIVITY = 8.854214871e-12
"""Of vacuum in F/m, as ngspice's MOSFETs have it."""
SILICON = 11.7 * PERMITTIVITY
"""Silicon's permittivity in farads per metre, with SPICE's numbers."""
INTRINSIC = 1.45e16
"""Silicon's intrinsic carriers per cubic metre, as SPICE has it."""


@dataclass(frozen=True)
class Mosfet(Device):
    """A channel that conducts both ways, with bulk junctions and series resistances.

    Unknowns are drain, gate, source, bulk, and the drain and source behind ``rd`` and ``rs``.
    ``polarity`` is 1 for nmos and -1 for pmos. A value that is NaN was not given, and follows
    from the process values ``tox``, ``nsub``, ``uo``, ``nss`` and ``tpg`` where these were, as in ngspice.
    With ``sheet_d`` (``sheet_s``) not zero, the series resistance is ``rsh`` times ``nrd`` (``nrs``).

    A level of ngspice's is a subclass that says how the channel conducts forwards, that is with the
    drain above the source; the rest is the same for all.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        vt, polarity = thermal_voltage(temperature), v["polarity"].real
        phi, gamma, vto = self.process(v, nominal)
        hot_phi = junction_potential(phi, temperature, nominal)
        gap, nominal_gap = band_gap(temperature), band_gap(nominal)
        built_in = vto - polarity * gamma * np.sqrt(phi) + 0.5 * (nominal_gap - gap) + 0.5 * polarity * (hot_phi - phi)
        hotter = np.exp(nominal_gap / thermal_voltage(nominal) - gap / vt)
        density = v["js"] * hotter
        by_area = (density.real != 0) & (v["ad"].real != 0) & (v["as"].real != 0)
        shared = {
            "vt": vt,
            "polarity": polarity,
            "phi": hot_phi,
            "gamma": gamma,
            "built_in": built_in * polarity,
            "drain_saturation": v["m"] * np.where(by_area, density * v["ad"], v["is"] * hotter),
            "source_saturation": v["m"] * np.where(by_area, density * v["as"], v["is"] * hotter),
            "gd": v["m"] * inverse(np.where(v["sheet_d"].real != 0, v["rsh"] * v["nrd"], v["rd"])),
            "gs": v["m"] * inverse(np.where(v["sheet_s"].real != 0, v["rsh"] * v["nrs"], v["rs"])),
            "gmin": np.asarray(environment.gmin),
        }
        return {**shared, **self.prepare_channel(v, temperature, nominal, shared)}

    def prepare_channel(self, v: Values, temperature: Array, nominal: Array, shared: Values) -> Values:
        """What the channel's law needs beside what is prepared for all levels; temperatures in kelvin."""
        raise NotImplementedError

    def forward(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> Array:
        """The current from drain to source of an n-channel device with ``vds`` >= 0."""
        raise NotImplementedError

    def forward_slopes(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> tuple[Array, Array, Array]:
        """The derivatives of ``forward`` by its three voltages."""
        return (
            derivative(lambda v: self.forward(v, vds, vbs, p), vgs),
            derivative(lambda v: self.forward(vgs, v, vbs, p), vds),
            derivative(lambda v: self.forward(vgs, vds, v, p), vbs),
        )

    def threshold(self, vds: Array, vbs: Array, p: Values) -> Array:
        """The gate voltage at which the channel begins to conduct, for ``vds`` >= 0."""
        raise NotImplementedError

    def bulk_current(self, v: Array, saturation: Array, p: Values) -> Array:
        """The current of a junction between the bulk and a diffusion."""
        reverse = v.real <= -3.0 * p["vt"].real
        forward = saturation * exponential_less_one(np.where(reverse, 0.0, v / p["vt"]))
        current: Array = np.where(reverse, -saturation, forward) + p["gmin"] * v
        return current

    def bulk_conductance(self, v: Array, saturation: Array, p: Values) -> Array:
        """The derivative of ``bulk_current`` by ``v``."""
        reverse = v.real <= -3.0 * p["vt"].real
        conductance: Array = np.where(reverse, 0.0, junction_conductance(v, p["vt"], saturation)) + p["gmin"]
        return conductance

    def intrinsic(self, nominal: Array) -> Array:
        """Silicon's intrinsic carriers per cubic metre, as the level has them."""
        return np.asarray(INTRINSIC)

    def process(self, v: Values, nominal: Array) -> tuple[Array, Array, Array]:
        """phi, gamma and vto, from process values where they were not given."""
        oxide = oxide_capacitance(v)
        doped = (oxide.real != 0) & ~np.isnan(v["nsub"])
        intrinsic = self.intrinsic(nominal)
        doping = np.where(doped, v["nsub"] * 1e6, 2.0 * intrinsic)
        refuse(
            doping.real <= intrinsic,
            "the substrate doping of its model is below silicon's own",
            "nsub is in atoms per cubic centimetre and must be above 1.45e10",
        )
        fermi = 2.0 * thermal_voltage(nominal) * np.log(doping / intrinsic)
        phi = given(v["phi"], np.where(doped, np.where(fermi.real < 0.1, 0.1, fermi), 0.6))
        polarity = v["polarity"].real
        safe_oxide = np.where(oxide.real != 0, oxide, 1.0)
        body = np.sqrt(2.0 * SILICON * CHARGE * doping) / safe_oxide
        gamma = given(v["gamma"], np.where(doped, body, 0.0))
        gap, tpg = band_gap(nominal), given(v["tpg"], 1.0)
        gate = np.where(tpg.real != 0, 3.25 + 0.5 * gap - polarity * 0.5 * tpg * gap, 3.2)
        flat_band = gate - (3.25 + 0.5 * gap + 0.5 * polarity * phi) - v["nss"] * 1e4 * CHARGE / safe_oxide
        vto = given(v["vto"], np.where(doped, flat_band + polarity * (gamma * np.sqrt(phi) + phi), 0.0))
        return phi, gamma, vto

    def residual(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vds, vbs = (sign * (x[..., t] - x[..., 5]) for t in (1, 4, 3))
        normal, gate, drop, bulk = _turned(vgs, vds, vbs)
        current = self.forward(gate, drop, bulk, p)
        drain = sign * np.where(normal, current, -current)
        to_source = sign * self.bulk_current(vbs, p["source_saturation"], p)
        to_drain = sign * self.bulk_current(vbs - vds, p["drain_saturation"], p)
        rd, rs = p["gd"] * (x[..., 0] - x[..., 4]), p["gs"] * (x[..., 2] - x[..., 5])
        return np.stack(
            np.broadcast_arrays(
                rd, 0.0 * drain, rs, to_source + to_drain, drain - to_drain - rd, -drain - to_source - rs
            ),
            axis=-1,
        )

    def jacobian(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vds, vbs = (sign * (x[..., t] - x[..., 5]) for t in (1, 4, 3))
        normal, gate, drop, bulk = _turned(vgs, vds, vbs)
        gm, gds, gmbs = self.forward_slopes(gate, drop, bulk, p)
        result = np.zeros((*x.shape, 6), np.result_type(gm, gds))
        stamp(result, (0, 4), (0, 4), p["gd"])
        stamp(result, (2, 5), (2, 5), p["gs"])
        # With drain and source exchanged, all three voltages move with the drain.
        stamp(result, (4, 5), (1, 5), np.where(normal, gm, -gm))
        stamp(result, (4, 5), (4, 5), np.where(normal, gds, gm + gds + gmbs))
        stamp(result, (4, 5), (3, 5), np.where(normal, gmbs, -gmbs))
        stamp(result, (3, 5), (3, 5), self.bulk_conductance(vbs, p["source_saturation"], p))
        stamp(result, (3, 4), (3, 4), self.bulk_conductance(vbs - vds, p["drain_saturation"], p))
        return result

    def channel_slope(self, prepared: Values) -> Array:
        none = np.zeros_like(prepared["polarity"].real, dtype=float)
        _, conductance, _ = self.forward_slopes(self.threshold(none, none, prepared) + 1.0, none, none, prepared)
        return np.asarray(prepared["polarity"].real * conductance)

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        vgs, vds, vbs = (sign * (x[..., t] - x[..., 5]) for t in (1, 4, 3))
        old_vgs, old_vds, old_vbs = (sign * (previous[..., t] - previous[..., 5]) for t in (1, 4, 3))
        _, _, old_drop, old_bulk = _turned(old_vgs, old_vds, old_vbs)
        on = self.threshold(old_drop, old_bulk, p).real
        new_vgs, new_vds = limit_transistor((vgs, old_vgs), (vds, old_vds), on)
        vt = p["vt"].real
        by_source = limit_junction(vbs, old_vbs, vt, critical_voltage(vt, p["source_saturation"])) - vbs
        vbd = vbs - vds
        by_drain = limit_junction(vbd, old_vbs - old_vds, vt, critical_voltage(vt, p["drain_saturation"])) - vbd
        new_vbs = vbs + np.where(new_vds >= 0, by_source, by_drain + (new_vds - vds))
        result = x.copy()
        for t, new, old in ((1, new_vgs, vgs), (4, new_vds, vds), (3, new_vbs, vbs)):
            result[..., t] = np.where(new == old, x[..., t], x[..., 5] + sign * new)
        return result

    def near(self, x: Array, previous: Array, prepared: Values) -> Array:
        sign, vt = prepared["polarity"].real, prepared["vt"].real
        vgs, vds, vbs = (sign * (x[..., t] - x[..., 5]) for t in (1, 4, 3))
        old_vgs, old_vds, old_vbs = (sign * (previous[..., t] - previous[..., 5]) for t in (1, 4, 3))
        channel = near_on_channel(vgs, old_vgs) & near_on_channel(vds, old_vds)
        bulk = near_on_junction(vbs, old_vbs, vt) & near_on_junction(vbs - vds, old_vbs - old_vds, vt)
        return np.asarray(channel & bulk)

    def start(self, x: Array, prepared: Values) -> Array:
        # At the threshold, with the bulk a volt in reverse, as in SPICE.
        p, sign = prepared, prepared["polarity"].real
        result, none = np.zeros_like(x), np.zeros(x.shape[:-1])
        result[..., 1] = sign * self.threshold(none, none, p).real
        result[..., 3] = -sign
        return result


def _turned(vgs: Array, vds: Array, vbs: Array) -> tuple[Array, Array, Array, Array]:
    """Whether the drain is above the source, and the gate, channel and bulk voltages seen from the lower one."""
    normal = vds.real >= 0
    return normal, np.where(normal, vgs, vgs - vds), np.where(normal, vds, -vds), np.where(normal, vbs, vbs - vds)


def oxide_capacitance(v: Values) -> Array:
    """The gate oxide's capacitance in farads per square metre, 0 where its thickness is not given."""
    capacitance: Array = 3.9 * PERMITTIVITY * inverse(given(v["tox"], 0.0))
    return capacitance


def transconductance(v: Values, otherwise: float) -> Array:
    """kp, from mobility and oxide where these were given instead."""
    oxide = oxide_capacitance(v)
    return given(v["kp"], np.where(oxide.real != 0, given(v["uo"], 600.0) * oxide * 1e-4, otherwise))


def channel_length(v: Values) -> Array:
    """The channel's length in metres without the diffusions' reach under the gate. Raises CircuitError."""
    length: Array = v["l"] - 2.0 * v["ld"]
    refuse(length.real <= 0, "its channel is not longer than its lateral diffusion", "l must be above 2 * ld")
    return length


@dataclass(frozen=True)
class Mosfet1(Mosfet):
    """Cut-off, linear and saturation regions, with a body effect and channel length modulation."""

    def prepare_channel(self, v: Values, temperature: Array, nominal: Array, shared: Values) -> Values:
        kp = transconductance(v, 2e-5)
        return {
            "beta": kp / (temperature / nominal) ** 1.5 * v["m"] * v["w"] / channel_length(v),
            "lambda": v["lambda"],
        }

    def threshold(self, vds: Array, vbs: Array, p: Values) -> Array:
        root = _body_root(vbs, p)
        linear = root - np.where(vbs.real > 0, vbs, 0.0) / (2.0 * root)
        threshold: Array = p["built_in"] + p["gamma"] * np.where(linear.real < 0, 0.0, linear)
        return threshold

    def forward(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> Array:
        over, along = self._overdrive(vgs, vds, vbs, p)
        current: Array = p["beta"] * (1.0 + p["lambda"] * vds) * along * (over - 0.5 * along)
        return current

    def forward_slopes(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> tuple[Array, Array, Array]:
        over, along = self._overdrive(vgs, vds, vbs, p)
        strength = p["beta"] * (1.0 + p["lambda"] * vds)
        gm = strength * along
        gds = strength * (over - along) + p["beta"] * p["lambda"] * along * (over - 0.5 * along)
        root = _body_root(vbs, p)
        vanished = (vbs.real > 0) & (vbs.real > 2.0 * (root * root).real)
        return gm, gds, gm * np.where(vanished, 0.0, p["gamma"] / (2.0 * root))

    def _overdrive(self, vgs: Array, vds: Array, vbs: Array, p: Values) -> tuple[Array, Array]:
        """The gate's overdrive, and the voltage along the channel, which saturates at it."""
        over = vgs - self.threshold(vds, vbs, p)
        over = np.where(over.real > 0, over, 0.0)
        # In saturation the channel's voltage is what the gate leaves: the linear law at along = over.
        return over, np.where(vds.real < over.real, vds, over)


def _body_root(vbs: Array, p: Values) -> Array:
    """The square root in the body effect's law, which goes on as a tangent for a forward bulk."""
    root: Array = np.sqrt(p["phi"] - np.where(vbs.real > 0, 0.0, vbs))
    return root


MOSFET = Mosfet1(
    "mosfet",
    ("d", "g", "s", "b", "drain", "source"),
    {
        "polarity": 1.0,
        "vto": NAN,
        "kp": NAN,
        "gamma": NAN,
        "phi": NAN,
        "lambda": 0.0,
        "rd": NAN,
        "rs": NAN,
        "rsh": 0.0,
        "sheet_d": 0.0,
        "sheet_s": 0.0,
        "nrd": 1.0,
        "nrs": 1.0,
        "is": 1e-14,
        "js": 0.0,
        "tox": NAN,
        "nsub": NAN,
        "uo": NAN,
        "nss": 0.0,
        "tpg": NAN,
        "ld": 0.0,
        "l": 1e-4,
        "w": 1e-4,
        "ad": 0.0,
        "as": 0.0,
        "m": 1.0,
        "tnom": NAN,
        "temp": NAN,
        "dtemp": 0.0,
    },
    {"drain": Internal("rd", "d", ("rsh", "nrd")), "source": Internal("rs", "s", ("rsh", "nrs"))},
    linear=False,
    reciprocal=False,
)


def _finish(values: dict[str, Any]) -> dict[str, Any]:
    """Series resistances by squares of ``rsh`` where they were not given themselves."""
    for end in ("d", "s"):
        if not math.isnan(values["r" + end]):
            continue
        resistance = values["rsh"] * values["nr" + end]
        values["r" + end] = resistance
        values["sheet_" + end] = float(resistance != 0)
    return values


def _scaled(given: Collection[str]) -> dict[str, str]:
    """Lengths times ``scale``, areas times its square."""
    sizes = {"l": "l*scale", "w": "w*scale", "ad": "ad*scale*scale", "as": "as*scale*scale"}
    return {name: expression for name, expression in sizes.items() if name in given}


MODELS = {
    name: ModelType(
        name,
        "M",
        MOSFET,
        (4,),
        names("vto=vt0 kp gamma phi lambda rd rs rsh is js tox nsub uo=u0 nss tpg ld tnom"),
        names("l w ad as nrd nrs m temp dtemp"),
        unless={"rd": "sheet_d", "rs": "sheet_s"},
        flags={"off": None},
        fixed={"polarity": polarity},
        ignored=names("cbd cbs pb cgso cgdo cgbo cj mj cjsw mjsw fc kf af nmos pmos"),
        ignored_on_element=("pd", "ps", "off", "ic", "icvds", "icvgs", "icvbs"),
        derived=_scaled,
        finish=_finish,
    )
    for name, polarity in (("nmos", 1.0), ("pmos", -1.0))
}
